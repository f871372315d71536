"""Exact tests of differences: against SciPy, by hand, and how often equal groups differ."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from nnlab.core.types import FloatArray
from nnlab.study import noise
from nnlab.study.compare import ComparedRun
from nnlab.study.groups import compare_groups, group_runs
from tests.study.test_groups import run

RNG = np.random.default_rng(3)


@pytest.mark.parametrize(
    ("differences", "p"),
    [
        ([1.0], 1.0),
        ([1.0, 2.0, 3.0], 2 / 8),
        ([1.0, -1.0], 1.0),
        ([0.0] * 6, 1.0),
        ([3.0, 1.0, 1.0], 2 / 8),
        ([3.0, 1.0, -1.0], 6 / 8),  # 5, 3, 3, 1 and their mirror images
        ([0.1 + 0.2, 0.3, 0.3, 0.3, 0.3, 0.3], 2 / 64),
        ([0.1, 0.2, -0.3, 0.3], 12 / 16),  # of all sums, which rounding keeps apart
    ],
)
def test_pairs_by_hand(differences: list[float], p: float) -> None:
    assert noise.paired_p(differences) == p


@pytest.mark.parametrize("n", [2, 5, 6, 9, 12])
def test_pairs_against_scipy(n: int) -> None:
    for shift in (0.0, 0.5, 1.0):
        d = RNG.normal(shift, 1.0, n)
        expected = stats.permutation_test(
            (d,), np.mean, permutation_type="samples", n_resamples=1e5
        )
        assert noise.paired_p(d) == pytest.approx(expected.pvalue, abs=1e-12)


@pytest.mark.parametrize("n", [2, 4, 6])
def test_groups_without_pairs_against_scipy(n: int) -> None:
    for shift in (0.0, 1.0, 3.0):
        a, b = RNG.normal(size=n), RNG.normal(shift, 1.0, n)
        expected = stats.permutation_test(
            (a, b), lambda x, y: np.mean(x) - np.mean(y), n_resamples=1e5
        )
        assert noise.unpaired_p(a, b) == pytest.approx(expected.pvalue, abs=1e-12)


def test_the_interval_by_hand() -> None:
    """Of 64 subsets of 6 differences, one may be cut off at each end."""
    assert noise.paired_interval([1.0, 2.0, 3.0, 4.0, 5.0]) is None
    found = noise.paired_interval([1.0, 2.0, 3.0, 4.0, 5.0, 9.0])
    assert found == noise.Interval(4.0, 1.0, 9.0)


@pytest.mark.parametrize("n", [6, 7, 10])
def test_the_interval_leaves_out_what_the_test_refuses(n: int) -> None:
    verdicts = set()
    for _ in range(60):
        d = RNG.normal(0.7, 1.0, n)
        found = noise.paired_interval(d)
        assert found is not None
        assert found.low <= found.mean <= found.high
        refused = not found.low <= 0.0 <= found.high
        assert refused == (noise.paired_p(d) <= noise.LEVEL)
        verdicts.add(refused)
    assert verdicts == {True, False}


def test_many_runs_are_sampled_in_the_same_way_each_time() -> None:
    d = RNG.normal(0.5, 1.0, 40)
    assert noise.paired_p(d) == noise.paired_p(d)
    assert noise.paired_p(d) == pytest.approx(stats.ttest_1samp(d, 0.0).pvalue, abs=0.02)
    assert noise.paired_interval(d) == noise.paired_interval(d)
    low, high = stats.t.interval(0.95, 39, d.mean(), stats.sem(d))
    found = noise.paired_interval(d)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.05)
    a, b = RNG.normal(size=30), RNG.normal(0.7, 1.0, 25)
    assert noise.unpaired_p(a, b) == pytest.approx(stats.ttest_ind(a, b).pvalue, abs=0.02)


EQUAL: dict[str, Callable[[int], FloatArray]] = {
    "normal": lambda n: RNG.normal(size=n),
    "accuracy of 200 rows": lambda n: RNG.binomial(200, 0.95, n) / 200,
    "skewed": lambda n: RNG.lognormal(0.0, 1.5, n),
}
TRIES = 400
MOST = 0.05 + 3 * (0.05 * 0.95 / TRIES) ** 0.5  # three standard errors


@pytest.mark.parametrize("values", EQUAL)
@pytest.mark.parametrize("n", [5, 6, 8, 10])
def test_equal_groups_differ_in_5_percent_of_cases_at_most(values: str, n: int) -> None:
    draw = EQUAL[values]
    pairs = [noise.paired_p(draw(n) - draw(n)) for _ in range(TRIES)]
    assert np.mean(np.array(pairs) <= noise.LEVEL) <= (MOST if n > 5 else 0)
    if n <= 8:
        apart = [noise.unpaired_p(draw(n), draw(n - 1)) for _ in range(100)]
        assert np.mean(np.array(apart) <= noise.LEVEL) <= 0.05 + 3 * 0.022


def test_several_figures_of_equal_groups_differ_in_5_percent_of_cases_at_most() -> None:
    """Six figures each: without the correction one of them differs in every fourth case."""
    wrong = alone = 0
    for _ in range(TRIES):
        p = [noise.paired_p(RNG.normal(size=9)) for _ in range(6)]
        wrong += min(noise.correct_holm(p)) <= noise.LEVEL
        alone += min(p) <= noise.LEVEL
    assert wrong / TRIES <= MOST
    assert alone / TRIES > 0.15


@pytest.mark.parametrize(
    ("values", "corrected"),
    [
        ([], []),
        ([0.04], [0.04]),
        ([0.01, 0.04, 0.03], [0.03, 0.06, 0.06]),
        ([0.5, 0.9, 0.02], [1.0, 1.0, 0.06]),
    ],
)
def test_holm_by_hand(values: list[float], corrected: list[float]) -> None:
    assert noise.correct_holm(values) == pytest.approx(corrected)


def test_how_many_are_needed() -> None:
    assert [noise.pairs_needed(m) for m in (1, 2, 3, 4)] == [6, 7, 7, 8]
    assert [noise.runs_needed(m) for m in (1, 2, 3, 4)] == [4, 5, 5, 5]
    for count, figures in ((6, 1), (7, 2), (7, 3), (8, 4)):
        assert noise.paired_p([1.0] * count) == noise.least_paired_p(count)
        assert noise.least_paired_p(count) * figures <= noise.LEVEL
        assert noise.least_paired_p(count - 1) * figures > noise.LEVEL


@pytest.mark.parametrize("values", [[], [float("nan")], [1.0, float("inf")]])
def test_what_is_no_number_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="finite values are needed, at least one"):
        noise.paired_p(values)


def both(seeds: int, figures: int) -> list[ComparedRun]:
    """Two groups that differ alike in all of several figures."""
    names = [f"test.figure{number}" for number in range(figures)]
    return [
        run(seed, lr=lr, metrics={name: float(seed) + lr for name in names})
        for lr in (0.1, 0.2)
        for seed in range(seeds)
    ]


@pytest.mark.parametrize(
    ("seeds", "figures", "verdict"),
    [
        (5, 1, "too few seeds"),
        (6, 1, "larger"),
        (6, 2, "too few seeds"),
        (7, 2, "larger"),
        (7, 3, "larger"),
        (7, 4, "too few seeds"),
        (8, 4, "larger"),
    ],
)
def test_figures_judged_at_once_need_more_seeds(seeds: int, figures: int, verdict: str) -> None:
    found = compare_groups(group_runs(both(seeds, figures)))
    assert [one.verdict for one in found] == [verdict] * figures


def test_the_corrected_t_test_of_folds() -> None:
    """With the plain error s / sqrt(J) it is SciPy's t-test, so that error times sqrt(1 + J r)."""
    d = RNG.normal(0.5, 1.0, 10)
    correction = np.sqrt(1 + 10 / 4)
    plain = stats.ttest_1samp(d, 0.0)
    wide = stats.t.interval(0.95, 9, d.mean(), d.std(ddof=1) / np.sqrt(10) * correction)
    interval = noise.fold_interval(d, 5)
    assert interval is not None
    assert (interval.low, interval.high) == pytest.approx(wide, rel=1e-9)
    p = 2 * stats.t.sf(abs(plain.statistic) / correction, 9)
    assert noise.fold_p(d, 5) == pytest.approx(p, rel=1e-9)
    assert noise.fold_interval([1.0], 5) is None
    assert [noise.fold_p(d, 5) for d in ([1.0], [1.0, 1.0], [0.0, 0.0])] == [1.0, 0.5, 1.0]
    assert noise.fold_p([0.1 + 0.2, 0.3, 0.3], 3) == 0.25  # equal but for rounding
