"""Times that can be compared on a shared machine: rounds A B C A B C, ratios from each round."""

import contextlib
import importlib.metadata
import importlib.util
import os
import platform
import statistics
import subprocess
import sys
import time
from argparse import ArgumentTypeError
from collections.abc import Callable, Collection, Iterator, Mapping

THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
Times = dict[str, list[float]]
"""Seconds of each round, by contestant; the lists are equally long."""

PAUSE = 0.1
"""Seconds between two turns: OpenBLAS's threads spin for 2^26 ticks (27 ms at 2.45 GHz) after a
product, and a program that then wants both of two processors gets one."""

SETTLE = 0.3
"""Seconds that do not count before a turn of a training, which is many updates in a row: after a
pause, a virtual machine may run two processors on one core's two threads for a tenth of a second,
and two threads then take 1.4 to 1.7 times as long."""

BUSY = "import os\nparent = os.getppid()\nwhile os.getppid() == parent:\n    pass"
"""A program that never waits, as `while True: pass`, but ends with its parent."""


@contextlib.contextmanager
def busy(wanted: bool = True) -> Iterator[None]:
    """Inside the `with`, another process takes all that it can get of one processor."""
    if not wanted:
        yield
        return
    with subprocess.Popen([sys.executable, "-c", BUSY]) as other:
        try:
            yield
        finally:
            other.kill()


def race(
    contestants: Mapping[str, Callable[[], object]],
    rounds: int,
    settle: float = 0.0,
    clock: Callable[[], float] = time.perf_counter,
) -> Times:
    """Time every contestant once in each round, after it has run for `settle` seconds."""
    times: Times = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, run in contestants.items():
            time.sleep(PAUSE)
            settled = time.perf_counter() + settle
            while time.perf_counter() < settled:
                run()
            began = clock()
            run()
            times[name].append(clock() - began)
    return times


def ratio(times: Times, name: str, against: str) -> float:
    """Median over the rounds of the time of `name` divided by that of `against`."""
    pairs = zip(times[name], times[against], strict=True)
    return statistics.median(one / other for one, other in pairs)


def least_ratio(times: Times, name: str, against: str) -> float:
    """The least time of `name`, of all rounds, divided by that of `against`."""
    return min(times[name]) / min(times[against])


def median(times: Times, name: str) -> float:
    """Median seconds of a round."""
    return statistics.median(times[name])


def environment() -> str:
    """Two lines: machine and threads, then the versions of what is compared."""
    threads = [f"{name}={os.environ[name]}" for name in THREAD_VARIABLES if name in os.environ]
    machine = f"{platform.machine()}, {os.cpu_count()} CPUs, {_blas_threads()}"
    versions = [f"Python {platform.python_version()}"]
    for package in ("numpy", "torch", "jax", "scikit-learn", "numba"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions.append(f"{package} {importlib.metadata.version(package)}")
    return f"{', '.join([machine, *threads])}\n{', '.join(versions)}"


def _blas_threads() -> str:
    """What threadpoolctl says of the BLAS behind NumPy, where it is installed."""
    if importlib.util.find_spec("threadpoolctl") is None:
        return "BLAS threads unknown (no threadpoolctl)"
    import numpy  # noqa: F401  # its BLAS must be loaded to be seen
    from threadpoolctl import threadpool_info

    return ", ".join(
        f"{pool['internal_api']} {pool['num_threads']} threads"
        for pool in threadpool_info()
        if pool["user_api"] == "blas"
    )


def some_of(known: Collection[str]) -> Callable[[str], list[str]]:
    """A type of argparse: names with commas between them, each of which is known."""

    def read(text: str) -> list[str]:
        for name in text.split(","):
            if name not in known:
                raise ArgumentTypeError(f"'{name}' is none of {', '.join(known)}")
        return text.split(",")

    return read


def table(header: list[str], rows: list[list[str]]) -> str:
    """Columns padded to their widest cell; the first one to the left, the others to the right."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    lines = [header, ["-" * width for width in widths], *rows]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )
