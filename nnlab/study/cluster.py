"""Trials on the workers of a dask.distributed cluster, without a shared disk.

A worker receives a trial and the hash of its data, supervises it as `Processes` does here, and
returns the run folder. This process decides which worker runs which trial, one per slot: the trial
of a worker that is lost, or that cannot run it, goes to another worker. A trial that runs twice
gives the same folder twice, and the first that arrives is used.
"""

import json
import multiprocessing
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import Any

from nnlab.errors import DataError, RunLocked, RunUnreadable, StorageError
from nnlab.run.folder import RUN, RunFolder
from nnlab.study.execute import COMPILED, Entry, Events, Note, Processes, serve
from nnlab.study.parcel import Parcel, pack_run, unpack_run
from nnlab.study.scheduler import Address, Tls, connected, refuse_without_tls
from nnlab.study.trial import Begun, Outcome, Trial, read_outcome, record_failed_trial

LOOK = 0.5  # seconds between two checks for new and lost workers
TICK = 0.02  # seconds between two checks for trials that ended
TRIES = 3  # lost workers after which the trial counts as failed
ENTRY: Entry = serve  # what the process of a trial does; tests replace it

Delivery = tuple[Outcome, Parcel | None]


def run_on_worker(
    trial: Trial, timeout: float | None, memory: int | None, compiled: bool
) -> Delivery:
    """The task of a worker: run a trial, supervised, and return its outcome and run folder."""
    from distributed import get_worker

    worker = get_worker()
    key = worker.get_current_task()

    def is_wanted() -> bool:
        task = worker.state.tasks.get(key)
        return task is not None and task.state == "executing"

    # Python forbids a daemon, such as a nanny's worker, to start processes, which might outlive
    # it. Those of nnlab do not.
    multiprocessing.current_process().daemon = False
    processes = Processes(
        jobs=1,
        timeout=timeout,
        memory=memory,
        preload=("distributed.cli.dask_worker", *(COMPILED if compiled else ())),
        is_wanted=is_wanted,
        entry=ENTRY,
    )
    with TemporaryDirectory(prefix="nnlab-", dir=worker.local_directory) as place:
        folder = Path(place, trial.name)
        for event in processes.run([trial], Path(place)):
            if isinstance(event, Outcome):
                return event, pack_run(folder) if RunFolder(folder).exists() else None
    raise RuntimeError(f"{key} is not wanted any more")


def _make_about() -> Callable[[], dict[str, Any]]:
    """`about` as a closure, which is sent as code: a worker may lack nnlab, or have an old one."""

    def about() -> dict[str, Any]:
        from importlib.util import find_spec

        import numpy

        import nnlab

        return {
            "nnlab": str(nnlab.__version__),
            "numpy": str(numpy.__version__),
            "numba": find_spec("numba") is not None,
        }

    return about


about = _make_about()


@dataclass(frozen=True)
class Cluster:
    """An executor on a cluster.

    timeout: seconds that a trial may take before it is killed.
    memory: bytes that a trial may take beyond what the program itself takes.
    insecure: trust a scheduler without TLS.
    """

    address: Address
    timeout: float | None = None
    memory: int | None = None
    insecure: bool = False
    tls: Tls = field(default_factory=Tls)

    def run(self, trials: Sequence[Trial], parent: Path) -> Events:
        """See Executor. Raises UsageError, StorageError when the scheduler cannot be used."""
        refuse_without_tls(self.address, self.insecure)
        if not trials:
            return
        with connected(self.address, self.tls) as client:
            dispatch = Dispatch(client, self, parent, deque(trials), any(map(compiles, trials)))
            try:
                yield from dispatch.run()
            except OSError as error:
                raise StorageError(
                    f"The scheduler {self.address.text} is gone ({type(error).__name__}). What is "
                    "finished is saved; the same command runs the rest."
                ) from None
            finally:
                for future in dispatch.running:  # the workers notice, and stop
                    future.cancel(force=True)


@dataclass
class Dispatch:
    """The workers, the trial that each runs, and the trials still to run.

    compilable: whether a trial may take the compiled engine, which needs numba.
    slots: usable worker -> its threads. known: workers whose versions were asked for.
    idle: whether the user knows that there are no workers.
    running: future -> trial and worker. losses: trial -> workers lost with it.
    hashes: data -> SHA-256 in the first trial that ended. refused: data -> worker -> why.
    """

    client: Any  # distributed.Client
    wanted: Cluster
    parent: Path
    waiting: deque[Trial]
    compilable: bool
    slots: dict[str, int] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)
    idle: bool = False
    running: dict[Any, tuple[Trial, str]] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)
    refused: dict[str, dict[str, str]] = field(default_factory=dict)
    losses: Counter[str] = field(default_factory=Counter)

    def run(self) -> Events:
        """All trials, until each has an outcome."""
        while self.waiting or self.running:
            yield from self.find_workers()
            yield from self.assign()
            for future in self.wait_for_ended():
                yield from self.receive(future)

    def find_workers(self) -> Iterator[Note | Outcome]:
        """Take up new workers; what a lost worker was running waits again."""
        self.refuse_silence()
        there: dict[str, int] = dict(self.client.nthreads())
        if not there and not self.idle:
            yield Note("The cluster has no workers; waiting for some.")
        self.idle = not there
        if new := list(there.keys() - self.known):
            yield from self.inspect(new, there)
        if there and self.known.issuperset(there) and not set(there) & set(self.slots):
            raise StorageError("No worker of the cluster can run trials of this nnlab.")
        for worker in set(self.slots) - set(there):
            del self.slots[worker]
            for future, (trial, where) in list(self.running.items()):
                if where == worker:
                    yield from self.lose(future, trial, f"the worker {worker} was lost")

    def inspect(self, workers: list[str], threads: dict[str, int]) -> Iterator[Note]:
        """Ask new workers for their versions, and use those that can run these trials."""
        self.known |= set(workers)
        here, answers = about(), self.client.run(about, workers=workers, on_error="return")
        for worker in workers:
            answer = answers.get(worker)
            if (problem := self.why_unusable(answer, here)) is not None:
                yield Note(f"The worker {worker} is not used: {problem}.")
                continue
            self.slots[worker] = threads[worker]
            if answer["numpy"] != here["numpy"]:
                yield Note(
                    f"The worker {worker} has NumPy {answer['numpy']}, here is {here['numpy']}: "
                    "what it trains may differ in the last bits from what is trained elsewhere."
                )

    def why_unusable(self, there: Any, here: dict[str, Any]) -> str | None:
        """Why a worker with this answer cannot be used; None if it can."""
        if isinstance(there, ImportError):
            return "nnlab is not installed there"
        if not isinstance(there, dict):
            return f"it does not answer ({type(there).__name__})"
        if there["nnlab"] != here["nnlab"]:
            return f"it has nnlab {there['nnlab']}, here is {here['nnlab']}"
        if there["numba"] != here["numba"] and self.compilable:
            has, lacks = ("it", "this machine") if there["numba"] else ("this machine", "it")
            return (
                f"{has} has numba and {lacks} has not, so its engine would be another; "
                "--set training.engine=numpy makes them equal"
            )
        return None

    def assign(self) -> Iterator[Begun | Outcome]:
        """Give every free slot a trial."""
        busy = Counter(worker for _, worker in self.running.values())
        for _ in range(len(self.waiting)):
            if sum(busy.values()) >= sum(self.slots.values()):
                return
            trial = self.waiting.popleft()
            if known := read_outcome(RunFolder(self.parent / trial.name)):
                yield known
                continue
            refused = self.refused.get(trial.data_key, {})
            able = [worker for worker in self.slots if worker not in refused]
            worker = min(able, key=lambda name: busy[name] / self.slots[name], default=None)
            if worker is not None and busy[worker] < self.slots[worker]:
                busy[worker] += 1
                self.running[self.submit(trial, worker)] = (trial, worker)
                yield Begun(trial.name)
            elif able or not self.slots:
                self.waiting.append(trial)
            else:
                yield record_failed_trial(trial, self.parent, one_reason(refused))

    def submit(self, trial: Trial, worker: str) -> Any:
        """The future of a Delivery."""
        return self.client.submit(
            run_on_worker,
            replace(trial, data=trial.data or self.hashes.get(trial.data_key)),
            self.wanted.timeout,
            self.wanted.memory,
            compiles(trial),
            key=f"{trial.name}-{self.losses[trial.name]}-{id(trial)}",
            workers=[worker],
            allow_other_workers=False,
            pure=False,
            retries=0,
        )

    def wait_for_ended(self) -> list[Any]:
        """The futures that are done, after a short wait for the first."""
        end = monotonic() + LOOK
        while True:
            done = [future for future in self.running if future.done()]
            if done or monotonic() > end:
                self.refuse_silence()
                return done
            sleep(TICK)

    def refuse_silence(self) -> None:
        """ConnectionError when the scheduler is gone: every future then looks cancelled."""
        if self.client.status != "running":
            raise ConnectionError("no connection")

    def receive(self, future: Any) -> Iterator[Outcome | Note]:
        """Take the result of a trial from its future."""
        trial, worker = self.running.pop(future)
        if future.status != "finished":
            error = future.exception() if future.status == "error" else None
            yield from self.lose(future, trial, f"{worker}: {type(error).__name__}: {error}")
            return
        outcome, parcel = future.result()
        future.release()
        if (problem := self.other_data(trial, outcome, parcel)) is not None:
            self.refused.setdefault(trial.data_key, {})[worker] = problem
            yield Note(f"{worker} does not run trials with these data: {problem}")
            self.waiting.append(trial)
            return
        try:
            yield self.save(trial, outcome, parcel)
        except RunUnreadable as error:
            yield from self.lose(future, trial, f"{worker}: {error}")

    def other_data(self, trial: Trial, outcome: Outcome, parcel: Parcel | None) -> str | None:
        """Why a worker's data differ from those of the other workers; None if they do not."""
        if outcome.error == DataError.__name__:
            return str(outcome.reason)
        about_run = {} if parcel is None else json.loads(parcel.files.get(RUN, b"{}"))
        trained_on = (about_run.get("data") or {}).get("sha256")
        if trained_on is None:  # it failed before it read the data
            return None
        wanted = trial.data or self.hashes.setdefault(trial.data_key, trained_on)
        if trained_on == wanted:
            return None
        return f"Its data have the SHA-256 {trained_on}, those of finished trials {wanted}."

    def save(self, trial: Trial, outcome: Outcome, parcel: Parcel | None) -> Outcome:
        """Put the run folder in its place; the outcome by the folder that is there then.

        Raises RunUnreadable when it was damaged on its way.
        """
        if parcel is None:  # as when the worker's disk is full
            reason = outcome.reason or "it came back without a run folder"
            return record_failed_trial(trial, self.parent, reason)
        try:
            unpack_run(parcel, self.parent / trial.name)
        except RunLocked as error:
            return replace(outcome, status="locked", reason=str(error))
        there = read_outcome(RunFolder(self.parent / trial.name))
        return outcome if there is None else replace(there, seconds=outcome.seconds)

    def lose(self, future: Any, trial: Trial, why: str) -> Iterator[Outcome]:
        """Let the trial wait again, unless it was lost too often."""
        self.running.pop(future, None)
        future.cancel(force=True)
        self.losses[trial.name] += 1
        if self.losses[trial.name] < TRIES:
            self.waiting.appendleft(trial)
        else:
            reason = f"it was lost {TRIES} times, at last: {why}"
            yield record_failed_trial(trial, self.parent, reason)


def one_reason(refused: Mapping[str, str]) -> str:
    """The reason that all workers give, or the reason of each."""
    reasons = list(dict.fromkeys(refused.values()))
    if len(reasons) == 1:
        return reasons[0]
    return "; ".join(f"{worker}: {why}" for worker, why in refused.items())


def compiles(trial: Trial) -> bool:
    """Whether a trial may take the compiled engine."""
    return trial.config.training.engine != "numpy"
