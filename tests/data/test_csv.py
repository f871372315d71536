"""CSV tables: what they become, and the exact sentence for each thing that is wrong."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnlab.data import csv_text
from nnlab.data.dataset import Dataset
from nnlab.data.user_csv import Csv
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
        (["02134", "00501"], "classes", [1, 0], ("00501", "02134")),
        (["02134", "00501"], "auto", [1, 0], ("00501", "02134")),  # codes
        (["01", "1"], "classes", [0, 1], ("01", "1")),
        (["5", f"{2**53}", f"{2**53 + 1}"], "auto", [0, 1, 2], ("5", f"{2**53}", f"{2**53 + 1}")),
        (["1.0", "0.0"], "classes", [1, 0], ("0.0", "1.0")),
        (["1e3", "2e3"], "classes", [0, 1], ("1e3", "2e3")),
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
    (
        "a,y\n1,0\n" + "9" * 131_073 + ",1\n",
        {},
        ", line 3: a cell has more than 131,072 characters; perhaps a quotation mark is not "
        "closed.",
    ),
    ("a,y\n1,\n", {}, f", line 2, column 'y': {TARGET}"),
    (
        "a,y\n1,NA\n",
        {"missing": "mean"},
        ", line 2, column 'y': the cell is missing. Fill it, or set missing_targets: drop; a "
        "target is never filled in.",
    ),
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


NO_NAMES = (
    ", line 1 holds values ({}), and no names of columns. Set header: false to read it as a row. "
    "If these are names, choose the target by name: target: {}."
)
NO_COLUMN = " has no target column {}; its columns are {}. "
VALUES = "Where line 1 holds values, set header: false, and choose columns by number."
CUT = "The cells look separated by {}: set delimiter: {}."
REPEATED = (
    ", line 1: 2 columns are named '{}' (numbers {}, counted from 0). Give each a name of its own, "
    "or choose one by its number."
)
UTF16 = " is UTF-16 text. Set encoding: utf-16."
WRONG_FORMS: dict[str, tuple[str | bytes, dict[str, Any], str]] = {
    "headerless": (
        "0.1,0.2,1.5\n0.3,0.4,2.5\n",
        {"target": 2},
        NO_NAMES.format("'0.1', '0.2', '1.5'", "'1.5'"),
    ),
    "headerless with a target by name": (
        "0.1,0.2,1.5\n0.3,0.4,2.5\n",
        {},
        NO_COLUMN.format("'y'", "'0.1', '0.2', '1.5'") + VALUES,
    ),
    "headerless, with names as targets": (
        "5.1,3.5,setosa\n4.9,3.0,setosa\n6.3,3.3,virginica\n5.8,2.7,virginica\n",
        {"target": 2},
        NO_NAMES.format("'5.1', '3.5', 'setosa'", "'setosa'"),
    ),
    "headerless, of categories": (
        "x,s,p\nx,y,e\nb,s,e\nb,y,p\n",
        {"target": 2, "categorical": (0, 1)},
        NO_NAMES.format("'x', 's', 'p'", "'p'"),
    ),
    "headerless, with whole numbers and a rare category": (
        "33,rare,7,no\n" + "40,often,1,yes\n41,often,2,no\n" * 3,
        {"target": 3, "categorical": (1,)},
        NO_NAMES.format("'33', 'rare', '7', 'no'", "'no'"),
    ),
    "headerless, with words and a target by name": (
        "33,often,7,no\n40,often,1,yes\n",
        {"target": "income", "categorical": (1,)},
        NO_COLUMN.format("'income'", "'33', 'often', '7', 'no'") + VALUES,
    ),
    "headerless, with a hole in the first row": (
        "0.1,NA,1.5\n0.3,0.4,2.5\n0.7,0.9,4.5\n",
        {"target": 2, "missing": "mean"},
        NO_NAMES.format("'0.1', 'NA', '1.5'", "'1.5'"),
    ),
    "a header that is not expected": (
        PLAIN,
        {"target": 2, "header": False},
        ", line 1, column '0': 'a' is not a finite number. Where line 1 holds the names of the "
        "columns, set header: true.",
    ),
    "a header of categories that is not expected": (
        "colour,kind\n" + "red,rose\nblue,iris\n" * 2,
        {"target": 1, "categorical": (0,), "header": False},
        ", line 1 holds names of columns ('colour', 'kind'), which stand nowhere below. Set "
        "header: true; if it is a row, let it not be the first.",
    ),
    "a note for Excel": (
        "sep=;\na;y\n1;yes\n2;no\n",
        {},
        NO_COLUMN.format("'y'", "'sep=;'")
        + "Line 1 (sep=;) is a note for spreadsheets: remove it.",
    ),
    "a title above the table": (
        f"Made by hand\n{PLAIN}",
        {},
        NO_COLUMN.format("'y'", "'Made by hand'")
        + "Line 1 is a single cell, and the rows below have 3: remove the lines above the table.",
    ),
    "an empty row": (
        "a,y\n1,0.5\n,\n2,1.5\n",
        {},
        ", line 3: all cells of the row are empty. Remove the row, or set missing: drop.",
    ),
    "two files in one": (
        "a,y\n1,0\n2,1\na,y\n3,0\n",
        {},
        ", line 4, column 'a': 'a' is not a finite number. The line looks like the header again: "
        "remove it.",
    ),
    "repeated": (
        "id,id,y\n1000,0,0\n1001,1,1\n",
        {"ignore": ("id",)},
        REPEATED.format("id", "0, 1"),
    ),
    "repeated target": ("a,y,y\n1,0,0\n", {"ignore": (2,)}, REPEATED.format("y", "1, 2")),
    "repeated category": (
        "a,a,y\n1,r,0\n2,s,1\n",
        {"categorical": ("a",), "ignore": (0,)},
        REPEATED.format("a", "0, 1"),
    ),
    "a name that is almost right": (
        "sqm,Price\n1,2.5\n2,3.5\n",
        {"target": "price"},
        NO_COLUMN.format("'price'", "'sqm', 'Price'") + "Did you mean 'Price'?",
    ),
    "semicolon": (
        PLAIN.replace(",", ";"),
        {},
        NO_COLUMN.format("'y'", "'a;b;y'") + CUT.format("';'", '";"'),
    ),
    "semicolon, with a target by number": (
        PLAIN.replace(",", ";"),
        {"target": 0},
        " has target columns only, and no input. " + CUT.format("';'", '";"'),
    ),
    "tab": (
        PLAIN.replace(",", "\t"),
        {"target": 2},
        NO_COLUMN.format("2", r"'a\tb\ty'") + CUT.format("tabs", r"\t"),
    ),
    "blanks": (
        "a b   y\n1 2   0\n3 4   1\n",
        {},
        NO_COLUMN.format("'y'", "'a b   y'") + CUT.format("blanks", '" "'),
    ),
    "decimal commas between semicolons": (
        "a;b;y\n0,5;1;yes\n1,5;2;no\n2,5;3;yes\n",
        {},
        NO_COLUMN.format("'y'", "'a;b;y'") + CUT.format("';'", '";"'),
    ),
    "decimal commas between semicolons, without a header": (
        "0,10;0,14;0,20\n0,20;0,29;0,40\n",
        {"target": 2, "header": False},
        ", line 1, column '1': '10;0' is not a finite number. " + CUT.format("';'", '";"'),
    ),
    "a decimal comma": (
        "a;b;y\n0,00;0,00;0,00\n0,10;0,14;0,20\n",
        {"delimiter": ";"},
        ", line 2, column 'a': '0,00' has a decimal comma. Write a decimal point, or set "
        "decimal: ','.",
    ),
    "a decimal comma in each target": (
        "a;y\n1;0,5\n2;1,5\n3;0,5\n",
        {"delimiter": ";"},
        ", line 2, column 'y': '0,5' has a decimal comma. Write a decimal point, or set "
        "decimal: ','. If the cells of this column are names, set task: classes.",
    ),
    "names in a column of texts": (
        "who,a,y\n" + "".join(f"Mr. {chr(65 + i)}.,{i},{i % 2}\n" for i in range(20)),
        {},
        ", line 2, column 'who': 'Mr. A.' is not a finite number. The texts of this column differ "
        "in most rows, as names do: leave it out with ignore.",
    ),
    "a text among numbers": (
        "a,y\n1,0\n2,1\nx3,0\n4,1\n",
        {},
        ", line 4, column 'a': 'x3' is not a finite number. The rest of the column is numbers: "
        "correct the cell, or set ignore.",
    ),
    "a group, though missing cells are filled": (
        "a,g,y\n1,u,0\n2,,1\n,v,0\n4,v,1\n",
        {"group": "g", "missing": "mean"},
        ", line 3, column 'g': the cell is missing. Fill it: each row needs its group.",
    ),
    "gzip": (
        b"\x1f\x8b\x08\0",
        {},
        " is a damaged gzip file: Compressed file ended before the end-of-stream marker was "
        "reached.",
    ),
    "xlsx": (
        b"PK\x03\x04\x14\0",
        {},
        " is no CSV text but a zip archive, as spreadsheets (xlsx, ods) and NumPy's npz are. "
        "Spreadsheet: Save the table as CSV (UTF-8). NPZ: set data.name: npz.",
    ),
    "utf-16": (PLAIN.encode("utf-16"), {}, UTF16),
    "utf-16 without a mark": (PLAIN.encode("utf-16-le"), {}, UTF16),
    "latin-1": (
        "größe,y\n1,2.5\n".encode("latin-1"),
        {},
        ", line 1 is not UTF-8 text. Where the file was saved as Latin-1 or by Windows, set "
        "encoding: windows-1252.",
    ),
}
CASES = [*ERRORS, *(pytest.param(*case, id=name) for name, case in WRONG_FORMS.items())]


@pytest.mark.parametrize(("text", "settings", "message"), CASES)
def test_errors(path: Path, text: str | bytes, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError) as caught:
        load(path, text, **settings)
    assert str(caught.value) == f"{path}{message.replace('{t}', str(path))}"


IN_A_CELL = {
    "12.5%": "is a percentage. Write the number alone, without the sign.",
    "12,5 %": "is a percentage. Write the number alone, without the sign.",
    "$5": "is an amount of money. Write the number alone, without the currency.",
    "1.200,00 €": "is an amount of money. Write the number alone, without the currency.",
    "EUR 7": "is an amount of money. Write the number alone, without the currency.",
    "1 234": "has separators of thousands. Write the digits without them, or set thousands: ' '.",
    "1,234,567": "has separators of thousands. Write the digits without them, or set "
    "thousands: ','.",
    "1'234.5": "has separators of thousands. Write the digits without them, or set "
    'thousands: "\'".',
    "1.234,56": "has separators of thousands. Write the digits without them, or set "
    "decimal: ',' and thousands: '.'.",
    "1,234": "has a comma. Where it separates thousands, set thousands: ','; where it is a "
    "decimal comma, set decimal: ','.",
    "-0,5": "has a decimal comma. Write a decimal point, or set decimal: ','.",
    "\N{MINUS SIGN}5.5": "begins with a dash that is no minus sign. Type - instead.",
    "#DIV/0!": "is an error of a spreadsheet. Correct the cell.",
    "12 km": "is a number with a unit. Write the number alone, or list the column under "
    "categorical if it is a name.",
    **dict.fromkeys(
        [
            *("2026-11-26", "26.11.2026", "11/26/26", "2026-11-26T10:00:00Z", "26 Nov 2026"),
            *("November 26, 2026", "10:30", "10:30 PM", "2026-11"),
        ],
        "is a date or a time. Make numbers of it (days since a start; year, month, weekday), or "
        "leave the column out with ignore.",
    ),
}


@pytest.mark.parametrize("cell", IN_A_CELL)
@pytest.mark.parametrize("column", ["a", "y"])
def test_a_value_in_another_notation_is_named(path: Path, cell: str, column: str) -> None:
    lines = [["a", "y"], ["1", "0.5"], ["2", "1.5"], ["3", "2.5"]]
    lines[2]["ay".index(column)] = cell
    with pytest.raises(DataError) as caught:
        load(path, "\n".join(map(";".join, lines)), delimiter=";")
    where = f"{path}, line 3, column '{column}'"
    assert str(caught.value) == f"{where}: {cell!r} {IN_A_CELL[cell]}"


@pytest.mark.parametrize(
    ("decimal", "cells"), [(".", ("281.365", "-4.125")), (",", ("281,365",) * 2)]
)
def test_three_decimals_are_no_thousands(path: Path, decimal: str, cells: tuple[str, str]) -> None:
    data = load(path, f"a;y\n1;{cells[0]}\n2;{cells[1]}\n", delimiter=";", decimal=decimal)
    assert data.task == "regression"
    assert data.targets[0] == pytest.approx(281.365)


@pytest.mark.parametrize("cell", ["-", "n/a", "None", "", "NaN", "?", ".", "#N/A"])
def test_signs_of_a_missing_number(path: Path, cell: str) -> None:
    text = f"a,y\n1,0.5\n{cell},1.5\n3,2.5\n"
    solution = "set missing: drop or missing: mean, or leave the column out"
    with pytest.raises(DataError, match=f"the cell is missing.*{solution}"):
        load(path, text)
    assert load(path, text, missing="drop").notes == (
        f"{path}: missing: drop left out 1 of 3 rows.",
    )


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
