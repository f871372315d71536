"""Where trials run: in this process, in other processes, or on a cluster.

An executor takes trials and yields how each begins and ends, in any order. Closing the generator
stops the trials that are running.
"""

import os
import sys
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from nnlab.build import SHARED, numpy_seconds, outline
from nnlab.config.schema import Config
from nnlab.errors import UsageError
from nnlab.run import environment
from nnlab.study.processes import COMPILED, Processes
from nnlab.study.trial import Begun, Outcome, Trial, run_trial

WORTH_PROCESSES_S = 1.0  # work of all trials that pays for starting processes
SHARES_PROCESS_S = 20.0  # a trial below this shares a process with others


@dataclass(frozen=True)
class Note:
    """A sentence for the user about where trials run."""

    text: str


Events = Generator[Begun | Outcome | Note, None, None]


class Executor(Protocol):
    """In this process, in other processes, or on other machines."""

    def run(self, trials: Sequence[Trial], parent: Path) -> Events:
        """Run all trials; each run folder is in `parent` when its outcome is yielded.

        A failed trial does not stop the others. KeyboardInterrupt, Terminated and Interrupted end
        all of them after their states were saved; no process is left behind in any case.
        """


@dataclass(frozen=True)
class InProcess:
    """One trial after the other in this process, without limits."""

    def run(self, trials: Sequence[Trial], parent: Path) -> Events:
        machine = environment.describe()
        for trial in trials:
            yield Begun(trial.name)
            yield run_trial(trial, parent, machine)


def choose_executor(
    trials: Sequence[Trial],
    base: Config,
    jobs: int | None = None,
    timeout: float | None = None,
    memory: int | None = None,
) -> InProcess | Processes:
    """In this process for little work or one job, else in other processes.

    With a limit, or where a trial takes long, each trial has a process of its own. Raises
    UsageError where memory cannot be limited.
    """
    if memory is not None and sys.platform != "linux":
        raise UsageError("--memory needs Linux: no other system limits a process reliably.")
    each = numpy_seconds(base, *outline(base)[:2])  # NumPy's time; a trial's is of that order
    limited = (timeout, memory) != (None, None)
    if not limited and (jobs == 1 or (jobs is None and each * len(trials) < WORTH_PROCESSES_S)):
        return InProcess()
    return Processes(
        jobs=min(jobs or usable_cores(), max(len(trials), 1)),
        shared=not limited and each < SHARES_PROCESS_S,
        timeout=timeout,
        memory=memory,
        preload=COMPILED if _compiles(base, each) else (),
    )


def _compiles(base: Config, seconds: float) -> bool:
    """Whether trials that take NumPy so long are run by the compiled engine."""
    allowed = find_spec("numba") is not None and base.training.engine != "numpy"
    return allowed and seconds > SHARED


def usable_cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
