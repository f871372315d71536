"""Where trials run: in this process, or in other processes, which are supervised.

An executor takes trials and yields how each begins and ends, in any order. Closing the generator
stops the trials that are running. `Processes` starts processes and gives each one trial at a time
over a pipe; `serve` is what they run, and it never outlives the process that started it.
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
from importlib.util import find_spec
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from time import monotonic
from typing import Any, Protocol

from nnlab.build import SHARED, numpy_seconds, outline
from nnlab.config.schema import Config
from nnlab.errors import Interrupted, UsageError
from nnlab.run import environment, threads
from nnlab.study.trial import Begun, Outcome, Trial, record_failed_trial, run_trial

WORTH_PROCESSES_S = 1.0  # work of all trials that pays for starting processes
SHARES_PROCESS_S = 20.0  # a trial below this shares a process with others
START = 120.0  # seconds for a process to come up: a busy machine, kernels to compile
GRACE = 3.0  # seconds to save a state after SIGTERM
LOOK = 0.3  # seconds between two checks whether the trials are still wanted
METHODS = ("forkserver", "spawn")  # by preference; Windows has only the second
PRELOADED = ("__main__", "nnlab.study.execute")  # imported once, before the processes fork
COMPILED = ("nnlab.engine.compiled.engine",)  # what trials of the compiled engine import
PR_SET_PDEATHSIG = 1  # linux/prctl.h
STARTING = threading.Lock()  # a new process gets the environment of this process

Entry = Callable[[Connection, Path, int | None], None]
Event = Begun | Outcome


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
) -> "InProcess | Processes":
    """This process for little work or one job, else other processes.

    With a limit, or where a trial takes long, each trial has a process of its own.
    """
    each = numpy_seconds(base, *outline(base)[:2])  # NumPy's time; a trial's is of that order
    limited = (timeout, memory) != (None, None)
    may_compile = base.training.engine != "numpy" and find_spec("numba") is not None
    if not limited and (jobs == 1 or (jobs is None and each * len(trials) < WORTH_PROCESSES_S)):
        return InProcess()
    return Processes(
        jobs=min(jobs or usable_cores(), max(len(trials), 1)),
        shared=not limited and each < SHARES_PROCESS_S,
        timeout=timeout,
        memory=memory,
        preload=COMPILED if each > SHARED and may_compile else (),
    )


def usable_cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


# What a process runs.


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

    The kernel holds this limit on the address space, at every allocation: a check of the resident
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


# The processes, seen from the process that started them.


@dataclass(frozen=True)
class Processes:
    """At most `jobs` processes at a time, each with one BLAS thread.

    UsageError where memory cannot be limited.

    shared: a process runs several trials in turn; else each trial has its own. When a process
    dies, its trial failed and another process takes its place.
    timeout: seconds that a trial may take before it is killed.
    memory: bytes that a trial may take beyond what the program itself takes.
    preload: modules that trials need, imported once.
    is_wanted: called every LOOK seconds; once it returns False, the trials end.
    entry: what a process runs; tests replace it.
    """

    jobs: int
    shared: bool = False
    timeout: float | None = None
    memory: int | None = None
    preload: tuple[str, ...] = ()
    is_wanted: Callable[[], bool] = lambda: True
    entry: Entry = serve

    def __post_init__(self) -> None:
        if self.memory is not None and sys.platform != "linux":
            raise UsageError(
                "A limit of memory needs Linux: no other system limits a process reliably."
            )

    def warm(self) -> BaseContext:
        """Begin to start the server that forks the processes, and return; `run` does it too."""
        methods = multiprocessing.get_all_start_methods()
        method = next(name for name in METHODS if name in methods)
        context = multiprocessing.get_context(method)
        if method == "forkserver":
            from multiprocessing.forkserver import ensure_running

            context.set_forkserver_preload([*PRELOADED, *self.preload])
            with STARTING, threads.inherited(1):
                ensure_running()
        return context

    def run(self, trials: Sequence[Trial], parent: Path) -> Generator[Event, None, None]:
        waiting = deque(trials)
        workers: list[Worker] = []
        context = self.warm()
        try:
            while (waiting or workers) and self.is_wanted():
                while waiting and len(workers) < self.jobs:
                    workers.append(Worker.start(context, self, parent))
                    workers[-1].give(waiting.popleft())
                yield from _hear(workers, parent)
                for worker in [worker for worker in workers if worker.trial is None]:
                    if waiting and not worker.over:
                        worker.give(waiting.popleft())
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
    shared: bool
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
        return cls(process, here, wanted.timeout, wanted.shared)

    def give(self, trial: Trial) -> None:
        """Send the next trial; `hear` notices a dead process."""
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
            self.trial, self.over = None, not self.shared or event.status == "interrupted"
        return event

    def fail(self, trial: Trial, parent: Path, reason: str = "") -> Outcome:
        """End the process, and record that its trial failed; by default the reason is its end."""
        self.end(GRACE)
        self.trial, self.over = None, True
        return record_failed_trial(trial, parent, reason or death(self.process.exitcode))

    def dismiss(self) -> None:
        """End a process that has no trial."""
        with suppress(OSError):
            self.tasks.send(None)
        self.end(GRACE)

    def end(self, patience: float) -> None:
        """Wait for its end, at most `patience` seconds, then kill it."""
        self.process.join(patience)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.tasks.close()


def _hear(workers: Sequence[Worker], parent: Path) -> Iterator[Event]:
    """The next events, and the failures of trials whose process died or that took too long."""
    by_pipe: dict[Any, Worker] = {worker.tasks: worker for worker in workers}
    patience = min(worker.deadline for worker in workers) - monotonic()
    for pipe in wait(list(by_pipe), min(max(patience, 0.0), LOOK)):
        worker = by_pipe[pipe]
        trial = worker.trial
        event = worker.hear()
        if event is not None:
            yield event
        elif trial is not None:
            yield worker.fail(trial, parent)
    for worker in workers:
        if worker.trial is not None and worker.deadline <= monotonic():
            worker.process.kill()
            limit = START if worker.timeout is None else worker.timeout
            yield worker.fail(worker.trial, parent, f"over the time limit of {limit:g} s")


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
