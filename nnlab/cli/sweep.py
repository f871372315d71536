"""`nnlab sweep`."""

import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import click

from nnlab.cli import options
from nnlab.cli.progress import watch_trials
from nnlab.cli.provide import provide_data, provide_kernels
from nnlab.cli.tables import NOTHING, Cell, draw_table, format_cells
from nnlab.cli.terminal import print_json, print_message, print_messages, print_result
from nnlab.cli.training_output import print_drawn
from nnlab.errors import Interrupted, SweepFailed, UsageError
from nnlab.experiment.signals import Terminated
from nnlab.run.environment import versions
from nnlab.run.names import runs_folder
from nnlab.run.repository import git
from nnlab.run.sweeps import SweepFolder, TrialRecord, places
from nnlab.show.figures import draw_sweep
from nnlab.show.figures.style import warm
from nnlab.show.words import axis_value, cell_name, count, duration, first_few, trial_name
from nnlab.study import address
from nnlab.study.choose import executor
from nnlab.study.cluster import Cluster
from nnlab.study.executors import Executor, InProcess, Note
from nnlab.study.plan import (
    Progress,
    Request,
    Sweep,
    clear,
    look,
    prepare,
    register,
    require_free,
    stale_elsewhere,
)
from nnlab.study.processes import Processes
from nnlab.study.table import Row, rows
from nnlab.study.trial import Trial

if TYPE_CHECKING:
    SizeType = click.ParamType[int]
else:
    SizeType = click.ParamType  # it takes no parameter in click before 8.4

MOST_STALE = 5  # trials on other data that are named
MOST_FAILED = 50  # trials without a result that are listed
UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}


class Size(SizeType):
    """Bytes: 500M, 2G, 1.5GB."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number of bytes."""
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmg]?)b?", str(value).strip().lower())
        if match is None or not (size := int(float(match[1]) * UNITS[match[2]])):
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
    shell_complete=options.complete_config,
)
@click.option(
    "--seeds",
    type=options.WHOLE,
    default=1,
    metavar="N",
    help="Repeat every cell with the seeds s, s+1, ... s+N-1; s is the config's.",
)
@click.option(
    "--random",
    "sample",
    type=options.WHOLE,
    metavar="N",
    help="Only N cells of the grid, drawn at random.",
)
@click.option(
    "--jobs",
    type=options.WHOLE,
    metavar="N",
    help="How many processes to use; default: one per core, or none for short sweeps.",
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
    help="End a trial that uses more memory than this beyond the program itself: 500M, 2G. The "
    "compiled engine needs 200M.",
)
@click.option(
    "--cluster",
    metavar="ADDRESS",
    help="Run trials on a Dask cluster: tcp://host:port, tls://host:port, or local:N for N workers "
    "on this machine. See docs/cluster.md.",
)
@click.option(
    "--insecure",
    is_flag=True,
    help="Trust a scheduler without TLS; anyone who can connect to it can run code as you.",
)
@click.option(
    "--tls-ca", metavar="FILE", help="The certificate that signed those of scheduler and workers."
)
@click.option("--tls-cert", metavar="FILE", help="Your own certificate.")
@click.option("--tls-key", metavar="FILE", help="Its key.")
@options.set_option("Override a setting for all trials; may be repeated.")
@options.runs_option
@click.option(
    "--name", metavar="NAME", help="The sweep's folder; default: made of the config and the axes."
)
@click.option("--retry-failed", is_flag=True, help="Run failed or diverged trials again.")
@click.option("--yes", is_flag=True, help="Allow more than 10,000 trials.")
@click.option("--dry-run", is_flag=True, help="Check everything, show what would run, and stop.")
@options.plots_option
@options.json_option
@options.verbosity
def command(
    axes: tuple[str, ...], config: str, seeds: int, sample: int | None, jobs: int | None,
    timeout: float | None, memory: int | None, overrides: tuple[str, ...], runs: Path | None,
    name: str | None, retry_failed: bool, yes: bool, dry_run: bool, plots: bool, as_json: bool,
    **cluster_options: Any
) -> None:  # fmt: skip
    """Train CONFIG once per value of an AXIS.

    Several axes give all combinations of their values.

    An AXIS is a study that the config names under `sweeps:`, or any setting with values: a YAML
    list without its brackets, range(START, STOP), linspace(FIRST, LAST, COUNT), or
    logspace(A, B, COUNT) from 10^A to 10^B.

    The folder is named after the config and the axes. Finished trials are not trained again: the
    same command, also with more values or more seeds, runs only what is missing, and continues
    interrupted trials. Each process uses one BLAS thread. A failed trial does not stop the
    others; exit code 8 reports it.

    \b
    nnlab sweep lr                                  the study of identity8.yaml
    nnlab sweep lr --seeds 5                        each rate with five seeds
    nnlab sweep hidden=2,3,5 -c xor --seeds 10
    nnlab sweep 'lr=logspace(-3, 0, 7)' momentum=0,0.9 -c textbook
    nnlab sweep network.1=relu,tanh,sigmoid -c xor
    """
    argv = tuple(sys.argv)
    sweep = prepare(Request(axes, config, overrides, seeds, sample, name, yes, argv))
    print_messages(sweep.notes)
    folder = SweepFolder(runs_folder(runs) / sweep.name)
    require_free(sweep, folder)
    progress = look(sweep, folder, retry_failed)
    cluster = _cluster(timeout, memory, **cluster_options)
    runner = cluster or executor(progress.todo, sweep.base, jobs, timeout, memory)
    print_message(_plan_line(sweep, progress, runner))
    if progress.stale:
        print_message(_other_data(progress.stale, "this command trains them again"))
    if dry_run:
        return
    began = perf_counter()
    if progress.todo:
        runner.warm()
    if plots:
        warm()
    _train(sweep, folder, runner, retry_failed)
    _conclude(sweep, folder, perf_counter() - began, plots, as_json)


def _cluster(
    timeout: float | None, memory: int | None, *, cluster: str | None, insecure: bool, **tls: Any
) -> Cluster | None:
    """The executor on a cluster; None without --cluster. Raises UsageError."""
    if cluster is None:
        if insecure or any(tls.values()):
            unused = "insecure" if insecure else next(key for key in tls if tls[key])
            raise UsageError(f"--{unused.replace('_', '-')} is for use with --cluster.")
        return None
    place = address.Address.parse(cluster)
    address.require_distributed(place)
    address.refuse_strangers(place, insecure)
    files = address.Tls(tls["tls_ca"], tls["tls_cert"], tls["tls_key"])
    address.security(place, files)
    return Cluster(place, timeout, memory, insecure, files)


def _plan_line(sweep: Sweep, progress: Progress, runner: Executor) -> str:
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
    """Which trials were trained on data that has changed, and what to do."""
    names = [trial_name(trial.cell, trial.seed) for trial in trials]
    trained = count(len(trials), "trial was", "trials were")
    listed = first_few(names, MOST_STALE, "; ")
    return f"{trained} trained on data that has changed since ({listed}): {remedy}."


def _train(sweep: Sweep, folder: SweepFolder, runner: Executor, retry: bool) -> None:
    """Run the missing trials. Raises Interrupted, after all is saved, on Ctrl+C and SIGTERM."""
    provide_data(sweep.base)
    if isinstance(runner, InProcess | Processes):
        provide_kernels(look(sweep, folder, retry).todo)
    folder.create()
    with folder.lock():
        folder.tidy()
        progress = look(sweep, folder, retry)
        register(sweep, folder, {**versions(), "git": git(Path())})
        clear(progress, folder)
        try:
            with (
                watch_trials(progress.todo, folder) as see,
                closing(runner.run(progress.todo, folder.path)) as events,
            ):
                for event in events:
                    if isinstance(event, Note):
                        print_message(event.text)
                    else:
                        see(event)
        except (KeyboardInterrupt, Interrupted, Terminated) as stop:
            done = len(look(sweep, folder).done)
            raise stopped_error(stop, done, len(sweep.trials), folder) from None


def stopped_error(stop: BaseException, done: int, trials: int, folder: SweepFolder) -> Interrupted:
    """The error for Ctrl+C or SIGTERM during a sweep or a search."""
    code = 143 if isinstance(stop, Terminated) else getattr(stop, "exit_code", 130)
    return Interrupted(
        f"Stopped: {done:,} of {trials:,} trials are done, in {folder.path}. "
        "The same command continues.",
        code,
    )


def _conclude(
    sweep: Sweep, folder: SweepFolder, seconds: float, plots: bool, as_json: bool
) -> None:
    """Summary, figures and tables. Raises SweepFailed when a trial of this call has no result."""
    records = folder.records()
    if old := stale_elsewhere(sweep, folder):
        print_message(_other_data(old, "the sweep that they belong to trains them again"))
    axes = folder.read_about()["axes"]
    keys = [str(axis["key"]) for axis in axes]
    folder.write_summary(keys, records)
    figures = []
    if plots:
        drawn = draw_sweep(folder)
        print_drawn(drawn)
        figures = [str(path) for path in drawn.paths]
    done = sum(record.done for record in records)
    if as_json:
        print_json(
            {
                "folder": str(folder.path),
                "axes": list(axes),
                "cells": [asdict(row) for row in rows(records, axes)],
                "trials": [{**asdict(record), "done": record.done} for record in records],
                "figures": figures,
            }
        )
    else:
        print_result(_cells_table(rows(records, axes), keys))
        if done < len(records):
            print_result(f"\n{_failed_table(records, axes)}")
        print_result(f"\n{done:,} of {len(records):,} trials done in {duration(seconds)}, saved in")
        print_result(str(folder.path))
    names = {trial.name for trial in sweep.trials}
    missing = len(names) - sum(record.done and record.name in names for record in records)
    if missing:
        raise SweepFailed(
            f"{missing:,} of {len(names):,} trials have no result. --retry-failed runs them again."
        )


def _cells_table(rows: Sequence[Row], keys: Sequence[str]) -> str:
    """A row per cell: medians, and where there are several seeds the quartiles."""
    repeated = any(row.trials > 1 for row in rows)
    columns: list[tuple[str, list[Cell]]] = []
    columns += [(key, [axis_value(row.cell.get(key)) for row in rows]) for key in keys]
    if repeated:
        columns.append(("trials", [row.trials for row in rows]))
    if any(row.failed for row in rows):
        columns.append(("failed", [row.failed for row in rows]))
    for name in dict.fromkeys(name for row in rows for name in row.numbers):
        columns += _number_columns(name, rows, repeated)
    return draw_table(
        [name for name, _ in columns], list(zip(*(cells for _, cells in columns), strict=True))
    )


def _number_columns(name: str, rows: Sequence[Row], repeated: bool) -> list[tuple[str, list[Cell]]]:
    """The column of a number, and beside it the column of its quartiles."""
    spreads = [row.numbers.get(name) for row in rows]
    if not repeated:
        return [(name, [None if spread is None else spread.median for spread in spreads])]
    known = [spread for spread in spreads if spread is not None]
    texts = iter(format_cells([number for s in known for number in (s.median, s.low, s.high)]))
    medians: list[Cell] = []
    quartiles: list[Cell] = []
    for spread in spreads:
        medians.append(NOTHING if spread is None else next(texts))
        quartiles.append(NOTHING if spread is None else f"{next(texts)} to {next(texts)}")
    return [(f"{name} (median)", medians), ("quartiles", quartiles)]


def _failed_table(records: Sequence[TrialRecord], axes: Sequence[Mapping[str, Any]]) -> str:
    """The trials without a result, with the reasons."""
    failed = [record for record in records if not record.done]
    failed.sort(key=lambda record: (*places(record.cell, axes), record.seed or 0))
    rows: list[list[Cell]] = [
        [trial.name, cell_name(trial.cell), trial.seed, trial.status,
         (trial.reason or "").split("\n")[0]]
        for trial in failed[:MOST_FAILED]
    ]  # fmt: skip
    more = f"\nand {len(failed) - MOST_FAILED:,} more" if len(failed) > MOST_FAILED else ""
    return draw_table(["trial", "cell", "seed", "status", "reason"], rows) + more
