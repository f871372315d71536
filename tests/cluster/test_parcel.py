"""Run folders that are sent: whole or not at all."""

from dataclasses import replace
from pathlib import Path

import pytest

from nnlab.errors import RunLocked, RunUnreadable
from nnlab.run import durable
from nnlab.run.folder import RunFolder
from nnlab.study.executors import InProcess
from nnlab.study.parcel import Parcel, digest, pack, unpack
from tests.cluster.parts import outcomes, trial


@pytest.fixture
def run(tmp_path: Path) -> Path:
    outcomes(InProcess(), [trial("a", "epochs=3")], tmp_path / "there")
    return tmp_path / "there" / "a"


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith("lock")
    }


def test_there_and_back(run: Path, tmp_path: Path) -> None:
    target = tmp_path / "here" / "a"
    unpack(pack(run), target)
    assert files(target) == files(run)
    assert "weights/final.npz" in files(target)
    assert [path.name for path in target.parent.iterdir()] == ["a"]


def test_what_is_finished_there_stays(run: Path, tmp_path: Path) -> None:
    target = tmp_path / "here" / "a"
    unpack(pack(run), target)
    (target / "note.txt").write_text("mine")
    unpack(pack(run), target)
    assert (target / "note.txt").read_text() == "mine"


@pytest.mark.parametrize("status", ["running", "failed", "interrupted"])
def test_what_is_unfinished_gives_way(run: Path, tmp_path: Path, status: str) -> None:
    target = tmp_path / "here" / "a"
    unpack(pack(run), target)
    RunFolder(target).update_status(status)
    (target / "note.txt").write_text("old")
    unpack(pack(run), target)
    assert files(target) == files(run)


def test_a_folder_that_somebody_writes(run: Path, tmp_path: Path) -> None:
    target = tmp_path / "here" / "a"
    unpack(pack(run), target)
    RunFolder(target).update_status("running")
    with RunFolder(target).lock(), pytest.raises(RunLocked):
        unpack(pack(run), target)
    assert RunFolder(target).read_json("run.json")["status"] == "running"
    assert [path.name for path in target.parent.iterdir()] == ["a"]


def test_a_parcel_that_was_damaged(run: Path, tmp_path: Path) -> None:
    parcel = pack(run)
    data = parcel.files["metrics.csv"]
    damaged = replace(parcel, files={**parcel.files, "metrics.csv": data[:-1] + b"9"})
    with pytest.raises(RunUnreadable, match=r"^The run a was damaged on its way here\.$"):
        unpack(damaged, tmp_path / "here" / "a")
    assert not (tmp_path / "here").exists()


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", "..\\x", "C:x", ""])
def test_names_that_lead_elsewhere(tmp_path: Path, name: str) -> None:
    names = {name: b"1"}
    with pytest.raises(RunUnreadable, match=r"^The run a has a file named "):
        unpack(Parcel(names, digest(names)), tmp_path / "here" / "a")
    assert list(tmp_path.iterdir()) == []


def test_a_kill_in_the_middle_leaves_nothing_that_counts(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run is there, or it is not, whatever write is the last."""
    parcel, steps = pack(run), 0

    def count(step: str, path: Path) -> None:
        nonlocal steps
        steps += 1
        if steps == last:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(durable, "hook", count)
    total, last = 0, 10**9
    unpack(parcel, tmp_path / "0" / "a")
    total = steps
    assert total > 30
    for last in range(1, total + 1, 7):
        steps, target = 0, tmp_path / str(last) / "a"
        with pytest.raises(Exception, match="No space left"):
            unpack(parcel, target)
        assert not target.exists() or files(target) == files(run)
