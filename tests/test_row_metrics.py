"""Metrics of all rows are measured where a config asks for them, and for the results."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics

import nnlab
from nnlab.build import build
from nnlab.config.load import from_mapping
from nnlab.core.metrics import row_metrics_of
from nnlab.errors import ConfigError
from nnlab.experiment.measure import evaluate_part


def settings(**training: Any) -> dict[str, Any]:
    return {
        "name": "case",
        "data": {"name": "moons", "validation": 0.3, "test": 0.2},
        "network": [{"dense": 3}, "tanh", {"dense": 1}, "sigmoid"],
        "loss": "bce",
        "training": {"epochs": 3, **training},
    }


def columns_of(run: nnlab.Run) -> set[str]:
    return {name for name in run.metrics if name.endswith(("_auc", "_brier"))}


def test_only_what_is_asked_for_is_measured_after_every_epoch(tmp_path: Path) -> None:
    plain = nnlab.train(settings(), runs=tmp_path)
    monitored = nnlab.train(settings(monitor="val_auc"), runs=tmp_path)
    named = nnlab.train(settings(metrics=["auc", "brier"]), runs=tmp_path)
    assert columns_of(plain) == set()
    assert columns_of(monitored) == {"val_auc"}
    assert columns_of(named) == {f"{p}_{q}" for p in ("train", "val") for q in ("auc", "brier")}
    for name in plain.metrics.keys() - {"seconds"}:  # nothing else changes
        np.testing.assert_array_equal(plain.metrics[name], named.metrics[name])
    assert monitored.summary["best"]["epoch"] == int(monitored.metrics["val_auc"].argmax())
    assert {"auc", "brier"} <= named.summary["test"].keys()
    assert "auc" not in plain.summary["test"]


def test_results_have_all_scores_of_the_last_weights(tmp_path: Path) -> None:
    run = nnlab.train(settings(metrics=["auc"]), runs=tmp_path)
    summary = json.loads((run.path / "summary.json").read_text())
    known = row_metrics_of("binary", run.config.network)
    assert list(summary["scores"]) == list(known)
    rows = run.rows["test"]
    wanted = metrics.roc_auc_score(rows.targets, rows.outputs)
    assert summary["scores"]["auc"] == summary["test"]["auc"] == pytest.approx(wanted, rel=1e-12)
    for part, name in (("train", "train"), ("validation", "val")):  # with the weights of the end
        assert evaluate_part(run, part=part)["scores"]["auc"] == run.metrics[f"{name}_auc"][-1]
    assert summary["averages"].keys() == {"macro", "weighted"}


def test_both_engines_measure_the_same(tmp_path: Path) -> None:
    pytest.importorskip("numba")
    both = [
        nnlab.train(settings(metrics=["auc", "mcc"], dtype="float64", engine=engine), runs=tmp_path)
        for engine in ("numpy", "compiled")
    ]
    for name in ("train_auc", "val_auc", "val_mcc"):
        first, second = (run.metrics[name] for run in both)
        np.testing.assert_allclose(first, second, rtol=1e-12)


@pytest.mark.parametrize(
    ("training", "message"),
    [
        ({"metrics": ["acu"]}, "there is no metric 'acu' here. Did you mean 'auc'?"),
        ({"metrics": ["r2"]}, "r2 does not suit the task and the outputs; it is for regression."),
        ({"monitor": "val_explained_variance"}, "there is no value 'val_explained_variance'"),
    ],
)
def test_a_metric_that_does_not_suit(training: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match="config: ") as caught:
        from_mapping(settings(**training))
    assert message in str(caught.value)


def test_a_part_with_one_class_has_no_auc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [f"{i},{'ab'[i >= 5]}" for i in range(10)]
    Path("rows.csv").write_text("\n".join(["x,y", *rows]))
    data = {"name": "csv", "path": "rows.csv", "target": "y", "split": "ordered", "validation": 3}
    config = settings(monitor="val_auc") | {"data": data}
    with pytest.raises(ConfigError) as caught:
        build(from_mapping(config))
    assert str(caught.value) == (
        "training.monitor: auc needs rows of two classes, and the validation rows have only one. "
        "Change the split or the metric."
    )
