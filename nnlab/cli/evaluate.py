"""`nnlab evaluate`."""

from pathlib import Path
from typing import Any

import click

from nnlab.cli import options
from nnlab.cli.tables import format_records, format_table
from nnlab.cli.terminal import print_json, print_messages, print_result
from nnlab.core.metrics import METRICS
from nnlab.experiment.measure import evaluate, measure, sample_rows
from nnlab.run.run import Run

MOST_CLASSES = 20  # of which tables are printed


@click.command
@options.run_argument
@options.weights_option
@click.option(
    "--part",
    type=click.Choice(options.PARTS),
    help="Which part of the run's data; default test, else validation, else train.",
)
@click.option(
    "--data",
    type=options.NamedPath(dir_okay=False),
    metavar="PART|FILE",
    help="A part, as --part; or other data: a CSV or NPZ file with inputs and targets.",
)
@options.json_option
@options.verbosity
def command(
    run: str, runs: Path | None, weights: Any, part: str | None, data: str | None, as_json: bool
) -> None:
    """Measure a trained network on data.

    Prints loss, metrics and scores and, for up to 20 classes, precision, recall and F1 of each
    class, their averages, and the confusion matrix. Refuses data that has changed since the run
    was made.

    \b
    nnlab evaluate latest
    nnlab evaluate latest --weights best --part validation
    nnlab evaluate latest --data new.csv
    """
    if part is not None and data is not None:
        raise click.UsageError("--part and --data exclude each other.")
    trained = Run(options.find_training(run, runs).path)
    if data in options.PARTS:  # a file of such a name can be given as ./train
        part, data = data, None
    if data is not None:
        part = str(Path(data))
        dataset = trained.schema.dataset(Path(data))
        print_messages(dataset.notes)
        measures = measure(sample_rows(trained, dataset, weights))
    else:
        part = part or default_part(trained)
        measures = evaluate(trained, weights, part)
    if as_json:
        folder = str(trained.folder.path)
        print_json({"run": folder, "weights": weights, "part": part, **measures})
    else:
        print_result(f"{trained.folder.name}, {weights} weights, {part}\n")
        print_result(_tables(measures))


def default_part(trained: Run) -> str:
    """The test part if there is one, else the validation part, else the training part."""
    rows = trained.data.rows
    return next(name for name in reversed(options.PARTS) if getattr(rows, name) is not None)


def _tables(measures: dict[str, Any]) -> str:
    """The numbers, the scores, the classes and the confusion matrix, with empty lines between."""
    numbers = {key: v for key, v in measures.items() if not isinstance(v, list | dict | None)}
    tables = [format_records([numbers])]
    if scores := [(METRICS[name].label, value) for name, value in measures["scores"].items()]:
        tables.append(format_table(("score", "value"), scores))
    classes = measures.get("classes")
    if classes and len(classes) <= MOST_CLASSES:
        tables += _class_tables(classes, measures["averages"], measures["confusion"])
    return "\n\n".join(tables)


def _class_tables(
    classes: list[dict[str, Any]], averages: dict[str, Any], confusion: list[list[int]]
) -> list[str]:
    """Each class and the averages over them, and the confusion matrix."""
    shares = ("precision", "recall", "f1")  # with four decimals in every row
    means = [{"class": f"{name} mean", **row} for name, row in averages.items()]
    rounded = [
        {**row, **{name: f"{row[name]:.4f}" for name in shares}} for row in [*classes, *means]
    ]
    names = [row["class"] for row in classes]
    rows = [[name, *counts] for name, counts in zip(names, confusion, strict=True)]
    return [format_records(rounded), format_table(["true \\ predicted", *names], rows)]
