"""`nnlab predict`."""

from pathlib import Path
from typing import Any

import click

from nnlab.api.find import find_training
from nnlab.api.predict import predict
from nnlab.cli import options
from nnlab.cli.terminal import print_data, print_message, print_messages
from nnlab.run import durable
from nnlab.run.run import Run
from nnlab.show.words import count


@click.command
@options.run_argument
@click.argument("file", metavar="[FILE]", type=options.ROWS, required=False)
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

    FILE (- is stdin) is a CSV file with the columns of the training data (the target may be left
    out), or an NPZ file with an array x; for a network of images also a PNG or JPEG file, or a
    folder of them. Prints CSV: the outputs of each row and, for classes, the name of the predicted
    class. With --targets each line begins with the row's number and target and ends with its loss,
    for FILE or for the run's own data.

    \b
    nnlab predict latest new.csv
    nnlab predict latest new.npz -o outputs.csv
    head -5 new.csv | nnlab predict latest -
    nnlab predict latest photo.jpg
    nnlab predict latest --targets --part train
    """
    _refuse_options(file, targets, part)
    trained = Run(find_training(run, runs).path)
    predictions = predict(trained, file, targets=targets, part=part, weights=weights)
    print_messages(predictions.notes)
    text = predictions.to_csv()
    if output is None or str(output) == options.STDIO:
        print_data(text)
    else:
        durable.write_file(output, text)
        print_message(f"{count(len(predictions), 'row')} written to {output}")


def _refuse_options(file: Path | None, targets: bool, part: str | None) -> None:
    if part and (file or not targets):
        raise click.UsageError("--part needs --targets and no FILE.")
    if not file and not targets:
        raise click.UsageError(
            "Missing argument 'FILE'. Without one, --targets shows the run's own data."
        )
