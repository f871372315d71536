"""`nnlab lr`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from nnlab.api.lr import FEWEST, RATES, SEEDS, range_test
from nnlab.cli import options
from nnlab.cli.options import F
from nnlab.cli.terminal import print_data, print_message, print_outcome
from nnlab.config.load import Loaded, load_config
from nnlab.show.figures.plot import FigureForm, figure_files, save_figure
from nnlab.study.lr_range import Rates

KINDS = ("png", "svg", "pdf")
RATE = options.NumberRange(min=0, min_open=True)


def _number(name: str, variable: str, kind: Any, default: float, text: str) -> Callable[[F], F]:
    """An option that shows its default."""
    return click.option(
        name, variable, type=kind, default=default, show_default=True, metavar="N", help=text
    )


@click.command
@options.config_argument
@_number("--from", "low", RATE, RATES.low, "The first rate.")
@_number("--to", "high", RATE, RATES.high, "The last rate.")
@_number(
    *("--updates", "updates", click.IntRange(min=FEWEST), RATES.updates),
    "How many updates each seed gets; from each to the next the rate rises by one factor.",
)
@_number("--seeds", "seeds", options.WHOLE, SEEDS, "How many seeds, from the config's on.")
@click.option(
    "--sweep",
    metavar="SWEEP",
    help="A sweep of lr with the same settings, whose final losses are laid over the curve; "
    "default: sweep-NAME-lr, if it suits.",
)
@options.runs_option
@options.output_option(options.FILE, "FILE", "Draw the curve: a .png, .svg or .pdf file.")
@options.table_options
@options.threads_option
@options.verbosity
def command(
    config: str, overrides: tuple[str, ...], low: float, high: float, updates: int, seeds: int,
    sweep: str | None, runs: Path | None, output: Path | None, as_csv: bool, as_json: bool
) -> None:  # fmt: skip
    """Look for a good learning rate in a few updates.

    Trains the network of CONFIG for some updates while the rate rises, from a rate that is too low
    to one that is too high, and prints where the smoothed loss falls most (steepest fall), the
    middle of its longest fall (valley), where it is lowest, and where half of the fall is lost
    again (edge of divergence). The schedule of CONFIG is put aside. Loss and quartiles are over the
    seeds. Writes no run folder.

    A whole training tells more: nnlab sweep lr=logspace(-4,1,11) CONFIG, then nnlab lr CONFIG
    shows both. --csv and --json print the losses of all updates.

    \b
    nnlab lr xor
    nnlab lr digits_binary --from 1e-4 --to 1 -o lr.png
    """
    kind = "" if output is None else output.suffix.lower().removeprefix(".")
    if output is not None and kind not in KINDS:
        raise click.UsageError(f"-o: {output} does not end in .png, .svg or .pdf.")

    def load(*changes: tuple[str, object]) -> Loaded:
        return load_config(config, [*overrides, *changes])

    rates = Rates(low, high, updates)
    test = range_test(load, rates, seeds, sweep, runs, print_message)
    if as_csv:
        print_data(test.to_csv())
    else:
        print_outcome(test, as_json)
    if output is not None:
        for _, data in figure_files(output.stem, test.draw, FigureForm((kind,))):
            save_figure(output.parent, output.name, data)
        print_message(f"The curve is in {output}.")
