"""CSV tables: what they become, and the exact sentence for each thing that is wrong."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnlab.data import csv_text
from nnlab.data.dataset import Dataset
from nnlab.data.user_tables import Csv
from nnlab.errors import DataError

PLAIN = "a,b,y\n1,2,0\n3,4,1\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "table.csv"


def load(path: Path, text: str | bytes, **settings: Any) -> Dataset:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return Csv(str(path), **{"target": "y", **settings}).load(0)


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        (PLAIN, {}),
        (PLAIN, {"target": 2}),
        ("\ufeff" + PLAIN, {}),  # Excel's byte order mark
        (PLAIN.replace("\n", "\r\n"), {}),
        (PLAIN.replace(",", ";"), {"delimiter": ";"}),
        (PLAIN.replace(",", " , ") + "\n\n", {}),
        ('a,"b",y\n"1",2,0\n3,"4.0",1', {}),
        ("1,2,0\n3,4,1\n", {"header": False, "target": 2}),
        ("y,a,b\n0,1,2\n1,3,4\n", {}),
        ("a,b,y\n1,2,0\n?,2,0\n1,,0\n1,2,NA\n3,4,1\n", {"missing": "drop"}),
    ],
)
def test_the_same_table_in_many_forms(path: Path, text: str, settings: dict[str, Any]) -> None:
    data = load(path, text, **settings)
    assert data.inputs.tolist() == [[1, 2], [3, 4]]
    assert data.targets.tolist() == [0, 1]
    assert data.feature_names == (("a", "b") if settings.get("header", True) else ("0", "1"))
    assert data.task == "classes"


@pytest.mark.parametrize(
    ("cells", "task", "targets", "names"),
    [
        (["b", "a", "b"], "auto", [1, 0, 1], ("a", "b")),
        (["10", "2", "10"], "auto", [1, 0, 1], ("2", "10")),  # sorted as numbers
        (["1.0", "0", "1"], "auto", [1, 0, 1], ("0", "1")),
        (["-1", "1", "1"], "auto", [0, 1, 1], ("-1", "1")),
        (["1", "x", "1"], "classes", [0, 1, 0], ("1", "x")),
        (["0.5", "1.5", "0.5"], "classes", [0, 1, 0], ("0.5", "1.5")),
        (["0.5", "2", "1e3"], "auto", [[0.5], [2], [1000]], ()),
        (["0", "1", "1"], "regression", [[0], [1], [1]], ()),
        ([str(i) for i in range(20)], "auto", list(range(20)), tuple(map(str, range(20)))),
        ([str(i) for i in range(21)], "auto", [[i] for i in range(21)], ()),
    ],
)
def test_targets(
    path: Path, cells: list[str], task: str, targets: list[Any], names: tuple[str, ...]
) -> None:
    data = load(path, "x,y\n" + "".join(f"0,{cell}\n" for cell in cells), task=task)
    assert data.targets.tolist() == targets
    assert data.class_names == names
    assert data.task == ("classes" if names else "regression")
    assert data.target_names == ("y",)


def test_several_targets_are_a_regression(path: Path) -> None:
    data = load(path, PLAIN, target=("y", 0))
    assert data.targets.tolist() == [[0, 1], [1, 3]]
    assert data.target_names == ("y", "a")
    assert data.feature_names == ("b",)


def test_categories_become_one_hot_in_place(path: Path) -> None:
    text = "size,color,y\n1,red,0\n2,blue,1\n3,red,1\n"
    for column in ("color", 1):
        data = load(path, text, categorical=(column,))
        assert data.feature_names == ("size", "color=blue", "color=red")
        assert data.inputs.tolist() == [[1, 0, 1], [2, 1, 0], [3, 0, 1]]


def test_missing_mean_is_left_to_the_training_rows(path: Path) -> None:
    data = load(path, "a,b,y\n1,,0\n,3,1\n5,4,1\n", missing="mean")
    np.testing.assert_array_equal(data.inputs, [[1, np.nan], [np.nan, 3], [5, 4]])


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("id,a,b,y\nx1,1,2,0\n,3,4,1\n", {"ignore": ("id",), "missing": "drop"}),
        ("a,b,y,\n1,2,0,\n3,4,1,\n", {"ignore": (3,)}),
        ("a,b,y,,\n1,2,0,,\n3,4,1,,\n", {"ignore": (3, 4)}),
        ("a,a,b,y\n1,9,2,0\n3,9,4,1\n", {"ignore": (1,)}),
    ],
)
def test_ignored_columns(path: Path, text: str, settings: dict[str, Any]) -> None:
    data = load(path, text, **settings)
    assert data.inputs.tolist() == [[1, 2], [3, 4]]
    assert data.feature_names == ("a", "b")


FINITE = " is not a finite number."
TEXT = FINITE + (
    " List the column under categorical to make it one-hot, or under ignore to leave it out."
)
FILL = "the cell is missing. Fill it, or set missing: drop"
FILL_INPUT = FILL + " or missing: mean, or leave the column out with ignore."
TARGET = FILL + "; a target is never filled in."
UNNAMED = (
    ", line 1: column {0} (counted from 0) has no name, as where lines end in a comma or begin "
    "with row numbers. Name it, or set ignore: [{0}]."
)
ERRORS = [
    ("a,y\n1,0\nx,1\n", {}, ", line 3, column 'a': 'x'" + TEXT),
    ("a,y\n1,0\n\n\n1_000,1\n", {}, ", line 5, column 'a': '1_000'" + FINITE),
    ("a,y\n1e999,0\n", {}, ", line 2, column 'a': '1e999'" + FINITE),
    ("a,y\n-inf,0\n", {"missing": "mean"}, ", line 2, column 'a': '-inf'" + FINITE),
    ("a,y\n\x1b[31m,0\n", {}, ", line 2, column 'a': '\\x1b[31m'" + TEXT),
    ("a,y\n" + "x" * 99 + ",0\n", {}, f", line 2, column 'a': '{'x' * 37}...'" + TEXT),
    ('a,y\n1,0\n"x\nz",1\n', {}, ", line 4, column 'a': 'x\\nz'" + TEXT),
    ("1,0\nx,1\n", {"header": False, "target": 1}, ", line 2, column '0': 'x'" + TEXT),
    ("a,y\n,0\n", {}, f", line 2, column 'a': {FILL_INPUT}"),
    ("a,y\nNaN,0\n", {}, f", line 2, column 'a': {FILL_INPUT}"),
    ("a,y,\n1,0,\n", {}, UNNAMED.format(2)),
    (",a,y\n0,1,0\n", {}, UNNAMED.format(0)),
    ("a,y\n1,0\n", {"ignore": ("y",)}, ": column 'y' is chosen twice."),
    ("a,y\n1,0\n", {"ignore": ("a",)}, " has target columns only, and no input."),
    (PLAIN, {"ignore": ("c",)}, " has no ignore column 'c'; its columns are 'a', 'b', 'y'."),
    (
        "a,y\r1,0\r",
        {},
        ", line 1 holds a carriage return that ends no line. Save the file with the line ends of "
        "Unix or Windows.",
    ),
    ("a,y\n1,\n", {}, f", line 2, column 'y': {TARGET}"),
    ("a,y\n1,NA\n", {"missing": "mean"}, f", line 2, column 'y': {TARGET}"),
    (
        "a,y\n,0\n,1\n",
        {"missing": "mean", "categorical": ("a",)},
        ", column 'a': every cell is missing. Leave it out with ignore.",
    ),
    (
        "a,y\n,0\n,1\n",
        {"missing": "mean"},
        ", column 'a': every cell is missing. Leave it out with ignore.",
    ),
    ("a,y\n,0\n", {"missing": "drop"}, " has no row without a missing cell."),
    ("a,y\n", {}, " has a header and no row."),
    ("", {}, " is empty."),
    ("\n\n", {}, " is empty."),
    ("a,y\n1,0\n1,0,2\n", {}, ", line 3: there are 3 cells, but 2 columns."),
    (
        "a,a,y\n1,2,0\n",
        {},
        ", line 1: 2 columns are named 'a'. Give each a name of its own, or leave one out by "
        "number: ignore: [1].",
    ),
    ("a,b\n1,0\n", {}, " has no target column 'y'; its columns are 'a', 'b'."),
    ("a,b\n1,0\n", {"target": 2}, " has no target column 2; its columns are 'a', 'b'."),
    (
        "1,0\n",
        {"header": False},
        " has no target column 'y'; its columns are 0 to 1.",
    ),
    (
        PLAIN,
        {"categorical": ("c",)},
        " has no categorical column 'c'; its columns are 'a', 'b', 'y'.",
    ),
    (PLAIN, {"categorical": ("y",)}, ": column 'y' is chosen twice."),
    (PLAIN, {"target": ("y", 2)}, ": column 'y' is chosen twice."),
    ("y\n1\n2\n", {}, " has target columns only, and no input."),
    (
        "a,y\n1,2\n1,x\n",
        {},
        ", line 3, column 'y': 'x' does not fit the cells above, as the target mixes numbers "
        "and text. Correct the cell, or set task: classes if all of them are names.",
    ),
    (
        "a,y\n1,x\n1,z\n",
        {"task": "regression"},
        ", line 2, column 'y': 'x' is not a finite number. Correct the cell, or set task: classes "
        "if the target consists of names.",
    ),
    ("a,y\n1,k\n2,k\n", {}, ": all rows are of one class; a classifier needs two or more."),
    ('a,y\n1,"0\n', {}, ", line 2: unexpected end of data."),
    ('a,y\n1,"0"x\n', {}, ", line 2: ',' expected after '\"'."),
    (
        "a,y\n" + "".join(f"{i},{i % 2}\n" for i in range(1001)),
        {"categorical": ("a",)},
        ", column 'a' has 1,001 distinct values; one-hot takes up to 1,000.",
    ),
]


@pytest.mark.parametrize(("text", "settings", "message"), ERRORS)
def test_errors(path: Path, text: str | bytes, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError) as caught:
        load(path, text, **settings)
    assert str(caught.value) == f"{path}{message}"


def test_a_line_without_end_is_not_read_whole(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_text, "MAX_LINE", 10)
    with pytest.raises(DataError) as caught:
        load(path, "a,y\n" + "1" * 100)
    assert str(caught.value) == f"{path}, line 2 is longer than 10 bytes."


def test_no_file(path: Path) -> None:
    with pytest.raises(DataError) as caught:
        Csv(str(path), "y").signature(0)
    assert str(caught.value) == f"There is no file {path}."


def test_a_changed_file_is_read_again(path: Path) -> None:
    assert load(path, PLAIN) is Csv(str(path), "y").load(1)
    assert load(path, PLAIN + "5,6,1\n").rows == 3


def test_random_bytes_are_a_table_or_a_sentence(path: Path) -> None:
    """Mutations of a good file: anything but a Dataset or DataError fails the test."""
    rng = np.random.default_rng(0)
    outcomes = set()
    for _ in range(500):
        content = bytearray(b"1,2,0\n3,4,1\n" * 3)
        for place in rng.integers(len(content), size=3):
            content[place] = rng.choice(list(b'0123,"\n\r\0;\xff'))
        try:
            load(path, bytes(content), target=0, header=False, categorical=(1,))
            outcomes.add("table")
        except DataError:
            outcomes.add("sentence")
    assert outcomes == {"table", "sentence"}
