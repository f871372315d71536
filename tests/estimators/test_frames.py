"""Data frames: columns by name, categories and missing cells, as in a CSV file."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import nnlab
from nnlab.estimators.classifier import Classifier
from nnlab.estimators.regressor import Regressor
from tests.estimators.test_estimators import arrays, assert_same, repeated_problems

RNG = np.random.default_rng(2)
TABLE = pd.DataFrame(
    {
        "age": RNG.normal(40, 10, 60).round(),
        "colour": RNG.choice(["red", "blue"], 60),
        "size": pd.Categorical(RNG.choice(["s", "m", "l"], 60)),
        "member": RNG.choice([True, False], 60),
    }
)
GAPS = TABLE.copy()
GAPS.loc[3, "age"] = np.nan
GAPS.loc[[5, 9], "colour"] = None
PRICE = TABLE["age"].to_numpy() / 40 + (TABLE["colour"] == "red")
CLASS = np.where(TABLE["size"] == "l", "large", "other")
SHORT: dict[str, Any] = {"hidden": 4, "epochs": 3, "scale": "standardize"}


@pytest.mark.parametrize("missing", ["drop", "mean"])
def test_a_frame_trains_as_its_csv_file(tmp_path: Path, missing: str) -> None:
    GAPS.assign(price=PRICE).to_csv(tmp_path / "gaps.csv", index=False)
    data = {"name": "csv", "path": str(tmp_path / "gaps.csv"), "target": "price"}
    data |= {"categorical": ["colour", "size", "member"], "missing": missing}
    run = nnlab.train(
        {
            "data": {**data, "scale": "standardize"},
            "network": [{"dense": 4}, "relu", {"dense": 1}],
            "loss": "mse",
            "optimizer": "adam",
            "training": {"epochs": 3, "dtype": "float64"},
        },
        runs=tmp_path,
    )
    settings = {**SHORT, "missing": missing, "categorical": ["member"]}
    model = Regressor(**settings).fit(GAPS, PRICE)
    assert_same(arrays(model), run.network().arrays)
    assert model.feature_names_in_.tolist() == list(GAPS)
    assert (model.n_features_in_, model.network_.inputs) == (4, (8,))
    if missing == "mean":
        inputs, _ = run.schema.inputs(tmp_path / "gaps.csv")
        np.testing.assert_array_equal(model.predict(GAPS), run.predict(inputs)[:, 0])


def test_a_run_folder_of_a_frame(tmp_path: Path) -> None:
    settings = {**SHORT, "missing": "mean", "runs": tmp_path}
    for kind, y in ((Classifier, CLASS), (Regressor, np.column_stack([PRICE, -PRICE]))):
        model = kind(**settings).fit(GAPS, y)
        assert_same(arrays(model), arrays(kind(**{**settings, "runs": None}).fit(GAPS, y)))
        assert repeated_problems(model.run_folder_) == []
    assert len(list(tmp_path.glob("rows-*.csv"))) == 2


def test_missing_cells() -> None:
    with pytest.raises(ValueError, match=r"row 3 .*column 'age': the cell is missing.*'drop'"):
        Regressor(**SHORT).fit(GAPS, PRICE)
    weights = np.ones(60)
    weights[[3, 5, 7, 9]] = 0.0
    complete = np.delete(np.arange(60), [3, 5, 9])
    dropped = Regressor(**SHORT, missing="drop").fit(GAPS, PRICE)
    plain = Regressor(**SHORT).fit(GAPS.iloc[complete], PRICE[complete])
    assert_same(arrays(dropped), arrays(plain))
    used = np.delete(np.arange(60), [3, 5, 7, 9])
    weighted = Regressor(**SHORT, missing="drop").fit(GAPS, PRICE, sample_weight=weights)
    plain = Regressor(**SHORT).fit(GAPS.iloc[used], PRICE[used], sample_weight=weights[used])
    assert_same(arrays(weighted), arrays(plain))
    with pytest.raises(ValueError, match=r"row 3 .*was not trained"):
        dropped.predict(GAPS)
    filled = Classifier(**SHORT, missing="mean").fit(GAPS, CLASS)
    assert filled.predict_proba(GAPS).shape == (60, 2)
    with pytest.raises(ValueError, match="every row has a missing cell"):
        Regressor(missing="drop").fit(GAPS.iloc[[3, 5]], PRICE[:2])


def test_each_kind_of_column_has_its_own_rule(tmp_path: Path) -> None:
    """The user's sign is a hole like the others; a run folder repeats, with its categories."""
    signs = GAPS.assign(age=GAPS["age"].fillna(-1.0), colour=GAPS["colour"].fillna("none"))
    rules = {"missing": "median", "missing_categories": "category"}
    plain = Classifier(**SHORT, **rules).fit(GAPS, CLASS)
    named = Classifier(**SHORT, **rules, missing_values=[-1, "none"], runs=tmp_path)
    named.fit(signs, CLASS)
    assert_same(arrays(plain), arrays(named))
    assert repeated_problems(named.run_folder_) == []
    np.testing.assert_array_equal(plain.predict(GAPS), named.predict(signs))
    with pytest.raises(ValueError, match=r"missing_categories is 'median'; it is one of error"):
        Classifier(missing_categories="median").fit(GAPS, CLASS)


def test_other_columns_than_at_fit() -> None:
    model = Classifier(**SHORT).fit(TABLE, CLASS)
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(TABLE[["colour", "age", "size", "member"]])
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(TABLE.drop(columns="size"))
    with pytest.raises(ValueError, match=r"row 0 .*'green' is none of the categories .* 'blue'"):
        model.predict(TABLE.assign(colour="green"))
    with pytest.raises(ValueError, match="column 'age' holds something that is no number: old"):
        model.predict(TABLE.assign(age="old"))
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        answers = model.predict(TABLE.to_numpy())
    np.testing.assert_array_equal(answers, model.predict(TABLE))


@pytest.mark.parametrize(
    ("settings", "column", "problem"),
    [
        ({"categorical": ["colr"]}, TABLE["age"], "no categorical column 'colr'.* 'colour'"),
        ({}, pd.Timestamp("2020-01-01"), "column 'new' holds dates or times"),
        ({}, [1, "a"] * 30, "column 'new' holds something that is no number: a.*all texts"),
        ({}, [None] * 60, "column 'new': every cell is missing"),
        ({}, [np.inf] * 60, "hold inf at row 0"),
    ],
)
def test_columns_that_are_no_inputs(settings: Any, column: Any, problem: str) -> None:
    settings = {"missing": "mean", **settings}
    with pytest.raises(ValueError, match=problem):
        Classifier(**settings).fit(TABLE.assign(new=column), CLASS)


def test_columns_of_other_types() -> None:
    """pandas' own whole numbers, whole numbers as categories, and an array of objects."""
    frame = TABLE.assign(rooms=pd.array([1, None] * 30, dtype="Int64"), zone=[1, 2] * 30)
    model = Classifier(**SHORT, missing="mean", categorical=["zone"]).fit(frame, CLASS)
    assert model.network_.inputs == (1 + 2 + 3 + 1 + 1 + 2,)
    cells = TABLE[["age", "colour"]].to_numpy()
    model = Classifier(**SHORT, categorical=[1]).fit(cells, CLASS)
    assert model.network_.inputs == (3,)
    named = Classifier(**SHORT).fit(TABLE[["age", "colour"]], CLASS)
    assert_same(arrays(model), arrays(named))
    with pytest.raises(ValueError, match=r"nique column names|named '0'"):
        Classifier().fit(pd.DataFrame(np.ones((60, 2)), columns=[0, 0]), CLASS)


def test_a_frame_of_polars() -> None:
    polars = pytest.importorskip("polars")
    columns = {name: GAPS[name].tolist() for name in ("age", "member")}
    colours = [None if pd.isna(cell) else cell for cell in GAPS["colour"]]
    frame = polars.DataFrame({**columns, "colour": colours}, nan_to_null=True)
    settings = {**SHORT, "missing": "mean"}
    model = Classifier(**settings).fit(frame, CLASS)
    same = Classifier(**settings).fit(GAPS[["age", "member", "colour"]], CLASS)
    assert_same(arrays(model), arrays(same))


def test_a_column_transformer() -> None:
    columns = ColumnTransformer(
        [("numbers", StandardScaler(), ["age"]), ("names", OneHotEncoder(), ["colour", "size"])],
        sparse_threshold=0,
    )
    model = make_pipeline(columns, Regressor(hidden=8, lr=0.05, epochs=40)).fit(TABLE, PRICE)
    assert model.score(TABLE, PRICE) > 0.9


def test_targets_of_pandas() -> None:
    for y in (pd.Series(CLASS, index=range(9, 69)), pd.Categorical(CLASS), CLASS.astype(object)):
        assert Classifier(**SHORT).fit(TABLE, y).classes_.tolist() == ["large", "other"]
    assert Regressor(**SHORT).fit(TABLE, TABLE["age"]).predict(TABLE).shape == (60,)
    gap = pd.Series(CLASS, dtype=object)
    gap[3] = None
    with pytest.raises(ValueError, match="y contains NaN or None in row 3"):
        Classifier(**SHORT).fit(TABLE, gap)
    for empty in (TABLE.iloc[:0], TABLE[[]]):
        with pytest.raises(ValueError, match=r"there is none in a table of shape \(\d+, \d\)"):
            Classifier(**SHORT).fit(empty, CLASS[: len(empty)])
