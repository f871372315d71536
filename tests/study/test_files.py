"""The user's files in a sweep: where relative paths begin, and what happens when one changes."""

import json
import os
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from nnlab.cli import main
from nnlab.run.folder import RunFolder

STUDIES = """
data: {name: csv, path: a.csv, target: y, task: regression}
network: [{dense: 1}]
loss: mse
training: {epochs: 2}
sweeps:
  paths: {key: data.path, values: [a.csv, b.csv]}
  data: {values: [{name: csv, path: b.csv, target: y, task: regression}]}
  lr: {values: [0.1, 0.2], set: {data.path: b.csv}}
  whole:
    key: lr
    values: [0.1]
    set: {data: {name: csv, path: b.csv, target: y, task: regression}}
  init: {values: [{run: start}]}
"""
Nnlab = Callable[..., Result]


def table(path: Path, slope: float) -> Path:
    path.write_text("x,y\n" + "".join(f"{i},{slope * i}\n" for i in range(20)))
    return path


@pytest.fixture
def nnlab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Nnlab:
    """Commands in tmp_path/here; the config lies in tmp_path/there, with other tables."""
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        for file in ("a.csv", "b.csv"):
            table(tmp_path / name / file, len(name))
    (tmp_path / "there" / "c.yaml").write_text(STUDIES)
    monkeypatch.chdir(tmp_path / "here")

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(main, [*arguments, "--no-plots"], prog_name="nnlab")

    return run


def trained_on(sweep: str) -> list[str]:
    """The files that the trials of a sweep have read, seen from the current folder."""
    paths = [
        json.loads(path.read_text())["name"] for path in Path("runs", sweep).glob("*/data.json")
    ]
    return sorted(os.path.relpath(path) for path in paths)


@pytest.mark.parametrize(
    ("arguments", "files"),
    [
        (["paths"], ["../there/a.csv", "../there/b.csv"]),
        (["data"], ["../there/b.csv"]),
        (["lr"], ["../there/b.csv", "../there/b.csv"]),
        (["whole"], ["../there/b.csv"]),
        (["lr=0.1"], ["../there/a.csv"]),
        (["data.path=a.csv,b.csv"], ["a.csv", "b.csv"]),
        (["lr=0.1", "--set", "data.path=b.csv"], ["b.csv"]),
        (["lr", "--set", "data.path=a.csv"], ["a.csv", "a.csv"]),
        (["paths", "--set", "lr=0.1"], ["../there/a.csv", "../there/b.csv"]),
    ],
)
def test_where_paths_begin(nnlab: Nnlab, arguments: list[str], files: list[str]) -> None:
    """In a file: at its folder. Typed: at the current one."""
    result = nnlab("sweep", *arguments, "-c", "../there/c.yaml", "--name", "s")
    assert result.exit_code == 0, result.output
    assert trained_on("s") == files


def test_a_run_to_start_from_lies_beside_the_config(nnlab: Nnlab, tmp_path: Path) -> None:
    there = tmp_path / "there"
    result = nnlab("train", "../there/c.yaml", "--runs", "../there/runs", "--json")
    Path(json.loads(result.stdout)["folder"]).rename(there / "start")
    result = nnlab("sweep", "init", "-c", "../there/c.yaml", "--name", "s")
    assert result.exit_code == 0, result.output
    (run,) = [RunFolder(path.parent) for path in Path("runs", "s").glob("*/run.json")]
    before = RunFolder(there / "start").read_arrays("weights/final.npz")
    assert {k: v.tolist() for k, v in run.read_arrays("weights/initial.npz").items()} == {
        k: v.tolist() for k, v in before.items()
    }


def test_the_command_that_tune_prints_works_where_it_was_printed(
    nnlab: Nnlab, tmp_path: Path
) -> None:
    pytest.importorskip("optuna")
    table(tmp_path / "there" / "only.csv", 7)
    (tmp_path / "there" / "space.yaml").write_text("data.path: [only.csv]\nlr: [0.1]\n")
    tune = ["tune", "../there/c.yaml", "--search", "../there/space.yaml", "--trials", "1"]
    result = CliRunner().invoke(main, [*tune, "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert f'data.path="{tmp_path}/there/only.csv"' in found["command"]
    again = nnlab(*found["command"][1:], "--json")
    assert again.exit_code == 0, again.output
    weights = [
        Path(folder, "weights", "final.npz").read_bytes()
        for folder in (
            json.loads(again.stdout)["folder"],
            f"{found['folder']}/{found['trials'][0]['run']}",
        )
    ]
    assert weights[0] == weights[1]
    text = CliRunner().invoke(main, tune).stdout
    assert shlex.join(found["command"]) in text.splitlines()


def bits() -> dict[str, bytes]:
    return {p.parts[-3]: p.read_bytes() for p in Path("runs", "s").glob("*/weights/final.npz")}


def test_trials_on_other_data_are_trained_again(nnlab: Nnlab) -> None:
    sweep = ["sweep", "lr=0.1,0.2", "-c", "../there/c.yaml", "--name", "s", "--seeds", "2"]
    data = ["--set", "data.path=a.csv"]
    assert nnlab(*sweep, *data).exit_code == 0
    before = bits()
    table(Path("a.csv"), 9)
    note = (
        "4 trials were trained on data or initial weights that have changed since (lr=0.1 seed 0; "
        "lr=0.1 seed 1; lr=0.2 seed 0; lr=0.2 seed 1): this command trains them again."
    )
    dry = nnlab(*sweep, *data, "--dry-run")
    assert dry.stderr.splitlines() == ["s: 4 trials: 4 to run", note]
    assert bits() == before
    result = nnlab(*sweep, *data)
    assert result.exit_code == 0, result.output
    assert result.stderr.splitlines()[:2] == ["s: 4 trials: 4 to run", note]
    after = bits()
    assert after.keys() == before.keys()
    assert all(after[name] != before[name] for name in before)
    again = nnlab(*sweep, *data)
    assert again.stderr.splitlines() == ["s: 4 trials: 4 done, 0 to run"]
    assert bits() == after
    Path("a.csv").touch()  # the same rows
    assert nnlab(*sweep, *data).stderr.splitlines() == ["s: 4 trials: 4 done, 0 to run"]


def test_trials_from_other_initial_weights_are_trained_again(nnlab: Nnlab) -> None:
    def weights(value: float) -> None:
        np.savez("w.npz", **{"0.dense.weight": [[value]], "0.dense.bias": [0.0]})

    weights(1.0)
    sweep = ["sweep", "lr=0.001,0.002", "-c", "../there/c.yaml", "--name", "s"]
    weighted = [*sweep, "--set", "init.file=w.npz"]
    assert nnlab(*weighted).exit_code == 0
    before = bits()
    assert nnlab(*weighted).stderr.splitlines() == ["s: 2 trials: 2 done, 0 to run"]
    weights(2.0)
    note = (
        "2 trials were trained on data or initial weights that have changed since (lr=0.001 "
        "seed 0; lr=0.002 seed 0): this command trains them again."
    )
    result = nnlab(*weighted)
    assert result.stderr.splitlines()[:2] == ["s: 2 trials: 2 to run", note]
    after = bits()
    assert after.keys() == before.keys()
    assert all(after[name] != before[name] for name in before)
    weights(3.0)
    one = nnlab("sweep", "lr=0.001", *weighted[2:])
    assert "(lr=0.002 seed 0): the sweep that they belong to trains them" in one.stderr
    Path("w.npz").unlink()  # what has a result keeps it
    assert nnlab("sweep", "lr=0.001", *weighted[2:]).exit_code == 0


def test_a_failed_and_an_interrupted_trial_on_other_data(nnlab: Nnlab) -> None:
    sweep = ["sweep", "lr=0.1,0.2", "-c", "../there/c.yaml", "--name", "s"]
    data = ["--set", "data.path=a.csv"]
    assert nnlab(*sweep, *data).exit_code == 0
    first, second = [RunFolder(path.parent) for path in Path("runs", "s").glob("*/run.json")]
    first.update_status("failed", error="as it was told")
    second.update_status("interrupted")
    table(Path("a.csv"), 9)
    result = nnlab(*sweep, *data)
    assert result.exit_code == 0, result.output
    assert result.stderr.splitlines()[0] == "s: 2 trials: 2 to run"


def test_trials_of_an_earlier_call_on_other_data_are_told(nnlab: Nnlab) -> None:
    data = ["-c", "../there/c.yaml", "--name", "s", "--set", "data.path=a.csv"]
    assert nnlab("sweep", "lr=0.1,0.2", *data).exit_code == 0
    table(Path("a.csv"), 9)
    result = nnlab("sweep", "lr=0.1", *data)
    assert result.stderr.splitlines()[-1] == (
        "1 trial was trained on data or initial weights that have changed since (lr=0.2 seed 0): "
        "the sweep that they belong to trains them again."
    )


def test_trials_are_listed_with_what_they_vary(nnlab: Nnlab) -> None:
    axes = ["lr=0.1,0.25", "data.path=a.csv", "-c", "../there/c.yaml", "--name", "s"]
    assert nnlab("sweep", *axes, "--seeds", "2").exit_code == 0
    listed = CliRunner().invoke(main, ["runs", "runs/s"]).stdout.splitlines()
    assert listed[0].split()[:3] == ["run", "trial", "status"]
    names = [line.split("  ")[1].strip() for line in listed[1:]]
    assert sorted(names) == [
        f"lr={lr} data.path=a.csv seed {seed}" for lr in (0.1, 0.25) for seed in (0, 1)
    ]
    found = json.loads(CliRunner().invoke(main, ["runs", "runs/s", "--json"]).stdout)
    assert sorted(one["trial"] for one in found["runs"]) == sorted(names)
    alone = CliRunner().invoke(main, ["runs"]).stdout
    assert "trial " not in alone  # a run that is no trial has no such column
