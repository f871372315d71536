"""`data.weight`: a row with weight 2 counts as two rows, as scikit-learn's `sample_weight` does."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics
from sklearn.linear_model import LinearRegression, LogisticRegression

import nnlab
from nnlab.build import build
from nnlab.config.load import from_mapping
from nnlab.data.memory import Memory
from nnlab.errors import ConfigError, DataError, UsageError

RNG = np.random.default_rng(3)
X = RNG.normal(size=(60, 2)).round(3)
Y = (X @ [1.0, -2.0] + 3 * RNG.normal(size=60) > 0).astype(int)
T = (X @ [1.0, -2.0] + 0.5 * RNG.normal(size=60) ** 2).round(3)
W = RNG.integers(1, 5, 60).astype(float)
TABLE = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "y": Y, "t": T, "w": W})
FULL = {"optimizer": {"adam": 0.1}, "training": {"batch_size": "full", "dtype": "float64"}}
LINE = {**FULL, "network": [{"dense": 1}], "loss": "mse"}
LOGISTIC = {**FULL, "network": [{"dense": 1}, "sigmoid"], "loss": "bce"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights")
    TABLE.to_csv(path / "t.csv", index=False)
    np.savez(path / "t.npz", x=X, y=Y, w=W)
    return path


def csv(folder: Path, target: str, **more: Any) -> dict[str, Any]:
    ignored = [{"y": "t", "t": "y"}[target]]
    path = str(folder / "t.csv")
    return {"name": "csv", "path": path, "target": target, "ignore": ignored, "weight": "w", **more}


def test_a_line_is_that_of_scikit_learn(folder: Path) -> None:
    run = nnlab.train({**LINE, "data": csv(folder, "t")}, runs=folder, epochs=1500)
    line = LinearRegression().fit(X, T, sample_weight=W)
    weights = run.weights("final")
    np.testing.assert_allclose(weights["0.dense.weight"][:, 0], line.coef_, atol=1e-6)
    np.testing.assert_allclose(weights["0.dense.bias"], line.intercept_, atol=1e-6)


def test_a_logistic_regression_is_that_of_scikit_learn(folder: Path) -> None:
    data = {"name": "npz", "path": str(folder / "t.npz"), "weight": "w"}
    run = nnlab.train({**LOGISTIC, "data": data}, runs=folder, epochs=2500)
    logistic = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(X, Y, sample_weight=W)
    np.testing.assert_allclose(
        run.weights("final")["0.dense.weight"][:, 0], logistic.coef_[0], atol=1e-4
    )


def test_the_metrics_of_classes_are_those_of_scikit_learn(folder: Path) -> None:
    run = nnlab.train({**LOGISTIC, "data": csv(folder, "y", test=0.4)}, runs=folder, epochs=3)
    measured = nnlab.evaluate(run)
    rows = build(run.config).parts.test
    p = run.predict(X[rows])[:, 0]
    weighted = {"sample_weight": W[rows]}
    assert measured["loss"] == pytest.approx(metrics.log_loss(Y[rows], p, **weighted))
    assert measured["accuracy"] == pytest.approx(
        metrics.accuracy_score(Y[rows], p > 0.5, **weighted)
    )
    assert measured["scores"]["auc"] == pytest.approx(metrics.roc_auc_score(Y[rows], p, **weighted))


def test_the_metrics_of_numbers_are_those_of_scikit_learn(folder: Path) -> None:
    run = nnlab.train({**LINE, "data": csv(folder, "t", validation=0.4)}, runs=folder, epochs=3)
    rows = build(run.config).parts.validation
    y, weighted = run.predict(X[rows])[:, 0], {"sample_weight": W[rows]}
    last = run.results["final"]
    assert last["val_loss"] == pytest.approx(metrics.mean_squared_error(T[rows], y, **weighted))
    assert last["val_mae"] == pytest.approx(metrics.mean_absolute_error(T[rows], y, **weighted))
    assert last["val_r2"] == pytest.approx(metrics.r2_score(T[rows], y, **weighted))


def test_all_sources_have_the_same_weights(folder: Path) -> None:
    frame = TABLE.drop(columns="t")
    data = {"data__target": "y", "data__weight": "w"}
    run = nnlab.train(LOGISTIC, data=frame, runs=folder, epochs=2, **data)
    table = nnlab.train({**LOGISTIC, "data": csv(folder, "y")}, runs=folder, epochs=2)
    npz = {"name": "npz", "path": str(folder / "t.npz"), "weight": "w"}
    arrays = nnlab.train({**LOGISTIC, "data": npz}, runs=folder, epochs=2)
    for other in (table, arrays):
        np.testing.assert_array_equal(run.network().values, other.network().values)


def test_rows_of_weight_0_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,g,w,t\n1,x,0,2\n2,x,2,3\n3,y,1,4\n4,y,0,5\n")
    data = {"name": "csv", "path": str(tmp_path / "t.csv"), "target": "t", "task": "regression"}
    data |= {"weight": "w", "group": "g"}
    dataset = from_mapping({**LINE, "data": data}).data.load()
    np.testing.assert_array_equal(dataset.inputs, [[2], [3]])
    np.testing.assert_array_equal(dataset.weights, [2, 1])
    np.testing.assert_array_equal(dataset.groups, [0, 1])
    np.testing.assert_array_equal(dataset.rows_in_file(np.array([0, 1])), [1, 2])
    assert dataset.notes[-1].endswith("2 of 4 rows have weight 0 and are left out.")


def test_the_weights_of_a_frame_stay_with_their_rows() -> None:
    frame = TABLE.drop(columns="y").assign(a=np.where(np.arange(60) == 1, np.nan, X[:, 0]))
    source = Memory(target="t", weight="w", missing="drop").reading(frame)
    np.testing.assert_array_equal(source.load(0).weights, np.delete(W, 1))


def test_other_weights_are_other_data(folder: Path, tmp_path: Path) -> None:
    (TABLE.assign(w=W + 1)).to_csv(tmp_path / "t.csv", index=False)
    one, two = (from_mapping({**LOGISTIC, "data": csv(f, "y")}) for f in (folder, tmp_path))
    assert one.data.load().sha256 != two.data.load().sha256


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        ("1 2 -1", r"t\.csv, line 4, column 'w': -1 is no weight; it is 0 or more\."),
        (
            "1 nan 1",
            r"t\.csv, line 3, column 'w': the cell is missing.*each row needs its weight\.",
        ),
        ("1 many 1", r"t\.csv, line 3, column 'w': 'many' is not a finite number\."),
        ("0 0 0", r"t\.csv: all weights are 0; a row needs a weight\."),
    ],
)
def test_what_is_no_weight_in_a_table(tmp_path: Path, cells: str, problem: str) -> None:
    rows = [f"{i},{i % 2},{cell}\n" for i, cell in enumerate(cells.split())]
    (tmp_path / "t.csv").write_text("a,y,w\n" + "".join(rows))
    data = {"name": "csv", "path": str(tmp_path / "t.csv"), "target": "y", "weight": "w"}
    with pytest.raises(DataError, match=problem):
        from_mapping({**LOGISTIC, "data": data})


@pytest.mark.parametrize(
    ("w", "problem"),
    [
        (-W, r"array 'w', row 0 \(counted from 0\): -\d is no weight; it is 0 or more\."),
        (W * np.nan, r"array 'w': the numbers hold nan at row 0"),
        (W[:9], r"there are 60 rows of inputs but 9 of weights\."),
        (X, r"array 'w' has shape \(60, 2\)"),
        (W * 0, r"all weights are 0"),
    ],
)
def test_what_is_no_weight_in_an_array(tmp_path: Path, w: Any, problem: str) -> None:
    np.savez(tmp_path / "t.npz", x=X, y=Y, w=w)
    data = {"name": "npz", "path": str(tmp_path / "t.npz"), "weight": "w"}
    with pytest.raises(DataError, match=problem):
        from_mapping({**LOGISTIC, "data": data})


def test_what_is_no_weight_in_a_frame() -> None:
    def train(**columns: Any) -> None:
        nnlab.train(LINE, data=TABLE.assign(**columns), data__target="t", data__weight="w")

    with pytest.raises(DataError, match=r"row 2 \(counted from 0\), column 'w': nan is no weight"):
        train(w=np.where(np.arange(60) == 2, np.nan, 1.0))
    with pytest.raises(DataError, match="column 'w' holds something that is no number: x"):
        train(w=["x"] * 60)
    with pytest.raises(DataError, match="no ignored or weight column 'v'"):
        nnlab.train(LINE, data=TABLE, data__target="t", data__weight="v")


def test_a_later_file_needs_no_weights(folder: Path, tmp_path: Path) -> None:
    """Also without header, where columns are known by their number in the training file."""
    bare = {"header": False, "target": 2, "weight": 4, "ignore": [3]}
    TABLE.to_csv(tmp_path / "bare.csv", index=False, header=False)
    data = {"name": "csv", "path": str(tmp_path / "bare.csv"), **bare}
    run = nnlab.train({**LOGISTIC, "data": data}, runs=tmp_path, epochs=2)
    accuracy = metrics.accuracy_score(Y, run.predict(X)[:, 0] > 0.5)
    measured = nnlab.evaluate(run, tmp_path / "bare.csv")
    assert measured["accuracy"] == pytest.approx(accuracy)
    assert "each row counts once (data.weight is not read here)" in measured.notes[-1]
    TABLE[["y", "w", "a", "b"]].to_csv(tmp_path / "bare.csv", index=False, header=False)
    columns = {"header": False, "target": 0, "weight": 1}
    run = nnlab.train(
        {**LOGISTIC, "data": data | columns | {"ignore": []}}, runs=tmp_path, epochs=2
    )
    TABLE[["w", "a", "b"]].to_csv(tmp_path / "later.csv", index=False, header=False)
    outputs = nnlab.predict(run, tmp_path / "later.csv").outputs
    np.testing.assert_allclose(outputs, run.predict(X))
    named = nnlab.train({**LOGISTIC, "data": csv(folder, "y")}, runs=tmp_path, epochs=2)
    TABLE[["b", "a"]].to_csv(tmp_path / "later.csv", index=False)
    assert len(nnlab.predict(named, tmp_path / "later.csv").outputs) == 60


def test_what_cannot_take_weights_says_so(folder: Path) -> None:
    config = {**LOGISTIC, "data": csv(folder, "y")}
    run = nnlab.train(config, runs=folder, epochs=2)
    with pytest.raises(UsageError, match=r"data\.weight\) has no script"):
        nnlab.export(run, "script")
    with pytest.raises(UsageError, match=r"data\.weight\) cannot be explained"):
        nnlab.explain(run, 1)
    with pytest.raises(UsageError, match=r"does not get the weights of rows \(data\.weight\)"):
        list(nnlab.crosscheck(config, against="sklearn").rows)
    with pytest.raises(ConfigError, match="weights of rows have no compiled form"):
        nnlab.train(config, runs=folder, training__engine="compiled")
