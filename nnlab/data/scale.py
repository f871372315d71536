"""Linear scaling of the inputs, fitted on the training rows alone."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nnlab.core.types import Array, IntArray
from nnlab.errors import DataError

ScaleKind = Literal["none", "unit", "standardize", "standardize_all"]

CHUNK = 1024  # rows converted to float64 at a time: 6 MB of MNIST


@dataclass(frozen=True, eq=False)
class Scaling:
    """x' = (x - shift) * factor; shift and factor are float64, () for all columns or (n,).

    fill (n,): what a missing number (nan) counts as, the mean of its column over the training
    rows; None where none may be missing.
    """

    kind: ScaleKind
    shift: NDArray[np.float64]
    factor: NDArray[np.float64]
    fill: NDArray[np.float64] | None = None

    def apply(self, inputs: Array) -> NDArray[np.float64]:
        """Scaled copy of rows (B, n), in which nothing is missing any more."""
        return (fill_missing(inputs, self.fill) - self.shift) * self.factor


@dataclass(frozen=True, eq=False)
class _Statistics:
    """Of each column: smallest, largest, mean, mean squared distance from it, how many numbers."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    counts: NDArray[np.float64]


def fit_scaling(
    kind: ScaleKind,
    inputs: Array,
    train_rows: IntArray,
    input_range: tuple[float, float] | None = None,
    *,
    fills: bool = False,
) -> Scaling:
    """The scaling of `kind` for inputs (N, n), from the rows `train_rows` alone.

    unit: `input_range` (of the Dataset: what pixels can be) becomes 0..1; without one, the
    smallest and largest training value of each column. standardize: mean 0, standard deviation 1
    (over N, not N - 1) per column; standardize_all: over all numbers. A constant column becomes
    0 everywhere. With `fills`, a missing number (nan) counts in none of these and is filled with
    the mean of its column over the training rows. Raises DataError when a column spans too much
    or too little for float64, or has no number in any training row.
    """
    fill = _fill(inputs, train_rows) if fills else None
    return replace(_fitted(kind, inputs, train_rows, input_range, fill), fill=fill)


def fill_missing(inputs: Array, fill: NDArray[np.float64] | None) -> Array:
    """Rows (B, n) with `fill` (n,) in place of nan; the same array where nothing is filled."""
    return inputs if fill is None else np.where(np.isnan(inputs), fill, inputs)


def _fill(inputs: Array, rows: IntArray) -> NDArray[np.float64]:
    """The mean of each column (n,) over those of `rows` that have it."""
    x = inputs[rows]
    missing = np.isnan(x)
    counts = (~missing).sum(axis=0)
    if not counts.all():
        raise DataError(
            f"Input column {int(np.argmin(counts))} (counted from 0) is missing in every training "
            "row, so there is no mean to fill it with. Leave it out with ignore."
        )
    # Divided first: the mean of finite numbers is finite, their sum may not be.
    return np.asarray((np.where(missing, 0, x) / counts).sum(axis=0))


def _fitted(
    kind: ScaleKind,
    inputs: Array,
    train_rows: IntArray,
    input_range: tuple[float, float] | None,
    fill: NDArray[np.float64] | None,
) -> Scaling:
    if kind == "none":
        return _scaling(kind, np.zeros(()), np.ones(()))
    if kind == "unit" and input_range is not None:
        low, high = np.array(input_range, np.float64)
        return _scaling(kind, low, high - low)
    # What overflows here is found by _scaling, which says so in a sentence.
    with np.errstate(over="ignore", invalid="ignore"):
        columns = _statistics(inputs, train_rows, fill)
        if kind == "unit":
            return _scaling(kind, columns.low, columns.high - columns.low)
        if kind == "standardize_all":
            columns = _over_all(columns)
        spread = np.where(columns.low < columns.high, np.sqrt(columns.variance), 0)
        return _scaling(kind, columns.mean, spread)


def _scaling(kind: ScaleKind, shift: NDArray[np.float64], spread: NDArray[np.float64]) -> Scaling:
    """Factor 1 / spread, and 0 where there is none: such a column carries no information."""
    varies = spread != 0
    with np.errstate(over="ignore"):
        factor = np.divide(1.0, spread, out=np.zeros_like(spread), where=varies)
    bad = np.flatnonzero(~(np.isfinite(shift) & np.isfinite(spread) & np.isfinite(factor)))
    if bad.size:
        raise DataError(
            f"The values of input column {int(bad[0])} (counted from 0) are too far apart or too "
            f"close together for scale: {kind}."
        )
    return Scaling(kind, shift, factor)


def _statistics(
    inputs: Array, rows: IntArray, fill: NDArray[np.float64] | None = None
) -> _Statistics:
    """Two passes in chunks: 70,000 images are never all floats at once.

    A missing number filled with its column's mean changes neither range, mean nor sum of squares;
    only the number of squares must not count it.
    """
    chunks = [rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK)]
    width = inputs.shape[1]
    low, high = np.full(width, np.inf), np.full(width, -np.inf)
    total, squares = np.zeros(width), np.zeros(width)
    for chunk in chunks:
        x = fill_missing(inputs[chunk], fill).astype(np.float64)
        np.minimum(low, x.min(axis=0), out=low)
        np.maximum(high, x.max(axis=0), out=high)
        total += x.sum(axis=0)
    mean = total / len(rows)
    for chunk in chunks:
        squares += np.square(fill_missing(inputs[chunk], fill) - mean).sum(axis=0)
    counts = np.full(width, float(len(rows)))
    if fill is not None:
        counts -= np.isnan(inputs[rows]).sum(axis=0)
    return _Statistics(low, high, mean, squares / counts, counts)


def _over_all(columns: _Statistics) -> _Statistics:
    """All columns as one: the mean of their variances plus the variance of their means."""
    share = columns.counts / columns.counts.sum()
    mean = np.asarray((columns.mean * share).sum())
    variances = columns.variance + np.square(columns.mean - mean)
    return _Statistics(
        low=np.asarray(columns.low.min()),
        high=np.asarray(columns.high.max()),
        mean=mean,
        variance=np.asarray((variances * share).sum()),
        counts=np.asarray(columns.counts.sum()),
    )
