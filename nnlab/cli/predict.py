"""`nnlab predict`."""

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nnlab.cli.options import (
    FILE,
    OUTPUT,
    STDIO,
    find_training,
    run_argument,
    verbosity,
    weights_option,
)
from nnlab.cli.terminal import say, tell_data

if TYPE_CHECKING:
    from nnlab.core.types import FloatArray, IntArray
    from nnlab.experiment.measure import Answers
    from nnlab.run.run import Run

PARTS = ("train", "validation", "test")


@click.command
@run_argument
@click.argument("file", metavar="[FILE]", type=FILE, required=False)
@weights_option
@click.option(
    "--targets",
    is_flag=True,
    help="Also each row's number, target and loss; without FILE for the run's own data.",
)
@click.option(
    "--part",
    type=click.Choice(PARTS),
    help="Which part, with --targets and no FILE; default test, else validation, else train.",
)
@click.option("-o", "--output", type=OUTPUT, metavar="FILE", help="Write here; - is stdout.")
@verbosity
def command(
    run: str,
    runs: Path | None,
    file: Path | None,
    weights: Any,
    targets: bool,
    part: str | None,
    output: Path | None,
) -> None:
    """Compute a network's outputs for new rows.

    FILE is a CSV file with the columns of the training data (the target may be left out), or an
    NPZ file with an array x. Prints CSV: the outputs of each row and, for classes, the name of
    the predicted one. With --targets each line begins with the row's number and its target and
    ends with its loss: truth and prediction side by side, for FILE or for the run's own data.

    \b
    nnlab predict latest new.csv
    nnlab predict latest new.npz -o outputs.csv
    nnlab predict latest --targets --part train
    """
    from nnlab.run import durable
    from nnlab.run.run import Run

    if part is not None and (file is not None or not targets):
        raise click.UsageError("--part needs --targets and no FILE.")
    if file is None and not targets:
        raise click.UsageError(
            "Missing argument 'FILE'. Without one, --targets shows the run's own data."
        )
    saved = Run(find_training(run, runs).path)
    if file is None or targets:
        answers, numbers = compared(saved, file, weights, part)
        outputs = answers.outputs
        text = as_csv(outputs, saved.data, (answers, numbers))
    else:
        rows, notes = saved.schema.inputs(file)
        for note in notes:
            say(note)
        outputs = saved.predict(rows, weights)
        text = as_csv(outputs, saved.data)
    if output is None or str(output) == STDIO:
        tell_data(text)
    else:
        durable.write(output, text)
        say(f"{len(outputs):,} rows written to {output}")


def compared(
    saved: "Run", file: Path | None, weights: Any, part: str | None
) -> tuple["Answers", "IntArray"]:
    """Targets, outputs and losses of a file or of a part of the run's data, and row numbers."""
    from nnlab.cli.evaluate import default_part
    from nnlab.experiment.measure import answered, part_of, rows_of

    if file is not None:
        dataset = saved.schema.dataset(file)
        for note in dataset.notes:
            say(note)
        sample = rows_of(saved, dataset, weights)
    else:
        sample = part_of(saved, weights, part or default_part(saved))
    return answered(sample), sample.numbers


def as_csv(
    outputs: "FloatArray",
    data: dict[str, Any],
    known: "tuple[Answers, IntArray] | None" = None,
) -> str:
    """A header, then a line for each row of outputs (N, m), all digits of a number kept.

    The name of the predicted class comes last; it is empty where an output is no number. `known`:
    the targets and losses of the rows, and their numbers from 0.
    """
    import numpy as np

    from nnlab.core.metrics import decisions

    # str of a NumPy number has just the digits that tell it from its neighbours.
    lines = [list(map(str, row)) for row in outputs]
    header = column_names(outputs.shape[1], data)
    if data["task"] == "classes":
        header.append("predicted")
        finite = [bool(np.isfinite(row).all()) for row in outputs]
        decided = decisions(data["kind"], outputs)
        for line, label, valid in zip(lines, decided, finite, strict=True):
            line.append(data["class_names"][label] if valid else "")
    if known is not None:
        header, lines = with_targets(header, lines, data, *known)
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([header, *lines])
    return buffer.getvalue()


def with_targets(
    header: list[str],
    lines: list[list[str]],
    data: dict[str, Any],
    answers: "Answers",
    numbers: "IntArray",
) -> tuple[list[str], list[list[str]]]:
    """The same table with the row's number from 1 and its target before it, its loss behind."""
    t = answers.targets
    if data["task"] == "classes":
        labels = t.argmax(axis=1) if t.shape[1] > 1 else (t[:, 0] > 0.5).astype(int)
        names, targets = ["target"], [[data["class_names"][label]] for label in labels]
    else:
        columns = column_names(t.shape[1], data)
        names = ["target"] if len(columns) == 1 else [f"target_{name}" for name in columns]
        targets = [list(map(str, row)) for row in t]
    whole = zip(numbers + 1, targets, lines, answers.losses, strict=True)
    body = [[str(number), *target, *line, str(loss)] for number, target, line, loss in whole]
    return ["row", *names, *header, "loss"], body


def column_names(width: int, data: dict[str, Any]) -> list[str]:
    """The classes, the targets, or output_0, output_1, ...; one output for two classes is p."""
    if data["task"] == "classes":
        if width == len(data["class_names"]):
            return list(data["class_names"])
        return [f"p({data['class_names'][1]})"] if width == 1 else numbered(width)
    return list(data["target_names"]) if len(data["target_names"]) == width else numbered(width)


def numbered(width: int) -> list[str]:
    """Names for outputs that have none."""
    return [f"output_{i}" for i in range(width)]
