"""`nnlab sweep`."""

import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import click

from nnlab.api.sweep import TrainedSweep, train_trials
from nnlab.cli import options
from nnlab.cli.completion import complete_axis, complete_config
from nnlab.cli.progress import watch_trials
from nnlab.cli.terminal import print_json, print_message, print_messages, print_result
from nnlab.cli.training_output import expected_table, print_drawn, raise_unmet
from nnlab.config.files import is_config_name
from nnlab.errors import SweepFailed, UsageError
from nnlab.experiment.expected import compare_sweep
from nnlab.experiment.provide import provide_data, provide_kernels
from nnlab.run.names import runs_folder
from nnlab.run.sweeps import SweepFolder, TrialRecord
from nnlab.show.figures.plot import Drawn
from nnlab.show.figures.style import warm
from nnlab.show.figures.sweep_plots import draw_sweep
from nnlab.show.words import count, duration, first_few, trial_name
from nnlab.study import plan, scheduler
from nnlab.study.cluster import Cluster
from nnlab.study.execute import Executor, InProcess, Processes, choose_executor
from nnlab.study.trial import Trial

MOST_STALE = 5  # trials on other data that are named
DEFAULT = "identity8"  # the config of `nnlab sweep lr`


@click.command
@click.argument(
    "axes", metavar="AXIS... [CONFIG]", type=options.CONFIG, nargs=-1, shell_complete=complete_axis
)
@click.option(
    "-c",
    "--config",
    "named",
    metavar="CONFIG",
    type=options.CONFIG,
    help="The config, if an AXIS has the name of one.",
    shell_complete=complete_config,
)
@options.number_option(
    "--seeds",
    text="Repeat every cell with the seeds s, s+1, ... s+N-1; s is the config's.",
    default=1,
)
@options.number_option(
    "--folds", text="With the axis fold: the number of folds.", least=2, show_default="5"
)
@options.number_option(
    "--repeats", text="With the axis fold: divide the rows N times, in other orders.", default=1
)
@options.number_option(
    "--random", "sample", text="Train only N cells of the grid, drawn at random."
)
@options.number_option(
    "--jobs", text="The number of processes.", show_default="one per core, none for short sweeps"
)
@options.limit_options("trial", "beyond the program, as 2G; compiled code needs 200M")
@click.option(
    "--cluster",
    metavar="ADDRESS",
    help="Run trials on a Dask cluster: tcp://host:port, tls://host:port, or local:N here.",
)
@click.option(
    "--insecure",
    is_flag=True,
    help="Trust a scheduler without TLS, through which others can run code as you.",
)
@click.option("--tls-ca", metavar="FILE", help="The certificate of the authority.")
@click.option("--tls-cert", metavar="FILE", help="Your own certificate.")
@click.option("--tls-key", metavar="FILE", help="Its key.")
@options.set_option("Override a setting for all trials; may be repeated.")
@options.runs_option
@options.name_option
@click.option("--retry-failed", is_flag=True, help="Run failed or diverged trials again.")
@click.option("--yes", is_flag=True, help="Allow more than 10,000 trials.")
@options.dry_run_option
@options.plots_option
@options.json_option
def command(
    axes: tuple[str, ...], named: str | None, seeds: int, folds: int | None, repeats: int,
    sample: int | None, jobs: int | None,
    timeout: float | None, memory: int | None, overrides: tuple[str, ...], runs: Path | None,
    name: str | None, retry_failed: bool, yes: bool, dry_run: bool, plots: bool, as_json: bool,
    **cluster_options: Any
) -> None:  # fmt: skip
    """Train CONFIG once per value of an AXIS.

    Without CONFIG, it is identity8. Several axes give all combinations of their values. An AXIS is
    a study that the config names under `sweeps:`, or any setting with values: a YAML list without
    its brackets, range(START, STOP), linspace(FIRST, LAST, COUNT), or logspace(A, B, COUNT) from
    10^A to 10^B.

    The axis fold is a cross-validation: each fold of the rows is the validation part once. Below
    the folds stand the means with 95 % intervals, which allow for the training rows that folds
    share. With data.stratify each fold has the classes in the shares of all rows; with data.group
    the rows of a group stay together. Scaling and filling are fitted on the training folds alone.

    The folder is named after the config and the axes. Finished trials are not trained again: the
    same command, also with more values or seeds, runs only what is missing, and continues
    interrupted trials. Each process uses one BLAS thread. A failed trial does not stop the others.
    Exit code 8 if a trial failed. docs/cluster.md describes --cluster.

    \b
    nnlab sweep lr                                  the study of identity8.yaml
    nnlab sweep lr --seeds 5                        each rate with five seeds
    nnlab sweep hidden=2,3,5 xor --seeds 10
    nnlab sweep 'lr=logspace(-3, 0, 7)' momentum=0,0.9 textbook
    nnlab sweep network.1=relu,tanh,sigmoid my.yaml
    nnlab sweep fold --folds 10 hidden=2,4,8 xor    a cross-validation for each width
    """
    argv = tuple(sys.argv)
    axes, config = (axes, named) if named else part_config(axes)
    sweep = plan.prepare_sweep(
        *(axes, config, overrides, seeds, sample, name, yes, argv), folds=folds, repeats=repeats
    )
    print_messages(sweep.notes)
    folder = SweepFolder(runs_folder(runs) / sweep.name)
    plan.require_own(folder, sweep.about)
    progress = plan.read_progress(sweep, folder, retry_failed)
    cluster = _cluster(timeout, memory, **cluster_options)
    runner = cluster or choose_executor(progress.todo, sweep.base, jobs, timeout, memory)
    print_message(_plan_line(sweep, progress, runner))
    if progress.stale:
        print_message(_other_data(progress.stale, "this command trains them again"))
    if not dry_run:
        seconds = _train(sweep, folder, progress, runner, retry_failed, plots)
        _conclude(sweep, folder, seconds, plots, as_json)


def _train(
    sweep: plan.Sweep,
    folder: SweepFolder,
    progress: plan.SweepProgress,
    runner: Executor,
    retry_failed: bool,
    plots: bool,
) -> float:
    """Train what is missing; the seconds that it took."""
    began = perf_counter()
    if progress.todo and isinstance(runner, Processes):
        runner.warm()
    if plots:
        warm()
    provide_data(sweep.base, print_message)
    if isinstance(runner, InProcess | Processes):
        provide_kernels((trial.config for trial in progress.todo), print_message)
    train_trials(sweep, folder, runner, retry_failed, watch_trials, print_message)
    return perf_counter() - began


def part_config(words: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """The axes, and the config: the one word that names a config, or DEFAULT, said on stderr."""
    configs = [word for word in words if is_config_name(word)]
    if len(configs) > 1:
        raise UsageError(f"A sweep has one config, not {len(configs)}: {' '.join(configs)}.")
    if not configs:
        print_message(f"No CONFIG is named, so it is {DEFAULT}: nnlab sweep AXIS CONFIG")
    return tuple(word for word in words if word not in configs), (configs or [DEFAULT])[0]


def _cluster(
    timeout: float | None, memory: int | None, *, cluster: str | None, insecure: bool, **tls: Any
) -> Cluster | None:
    """The executor on a cluster; None without --cluster. Raises UsageError."""
    if cluster is None:
        if insecure or any(tls.values()):
            unused = "insecure" if insecure else next(key for key in tls if tls[key])
            raise UsageError(f"--{unused.replace('_', '-')} is for use with --cluster.")
        return None
    address = scheduler.Address.parse(cluster)
    scheduler.require_distributed(address)
    scheduler.refuse_without_tls(address, insecure)
    files = scheduler.Tls(tls["tls_ca"], tls["tls_cert"], tls["tls_key"])
    scheduler.tls_security(address, files)
    return Cluster(address, timeout, memory, insecure, files)


def _plan_line(sweep: plan.Sweep, progress: plan.SweepProgress, runner: Executor) -> str:
    """sweep-xor-lr: 25 trials: 18 done, 6 to run, 1 failed, about 40 s."""
    parts = [f"{len(progress.done):,} done"] if progress.done else []
    parts.append(f"{len(progress.todo):,} to run")
    if progress.begun:
        parts[-1] += f" ({progress.begun:,} to continue)"
    if progress.lost:
        parts.append(f"{len(progress.lost):,} failed")
    if progress.seconds is not None and progress.todo:
        jobs = runner.jobs if isinstance(runner, Processes) else 1
        parts.append(f"about {duration(progress.seconds * len(progress.todo) / jobs)}")
    return f"{sweep.name}: {count(len(sweep.trials), 'trial')}: {', '.join(parts)}"


def _other_data(trials: Sequence[Trial | TrialRecord], remedy: str) -> str:
    """Which trials were trained on data or weights that have changed, and what to do."""
    names = [trial_name(trial.cell, trial.seed) for trial in trials]
    trained = count(len(trials), "trial was", "trials were")
    listed = first_few(names, MOST_STALE, "; ")
    since = "data or initial weights that have changed since"
    return f"{trained} trained on {since} ({listed}): {remedy}."


def _conclude(
    sweep: plan.Sweep, folder: SweepFolder, seconds: float, plots: bool, as_json: bool
) -> None:
    """Summary, figures and tables.

    Raises SweepFailed when a trial of this call has no result, CheckFailed when too few seeds are
    as expected.
    """
    if old := plan.stale_elsewhere(sweep, folder):
        print_message(_other_data(old, "the sweep that they belong to trains them again"))
    shown = TrainedSweep(folder.path)
    records = shown.records
    folder.write_summary(shown.keys, records)
    drawn = draw_sweep(folder) if plots else Drawn((), ())
    print_drawn(drawn)
    counted = compare_sweep(folder)
    if as_json:
        expected = {"expected": [each.row for each in counted]} if counted else {}
        print_json(shown.to_dict() | {"figures": list(map(str, drawn.paths))} | expected)
    else:
        done = sum(record.done for record in records)
        trials = f"{done:,} of {len(records):,} trials done in {duration(seconds)}"
        tables = [shown.text, *expected_table(counted)]
        print_result("\n\n".join([*tables, f"{trials}, saved in\n{folder.path}"]))
    _raise_incomplete(sweep, records)
    if len(counted) == 1:  # seeds alone; another axis is there to see what it changes
        raise_unmet(folder.path, counted)


def _raise_incomplete(sweep: plan.Sweep, records: Sequence[TrialRecord]) -> None:
    lacking = {trial.name for trial in sweep.trials} - {r.name for r in records if r.done}
    if lacking:
        raise SweepFailed(
            f"{len(lacking):,} of {len(sweep.trials):,} trials have no result. "
            "--retry-failed runs them again."
        )
