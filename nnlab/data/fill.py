"""What takes the place of missing numbers: a number per input, from the training rows."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nnlab.core.types import Array, FloatArray, IntArray
from nnlab.errors import DataError

FillWay = Literal["mean", "median", "most_frequent"]
WAYS: dict[str, FillWay] = {"mean": "mean", "median": "median", "most_frequent": "most_frequent"}


@dataclass(frozen=True)
class Filling:
    """How missing inputs (nan) are filled, by kind of column.

    numbers: of a column of numbers. categories: of the one-hot inputs of a column, where the mean
    is the share that each value has. widths: for each column its number of one-hot inputs, 0 for a
    column of numbers; () where all are numbers.
    """

    numbers: FillWay = "mean"
    categories: FillWay = "mean"
    widths: tuple[int, ...] = ()


def fill_missing(inputs: Array, fill: FloatArray | None) -> Array:
    """Rows (B, n) with `fill` (n,) in place of nan; the same array without `fill`."""
    return inputs if fill is None else np.where(np.isnan(inputs), fill, inputs)


def present_means(inputs: Array, rows: IntArray, w: FloatArray | None) -> NDArray[np.float64]:
    """The mean of each column (n,) over the numbers in `rows`, which have weights w (B, 1).

    Raises DataError where a column has no number.
    """
    x = inputs[rows]
    missing = np.isnan(x)
    counts = (~missing if w is None else ~missing * w).sum(axis=0)
    if not counts.all():
        raise DataError(
            f"Input column {int(np.argmin(counts))} (counted from 0) is missing in every training "
            "row, so there is no mean to fill it with. Leave it out with ignore."
        )
    # Divided first: the mean of finite numbers is finite, their sum may not be.
    terms = np.where(missing, 0, x) / counts
    return np.asarray((terms if w is None else terms * w).sum(axis=0))


def fit_fill(
    filling: Filling,
    means: NDArray[np.float64],
    inputs: Array,
    rows: IntArray,
    w: FloatArray | None,
) -> NDArray[np.float64]:
    """The filled numbers (n,) from the rows `rows` of inputs (N, n).

    means (n,): those of `present_means`. Of equally frequent values the smallest counts.
    """
    fill, at = means.copy(), 0
    for width in filling.widths or (0,) * len(means):
        block = slice(at, at + max(width, 1))
        at = block.stop
        if width and filling.categories != "mean":
            fill[block] = np.arange(width) == means[block].argmax()
        elif not width and filling.numbers != "mean":
            column = inputs[rows, block.start]
            present = ~np.isnan(column)
            weights = np.ones(len(rows)) if w is None else w[:, 0]
            find = _weighted_median if filling.numbers == "median" else _weighted_mode
            fill[block] = find(column[present], weights[present])
    return fill


def _weighted_median(values: FloatArray, weights: FloatArray) -> float:
    """The number with half of the weight on either side; between two numbers their mean."""
    order = np.argsort(values, kind="stable")
    sums = np.cumsum(weights[order])
    middle = [np.searchsorted(sums, sums[-1] / 2, side) for side in ("left", "right")]
    low, high = values[order[middle]]
    return float(low / 2 + high / 2)


def _weighted_mode(values: FloatArray, weights: FloatArray) -> float:
    distinct, numbers = np.unique(values, return_inverse=True)
    return float(distinct[np.bincount(numbers, weights).argmax()])
