"""Claim: compiled updates keep their lead beside a busy process, and without AVX-512.

    python -m benchmarks.columns [--only W1,W2] [--rounds 15] [--clock wall]

Each workload of `step` is timed as it is ("quiet") and with another process beside it that never
waits ("busy"), by this processor and with what AVX2 alone can do, all sides alike. A cell is a
median of ratios taken round by round.

`--clock processor` is for machines that also do other work: processor time of all threads, and the
ratio of the least times. Then a busy neighbour costs nothing by itself; threads that spin do.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable

from benchmarks import timing
from benchmarks.step import ENGINES
from benchmarks.workloads import WORKLOADS, Target, Workload, problem

AVX2 = {  # what each side takes for it
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "XLA_FLAGS": "--xla_cpu_max_isa=AVX2",
    "OPENBLAS_CORETYPE": "Haswell",
    "NUMBA_CPU_NAME": "znver3",
    "NUMBA_CPU_FEATURES": "+avx,+avx2,+fma,+f16c,+bmi,+bmi2",
}
PROCESSORS: dict[str, dict[str, str]] = {"this processor": {}, "AVX2": AVX2}
CLOCKS: dict[str, tuple[Callable[[], float], Callable[[timing.Times, str, str], float]]] = {
    "wall": (time.perf_counter, timing.ratio),
    "processor": (time.process_time, timing.least_ratio),
}


def targets(workload: Workload) -> list[Target]:
    """Those of the compiled engine."""
    return [target for target in workload.targets if target.engine == "nnlab compiled"]


def measure(workload: Workload, rounds: int, clock: str) -> list[list[float | None]]:
    """Quiet and busy ratio of each target; None for a side that is not installed."""
    given, sessions = problem(workload, workload.updates), {}
    for name in {"nnlab compiled", *(target.against for target in targets(workload))}:
        try:
            sessions[name] = ENGINES[name](given).train
        except ImportError:
            continue
        sessions[name]()  # fills caches, starts threads
    count, ratio = CLOCKS[clock]
    cells: list[list[float | None]] = [[] for _ in targets(workload)]
    for beside in (False, True):
        with timing.busy(beside):
            times = timing.race(sessions, rounds, timing.SETTLE, count)
        for target, row in zip(targets(workload), cells, strict=True):
            here = {target.engine, target.against} <= times.keys()
            row.append(ratio(times, target.engine, target.against) if here else None)
    return cells


def by_processor(name: str, options: argparse.Namespace) -> list[list[list[float | None]]]:
    """`measure` by each processor, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.columns", "--child", "--only", name]
    command += ["--rounds", str(options.rounds), "--clock", options.clock]
    return [
        json.loads(subprocess.run(command, env=os.environ | own, stdout=-1, check=True).stdout)
        for own in PROCESSORS.values()
    ]


def cell(ratio: float | None, target: Target) -> str:
    """A ratio, marked where it misses the target."""
    if ratio is None:
        return "-"
    return f"{ratio:.2f}" + (" MISSED" if ratio > target.ratio else "")


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.columns")
    known = timing.some_of(WORKLOADS)
    parser.add_argument("--only", type=known, default=[*WORKLOADS], help="workloads, e.g. W1,W2")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measure(WORKLOADS[options.only[0]], options.rounds, options.clock)))
        return 0
    print(timing.environment())
    rows, missed = [], False
    for name in options.only:
        measured = by_processor(name, options)
        for target, *pairs in zip(targets(WORKLOADS[name]), *measured, strict=True):
            cells = [cell(ratio, target) for pair in pairs for ratio in pair]
            missed |= any("MISSED" in text for text in cells)
            rows.append([f"{name} / {target.against}", f"<= {target.ratio:.2f}", *cells])
    columns = [f"{state}, {processor}" for processor in PROCESSORS for state in ("quiet", "busy")]
    print(timing.table([f"compiled, {options.clock} time", "target", *columns], rows))
    return 9 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
