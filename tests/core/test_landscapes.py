"""Every landscape: its gradient, its minima, and where PyTorch's optimizers go on it."""

import json
import math
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnlab.race.config import parse_race
from nnlab.race.landscapes import LANDSCAPES, Landscape
from nnlab.race.run import walk

# Settings other than the defaults, for members that have any; a new setting needs one.
SETTINGS: dict[str, dict[str, Any]] = {"rosenbrock": {"b": 7.0}, "quadratic": {"condition": 3.0}}
EVERY = [kind() for kind in LANDSCAPES.values()]
EVERY += [LANDSCAPES[name](**settings) for name, settings in SETTINGS.items()]
every = pytest.mark.parametrize("function", EVERY, ids=repr)

# Values worked by hand, or published with the function.
VALUES = [
    ("wavy_bowl", {}, (0, 0), 1.0),
    ("wavy_bowl", {}, (3, 2), 9 + 4 + 12 + math.cos(9)),
    ("rosenbrock", {}, (-1.2, 1), 24.2),
    ("rosenbrock", {"b": 1.0}, (0, 2), 5.0),
    ("himmelblau", {}, (0, 0), 170.0),
    ("himmelblau", {}, (3, 2), 0.0),
    ("beale", {}, (0, 0), 1.5**2 + 2.25**2 + 2.625**2),
    ("beale", {}, (1, 1), 1.5**2 + 2.25**2 + 2.625**2),
    ("saddle", {}, (3, 2), 5.0),
    ("quadratic", {}, (2, 1), 12.0),
    ("quadratic", {"condition": 1.0}, (3, 4), 12.5),
]
# The lowest value of each; wavy_bowl's is the notebook's, the others are published.
LOWEST = {
    "wavy_bowl": -2.2807,
    "rosenbrock": 0.0,
    "himmelblau": 0.0,
    "beale": 0.0,
    "saddle": None,
    "quadratic": 0.0,
}
REFERENCE = json.loads(
    (Path(__file__).parents[1] / "references" / "descents.json").read_text("utf-8")
)


def test_every_setting_is_tried() -> None:
    found = {name: {f.name for f in fields(kind)} for name, kind in LANDSCAPES.items()}
    assert {name: set(tried) for name, tried in SETTINGS.items()} == {
        name: names for name, names in found.items() if names
    }


@pytest.mark.parametrize(("name", "settings", "point", "value"), VALUES)
def test_value(name: str, settings: dict[str, Any], point: Any, value: float) -> None:
    assert LANDSCAPES[name](**settings).value(*point) == pytest.approx(value, rel=1e-14)


def test_every_landscape_has_a_value_and_a_lowest_value() -> None:
    assert {name for name, *_ in VALUES} == LOWEST.keys() == LANDSCAPES.keys()


@every
def test_gradient_agrees_with_central_differences(function: Landscape) -> None:
    """All over its domain; 1e-7 of the gradient there, as for every gradient of the package."""
    (low_x, high_x), (low_y, high_y) = function.domain
    draw = np.random.default_rng(0)
    x, y = draw.uniform(low_x, high_x, 200), draw.uniform(low_y, high_y, 200)
    h = 1e-5
    wanted = [
        (function.value(x + h, y) - function.value(x - h, y)) / (2 * h),
        (function.value(x, y + h) - function.value(x, y - h)) / (2 * h),
    ]
    found = function.gradient(x, y)
    scale = np.hypot(*wanted).max()
    np.testing.assert_allclose(found, wanted, rtol=1e-7, atol=1e-7 * scale)


@every
def test_each_known_minimum_is_one(function: Landscape) -> None:
    for point in function.minima:
        # Bits of x and y times the curvature there.
        np.testing.assert_allclose(function.gradient(*point), 0, atol=2e-13)
        around = [
            (point[0] + 1e-3 * math.cos(a), point[1] + 1e-3 * math.sin(a))
            for a in np.linspace(0, 2 * math.pi, 33)
        ]
        assert min(function.value(*other) for other in around) > function.value(*point)


@pytest.mark.parametrize("name", LANDSCAPES)
def test_the_lowest_value(name: str) -> None:
    found = LANDSCAPES[name]().lowest
    assert found == (None if LOWEST[name] is None else pytest.approx(LOWEST[name], abs=5e-5))


@every
def test_no_lower_place_is_in_the_domain(function: Landscape) -> None:
    """The minima that are known hold the lowest one, and start and minima are in the picture."""
    (low_x, high_x), (low_y, high_y) = function.domain
    x, y = np.meshgrid(np.linspace(low_x, high_x, 301), np.linspace(low_y, high_y, 301))
    if function.lowest is not None:
        assert function.value(x, y).min() >= function.lowest - 1e-12
    for px, py in (*function.minima, function.start):
        assert low_x <= px <= high_x
        assert low_y <= py <= high_y
    assert np.hypot(*function.gradient(*function.start)) > 1e-2


@every
def test_arrays_and_numbers_give_the_same(function: Landscape) -> None:
    x, y = np.array([[0.5, -1.0], [2.0, 0.0]]), np.array([[0.25, 1.5], [-3.0, 0.0]])
    value, (dx, dy) = function.value(x, y), function.gradient(x, y)
    assert value.shape == dx.shape == dy.shape == (2, 2)
    for at in np.ndindex(2, 2):
        one = (float(x[at]), float(y[at]))
        assert (value[at], dx[at], dy[at]) == (function.value(*one), *function.gradient(*one))


@every
def test_a_number_too_large_is_no_error(function: Landscape) -> None:
    with np.errstate(all="ignore"):
        value = function.value(np.float64(1e300), np.float64(1e300))
    assert not np.isfinite(value)


@pytest.mark.parametrize(
    ("name", "point", "nearest"),
    [
        ("himmelblau", (2, 1), (3.0, 2.0)),
        ("himmelblau", (-3, -3), (-3.779310253377747, -3.283185991286169)),
        ("wavy_bowl", (3, 2), (0.6059463371623211, -0.30297316858116053)),
        ("saddle", (1, 1), None),
    ],
)
def test_the_nearest_minimum(name: str, point: Any, nearest: Any) -> None:
    assert LANDSCAPES[name]().nearest(*point) == nearest


@pytest.mark.parametrize(
    "case", REFERENCE, ids=lambda case: f"{case['name']}-{case['optimizer']['name']}"
)
def test_a_descent_equals_pytorch(case: dict[str, Any]) -> None:
    """Autograd's gradients, PyTorch's optimizers and schedulers; 20 steps let rounding grow."""
    run = {"optimizer": case["optimizer"], "schedule": case["schedule"], "steps": 20}
    race = parse_race(json.dumps({"function": case["name"], "start": case["start"], "runs": [run]}))
    found = walk(race.function, race.start_of(race.runs[0]), race.runs[0])
    points = [[stop.x, stop.y, stop.value] for stop in found.stops]
    np.testing.assert_allclose(points, case["path"], rtol=1e-9, atol=1e-9)


def test_every_landscape_has_a_descent() -> None:
    assert {case["name"] for case in REFERENCE} == set(LANDSCAPES)
