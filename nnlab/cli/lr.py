"""`nnlab lr`."""

from pathlib import Path

import click

from nnlab.api.lr import FEWEST, HIGH, LOW, SEEDS, UPDATES, range_test
from nnlab.cli import options
from nnlab.cli.terminal import print_data, print_message, print_outcome
from nnlab.config.load import Loaded, load_config
from nnlab.show.figures.plot import FigureForm, figure_files, save_figure

KINDS = ("png", "svg", "pdf")
RATE = options.NumberRange(min=0, min_open=True)


@click.command
@options.config_argument
@click.option(
    "--from", "low", type=RATE, default=LOW, show_default=True, metavar="X", help="The first rate."
)
@click.option(
    "--to", "high", type=RATE, default=HIGH, show_default=True, metavar="X", help="The last rate."
)
@click.option(
    "--updates",
    type=click.IntRange(min=FEWEST),
    default=UPDATES,
    show_default=True,
    metavar="N",
    help="How many updates each seed gets; from each to the next the rate rises by one factor.",
)
@click.option(
    "--seeds",
    type=options.WHOLE,
    default=SEEDS,
    show_default=True,
    metavar="N",
    help="How many seeds: s, s+1, ... s+N-1; s is the config's.",
)
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
    config: str,
    overrides: tuple[str, ...],
    low: float,
    high: float,
    updates: int,
    seeds: int,
    sweep: str | None,
    runs: Path | None,
    output: Path | None,
    as_csv: bool,
    as_json: bool,
) -> None:
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

    test = range_test(load, low, high, updates, seeds, sweep, runs, print_message)
    if as_csv:
        print_data(test.to_csv())
    else:
        print_outcome(test, as_json)
    if output is not None:
        for _, data in figure_files(output.stem, test.draw, FigureForm((kind,))):
            save_figure(output.parent, output.name, data)
        print_message(f"The curve is in {output}.")
