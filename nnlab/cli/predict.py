"""`nnlab predict`."""

from pathlib import Path
from typing import Any

import click

from nnlab.api.find import find_trained
from nnlab.api.predict import predict
from nnlab.cli import options
from nnlab.cli.terminal import STDIO, print_data, print_json, print_message, print_messages
from nnlab.run import durable
from nnlab.show.words import count


@click.command
@options.run_argument
@click.argument("file", metavar="[FILE]", type=options.ROWS, required=False)
@options.weights_option
@click.option(
    "--targets",
    is_flag=True,
    help="Also print each row's number, target and loss; without FILE of the run's own data.",
)
@options.part_option
@options.output_option("Where to write the rows", "stdout")
@options.json_option
def command(
    run: str, runs: Path | None, file: Path | None, weights: Any, targets: bool, part: str | None,
    output: Path | None, as_json: bool
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
    trained = find_trained(run, runs)
    predictions = predict(trained, file, targets=targets, part=part, weights=weights)
    print_messages(predictions.notes)
    if output is not None and str(output) != STDIO:
        durable.write_file(output, predictions.to_csv())
        print_message(f"{count(len(predictions), 'row')} written to {output}")
    elif not as_json:
        print_data(predictions.to_csv())
    if as_json:
        print_json(predictions.to_dict())


def _refuse_options(file: Path | None, targets: bool, part: str | None) -> None:
    if part and (file or not targets):
        raise click.UsageError("--part needs --targets and no FILE.")
    if not file and not targets:
        raise click.UsageError(
            "Missing argument 'FILE'. Without one, --targets shows the run's own data."
        )
