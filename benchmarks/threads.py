"""Claim: threads make wide networks faster, and processes a sweep.

    python -m benchmarks.threads [--counts 1,2,4,8,16] [--rounds 9]

W5 and both networks of images, compiled and in PyTorch, by as many threads as the head of the
column says, each count in a process of its own; and `nnlab sweep lr --seeds 5` with as many
processes. Cells are ms per update and, for the sweep, seconds. Counts above the number of cores
show what threads cost that share a core. JAX is left out: it always takes all cores.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial

from benchmarks import convolution, timing
from benchmarks.step import ENGINES
from benchmarks.study import COMMAND
from benchmarks.usage import measure
from benchmarks.workloads import WORKLOADS, problem

Sides = dict[str, Callable[[], object]]


def dense() -> tuple[Sides, int]:
    """A round of W5 by each side, and its updates."""
    given = problem(WORKLOADS["W5"], WORKLOADS["W5"].updates)
    sides: Sides = {name: ENGINES[name](given).train for name in ("nnlab compiled", "torch")}
    return sides, given.workload.updates


def images(name: str) -> tuple[Sides, int]:
    """An update of W8a or W8b by each side."""
    sides = convolution.updates(name)
    return {"nnlab compiled": sides["nnlab compiled"], "torch": sides["torch channels last"]}, 1


JOBS: dict[str, Callable[[], tuple[Sides, int]]] = {
    "W5": dense,
    "W8a": partial(images, "W8a"),
    "W8b": partial(images, "W8b"),
}


def milliseconds(rounds: int) -> dict[str, float]:
    """Median ms of an update for each job and side, in this process."""
    cells = {}
    for job, prepare in JOBS.items():
        sides, updates = prepare()
        times = timing.race(sides, rounds, timing.SETTLE)
        for side in sides:
            cells[f"{job} {side}"] = timing.median(times, side) / updates * 1e3
    return cells


def sweep(jobs: int) -> float:
    """Seconds of the whole command with so many processes."""
    with tempfile.TemporaryDirectory() as runs:
        return measure([sys.executable, *COMMAND, "--jobs", str(jobs), "--runs", runs]).wall


def column(count: int, rounds: int) -> dict[str, float]:
    """All cells for a number of threads or processes."""
    command = [sys.executable, "-m", "benchmarks.threads", "--child", "--rounds", str(rounds)]
    limits = dict.fromkeys(timing.THREAD_VARIABLES, str(count))
    done = subprocess.run(command, env=os.environ | limits, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout) | {"sweep, 30 trainings": sweep(count)}


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.threads")
    parser.add_argument("--counts", default="1,2,4,8,16")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(milliseconds(options.rounds)))
        return 0
    print(timing.environment())
    counts = [int(count) for count in options.counts.split(",")]
    columns = [column(count, options.rounds) for count in counts]
    rows = [[name, *[f"{one[name]:.2f}" for one in columns]] for name in columns[0]]
    print(timing.table(["threads or processes", *map(str, counts)], rows))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
