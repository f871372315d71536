"""A trial of `tune` that fails costs that trial, and can be run again as if it had not."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from nnlab.cli import main
from nnlab.run.folder import RunFolder
from tests.study import sabotage

pytest.importorskip("optuna")

SPACE = "lr: {low: 1e-3, high: 0.1, log: true}\ndata.number: [1, 2, 3]\n"
COUNT = 12  # number 2 is among the first of them, and it raises
Tune = Callable[..., Result]


@pytest.fixture
def tune(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tune:
    """`nnlab tune` in tmp_path, where the data set `trouble` is known."""
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(sabotage.CONFIG)
    Path("space.yaml").write_text(SPACE)

    def run(name: str, *more: str, count: int = COUNT) -> Result:
        search = ["tune", "c.yaml", "--search", "space.yaml", "--json", "--no-prune"]
        with sabotage.known():
            return CliRunner().invoke(
                main, [*search, "--name", name, "--trials", str(count), *more], prog_name="nnlab"
            )

    return run


def trials(result: Result) -> list[dict[str, Any]]:
    return list(json.loads(result.stdout)["trials"])


def test_a_failed_trial_and_the_same_search_again(
    tune: Tune, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tune("s")
    failed = [one for one in trials(broken) if one["ended"] == "failed"]
    assert failed
    assert {one["cell"]["data.number"] for one in failed} == {2}
    assert {(one["value"], one["reason"]) for one in failed} == {
        (None, "RuntimeError: as it was told")
    }
    assert broken.exit_code == 8
    assert broken.stderr.splitlines()[-1] == (
        f"{len(failed)} of 12 trials have no result. --retry-failed runs them again, and proposes "
        "all trials after the first of them anew."
    )
    assert "failed: RuntimeError: as it was told" in broken.stderr
    run = RunFolder(Path("runs", "s", failed[0]["run"]))
    assert run.read_json("run.json")["status"] == "failed"
    monkeypatch.setattr(sabotage, "TROUBLES", {})  # it was a passing failure
    assert trials(tune("s")) == trials(broken)  # not run again without being asked
    whole = tune("whole")
    again = tune("s", "--retry-failed")
    assert (whole.exit_code, again.exit_code) == (0, 0), again.output
    assert trials(again) == trials(whole)
    assert trials(tune("s", "--retry-failed")) == trials(whole)


def test_settings_that_do_not_go_together(tune: Tune) -> None:
    """Each value is possible alone, two of them together are not: the search continues."""
    Path("c.yaml").write_text(
        sabotage.CONFIG.replace("data: trouble", "data: {name: trouble, validation: 0.2}").replace(
            "epochs: 5", "epochs: 5, monitor: train_loss"
        )
    )
    Path("space.yaml").write_text(
        "data.validation: [null, 0.3]\ntraining.monitor: [train_loss, val_loss]\n"
    )
    result = tune("s")
    assert result.exit_code == 8
    for one in trials(result):
        together = one["cell"] == {"data.validation": None, "training.monitor": "val_loss"}
        assert (one["ended"] == "failed") == (one["run"] == "") == together
        assert ("val_loss" in str(one["reason"])) == together
    assert len({one["ended"] for one in trials(result)}) == 2
    assert trials(tune("s")) == trials(result)


def test_trials_on_other_data_are_trained_again(tmp_path: Path, tune: Tune) -> None:
    rows = [f"{i / 10},{(i * 7 % 10) / 10}" for i in range(20)]
    Path("t.csv").write_text("x,y\n" + "\n".join(rows) + "\n")
    Path("c.yaml").write_text(
        "data: {name: csv, path: t.csv, target: y, task: regression}\n"
        "network: [{dense: 1}]\nloss: mse\ntraining: {epochs: 5}\n"
    )
    Path("space.yaml").write_text("lr: {low: 1e-3, high: 0.1, log: true}\n")
    first = tune("s", count=6)
    Path("t.csv").write_text("x,y\n" + "\n".join(["0,9", *rows[1:]]) + "\n")
    again = tune("s", count=6)
    assert again.exit_code == 0, again.output
    assert again.stderr.splitlines()[0] == (
        "The data or the initial weights changed since trial 1 was trained; the search continues "
        "from there with those of now."
    )
    assert trials(again) != trials(first)
    assert trials(again) == trials(tune("whole", count=6))
    assert "changed" not in tune("s", count=6).stderr
