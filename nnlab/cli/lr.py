"""`nnlab lr`."""

from pathlib import Path

import click

from nnlab.api.lr import FEWEST, RATES, SEEDS, range_test
from nnlab.cli import options
from nnlab.cli.terminal import print_message, print_outcome
from nnlab.config.load import Loaded, load_config
from nnlab.show.figures.plot import FigureForm, figure_files, save_figure
from nnlab.study.lr_range import Rates

KINDS = ("png", "svg", "pdf")
RATE = options.POSITIVE


@click.command
@options.config_argument
@options.number_option("--from", "low", text="The first rate.", type=RATE, default=RATES.low)
@options.number_option("--to", "high", text="The last rate.", type=RATE, default=RATES.high)
@options.number_option(
    "--updates",
    text="The number of updates of each seed; the rate rises by one factor from each to the next.",
    least=FEWEST,
    default=RATES.updates,
)
@options.number_option("--seeds", text="The number of seeds, from the config's on.", default=SEEDS)
@click.option(
    "--sweep",
    metavar="SWEEP",
    show_default="sweep-NAME-lr, if it suits",
    help="A sweep of lr with the same settings, whose final losses are drawn below the curve.",
)
@options.runs_option
@click.option(
    "-o",
    "--output",
    "figure",
    metavar="FILE",
    type=options.NamedPath(dir_okay=False, path_type=Path),
    help="Draw the curve into this file, a .png, .svg or .pdf.",
)
@options.threads_option
@options.table_options
def command(
    config: str, overrides: tuple[str, ...], low: float, high: float, updates: int, seeds: int,
    sweep: str | None, runs: Path | None, figure: Path | None, as_csv: bool, as_json: bool
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
    kind = "" if figure is None else figure.suffix.lower().removeprefix(".")
    if figure is not None and kind not in KINDS:
        raise click.UsageError(f"-o: {figure} does not end in .png, .svg or .pdf.")

    def load(*changes: tuple[str, object]) -> Loaded:
        return load_config(config, [*overrides, *changes])

    rates = Rates(low, high, updates)
    test = range_test(load, rates, seeds, sweep, runs, print_message)
    print_outcome(test, as_json, as_csv)
    if figure is not None:
        for _, data in figure_files(figure.stem, test.draw, FigureForm((kind,))):
            save_figure(figure.parent, figure.name, data)
        print_message(f"The curve is in {figure}.")
