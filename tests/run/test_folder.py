"""A run folder gives back what was put into it."""

import json
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from nnlab.errors import RunUnreadable, UsageError
from nnlab.run import arrays, checkpoint, lock
from nnlab.run.folder import RunFolder
from nnlab.status import Status


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """A run that has just begun."""
    made = RunFolder.create(tmp_path / "runs", "xor", datetime(2026, 5, 9, 7, 35, 25))
    made.write_json("run.json", {"status": "running", "seed": 3})
    return made


def test_texts(folder: RunFolder) -> None:
    folder.save_text("config.yaml", b"data: xor\r\n# \xff as given\n")
    folder.save_text("resolved.yaml", "data: {name: xor}  # ü\n")
    folder.write_json("data.json", {"task": "classes"})
    folder.write_json("summary.json", {"final": {"loss": 0.1 + 0.2}, "test": None})
    assert (folder.path / "config.yaml").read_bytes() == b"data: xor\r\n# \xff as given\n"
    assert folder.read_text("resolved.yaml") == "data: {name: xor}  # ü\n"
    assert folder.read_json("data.json") == {"task": "classes"}
    assert folder.read_json("summary.json") == {"final": {"loss": 0.1 + 0.2}, "test": None}
    assert sorted(p.name for p in folder.path.iterdir()) == [
        "config.yaml",
        "data.json",
        "resolved.yaml",
        "run.json",
        "summary.json",
    ]


def test_resolved_that_is_not_text(folder: RunFolder) -> None:
    (folder.path / "resolved.yaml").write_bytes(b"\xff")
    with pytest.raises(RunUnreadable, match=r"Cannot read .*resolved\.yaml: 'utf-8' codec"):
        folder.read_text("resolved.yaml")


def test_update_status_keeps_the_other_keys(folder: RunFolder) -> None:
    folder.update_status("completed", seconds=1.5)
    assert folder.read_json("run.json") == {"status": "completed", "seed": 3, "seconds": 1.5}


def test_unknown_status(folder: RunFolder) -> None:
    with pytest.raises(ValueError, match="'resumable' is not a status; allowed are running, "):
        folder.update_status("resumable")


@pytest.mark.parametrize("status", [status for status in Status if status.written])
def test_status_without_a_process(folder: RunFolder, status: str) -> None:
    folder.update_status(status)
    assert folder.status() == ("resumable" if status == "running" else status)


def test_status_with_a_process(folder: RunFolder) -> None:
    with folder.lock():
        assert folder.status() == "running"
    assert folder.status() == "resumable"


def test_tables(folder: RunFolder) -> None:
    folder.append("metrics.csv", [{"epoch": 0, "train_loss": 0.5}, {"epoch": 1, "train_loss": 0.1}])
    folder.append("steps.csv", [{"epoch": 1, "step": 1, "lr": 0.1, "loss": 0.3}])
    np.testing.assert_array_equal(folder.read_table("metrics.csv")["train_loss"], [0.5, 0.1])
    assert folder.last_metrics() == {"epoch": 1, "train_loss": 0.1}
    assert list(folder.read_table("steps.csv")) == ["epoch", "step", "lr", "loss"]


def test_weights(folder: RunFolder) -> None:
    weight = np.ones((2, 3), dtype=np.float32)
    assert not folder.has("weights/best.npz")
    folder.write_arrays("weights/best.npz", {"0.dense.weight": weight})
    assert folder.has("weights/best.npz")
    expected = {"0.dense.weight": ((2, 3), "float32")}
    np.testing.assert_array_equal(
        folder.read_arrays("weights/best.npz", expected)["0.dense.weight"], weight
    )
    with pytest.raises(RunUnreadable, match=r"'0\.dense\.weight' is 2x3, not 3x2"):
        folder.read_arrays("weights/best.npz", {"0.dense.weight": ((3, 2), "float32")})


def test_weights_must_be_finite(folder: RunFolder) -> None:
    folder.write_arrays("weights/final.npz", {"w": np.array([np.nan])})
    with pytest.raises(RunUnreadable, match="'w' holds numbers that are not finite"):
        folder.read_arrays("weights/final.npz")


def test_arrays_may_hold_nan(folder: RunFolder) -> None:
    folder.write_arrays("predictions.npz", {"test.outputs": np.array([np.nan])})
    assert folder.has("predictions.npz")
    assert not folder.has("samples.npz")
    assert np.isnan(folder.read_arrays("predictions.npz")["test.outputs"]).all()


def test_rewind_takes_the_tables_back(folder: RunFolder) -> None:
    folder.append("metrics.csv", [{"epoch": 0}, {"epoch": 1}])
    folder.save_checkpoint({"theta": np.arange(2.0)}, {"epoch": 1})
    folder.append("metrics.csv", [{"epoch": 2}])
    folder.append("steps.csv", [{"step": 1}])
    (folder.path / ".run.json.1-0.tmp").touch()
    folder.rewind()
    assert (folder.path / "metrics.csv").read_text() == "epoch\n0\n1\n"
    assert (folder.path / "steps.csv").read_text() == ""
    assert not (folder.path / ".run.json.1-0.tmp").exists()
    folder.append("steps.csv", [{"step": 1}])
    assert (folder.path / "steps.csv").read_text() == "step\n1\n"


def test_rewind_to_the_save_before(folder: RunFolder) -> None:
    for epoch in (1, 2):
        folder.append("metrics.csv", [{"epoch": epoch}])
        folder.save_checkpoint({"theta": np.arange(2.0)}, {"epoch": epoch})
    (folder.path / "checkpoint.npz").write_bytes(b"")
    saved = folder.load_checkpoint()
    assert saved.meta == {"epoch": 1}
    assert saved.note is not None
    folder.rewind()
    assert (folder.path / "metrics.csv").read_text() == "epoch\n1\n"
    assert not (folder.path / "checkpoint.npz").exists()


def test_looking_at_a_checkpoint_changes_nothing(folder: RunFolder) -> None:
    assert not folder.has_checkpoint()
    folder.save_checkpoint({"theta": np.arange(2.0)}, {"epoch": 1})
    folder.append("metrics.csv", [{"epoch": 2}])
    assert folder.has_checkpoint()
    assert folder.load_checkpoint().meta == {"epoch": 1}
    assert (folder.path / "metrics.csv").read_text() == "epoch\n2\n"


@pytest.mark.parametrize(
    "meta",
    [
        {},
        {"state": {}},
        {"state": [], "records": {"metrics.csv": 0, "steps.csv": 0}},
        {"state": {}, "records": {"metrics.csv": -1, "steps.csv": 0}},
        {"state": {}, "records": {"metrics.csv": "x", "steps.csv": 0}},
        {"state": {}, "records": {"../victim": 0}},
    ],
)
def test_rewind_refuses_a_checkpoint_that_it_did_not_write(
    folder: RunFolder, meta: dict[str, object]
) -> None:
    victim = folder.path.parent / "victim"
    victim.write_text("precious")
    content = json.dumps({"format": 1, "meta": meta}).encode()
    path = folder.path / checkpoint.CURRENT
    arrays.write_npz(path, {"meta": np.frombuffer(content, np.uint8)})
    with pytest.raises(RunUnreadable) as caught:
        folder.rewind()
    assert str(caught.value).startswith(f"Cannot read {path}: it is not a checkpoint.")
    assert victim.read_text() == "precious"


def test_status_of_a_run_that_ends_while_we_look(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_held(path: Path) -> bool:
        folder.update_status("completed")
        return False

    monkeypatch.setattr(lock, "is_held", is_held)
    assert folder.status() == "completed"


def test_figures(folder: RunFolder) -> None:
    path = folder.write_figure("loss.png", b"png")
    assert path.read_bytes() == b"png"
    with pytest.raises(UsageError, match="cannot be the name of a run"):
        folder.write_figure("../loss.png", b"png")


def test_open_and_find(folder: RunFolder) -> None:
    assert RunFolder.open(folder.path) == folder
    assert RunFolder.find("latest", folder.path.parent) == folder
    assert RunFolder.find(folder.name[:12], folder.path.parent) == folder


def test_open_refuses_what_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(RunUnreadable) as caught:
        RunFolder.open(tmp_path)
    assert str(caught.value) == f"Cannot read {tmp_path}: it has no run.json, so it is not a run."
    with pytest.raises(RunUnreadable) as caught:
        RunFolder.open(tmp_path / "gone")
    assert str(caught.value) == f"Cannot read {tmp_path}/gone: there is no such folder."
