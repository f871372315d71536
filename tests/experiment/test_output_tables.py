"""The tables over labels and over targets, against scikit-learn."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import (
    mean_absolute_error,
    precision_recall_fscore_support,
    r2_score,
    root_mean_squared_error,
)

import nnlab
from nnlab.core.class_scores import confusion_matrix, label_averages

TRAINING = {"epochs": 1, "dtype": "float64", "engine": "numpy"}
SCORES = ("precision", "recall", "f1")


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Any:
    config = {
        "name": "labels",
        "data": {"name": "digit_properties", "test": 0.2},
        "network": [{"dense": 4}, "sigmoid"],
        "loss": "bce",
        "training": TRAINING,
    }
    return nnlab.train(config, runs=tmp_path_factory.mktemp("runs"))


def test_each_label_has_scikit_learns_scores(labelled: Any) -> None:
    rows = labelled.rows["test"]
    guesses = rows.outputs >= 0.5
    wanted = precision_recall_fscore_support(rows.targets, guesses, zero_division=0)
    found = labelled.summary["classes"]
    assert [row["label"] for row in found] == ["even", "prime", "5 or more", "loop"]
    for name, column in zip((*SCORES, "support"), wanted, strict=True):
        assert [row[name] for row in found] == pytest.approx(column.tolist())
    averages = labelled.summary["averages"]
    assert list(averages) == ["micro", "macro", "weighted"]
    for name, means in averages.items():
        wanted = precision_recall_fscore_support(
            rows.targets, guesses, average=name, zero_division=0
        )
        assert [means[score] for score in SCORES] == pytest.approx(list(wanted[:3]))
    assert labelled.summary["confusion"] is None
    assert labelled.summary["targets"] is None


def test_evaluate_prints_a_row_per_label(labelled: Any) -> None:
    measures = nnlab.evaluate(labelled)
    assert json.loads(json.dumps(measures.to_dict()))["classes"] == labelled.summary["classes"]
    lines = str(measures).splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("label"))
    names = [line.rsplit(maxsplit=4)[0].strip() for line in lines[start + 1 :]]
    assert names == [
        "even", "prime", "5 or more", "loop", "micro mean", "macro mean", "weighted mean",
    ]  # fmt: skip


def test_labels_that_no_row_has_count_equally() -> None:
    matrix = confusion_matrix(np.zeros(3, np.int64), np.zeros(3, np.int64), 2)
    nothing = dict.fromkeys(SCORES, 0.0)
    assert label_averages([matrix, matrix]) == {
        "micro": nothing,
        "macro": nothing,
        "weighted": nothing,
    }


def test_each_target_has_scikit_learns_errors(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    table = np.hstack([rng.normal(size=(40, 2)), rng.normal(size=(40, 2)) * [1e4, 0.01]])
    lines = [",".join(map(repr, row)) for row in table.tolist()]
    (tmp_path / "t.csv").write_text("a,b,price,area\n" + "\n".join(lines) + "\n")
    data = {"name": "csv", "path": str(tmp_path / "t.csv"), "target": ["price", "area"]}
    config = {
        "name": "targets",
        "data": {**data, "test": 0.25, "scale_target": "standardize"},
        "network": [{"dense": 2}],
        "loss": "mse",
        "training": TRAINING,
    }
    run = nnlab.train(config, runs=tmp_path)
    rows = run.rows["test"]
    found = run.summary["targets"]
    assert [row["target"] for row in found] == ["price", "area"]
    scores = {"mae": mean_absolute_error, "rmse": root_mean_squared_error, "r2": r2_score}
    for name, score in scores.items():
        wanted = score(rows.targets, rows.outputs, multioutput="raw_values")
        assert [row[name] for row in found] == pytest.approx(wanted.tolist(), rel=1e-6)
    text = str(nnlab.evaluate(run)).splitlines()
    assert [line.split()[0] for line in text[-3:]] == ["target", "price", "area"]
    assert list(nnlab.predict(run).table) == [
        "row", "target_price", "target_area", "price", "area", "loss",
    ]  # fmt: skip
