"""`nnlab predict`."""

import math
from pathlib import Path
from typing import Any

import click

from nnlab.api.find import find_training
from nnlab.cli import options
from nnlab.cli.evaluate import default_part
from nnlab.cli.terminal import print_data, print_message, print_messages
from nnlab.core.metrics import decisions
from nnlab.core.types import FloatArray
from nnlab.experiment.measure import outputs_and_losses, sample_part, sample_rows
from nnlab.run import durable
from nnlab.run.data_facts import DataFacts
from nnlab.run.run import Run
from nnlab.show.text_tables import to_csv
from nnlab.show.words import count

Column = tuple[str, list[str]]  # its name and cells


@click.command
@options.run_argument
@click.argument("file", metavar="[FILE]", type=options.FILE, required=False)
@options.weights_option
@click.option(
    "--targets",
    is_flag=True,
    help="Also print each row's number, target and loss; without FILE for the run's own data.",
)
@click.option(
    "--part",
    type=click.Choice(options.PARTS),
    help="Which part, with --targets and no FILE; default test, else validation, else train.",
)
@click.option(
    "-o", "--output", type=options.OUTPUT, metavar="FILE", help="Write here; - is stdout."
)
@options.verbosity
def command(
    run: str, runs: Path | None, file: Path | None, weights: Any, targets: bool, part: str | None,
    output: Path | None
) -> None:  # fmt: skip
    """Compute a network's outputs for new rows.

    FILE is a CSV file with the columns of the training data (the target may be left out), or an
    NPZ file with an array x. Prints CSV: the outputs of each row and, for classes, the name of
    the predicted class. With --targets each line begins with the row's number and target and
    ends with its loss, for FILE or for the run's own data.

    \b
    nnlab predict latest new.csv
    nnlab predict latest new.npz -o outputs.csv
    nnlab predict latest --targets --part train
    """
    _refuse_options(file, targets, part)
    trained = Run(find_training(run, runs).path)
    if file is None or targets:
        columns = _compared_columns(trained, file, weights, part)
    else:
        inputs, notes = trained.schema.inputs(file)
        print_messages(notes)
        columns = _output_columns(trained.predict(inputs, weights), trained.data)
    rows = list(zip(*(cells for _, cells in columns), strict=True))
    text = to_csv([name for name, _ in columns], rows)
    if output is None or str(output) == options.STDIO:
        print_data(text)
    else:
        durable.write_file(output, text)
        print_message(f"{count(len(rows), 'row')} written to {output}")


def _refuse_options(file: Path | None, targets: bool, part: str | None) -> None:
    if part and (file or not targets):
        raise click.UsageError("--part needs --targets and no FILE.")
    if not file and not targets:
        raise click.UsageError(
            "Missing argument 'FILE'. Without one, --targets shows the run's own data."
        )


def _compared_columns(
    trained: Run, file: Path | None, weights: Any, part: str | None
) -> list[Column]:
    """Row numbers, targets, outputs and losses of a file or of a part of the run's data."""
    if file is not None:
        dataset = trained.schema.dataset(file)
        print_messages(dataset.notes)
        sample = sample_rows(trained, dataset, weights)
    else:
        sample = sample_part(trained, weights, part or default_part(trained))
    outputs, losses = outputs_and_losses(sample)
    return [
        ("row", [str(number) for number in sample.numbers + 1]),
        *_target_columns(sample.part.targets, trained.data),
        *_output_columns(outputs, trained.data),
        ("loss", list(map(str, losses))),
    ]


def _output_columns(outputs: FloatArray, data: DataFacts) -> list[Column]:
    """The outputs (N, m) with all digits, and the name of the predicted class.

    The name is empty where an output is not finite.
    """
    columns = _number_columns(outputs, data)
    if data.task == "classes":
        names = [data.class_names[label] for label in decisions(data.kind, outputs)]
        finite = [all(map(math.isfinite, row)) for row in outputs]
        cells = [name if ok else "" for name, ok in zip(names, finite, strict=True)]
        columns.append(("predicted", cells))
    return columns


def _target_columns(targets: FloatArray, data: DataFacts) -> list[Column]:
    """The name of the true class, or the targets (N, m)."""
    if data.task == "classes":
        labels = targets.argmax(axis=1) if targets.shape[1] > 1 else targets[:, 0] > 0.5
        return [("target", [data.class_names[int(label)] for label in labels])]
    columns = _number_columns(targets, data)
    if len(columns) == 1:
        return [("target", columns[0][1])]
    return [(f"target_{name}", cells) for name, cells in columns]


def _number_columns(values: FloatArray, data: DataFacts) -> list[Column]:
    """The values (N, m) in columns named by classes or targets, else output_0, output_1, ..."""
    width = values.shape[1]
    names = list(data.class_names if data.task == "classes" else data.target_names)
    if width != len(names):
        names = [f"output_{i}" for i in range(width)]
        if data.task == "classes" and width == 1:  # two classes: the probability of the second
            names = [f"p({data.class_names[1]})"]
    # str of a NumPy number has the fewest digits that identify it.
    return [(name, list(map(str, values[:, i]))) for i, name in enumerate(names)]
