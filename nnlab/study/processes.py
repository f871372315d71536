"""Trials in processes of their own: side by side, supervised, with limits, and none left behind.

This process starts the others, gives each a trial at a time over a pipe, and hears how it goes.
`serve` is what such a process does; it never outlives the process that started it.
"""

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from time import monotonic
from typing import Any

from nnlab.errors import Interrupted
from nnlab.run import environment, threads
from nnlab.study.trial import Begun, Outcome, Trial, record_failed_trial, run_trial

Entry = Callable[[Connection, Path, int | None], None]
Event = Begun | Outcome

START = 120.0  # seconds for a process to come up: a busy machine, kernels to compile
GRACE = 3.0  # seconds to save a state after SIGTERM
LOOK = 0.3  # seconds between two looks whether the trials are still wanted
METHODS = ("forkserver", "spawn")  # by preference; Windows has only the second
PRELOADED = ("__main__", "nnlab.study.processes")  # imported once, before the processes fork
COMPILED = ("nnlab.training.compiled_driver",)  # what trials of the compiled engine import
PR_SET_PDEATHSIG = 1  # linux/prctl.h
STARTING = threading.Lock()  # the environment of a new process is that of this one


def serve(tasks: Connection, parent: Path, memory: int | None = None) -> None:
    """Run the trials that come over `tasks` and answer with Begun and Outcome; None ends it.

    memory: bytes that a trial may take beyond what the program itself has taken.
    """
    _detach()
    machine = environment.describe()
    while (trial := tasks.recv()) is not None:
        tasks.send(Begun(trial.name))
        limit = None if memory is None else limited_memory(memory)
        try:
            tasks.send(run_trial(trial, parent, machine, limit))
        except Interrupted as stop:
            tasks.send(Outcome(trial.name, "interrupted", str(stop)))
            return


@dataclass(frozen=True)
class Processes:
    """At most `jobs` processes at a time, each with one BLAS thread.

    shared: a process runs several trials in turn; else each trial has its own. When a process
    dies, its trial failed and another process takes its place.
    timeout: seconds that a trial may take before it is killed.
    memory: bytes that a trial may take beyond what the program itself takes.
    preload: modules that trials need, imported once.
    is_wanted: asked now and then; when it says no, the trials end.
    entry: what a process does; tests replace it.
    """

    jobs: int
    shared: bool = False
    timeout: float | None = None
    memory: int | None = None
    preload: tuple[str, ...] = ()
    is_wanted: Callable[[], bool] | None = None
    entry: Entry = serve

    def warm(self) -> BaseContext:
        """Begin to start the process that forks the others; returns at once. `run` does it too."""
        methods = multiprocessing.get_all_start_methods()
        method = next(name for name in METHODS if name in methods)
        context = multiprocessing.get_context(method)
        if method == "forkserver":
            from multiprocessing.forkserver import ensure_running

            context.set_forkserver_preload([*PRELOADED, *self.preload])
            with STARTING, threads.inherited(1):
                ensure_running()
        return context

    def _are_wanted(self) -> bool:
        return self.is_wanted is None or self.is_wanted()

    def run(self, trials: Sequence[Trial], parent: Path) -> Generator[Event, None, None]:
        """See Executor."""
        waiting = deque(trials)
        workers: list[Worker] = []
        context = self.warm()
        try:
            while (waiting or workers) and self._are_wanted():
                for trial in _take(waiting, self.jobs - len(workers)):
                    workers.append(Worker.start(context, self, parent))
                    workers[-1].give(trial)
                yield from _hear(workers, parent, None if self.is_wanted is None else LOOK)
                yield from _end_overdue(workers, parent)
                for worker in [worker for worker in workers if worker.trial is None]:
                    shared = self.shared and not worker.over
                    if next_trials := _take(waiting, int(shared)):
                        worker.give(next_trials[0])
                    else:
                        workers.remove(worker)
                        worker.dismiss()
        finally:
            _stop(workers)


@dataclass(eq=False)
class Worker:
    """A process, the trial that it runs, and its deadline.

    over: it takes no more trials.
    """

    process: BaseProcess
    tasks: Connection
    timeout: float | None
    trial: Trial | None = None
    deadline: float = 0.0
    over: bool = False

    @classmethod
    def start(cls, context: BaseContext, wanted: Processes, parent: Path) -> "Worker":
        """A new process."""
        here, there = context.Pipe()
        process: Any = context.Process(  # type: ignore[attr-defined]  # of every real context
            target=wanted.entry, args=(there, parent, wanted.memory), daemon=True
        )
        with STARTING, threads.inherited(1):
            process.start()
        there.close()  # else the end of the process would not close the pipe
        return cls(process, here, wanted.timeout)

    def give(self, trial: Trial) -> None:
        """Send the next trial; `hear` notices a process that is gone already."""
        self.trial, self.deadline = trial, monotonic() + START
        with suppress(OSError):
            self.tasks.send(trial)

    def hear(self) -> Event | None:
        """The next event; None when the process is dead."""
        try:
            event: Event = self.tasks.recv()
        except (EOFError, OSError):
            return None
        if isinstance(event, Begun):
            self.deadline = float("inf") if self.timeout is None else monotonic() + self.timeout
        else:
            self.trial, self.over = None, event.status == "interrupted"
        return event

    def lose(self, trial: Trial, parent: Path, reason: str) -> Outcome:
        """Record that its trial failed with the process."""
        self.trial, self.over = None, True
        return record_failed_trial(trial, parent, reason)

    def dismiss(self) -> None:
        """Tell it that there are no more trials."""
        with suppress(OSError):
            self.tasks.send(None)
        self.end(GRACE)

    def end(self, patience: float = 0.0) -> None:
        """Wait for its end, at most `patience` seconds, then kill it."""
        self.process.join(patience)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.tasks.close()


def _take(waiting: deque[Trial], count: int) -> list[Trial]:
    """The next trials, at most `count`."""
    return [waiting.popleft() for _ in range(min(count, len(waiting)))]


def _hear(workers: Sequence[Worker], parent: Path, look: float | None) -> Iterator[Event]:
    """The next events, and the failures of trials whose process died."""
    by_pipe = {worker.tasks: worker for worker in workers}
    patience = max(0.0, min(worker.deadline for worker in workers) - monotonic())
    patience = min(patience, look or float("inf"))
    for pipe in wait(list(by_pipe), None if patience == float("inf") else patience):
        worker = by_pipe[pipe]  # type: ignore[index]  # wait gives what it was given
        trial = worker.trial
        event = worker.hear()
        if event is not None:
            yield event
        elif trial is not None:
            worker.end(GRACE)
            yield worker.lose(trial, parent, death(worker.process.exitcode))


def _end_overdue(workers: Sequence[Worker], parent: Path) -> Iterator[Event]:
    """Kill the trials that took too long; gives their failures."""
    for worker in workers:
        if worker.trial is not None and worker.deadline <= monotonic():
            worker.process.kill()
            worker.end(GRACE)
            limit = START if worker.timeout is None else worker.timeout
            yield worker.lose(worker.trial, parent, f"over the time limit of {limit:g} s")


def death(exitcode: int | None) -> str:
    """How a process ended, in words."""
    if exitcode is None or exitcode >= 0:
        return f"its process ended with exit code {exitcode}"
    name = signal.Signals(-exitcode).name if -exitcode in set(signal.Signals) else f"{-exitcode}"
    memory = " (perhaps out of memory)"
    notes = {"SIGSEGV": " (a segmentation fault)", "SIGKILL": memory, "SIGABRT": memory}
    return f"its process was ended by {name}{notes.get(name, '')}"


def _stop(workers: Sequence[Worker]) -> None:
    """End all; a trial that is training saves its state first, within GRACE seconds."""
    try:
        for worker in workers:
            if worker.trial is not None:
                worker.process.terminate()
        end = monotonic() + GRACE
        for worker in workers:
            worker.process.join(max(0.0, end - monotonic()))
    finally:  # also when Ctrl+C is pressed again
        for worker in workers:
            worker.process.kill()
        for worker in workers:
            worker.end(GRACE)


def _detach() -> None:
    """Leave the terminal's group, so that Ctrl+C reaches only the parent, and die with it."""
    if hasattr(os, "setsid"):
        os.setsid()
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    """The parent holds a pipe open; when the pipe is closed, the parent is gone."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


@contextmanager
def limited_memory(more: int) -> Iterator[None]:
    """Inside the `with`, no more than `more` bytes beyond what is in use: else MemoryError.

    The kernel holds this limit on the address space, at every allocation: looking at the resident
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
