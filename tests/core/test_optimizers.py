"""Every optimizer against PyTorch's trajectory, with decay, l1 and clipping on parameter groups."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnlab.core.optimizers import OPTIMIZERS, Optimizer
from nnlab.core.types import Array, Views

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "references" / "optimizers.json").read_text("utf-8")
)
START = np.array(REFERENCE["weights"] + REFERENCE["biases"])
WEIGHTS = len(REFERENCE["weights"])
DTYPES = [np.float32, np.float64]
# Those that need no loss, and so have a trajectory for gradients; test_lbfgs has the others.
FIRST_ORDER = [name for name, optimizer in OPTIMIZERS.items() if not optimizer.searches]
each_optimizer = pytest.mark.parametrize("name", OPTIMIZERS)
each_first_order = pytest.mark.parametrize("name", FIRST_ORDER)
each_dtype = pytest.mark.parametrize("dtype", DTYPES)


class Block:
    """A vector of parameters whose first `weights` decay, and what the optimizer needs with it."""

    def __init__(self, optimizer: Optimizer, start: Array, weights: int) -> None:
        self.optimizer, self.t = optimizer, 0
        theta, g, tmp = start.copy(), np.zeros_like(start), np.full_like(start, np.nan)
        self.o = Views(theta=theta, g=g, tmp=tmp, w=theta[:weights], gw=g[:weights], loss=0.0)
        self.o.tw, self.o.tiny = tmp[:weights], 1e-30
        vars(self.o).update(optimizer.new_slots(theta))

    def step(self, gradient: Array, lr: float) -> Array:
        self.t += 1
        self.o.g[:] = gradient
        if self.optimizer.shapes_gradient:
            self.optimizer.shape_gradient(self.o)
        self.optimizer.update(self.o, lr, self.t)
        return self.o.theta.copy()


def settings(case: dict[str, Any]) -> dict[str, Any]:
    """Ours for PyTorch's; what PyTorch does not decay, ours must be told not to decay."""
    found = {"weight_decay": 0.0, **case["settings"], **case["extra"]}
    found.pop("rate_decay", None)
    if betas := found.pop("betas", None):
        found["beta1"], found["beta2"] = betas
    return found


def test_every_optimizer_has_a_trajectory():
    assert {case["name"] for case in REFERENCE["cases"]} == set(FIRST_ORDER)


@pytest.mark.parametrize(
    "case",
    REFERENCE["cases"],
    ids=lambda case: f"{case['name']}-{case['settings']}-{case['extra']}",
)
def test_trajectory_equals_pytorch(case):
    optimizer = OPTIMIZERS[case["name"]](**settings(case))
    block = Block(optimizer, START, WEIGHTS)
    decay = case["extra"].get("rate_decay", 1.0)
    found = [
        block.step(np.array(gradient), optimizer.lr * decay**step)
        for step, gradient in enumerate(REFERENCE["gradients"])
    ]
    np.testing.assert_allclose(found, case["after"], rtol=1e-12, atol=1e-12)


@each_first_order
def test_float32_follows_float64(name):
    blocks = [Block(OPTIMIZERS[name](), START.astype(dtype), WEIGHTS) for dtype in DTYPES]
    for gradient in np.random.default_rng(0).normal(size=(20, len(START))):
        single, double = (block.step(gradient, 0.01) for block in blocks)
    assert single.dtype == np.float32
    for slot in blocks[0].optimizer.slots:
        assert getattr(blocks[0].o, slot).dtype == np.float32, slot
    # Twenty steps, each with a few roundings of 6e-8.
    np.testing.assert_allclose(single, double, rtol=1e-5, atol=1e-6)


@each_optimizer
@each_dtype
def test_no_warning_without_a_gradient(name, dtype):
    block = Block(OPTIMIZERS[name](weight_decay=0.0), START.astype(dtype), WEIGHTS)
    with np.errstate(all="raise", under="ignore"):
        after = [block.step(np.zeros(len(START)), 0.1) for _ in range(3)][-1]
    np.testing.assert_array_equal(after, START.astype(dtype))


@each_optimizer
@each_dtype
def test_no_warning_and_no_nan_when_the_gradient_never_changes(name, dtype):
    """Centered rmsprop then takes the root of a variance that only rounding keeps from 0."""
    flags = {"centered": True, "alpha": 0.5} if name == "rmsprop" else {}
    block = Block(OPTIMIZERS[name](**flags), START.astype(dtype), WEIGHTS)
    with np.errstate(all="raise", under="ignore"):
        for _ in range(300):
            after = block.step(np.array([0.1, 0.3, 0.7, 1.1, -2.3], dtype), 1e-9)
    assert np.isfinite(after).all()


@each_first_order
@pytest.mark.parametrize("extra", [{"weight_decay": 0.5}, {"l1": 0.5}])
def test_biases_are_left_alone(name, extra):
    plain, with_extra = (
        Block(OPTIMIZERS[name](**{"weight_decay": 0.0, **options}), START, WEIGHTS)
        for options in ({}, extra)
    )
    for gradient in np.array(REFERENCE["gradients"]):
        without, found = plain.step(gradient, 0.1), with_extra.step(gradient, 0.1)
    np.testing.assert_array_equal(found[WEIGHTS:], without[WEIGHTS:])
    assert (found[:WEIGHTS] != without[:WEIGHTS]).all()


@each_first_order
def test_a_network_without_weights_can_learn(name):
    block = Block(OPTIMIZERS[name](weight_decay=0.1, l1=0.1, clip_norm=1.0), START, 0)
    found = block.step(np.ones(len(START)), 0.1)
    assert (found < START).all()


@pytest.mark.parametrize(
    ("extra", "before", "after"),
    [
        ({"clip_value": 0.5}, [3.0, -0.4, -7.0], [0.5, -0.4, -0.5]),
        ({"clip_norm": 5.0}, [3.0, 0.0, 4.0], [3.0, 0.0, 4.0]),
        ({"clip_norm": 2.5}, [3.0, 0.0, 4.0], [1.5, 0.0, 2.0]),
        ({"l1": 0.25}, [1.0, 1.0, 1.0], [1.25, 0.75, 1.0]),
        ({"weight_decay": 0.5}, [1.0, 1.0, 1.0], [2.0, -1.0, 1.0]),
        # l1 first, then clipping, then the decay, which is not clipped
        ({"l1": 1.0, "clip_value": 0.5, "weight_decay": 0.5}, [0.0, 0.0, 3.0], [1.5, -2.5, 0.5]),
    ],
)
def test_what_happens_to_the_gradient(extra, before, after):
    """Two weights 2 and -4, and a bias."""
    block = Block(OPTIMIZERS["sgd"](**extra), np.array([2.0, -4.0, 8.0]), 2)
    block.o.g[:] = before
    block.optimizer.shape_gradient(block.o)
    # PyTorch puts 1e-6 into the denominator of clip_norm.
    np.testing.assert_allclose(block.o.g, after, rtol=1e-6)


@each_optimizer
def test_a_plain_optimizer_leaves_the_gradient_as_it_is(name):
    assert not OPTIMIZERS[name](weight_decay=0.0).shapes_gradient
    block = Block(OPTIMIZERS[name](weight_decay=0.0), START, WEIGHTS)
    gradient = np.array(REFERENCE["gradients"][0])
    block.step(gradient, 0.1)
    np.testing.assert_array_equal(block.o.g, gradient)


@pytest.mark.parametrize(
    ("name", "extra", "slots"),
    [
        ("sgd", {}, ()),
        ("sgd", {"momentum": 0.9}, ("velocity",)),
        ("adagrad", {}, ("squares",)),
        ("rmsprop", {}, ("square",)),
        ("rmsprop", {"centered": True}, ("square", "mean")),
        ("rmsprop", {"centered": True, "momentum": 0.9}, ("square", "mean", "velocity")),
        ("adam", {}, ("m", "v")),
        ("adamw", {}, ("m", "v")),
    ],
)
def test_an_optimizer_keeps_only_the_slots_it_uses(name, extra, slots):
    assert OPTIMIZERS[name](**extra).slots == slots


def test_default_rates():
    found = {name: optimizer().lr for name, optimizer in OPTIMIZERS.items()}
    assert found == {
        "sgd": 0.01,
        "adagrad": 0.01,
        "rmsprop": 0.01,
        "adam": 0.001,
        "adamw": 0.001,
        "lbfgs": 1,
    }


@pytest.mark.parametrize(
    "extra", [{"l1": 0.3}, {"weight_decay": 0.4}, {"l1": 0.3, "weight_decay": 2}]
)
def test_penalties_against_central_differences(extra):
    """What l1 and weight_decay add is the gradient of l1 sum|w| + weight_decay sum w^2 / 2."""
    rng = np.random.default_rng(0)
    start, d, h = rng.normal(size=8), rng.normal(size=8), 1e-5
    block = Block(OPTIMIZERS["sgd"](**extra), start, 6)
    block.optimizer.shape_gradient(block.o)

    def penalty(theta: Array) -> float:
        w = theta[:6]
        return extra.get("l1", 0) * np.abs(w).sum() + extra.get("weight_decay", 0) * w @ w / 2

    slope = (penalty(start + h * d) - penalty(start - h * d)) / (2 * h)
    assert block.o.g @ d == pytest.approx(slope, rel=1e-7)
