"""What runs inside a worker of the cluster: it has trials supervised and sends their folders back.

Sent to it are a config, a hash of the data, and limits; sent back are the files of the run folder.
A trial may be run again elsewhere at any time: nothing here outlives it.
"""

import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from tempfile import TemporaryDirectory
from typing import Any

from nnlab.run.folder import RunFolder
from nnlab.study import foreman
from nnlab.study.parcel import Parcel, pack
from nnlab.study.trial import Trial

COMMAND: Sequence[str] = (sys.executable, "-m", "nnlab.study.foreman")
LOOK = 0.3  # seconds between looks whether the trial is still wanted


class Supervisor:
    """A foreman process and the pipe to it."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            start_new_session=True,
        )
        self.answers: SimpleQueue[str] = SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()

    def ask(self, line: str) -> None:
        """Give an order."""
        assert self.process.stdin is not None  # it is a pipe
        self.process.stdin.write(line)
        self.process.stdin.flush()

    def end(self) -> None:
        """Kill it; the processes below it end by themselves."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()

    def _listen(self) -> None:
        assert self.process.stdout is not None  # it is a pipe
        for line in self.process.stdout:
            self.answers.put(line)
        self.answers.put("")  # it is gone


IDLE: SimpleQueue[Supervisor] = SimpleQueue()  # of this worker, kept for the next trial
Delivered = tuple[dict[str, Any], Parcel | None]


def run(trial: Trial, timeout: float | None, memory: int | None, compiled: bool) -> Delivered:
    """The answer of the foreman, and the run folder.

    The answer is a trial's outcome, or {"lost": what happened to the foreman}.
    """
    from distributed import get_worker

    worker = get_worker()
    key = str(worker.get_current_task())
    with TemporaryDirectory(prefix="nnlab-", dir=worker.local_directory) as place:
        supervisor = _supervisor()
        try:
            limits = {"timeout": timeout, "memory": memory, "compiled": compiled}
            supervisor.ask(foreman.as_order(trial, place, **limits))
            line = _answer(supervisor, worker, key)
        except BrokenPipeError:  # it had just ended, with nothing to do
            line = ""
        except BaseException:
            supervisor.end()
            raise
        if not line:
            supervisor.end()
            return {"lost": "its supervisor died"}, None
        IDLE.put(supervisor)
        folder = Path(place, trial.name)
        return json.loads(line), pack(folder) if RunFolder(folder).exists() else None


def _supervisor() -> Supervisor:
    try:
        while True:
            idle = IDLE.get_nowait()
            if idle.process.poll() is None:
                return idle
            idle.end()
    except Empty:
        return Supervisor()


def _answer(supervisor: Supervisor, worker: Any, key: str) -> str:
    """What the foreman says; RuntimeError when nobody waits for it any more."""
    while True:
        try:
            return supervisor.answers.get(timeout=LOOK)
        except Empty:
            task = worker.state.tasks.get(key)
            if task is None or task.state != "executing":
                raise RuntimeError(f"{key} is not wanted any more") from None
