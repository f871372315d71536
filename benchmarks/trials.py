"""Claim: a sweep of many short trials takes at most 1.2 times as long as their trainings.

    python -m benchmarks.trials [--trials 2000] [--epochs 480] [--jobs 2] [--bare 10]

`nnlab sweep seed=range(...)` trains 8-3-8 once per seed with the NumPy engine, about 100 ms each.
Compared are the whole command (imports, processes, folders, tables) and the trainings alone: the
seconds in the trials' metrics.csv, divided by the number of processes. Other work on the machine
slows both alike. Processor time says the same without the disk: that of the whole command, and
that of the training loop alone, measured on some of the trials. The floor is the command's
processor time, divided by the number of processes. The exit code is 9 when the ratio is over 1.2.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

from benchmarks import timing
from benchmarks.usage import Usage, measure

LIMIT = 1.2


def settings(epochs: int) -> list[str]:
    """The settings that all trials share."""
    return [f"training.epochs={epochs}", "training.engine=numpy"]


def sweep(trials: int, epochs: int, jobs: int, runs: str) -> Usage:
    """What the whole command uses."""
    command = [sys.executable, "-m", "nnlab", "sweep", f"seed=range(0, {trials})"]
    command += ["--quiet", "--no-plots", "--jobs", str(jobs), "--runs", runs, "--name", "bench"]
    for setting in settings(epochs):
        command += ["--set", setting]
    return measure(command)


def own_seconds(runs: str) -> list[float]:
    """The seconds that each trial trained, by the last row of its metrics.csv."""
    from nnlab.run.records import last_row

    rows = map(last_row, Path(runs, "bench").glob("*/metrics.csv"))
    return [float(row["seconds"] or 0.0) for row in rows]


def bare(epochs: int, trials: int) -> float:
    """Processor seconds of a training loop alone, the smallest of some trials."""
    from nnlab.build import build
    from nnlab.config.load import load_config
    from nnlab.experiment.session import BURST
    from nnlab.training import run_bursts, start

    times = []
    for seed in range(trials):
        built = build(load_config("identity8", [*settings(epochs), f"seed={seed}"]).config)
        plan = replace(built.plan, burst=BURST)
        state = start(plan, built.network)
        began = time.process_time()
        for _ in run_bursts(plan, state):
            pass
        times.append(time.process_time() - began)
    return min(times)


def calls(epochs: int) -> tuple[Counter[str], int]:
    """How often a trial calls the system for its files, by step; and how many files it leaves."""
    from nnlab.config.load import load_config
    from nnlab.run import durable, environment
    from nnlab.study.trial import Trial, run_trial

    counted: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        machine = environment.describe([])
        trial = Trial.of(load_config("identity8", settings(epochs)).config, {})
        durable.hook = lambda step, path: counted.update([step])
        run_trial(trial, Path(folder), machine)
        durable.hook = None
        files = [path for path in Path(folder).rglob("*") if path.is_file()]
    return counted, len(files)


def main() -> int:
    """Run the sweep, and print what it took."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.trials")
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--epochs", type=int, default=480)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--bare", type=int, default=10)
    parser.add_argument("--folder", help="where the run folders lie for a while")
    options = parser.parse_args()
    print(timing.environment())
    with tempfile.TemporaryDirectory(dir=options.folder) as runs:
        used = sweep(options.trials, options.epochs, options.jobs, runs)
        own = own_seconds(runs)
    alone = bare(options.epochs, options.bare)
    counted, files = calls(20)
    training, floor = sum(own) / options.jobs, used.cpu / options.jobs
    print(
        f"{options.trials:,} trials with {options.jobs} processes\n"
        f"  trainings: {training:.2f} s, {statistics.median(own) * 1e3:.0f} ms each\n"
        f"  whole command: {used.wall:.2f} s, {used.wall / training:.2f} times as long; "
        f"floor {floor:.2f} s, {floor / training:.2f} times\n"
        f"  processor time per trial: {used.cpu / options.trials * 1e3:.1f} ms, "
        f"of the training loop alone {alone * 1e3:.1f} ms\n"
        f"  peak memory: command {used.peak:.0f} MB, the largest worker {used.others:.0f} MB\n"
        f"  a trial: {files} files, {counted['fsync']} syncs, {sum(counted.values())} calls"
    )
    return 0 if used.wall / training <= LIMIT else 9


if __name__ == "__main__":
    raise SystemExit(main())
