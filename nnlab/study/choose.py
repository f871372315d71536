"""Which executor suits: as many processes as pay, and only where a process is worth starting."""

import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec

from nnlab.build import SHARED, numpy_seconds, outline
from nnlab.config.schema import Config
from nnlab.errors import UsageError
from nnlab.study.executors import Executor, InProcess
from nnlab.study.processes import Processes
from nnlab.study.trial import Trial

WORTH = 1.0  # seconds of work that pay for starting processes
TINY = 20.0  # seconds of a trial below which several share a process


def executor(
    trials: Sequence[Trial],
    base: Config,
    jobs: int | None = None,
    timeout: float | None = None,
    memory: int | None = None,
) -> Executor:
    """In this process for what is done in no time or one after the other, else processes.

    With a limit, or where a trial takes long, each trial is a process of its own. Raises
    UsageError where memory cannot be limited.
    """
    if memory is not None and sys.platform != "linux":
        raise UsageError("--memory needs Linux: no other system limits a process reliably.")
    each = seconds(base)
    limited = timeout is not None or memory is not None
    if not limited and (jobs == 1 or (jobs is None and each * len(trials) < WORTH)):
        return InProcess()
    compiled = find_spec("numba") is not None and base.training.engine != "numpy"
    return Processes(
        jobs=min(jobs or cores(), max(len(trials), 1)),
        shared=not limited and each < TINY,
        timeout=timeout,
        memory=memory,
        compiled=compiled and each > SHARED,
    )


def seconds(config: Config) -> float:
    """About how long NumPy would train this; what a trial of a sweep takes is of that order."""
    return numpy_seconds(config, *outline(config)[:2])


def cores() -> int:
    """How many this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
