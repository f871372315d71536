"""L-BFGS against PyTorch's and SciPy's, and what its line search promises."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnlab.core.losses import LOSSES
from nnlab.core.optimizers import Lbfgs, bind, line_search
from nnlab.core.optimizers.line_search import LineSearch, Point
from nnlab.core.types import Array
from nnlab.race.landscapes import LANDSCAPES

SEARCHES = json.loads((Path(__file__).parents[1] / "references" / "searches.json").read_text())
Function = Callable[[Array], tuple[float, Array]]


class Search:
    """The evaluations of L-BFGS on a function; the first `weights` numbers of theta decay."""

    def __init__(self, function: Function, start: Any, weights: int = 0, **settings: Any) -> None:
        self.function, self.optimizer = function, Lbfgs(**settings)
        theta = np.array(start)
        slots = self.optimizer.new_slots(theta)
        self.o = bind(self.optimizer, theta, weights, slots, np.zeros_like(theta))
        self.points: list[list[float]] = []

    def run(self, evaluations: int) -> "Search":
        for _ in range(evaluations):
            value, gradient = self.function(self.o.theta)
            self.points.append([*self.o.theta.tolist(), value])
            self.o.loss, self.o.g[...] = value, gradient
            self.optimizer.shape_gradient(self.o)
            self.optimizer.update(self.o, self.optimizer.lr, len(self.points))
        return self

    @property
    def values(self) -> list[float]:
        return [point[-1] for point in self.points]


def landscape(name: str) -> Function:
    chosen = LANDSCAPES[name]()
    return lambda theta: (float(chosen.value(*theta)), np.array(chosen.gradient(*theta)))


def quadratic(curvatures: Array) -> Function:
    return lambda x: (float(curvatures @ x**2 / 2), curvatures * x)


@pytest.mark.parametrize("case", SEARCHES, ids=lambda case: f"{case['name']}-{case['settings']}")
def test_every_trial_equals_pytorch(case):
    settings = dict(case["settings"])
    settings["history"] = settings.pop("history_size", 10)
    search = Search(landscape(case["name"]), case["start"], **settings)
    # Rounding grows from trial to trial, the more the nearer the minimum.
    np.testing.assert_allclose(
        search.run(len(case["trials"])).points, case["trials"], rtol=1e-6, atol=1e-6
    )


def test_a_quadratic_takes_one_exact_search_per_curvature(monkeypatch):
    """L-BFGS is then the method of conjugate gradients, if no pair is lost."""
    monkeypatch.setattr(line_search, "CURVATURE", 1e-9)
    curvatures = np.array([1.0, 3.0, 10.0, 40.0, 100.0, 400.0])
    search, bases = Search(quadratic(curvatures), np.ones(6), history=6), set[bytes]()
    while len(bases) <= 6:
        search.run(1)
        bases.add(search.o.base.tobytes())
    assert search.points[-1][-1] < 1e-20


def test_the_history_is_of_use():
    """The oldest pairs are replaced: more of them, fewer evaluations."""
    ends = [
        min(Search(quadratic(np.geomspace(1, 1000, 12)), np.ones(12), history=m).run(100).values)
        for m in (1, 4, 12)
    ]
    assert ends[0] > 100 * ends[1] > 1e4 * ends[2]


@pytest.mark.parametrize("name", ["rosenbrock", "himmelblau", "beale", "wavy_bowl"])
def test_an_accepted_step_meets_the_strong_wolfe_conditions(name):
    """Seen from outside: the base moves only to such points."""
    search, function = Search(landscape(name), [-1.2, 1.0]), landscape(name)
    for _ in range(60):
        base, direction = search.o.base.copy(), search.o.direction.copy()
        search.run(1)
        if not direction.any() or np.array_equal(search.o.base, base):
            continue
        move = search.o.base - base
        (before, slope), (after, new_slope) = function(base), function(search.o.base)
        assert after <= before + 1e-4 * (slope @ move) + 1e-12
        assert abs(new_slope @ move) <= 0.9 * abs(slope @ move) + 1e-12


def test_the_penalty_is_part_of_what_is_minimised():
    """(w - 3)^2 + (b - 3)^2 + decay w^2, all halved, is least at w = 3 / (1 + decay), b = 3."""
    search = Search(
        lambda x: (float(((x - 3) ** 2).sum() / 2), x - 3), [0.0, 0.0], 1, weight_decay=0.5
    ).run(30)
    np.testing.assert_allclose(search.o.theta, [2, 3], rtol=1e-12)


def test_another_weight_decay_begins_anew():
    """As in the playground: the losses before are those of another function."""
    search = Search(lambda x: (float(((x - 3) ** 2).sum() / 2), x - 3), [0.0, 0.0], 2).run(20)
    search.optimizer = Lbfgs(weight_decay=2.0)
    search.o.loss = 0.0
    assert search.optimizer.is_lowest(search.o)
    np.testing.assert_allclose(search.run(30).o.theta, [1, 1], rtol=1e-12)


def test_it_rests_at_a_minimum():
    search = Search(landscape("himmelblau"), [-0.5, -1.0]).run(150)
    before = {name: getattr(search.o, name).copy() for name in ("theta", *search.optimizer.slots)}
    search.run(60)
    for name, array in before.items():
        np.testing.assert_array_equal(getattr(search.o, name), array, err_msg=name)


def test_a_history_that_leads_nowhere_is_forgotten():
    """Where no trial is better than the base, the next direction is that of the gradient."""
    search = Search(landscape("rosenbrock"), [-1.2, 1.0]).run(12)
    while search.o.search[10]:  # the trials of the running search
        search.run(1)
    assert search.o.counts[3] > 2  # pairs
    base, function = search.o.base.copy(), search.function
    search.function = lambda x: (1e9, function(x)[1])
    search.run(25)
    np.testing.assert_array_equal(search.o.direction, -function(base)[1])
    search.function = function
    assert min(search.run(100).values) < 1e-20


def test_a_pair_without_curvature_is_not_remembered():
    """Along -x^2 the gradient grows: after 25 trials the lowest is accepted, and s y is below 0."""
    search = Search(lambda x: (float(-(x @ x)), -2 * x), [1.0]).run(27)
    assert search.o.base[0] > 1e6
    assert search.o.counts[3] == 0


def test_float32_comes_near():
    start = np.array([-1.2, 1.0], np.float32)
    search = Search(landscape("rosenbrock"), start).run(60)
    assert search.o.theta.dtype == search.o.steps.dtype == np.float32
    np.testing.assert_allclose(search.o.theta, [1, 1], atol=1e-3)


def test_settling_moves_no_search():
    """Tiny numbers of the slots become 0; counts and steps do not change."""
    search = Search(landscape("rosenbrock"), [-1.2, 1.0]).run(15)
    before = {name: getattr(search.o, name).copy() for name in search.optimizer.slots}
    search.optimizer.settle(search.o)
    for name, slot in before.items():
        np.testing.assert_array_equal(getattr(search.o, name), slot)


@pytest.mark.parametrize("name", ["l1", "clip_norm", "clip_value"])
def test_what_bends_the_gradient_is_refused(name):
    with pytest.raises(
        ValueError, match=f"lbfgs needs the gradient of a smooth loss, without {name}"
    ):
        Lbfgs(**{name: 0.5})


# --- the search along a line -----------------------------------------------------------------


def begin(value: float, slope: float, step: float) -> LineSearch:
    start = Point(0.0, value, slope)
    return LineSearch(start, start, start, step)


def searched(value: Callable[[float], float], slope: Callable[[float], float], step: float) -> Any:
    """The search at its end, and the steps that were tried."""
    search, tried = begin(value(0.0), slope(0.0), step), [step]
    while not search.advance(value(search.step), slope(search.step)):
        tried.append(search.step)
        assert len(tried) < 40
    return search, tried


@pytest.mark.parametrize("first", [1e-8, 1e-3, 0.9, 1.0, 2.1, 50.0, 1e6])
@pytest.mark.parametrize("name", ["parabola", "wave", "valley"])
def test_a_search_ends_from_any_first_step(name, first):
    value, slope = {
        "parabola": (lambda a: (a - 1) ** 2, lambda a: 2 * (a - 1)),
        "wave": (lambda a: np.sin(5 * a) - 6 * a + a**2, lambda a: 5 * np.cos(5 * a) - 6 + 2 * a),
        # Function 1 of More and Thuente, 1994.
        "valley": (lambda a: -a / (a**2 + 2), lambda a: (a**2 - 2) / (a**2 + 2) ** 2),
    }[name]
    search, tried = searched(value, slope, first)
    assert value(search.step) <= value(0) + 1e-4 * search.step * slope(0)
    assert abs(slope(search.step)) <= 0.9 * abs(slope(0))
    assert len(tried) <= 12


def test_a_search_without_an_end_takes_its_best():
    """A slope that is wrong: no step meets the conditions, and the lowest comes once more."""
    search, tried = searched(lambda a: -0.5 * min(a, 1.0), lambda a: -1.0 if a < 1 else 1.0, 3.0)
    assert len(tried) == 26
    assert search.step == tried[-1] == search.low.step


def test_a_search_without_any_better_step_says_so():
    search = begin(0.0, -1.0, 1.0)
    for _ in range(25):
        assert not search.advance(1.0, -1.0)
    assert search.step == 0


@pytest.mark.parametrize(
    "numbers", [(0.0, 0.0), (np.nan, np.nan), (np.inf, -np.inf), (1e308, -1e308)]
)
def test_a_search_survives_any_answer(numbers):
    search = begin(1.0, -1.0, 1.0)
    for _ in range(26):
        if search.advance(*numbers):
            break
        assert np.isfinite(search.step)


def test_a_vector_holds_a_search():
    search = begin(3.0, -1.0, 1.0)
    search.advance(4.0, 2.0)
    assert LineSearch.of(np.array(search.vector)) == search


# --- the value of a loss --------------------------------------------------------------------------


@pytest.mark.parametrize("reduction", ["mean", "batch_mean", "sum"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", LOSSES)
def test_the_gradient_is_that_of_the_value(name, weighted, reduction):
    own = {"quantiles": (0.2, 0.7)} if name == "quantile" else {}
    loss, rng = LOSSES[name](reduction=reduction, **own), np.random.default_rng(0)
    z, t = rng.normal(size=(5, 2)), rng.uniform(size=(5, 2)).round(2 if name != "hinge" else 0)
    if name == "cross_entropy":
        t /= t.sum(axis=1, keepdims=True)
    s, dz = loss.bind(5, 2, np.float64), np.zeros((5, 2))
    if weighted:
        loss.weigh(s, rng.uniform(0.5, 2, (5, 1)))
    loss.gradient(z, t, dz, s)
    d, h = rng.normal(size=z.shape), 1e-6
    slope = (loss.value(z + h * d, t, s) - loss.value(z - h * d, t, s)) / (2 * h)
    assert (dz * d).sum() == pytest.approx(slope, rel=1e-6)
