"""The gradient check passes what is right and finds what is wrong by 0.1 %."""

from itertools import product
from typing import Any

import numpy as np
import pytest

import nnlab
from nnlab.core.gradcheck import TOLERANCE, check_gradients
from nnlab.core.layers import LAYERS
from nnlab.core.layers.dense import Dense
from nnlab.core.losses import LOSSES
from nnlab.core.network import Network
from nnlab.core.types import Array

ROWS, CLASSES = 6, 3
# What stands between two dense layers; a layer that changes the shape brings what it needs.
IMAGE, FLAT = LAYERS["reshape"](shape=(2, 2, 1)), LAYERS["flatten"]()
OWN: dict[str, tuple[Any, ...]] = {
    "dense": (LAYERS["dense"](units=3, bias=False),),
    "reshape": (LAYERS["reshape"](shape=(2, 2)), FLAT),
    "conv2d": (IMAGE, LAYERS["conv2d"](filters=2, padding="same"), FLAT),
    "max_pool": (IMAGE, LAYERS["max_pool"](size=(1, 2)), FLAT),
    "avg_pool": (IMAGE, LAYERS["avg_pool"](), FLAT),
    "global_avg_pool": (LAYERS["reshape"](shape=(2, 1, 2)), LAYERS["global_avg_pool"]()),
}
BETWEEN = OWN | {
    name: (layer(),) for name, layer in LAYERS.items() if layer.differentiable and name not in OWN
}


def network_and_data(name: str, loss: str) -> tuple[Network, Array, Array]:
    rng = np.random.default_rng(4)
    last = LOSSES[loss].fuses or "linear"
    stack = [LAYERS["dense"](units=4), *BETWEEN[name], LAYERS["dense"](units=CLASSES)]
    network = Network([*stack, LAYERS[last]()], 5, seed=2)
    network.theta += 0.1 * rng.normal(size=network.theta.shape)  # biases too
    t = np.eye(CLASSES)[rng.integers(CLASSES, size=ROWS)] + (0 if LOSSES[loss].fuses else 0.25)
    return network, rng.normal(size=(ROWS, 5)), t


@pytest.mark.parametrize(("name", "loss"), list(product(BETWEEN, LOSSES)))
def test_every_layer_with_every_loss(name, loss):
    """The two ways to reduce take turns: each loss has both."""
    turn = list(BETWEEN).index(name) + list(LOSSES).index(loss)
    reduction = ("mean", "sum")[turn % 2]
    network, x, t = network_and_data(name, loss)
    before = network.theta.copy()
    found = check_gradients(network, LOSSES[loss](reduction=reduction), x, t)
    assert [(one.name, one.size) for one in found] == [
        *((place.key, place.stop - place.start) for place in network.layout.places),
        ("input", x.size),
    ]
    assert max(one.error for one in found) <= TOLERANCE == 1e-7
    assert max(one.error for one in found) > 0  # two ways of computing never agree exactly
    np.testing.assert_array_equal(network.theta, before)


def scale_all(array: Array) -> None:
    array *= 1.001


def scale_one_entry(array: Array) -> None:
    array.flat[np.abs(array).argmax()] *= 1.001


@pytest.mark.parametrize("damage", [scale_all, scale_one_entry])
@pytest.mark.parametrize("kind", ["weight", "bias"])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_gradient_wrong_by_a_thousandth_is_found(monkeypatch, damage, kind, loss):
    right = Dense.backward

    def wrong(self, p, g, x, y, dy, dx, s):
        right(self, p, g, x, y, dy, dx, s)
        if self.units == 4:
            damage(getattr(g, kind))

    monkeypatch.setattr(Dense, "backward", wrong)
    network, x, t = network_and_data("tanh", loss)
    errors = {one.name: one.error for one in check_gradients(network, LOSSES[loss](), x, t)}
    assert errors.pop(f"0.dense.{kind}") > 100 * TOLERANCE
    assert max(errors.values()) <= TOLERANCE  # and nothing else is blamed


@pytest.mark.parametrize(
    "name", sorted(set(BETWEEN) - {"dense", "flatten", "linear", "relu", "leaky_relu"})
)
def test_a_wrong_derivative_of_a_layer_is_found(monkeypatch, name):
    kind = LAYERS[name]
    right = kind.backward

    def wrong(self, p, g, x, y, dy, dx, s):
        right(self, p, g, x, y, dy, dx, s)
        dx[...] *= 1.001

    monkeypatch.setattr(kind, "backward", wrong)
    network, x, t = network_and_data(name, "mse")
    errors = {one.name: one.error for one in check_gradients(network, LOSSES["mse"](), x, t)}
    assert errors["0.dense.weight"] > 1e-4
    if name != "batch_norm":  # which takes every bias away again: the slope is 0 either way
        assert errors["0.dense.bias"] > 1e-4
    last = len(network.layers) - 2
    assert errors[f"{last}.dense.weight"] <= TOLERANCE


@pytest.mark.parametrize("loss", LOSSES)
def test_a_wrong_loss_gradient_is_found(monkeypatch, loss):
    kind = LOSSES[loss]
    right = kind.gradient

    def wrong(self, z, t, dz, s):
        right(self, z, t, dz, s)
        dz[0, 0] *= 1.001

    monkeypatch.setattr(kind, "gradient", wrong)
    network, x, t = network_and_data("tanh", loss)
    errors = [one.error for one in check_gradients(network, kind(), x, t)]
    assert max(errors) > 100 * TOLERANCE


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_a_gradient_that_is_no_number_or_missing_is_found(monkeypatch, value):
    right = Dense.backward

    def wrong(self, p, g, x, y, dy, dx, s):
        right(self, p, g, x, y, dy, dx, s)
        g.weight[...] = value

    monkeypatch.setattr(Dense, "backward", wrong)
    network, x, t = network_and_data("tanh", "mse")
    with np.errstate(invalid="ignore"):
        found = check_gradients(network, LOSSES["mse"](), x, t)
    for one in found:
        assert (one.error > 0.99) == one.name.endswith("weight")


def test_rounding_where_a_small_loss_has_large_gradients_is_no_error():
    """batch_norm takes the bias away: its slope is 0, and the differences are rounding."""
    config = {
        "data": {"name": "blobs", "centers": 2, "validation": 0.2},
        "network": [{"dense": 4}, "batch_norm", "tanh", {"dense": 2}],
        "loss": "hinge",
    }
    assert not nnlab.gradcheck(config).wrong


def test_black_pixels_are_no_kinks_of_relu():
    """Without a bias they stay 0 up to relu, where any bias would move them."""
    conv = {"name": "conv2d", "filters": 2, "padding": "same"}
    config = {
        "data": "digits",
        "network": [{"reshape": [8, 8, 1]}, conv, "relu", "flatten", {"dense": 10}, "softmax"],
        "loss": "cross_entropy",
    }
    assert not nnlab.gradcheck(config).wrong


def test_random_and_single_directions_are_counted():
    network, x, t = network_and_data("tanh", "mse")
    found = check_gradients(network, LOSSES["mse"](), x, t, directions=5)
    assert {one.name: one.directions for one in found} == {
        "0.dense.weight": 10,
        "2.dense.weight": 10,
        "0.dense.bias": 9,  # it has four entries
        "2.dense.bias": 8,
        "input": 10,
    }


def test_step_has_nothing_to_check():
    network = Network([LAYERS["dense"](units=2), LAYERS["step"]()], 2)
    with pytest.raises(ValueError, match=r"^step has no derivative to check$"):
        check_gradients(network, LOSSES["mse"](), np.ones((1, 2)), np.ones((1, 2)))
