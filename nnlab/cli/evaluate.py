"""`nnlab evaluate`."""

from pathlib import Path
from typing import Any

import click

from nnlab.api.evaluate import evaluate
from nnlab.api.find import find_trained
from nnlab.cli import options
from nnlab.cli.terminal import print_messages, print_outcome


@click.command
@options.run_argument
@options.weights_option
@options.part_option
@click.option(
    "--data",
    type=options.InputPath(".csv", path_type=str),
    metavar="FILE",
    help="Other data: a CSV or NPZ file with inputs and targets, or a folder of images with a "
    "folder per class; - is stdin.",
)
@options.json_option
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
    if data in options.PARTS:  # a file of such a name can be given as ./train
        options.prefer(f"--part {data}", f"--data {data}")
        part, data = data, None
    evaluation = evaluate(find_trained(run, runs), data, part=part, weights=weights)
    print_messages(evaluation.notes)
    print_outcome(evaluation, as_json)
