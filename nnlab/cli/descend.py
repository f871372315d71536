"""`nnlab descend`."""

from functools import partial
from pathlib import Path

import click

from nnlab.api.descend import DescendedRace
from nnlab.cli.options import config_argument, json_option, name_option, plots_option, runs_option
from nnlab.cli.terminal import print_outcome
from nnlab.cli.training_output import print_drawn
from nnlab.errors import Diverged
from nnlab.race.config import load_race
from nnlab.race.figure import FIGURES
from nnlab.race.run import run_race
from nnlab.run.names import runs_folder
from nnlab.show.figures.plot import draw_each


@click.command
@partial(config_argument, example="steps=50 or runs.0.optimizer.lr=0.1", has_seed=False)
@runs_option
@name_option
@plots_option
@json_option
def command(
    config: str, overrides: tuple[str, ...], runs: Path | None, name: str | None, plots: bool,
    as_json: bool
) -> None:  # fmt: skip
    """Let optimizers race on a function.

    CONFIG names a function of two numbers, a start, and the runs: an optimizer, a schedule and a
    number of steps each. Writes a run folder with every step in paths.csv and a figure of all
    paths; prints where each run ended, and the known minimum nearest to it. --set lr, momentum
    and steps change all runs, runs.0.optimizer.lr the first. Exit code 4 if all runs diverged.

    \b
    nnlab descend landscape
    nnlab descend landscape --set 'start=[-3, 4]'
    """
    loaded = load_race(config, overrides)
    result = run_race(loaded, runs_folder(runs), name=name)
    if plots:
        print_drawn(draw_each(FIGURES, result.folder))
    race = DescendedRace(result)
    print_outcome(race, as_json)
    if result.status == "diverged":
        first = min(run.diverged or 0 for run in result.descents)
        runs_that = "All runs" if len(result.descents) > 1 else "The run"
        raise Diverged(
            f"{runs_that} diverged, the first at step {first:,}: a number is not finite. The steps "
            f"before are in {result.folder.path / 'paths.csv'}. Try a smaller lr: --set lr=..."
        )
