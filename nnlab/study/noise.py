"""Exact tests whether a difference between groups is more than the noise of the seed.

If two groups are equal, their runs may be exchanged: each difference of a pair has either sign
equally often, and each run belongs to either group. The p-value is the share of all such exchanges
that give a mean difference at least as large as the measured one. It holds for any distribution,
also skewed or discrete ones, and for any number of runs; few runs only make small p impossible.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from nnlab.core.random import Purpose, generator
from nnlab.core.types import FloatArray

LEVEL = 0.05  # p-values up to here are more than noise
EXCHANGES = 1 << 14  # up to this number all are enumerated; of more, this many are drawn
ROUNDING = 1e-12  # sums that differ by this share are equal
MOST = 64  # runs per group: the search for the number that is enough ends here


@dataclass(frozen=True)
class Interval:
    """A mean and the 95 % interval around it."""

    mean: float
    low: float
    high: float


def paired_p(differences: Sequence[float]) -> float:
    """The share of sign patterns whose mean is at least as far from 0."""
    d = _finite(differences)
    signs = 2.0 * _subsets(len(d)) - 1.0
    return _share(signs @ d, d.sum())


def paired_interval(differences: Sequence[float]) -> Interval | None:
    """The means that the test does not refuse at 5 %; None where it can refuse none.

    Means of all subsets of the differences cut the line into pieces that are equally likely to hold
    the true mean, if the differences are symmetric around it (Hartigan, Using Subsample Values as
    Typical Values, 1969). Of n differences there are 2^n - 1 subsets, so 6 are needed.
    """
    d = _finite(differences)
    chosen = _subsets(len(d))
    count = math.floor(LEVEL / 2 * len(chosen))
    if not count:
        return None
    sizes = chosen.sum(axis=1)
    means = np.sort((chosen @ d)[sizes > 0] / sizes[sizes > 0])
    return Interval(float(d.mean()), float(means[count - 1]), float(means[-count]))


def unpaired_p(first: Sequence[float], second: Sequence[float]) -> float:
    """The share of divisions into groups of these sizes whose means are at least as far apart."""
    a, b = _finite(first), _finite(second)
    together = np.concatenate([a, b]) - np.concatenate([a, b]).mean()
    divided = _divisions(len(a), len(b))
    return _share(divided @ together, together[: len(a)].sum())


def least_paired_p(count: int) -> float:
    """The smallest p-value that `count` pairs can give."""
    return 2.0 ** (1 - count)


def least_unpaired_p(first: int, second: int) -> float:
    """The smallest p-value that groups of these sizes can give for sure."""
    return min(1.0, 2.0 / math.comb(first + second, first))


def correct_holm(values: Sequence[float]) -> list[float]:
    """P-values corrected for their number, after Holm (1979).

    With m values, the smallest counts m times, the next m - 1 times, and so on; none is smaller
    than the one before it.
    """
    corrected, highest = [0.0] * len(values), 0.0
    for rank, index in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        highest = max(highest, min(1.0, (len(values) - rank) * values[index]))
        corrected[index] = highest
    return corrected


def pairs_needed(figures: int) -> int:
    """How many pairs can show a difference in one of `figures` figures."""
    return next(n for n in range(1, MOST) if least_paired_p(n) * figures <= LEVEL)


def runs_needed(figures: int) -> int:
    """How many runs of each of two groups without pairs can show one."""
    return next(n for n in range(1, MOST) if least_unpaired_p(n, n) * figures <= LEVEL)


def fold_interval(values: Sequence[float], folds: int) -> Interval | None:
    """The mean of results of folds with its 95 % interval; None for fewer than two.

    Two folds share most of their training rows, so their results vary less than those of
    independent runs. Of J results with the variance s^2, the variance of the mean is taken as
    s^2 (1 / J + n_validation / n_train), where the ratio is 1 / (folds - 1) (Nadeau and Bengio,
    Inference for the Generalization Error, 2003).
    """
    if len(values) < 2:
        return None
    from scipy.special import stdtrit  # slow to import

    mean, error = _fold_error(values, folds)
    half = float(stdtrit(len(values) - 1, 1 - LEVEL / 2)) * error
    return Interval(mean, mean - half, mean + half)


def fold_p(differences: Sequence[float], folds: int) -> float:
    """The p-value of the corrected t-test of Nadeau and Bengio; 1 for fewer than two folds.

    Equal differences, as an accuracy of few rows gives them, have no spread for a t-test. They have
    that of the sign test, 2^(1 - n): two folds alone prove nothing.
    """
    from scipy.special import stdtr

    if len(differences) < 2:
        return 1.0
    mean, error = _fold_error(differences, folds)
    if error <= ROUNDING * abs(mean):
        return 2.0 ** (1 - len(differences)) if mean else 1.0
    return float(2 * stdtr(len(differences) - 1, -abs(mean) / error))


def _fold_error(values: Sequence[float], folds: int) -> tuple[float, float]:
    """The mean, and its standard error with the correction for shared training rows."""
    x = _finite(values)
    return float(x.mean()), float(x.std(ddof=1)) * math.sqrt(1 / len(x) + 1 / (folds - 1))


def _finite(values: Sequence[float]) -> FloatArray:
    x = np.asarray(values, np.float64)
    if x.ndim != 1 or not len(x) or not np.isfinite(x).all():
        raise ValueError("finite values are needed, at least one")
    return x


def _share(sums: FloatArray, measured: float) -> float:
    bound = abs(measured) * (1 - ROUNDING)
    return float(np.count_nonzero(np.abs(sums) >= bound) / len(sums))


def _subsets(n: int) -> NDArray[np.float64]:
    """All subsets of n things as rows of 0 and 1, or a random sample with the whole set."""
    if 2**n <= EXCHANGES:
        return ((np.arange(2**n)[:, None] >> np.arange(n)) & 1).astype(np.float64)
    drawn = generator(0, Purpose.BOOTSTRAP).integers(0, 2, (EXCHANGES, n)).astype(np.float64)
    drawn[0] = 1.0
    return drawn


def _divisions(first: int, second: int) -> NDArray[np.float64]:
    """All ways to take `first` of n things as rows of 0 and 1, or a sample with the given one."""
    n = first + second
    if math.comb(n, first) <= EXCHANGES:
        rows = np.zeros((math.comb(n, first), n))
        for row, members in zip(rows, combinations(range(n), first), strict=True):
            row[list(members)] = 1.0
        return rows
    order = generator(0, Purpose.BOOTSTRAP).random((EXCHANGES, n)).argsort(axis=1)
    order[0] = np.arange(n)
    return (order < first).astype(np.float64)
