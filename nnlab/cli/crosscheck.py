"""`nnlab crosscheck`."""

import click

from nnlab.api.crosscheck import FLOAT64, check_against
from nnlab.cli import options
from nnlab.cli.progress import watch_training
from nnlab.cli.terminal import print_json, print_message, print_messages, print_result
from nnlab.config.load import load_config
from nnlab.errors import CheckFailed, Diverged
from nnlab.peers.side_by_side import DEFAULT_TOLERANCE, PEERS, require_library


@click.command
@options.config_argument
@click.option(
    "--against", type=click.Choice(tuple(PEERS)), required=True, help="The other library."
)
@options.number_option("--epochs", text="Short for --set epochs=N.", least=0)
@click.option(
    "--tolerance",
    type=options.NumberRange(min=0),
    default=DEFAULT_TOLERANCE,
    show_default=True,
    metavar="X",
    help="The largest difference, as a part of the largest weight and loss.",
)
@options.threads_option
@options.json_option
def command(
    config: str,
    overrides: tuple[str, ...],
    against: str,
    epochs: int | None,
    tolerance: float,
    as_json: bool,
) -> None:
    """Train CONFIG in another library too, and compare.

    nnlab and PyTorch or scikit-learn train the same network side by side, in float64, with the same
    initial weights, batches and learning rates. After each epoch the losses and all weights are
    compared. Exit code 9 if they differ by more than the tolerance, unless rounding explains it:
    then the comparison ends there, and the last sentence says so. Writes no run folder.
    docs/crosscheck.md has the results for all shipped configs. --against torch needs pip install
    'nnlab[torch]'.

    \b
    nnlab crosscheck identity8 --against torch --epochs 1000
    nnlab crosscheck digits_binary --against sklearn
    """
    require_library(against)
    shortened = () if epochs is None else (f"epochs={epochs}",)
    loaded = load_config(config, [*overrides, *shortened, "=".join(FLOAT64)])
    print_messages(loaded.notes)
    check = check_against(loaded.config, against, tolerance, print_message, watch_training)
    if as_json:
        print_json(check.to_dict())
    else:
        print_result(str(check) if check.agrees else check.shown_rows)
    if not check.agrees:
        raise CheckFailed(check.sentence)
    if check.ended:
        raise Diverged(check.ended)
