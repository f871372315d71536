"""How values are shown: on which scale, and smoothed where they are noisy. No drawing."""

from math import log10
from typing import Any

import numpy as np

from nnlab.core.types import FloatArray
from nnlab.show.figures.palette import Scale

# A loss that falls by more than this factor shows its end only on a logarithmic axis.
LOG_RANGE = 20
UPPER = 0.75  # of a logarithmic axis: rates that lie above it for half of the time bend only there
# A line is noisy where a fifth of its epochs jump by more than this part of the axis.
NOISE, NOISY = 0.012, 0.8
WINDOWS = 30  # a smoothed line is a mean over this part of the epochs
LEAST = 60  # points; a shorter line is never smoothed
LARGEST = 1e100  # a run that diverges passes this, and matplotlib's arithmetic overflows beyond


def finite_numbers(column: Any) -> FloatArray:
    """A column as floats, with nan for what no axis can show, such as text."""
    try:
        values = np.asarray(column, dtype=np.float64)
    except (TypeError, ValueError):
        return np.full(len(column), np.nan)
    return np.where(np.abs(values) < LARGEST, values, np.nan)


def is_log(values: FloatArray, wanted: Scale | None = None) -> bool:
    """Whether losses are shown on a logarithmic axis: they span far more than one power of ten.

    `wanted` goes first, as far as the values allow it.
    """
    finite = values[np.isfinite(values)]
    if wanted is not None:
        return wanted == "log" and bool((finite > 0).any())
    return bool(finite.size and finite.min() > 0 and finite.max() / LOG_RANGE > finite.min())


def is_log_rate(rates: FloatArray, wanted: Scale | None = None) -> bool:
    """The same for learning rates: a cosine would be hidden by its end, which is almost 0.

    Linear also where half of the rates lie in the uppermost part of a logarithmic axis.
    """
    if wanted is not None or not is_log(rates):
        return is_log(rates, wanted)
    low, middle, high = (log10(v) for v in np.nanquantile(rates, [0.0, 0.5, 1.0]))
    return bool((middle - low) / (high - low) <= UPPER)


def window(count: int) -> int:
    """Over how many points, an odd number, a line of `count` points is smoothed."""
    return max(5, count // WINDOWS) | 1


def smoothed(values: FloatArray, low: float, high: float, log: bool = False) -> FloatArray | None:
    """The running mean (N,) of noisy values (N,) on an axis from `low` to `high`; else None.

    On a logarithmic axis the mean is that of the logarithms. The ends have shorter windows.
    """
    count = len(values)
    if count < LEAST or not np.isfinite(values).all() or (log and values.min() <= 0):
        return None
    places = np.log(values) if log else values
    reach = np.log(high) - np.log(low) if log else high - low
    # The second difference of a smooth curve is nearly 0, however steep it is.
    jumps = np.abs(np.diff(places, 2)) / 2
    if not reach > 0 or np.quantile(jumps, NOISY) < NOISE * reach:
        return None
    half = window(count) // 2
    sums = np.concatenate([[0.0], np.cumsum(places)])
    at = np.arange(count)
    reaches = np.minimum(half, np.minimum(at, count - 1 - at))  # symmetric: no end is pulled
    means = (sums[at + reaches + 1] - sums[at - reaches]) / (2 * reaches + 1)
    return np.exp(means) if log else means
