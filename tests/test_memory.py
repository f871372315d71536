"""Training on rows of a Python program: nnlab.train(config, data=...)."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from scipy.sparse import csr_array, csr_matrix

import nnlab
from nnlab.cli import main
from nnlab.errors import ConfigError, DataError, UsageError
from nnlab.experiment.measure import evaluate_part
from nnlab.run.run import Run

RNG = np.random.default_rng(3)
X = RNG.normal(size=(60, 3))
Y = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)
CONFIG: dict[str, Any] = {
    "data": {"test": 0.2, "validation": 0.2, "scale": "standardize"},
    "network": [{"dense": 4}, "tanh", {"dense": 3}, "softmax"],
    "loss": "cross_entropy",
    "optimizer": "adam",
    "training": {"epochs": 3},
}
FRAME = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "colour": RNG.choice(["red", "blue"], 60)})
FRAME["kind"] = np.array(["x", "y", "z"])[Y]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return nnlab.train(CONFIG, data=(X, Y), runs=tmp_path_factory.mktemp("runs"))


def test_a_run_on_arrays_is_the_run_on_their_file(trained: Run, tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", x=X, y=Y)
    data = {**CONFIG["data"], "name": "npz", "path": str(tmp_path / "t.npz")}
    run = nnlab.train({**CONFIG, "data": data}, runs=tmp_path)
    assert run.data_source[1] == trained.data_source[1]
    ours, theirs = trained.weights("final"), run.weights("final")
    assert {name: a.tobytes() for name, a in ours.items()} == {
        name: a.tobytes() for name, a in theirs.items()
    }


@pytest.mark.parametrize("missing", ["error", "mean", "drop"])
def test_a_run_on_a_frame_is_the_run_on_its_file(missing: str, tmp_path: Path) -> None:
    frame = FRAME.copy()
    if missing != "error":
        frame.loc[3, "a"], frame.loc[5, "colour"] = np.nan, None
    if missing == "drop":
        frame.loc[7, "kind"] = None
    frame.to_csv(tmp_path / "t.csv", index=False)
    data = {**CONFIG["data"], "target": "kind", "missing": missing, "ignore": ["b"]}
    file = {"name": "csv", "path": str(tmp_path / "t.csv"), "categorical": ["colour"]}
    csv = nnlab.train({**CONFIG, "data": {**data, **file}}, runs=tmp_path)
    run = nnlab.train({**CONFIG, "data": data}, data=frame, runs=tmp_path)
    assert run.data_source[1] == csv.data_source[1]
    assert run.data.class_names == csv.data.class_names == ("x", "y", "z")
    assert run.data.columns == csv.data.columns
    dropped = ["the rows: missing: drop left out 3 of 60 rows."]
    assert run.about["warnings"] == (dropped if missing == "drop" else [])
    table, _ = run.schema.inputs(tmp_path / "t.csv") if missing == "mean" else (None, ())
    assert table is None or np.isfinite(run.predict(table)).all()


def test_x_and_y_may_be_frames(tmp_path: Path) -> None:
    x, y = FRAME[["a", "b", "colour"]], FRAME["kind"]
    run = nnlab.train(CONFIG, data=(x, y), runs=tmp_path)
    whole = nnlab.train(CONFIG, data=FRAME, data__target="kind", runs=tmp_path)
    assert run.data == whole.data
    assert run.data.target_names == ("kind",)


def test_the_data_of_a_csv_config_may_come_from_memory(tmp_path: Path) -> None:
    """Its target and categories stay; the path does not."""
    data = {**CONFIG["data"], "name": "csv", "path": "nowhere.csv", "target": "kind"}
    run = nnlab.train({**CONFIG, "data": {**data, "categorical": ["b"]}}, data=FRAME, runs=tmp_path)
    assert [c.name for c in run.data.columns if c.categories] == ["b", "colour"]
    assert "nowhere" not in (run.path / "resolved.yaml").read_text()


@pytest.mark.parametrize(
    "data", [{"test": 0.2}, {"csv": {"path": "a.csv", "test": 0.2}}, {"test": 0.2, "seed": 0}]
)
def test_settings_of_data_without_a_name_stay(data: dict[str, Any], tmp_path: Path) -> None:
    """One alone too, which is not the name of a data set."""
    run = nnlab.train({**CONFIG, "data": data}, data=(X, Y), runs=tmp_path)
    assert run.settings["data"]["test"] == 0.2


@pytest.mark.parametrize(
    "data", [{"tset": 0.2}, {"tset": 0.2, "seed": 0}, {"csv": {"path": "a.csv", "tset": 0.2}}]
)
def test_a_setting_that_no_data_set_has_is_a_mistake(data: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="memory has no setting 'tset'"):
        nnlab.train({**CONFIG, "data": data}, data=(X, Y), runs=tmp_path)


def test_everything_works_on_the_run_in_the_same_session(trained: Run, tmp_path: Path) -> None:
    assert nnlab.verify(trained).problems == []
    assert evaluate_part(trained)["loss"] == pytest.approx(
        trained.summary["test"]["loss"], rel=1e-12
    )
    assert nnlab.explain(trained, row=2)
    assert isinstance(nnlab.doctor(trained), list)
    assert nnlab.export(trained, "script", tmp_path / "script.py").is_file()
    assert isinstance(nnlab.doctor(CONFIG, data=(X, Y)), list)


def test_a_loaded_run_asks_for_its_rows_and_takes_them(trained: Run) -> None:
    run = nnlab.load(trained.path)
    assert run.predict(X).shape == (60, 3)
    message = r"Give them again: .* or nnlab\.load\(RUN, data=\.\.\.\) for a run\.$"
    for use in (lambda run: nnlab.explain(run, row=2), nnlab.doctor, evaluate_part):
        with pytest.raises(DataError, match=message):
            use(run)
    again = nnlab.load(trained.path, data=(X, Y))
    assert evaluate_part(again) == evaluate_part(trained)
    assert again == run


def test_a_frame_to_predict_is_read_by_the_names_of_its_columns(tmp_path: Path) -> None:
    run = nnlab.train(CONFIG, data=FRAME, data__target="kind", runs=tmp_path)
    codes = [[1.0, 0.0] if colour == "blue" else [0.0, 1.0] for colour in FRAME["colour"]]
    expected = run.predict(np.c_[FRAME[["a", "b"]], codes])
    np.testing.assert_array_equal(run.predict(FRAME), expected)  # kind is no input
    np.testing.assert_array_equal(run.predict(FRAME[["colour", "b", "a"]]), expected)
    np.testing.assert_array_equal(nnlab.predict(run, FRAME).outputs, expected)
    FRAME.to_csv(tmp_path / "new.csv", index=False)
    of_file = nnlab.evaluate(run, tmp_path / "new.csv").measures
    assert nnlab.evaluate(run, FRAME[["kind", *"ba", "colour"]]).measures == of_file
    assert nnlab.predict(run, FRAME, targets=True).table["target"].tolist() == list(FRAME["kind"])
    for frame, message in (
        (FRAME.drop(columns="b"), "the rows have no column 'b'; their columns are 'a', 'colour'"),
        (FRAME.assign(colour="green"), "'green' is none of the categories of the training data"),
        (FRAME.assign(a=np.nan), r"row 0 \(counted from 0\), column 'a': the cell is missing"),
    ):
        with pytest.raises(DataError, match=message):
            run.predict(frame)


def test_other_rows_are_refused(trained: Run) -> None:
    moved = X.copy()
    moved[0, 0] = np.nextafter(moved[0, 0], 1)
    for data in ((moved, Y), (X[:50], Y[:50]), (X, 2 - Y)):
        with pytest.raises(DataError, match="Give the same rows"):
            nnlab.load(trained.path, data=data)


def test_a_change_of_the_arrays_does_not_reach_the_run(tmp_path: Path) -> None:
    x, y = X.copy(), X[:, :1].copy()
    config = {**CONFIG, "network": [{"dense": 1}], "loss": "mse"}
    run = nnlab.train(config, data=(x, y), runs=tmp_path)
    x[...], y[...] = 0, 0
    assert nnlab.verify(run).problems == []
    with pytest.raises(DataError, match="Give the same rows"):
        nnlab.load(run.path, data=(x, y))


def test_resolved_yaml_names_the_rows_by_their_hash(trained: Run, tmp_path: Path) -> None:
    resolved = trained.path / "resolved.yaml"
    assert f"sha256: {trained.data_source[1]}" in resolved.read_text()
    again = nnlab.train(resolved, data=(X, Y), runs=tmp_path)
    assert again.weights("final")["0.dense.weight"].tobytes() == (
        trained.weights("final")["0.dense.weight"].tobytes()
    )
    with pytest.raises(DataError, match=r"set data\.sha256 to ''"):
        nnlab.train(resolved, data=(X[:30], Y[:30]), runs=tmp_path)
    nnlab.train(trained.config, data=(X[:30], Y[:30]), data__sha256="", runs=tmp_path)


def test_a_run_is_resumed_with_its_rows(trained: Run, tmp_path: Path) -> None:
    run = nnlab.train(CONFIG, data=(X, Y), epochs=2, runs=tmp_path)
    with pytest.raises(DataError, match="Give them again"):
        nnlab.resume(run.path, epochs=3)
    assert nnlab.resume(run, epochs=3).memory is run.memory
    assert Run(run.path).weights("final")["0.dense.weight"].tobytes() == (
        trained.weights("final")["0.dense.weight"].tobytes()
    )


def test_the_command_line_says_that_the_rows_are_not_there(trained: Run) -> None:
    for command in ("verify", "doctor", "resume"):
        arguments = ["--set", "training.epochs=9"] if command == "resume" else []
        result = CliRunner().invoke(main, [command, str(trained.path), *arguments])
        assert result.exit_code == 3, command
        assert "a Python program gave them" in result.stderr
        assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("data", "settings", "message"),
    [
        (5, {}, "data is (x, y) or a data frame, and here it is int."),
        ((X, Y, Y), {}, "data is (x, y) or a data frame, and here it is a tuple of 3."),
        ((X, Y[:9]), {}, "x has 60 rows, and y has 9."),
        ((FRAME, Y[:9]), {}, "x has 60 rows, and y has 9."),
        ((X[:, 0], Y), {}, "x has the shape (60,); rows are needed. A single column is x.resh"),
        ((X.astype(str), Y), {}, "x is of type <U"),
        ((np.ma.masked_less(X, 0), Y), {}, "x must all be there, and some of its values are m"),
        ((csr_array(X), Y), {}, "x is a sparse matrix; nnlab needs all its numbers: .toarray()."),
        ((X, csr_matrix(X)), {}, "y is a sparse matrix; nnlab needs all its numbers: .toarray()."),
        ({"x": X, "y": Y}, {}, "data is (x, y) or a data frame, and here it is dict."),
        (FRAME.assign(a=[[1, 2]] * 60), {"target": "kind"}, "column 'a' holds something that is n"),
        ((X, Y), {"target": "a"}, "data.target is 'a', and data=(x, y) has its targets in y. Set"),
        (FRAME, {}, "data.target names the column to predict, and is not set. The columns are 'a'"),
        (FRAME, {"target": "kin"}, "there is no target column 'kin'; the columns are 'a', 'b', 'c"),
        (FRAME, {"target": "kind", "ignore": ["kind"]}, "the rows: column 'kind' is chosen twice."),
        (FRAME[["kind"]], {"target": "kind"}, "the rows: there are target columns only, and no"),
        (FRAME.mask(FRAME == "x"), {"target": "kind", "missing": "mean"}, "row "),
        (FRAME, {"target": "kind", "task": "regression"}, "row 0 (counted from 0), column 'kind':"),
    ],
)
def test_bad_data_is_one_sentence(data: Any, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError) as error:
        nnlab.train(CONFIG, data=data, **{f"data__{key}": v for key, v in settings.items()})
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_mistakes_of_the_config_come_first() -> None:
    with pytest.raises(nnlab.NnlabError, match="lr"):
        nnlab.train(CONFIG, data=5, lr=-1)
    with pytest.raises(nnlab.NnlabError, match="there is no setting 'target'"):
        nnlab.train(CONFIG, data=FRAME, target="kind")


def test_a_run_with_data_of_its_own_takes_none(tmp_path: Path) -> None:
    run = nnlab.train("xor", epochs=1, runs=tmp_path)
    with pytest.raises(UsageError, match="reads its data itself"):
        nnlab.load(run.path, data=(X, Y))


def test_a_sweep_takes_rows_and_gives_them_to_its_runs(tmp_path: Path) -> None:
    def swept(x: Any, rates: list[float]) -> nnlab.Sweep:
        return nnlab.sweep(CONFIG, {"lr": rates}, data=(x, Y), jobs=1, runs=tmp_path, name="s")

    sweep = swept(X, [0.1])
    sweep.runs[0].folder.update_status("interrupted")  # is continued on the same rows
    sweep = swept(X, [0.1, 0.2])
    assert (sweep.status, len(sweep.runs)) == ("completed", 2)
    for run in sweep.runs:
        assert evaluate_part(run)["loss"] == pytest.approx(run.summary["test"]["loss"], rel=1e-12)
    with pytest.raises(UsageError, match=r"another sweep:\n  data\.sha256: "):
        swept(X + 1, [0.1])


def test_a_search_takes_rows_and_names_no_command(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    search = nnlab.tune(
        CONFIG, {"lr": [0.1]}, data=FRAME, data__target="kind", trials=1, runs=tmp_path
    )
    assert search.best is not None
    assert evaluate_part(search.best)["loss"] > 0
    assert search.results["command"] is None
    assert "To repeat it" not in repr(search)


def test_gradients_are_checked_on_rows() -> None:
    assert nnlab.gradcheck(CONFIG, data=(X, Y)).wrong == []


def test_a_data_set_in_words_is_no_rows(tmp_path: Path) -> None:
    config = {**CONFIG, "data": "moons", "network": [{"dense": 2}, "softmax"]}
    run = nnlab.train(config, data={"xor": "line"}, epochs=1, runs=tmp_path)
    assert run.config.data.source.variant == "line"
    assert nnlab.gradcheck(config, data="xor").wrong == []
