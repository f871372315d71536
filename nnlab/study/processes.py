"""Trials in processes of their own: side by side, supervised, with limits, and none left behind."""

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from time import monotonic
from typing import Any

from nnlab.run import threads
from nnlab.study.executors import Event, Events
from nnlab.study.trial import Begun, Outcome, Trial, record_failure
from nnlab.study.worker import serve

Entry = Callable[[Connection, Path, int | None], None]

START = 120.0  # seconds for a process to come up: a busy machine, kernels to compile
GRACE = 3.0  # seconds to save a state after SIGTERM
METHODS = ("forkserver", "spawn")  # by preference; the second is all that Windows has
PRELOADED = ("__main__", "nnlab.study.worker")  # imported once, before the processes fork
COMPILED = ("nnlab.training.compiled_driver",)  # where a trial needs them


@dataclass(frozen=True)
class Processes:
    """At most `jobs` processes at a time, each with one BLAS thread.

    shared: a process runs several trials, one after the other; else each has its own. A process
    that dies costs the trial that it was running, and is replaced.
    timeout: seconds that a trial may take, then it is killed.
    memory: bytes that a trial may take beyond what the program itself takes.
    compiled: some trials use the compiled engine.
    entry: what a process does; tests put something else here.
    """

    jobs: int
    shared: bool = False
    timeout: float | None = None
    memory: int | None = None
    compiled: bool = False
    entry: Entry = serve

    def warm(self) -> BaseContext:
        """Begin to start what the processes are forked from; returns at once."""
        methods = multiprocessing.get_all_start_methods()
        method = next(name for name in METHODS if name in methods)
        context = multiprocessing.get_context(method)
        if method == "forkserver":
            from multiprocessing.forkserver import ensure_running

            context.set_forkserver_preload([*PRELOADED, *(COMPILED if self.compiled else ())])
            with threads.inherited(1):
                ensure_running()
        return context

    def run(self, trials: Sequence[Trial], parent: Path) -> Events:
        """See Executor."""
        waiting = deque(trials)
        workers: list[Worker] = []
        context = self.warm()
        try:
            while waiting or workers:
                while waiting and len(workers) < self.jobs:
                    workers.append(Worker.start(context, self, parent))
                    workers[-1].give(waiting.popleft())
                yield from _heard(workers, parent)
                for worker in [one for one in workers if one.trial is None]:
                    if waiting and self.shared and not worker.over:
                        worker.give(waiting.popleft())
                    else:
                        workers.remove(worker)
                        worker.dismiss()
        finally:
            _stop(workers)


@dataclass(eq=False)
class Worker:
    """A process, the trial that it runs, and when that must be over."""

    process: BaseProcess
    tasks: Connection
    timeout: float | None
    trial: Trial | None = None
    deadline: float = 0.0
    over: bool = False  # it takes no more trials

    @classmethod
    def start(cls, context: BaseContext, wanted: Processes, parent: Path) -> "Worker":
        """A new process."""
        here, there = context.Pipe()
        process: Any = context.Process(  # type: ignore[attr-defined]  # of every real context
            target=wanted.entry, args=(there, parent, wanted.memory), daemon=True
        )
        with threads.inherited(1):
            process.start()
        there.close()  # else the end of the process would not close the pipe
        return cls(process, here, wanted.timeout)

    def give(self, trial: Trial) -> None:
        """The next trial. A process that is gone already is noticed when it is listened to."""
        self.trial, self.deadline = trial, monotonic() + START
        with suppress(OSError):
            self.tasks.send(trial)

    def hear(self) -> Event | None:
        """What it has to say; None when it is dead."""
        try:
            said: Event = self.tasks.recv()
        except (EOFError, OSError):
            return None
        if isinstance(said, Begun):
            self.deadline = float("inf") if self.timeout is None else monotonic() + self.timeout
        else:
            self.trial, self.over = None, said.status == "interrupted"
        return said

    def dismiss(self) -> None:
        """There is nothing more to do for it."""
        with suppress(OSError):
            self.tasks.send(None)
        self.end(GRACE)

    def end(self, patience: float = 0.0) -> None:
        """Wait for its end, and then no longer."""
        self.process.join(patience)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.tasks.close()


def _heard(workers: Sequence[Worker], parent: Path) -> Iterator[Event]:
    """What the processes say next, and the failures of those that can say nothing any more."""
    by_pipe = {worker.tasks: worker for worker in workers}
    nearest = min(worker.deadline for worker in workers)
    patience = None if nearest == float("inf") else max(0.0, nearest - monotonic())
    for pipe in wait(list(by_pipe), patience):
        worker = by_pipe[pipe]  # type: ignore[index]  # wait gives what it was given
        trial = worker.trial
        event = worker.hear()
        if event is not None:
            yield event
        elif trial is not None:
            worker.end(GRACE)
            yield _lost(worker, trial, parent, death(worker.process.exitcode))
    for worker in workers:
        if worker.trial is not None and worker.deadline <= monotonic():
            worker.process.kill()
            worker.end(GRACE)
            limit = START if worker.timeout is None else worker.timeout
            yield _lost(worker, worker.trial, parent, f"over the time limit of {limit:g} s")


def _lost(worker: Worker, trial: Trial, parent: Path, reason: str) -> Outcome:
    worker.trial, worker.over = None, True
    record_failure(trial, parent, reason)
    return Outcome(trial.name, "failed", reason)


def death(exitcode: int | None) -> str:
    """How a process ended, in words."""
    if exitcode is None or exitcode >= 0:
        return f"its process ended with exit code {exitcode}"
    name = signal.Signals(-exitcode).name if -exitcode in set(signal.Signals) else f"{-exitcode}"
    memory = " (perhaps out of memory)"
    notes = {"SIGSEGV": " (a segmentation fault)", "SIGKILL": memory, "SIGABRT": memory}
    return f"its process was ended by {name}{notes.get(name, '')}"


def _stop(workers: Sequence[Worker]) -> None:
    """End all: those that train save their state first, if that takes no longer than GRACE."""
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
