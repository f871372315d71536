"""What a process of a sweep does: trials, until it is told that there are no more.

It never outlives the process that it works for, however that ends.
"""

import os
import signal
import sys
import threading
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from pathlib import Path

from nnlab.errors import Interrupted
from nnlab.run import environment
from nnlab.sweep.trial import Begun, Outcome, run_trial

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def serve(tasks: Connection, parent: Path, memory: int | None = None) -> None:
    """Run the trials that come over `tasks` and answer with Begun and Outcome; None ends it.

    `memory` is how many bytes a trial may take beyond what the program itself has taken.
    """
    detach()
    if memory is not None:
        limit_memory(memory)
    machine = environment.describe()
    while (trial := tasks.recv()) is not None:
        tasks.send(Begun(trial.name))
        try:
            tasks.send(run_trial(trial, parent, machine))
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


def limit_memory(more: int) -> None:
    """Refuse this process more than `more` bytes beyond what it has; MemoryError is the answer.

    The kernel holds this limit on the address space, at every allocation: a look at the resident
    size now and then would miss a process that takes all memory within a tenth of a second.
    """
    import resource

    with Path("/proc/self/statm").open(encoding="ascii") as file:
        taken = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(
        resource.RLIMIT_AS, (taken + more, resource.getrlimit(resource.RLIMIT_AS)[1])
    )
