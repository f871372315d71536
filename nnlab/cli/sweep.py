"""`nnlab sweep`."""

import re
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import click

from nnlab.cli.machines import cluster, cluster_options
from nnlab.cli.options import (
    complete_config,
    json_option,
    plots_option,
    runs_option,
    set_option,
    use_threads,
    verbosity,
)
from nnlab.cli.terminal import VERBOSE, say, tell, tell_json
from nnlab.errors import Interrupted, SweepFailed

if TYPE_CHECKING:
    from nnlab.run.sweeps import SweepFolder, TrialRecord
    from nnlab.study.executors import Executor
    from nnlab.study.plan import Progress, Sweep
    from nnlab.study.trial import Trial

    SizeType = click.ParamType[int]
else:
    SizeType = click.ParamType  # it takes no parameter in click before 8.4

STALE_SHOWN = 5  # trials on other data that are named
UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}


class Size(SizeType):
    """Bytes: 500M, 2G, 1.5GB."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number of bytes."""
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmg]?)b?", str(value).strip().lower())
        if found is None or not (size := int(float(found[1]) * UNITS[found[2]])):
            self.fail(f"'{value}' is not a size; write 500M or 2G.", param, ctx)
        return size


@click.command
@click.argument("axes", metavar="AXIS...", nargs=-1)
@click.option(
    "-c",
    "--config",
    default="identity8",
    show_default=True,
    metavar="CONFIG",
    help="The experiment to vary.",
    shell_complete=complete_config,
)
@click.option(
    "--seeds",
    type=click.IntRange(min=1),
    default=1,
    metavar="N",
    help="Repeat every cell with the seeds s, s+1, ... s+N-1; s is the config's.",
)
@click.option(
    "--random",
    "sample",
    type=click.IntRange(min=1),
    metavar="N",
    help="Only N cells of the grid, drawn at random.",
)
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Processes at a time; default: one a core, where that pays.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="End a trial that takes longer.",
)
@click.option(
    "--memory",
    type=Size(),
    metavar="SIZE",
    help="End a trial that takes more beyond the program itself: 500M, 2G. The compiled engine "
    "takes 200M.",
)
@cluster_options
@set_option("Override a setting for all trials; may be repeated.")
@runs_option
@click.option("--name", metavar="NAME", help="The sweep's folder; default: from config and axes.")
@click.option("--retry-failed", is_flag=True, help="Run trials again that failed or diverged.")
@click.option("--yes", is_flag=True, help="Also more than 10,000 trials.")
@click.option("--dry-run", is_flag=True, help="Check everything, say what would run, and stop.")
@plots_option
@json_option
@verbosity
def command(
    axes: tuple[str, ...], config: str, seeds: int, sample: int | None, jobs: int | None,
    timeout: float | None, memory: int | None, overrides: tuple[str, ...], runs: Path | None,
    name: str | None, retry_failed: bool, yes: bool, dry_run: bool, plots: bool, as_json: bool,
) -> None:  # fmt: skip
    """Train CONFIG once per value of an AXIS.

    Several axes give all combinations of their values.

    An AXIS is a study that the config names under `sweeps:`, or any setting with values: a YAML
    list without its brackets, range(START, STOP), linspace(FIRST, LAST, COUNT), or
    logspace(A, B, COUNT) from 10^A to 10^B.

    The folder is called after config and axes, and what stands in it is what is done: the same
    command again, with more values or more seeds, runs only what is missing, and what was
    interrupted goes on. One BLAS thread a process. A trial that fails costs that trial; exit
    code 8 says that there was one.

    \b
    nnlab sweep lr                                  the study of identity8.yaml
    nnlab sweep lr --seeds 5                        each rate with five seeds
    nnlab sweep hidden=2,3,5 -c xor --seeds 10
    nnlab sweep 'lr=logspace(-3, 0, 7)' momentum=0,0.9 -c textbook
    nnlab sweep network.1=relu,tanh,sigmoid -c xor
    """
    use_threads(1)
    from nnlab.run.names import runs_folder
    from nnlab.run.sweeps import SweepFolder
    from nnlab.show.figures.style import warm
    from nnlab.study.choose import executor
    from nnlab.study.plan import Request, look, prepare, require_free

    argv = tuple(sys.argv)
    sweep = prepare(Request(axes, config, overrides, seeds, sample, name, yes, argv))
    for note in sweep.notes:
        say(note)
    folder = SweepFolder(runs_folder(runs) / sweep.name)
    require_free(sweep, folder)
    progress = look(sweep, folder, retry_failed)
    chosen = cluster(timeout, memory) or executor(progress.todo, sweep.base, jobs, timeout, memory)
    say(plan(sweep, progress, chosen))
    if progress.stale:
        say(trained_on_other_data(progress.stale, "this command trains them again"))
    if dry_run:
        return
    began = perf_counter()
    if progress.todo:
        chosen.warm()
    if plots:
        warm()
    train(sweep, folder, chosen, retry_failed)
    conclude(sweep, folder, perf_counter() - began, plots, as_json)


def plan(sweep: "Sweep", progress: "Progress", chosen: "Executor") -> str:
    """18 done, 6 to run, 1 failed, about 40 s."""
    from nnlab.cli.table import duration
    from nnlab.study.processes import Processes

    parts = [f"{len(progress.done):,} done"] if progress.done else []
    parts.append(f"{len(progress.todo):,} to run")
    if progress.begun:
        parts[-1] += f" ({progress.begun:,} to go on with)"
    if progress.lost:
        parts.append(f"{len(progress.lost):,} failed")
    if progress.seconds is not None and progress.todo:
        jobs = chosen.jobs if isinstance(chosen, Processes) else 1
        parts.append(f"about {duration(progress.seconds * len(progress.todo) / jobs)}")
    count = len(sweep.trials)
    return f"{sweep.name}: {count:,} {'trial' if count == 1 else 'trials'}: {', '.join(parts)}"


def trained_on_other_data(trials: "Sequence[Trial | TrialRecord]", remedy: str) -> str:
    """Which trials are stale, and what to do."""
    from nnlab.show.words import trial_name

    shown = [trial_name(trial.cell, trial.seed) for trial in trials[:STALE_SHOWN]]
    more = f"; and {len(trials) - STALE_SHOWN:,} more" if len(trials) > STALE_SHOWN else ""
    many = "1 trial was" if len(trials) == 1 else f"{len(trials):,} trials were"
    return f"{many} trained on other data than there is now ({'; '.join(shown)}{more}): {remedy}."


def train(sweep: "Sweep", folder: "SweepFolder", chosen: "Executor", retry: bool) -> None:
    """Run what is missing. Interrupted, after all is saved, on Ctrl+C and SIGTERM."""
    from nnlab.cli.downloads import provide
    from nnlab.cli.kernels import provide_kernels
    from nnlab.cli.trials import watch
    from nnlab.experiment.signals import Terminated
    from nnlab.run.environment import versions
    from nnlab.run.repository import git
    from nnlab.study.executors import InProcess, Note
    from nnlab.study.plan import clear, look, register
    from nnlab.study.processes import Processes

    provide(sweep.base)
    if isinstance(chosen, InProcess | Processes):
        provide_kernels(look(sweep, folder, retry).todo)
    folder.create()
    with folder.lock():
        folder.tidy()
        progress = look(sweep, folder, retry)
        register(sweep, folder, {**versions(), "git": git(Path())})
        clear(progress, folder)
        try:
            with (
                watch(progress.todo, folder) as see,
                closing(chosen.run(progress.todo, folder.path)) as events,
            ):
                for event in events:
                    if isinstance(event, Note):
                        say(event.text)
                    else:
                        see(event)
        except (KeyboardInterrupt, Interrupted, Terminated) as stop:
            done = len(look(sweep, folder).done)
            code = 143 if isinstance(stop, Terminated) else getattr(stop, "exit_code", 130)
            raise Interrupted(
                f"Stopped: {done:,} of {len(sweep.trials):,} trials are done, in {folder.path}. "
                "The same command goes on.",
                code,
            ) from None


def conclude(
    sweep: "Sweep", folder: "SweepFolder", seconds: float, plots: bool, as_json: bool
) -> None:
    """Summary, figures and tables; SweepFailed when a trial of this call has no result."""
    from nnlab.cli import cells
    from nnlab.cli.table import duration
    from nnlab.study.plan import stale_elsewhere

    records = folder.records()
    if old := stale_elsewhere(sweep, folder):
        say(trained_on_other_data(old, "the sweep that asked for them trains them again"))
    axes = folder.read_about()["axes"]
    folder.write_summary([axis["key"] for axis in axes], records)
    figures = draw(folder) if plots else []
    if as_json:
        tell_json(cells.as_mapping(folder, records, axes, figures))
    else:
        done = sum(record.done for record in records)
        tell(cells.text(records, axes))
        tell(f"\n{done:,} of {len(records):,} trials done in {duration(seconds)}, saved in")
        tell(str(folder.path))
    wanted = {trial.name for trial in sweep.trials}
    require_all(sweep, [record for record in records if record.name in wanted])


def require_all(sweep: "Sweep", records: "list[TrialRecord]") -> None:
    """SweepFailed unless every trial of the sweep is done."""
    done = sum(record.done for record in records)
    if done < len(sweep.trials):
        raise SweepFailed(
            f"{len(sweep.trials) - done:,} of {len(sweep.trials):,} trials have no result. "
            "--retry-failed runs them again."
        )


def draw(folder: "SweepFolder") -> list[str]:
    """The sweep's figures; what fails is a warning and nothing more."""
    from nnlab.show.figures.sweep_plots import draw_sweep

    drawn = draw_sweep(folder)
    for warning in drawn.warnings:
        say(f"Warning: {warning}")
    for path in drawn.paths:
        say(str(path), VERBOSE)
    return [str(path) for path in drawn.paths]
