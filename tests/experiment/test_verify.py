"""`verify`: a folder is whole, and training it again gives the same bits; else it is said."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from nnlab.cli import main
from nnlab.config.load import load_config
from nnlab.engine.compiled import KERNELS
from nnlab.experiment.resume import reopen
from nnlab.experiment.session import begin
from nnlab.experiment.verify import Verifier
from nnlab.run import arrays, checkpoint
from nnlab.run.folder import RunFolder
from tests.torture import cases


@pytest.fixture(scope="module", params=[*cases.CASES, *cases.SMALL])
def run(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> RunFolder:
    """Never changed."""
    return trained(tmp_path_factory.mktemp("run"), request.param)


@pytest.fixture
def small(tmp_path: Path) -> RunFolder:
    return trained(tmp_path, "small")


def trained(folder: Path, case: str, stop: int | None = None) -> RunFolder:
    cases.write(folder)
    with begin(
        load_config(folder / f"{case}.yaml", cases.SHORTER.get(case, [])), folder / "runs"
    ) as session:
        for number, _ in enumerate(session):
            if number == stop:
                session.checkpoint()
                break
    return session.folder


def verify(run: RunFolder, *options: str) -> Result:
    return CliRunner().invoke(main, ["verify", str(run.path), *options])


@pytest.mark.parametrize("origin", ["start", "checkpoint"])
def test_a_good_folder(run: RunFolder, origin: str) -> None:
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in run.path.rglob("*.*")}
    done = verify(run, "--replay", origin, "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["good"]
    rows = len(run.read_table("metrics.csv")["epoch"])
    if origin == "start":
        assert found["epochs_replayed"] == rows
    assert any(one["what"].startswith("the state after") for one in found["findings"])
    assert {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in run.path.rglob("*.*")} == before


@pytest.mark.parametrize(
    ("change", "clause"),
    [
        ({"engine": "compiled"}, f"compiled kernels were version 1, now {KERNELS}"),
        ({"engine": "compiled", "kernels": KERNELS}, None),
        ({"engine": "numpy"}, None),
    ],
)
def test_the_version_of_the_kernels_is_compared(
    small: RunFolder, change: dict[str, Any], clause: str | None
) -> None:
    about = small.path / "run.json"
    about.write_text(json.dumps(json.loads(about.read_text()) | change))
    notes = Verifier(small).notes()
    assert notes == (
        [f"The last bits may differ from those of the run: {clause}."] if clause else []
    )


@pytest.mark.parametrize("stop", [0, 5, 11])
def test_a_run_that_was_stopped(tmp_path: Path, stop: int) -> None:
    done = verify(trained(tmp_path, "small", stop))
    assert done.exit_code == 0, done.output


def test_a_run_that_was_made_longer(tmp_path: Path) -> None:
    run = trained(tmp_path, "small")
    with reopen(run, ["training.epochs=9"]) as session:
        assert session is not None
        list(session)
    done = verify(run)
    assert (done.exit_code, done.stdout) == (
        0,
        f"{run.path} is whole; 10 rows of metrics.csv came out the same.\n",
    )


def test_only_some_epochs(small: RunFolder) -> None:
    assert json.loads(verify(small, "--epochs", "2", "--json").stdout)["epochs_replayed"] == 3
    assert json.loads(verify(small, "--replay", "none", "--json").stdout)["epochs_replayed"] == 0


def other_last_digit(path: Path) -> None:
    lines = path.read_text().splitlines()
    cells = lines[3].split(",")
    cells[3] = repr(float(np.nextafter(float(cells[3]), 9)))
    lines[3] = ",".join(cells)
    path.write_text("\n".join(lines) + "\n")


def other_weight(run: RunFolder, which: Any) -> None:
    values = run.read_arrays(f"weights/{which}.npz")
    values["0.dense.weight"][0, 0] = np.nextafter(values["0.dense.weight"][0, 0], 9)
    run.write_arrays(f"weights/{which}.npz", values)


def other_state(run: RunFolder, name: str) -> None:
    saved = run.load_checkpoint()
    saved.arrays[name][-1] = np.nextafter(saved.arrays[name][-1], 9)
    run.save_checkpoint(saved.arrays, saved.meta)


def other_json(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


CHANGES: dict[str, tuple[Callable[[RunFolder], Any], str]] = {
    "one bit of a row": (
        lambda run: other_last_digit(run.path / "metrics.csv"),
        r"epoch 2: train_loss is ",
    ),
    "one bit of the first weights": (lambda run: other_weight(run, "initial"), "epoch 0: "),
    "one bit of the last weights": (
        lambda run: other_weight(run, "final"),
        "weights/final.npz: 0.dense.weight differ.",
    ),
    "one bit of the best weights": (
        lambda run: other_weight(run, "best"),
        "weights/best.npz: 0.dense.weight differ.",
    ),
    "one bit of a slot": (
        lambda run: other_state(run, "slot.m"),
        "the state after update 16: slot.m differ from checkpoint.npz.",
    ),
    "a hash": (
        lambda run: other_json(run.path / "run.json", lambda j: j["hashes"].update({"3": "0"})),
        "epoch 3: the SHA-256 of the weights differs.",
    ),
    "a missing row": (
        lambda run: (run.path / "metrics.csv").write_text(
            "".join((run.path / "metrics.csv").read_text().splitlines(True)[:3])
        ),
        "summary.json: final names the epoch 4, which metrics.csv does not have.",
    ),
    "rows in another order": (
        lambda run: (run.path / "metrics.csv").write_text(
            "".join(sorted((run.path / "metrics.csv").read_text().splitlines(True), reverse=True))
        ),
        "metrics.csv: the epochs are not 0, 1, 2, ....",
    ),
    "another summary": (
        lambda run: other_json(
            run.path / "summary.json", lambda j: j["final"].update(train_loss=0.0)
        ),
        "summary.json: final.train_loss is 0.0, in metrics.csv it is ",
    ),
    "no summary": (lambda run: (run.path / "summary.json").unlink(), "summary.json: it is missing"),
    "another status": (
        lambda run: other_json(run.path / "run.json", lambda j: j.update(status="fine")),
        "run.json: the status is 'fine'.",
    ),
    "other data": (
        lambda run: other_json(run.path / "data.json", lambda j: j.update(sha256="0")),
        "data.json: it names other data than run.json.",
    ),
    "another rate": (
        lambda run: (run.path / "resolved.yaml").write_text(
            run.read_text("resolved.yaml").replace("lr: 0.001", "lr: 0.0011")
        ),
        "epoch 0: lr is 0.0011, in metrics.csv it is 0.001.",
    ),
    "no checkpoint": (
        lambda run: (run.path / checkpoint.CURRENT).unlink(),
        "checkpoints: checkpoint.npz is missing.",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_differs_is_named(small: RunFolder, name: str) -> None:
    change, wanted = CHANGES[name]
    change(small)
    done = verify(small)
    assert done.exit_code == 9, done.output
    first, *problems = done.stderr.splitlines()
    assert first == f"{small.path} is not what was recorded."
    assert any(problem.startswith(wanted) for problem in problems), problems


FILES = [
    *("run.json", "data.json", "resolved.yaml", "weights/initial.npz", "weights/best.npz"),
    *("weights/final.npz", "predictions.npz", "snapshots.npz", "checkpoint.npz"),
    "checkpoint.previous.npz",
]


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_exit_6(small: RunFolder, name: str) -> None:
    path = small.path / name
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 0xFF]))
    done = verify(small, "--replay", "none")
    assert done.exit_code == (2 if name == "resolved.yaml" else 6), done.output
    assert name in done.stderr


def test_an_npz_without_its_seal_is_refused(small: RunFolder) -> None:
    path = small.path / "weights" / "final.npz"
    np.savez(path, **arrays.read_npz(path))
    assert verify(small, "--replay", "none").exit_code == 6


def test_a_running_run_is_left_alone(small: RunFolder) -> None:
    with small.lock():
        done = verify(small)
    assert done.exit_code == 5
    assert done.stderr.endswith("is being written into: verify it when that has ended.\n")


def test_the_findings_of_the_library(small: RunFolder) -> None:
    assert [one for one in Verifier(small).files() if one.problem] == []
    assert [one.what for one in Verifier(small).replay("start", 0)] == ["epoch 0"]
