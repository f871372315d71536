"""A cross-validation as a user meets it: `nnlab sweep fold`."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

import nnlab as api
from nnlab.build import build
from nnlab.config.load import load_config
from nnlab.errors import UsageError
from nnlab.study.noise import fold_interval

CONFIG = """
data: {name: blobs, samples: 60, std: 4.0, stratify: true, test: 0.2}
network: [{dense: 3}, softmax]
loss: cross_entropy
optimizer: {name: sgd, lr: 0.05}
training: {epochs: 3}
"""
Run = Callable[..., Result]


@pytest.fixture
def case(tmp_path: Path) -> Path:
    path = tmp_path / "case.yaml"
    path.write_text(CONFIG)
    return path


def test_folds_a_mean_and_an_interval_per_setting(nnlab: Run, case: Path) -> None:
    words = ("sweep", "fold", "lr=0.05,1e-5", "case.yaml", "--folds", "3", "--no-plots")
    result = nnlab(*words)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    header = ["fold", "lr", "train_loss", "val_loss", "test_loss", "val_accuracy"]
    assert lines[0].split() == header
    assert [line.split()[0] for line in lines[1:7]] == ["1", "1", "2", "2", "3", "3"]
    assert "\nNumbers: mean (95 % interval) over the folds.\n" in result.stdout
    answer = json.loads(nnlab(*words, "--json").stdout)
    for mean in answer["folds"]:
        losses = [
            trial["final"]["val_loss"]
            for trial in answer["trials"]
            if trial["cell"]["lr"] == mean["cell"]["lr"]
        ]
        assert mean["folds"] == len(losses) == 3
        interval = fold_interval(losses, 3)
        assert interval is not None
        assert mean["means"]["val_loss"] == pytest.approx(interval.mean)
        assert mean["intervals"]["val_loss"]["high"] == pytest.approx(interval.high)
    assert list(answer["folds"][0]["means"]) == ["val_loss", "val_accuracy"]

    compared = nnlab("compare", answer["folder"])
    assert re.search(r"final.val_loss: group 2 is .* the mean over 3 shared folds", compared.stdout)
    assert "fold noise" in compared.stdout
    comparison = json.loads(nnlab("compare", answer["folder"], "--json").stdout)
    assert [len(group["runs"]) for group in comparison["groups"]] == [3, 3]
    assert comparison["comparisons"][0]["seeds"] == [[0, 1], [0, 2], [0, 3]]


def test_repeats_go_on_with_other_folds(case: Path, tmp_path: Path) -> None:
    trained = api.sweep(
        case, "fold", folds=2, repeats=2, jobs=1, runs=tmp_path, epochs=1, progress=False
    )
    assert trained.status == "completed"
    assert [mean.folds for mean in trained.folds] == [4]
    assert trained.axes[0]["values"] == [1, 2, 3, 4]


def test_scaling_and_fills_see_the_training_folds_alone(tmp_path: Path) -> None:
    x = [1.0, 2.0, 30.0, 4.0, 500.0, 6.0]
    rows = "\n".join(f"{value},{'' if i == 1 else i},{i % 2}" for i, value in enumerate(x))
    (tmp_path / "t.csv").write_text(f"x,z,y\n{rows}\n")
    (tmp_path / "c.yaml").write_text(
        "data: {name: csv, path: t.csv, target: y, missing: mean, scale: standardize,"
        " split: ordered, folds: 3, fold: 3}\n"
        "network: [{dense: 2}, softmax]\nloss: cross_entropy\n"
    )
    built = build(load_config(str(tmp_path / "c.yaml"), ()).config)
    assert built.parts.validation is not None
    assert built.parts.validation.tolist() == [4, 5]
    assert built.plan.monitor == "val_loss"
    assert built.scaling.shift[0] == np.mean(x[:4])
    assert built.scaling.shift[1] == pytest.approx(np.mean([0, 2, 3]))


def test_groups_come_from_a_column_that_is_no_input(nnlab: Run, tmp_path: Path) -> None:
    rows = "".join(f"{i}.5,p{i % 7},{i % 2}\n" for i in range(42))
    table, config = tmp_path / "t.csv", tmp_path / "c.yaml"
    table.write_text(f"x,patient,y\n{rows}")
    config.write_text(
        "data: {name: csv, path: t.csv, target: y, group: patient, fold: 1, folds: 3}\n"
        "network: [{dense: 2}, softmax]\nloss: cross_entropy\ntraining: {epochs: 1}\n"
    )
    result = nnlab("check", "c.yaml")
    assert "inputs   1: 'x'" in result.stdout
    parts = build(load_config(str(config), ()).config).parts
    assert parts.validation is not None
    assert {i % 7 for i in parts.train}.isdisjoint(i % 7 for i in parts.validation)
    assert f"rows     42: {len(parts.train)} to train" in result.stdout
    table.write_text(f"x,patient,y\n{rows}1.5,,1\n")
    refused = nnlab("check", "c.yaml")
    assert refused.exit_code == 3
    assert "column 'patient': the cell is missing. Fill it: each row needs its group." in (
        refused.stderr
    )


def test_folds_need_their_axis(case: Path) -> None:
    with pytest.raises(UsageError, match="folds and repeats are of the axis fold"):
        api.sweep(case, "lr=0.1", folds=3)
