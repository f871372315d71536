"""A data set that does what it is told to a process, and what processes of tests run instead."""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from nnlab.data.dataset import Dataset, DataSource, Signature
from nnlab.data.sources import SOURCES
from nnlab.run.sweeps import SweepFolder
from nnlab.study import execute
from nnlab.study.execute import Event, Processes, Worker
from nnlab.study.plan import prepare_sweep
from nnlab.study.trial import Begun, Outcome

ROWS = 20
HOUR = 3600  # the time limit; only a trial that hangs is treated as if it had taken so long
TROUBLES = {2: "raise", 5: "kill", 9: "crash", 13: "diverge", 17: "memory", 22: "hang"}

CONFIG = """
data: trouble
network: [{dense: 3}, tanh, {dense: 1}]
loss: mse
training: {epochs: 5, dtype: float64}
"""
REASONS = {
    2: ("failed", "RuntimeError: as it was told"),
    5: ("failed", "its process was ended by SIGKILL (perhaps out of memory)"),
    9: ("failed", "its process was ended by SIGSEGV (a segmentation fault)"),
    13: ("diverged", "diverged in epoch 0: the training loss is not finite"),
    17: ("failed", "Out of memory: Unable to allocate 32.0 GiB"),
    22: ("failed", "over the time limit of 3600 s"),
}
LIMITS = ("--timeout", f"{HOUR}", "--memory", "1G", "--jobs", "2")


@dataclass(frozen=True)
class Trouble(DataSource):
    """Twenty rows; loading those of some numbers ends badly."""

    number: int = 0
    well: bool = False

    def signature(self, seed: int) -> Signature:
        return Signature((2,), 1, "regression", ROWS)

    def load(self, seed: int) -> Dataset:
        trouble = None if self.well else TROUBLES.get(self.number)
        scale = 1.0
        if trouble == "raise":
            raise RuntimeError("as it was told")
        if trouble == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if trouble == "crash":
            ctypes.string_at(0)
        if trouble == "memory":
            np.ones(2**32)
        if trouble == "hang":
            time.sleep(1000)
        if trouble == "diverge":
            scale = 1e200
        inputs = np.random.default_rng(self.number).normal(size=(ROWS, 2))
        return Dataset("trouble", inputs, scale * inputs[:, :1], "regression", f"{self.number:064}")


@contextmanager
def known() -> Iterator[None]:
    """Inside the `with`, a config can name this data set, and nobody waits for one that hangs."""
    SOURCES["trouble"] = Trouble
    real = Worker.hear

    def hear(worker: Worker) -> Event | None:
        event = real(worker)
        if isinstance(event, Begun) and worker.trial is not None:
            number = worker.trial.cell.get("data.number")
            if worker.timeout == HOUR and TROUBLES.get(number) == "hang":  # type: ignore[call-overload]
                worker.deadline -= HOUR
        return event

    Worker.hear = hear  # type: ignore[method-assign]
    try:
        yield
    finally:
        Worker.hear = real  # type: ignore[method-assign]
        del SOURCES["trouble"]


def serve(tasks: Connection, parent: Path, memory: int | None = None) -> None:
    """As the real one does, where this data set is known."""
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - until the process ends
    with known():
        execute.serve(tasks, parent, memory)


def check_18_of_24(folder: SweepFolder) -> None:
    """The sweep of `data.number=range(24)` within LIMITS: who failed, and why."""
    records = {record.cell["data.number"]: record for record in folder.records()}
    assert sorted(records) == list(range(24))
    assert sum(record.done for record in records.values()) == 18
    failed = {number: record for number, record in records.items() if not record.done}
    assert sorted(failed) == sorted(REASONS)
    for number, (status, reason) in REASONS.items():
        assert failed[number].status == status
        assert str(failed[number].reason).startswith(reason), failed[number]


def count_threads(tasks: Connection, parent: Path, memory: int | None = None) -> None:
    """Answer with the number of threads of every BLAS in this process."""
    import threadpoolctl

    while (trial := tasks.recv()) is not None:
        tasks.send(Begun(trial.name))
        np.ones((200, 200)) @ np.ones((200, 200))
        counts = [pool["num_threads"] for pool in threadpoolctl.threadpool_info()]
        tasks.send(Outcome(trial.name, "completed", str(counts)))


def main(config: str, folder: str) -> None:
    """Print the threads that the processes of a sweep have."""
    trials = prepare_sweep(["lr=0.001,0.01"], config).trials
    for event in Processes(2, entry=count_threads).run(trials, Path(folder)):
        if isinstance(event, Outcome):
            print(event.reason)


if __name__ == "__main__":
    main(*sys.argv[1:])
