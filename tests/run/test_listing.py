"""The table of runs shows every folder, also the broken ones."""

from datetime import datetime
from pathlib import Path

import pytest

from nnlab.run.folder import RunFolder
from nnlab.run.listing import RunRecord, list_runs, record

NOW = datetime(2026, 5, 9, 7, 35, 25)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    made = RunFolder.create(tmp_path, "xor", NOW)
    made.write_json(
        "run.json", {"status": "running", "data": {"name": "xor"}, "started": "2026-05-09T07:35"}
    )
    return made


def test_finished_run(folder: RunFolder) -> None:
    folder.update_status("completed")
    folder.append("metrics.csv", [{"epoch": 0, "seconds": 0.0}, {"epoch": 7, "seconds": 1.5}])
    folder.write_json(
        "summary.json", {"final": {"loss": 0.1}, "best": {"epoch": 5}, "test": {"loss": 0.2}}
    )
    assert list_runs(folder.path.parent) == [
        RunRecord(
            name=folder.name,
            path=str(folder.path),
            status="completed",
            data="xor",
            started="2026-05-09T07:35",
            epochs=7,
            seconds=1.5,
            final={"loss": 0.1},
            best={"epoch": 5},
            test={"loss": 0.2},
        )
    ]


def test_run_that_was_killed(folder: RunFolder) -> None:
    folder.append("metrics.csv", [{"epoch": 1, "train_loss": 0.5, "seconds": 2}])
    found = record(folder.path)
    assert (found.status, found.epochs, found.seconds) == ("resumable", 1, 2.0)
    assert found.final == {"epoch": 1, "train_loss": 0.5, "seconds": 2}
    assert found.best == found.test == {}


def test_run_without_a_test_part(folder: RunFolder) -> None:
    folder.write_json("summary.json", {"final": {"loss": 0.1}, "best": {"epoch": 5}, "test": None})
    assert record(folder.path).test == {}


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("run.json", b"{", "run.json: not valid JSON"),
        ("metrics.csv", b"\xff\n", "metrics.csv: 'utf-8' codec"),
        ("summary.json", b"[]", "summary.json: not a JSON object"),
    ],
)
def test_broken_run(folder: RunFolder, name: str, data: bytes, reason: str) -> None:
    other = RunFolder.create(folder.path.parent, "zzz", NOW)
    other.write_json("run.json", {"status": "completed"})
    (folder.path / name).write_bytes(data)
    broken, whole = list_runs(folder.path.parent)
    assert broken.status == "unreadable"
    assert broken.reason is not None
    assert reason in broken.reason
    assert whole.status == "completed"


@pytest.mark.parametrize("content", [{}, {"status": 3, "data": [1]}, {"data": {"name": 5}}])
def test_run_json_with_odd_content(folder: RunFolder, content: dict[str, object]) -> None:
    folder.write_json("run.json", content)
    assert record(folder.path).data is None


def test_empty_folder_and_no_folder(tmp_path: Path) -> None:
    empty = tmp_path / "20260509-073525-xor-aaaaaa"
    empty.mkdir()
    assert record(empty).reason == f"Cannot read {empty}: it has no run.json, so it is not a run."
    assert list_runs(tmp_path / "gone") == []
