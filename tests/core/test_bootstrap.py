"""Bootstrap intervals against scipy.stats.bootstrap, and how often they hold the truth."""

import numpy as np
import pytest

from nnlab.core.bootstrap import expanded_tail, interval

FIVE = [0.013, 1.22, 0.565, 0.537, 3.532]
TWELVE = [-0.371, -0.017, -0.532, 0.004, 1.095, 0.011, 0.252, -2.09, 0.045, -0.112, 4.47, 0.836]


# norm.cdf(sqrt(n / (n - 1)) * t.ppf(0.025, n - 1)) by scipy.stats 1.17.1; for n = 10 it is the
# 0.0086 of Hesterberg's table.
@pytest.mark.parametrize(
    ("n", "tail"),
    [
        (2, 1.695219072605391e-72),
        (3, 6.834137311941214e-08),
        (5, 0.0009541005518824885),
        (10, 0.00855063902440636),
        (20, 0.015880829920347925),
        (100, 0.023064387207087624),
    ],
)
def test_the_tail_is_the_one_of_the_formula(n: int, tail: float) -> None:
    assert expanded_tail(n) == pytest.approx(tail, rel=1e-9)


# scipy.stats.bootstrap((x,), np.mean, method="percentile", confidence_level=1 - 2 * tail,
# n_resamples=2_000_000), scipy 1.17.1. A quantile of 10,000 draws has noise: at n = 5 only
# ten draws lie beyond it.
@pytest.mark.parametrize(
    ("values", "low", "high", "noise"),
    [(FIVE, 0.1178, 3.0696, 0.06), (TWELVE, -0.5325, 1.39875, 0.02)],
)
def test_the_interval_is_the_one_of_scipy(
    values: list[float], low: float, high: float, noise: float
) -> None:
    found = interval(values)
    width = high - low
    assert found.mean == pytest.approx(sum(values) / len(values), rel=1e-15)
    assert found.low == pytest.approx(low, abs=noise * width)
    assert found.high == pytest.approx(high, abs=noise * width)


def test_the_seed_decides() -> None:
    assert interval(FIVE) == interval(FIVE)
    assert interval(TWELVE, seed=1) != interval(TWELVE, seed=2)


def test_equal_values_have_no_width() -> None:
    found = interval([0.25] * 4)
    assert (found.mean, found.low, found.high, found.holds_zero) == (0.25, 0.25, 0.25, False)


@pytest.mark.parametrize("n", [6, 10])
def test_the_interval_holds_the_true_mean_as_often_as_it_says(n: int) -> None:
    """Of 400 samples of a normal distribution 95 % should; measured 0.93 and 0.96, plain 0.86."""
    rng = np.random.default_rng(0)
    held = sum(interval(rng.normal(0, 1, n), draws=2000).holds_zero for _ in range(400))
    assert 0.90 < held / 400 < 0.985


@pytest.mark.parametrize("values", [[], [1.0], [1.0, float("nan")], [[1.0, 2.0], [3.0, 4.0]]])
def test_what_has_no_interval(values: list[float]) -> None:
    with pytest.raises(ValueError, match=r"^an interval takes two or more finite values$"):
        interval(values)
