"""Missing cells, notations and encodings of tables: what a config can say about them."""

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.impute import SimpleImputer

from nnlab.core.types import FloatArray
from nnlab.data.csv_text import MAX_RATIO, UNPACKED, CsvForm, NumberNotation
from nnlab.data.dataset import Dataset, InputColumn
from nnlab.data.fill import Filling
from nnlab.data.frame import FrameTable, named_columns
from nnlab.data.memory import Memory
from nnlab.data.missing import missing_rules
from nnlab.data.scale import fit_scaling
from nnlab.data.table import encode_inputs, fit_columns
from nnlab.data.table_schema import TableSchema
from nnlab.data.user_csv import Csv
from nnlab.errors import DataError

HOLES = "n,c,y\n1,red,0.5\n,red,1.5\n5,NA,2.5\n5,blue,3.5\n8,red,\n"
NAN = float("nan")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "table.csv"


def load(path: Path, content: str | bytes, **settings: Any) -> Dataset:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return Csv(str(path), **{"target": "y", **settings}).load(0)


def filled(data: Dataset) -> FloatArray:
    """The inputs with their holes filled from all rows."""
    scaling = fit_scaling("none", data.inputs, np.arange(data.rows), filling=data.filling)
    return scaling.apply(data.inputs)


@pytest.mark.parametrize(
    ("settings", "names", "expected"),
    [
        ({"missing": "mean"}, ["blue", "red"], [[11 / 3, 0, 1], [5, 1 / 3, 2 / 3]]),
        ({"missing": "median"}, ["blue", "red"], [[5, 0, 1], [5, 0, 1]]),
        ({"missing": "most_frequent"}, ["blue", "red"], [[5, 0, 1], [5, 0, 1]]),
        (
            {"missing": "median", "missing_categories": "category"},
            ["(missing)", "blue", "red"],
            [[5, 0, 0, 1], [5, 1, 0, 0]],
        ),
        (
            {"missing": "median", "missing_categories": "mean"},
            ["blue", "red"],
            [[5, 0, 1], [5, 1 / 3, 2 / 3]],
        ),
    ],
)
def test_each_kind_of_column_is_filled_in_its_way(
    path: Path, settings: dict[str, Any], names: list[str], expected: list[list[float]]
) -> None:
    """The row without a target is left out, and fills nothing."""
    data = load(path, HOLES, categorical=("c",), missing_targets="drop", **settings)
    assert data.feature_names == ("n", *(f"c={name}" for name in names))
    np.testing.assert_allclose(filled(data)[1:3], expected)


@pytest.mark.parametrize("way", ["mean", "median", "most_frequent"])
@pytest.mark.parametrize("rows", [9, 10])
def test_fills_are_those_of_scikit_learn(way: Any, rows: int) -> None:
    values = np.random.default_rng(rows).integers(0, 6, (rows, 4)).astype(np.float64)
    values[[0, 3, 5], [1, 2, 1]] = NAN
    scaling = fit_scaling("none", values, np.arange(rows), filling=Filling(way))
    expected = SimpleImputer(strategy=way).fit_transform(values)
    np.testing.assert_allclose(scaling.apply(values), expected, rtol=1e-15)


@pytest.mark.parametrize("way", ["mean", "median", "most_frequent"])
def test_a_weight_of_two_counts_as_two_rows(way: Any) -> None:
    values = np.random.default_rng(4).integers(0, 5, (9, 3)).astype(np.float64)
    values[[1, 2], [0, 1]] = NAN
    counts, rows = np.array([1, 2, 3] * 3), np.arange(9)
    weighted = fit_scaling("none", values, rows, filling=Filling(way), weights=counts * 1.0)
    repeated = fit_scaling("none", values, np.repeat(rows, counts), filling=Filling(way))
    assert weighted.fill is not None
    assert repeated.fill is not None
    np.testing.assert_allclose(weighted.fill, repeated.fill, rtol=1e-14)


SIGNS = (-999, "k.A.")


def test_the_users_own_signs_for_missing_cells(path: Path) -> None:
    """Numbers are signs in each notation, but only among numbers; -999 may be a name."""
    text = "n,c,y\n-999,red,0.5\n-999.0,k.A.,1.5\nk.A.,-999.0,2.5\n7,red,3.5\n"
    data = load(path, text, categorical=("c",), missing="mean", missing_values=SIGNS)
    np.testing.assert_array_equal(data.inputs[:, 0], [NAN, NAN, NAN, 7])
    assert data.feature_names[1:] == ("c=-999.0", "c=red")
    np.testing.assert_array_equal(data.inputs[1, 1:], [NAN, NAN])
    with pytest.raises(DataError, match=r"line 2, column 'n': the cell is missing \('-999'\)"):
        load(path, text, categorical=("c",), missing_values=SIGNS)
    assert load(path, text, categorical=("c",), missing="drop", missing_values=SIGNS).rows == 1


def test_a_category_of_missing_cells_exists_where_training_rows_have_one(path: Path) -> None:
    rules = missing_rules("error", "category")
    columns = (InputColumn("c", ("", "red")), InputColumn("d", ("x", "y")))
    schema = TableSchema(columns, 1, "regression", form=CsvForm(missing=rules))
    path.write_text("c,d\n,x\n")
    np.testing.assert_array_equal(schema.inputs(path)[0], [[1, 0, 1, 0]])
    path.write_text("c,d\nred,?\n")
    with pytest.raises(DataError, match=r"line 2, column 'd': the cell is missing.*no category"):
        schema.inputs(path)


def test_a_data_frame_heeds_the_same_settings() -> None:
    cells = {"n": [1, -999, 5, 5], "m": [1.0, "k.A.", 3, 3], "c": ["r", None, "r", "b"]}
    rules = missing_rules("median", "category", values=SIGNS)
    table = FrameTable(*named_columns(pd.DataFrame(cells)), missing=rules)
    columns = fit_columns(table)
    inputs = encode_inputs(table, columns)
    np.testing.assert_array_equal(inputs[1], [NAN, NAN, 1, 0, 0])
    filling = table.form.missing.filling(columns)
    fill = fit_scaling("none", inputs, np.arange(4), filling=filling).fill
    assert fill is not None
    assert fill[:2].tolist() == [5, 3]


@pytest.mark.parametrize(
    ("text", "notation", "value"),
    [
        ("1,234.5", NumberNotation(".", ","), 1234.5),
        ("-1,234,567", NumberNotation(".", ","), -1234567),
        ("1,5", NumberNotation(".", ","), None),  # a decimal comma is no group of three
        ("12,34,567", NumberNotation(".", ","), None),
        ("1.234,56", NumberNotation(",", "."), 1234.56),
        ("1.5", NumberNotation(",", "."), None),
        ("1\N{RIGHT SINGLE QUOTATION MARK}234", NumberNotation(".", "'"), 1234),
        ("1\u202f234\u00a0567,5", NumberNotation(",", " "), 1234567.5),
        ("1234", NumberNotation(".", ","), 1234),
    ],
)
def test_thousands(text: str, notation: NumberNotation, value: float | None) -> None:
    assert notation.parse(text) == value


def test_thousands_of_inputs_and_targets(path: Path) -> None:
    text = 'a,y\n"1,000","2,500.5"\n999,"1,000,000"\n'
    data = load(path, text, thousands=",")
    assert data.inputs.tolist() == [[1000], [999]]
    assert data.targets.tolist() == [[2500.5], [1e6]]
    with pytest.raises(ValueError, match="cannot be both thousands and decimal"):
        Csv("t.csv", "y", delimiter=";", decimal=",", thousands=",")


TEXT = "größe,y\n1,ä\n2,ö\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "windows-1252", "latin-1", "mac-roman"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_encodings_and_gzip(path: Path, encoding: Any, pack: Any) -> None:
    data = load(path, pack(TEXT.encode(encoding)), encoding=encoding)
    assert data.feature_names == ("größe",)
    assert data.class_names == ("ä", "ö")


def test_a_wrong_encoding_and_a_broken_gzip_file(path: Path) -> None:
    with pytest.raises(DataError, match=r"line 2 is not shift-jis text. Set another encoding"):
        load(path, b"a,y\n\x81,1\n", encoding="shift-jis")
    with pytest.raises(DataError, match="is a damaged gzip file"):
        load(path, gzip.compress(TEXT.encode() * 9)[:-12])
    assert load(path, b"\xef\xbb\xbf" + TEXT.encode(), encoding="windows-1252").rows == 2
    schema = TableSchema((InputColumn("größe"),), 1, "regression")
    path.write_bytes("größe\n1\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"Convert it: iconv -f WINDOWS-1252 -t UTF-8"):
        schema.inputs(path)


def test_a_gzip_file_cannot_fill_the_memory(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert UNPACKED > 1 << 20
    monkeypatch.setattr("nnlab.data.csv_text.UNPACKED", 1 << 12)
    rows = "a,y\n" + "1,0\n2,1\n" * 100_000
    with pytest.raises(DataError, match=f"more than {MAX_RATIO} times its size: refused"):
        load(path, gzip.compress(rows.encode()))


@pytest.mark.parametrize(
    ("cells", "way"),
    [
        (["true", "false", "true"], "list it under categorical, or write 1 and 0"),
        (["Yes", "No", "No"], "list it under categorical, or write 1 and 0"),
        (["1", "lost", "2", "lost", "3"], "set missing_values: [lost], and missing: mean or drop"),
        (["1", "lost", "2", "3"], "correct the cell, or set ignore"),
    ],
)
def test_words_among_numbers_are_named_with_the_way_out(
    path: Path, cells: list[str], way: str
) -> None:
    with pytest.raises(DataError) as caught:
        load(path, "a,y\n" + "".join(f"{cell},{i / 2}\n" for i, cell in enumerate(cells)))
    assert way in str(caught.value)


def test_rows_in_memory_heed_the_same_settings() -> None:
    frame = pd.DataFrame(
        {"n": [1.0, -999, 5, 5], "c": ["r", None, "r", "b"], "y": [1.5, 2, 3, None]}
    )
    source = Memory(
        "y",
        missing="median",
        missing_categories="category",
        missing_targets="drop",
        missing_values=(-999,),
    )
    data = source.reading(frame).load(0)
    assert data.feature_names == ("n", "c=(missing)", "c=r")
    np.testing.assert_array_equal(filled(data), [[1, 0, 1], [3, 1, 0], [5, 0, 1]])
