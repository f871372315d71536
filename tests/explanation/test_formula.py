"""Every formula is computed and compared with the code that it describes, and can be written."""

from dataclasses import fields
from itertools import product
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from nnlab.core.layers import LAYERS
from nnlab.core.layers.activations import ACTIVATIONS
from nnlab.core.losses import LOSSES
from nnlab.core.optimizers import OPTIMIZERS, bind
from nnlab.explanation.blocks import number_settings, with_numbers
from nnlab.explanation.formula import TextNotation, Written, compute, formula_numbers, write
from nnlab.explanation.mathml import mathml
from tests.core.bound import Bound

TEXT = TextNotation()
X = np.array([-1.5, -0.25, 0.5, 2.0])
SHARED: list[dict[str, Any]] = [
    {},
    {"weight_decay": 0.1, "l1": 0.05, "clip_norm": 0.5},
    {"clip_value": 0.2, "clip_norm": 100.0},
]
OWN: dict[str, list[dict[str, Any]]] = {
    "sgd": [{}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}],
    "rmsprop": [{}, {"centered": True}, {"momentum": 0.5}, {"momentum": 0.5, "centered": True}],
}
RULES = [
    pytest.param(name, {**own, **shared}, id=f"{name}-{own}-{shared}")
    for name in OPTIMIZERS
    if name != "lbfgs"  # a search is no formula
    for own, shared in product(OWN.get(name, [{}]), SHARED)
]


@pytest.mark.parametrize(("name", "settings"), RULES)
def test_a_rule_is_what_the_optimizer_does(name, settings):
    optimizer, rng, weights = OPTIMIZERS[name](**settings), np.random.default_rng(0), 3
    theta, g = rng.normal(size=5), rng.normal(size=5)
    slots = {slot: rng.uniform(0.5, 1, 5) for slot in optimizer.slots}
    assert optimizer.rule[-1].name == "w"
    numbers = {field.name: getattr(optimizer, field.name) for field in fields(optimizer)}
    numbers |= {"w": theta.copy(), "g": g.copy(), "lr": 0.1, "t": 7, **optimizer.state(slots)}
    for line in (*optimizer.shaping, *optimizer.rule):
        result = np.array(compute(line.formula, numbers))
        if line.weights:
            result[weights:] = numbers[line.name][weights:]
        numbers[line.name] = result
        assert write(line.formula, TEXT, numbers, 1)
    o = bind(optimizer, theta, weights, slots, g)
    optimizer.shape_gradient(o)
    optimizer.update(o, 0.1, 7)
    np.testing.assert_allclose(numbers["w"], theta, rtol=1e-12)
    for slot, values in optimizer.state(slots).items():
        np.testing.assert_allclose(numbers[slot], values, rtol=1e-12)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_is_its_formula(name):
    layer, dy = LAYERS[name](), np.array([0.5, -1.0, 2.0, 0.25])
    bound = Bound(layer, (len(X),), np.dtype(np.float64), batch=1)
    bound.x, bound.dy = X[None], dy[None]
    bound.forward(train=True)
    numbers = {**number_settings(layer), "x": X, "y": bound.y[0], "dy": dy}
    np.testing.assert_allclose(compute(layer.formula, numbers), bound.y[0], rtol=1e-12)
    if layer.differentiable:
        bound.gradients()
        np.testing.assert_allclose(compute(layer.dx_formula, numbers), bound.dx[0], rtol=1e-12)


LOSS_SETTINGS: dict[str, list[dict[str, Any]]] = {
    "huber": [{}, {"delta": 0.1}],
    "quantile": [{"quantiles": (0.2, 0.5, 0.75)}],
    "cross_entropy": [{}, {"class_weight": (1.0, 2.0, 0.5)}, {"label_smoothing": 0.1}],
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_its_formula(name):
    z, t = np.array([[-1.0, 0.5, 2.0]]), np.array([[0.0, 1.0, 0.0]])
    ends = {"softmax": "exp(z) / sum(exp(z))", "sigmoid": "sigmoid(z)", "exp": "exp(z)", None: "z"}
    for settings in LOSS_SETTINGS.get(name, [{}]):
        loss = LOSSES[name](reduction="sum", **settings)
        coded = loss.encode(t[:, : t.shape[1] // loss.width(1)])
        numbers = {**number_settings(loss), "y": compute(ends[loss.fuses], {"z": z[0]})}
        numbers["t"] = coded[0]
        np.testing.assert_allclose(compute(loss.term_formula, numbers), loss.terms(z, coded)[0])
        dz = np.empty_like(z)
        loss.gradient(z, coded, dz, loss.bind(1, 3, np.float64))
        np.testing.assert_allclose(compute(loss.dz_formula, numbers), dz[0], atol=1e-15)


def test_a_member_without_numbers_for_its_formula_shows_the_formula_alone():
    loss = LOSSES["bce"](class_weight=(1.0, 2.0))
    assert with_numbers(loss.term_formula, {"y": np.ones(1), "t": np.ones(1)}) == ""
    assert with_numbers("", {}) == ""
    assert write("w_1 * t", TEXT, {"t": 1.0}) == "w_1 * t"


SHOWN = {  # formula, numbers: the text
    ("a - (b - c)", "a=1 b=-2 c=3"): "1 - (-2 - 3)",
    ("a - b", "a=-1 b=-2"): "-1 - (-2)",
    ("a * b**2", "a=-1 b=-2"): "(-1) * (-2)^2",
    ("a / (b * c)", "a=1 b=2 c=3"): "1 / (2 * 3)",
    ("-a * b", "a=-1 b=2"): "-(-1) * 2",
    ("m_hat / (sqrt(v_hat) + eps)", ""): "m^ / (sqrt(v^) + eps)",
    ("x if x > 0 else alpha * x", "x=-1 alpha=0.5"): "-1 if -1 > 0 else 0.5 * (-1)",
    ("1e-6 * a", "a=0"): "1e-06 * 0",
}


@pytest.mark.parametrize(("formula", "given"), SHOWN)
def test_brackets_stand_where_they_are_needed(formula, given):
    pairs = (pair.split("=") for pair in given.split())
    numbers = {name: float(value) for name, value in pairs} or None
    assert write(formula, TEXT, numbers) == SHOWN[formula, given]


def test_a_long_sum_shows_its_largest_terms():
    numbers = {"x": np.arange(20.0), "w": np.ones(20), "b": np.array([1.0, -2.0])}
    assert write("sum(x * w) + b", TEXT, numbers, 1) == (
        "16 * 1 + 17 * 1 + 18 * 1 + 19 * 1 + ... (16 more) + (-2)"
    )
    assert compute("sum(x * w) + b", numbers, 1) == 188
    assert write("sum(x * w)", TEXT) == "sum(x * w)"


FORMULAS = {
    *(layer.formula for layer in (LAYERS[name]() for name in ACTIVATIONS)),
    *(layer.dx_formula for layer in (LAYERS[name]() for name in ACTIVATIONS)),
    *(f for loss in LOSSES.values() for f in (loss().term_formula, loss().dz_formula)),
    *(line.formula for optimizer in OPTIMIZERS.values() for line in optimizer().rule),
    LAYERS["batch_norm"]().formula, "norm(g) * beta1",
    "x if x < 0 else y",
} - {""}  # fmt: skip


@pytest.mark.parametrize("formula", sorted(FORMULAS))
def test_mathml_is_well_formed(formula):
    names = {"x", "y", "t", "dy", "w", "g", "lr", "m", "v", "m_hat", "v_hat", "beta1", "beta2"}
    names |= {"alpha", "slope", "delta", "eps", "squares", "square", "gamma", "mean", "var", "beta"}
    for numbers in (None, dict.fromkeys(names, np.array([-1e-9, 2.5]))):
        text = mathml(Written(formula, "dweight", numbers, 1))
        root = ElementTree.fromstring(f"<p>{text}</p>")
        assert {element.tag for element in root} == {"math"}
        assert {element.tag for element in root.iter()} <= {
            *("p", "math", "mrow", "mi", "mn", "mo", "mfrac", "msup", "msub", "msqrt", "mover"),
            *("mtable", "mtr", "mtd", "mtext"),
        }


def test_the_numbers_of_a_formula_stand_in_the_order_of_their_names():
    names = [f"n{number:02}" for number in range(20)]  # a set of so many has its own order
    formula = f"{' + '.join(names[::-1])} + norm(a) + sum({' + '.join(names[:10])})"
    numbers = formula_numbers(formula, {name: np.ones(3) for name in (*names, "a")}, 0)
    assert list(numbers) == [*names, "norm(a)"]


def test_a_formula_with_numbers_may_be_broken_between_its_terms():
    numbers = {"x": np.array([1.0, 2.0]), "weight": np.array([3.0, -4.0]), "bias": 5.0}
    terms = mathml(Written("sum(x * weight) + bias", "", numbers)).split(" <math>")
    assert len(terms) == 3
    assert ['<mo form="infix">+</mo>' in term for term in terms] == [False, True, True]
    whole = mathml(Written("sigmoid(x + x) * (x + x) / (x + x)", "", {"x": 1.0}))
    assert whole.count("<math>") == 1  # within brackets and fractions nothing is broken


@pytest.mark.parametrize(
    "formula", ["__import__('os')", "x.y", "x[0]", "lambda: x", "1 +", "x or y"]
)
def test_nothing_but_a_formula_is_computed(formula):
    with pytest.raises(ValueError, match=r"formula"):
        compute(formula, {"x": 1.0, "y": 1.0})
