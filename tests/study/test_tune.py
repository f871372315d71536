"""`nnlab tune`: real searches with Optuna, interrupted and gone on with."""

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from nnlab.cli import main
from nnlab.run.folder import RunFolder
from nnlab.study import search
from tests.patience import wait_until

pytest.importorskip("optuna")
ROOT = Path(__file__).resolve().parents[2]
SPACE = """\
lr: {low: 1e-3, high: 10, log: true}
hidden: {low: 2, high: 6}
activation: [sigmoid, relu, {leaky_relu: 0.1}]
"""
FOLDER = "runs/tune-xor-space-epochs=60"


@pytest.fixture
def nnlab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs a command in this process, inside tmp_path, where space.yaml lies."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NNLAB_RUNS", raising=False)
    (tmp_path / "space.yaml").write_text(SPACE)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(main, arguments, prog_name="nnlab")

    return run


def tune(nnlab: Callable[..., Result], count: int, *more: str) -> dict[str, Any]:
    search = ["tune", "xor", "--search", "space.yaml", "--set", "epochs=60", "--json"]
    result = nnlab(*search, "--trials", str(count), *more)
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout))


def test_a_search_and_its_best_trial_again(nnlab: Callable[..., Result], tmp_path: Path) -> None:
    found = tune(nnlab, 8, "--no-prune")
    assert found["folder"] == FOLDER
    assert (found["metric"], found["direction"]) == ("train_loss", "minimize")
    told = found["trials"]
    assert [one["number"] for one in told] == list(range(1, 9))
    assert {one["ended"] for one in told} == {"completed"}
    for one in told:
        summary = RunFolder(tmp_path / FOLDER / one["run"]).read_json("summary.json")
        assert one["value"] == summary["best"]["train_loss"]
    best = min(told, key=lambda one: one["value"])
    assert found["best"] == best["number"]
    result = nnlab(*found["command"][1:], "--no-plots", "--json")
    again = Path(json.loads(result.stdout)["folder"]) / "weights" / "final.npz"
    trial = tmp_path / FOLDER / best["run"] / "weights" / "final.npz"
    assert again.read_bytes() == trial.read_bytes()


def test_the_text(nnlab: Callable[..., Result]) -> None:
    search = ["tune", "xor", "--search", "space.yaml", "--set", "epochs=60", "--trials", "2"]
    result = nnlab(*search)
    table, best, saved = result.stdout.rstrip().split("\n\n")
    lines = table.splitlines()
    assert lines[0].split() == [
        *("trial", "run", "lr", "hidden", "activation", "ended", "epochs", "train_loss")
    ]
    assert len(lines) == 3
    first, command = best.splitlines()
    assert first.startswith("Best: trial ")
    assert first.endswith(". To repeat it:")
    assert shlex.split(command)[:5] == ["nnlab", "train", "xor", "--set", "epochs=60"]
    assert saved == f"Saved in {FOLDER}"
    drawn = nnlab("plot", FOLDER)
    assert (drawn.exit_code, drawn.stdout) == (0, "")
    assert drawn.stderr == f"{FOLDER}: no figure suits it.\n"
    assert "lr, hidden, activation       2" in nnlab("runs").stdout
    assert result.stderr.splitlines()[0] == "tune-xor-space-epochs=60: 0 done, 2 to run"
    assert len(result.stderr.splitlines()) == 3


def cells(found: dict[str, Any]) -> list[Any]:
    return [(one["cell"], one["ended"], one["value"]) for one in found["trials"]]


def test_going_on_is_as_if_it_had_never_stopped(
    nnlab: Callable[..., Result], tmp_path: Path
) -> None:
    whole = tune(nnlab, 14, "--name", "whole")
    parts = [tune(nnlab, count, "--name", "parts") for count in (3, 11, 14)]
    assert [len(one["trials"]) for one in parts] == [3, 11, 14]
    assert cells(parts[-1]) == cells(whole)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/parts/*/*")}
    assert cells(tune(nnlab, 5, "--name", "parts")) == cells(whole)  # there are more already
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert whole["importances"].keys() == {"lr", "hidden", "activation"}
    assert sum(whole["importances"].values()) == pytest.approx(1.0)
    other = tune(nnlab, 3, "--name", "other", "--set", "seed=5")
    assert cells(other) != cells(whole)[:3]


def test_bad_trials_are_stopped_early(nnlab: Callable[..., Result], tmp_path: Path) -> None:
    found = tune(nnlab, 14)
    pruned = [one for one in found["trials"] if one["ended"] == "pruned"]
    assert pruned
    for one in pruned:
        assert one["number"] > search.FIRST
        assert one["value"] is None
        run = RunFolder(tmp_path / FOLDER / one["run"])
        assert 0 < one["epochs"] < 60
        assert run.read_json("run.json")["status"] == "interrupted"
    resumed = nnlab("resume", f"{FOLDER}/{pruned[0]['run']}", "--no-plots")
    assert resumed.exit_code == 0, resumed.output


def test_a_trial_that_diverges_is_told_and_passed(nnlab: Callable[..., Result]) -> None:
    Path("space.yaml").write_text("lr: [0.01, 1e9]\n")
    result = nnlab(
        *("tune", "digits_binary", "--search", "space.yaml", "--trials", "6", "--json"),
        *("--set", "epochs=10", "--no-prune"),
    )
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    ended = {one["cell"]["lr"]: one["ended"] for one in found["trials"]}
    assert ended == {0.01: "completed", 1e9: "diverged"}
    assert found["metric"] == "val_loss"
    assert len({one["run"] for one in found["trials"]}) == 2  # the same settings, the same run


def test_a_killed_search_goes_on_with_the_trial(
    nnlab: Callable[..., Result], tmp_path: Path
) -> None:
    options = ["--set", "epochs=60000", "--set", "training.checkpoint_every=2000"]
    command = ["tune", "xor", "--search", "space.yaml", "--trials", "2", "--no-prune", *options]
    process = subprocess.Popen(
        [sys.executable, "-m", "nnlab", *command],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def saved() -> bool:
        assert process.poll() is None
        return bool(list(tmp_path.glob("runs/*/*/checkpoint.npz")))

    wait_until(saved)
    process.send_signal(signal.SIGKILL)
    process.wait()
    (killed,) = [path.parent.name for path in tmp_path.glob("runs/*/*/checkpoint.npz")]
    result = nnlab(*command, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert [one["ended"] for one in found["trials"]] == ["completed", "completed"]
    assert found["trials"][0]["run"] == killed
    whole = nnlab(*command, "--json", "--name", "whole")
    assert cells(json.loads(whole.stdout)) == cells(found)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--search", "nowhere.yaml"], "There is no file nowhere.yaml."),
        (["--search", "empty.yaml"], "empty.yaml:1:1: the space is empty;"),
        (["--search", "typo.yaml"], "typo.yaml:1:1: there is no setting 'lrr'. Did you mean 'lr'?"),
        (
            ["--search", "space.yaml", "--set", "lr=1"],
            "space.yaml:1:1: 'lr' is searched, so it",
        ),
        (
            ["--search", "space.yaml", "--name", "a/b"],
            "The name 'a/b' cannot be used: a name cannot contain '/'.",
        ),
    ],
)
def test_bad_input(
    nnlab: Callable[..., Result], tmp_path: Path, arguments: list[str], message: str
) -> None:
    (tmp_path / "empty.yaml").write_text("")
    (tmp_path / "typo.yaml").write_text("lrr: [1]\n")
    result = nnlab("tune", "xor", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(message)
    assert not (tmp_path / "runs").exists()


def test_without_optuna(nnlab: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nnlab.errors.find_spec", lambda name: None)
    result = nnlab("tune", "xor", "--search", "space.yaml")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "Tuning needs Optuna, which is not installed: pip install 'nnlab[tune]'.\n"
    )


def test_a_folder_of_another_search(nnlab: Callable[..., Result], tmp_path: Path) -> None:
    tune(nnlab, 1)
    (tmp_path / "space.yaml").write_text("lr: [0.1, 0.2]\n")
    result = nnlab("tune", "xor", "--search", "space.yaml", "--set", "epochs=60")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        f"{FOLDER} belongs to another sweep:\n"
        "  search.lr: {low: 0.001, high: 10, log: true, step: null, int: false} there, "
        "[0.1, 0.2] here\n"
        "  search.hidden: {low: 2, high: 6, log: false, step: null, int: true} there, "
        "nothing here\n"
        "  search.activation: [sigmoid, relu, {leaky_relu: 0.1}] there, nothing here\n"
        "Give this one another name, or remove that one.\n"
    )
    (tmp_path / "runs" / "mine").mkdir()
    (tmp_path / "runs" / "mine" / "file").touch()
    result = nnlab("tune", "xor", "--search", "space.yaml", "--name", "mine")
    assert result.stderr == (
        "runs/mine is there already and is not the folder of a sweep. Give this sweep another "
        "name.\n"
    )


def test_a_dry_run_counts_and_writes_nothing(nnlab: Callable[..., Result], tmp_path: Path) -> None:
    """Mistakes in the space are found all the same."""
    line = ["tune", "xor", "--search", "space.yaml", "--trials", "3", "--dry-run"]
    result = nnlab(*line)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.endswith(": 3 trials: 0 there, 3 to run\n")
    assert not (tmp_path / "runs").exists()
    (tmp_path / "space.yaml").write_text("lrr: [1, 2]\n")
    assert nnlab(*line).exit_code == 2
