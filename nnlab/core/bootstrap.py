"""How sure a mean of few values is, found by drawing the values again (the bootstrap)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nnlab.core.random import Purpose, generator
from nnlab.core.types import FloatArray

DRAWS = 10_000
LEVEL = 0.95
# n differences all have the same sign in 2^(1-n) of the cases when nothing but chance is at work,
# and then no interval of resampled means holds 0: with fewer than 5 that is more than 1 in 16.
FEWEST = 5
BLOCK = 1 << 20  # numbers drawn at once


@dataclass(frozen=True)
class Interval:
    """A mean and the interval around it."""

    mean: float
    low: float
    high: float

    @property
    def holds_zero(self) -> bool:
        """Whether 0 is a mean that the values do not speak against."""
        return self.low <= 0.0 <= self.high


def interval(values: Sequence[float], seed: int = 0, draws: int = DRAWS) -> Interval:
    """The expanded percentile interval of the mean, at 95 %.

    n values are drawn from the n given ones with replacement, `draws` times; the interval goes
    from the a-quantile of the means to the (1 - a)-quantile. The plain percentile interval has
    a = 0.025 and is too narrow for few values: it misses the factor sqrt(n / (n - 1)) and takes the
    normal distribution for Student's t. Both are put right by

        a = Phi(sqrt(n / (n - 1)) t_(n-1)(0.025)),

    after Hesterberg, What Teachers Should Know About the Bootstrap (2015), section 4.3. With fewer
    than FEWEST values no interval of this kind reaches 95 %.

    Raises ValueError for fewer than two values, or one that is not finite.
    """
    x = np.asarray(values, np.float64)
    if x.ndim != 1 or len(x) < 2 or not np.isfinite(x).all():
        raise ValueError("an interval takes two or more finite values")
    tail = expanded_tail(len(x))
    low, high = np.quantile(resampled_means(x, seed, draws), [tail, 1 - tail])
    return Interval(float(x.mean()), float(low), float(high))


def expanded_tail(n: int, level: float = LEVEL) -> float:
    """The a of the formula above, for n values."""
    from scipy.special import ndtr, stdtrit  # NumPy knows no distribution's quantiles

    t = float(stdtrit(n - 1, (1 - level) / 2))
    return float(ndtr(math.sqrt(n / (n - 1)) * t))


def resampled_means(x: FloatArray, seed: int, draws: int) -> FloatArray:
    """The means (draws,) of n values drawn with replacement from the n in `x`."""
    rng = generator(seed, Purpose.BOOTSTRAP)
    rows = max(1, BLOCK // len(x))
    found = np.empty(draws)
    for start in range(0, draws, rows):
        count = min(rows, draws - start)
        found[start : start + count] = x[rng.integers(0, len(x), (count, len(x)))].mean(axis=1)
    return found
