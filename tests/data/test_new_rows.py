"""New rows for a trained network."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnlab.data.csv_text import CsvForm, NumberNotation
from nnlab.data.dataset import InputColumn
from nnlab.data.missing import missing_rules
from nnlab.data.table_schema import TableSchema, columns_of_inputs
from nnlab.errors import DataError

COLOUR = ("blue", "red")
FLOWERS = TableSchema(
    columns=(InputColumn("length"), InputColumn("colour", COLOUR)),
    outputs=2,
    task="classes",
    classes=("iris", "rose"),
    targets=("kind",),
)
# The training file had the columns length, colour, kind, and no header.
BARE = replace(
    FLOWERS,
    columns=(InputColumn("0"), InputColumn("1", COLOUR)),
    targets=("2",),
    form=CsvForm(header=False),
)
# Data without a file: points have names, pixels have none.
POINTS = TableSchema(
    (InputColumn("x"), InputColumn("y")),
    2,
    "classes",
    classes=("low", "high"),
    form=CsvForm(header=None),
)
PIXELS = TableSchema(
    (InputColumn("0"), InputColumn("1")),
    3,
    "classes",
    classes=("0", "1", "2"),
    named=False,
    form=CsvForm(header=None),
)
NUMBERS = TableSchema((InputColumn("0"),), 2, "regression", named=False, form=CsvForm(header=None))
MEAN = CsvForm(missing=missing_rules("mean", None))


def bare(*columns: str, target: str, ignored: tuple[str, ...] = ()) -> TableSchema:
    """A file without header that had these columns of numbers."""
    return replace(
        BARE, columns=tuple(map(InputColumn, columns)), targets=(target,), ignored=ignored
    )


CASES = [
    (FLOWERS, "length,colour,kind\n1,red,rose\n", [[1, 0, 1]]),
    (FLOWERS, "colour,other,length\nblue,7,2\n", [[2, 1, 0]]),
    (FLOWERS, "other,colour,other,length\n,blue,7,2\n", [[2, 1, 0]]),
    (FLOWERS, "length,colour,kind\n1,red,\n", [[1, 0, 1]]),  # the target may be missing
    (BARE, "1,red,rose\n", [[1, 0, 1]]),
    (BARE, "1,red\n2,blue\n", [[1, 0, 1], [2, 1, 0]]),
    (
        replace(BARE, columns=(InputColumn("1"), InputColumn("2", COLOUR)), targets=("0",)),
        "1,red\n",
        [[1, 0, 1]],
    ),
    (replace(FLOWERS, form=CsvForm(delimiter=";")), "length;colour\n1;red\n", [[1, 0, 1]]),
    (replace(FLOWERS, form=CsvForm(delimiter=" ")), " length  colour\n1 \t red\n", [[1, 0, 1]]),
    (
        replace(FLOWERS, form=CsvForm(delimiter=";", notation=NumberNotation(","))),
        "length;colour\n1,5;red\n",
        [[1.5, 0, 1]],
    ),
    (POINTS, "y,x\n1,2\n", [[2, 1]]),
    (POINTS, "1,2\n3,4\n", [[1, 2], [3, 4]]),
    (PIXELS, "a,b\n1,2\n", [[1, 2]]),
    (PIXELS, "1,2\n", [[1, 2]]),
    (PIXELS, "1,2,0\n", [[1, 2]]),
    (NUMBERS, "1,2,3\n", [[1]]),
    # InputColumn 1 was ignored: it may be there or not, with the target behind it or not.
    (bare("0", "2", target="3", ignored=("1",)), "1,9,2,x\n", [[1, 2]]),
    (bare("0", "2", target="3", ignored=("1",)), "1,9,2\n", [[1, 2]]),
    (bare("0", "2", target="3", ignored=("1",)), "1,2\n", [[1, 2]]),
    (bare("0", "3", target="4", ignored=("1", "2")), "1,2,x\n", [[1, 2]]),
    (replace(FLOWERS, form=MEAN), "length,colour\n,red\n", [[np.nan, 0, 1]]),
    (replace(FLOWERS, form=MEAN), "length,colour\n-,\n", [[np.nan, np.nan, np.nan]]),
    (
        replace(
            bare("0", "1", target="2"),
            form=replace(MEAN, header=False),
        ),
        "1,NA\n3,4\n",
        [[1, np.nan], [3, 4]],
    ),
    # A name of a column may hold the sign that joins column and category.
    (
        replace(FLOWERS, columns=(InputColumn("a=b"), InputColumn("c=d", ("e",)))),
        "c=d,a=b\ne,5\n",
        [[5, 1]],
    ),
]


def table(folder: Path, text: str) -> Path:
    """A CSV file with this text."""
    path = folder / "t.csv"
    path.write_text(text)
    return path


@pytest.mark.parametrize(("schema", "text", "expected"), CASES)
def test_csv_inputs(
    tmp_path: Path, schema: TableSchema, text: str, expected: list[list[float]]
) -> None:
    np.testing.assert_array_equal(schema.inputs(table(tmp_path, text))[0], expected)


@pytest.mark.parametrize(
    ("schema", "text", "targets"),
    [
        (FLOWERS, "kind,length,colour\nrose,1,red\niris,2,blue\n", [1, 0]),
        (BARE, "1,red,rose\n2,blue,iris\n", [1, 0]),
        (POINTS, "x,y,which\n1,2,high\n1,2,0\n", [1, 0]),
        (PIXELS, "1,2,2\n1,2,0.0\n", [2, 0]),
        (replace(FLOWERS, classes=("01", "1")), "length,colour,kind\n1,red,1\n", [1]),
        (NUMBERS, "1,2,3\n", [[2.0, 3.0]]),
        (replace(PIXELS, outputs=2, task="identity", classes=()), "1,2\n", [[1.0, 2.0]]),
    ],
)
def test_csv_targets(tmp_path: Path, schema: TableSchema, text: str, targets: list[object]) -> None:
    read = schema.dataset(table(tmp_path, text))
    np.testing.assert_array_equal(read.targets, targets)
    assert (read.task, read.class_names) == (schema.task, schema.classes)


def refusal(read: Callable[[Path], object], path: Path) -> str:
    """The message without the path."""
    with pytest.raises(DataError) as caught:
        read(path)
    return str(caught.value).removeprefix(str(path)).strip()


HOLE = "the cell is missing. Fill it: the run was not trained to fill it in."


@pytest.mark.parametrize(
    ("schema", "text", "message"),
    [
        (FLOWERS, "", "is empty."),
        (FLOWERS, "length,colour\n", "has a header and no row."),
        (FLOWERS, "length\n1\n", "has no column 'colour'; its columns are 'length'."),
        (
            FLOWERS,
            "Lenght,colour\n1,red\n",
            "has no column 'length'; its columns are 'Lenght', 'colour'. Did you mean 'Lenght'?",
        ),
        (
            FLOWERS,
            "length,colour,length\n1,red,2\n",
            ", line 1: 2 columns are named 'length' (numbers 0, 2, counted from 0). Give each a "
            "name of its own.",
        ),
        (FLOWERS, "length,colour\n,red\n", f", line 2, column 'length': {HOLE}"),
        (FLOWERS, "length,colour\n1,?\n", f", line 2, column 'colour': {HOLE}"),
        (
            replace(FLOWERS, form=CsvForm(missing=missing_rules("drop", None))),
            "length,colour\n1,red\n,red\n",
            f", line 3, column 'length': {HOLE}",
        ),
        (
            bare("0", "1", target="2"),
            "a,b\n1,2\n",
            ", line 1, column '0': 'a' is not a finite number.",
        ),
        (
            FLOWERS,
            "1,2\n3,4\n",
            ", line 1 holds values, and no names of columns as the training file had. Put them "
            "there: 'length', 'colour'.",
        ),
        (
            FLOWERS,
            "1,red\n3,red\n",
            "has no column 'length'; its columns are '1', 'red'. Where line 1 holds values, put "
            "the names of the columns above it, as in the training file.",
        ),
        (
            FLOWERS,
            "length;colour\n1;red\n",
            "has no column 'length'; its columns are 'length;colour'. The cells look separated by "
            "';', and the training file's were not.",
        ),
        (
            FLOWERS,
            "length,colour\n2026-11-26,red\n",
            ", line 2, column 'length': '2026-11-26' is a date or a time; the run was trained on "
            "numbers here.",
        ),
        (
            FLOWERS,
            "length,colour\nx,red\n",
            ", line 2, column 'length': 'x' is not a finite number.",
        ),
        (PIXELS, "1\n", "has 1 columns; the network takes 2."),
        (PIXELS, "1,2,3,4\n", "has 4 columns; the network takes 2."),
        (BARE, "1\n", "has no column '1'; its columns are '0'."),
        (PIXELS, "1,2\n3\n", ", line 2: there are 1 cells, but 2 columns."),
    ],
)
def test_csv_inputs_refused(tmp_path: Path, schema: TableSchema, text: str, message: str) -> None:
    assert refusal(schema.inputs, table(tmp_path, text)) == message.strip()


@pytest.mark.parametrize(
    ("schema", "text", "message"),
    [
        (
            FLOWERS,
            "length,colour\n1,red\n",
            "has no target column 'kind'; its columns are 'length', 'colour'.",
        ),
        (
            replace(FLOWERS, classes=("01", "1")),
            "length,colour,kind\n1,red,1.0\n",
            ", line 2, column 'kind': '1.0' is none of the classes '01', '1'.",
        ),
        (
            FLOWERS,
            "length,colour,kind\n1,red,tulip\n",
            ", line 2, column 'kind': 'tulip' is none of the classes 'iris', 'rose'.",
        ),
        (
            PIXELS,
            "1,2,3\n",
            ", line 1, column '2': '3' is none of the classes '0', '1', '2'.",
        ),
        (
            replace(NUMBERS, outputs=1, form=replace(MEAN, header=None)),
            "1,\n",
            ", line 1, column '1': the cell is missing. Fill it: the run was not trained to fill "
            "it in.",
        ),
        (PIXELS, "1,2\n", "has 0 columns beside the inputs; the targets are 1."),
        # Class names are numbers, so a label by position would be ambiguous.
        (
            replace(PIXELS, classes=("1", "2", "3")),
            "1,2,0\n",
            ", line 1, column '2': '0' is none of the classes '1', '2', '3'.",
        ),
    ],
)
def test_csv_targets_refused(tmp_path: Path, schema: TableSchema, text: str, message: str) -> None:
    assert refusal(schema.dataset, table(tmp_path, text)) == message.strip()


def wide(columns: int, schema: TableSchema = PIXELS, **changes: Any) -> TableSchema:
    """The same schema with so many columns."""
    return replace(schema, columns=tuple(InputColumn(str(i)) for i in range(columns)), **changes)


def test_npz(tmp_path: Path) -> None:
    path = tmp_path / "t.npz"
    np.savez(path, x=np.arange(8, dtype=np.uint8).reshape(2, 2, 2), y=np.array([2, 0]), z=[[1.5]])
    read = wide(4).dataset(path)
    assert read.inputs.dtype == np.uint8
    np.testing.assert_array_equal(read.inputs, [[0, 1, 2, 3], [4, 5, 6, 7]])
    np.testing.assert_array_equal(read.targets, [2, 0])
    other = wide(1, NUMBERS, outputs=1, arrays=("z", "z"))
    np.testing.assert_array_equal(other.dataset(path).targets, [[1.5]])


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        (PIXELS, ", array 'x' has rows of 3 numbers; the network takes 2."),
        (
            wide(3),
            ", array 'y', row 1 (counted from 0): '7' is none of the classes '0', '1', '2'.",
        ),
        (
            wide(3, arrays=("x", "x")),
            ", array 'x' has shape (2, 3); labels are an array (N,) or (N, 1), or "
            "rows with a single 1 among zeros.",
        ),
        (replace(PIXELS, arrays=("a", "y")), " has no array 'a'; its arrays are 'x', 'y'."),
    ],
)
def test_npz_refused(tmp_path: Path, schema: TableSchema, message: str) -> None:
    path = tmp_path / "t.npz"
    np.savez(path, x=np.zeros((2, 3)), y=np.array([1, 7]))
    assert refusal(schema.dataset, path) == message.strip()


@pytest.mark.parametrize(
    ("first", "problem"),
    [
        ("1,NA", "missing"),
        ("1,5a", "'5a'"),
        ("NA,NA", ""),
        ("-,-", ""),
        ("$5,$6", ""),
        ("inf,inf", ""),
        ("1_000,x", ""),
        ("2026-11-26,27.11.2026", ""),
        ("a,1", ""),
        (",a", ""),
    ],
)
def test_an_unusual_first_row_is_no_header(tmp_path: Path, first: str, problem: str) -> None:
    """No row vanishes: it is answered, or the file is refused with its line."""
    path = table(tmp_path, f"{first}\n1,2\n3,4\n")
    for schema in (PIXELS, POINTS):
        with pytest.raises(DataError, match=r", line 1, column '") as caught:
            schema.inputs(path)
        assert problem in str(caught.value)


def test_a_first_row_of_names_is_said(tmp_path: Path) -> None:
    path = table(tmp_path, "left,right\n1,2\n")
    rows, notes = PIXELS.inputs(path)
    assert rows.tolist() == [[1, 2]]
    assert notes == (f"{path}: line 1 is taken for the names of columns: 'left', 'right'.",)


def test_dropped_rows_are_counted(tmp_path: Path) -> None:
    path = table(tmp_path, "length,colour,kind\n1,red,rose\n,red,rose\n3,,iris\n4,blue,iris\n")
    data = replace(FLOWERS, form=CsvForm(missing=missing_rules("drop", None))).dataset(path)
    assert data.inputs.tolist() == [[1, 0, 1], [4, 1, 0]]
    assert data.notes == (f"{path}: missing: drop left out 2 of 4 rows.",)


@pytest.mark.parametrize(
    ("inputs", "categorical", "columns"),
    [
        (["a", "b"], (), (InputColumn("a"), InputColumn("b"))),
        (["a=b"], (), (InputColumn("a=b"),)),
        (["a", "c=x", "c=y"], ("c",), (InputColumn("a"), InputColumn("c", ("x", "y")))),
        (["a=b=x", "a=b=y=z"], ("a=b",), (InputColumn("a=b", ("x", "y=z")),)),
        (
            ["0", "1=x", "1=y", "2"],
            (1,),
            (InputColumn("0"), InputColumn("1", ("x", "y")), InputColumn("2")),
        ),
        (["a", "c=x", "c=y"], (1,), (InputColumn("a"), InputColumn("c", ("x", "y")))),
    ],
)
def test_columns_of_older_runs(
    inputs: list[str], categorical: tuple[str | int, ...], columns: tuple[InputColumn, ...]
) -> None:
    assert columns_of_inputs(inputs, categorical) == columns
