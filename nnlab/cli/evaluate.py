"""`nnlab evaluate`."""

from pathlib import Path
from typing import Any

import click

from nnlab.api.find import find_training
from nnlab.cli import options
from nnlab.cli.terminal import print_json, print_messages, print_result
from nnlab.experiment.measure import evaluate_part, measure, sample_rows
from nnlab.run.run import Run
from nnlab.show.text_tables import format_records, format_table

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

    Prints loss and metrics and, for up to 20 classes, precision, recall and F1 of each class and
    the confusion matrix. Refuses data that has changed since the run was made.

    \b
    nnlab evaluate latest
    nnlab evaluate latest --weights best --part validation
    nnlab evaluate latest --data new.csv
    """
    if part is not None and data is not None:
        raise click.UsageError("--part and --data exclude each other.")
    trained = Run(find_training(run, runs).path)
    if data in options.PARTS:  # a file of such a name can be given as ./train
        part, data = data, None
    if data is not None:
        part = str(Path(data))
        dataset = trained.schema.dataset(Path(data))
        print_messages(dataset.notes)
        measures = measure(sample_rows(trained, dataset, weights))
    else:
        part = part or default_part(trained)
        measures = evaluate_part(trained, weights, part)
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
    """The numbers, the classes and the confusion matrix, with empty lines between."""
    numbers = {key: value for key, value in measures.items() if not isinstance(value, list | None)}
    tables = [format_records([numbers])]
    classes = measures.get("classes")
    if classes and len(classes) <= MOST_CLASSES:
        shares = ("precision", "recall", "f1")  # with four decimals in every row
        rounded = [{**row, **{name: f"{row[name]:.4f}" for name in shares}} for row in classes]
        names = [row["class"] for row in classes]
        rows = [[name, *counts] for name, counts in zip(names, measures["confusion"], strict=True)]
        tables += [format_records(rounded), format_table(["true \\ predicted", *names], rows)]
    return "\n\n".join(tables)
