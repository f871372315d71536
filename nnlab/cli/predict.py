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
    from nnlab.core.types import FloatArray


@click.command
@run_argument
@click.argument("file", metavar="FILE", type=FILE)
@weights_option
@click.option("-o", "--output", type=OUTPUT, metavar="FILE", help="Write here; - is stdout.")
@verbosity
def command(run: str, runs: Path | None, file: Path, weights: Any, output: Path | None) -> None:
    """Compute a network's outputs for new rows.

    FILE is a CSV file with the columns of the training data (the target may be left out), or an
    NPZ file with an array x. Prints CSV: the outputs of each row and, for classes, the name of
    the predicted one.

    \b
    nnlab predict latest new.csv
    nnlab predict latest new.npz -o outputs.csv
    """
    from nnlab.run import durable
    from nnlab.saved import Saved

    saved = Saved(find_training(run, runs))
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


def as_csv(outputs: "FloatArray", data: dict[str, Any]) -> str:
    """A header, then a line for each row of outputs (N, m), all digits of a number kept.

    The name of the predicted class comes last; it is empty where an output is no number.
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
        for line, label, known in zip(lines, decided, finite, strict=True):
            line.append(data["class_names"][label] if known else "")
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([header, *lines])
    return buffer.getvalue()


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
