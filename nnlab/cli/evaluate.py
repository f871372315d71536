"""`nnlab evaluate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nnlab.cli.options import (
    Named,
    find_training,
    json_option,
    run_argument,
    verbosity,
    weights_option,
)
from nnlab.cli.terminal import say, tell, tell_json

if TYPE_CHECKING:
    from nnlab.run.run import Run

MOST_CLASSES = 20  # of which the tables are still read by anyone
PARTS = ("train", "validation", "test")


@click.command
@run_argument
@weights_option
@click.option(
    "--part",
    type=click.Choice(PARTS),
    help="Which part of the run's data; default test, else validation, else train.",
)
@click.option(
    "--data",
    type=Named(dir_okay=False),
    metavar="PART|FILE",
    help="A part, as --part; or other data: a CSV or NPZ file with inputs and targets.",
)
@json_option
@verbosity
def command(
    run: str, runs: Path | None, weights: str, part: str | None, data: str | None, as_json: bool
) -> None:
    """Measure a trained network on data.

    Prints loss and metrics and, for up to 20 classes, precision, recall and F1 of each class and
    the confusion matrix. The data must be what it was when the run was made.

    \b
    nnlab evaluate latest
    nnlab evaluate latest --weights best --part validation
    nnlab evaluate latest --data new.csv
    """
    from nnlab.experiment.measure import evaluate
    from nnlab.run.run import Run

    if part is not None and data is not None:
        raise click.UsageError("--part and --data exclude each other.")
    saved = Run(find_training(run, runs).path)
    if data in PARTS:  # a file of such a name can be given as ./train
        part, data = data, None
    if data is not None:
        part = str(Path(data))
        found = on_file(saved, Path(data), weights)
    else:
        part = part or default_part(saved)
        found = evaluate(saved, weights, part)  # type: ignore[arg-type]  # click checked it
    if as_json:
        tell_json({"run": str(saved.folder.path), "weights": weights, "part": part, **found})
    else:
        tell(report(f"{saved.folder.name}, {weights} weights, {part}", found))


def default_part(saved: "Run") -> str:
    """The part that says most: one that was kept out of training, if there is any."""
    rows = saved.data["rows"]
    return next(name for name in ("test", "validation", "train") if rows[name] is not None)


def on_file(saved: "Run", path: Path, weights: Any) -> dict[str, Any]:
    """The same numbers on the rows of a file."""
    from nnlab.experiment.measure import evaluate_rows

    dataset = saved.schema.dataset(path)
    for note in dataset.notes:
        say(note)
    return evaluate_rows(saved, dataset, weights)


def report(title: str, found: dict[str, Any]) -> str:
    """All tables, with an empty line between two."""
    from nnlab.cli.table import records, table

    numbers = {key: value for key, value in found.items() if not isinstance(value, list | None)}
    texts = [title, records([numbers])]
    classes = found.get("classes")
    if classes and len(classes) <= MOST_CLASSES:
        texts.append(records([{**row, **rounded(row)} for row in classes]))
        names = [row["class"] for row in classes]
        rows = [[name, *counts] for name, counts in zip(names, found["confusion"], strict=True)]
        texts.append(table(["true \\ predicted", *names], rows))
    return "\n\n".join(texts)


def rounded(row: dict[str, Any]) -> dict[str, str]:
    """Shares of 1 with four decimals, whatever stands beside them."""
    return {name: f"{row[name]:.4f}" for name in ("precision", "recall", "f1")}
