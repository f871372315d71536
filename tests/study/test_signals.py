"""R13, R14: a sweep that is stopped leaves no process behind, and continues where it was."""

import hashlib
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from nnlab.run.folder import RunFolder
from nnlab.run.sweeps import SweepFolder
from tests.patience import PATIENCE, wait_until

ROOT = Path(__file__).resolve().parents[2]
MARK = "NNLAB_TEST_MARK"
ENDLESS = """
data: {name: xor, variant: line}
network: [{dense: 3}, sigmoid, {dense: 1}, sigmoid]
loss: mse
training: {epochs: 100000000, batch_size: full, engine: numpy}
"""
SHORT = ENDLESS.replace("100000000", "4000")

linux = pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")


class Command:
    """A sweep in a process of its own, and all processes that it has started."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.mark = uuid.uuid4().hex
        environment = {**os.environ, "PYTHONPATH": str(ROOT), MARK: self.mark}
        environment.pop("NNLAB_RUNS", None)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "nnlab", "sweep", "-c", "case.yaml", "--no-plots", *arguments],
            cwd=folder,
            env=environment,
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def alive(self) -> list[int]:
        """Every process with this command's mark in its environment, but for zombies."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                marked = f"{MARK}={self.mark}".encode() in (path / "environ").read_bytes()
                zombie = (path / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
            except OSError:
                continue
            if marked and not zombie:
                found.append(int(path.name))
        return found

    def wait_until(self, happens: Callable[[], bool]) -> None:
        def ended_or_happens() -> bool:
            assert self.process.poll() is None, self.process.communicate()
            return happens()

        wait_until(ended_or_happens)


def running(folder: SweepFolder) -> list[str]:
    if not folder.path.is_dir():
        return []
    names = folder.trials()
    return [
        name
        for name in names
        if len(folder.trial(name).read_table("metrics.csv").get("epoch", ())) > 1
    ]


def finished(folder: SweepFolder) -> list[str]:
    if not folder.path.is_dir():
        return []
    return [
        n for n in folder.trials() if folder.trial(n).read_json("run.json")["status"] == "completed"
    ]


def contents(folder: SweepFolder, names: list[str]) -> dict[str, str]:
    files = [p for name in names for p in (folder.path / name).rglob("*") if p.is_file()]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@linux
@pytest.mark.parametrize(
    ("number", "code", "statuses"),
    [
        # A trial that gets no processor for GRACE seconds is killed before it has saved.
        (signal.SIGINT, 130, {"interrupted", "resumable"}),
        (signal.SIGTERM, 143, {"interrupted", "resumable"}),
        (signal.SIGKILL, -9, {"resumable"}),
    ],
)
def test_no_process_is_left_behind(
    tmp_path: Path, number: int, code: int, statuses: set[str]
) -> None:
    (tmp_path / "case.yaml").write_text(ENDLESS)
    folder = SweepFolder(tmp_path / "runs" / "sweep-case-lr")
    command = Command(tmp_path, "lr=0.1,0.2,0.3,0.4", "--jobs", "2")
    command.wait_until(lambda: len(running(folder)) == 2)
    assert len(command.alive()) >= 3
    command.process.send_signal(number)
    wait_until(lambda: command.alive() == [], "the end of all processes")
    _, stderr = command.process.communicate(timeout=PATIENCE)
    assert command.process.returncode == code
    found = [folder.trial(name).status() for name in folder.trials()]
    assert set(found) <= statuses
    assert len(found) == 2
    if number != signal.SIGKILL:
        assert "Stopped: 0 of 4 trials are done" in stderr
        assert "The same command continues." in stderr


@linux
def test_after_a_kill_of_the_parent_only_the_missing_trials_run(tmp_path: Path) -> None:
    (tmp_path / "case.yaml").write_text(SHORT)
    folder = SweepFolder(tmp_path / "runs" / "sweep-case-lr")
    arguments = ("lr=range(1, 9)", "--jobs", "2")
    command = Command(tmp_path, *arguments)
    command.wait_until(lambda: len(finished(folder)) >= 2)
    command.process.kill()
    command.process.communicate()
    wait_until(lambda: command.alive() == [], "the end of all processes")
    before = contents(folder, done := finished(folder))
    assert 2 <= len(done) < 8

    again = Command(tmp_path, *arguments)
    _, stderr = again.process.communicate(timeout=PATIENCE)
    assert again.process.returncode == 0, stderr
    assert f"8 trials: {len(done)} done, {8 - len(done)} to run" in stderr
    assert contents(folder, done) == before
    assert len(finished(folder)) == 8

    other = Command(tmp_path, *arguments, "--jobs", "1", "--runs", "undisturbed")
    other.process.communicate(timeout=PATIENCE)
    undisturbed = SweepFolder(tmp_path / "undisturbed" / "sweep-case-lr")
    assert weights(folder) == weights(undisturbed)


@linux
def test_an_interrupted_trial_goes_on_and_ends_with_the_same_bits(tmp_path: Path) -> None:
    for epochs in ("50000", "200000", "800000"):  # until the signal comes before their end
        (tmp_path / "case.yaml").write_text(SHORT.replace("4000", epochs))
        arguments = ("lr=1,2", "--jobs", "2", "--runs", epochs)
        folder = SweepFolder(tmp_path / epochs / "sweep-case-lr")
        command = Command(tmp_path, *arguments)
        wait_until(lambda: command.process.poll() is not None or len(running(folder)) == 2)  # noqa: B023
        command.process.send_signal(signal.SIGINT)
        command.process.communicate(timeout=PATIENCE)
        if len(folder.trials()) == 2 and not finished(folder):
            break
    again = Command(tmp_path, *arguments)
    _, stderr = again.process.communicate(timeout=PATIENCE)
    assert "2 trials: 2 to run (2 to continue)" in stderr
    for name in folder.trials():
        assert folder.trial(name).read_json("run.json")["resumed"]
    other = Command(tmp_path, "lr=1,2", "--jobs", "1", "--runs", "undisturbed")
    other.process.communicate(timeout=PATIENCE)
    assert weights(folder) == weights(SweepFolder(tmp_path / "undisturbed" / "sweep-case-lr"))


def weights(folder: SweepFolder) -> dict[str, bytes]:
    """The final weights of every trial, bit for bit."""
    found = {}
    for name in folder.trials():
        arrays = RunFolder(folder.path / name).read_arrays("weights/final.npz")
        found[name] = b"".join(arrays[key].tobytes() for key in sorted(arrays))
    return found
