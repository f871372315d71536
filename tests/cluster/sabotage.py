"""Trials that go wrong in every way there is, inside the process that a machine runs them in."""

import ctypes
import os
import signal
import time
from multiprocessing.connection import Connection
from pathlib import Path

from nnlab.sweep import worker
from nnlab.sweep.trial import Outcome, Trial, record_failure, run_trial, said


def spoiled(trial: Trial, parent: Path, machine: object = None) -> Outcome:
    """Does what the trial's cell says, in the middle of the training."""
    how = trial.cell.get("how")
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "segfault":
        ctypes.string_at(0)
    if how == "hang":
        time.sleep(600)
    try:
        if how == "memory":
            bytearray(4 << 30)
        if how == "raise":
            raise RuntimeError("sabotage")
    except (MemoryError, RuntimeError) as error:
        record_failure(trial, parent, said(error))
        return Outcome(trial.name, "failed", said(error))
    return run_trial(trial, parent)


def serve(tasks: Connection, parent: Path, memory: int | None = None) -> None:
    """What `nnlab.sweep.worker.serve` does, with sabotage."""
    worker.run_trial = spoiled  # type: ignore[assignment]
    worker.serve(tasks, parent, memory)
