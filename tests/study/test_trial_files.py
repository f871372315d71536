"""How a trial writes its files: few waits for the disk, and nothing half after a power cut."""

from pathlib import Path

import pytest

from nnlab.config.load import from_mapping
from nnlab.experiment import session
from nnlab.run import durable
from nnlab.run.folder import FIRST_FILES, RunFolder
from nnlab.study.trial import Trial, run_trial

CONFIG = {
    "data": {"name": "identity", "size": 4},
    "network": [{"dense": 4}, "softmax"],
    "loss": "cross_entropy",
    "training": {"epochs": 3},
}
MACHINE = {"argv": [], "versions": {}, "platform": {}, "threads": {}}


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The system calls of this test that change files."""
    seen: list[str] = []
    monkeypatch.setattr(durable, "hook", lambda step, path: seen.append(f"{step} {path.name}"))
    return seen


def trial() -> Trial:
    return Trial.of(from_mapping(CONFIG), {})


def weights(folder: RunFolder) -> bytes:
    return (folder.path / "weights" / "final.npz").read_bytes()


def test_a_short_trial_waits_for_the_disk_at_its_end_only(tmp_path: Path, calls: list[str]) -> None:
    assert run_trial(trial(), tmp_path, MACHINE).done
    syncs = [index for index, call in enumerate(calls) if call.startswith("fsync")]
    files = [path for path in (tmp_path / trial().name).rglob("*") if path.is_file()]
    # A sync per file but the lock, and three of folders: two, and again after run.json.
    assert len(syncs) == len(files) - 1 + 3
    first = calls.index("replace run.json")
    assert first < syncs[0]
    last = len(calls) - 1 - calls[::-1].index("replace run.json")
    renames = {index for index, call in enumerate(calls) if call.startswith("replace")}
    assert {index for index in renames if index > syncs[0]} <= set(range(last + 1))
    assert "fsync run.json" in calls


@pytest.mark.parametrize("damaged", FIRST_FILES)
def test_a_power_cut_before_the_first_save(tmp_path: Path, damaged: str) -> None:
    """What was not synced may be empty then: the trial begins again."""
    for name in ("whole", "cut"):
        (tmp_path / name).mkdir()
    assert run_trial(trial(), tmp_path / "whole", MACHINE).done

    class PowerCut(BaseException):
        pass

    def cut(step: str, path: Path) -> None:
        if step == "fsync":
            raise PowerCut

    durable.hook = cut
    try:
        with pytest.raises(PowerCut):
            run_trial(trial(), tmp_path / "cut", MACHINE)
    finally:
        durable.hook = None
    whole, folder = (RunFolder(tmp_path / name / trial().name) for name in ("whole", "cut"))
    (folder.path / damaged).write_bytes(b"")
    assert run_trial(trial(), tmp_path / "cut", MACHINE).done
    assert weights(folder) == weights(whole)
    for file in FIRST_FILES[:-1]:
        assert (folder.path / file).read_bytes() == (whole.path / file).read_bytes()


def test_the_first_save_makes_the_first_files_durable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calls: list[str]
) -> None:
    monkeypatch.setattr(session, "LITTLE_SECONDS", 0.0)
    assert run_trial(trial(), tmp_path, MACHINE).done
    before = calls[: calls.index("replace checkpoint.npz")]
    for file in FIRST_FILES:
        assert f"fsync {Path(file).name}" in before
    assert "fsync weights" in before
