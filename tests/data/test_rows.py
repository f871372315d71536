"""New rows for a trained network."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nnlab.data.rows import Like, inputs, labelled
from nnlab.errors import DataError

FLOWERS = Like(
    width=3,
    outputs=2,
    task="classes",
    classes=("iris", "rose"),
    features=("length", "colour=blue", "colour=red"),
    targets=("kind",),
    header=True,
)
# The training file had the columns length, colour, kind, and no header.
BARE = replace(FLOWERS, features=("0", "1=blue", "1=red"), targets=("2",), header=False)
POINTS = Like(width=2, outputs=2, task="classes", classes=("low", "high"), features=("x", "y"))
PIXELS = Like(width=2, outputs=3, task="classes", classes=("0", "1", "2"))
NUMBERS = Like(width=1, outputs=2, task="regression")

CASES = [
    (FLOWERS, "length,colour,kind\n1,red,rose\n", [[1, 0, 1]]),
    (FLOWERS, "colour,other,length\nblue,7,2\n", [[2, 1, 0]]),
    (BARE, "1,red,rose\n", [[1, 0, 1]]),
    (BARE, "1,red\n2,blue\n", [[1, 0, 1], [2, 1, 0]]),
    (replace(BARE, features=("1", "2=blue", "2=red"), targets=("0",)), "1,red\n", [[1, 0, 1]]),
    (replace(FLOWERS, delimiter=";"), "length;colour\n1;red\n", [[1, 0, 1]]),
    (POINTS, "y,x\n1,2\n", [[2, 1]]),
    (POINTS, "1,2\n3,4\n", [[1, 2], [3, 4]]),
    (PIXELS, "a,b\n1,2\n", [[1, 2]]),
    (PIXELS, "1,2\n", [[1, 2]]),
    (PIXELS, "1,2,0\n", [[1, 2]]),
    (NUMBERS, "1,2,3\n", [[1]]),
    # Column 1 was ignored: it may be there or not, with the target behind it or not.
    (replace(BARE, features=("0", "2"), targets=("3",), ignored=("1",)), "1,9,2,x\n", [[1, 2]]),
    (replace(BARE, features=("0", "2"), targets=("3",), ignored=("1",)), "1,9,2\n", [[1, 2]]),
    (replace(BARE, features=("0", "2"), targets=("3",), ignored=("1",)), "1,2\n", [[1, 2]]),
    (replace(BARE, features=("0", "3"), targets=("4",), ignored=("1", "2")), "1,2,x\n", [[1, 2]]),
    (replace(FLOWERS, fills=True), "length,colour\n,red\n", [[np.nan, 0, 1]]),
    (replace(BARE, features=("0", "1"), fills=True), "1,NA\n3,4\n", [[1, np.nan], [3, 4]]),
    # A name of a column may hold the sign that joins column and category.
    (replace(FLOWERS, features=("a=b", "c=d=e")), "c=d,a=b\ne,5\n", [[5, 1]]),
]


@pytest.mark.parametrize(("like", "text", "expected"), CASES)
def test_csv_inputs(tmp_path: Path, like: Like, text: str, expected: list[list[float]]) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text)
    np.testing.assert_array_equal(inputs(path, replace(like, width=len(expected[0]))), expected)


@pytest.mark.parametrize(
    ("like", "text", "targets"),
    [
        (FLOWERS, "kind,length,colour\nrose,1,red\niris,2,blue\n", [1, 0]),
        (BARE, "1,red,rose\n2,blue,iris\n", [1, 0]),
        (POINTS, "x,y,which\n1,2,high\n1,2,0\n", [1, 0]),
        (PIXELS, "1,2,2\n1,2,0.0\n", [2, 0]),
        (NUMBERS, "1,2,3\n", [[2.0, 3.0]]),
        (replace(NUMBERS, width=2, task="identity"), "1,2\n", [[1.0, 2.0]]),
    ],
)
def test_csv_targets(tmp_path: Path, like: Like, text: str, targets: list[object]) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text)
    found = labelled(path, like)
    np.testing.assert_array_equal(found.targets, targets)
    assert (found.task, found.class_names) == (like.task, like.classes)


@pytest.mark.parametrize(
    ("like", "text", "message"),
    [
        (FLOWERS, "", "is empty."),
        (FLOWERS, "length,colour\n", "has a header and no row."),
        (FLOWERS, "length\n1\n", "has no column 'colour'; its columns are 'length'."),
        (FLOWERS, "length,colour\n,red\n", ", line 2, column 'length': the cell is missing."),
        (FLOWERS, "length,colour\n1,?\n", ", line 2, column 'colour': the cell is missing."),
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
def test_csv_inputs_refused(tmp_path: Path, like: Like, text: str, message: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        inputs(path, like)
    assert str(caught.value).removeprefix(str(path)).strip() == message.strip()


@pytest.mark.parametrize(
    ("like", "text", "message"),
    [
        (FLOWERS, "length,colour\n1,red\n", "has no target column 'kind'."),
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
            replace(NUMBERS, outputs=1, fills=True, header=False),
            "1,\n",
            ", line 1, column '1': the cell is missing.",
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
def test_csv_targets_refused(tmp_path: Path, like: Like, text: str, message: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        labelled(path, like)
    assert str(caught.value).removeprefix(str(path)).strip() == message.strip()


def test_npz(tmp_path: Path) -> None:
    path = tmp_path / "t.npz"
    np.savez(path, x=np.arange(8, dtype=np.uint8).reshape(2, 2, 2), y=np.array([2, 0]), z=[[1.5]])
    found = labelled(path, replace(PIXELS, width=4))
    assert found.inputs.dtype == np.uint8
    np.testing.assert_array_equal(found.inputs, [[0, 1, 2, 3], [4, 5, 6, 7]])
    np.testing.assert_array_equal(found.targets, [2, 0])
    other = Like(width=1, outputs=1, task="regression", arrays=("z", "z"))
    np.testing.assert_array_equal(labelled(path, other).targets, [[1.5]])


@pytest.mark.parametrize(
    ("like", "message"),
    [
        (PIXELS, ", array 'x' has rows of 3 numbers; the network takes 2."),
        (
            replace(PIXELS, width=3),
            ", array 'y', row 1 (counted from 0): '7' is none of the classes '0', '1', '2'.",
        ),
        (
            replace(PIXELS, width=3, arrays=("x", "x")),
            ", array 'x' has shape (2, 3); labels have 1 dimension.",
        ),
        (replace(PIXELS, arrays=("a", "y")), " has no array 'a'; its arrays are 'x', 'y'."),
    ],
)
def test_npz_refused(tmp_path: Path, like: Like, message: str) -> None:
    path = tmp_path / "t.npz"
    np.savez(path, x=np.zeros((2, 3)), y=np.array([1, 7]))
    with pytest.raises(DataError) as caught:
        labelled(path, like)
    assert str(caught.value) == f"{path}{message}"
