"""Linear scaling of the inputs, fitted on the training rows alone."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nnlab.core.types import Array, FloatArray, IntArray
from nnlab.data.fill import Filling, fill_missing, fit_fill, present_means
from nnlab.errors import DataError

ScaleKind = Literal["none", "unit", "standardize", "standardize_all"]
TargetScale = Literal["none", "standardize"]

CHUNK = 1024  # rows converted to float64 at a time: 6 MB of MNIST


@dataclass(frozen=True, eq=False)
class Scaling:
    """x' = (x - shift) * factor; shift and factor are float64, () for all columns or (n,).

    fill (n,): for missing numbers (nan), from the training rows; None where no number may be
    missing.
    """

    kind: ScaleKind
    shift: NDArray[np.float64]
    factor: NDArray[np.float64]
    fill: NDArray[np.float64] | None = None

    def apply(self, inputs: Array) -> NDArray[np.float64]:
        """Scaled copy of rows (B, n), with missing numbers filled."""
        return (fill_missing(inputs, self.fill) - self.shift) * self.factor


def fit_scaling(
    kind: ScaleKind,
    inputs: Array,
    train_rows: IntArray,
    input_range: tuple[float, float] | None = None,
    *,
    filling: Filling | None = None,
    weights: FloatArray | None = None,
) -> Scaling:
    """The scaling of `kind` for inputs (N, n), from the rows `train_rows` alone.

    unit: `input_range` (of the Dataset: the range of pixels) becomes 0..1; without it, the range
    of each column. standardize: mean 0, standard deviation 1 (over N, not N - 1) per column;
    standardize_all: over all numbers. A constant column becomes 0 everywhere. With
    `filling`, missing numbers (nan) count in none of these. `weights` (N,): how much each row
    counts. Raises DataError when a column spans too much or too little for float64, or has no
    number in any training row.
    """
    w = None if weights is None else weights[train_rows][:, None]
    means = fill = None
    if filling is not None:
        means = present_means(inputs, train_rows, w)
        fill = fit_fill(filling, means, inputs, train_rows, w)
    # What overflows here is refused below.
    with np.errstate(over="ignore", invalid="ignore"):
        shift, spread = _shift_and_spread(kind, inputs, train_rows, input_range, means, w)
        varies = spread != 0  # a constant column carries no information: factor 0
        factor = np.divide(1.0, spread, out=np.zeros_like(spread), where=varies)
    bad = np.flatnonzero(~(np.isfinite(shift) & np.isfinite(spread) & np.isfinite(factor)))
    if bad.size:
        raise DataError(
            f"The values of input column {int(bad[0])} (counted from 0) are too far apart or too "
            f"close together for scale: {kind}."
        )
    return Scaling(kind, shift, factor, fill)


def _shift_and_spread(
    kind: ScaleKind,
    inputs: Array,
    rows: IntArray,
    input_range: tuple[float, float] | None,
    means: NDArray[np.float64] | None,
    w: FloatArray | None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Shift and divisor of each column, (n,), or of all columns, ()."""
    if kind == "none":
        return np.zeros(()), np.ones(())
    if kind == "unit" and input_range is not None:
        low, high = map(np.asarray, np.array(input_range, np.float64))
        return low, np.asarray(high - low)
    low, high, mean, variance, counts = _statistics(inputs, rows, means, w)
    if kind == "unit":
        return low, high - low
    if kind == "standardize_all":
        # Over all columns: the mean of their variances plus the variance of their means.
        share = counts / counts.sum()
        column_means, mean = mean, np.asarray((mean * share).sum())
        variances = variance + np.square(column_means - mean)
        variance = np.asarray((variances * share).sum())
        low, high = np.asarray(low.min()), np.asarray(high.max())
    return mean, np.where(low < high, np.sqrt(variance), 0)


def _statistics(
    inputs: Array, rows: IntArray, means: NDArray[np.float64] | None, w: FloatArray | None
) -> tuple[NDArray[np.float64], ...]:
    """Smallest, largest, mean, variance and number of numbers of each column, (n,) each.

    Two passes in chunks, so that 70,000 images are never all floats at once. A missing number
    filled with its column's mean changes neither range, mean nor sum of squares; only the count
    must leave it out. A row with weight 2 counts as two rows.
    """
    starts = range(0, len(rows), CHUNK)
    chunks = [(rows[i : i + CHUNK], 1 if w is None else w[i : i + CHUNK]) for i in starts]
    width, count = inputs.shape[1], float(len(rows) if w is None else w.sum())
    low, high = np.full(width, np.inf), np.full(width, -np.inf)
    total, squares, counts = np.zeros(width), np.zeros(width), np.full(width, count)
    for chunk, own in chunks:
        x = fill_missing(inputs[chunk], means).astype(np.float64)
        np.minimum(low, x.min(axis=0), out=low)
        np.maximum(high, x.max(axis=0), out=high)
        total += (x * own).sum(axis=0)
    mean = total / count
    for chunk, own in chunks:
        squares += (np.square(fill_missing(inputs[chunk], means) - mean) * own).sum(axis=0)
    if means is not None:
        counts -= (np.isnan(inputs[rows]) * (1 if w is None else w)).sum(axis=0)
    return low, high, mean, squares / counts, counts
