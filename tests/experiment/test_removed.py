"""What something else removes or replaces while a run trains is noticed, never passed over."""

import os
import re
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from nnlab.config.load import Loaded, from_mapping
from nnlab.errors import Interrupted, RunUnreadable, StorageError
from nnlab.experiment.resume import reopen
from nnlab.experiment.session import Session, begin
from nnlab.run.folder import RunFolder

CONFIG = {
    "data": {"blobs": {"samples": 20}},
    "network": [{"dense": 3}, "softmax"],
    "loss": "cross_entropy",
    "training": {"epochs": 6, "checkpoint_every": 1, "record_steps": True},
}


def trained(tmp_path: Path, change: Callable[[RunFolder], object], at: int = 3) -> RunFolder:
    """A run during which the folder is changed after an epoch; raises what the run raises."""
    with begin(Loaded(from_mapping(CONFIG)), tmp_path) as session:
        one_by_one(session)
        for record in session:
            if getattr(record, "epoch", None) == at and hasattr(record, "train"):
                change(session.folder)
    return session.folder


def one_by_one(session: Session) -> None:
    """Epochs come singly, as they do in a training that takes its time."""
    session._plan = replace(session._plan, burst=1)


@pytest.mark.parametrize("at", [3, 6])
@pytest.mark.parametrize("table", ["metrics.csv", "steps.csv"])
@pytest.mark.parametrize("change", ["removed", "cut", "grown", "replaced"])
def test_a_table(tmp_path: Path, table: str, change: str, at: int) -> None:
    def alter(folder: RunFolder) -> None:
        path = folder.path / table
        whole = path.read_bytes()
        path.unlink()
        if change != "removed":
            path.write_bytes({"cut": whole[:40], "grown": whole * 2, "replaced": b"x"}[change])

    with pytest.raises(StorageError) as caught:
        trained(tmp_path, alter, at)
    (path,) = tmp_path.iterdir()
    state = "is missing" if change == "removed" else r"has \d+ bytes"
    lost = (
        ""
        if change == "grown"
        else rf" Its rows are lost, so the run stops here, at epoch \d\. "
        rf"`nnlab train {path}/resolved\.yaml` trains it again\."
    )
    assert re.fullmatch(
        rf"Cannot write {path}/{table}: it {state}, but \d+ bytes were written into it\. "
        rf"Something else changed or removed it\.{lost}",
        str(caught.value),
    )
    assert RunFolder(path).status() == "failed"
    assert not RunFolder(path).has("summary.json")


@pytest.mark.parametrize(
    ("gone", "named"),
    [
        ("weights", "weights/initial.npz"),
        ("data.json", "data.json"),
        ("resolved.yaml", "resolved.yaml"),
        ("config.yaml", "config.yaml"),
    ],
)
def test_another_file(tmp_path: Path, gone: str, named: str) -> None:
    def remove(folder: RunFolder) -> None:
        path = folder.path / gone
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    with pytest.raises(StorageError) as caught:
        trained(tmp_path, remove)
    (path,) = tmp_path.iterdir()
    assert str(caught.value) == (
        f"The run {path} has come to its end, but something else removed {named} while it "
        "trained. The other files are whole."
    )
    assert RunFolder(path).status() == "failed"


@pytest.mark.parametrize(
    ("gone", "named"),
    [
        ("weights", "weights/initial.npz"),
        ("data.json", "data.json"),
        ("run.json", "run.json"),
        ("config.yaml", None),
    ],
)
def test_what_resuming_needs_is_named_when_a_run_is_interrupted(
    tmp_path: Path, gone: str, named: str | None
) -> None:
    def remove(folder: RunFolder) -> None:
        path = folder.path / gone
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(Interrupted) as caught:
        trained(tmp_path, remove)
    (path,) = tmp_path.iterdir()
    assert caught.value.exit_code == 130
    assert str(caught.value).endswith(
        f"`nnlab resume {path}` continues it."
        if named is None
        else f"But something else removed {named} while it trained: `nnlab resume {path}` works "
        "only when that is back."
    )
    assert (path / "run.json").exists() == (gone != "run.json")
    assert gone == "run.json" or RunFolder(path).status() == "interrupted"


def test_weights_that_are_gone(tmp_path: Path) -> None:
    folder = trained(tmp_path, lambda folder: None)
    shutil.rmtree(folder.path / "weights")
    folder.update_status("interrupted")
    with (
        pytest.raises(RunUnreadable, match=r"/weights: there are no weights\.$"),
        reopen(folder),
    ):
        pass


def test_a_checkpoint_is_written_again(tmp_path: Path) -> None:
    folder = trained(tmp_path, lambda folder: (folder.path / "checkpoint.npz").unlink())
    assert folder.status() == "completed"
    assert folder.load_checkpoint().note is None


def test_the_folder_is_another(tmp_path: Path) -> None:
    """The run that stands at the path now keeps every byte."""
    other = RunFolder(tmp_path / "other")
    other.path.mkdir()
    other.write_json("run.json", {"status": "completed"})
    before = (other.path / "run.json").read_bytes()

    def swap(folder: RunFolder) -> None:
        os.rename(folder.path, tmp_path / "moved")
        os.rename(other.path, folder.path)

    with pytest.raises(StorageError, match="the folder was moved, removed or replaced"):
        trained(tmp_path, swap)
    (path,) = (p for p in tmp_path.iterdir() if p.name != "moved")
    assert [p.name for p in path.iterdir()] == ["run.json"]
    assert (path / "run.json").read_bytes() == before
    assert len((tmp_path / "moved" / "metrics.csv").read_text().splitlines()) >= 3


def test_the_folder_is_gone(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="the folder was moved, removed or replaced"):
        trained(tmp_path, lambda folder: shutil.rmtree(folder.path))
    assert list(tmp_path.iterdir()) == []
