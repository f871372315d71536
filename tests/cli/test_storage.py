"""R3 through the command line: a disk that is full, a limit, a folder that cannot be written."""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nnlab.run.folder import RunFolder

Process = Callable[..., "subprocess.CompletedProcess[str]"]
CONFIG = """
data: {{name: random, samples: 200, inputs: 40, outputs: 4}}
network: [{{dense: {units}}}, tanh, {{dense: 4}}]
loss: mse
optimizer: adam
training: {{epochs: 40, batch_size: 50, checkpoint_every: 1, dtype: float64}}
"""
LIMITED = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from nnlab.cli import main
from nnlab.experiment import session
real = session.Session.checkpoint
def checkpoint(run):
    if run.state.epoch == 3:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), -1))
    real(run)
session.Session.checkpoint = checkpoint
main.main(sys.argv[2:], prog_name="nnlab")
"""


def config(folder: Path, units: int = 50) -> None:
    (folder / "c.yaml").write_text(CONFIG.format(units=units))


def the_run(runs: Path) -> RunFolder:
    (path,) = runs.iterdir()
    return RunFolder.open(path)


def saved_epoch(run: RunFolder) -> int:
    saved = run.load_checkpoint()
    assert saved.note is None
    return int(saved.meta["epoch"])


def test_a_limit_on_the_size_of_files(process: Process, tmp_path: Path) -> None:
    config(tmp_path)
    done = process("-c", LIMITED, "20000", "train", "c.yaml", "--no-plots")
    run = the_run(tmp_path / "runs")
    assert done.returncode == 7
    assert re.fullmatch(
        rf"Cannot write runs/{run.name}/checkpoint\.npz: File too large \(while trying to write\); "
        r"[\d,]+ bytes are needed, [\d,]+ are free\.",
        done.stderr.splitlines()[-1],
    )
    assert "Traceback" not in done.stderr
    assert (run.status(), saved_epoch(run)) == ("failed", 2)
    done = process("-m", "nnlab", "resume", "latest", "--no-plots")
    assert (done.returncode, run.status()) == (0, "completed")
    assert process("-m", "nnlab", "verify", "latest").returncode == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with half a MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    options = ["-t", "tmpfs", "-o", "size=512k", "tmpfs", str(folder)]
    if mount is None or subprocess.run([mount, *options], capture_output=True).returncode != 0:
        pytest.skip("mounting is not allowed here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk(process: Process, tmp_path: Path, small_disk: Path) -> None:
    """Three copies of the state do not fit, two do."""
    config(tmp_path, units=100)
    done = process("-m", "nnlab", "train", "c.yaml", "--no-plots", "--runs", str(small_disk))
    assert done.returncode == 7
    run = the_run(small_disk)
    assert re.fullmatch(
        rf"Cannot write {small_disk}/{run.name}/[\w/.]+: No space left on device \(while trying to "
        r"\w+\); [\d,]+ bytes are needed, [\d,]+ are free\.",
        done.stderr.splitlines()[-1],
    )
    assert saved_epoch(run) >= 0
    assert run.status() in ("failed", "resumable")
    assert not list(run.path.rglob(".*.tmp"))
    subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
    done = process("-m", "nnlab", "resume", "latest", "--no-plots", "--runs", str(small_disk))
    assert (done.returncode, run.status()) == (0, "completed"), done.stderr


def test_a_disk_that_may_only_be_read(process: Process, tmp_path: Path, small_disk: Path) -> None:
    config(tmp_path, units=3)
    train = ("-m", "nnlab", "train", "c.yaml", "--no-plots", "--runs", str(small_disk))
    assert process(*train, "--set", "epochs=2").returncode == 0
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    for command in (train, ("-m", "nnlab", "resume", "latest", "--runs", str(small_disk))):
        done = process(*command)
        assert done.returncode == 7
        (line,) = done.stderr.splitlines()
        assert line.startswith("Cannot ")
        assert line.endswith("Read-only file system (while trying to mkdir).") or "lock" in line
    # Looking needs no writing.
    assert process("-m", "nnlab", "verify", "latest", "--runs", str(small_disk)).returncode == 0
    assert process("-m", "nnlab", "runs", str(small_disk)).returncode == 0


def test_the_runs_folder_is_a_file(process: Process, tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("no folder")
    done = process("-m", "nnlab", "train", "xor", "--no-plots", "--runs", "runs/below")
    assert done.returncode == 7
    assert done.stderr == "Cannot write runs/below: Not a directory (while trying to mkdir).\n"


def test_too_many_open_files(process: Process, tmp_path: Path) -> None:
    config(tmp_path)
    code = LIMITED.replace("RLIMIT_FSIZE", "RLIMIT_NOFILE").replace(
        "(int(sys.argv[1]), -1)", "(3, 3)"
    )
    done = process("-c", code, "0", "train", "c.yaml", "--no-plots")
    run = the_run(tmp_path / "runs")
    assert done.returncode == 7
    assert done.stderr.splitlines()[-1].startswith("Cannot ")
    assert "Too many open files" in done.stderr
    assert (run.status(), saved_epoch(run)) == ("resumable", 2)
