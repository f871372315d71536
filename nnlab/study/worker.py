"""What a process of a sweep does: trials, until it is told that there are no more.

It never outlives the process that it works for, however that ends.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from pathlib import Path

from nnlab.errors import Interrupted
from nnlab.run import environment
from nnlab.study.trial import Begun, Outcome, run_trial

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def serve(tasks: Connection, parent: Path, memory: int | None = None) -> None:
    """Run the trials that come over `tasks` and answer with Begun and Outcome; None ends it.

    `memory` is how many bytes a trial may take beyond what the program itself has taken.
    """
    detach()
    machine = environment.describe()
    while (trial := tasks.recv()) is not None:
        tasks.send(Begun(trial.name))
        trial.read_config()  # imports what reading takes, before the limit
        limit = None if memory is None else limited_memory(memory)
        try:
            tasks.send(run_trial(trial, parent, machine, limit))
        except Interrupted as stop:
            tasks.send(Outcome(trial.name, "interrupted", str(stop)))
            return


def detach() -> None:
    """Leave the terminal's group, so that Ctrl+C reaches the parent alone, and die with it."""
    if hasattr(os, "setsid"):
        os.setsid()
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    """The parent holds a pipe open; that it is closed means that the parent is gone."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


@contextmanager
def limited_memory(more: int) -> Iterator[None]:
    """Inside the `with`, no more than `more` bytes beyond what there is: else MemoryError.

    The kernel holds this limit on the address space, at every allocation: a look at the resident
    size now and then would miss a process that takes all memory within a tenth of a second.
    """
    import resource

    with Path("/proc/self/statm").open(encoding="ascii") as file:
        taken = int(file.read().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (taken + more, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
