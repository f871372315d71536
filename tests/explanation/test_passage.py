"""A row through the network and back: by hand, against PyTorch, and against the real update."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnlab.core.layers import LAYERS, Layer
from nnlab.core.losses import LOSSES, Loss
from nnlab.core.network import Network, trained_depth
from nnlab.core.optimizers import OPTIMIZERS, Optimizer
from nnlab.core.types import Array
from nnlab.engine.numpy_engine import NumpyEngine
from nnlab.explanation.passage import Passage, RowMoment

REFERENCE = json.loads((Path(__file__).parents[1] / "references" / "passages.json").read_text())
ENDS = {"cross_entropy": "softmax", "bce": "sigmoid"}
SETTINGS: dict[str, dict[str, Any]] = {
    "mse_sum": {"reduction": "sum"},
    "huber": {"reduction": "batch_mean"},
    "leaky_relu": {"slope": 0.1},
}


def moment(x: Array, t: Array, at: int, network: Network, optimizer: Optimizer) -> RowMoment:
    """Before the first update."""
    slots = optimizer.new_slots(network.theta)
    return RowMoment(0, x, t, at, network.values, slots, optimizer.lr, 1, {}, False)


def difference_of_unit(passage: Passage, index: int, unit: int) -> float:
    slopes = passage.layers[index].dy if index >= 0 else passage.layers[0].dx
    direction = np.zeros_like(slopes)
    direction[unit] = 1.0
    return passage.output_difference(index, direction, float(slopes[unit]))


# By hand, for the row x = (1, 2) with target 1:
#
#   W1 = [[0.5, -0.5], [0.25, 1.0]]  b1 = (0, 0.5)    W2 = [[2], [-1]]  b2 = 0.5
#   z = (1 0.5 + 2 0.25 + 0, 1 (-0.5) + 2 1 + 0.5) = (1, 2)       relu: h = (1, 2)
#   y = 1 2 + 2 (-1) + 0.5 = 0.5                                  L = (0.5 - 1)^2 = 0.25
#   dy = 2 (0.5 - 1) = -1           dW2 = h dy = (-1, -2)         db2 = -1
#   dh = W2 dy = (-2, 1) = dz, as both z are above 0
#   dW1 = x dz = [[-2, 1], [-4, 2]] db1 = (-2, 1)
#   dx = W1 dz = (0.5 (-2) - 0.5 1, 0.25 (-2) + 1 1) = (-1.5, 0.5)
#
# Momentum 0.5 with velocities of 1 everywhere, lr 0.1: v = 0.5 + g, w = w - 0.1 v.
#   W1 = [[0.5 - 0.1 (-1.5), -0.5 - 0.1 1.5], [0.25 - 0.1 (-3.5), 1 - 0.1 2.5]]
#   W2 = (2 - 0.1 (-0.5), -1 - 0.1 (-1.5))    b1 = (0.15, 0.35)   b2 = 0.55
W1, W2 = ((0.5, -0.5), (0.25, 1.0)), ((2.0,), (-1.0,))


def by_hand() -> Passage:
    dense = LAYERS["dense"]
    layers = (
        dense(2, bias=(0.0, 0.5), weight=W1), LAYERS["relu"](), dense(1, bias=(0.5,), weight=W2)
    )  # fmt: skip
    network = Network(layers, 2)
    optimizer = OPTIMIZERS["sgd"](lr=0.1, momentum=0.5)
    start = moment(np.array([[1.0, 2.0]]), np.array([[1.0]]), 0, network, optimizer)
    start = replace(start, slots={"velocity": np.ones_like(network.theta)})
    return Passage(layers, (2,), LOSSES["mse"](), optimizer, start)


def test_two_two_one_by_hand():
    passage = by_hand()
    first, relu, last = passage.layers
    assert [list(layer.y) for layer in passage.layers] == [[1, 2], [1, 2], [0.5]]
    assert passage.value == 0.25
    assert [list(layer.dy) for layer in (last, relu, first)] == [[-1], [-2, 1], [-2, 1]]
    assert list(first.dx) == [-1.5, 0.5]
    assert last.gradients["weight"].tolist() == [[-1], [-2]]
    assert first.gradients["weight"].tolist() == [[-2, 1], [-4, 2]]
    assert (list(first.gradients["bias"]), list(last.gradients["bias"])) == ([-2, 1], [-1])
    after = passage.network.layout.named(passage.new_theta)
    np.testing.assert_allclose(after["0.dense.weight"], [[0.65, -0.65], [0.6, 0.75]], rtol=1e-15)
    np.testing.assert_allclose(after["2.dense.weight"], [[2.05], [-0.85]], rtol=1e-15)
    np.testing.assert_allclose(after["0.dense.bias"], [0.15, 0.35], rtol=1e-15)
    assert after["2.dense.bias"] == pytest.approx(0.55, rel=1e-15)


# --- PyTorch ----------------------------------------------------------------------------------


def members(case: dict[str, Any]) -> tuple[tuple[Layer, ...], Loss, Optimizer]:
    """The layers, the loss and the optimizer of a reference."""
    kinds = [case["activation"], *filter(None, [case["norm"]]), "dense", "tanh", "dense"]
    widths = iter(len(y) for y, kind in zip(case["y"][1:], kinds, strict=True) if kind == "dense")
    layers = [LAYERS["dense"](len(case["y"][0]))]
    for kind in kinds:
        made = LAYERS[kind](next(widths)) if kind == "dense" else None
        layers.append(made or LAYERS[kind](**SETTINGS.get(kind, {})))
    name = case["loss"].removesuffix("_sum")
    layers += [LAYERS[ENDS[name]]()] if name in ENDS else []
    settings = {"weight_decay": case["weight_decay"], **case["settings"]}
    loss = LOSSES[name](**SETTINGS.get(case["loss"], {}))
    return tuple(layers), loss, OPTIMIZERS[case["optimizer"]](**settings)


def third_moment(case: dict[str, Any]) -> tuple[Network, RowMoment, RowMoment]:
    """The network, the moment before the first update, and the one before the third."""
    layers, loss, optimizer = members(case)
    network = Network(layers, 3)
    x, t = np.array(case["x"]), np.array(case["t"])
    for index, arrays in enumerate(case["start"]):
        for name, values in arrays.items():
            key = next(k for k in network.arrays if k.startswith(f"{index}.") and k.endswith(name))
            network.arrays[key][...] = values
    first = moment(x, t, REFERENCE["at"], network, optimizer)
    first = replace(first, values=network.values.copy())
    slots = optimizer.new_slots(network.theta)
    engine = NumpyEngine(network, loss, optimizer, slots, None, 0.0, {}, {len(x): 1})
    for step in range(REFERENCE["steps"] - 1):
        assert engine.run(len(x), [x], [t], [optimizer.lr], step) == 1
    third = replace(first, values=network.values, slots=slots, step=REFERENCE["steps"])
    return network, first, third


def assert_same(found: object, wanted: object) -> None:
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9)  # type: ignore[arg-type]


@pytest.mark.parametrize("case", REFERENCE["cases"], ids=lambda case: case["name"])
def test_a_passage_equals_pytorch(case):
    layers, loss, optimizer = members(case)
    network, first, third = third_moment(case)
    passage = Passage(layers, (3,), loss, optimizer, first)
    assert_same(passage.value, case["value"])
    assert_same(passage.layers[0].dx, case["dx"])
    for layer, y, dy, gradients in zip(
        passage.layers, case["y"], case["dy"], case["gradients"], strict=True
    ):
        assert_same(layer.y, y)
        assert_same(layer.dy, dy)
        assert layer.gradients.keys() == gradients.keys()
        for name, gradient in gradients.items():
            assert_same(layer.gradients[name], gradient)
    after = network.layout.named(Passage(layers, (3,), loss, optimizer, third).new_theta)
    for index, arrays in enumerate(case["after"]):
        for name, values in arrays.items():
            key = next(k for k in after if k.startswith(f"{index}.") and k.endswith(name))
            assert_same(after[key], values)


@pytest.mark.parametrize("number", [2, 3, 5, 10])  # relu, batch_norm, gelu with bce, tanh
def test_the_differences_are_those_of_the_row_alone(number):
    case = REFERENCE["cases"][number]
    layers, loss, optimizer = members(case)
    passage = Passage(layers, (3,), loss, optimizer, third_moment(case)[1])
    for layer in passage.layers:
        for unit, slope in enumerate(layer.dy):
            assert difference_of_unit(passage, layer.index, unit) == pytest.approx(slope, abs=1e-8)
    for unit, slope in enumerate(passage.layers[0].dx):
        assert difference_of_unit(passage, -1, unit) == pytest.approx(slope, abs=1e-8)
    for place, slope in enumerate(passage.row_gradient):
        found = passage.parameter_difference({place: 1.0}, float(slope))
        assert found == pytest.approx(slope, abs=1e-8)


def test_a_wrong_derivative_has_another_difference():
    passage = by_hand()
    assert passage.parameter_difference({0: 1.0}, -1.5) == pytest.approx(-2.0)
    assert passage.output_difference(0, np.array([1.0, 0.0]), -1.5) == pytest.approx(-2.0)


@pytest.mark.parametrize("number", [0, 1, 3])  # sum, mean, batch_mean with batch_norm
def test_the_gradient_of_the_batch_is_made_of_those_of_its_rows(number):
    case = REFERENCE["cases"][number]
    layers, loss, optimizer = members(case)
    first = third_moment(case)[1]
    passages = [
        Passage(layers, (3,), loss, optimizer, replace(first, at=at)) for at in range(len(first.x))
    ]
    rows = np.array([passage.row_gradient for passage in passages])
    total = rows.sum(axis=0) if loss.reduction == "sum" else rows.mean(axis=0)
    np.testing.assert_allclose(passages[0].batch_gradient, total, atol=1e-12)
    assert passages[0].depth == trained_depth(layers, loss)
