"""Trials on the workers of a dask.distributed cluster, without a disk that they share.

A worker gets a trial's config and the hash of its data, and gives back the run folder. Which worker
runs what is decided here, one trial a slot, so that a worker that is lost, or that cannot run a
trial, costs nothing: the trial goes to another. A trial that is run twice gives the same folder
twice, and the first that arrives is kept.
"""

import json
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from nnlab.errors import DataError, RunLocked, RunUnreadable, StorageError
from nnlab.run.folder import RUN, RunFolder
from nnlab.study import remote
from nnlab.study.address import Address, Tls, connected, refuse_strangers
from nnlab.study.executors import Events, Note
from nnlab.study.parcel import unpack
from nnlab.study.trial import Begun, Outcome, Trial, outcome, record_failure

LOOK = 0.5  # seconds between looks at which workers there are
TICK = 0.02  # seconds between looks at what is done
TRIES = 3  # workers that may be lost while they run a trial; after that it is the trial's fault


def _about() -> Callable[[], dict[str, Any]]:
    """A function that a worker can run which has no nnlab, or an old one: it is sent as code."""

    def found() -> dict[str, Any]:
        from importlib.util import find_spec

        import numpy

        import nnlab

        return {
            "nnlab": str(nnlab.__version__),
            "numpy": str(numpy.__version__),
            "numba": find_spec("numba") is not None,
        }

    return found


about = _about()


@dataclass(frozen=True)
class Cluster:
    """An executor on a cluster.

    timeout: seconds that a trial may take, then it is killed.
    memory: bytes that a trial may take beyond what the program itself takes.
    insecure: trust a scheduler without TLS.
    """

    address: Address
    timeout: float | None = None
    memory: int | None = None
    insecure: bool = False
    tls: Tls = field(default_factory=Tls)

    def warm(self) -> None:
        """Nothing can be started before the scheduler is asked."""

    def run(self, trials: Sequence[Trial], parent: Path) -> Events:
        """See Executor. Raises UsageError, StorageError when the scheduler cannot be used."""
        refuse_strangers(self.address, self.insecure)
        if not trials:
            return
        with connected(self.address, self.tls) as client:
            compilable = any(engine(trial) != "numpy" for trial in trials)
            crew = Crew(client, self, parent, deque(trials), compilable)
            try:
                yield from crew.work()
            except OSError as error:
                raise StorageError(
                    f"The scheduler {self.address.text} is gone ({type(error).__name__}). What is "
                    "finished is kept; the same command runs the rest."
                ) from None
            finally:
                crew.cancel()


@dataclass
class Crew:
    """The workers, what each is doing, and what is still to do."""

    client: Any  # distributed.Client
    wanted: Cluster
    parent: Path
    waiting: deque[Trial]
    compilable: bool  # a trial may take the compiled engine, where numba is
    slots: dict[str, int] = field(default_factory=dict)  # threads of each worker that is used
    known: set[str] = field(default_factory=set)
    idle: bool = False  # there are no workers, and that was said
    running: dict[Any, tuple[Trial, str]] = field(default_factory=dict)  # future -> trial, worker
    hashes: dict[str, str] = field(default_factory=dict)  # data -> SHA-256 that the first trial had
    refused: dict[str, dict[str, str]] = field(default_factory=dict)  # data -> worker -> why
    losses: Counter[str] = field(default_factory=Counter)

    def work(self) -> Events:
        """All trials, until each has an outcome."""
        while self.waiting or self.running:
            yield from self.look()
            yield from self.assign()
            for future in self.ended():
                yield from self.take(future)

    def look(self) -> Iterator[Note | Outcome]:
        """Which workers are there now? What a lost one was running waits again."""
        self.refuse_silence()
        there: dict[str, int] = dict(self.client.nthreads())
        if not there and not self.idle:
            yield Note("The cluster has no workers; waiting for some.")
        self.idle = not there
        new = [worker for worker in there if worker not in self.known]
        self.known |= set(new)
        here = about()
        for worker, said in self.asked(new).items():
            if (problem := self.stranger(said, here)) is not None:
                yield Note(f"The worker {worker} is not used: {problem}.")
                continue
            self.slots[worker] = there[worker]
            if said["numpy"] != here["numpy"]:
                yield Note(
                    f"The worker {worker} has NumPy {said['numpy']}, here is {here['numpy']}: what "
                    "it trains may differ in the last bits from what is trained elsewhere."
                )
        if there and self.known.issuperset(there) and not set(there) & set(self.slots):
            raise StorageError("No worker of the cluster can run trials of this nnlab.")
        for worker in set(self.slots) - set(there):
            del self.slots[worker]
            for future, (trial, where) in list(self.running.items()):
                if where == worker:
                    yield from self.lose(future, trial, f"the worker {worker} was lost")

    def asked(self, workers: Sequence[str]) -> dict[str, Any]:
        """What each worker says of itself: as `about`, or the error that it was."""
        if not workers:
            return {}
        said = self.client.run(about, workers=list(workers), on_error="return")
        return {worker: said.get(worker) for worker in workers}

    def stranger(self, there: Any, here: dict[str, Any]) -> str | None:
        """Why a worker that says this of itself cannot be used; None if it can."""
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
            if all(busy[worker] >= count for worker, count in self.slots.items()):
                return
            trial = self.waiting.popleft()
            if (known := outcome(RunFolder(self.parent / trial.name))) is not None:
                yield known
                continue
            refused = self.refused.get(data_of(trial), {})
            able = [worker for worker in self.slots if worker not in refused]
            if not able and refused and self.slots:
                reasons = set(refused.values())
                named = "; ".join(f"{worker}: {why}" for worker, why in refused.items())
                yield self.fail(trial, reasons.pop() if len(reasons) == 1 else named)
                continue
            free = [worker for worker in able if busy[worker] < self.slots[worker]]
            if not free:
                self.waiting.append(trial)
                continue
            worker = min(free, key=lambda one: busy[one] / self.slots[one])
            busy[worker] += 1
            self.running[self.submit(trial, worker)] = (trial, worker)
            yield Begun(trial.name)

    def submit(self, trial: Trial, worker: str) -> Any:
        """The future of (answer, parcel)."""
        wanted = self.wanted
        known = trial.data or self.hashes.get(data_of(trial))
        return self.client.submit(
            remote.run,
            replace(trial, data=known),
            wanted.timeout,
            wanted.memory,
            engine(trial) != "numpy",
            key=f"{trial.name}-{self.losses[trial.name]}-{id(trial)}",
            workers=[worker],
            allow_other_workers=False,
            pure=False,
            retries=0,
        )

    def ended(self) -> list[Any]:
        """The futures that are done, after a short wait for one."""
        end = monotonic() + LOOK
        while True:
            done = [future for future in self.running if future.done()]
            if done or monotonic() > end:
                self.refuse_silence()
                return done
            sleep(TICK)

    def refuse_silence(self) -> None:
        """ConnectionError when the scheduler is gone; then every future looks cancelled."""
        if self.client.status != "running":
            raise ConnectionError("no connection")

    def take(self, future: Any) -> Iterator[Begun | Outcome | Note]:
        """What came back of a trial."""
        trial, worker = self.running.pop(future)
        if future.status != "finished":
            error = future.exception() if future.status == "error" else None
            yield from self.lose(future, trial, f"{worker}: {type(error).__name__}: {error}")
            return
        answer, parcel = future.result()
        future.release()
        if "lost" in answer:
            yield from self.lose(future, trial, f"{worker}: {answer['lost']}")
        elif (problem := self.other_data(trial, answer, parcel)) is not None:
            self.refused.setdefault(data_of(trial), {})[worker] = problem
            yield Note(f"{worker} does not run trials with these data: {problem}")
            self.waiting.append(trial)
        else:
            try:
                yield self.keep(trial, Outcome(**answer), parcel)
            except RunUnreadable as error:
                yield from self.lose(future, trial, f"{worker}: {error}")

    def other_data(self, trial: Trial, answer: dict[str, Any], parcel: Any) -> str | None:
        """Why a worker has not the data that the others have; None if it has."""
        if answer["error"] == DataError.__name__:
            return str(answer["reason"])
        about = {} if parcel is None else json.loads(parcel.files.get(RUN, b"{}"))
        found = (about.get("data") or {}).get("sha256")
        if found is None:  # it did not come as far as that
            return None
        wanted = trial.data or self.hashes.setdefault(data_of(trial), found)
        if found == wanted:
            return None
        return f"Its data have the SHA-256 {found}, those of finished trials {wanted}."

    def keep(self, trial: Trial, ended: Outcome, parcel: Any) -> Outcome:
        """Put the run folder in its place; the outcome is what stands there then.

        Raises RunUnreadable when it was damaged on its way.
        """
        if parcel is None:  # the disk there was full, say
            return self.fail(trial, ended.reason or "it came back without a run folder")
        try:
            unpack(parcel, self.parent / trial.name)
        except RunLocked as error:
            return replace(ended, status="locked", reason=str(error))
        there = outcome(RunFolder(self.parent / trial.name))
        return ended if there is None else replace(there, seconds=ended.seconds)

    def lose(self, future: Any, trial: Trial, why: str) -> Iterator[Outcome]:
        """The trial waits again, unless it was lost too often."""
        self.running.pop(future, None)
        future.cancel(force=True)
        self.losses[trial.name] += 1
        if self.losses[trial.name] < TRIES:
            self.waiting.appendleft(trial)
        else:
            yield self.fail(trial, f"it was lost {TRIES} times, at last: {why}")

    def fail(self, trial: Trial, reason: str) -> Outcome:
        """Record that it failed."""
        record_failure(trial, self.parent, reason)
        return Outcome(trial.name, "failed", reason)

    def cancel(self) -> None:
        """Nobody waits for what is running: the workers notice, and stop it."""
        for future in self.running:
            future.cancel(force=True)


def engine(trial: Trial) -> str:
    """numpy, compiled or auto."""
    return str(trial.training["engine"])


def data_of(trial: Trial) -> str:
    """The data section of its config: trials with the same one see the same rows."""
    return json.dumps(json.loads(trial.config)["data"])
