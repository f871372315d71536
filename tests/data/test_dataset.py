"""Awkward arrays (N5): a data set or a sentence, and the caller's arrays stay as they were."""

from typing import Any

import numpy as np
import pytest

from nnlab.core.types import Array
from nnlab.data.dataset import Dataset, Task, content_hash
from nnlab.data.fill import Filling
from nnlab.errors import DataError

X = np.arange(6.0).reshape(3, 2)
Y = np.array([0, 1, 1])
NAMES = ("a", "b")


def locked(array: Array) -> Array:
    array = array.copy()
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    "x",
    [
        X,
        X[:1],
        locked(X),
        np.asfortranarray(X),
        np.repeat(X, 2, axis=1)[:, ::2],
        X.astype(np.float32),
        X.astype(np.int16),
        X.astype(np.uint8),
        X > 2,
    ],
    ids=[
        "plain",
        "one row",
        "read-only",
        "fortran",
        "strided",
        "float32",
        "int16",
        "uint8",
        "bool",
    ],
)
def test_good_arrays_are_taken_and_left_alone(x: Array) -> None:
    before, writeable = x.copy(), x.flags.writeable
    data = Dataset("t", x, Y[: len(x)], task="classes", class_names=NAMES)
    assert data.inputs.tolist() == before.astype(float).tolist()
    assert data.inputs.dtype == (np.uint8 if x.dtype == np.uint8 else np.float64)
    assert data.inputs.flags.c_contiguous
    assert not data.inputs.flags.writeable
    assert x.flags.writeable == writeable
    assert x.tobytes() == before.tobytes()


FINITE = " (counted from 0); only finite numbers are allowed."


@pytest.mark.parametrize(
    ("x", "y", "task", "message"),
    [
        (X.astype(object), Y, "classes", "t: the inputs are of type object; numbers are needed."),
        (X, Y.astype(str), "classes", "t: the targets are of type <U21; numbers are needed."),
        (X[:0], Y[:0], "classes", "t: the inputs have shape (0, 2); rows and columns are needed."),
        (X[:, :0], Y, "classes", "t: the inputs have shape (3, 0); rows and columns are needed."),
        (X[0], Y, "classes", "t: the inputs have shape (2,); rows and columns are needed."),
        (X, X, "classes", "t: the targets have shape (3, 2), which does not fit classes."),
        (X, Y, "regression", "t: the targets have shape (3,), which does not fit regression."),
        (X, Y[:2], "classes", "t: there are 3 rows of inputs but 2 of targets."),
        (
            X / [[1, 1], [1, np.nan], [1, 1]],
            Y,
            "classes",
            "t: the inputs hold nan at row 1, column 1",
        ),
        (
            X,
            X * [[1, 1], [1, 1], [-np.inf, 1]],
            "identity",
            "t: the targets hold -inf at row 2, column 0",
        ),
    ],
)
def test_bad_arrays(x: Array, y: Array, task: Task, message: str) -> None:
    names = NAMES if task == "classes" else ()
    with pytest.raises(DataError) as caught:
        Dataset("t", x, y, task=task, class_names=names)
    assert str(caught.value) in (message, message + FINITE)


def test_one_class_is_refused() -> None:
    with pytest.raises(DataError) as caught:
        Dataset("t", X, np.zeros(3, int), task="classes", class_names=("a",))
    assert str(caught.value) == "t: all rows are of one class; a classifier needs two or more."


@pytest.mark.parametrize(
    "other", [[X + 1], [X.T], [X.astype(np.float32)], [X, X], [X.reshape(2, 3)], []]
)
def test_the_hash_covers_values_types_and_shapes(other: list[Any]) -> None:
    assert content_hash([X]) == content_hash([np.asfortranarray(X)])
    assert content_hash([X]) != content_hash(other)


def test_missing_inputs_are_allowed_where_it_is_said() -> None:
    """And then only they: infinite inputs and missing targets are still refused."""
    holes = X / [[1, 1], [1, np.nan], [1, 1]]
    settings: Any = {"task": "regression", "filling": Filling()}
    np.testing.assert_array_equal(Dataset("t", holes, X, **settings).inputs, holes)
    with pytest.raises(DataError, match=r"^t: the targets hold nan at row 1, column 1"):
        Dataset("t", holes, holes, **settings)
    with np.errstate(divide="ignore", invalid="ignore"):
        infinite = holes / [[1, 1], [1, 1], [0, 1]]
    with pytest.raises(DataError, match=r"^t: the inputs hold inf at row 2, column 0"):
        Dataset("t", infinite, X, **settings)
