"""`nnlab verify`."""

from pathlib import Path
from typing import Any

import click

from nnlab.api.find import find_run
from nnlab.api.verify import verify
from nnlab.cli import options
from nnlab.cli.terminal import NORMAL, VERBOSE, print_json, print_message, print_result
from nnlab.errors import CheckFailed


@click.command
@options.run_argument
@click.option(
    "--replay",
    type=click.Choice(("start", "checkpoint", "none")),
    default="start",
    metavar="NAME",
    show_default=True,
    help="Train again from the start, from the older checkpoint, or none of it.",
)
@options.number_option("--epochs", text="Train at most N epochs again.", least=0)
@options.threads_option
@options.json_option
def command(run: str, runs: Path | None, replay: str, epochs: int | None, as_json: bool) -> None:
    """Train a run again and compare the bits.

    Reads every file and compares them with each other; then trains again and compares every
    epoch's row, and the SHA-256 of the weights, bit for bit. Writes nothing. Exit code 6 if a
    file cannot be read, 9 if something differs. Another machine or another NumPy rounds
    differently: such differences are printed first. A race of `nnlab descend` is run again in
    full.

    \b
    nnlab verify latest
    nnlab verify latest --replay none
    nnlab verify latest --epochs 5
    """

    def see(text: str, is_finding: bool) -> None:
        print_message(text, VERBOSE if is_finding else NORMAL)

    origin: Any = None if replay == "none" else replay
    verification = verify(find_run(run, runs).path, replay=origin, epochs=epochs, see=see)
    if as_json:
        print_json(verification.to_dict())
    elif verification.good:
        print_result(str(verification))
    if not verification.good:
        raise CheckFailed(str(verification))
