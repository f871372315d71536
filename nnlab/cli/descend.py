"""`nnlab descend`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nnlab.cli.options import (
    json_option,
    plots_option,
    race_argument,
    runs_option,
    verbosity,
)
from nnlab.cli.terminal import tell, tell_json
from nnlab.errors import Diverged

if TYPE_CHECKING:
    from nnlab.race.run import Result


@click.command
@race_argument
@runs_option
@click.option("--name", metavar="NAME", help="The run's name; default: the config's.")
@plots_option
@json_option
@verbosity
def command(
    config: str,
    overrides: tuple[str, ...],
    runs: Path | None,
    name: str | None,
    plots: bool,
    as_json: bool,
) -> None:
    """Let optimizers race on a function.

    CONFIG names a function of two numbers, a start, and the runs: an optimizer, a schedule and a
    number of steps each. Writes a run folder with every step in paths.csv and a figure of all
    paths; prints where each run ended, and the known minimum nearest to it. --set lr, momentum
    and steps change all runs, runs.0.optimizer.lr the first. Exit code 4 if all runs diverged.

    \b
    nnlab descend landscape
    nnlab descend landscape --set function=himmelblau
    """
    from nnlab.race.reader import load_race
    from nnlab.race.run import descend
    from nnlab.run.names import runs_folder

    loaded = load_race(config, overrides)
    result = descend(loaded, runs_folder(runs), name=name)
    if plots:
        from nnlab.cli.follow import say_drawn
        from nnlab.race.figure import FIGURES
        from nnlab.show.figures.plot import draw_each

        say_drawn(draw_each(FIGURES, result.folder))
    if as_json:
        tell_json({"folder": str(result.folder.path), "status": result.status, **result.summary})
    else:
        tell(report(result))
    raise_if_diverged(result)


def report(result: "Result") -> str:
    """A table row per run, the time, and the path of the folder."""
    from nnlab.cli.table import duration, records
    from nnlab.race.config import LANDSCAPE
    from nnlab.race.folder import ends

    name = LANDSCAPE.name_of(result.race.function)
    steps = sum(len(run.stops) - 1 for run in result.descents)
    return (
        f"{name}, {lowest(result.summary['lowest'])}\n\n"
        f"{records(ends(result.summary))}\n\n"
        f"{steps:,} steps in {duration(result.seconds)}, saved in\n{result.folder.path}"
    )


def lowest(value: float | None) -> str:
    """The lowest value in words."""
    return "which has no minimum" if value is None else f"whose lowest value is {value:.4g}"


def raise_if_diverged(result: "Result") -> None:
    """Raise Diverged if all runs diverged."""
    if result.status != "diverged":
        return
    first = min(run.diverged or 0 for run in result.descents)
    every = "All runs diverged" if len(result.descents) > 1 else "The run diverged"
    raise Diverged(
        f"{every}, the first at step {first:,}: a number is not finite. The steps before are kept "
        f"in {result.folder.path / 'paths.csv'}. Try a smaller lr: --set lr=..."
    )
