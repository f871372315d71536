"""A real scheduler and real workers in other processes, and trials to give them."""

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from nnlab.config.load import load
from nnlab.study.execute import Executor, Note
from nnlab.study.trial import Outcome, Trial
from tests.patience import wait_until

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Dask:
    """A scheduler on 127.0.0.1 and workers, each a process of its own."""

    folder: Path
    processes: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    @property
    def file(self) -> Path:
        return self.folder / "scheduler.json"

    @property
    def address(self) -> str:
        return str(json.loads(self.file.read_text())["address"])

    def log(self) -> str:
        """What all of them said so far."""
        return (self.folder / "log").read_text()

    def start(self, *command: str) -> "subprocess.Popen[bytes]":
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *command, "--scheduler-file", str(self.file)],
                cwd=self.folder,
                env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def scheduler(self, *more: str) -> "subprocess.Popen[bytes]":
        place = ["--host", "127.0.0.1", "--port", "0"] if not more else list(more)
        process = self.start("distributed.cli.dask_scheduler", *place, "--no-dashboard")
        wait_until(self.file.is_file)
        return process

    def worker(self, *more: str) -> "subprocess.Popen[bytes]":
        """Without a nanny: a worker that is killed stays dead."""
        options = ["--no-nanny", "--nthreads", "1", "--no-dashboard"]
        return self.start("distributed.cli.dask_worker", *options, *more)

    def end(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()


def trial(name: str, *changes: str, config: str = "xor", seed: int = 0, **more: str) -> Trial:
    """A trial of a shipped config with the NumPy engine."""
    overrides = ["training.engine=numpy", f"seed={seed}", *changes]
    return Trial(name, load(config, overrides).config, {"seed": seed, **more})


def trials(count: int, *changes: str) -> list[Trial]:
    return [trial(f"t{seed:02}", *changes, seed=seed) for seed in range(count)]


def outcomes(executor: Executor, wanted: list[Trial], parent: Path) -> dict[str, Outcome]:
    """Runs all, and gives each trial's only outcome."""
    parent.mkdir(parents=True, exist_ok=True)
    found = [event for event in executor.run(wanted, parent) if isinstance(event, Outcome)]
    names = [one.name for one in found]
    assert sorted(names) == sorted({one.name for one in wanted}), "one outcome a trial"
    return {one.name: one for one in found}


def notes(executor: Executor, wanted: list[Trial], parent: Path) -> list[str]:
    parent.mkdir(parents=True, exist_ok=True)
    return [event.text for event in executor.run(wanted, parent) if isinstance(event, Note)]


def hashes(parent: Path) -> dict[str, tuple[str, dict[str, str]]]:
    """Of each trial's final weights, and of the training state at the epochs that are hashed."""
    return {
        path.parent.name: (
            hashlib.sha256((path.parent / "weights" / "final.npz").read_bytes()).hexdigest(),
            json.loads(path.read_text())["hashes"],
        )
        for path in parent.glob("*/run.json")
        if (path.parent / "weights" / "final.npz").is_file()
    }


def alive(word: str) -> list[int]:
    """Processes whose command line holds `word`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes()
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if word.encode() in line and state != "Z":
                found.append(int(entry.name))
    return found
