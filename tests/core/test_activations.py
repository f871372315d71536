"""The activations against PyTorch, and far from 0."""

import json
from pathlib import Path

import numpy as np
import pytest

from nnlab.core.layers import LAYERS, Layer
from nnlab.core.layers.activations import Activation
from nnlab.core.types import Array
from tests.core.bound import Bound

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "references" / "activations.json").read_text("utf-8")
)
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def is_activation(name: str) -> bool:
    return issubclass(LAYERS[name], Activation)


def test_every_activation_has_a_reference():
    found = {case["name"] for case in REFERENCE["cases"]} | {"softmax"}
    assert found == {name for name in LAYERS if is_activation(name)} - {"linear", "step"}


ACTIVATIONS = [pytest.param(c, id=f"{c['name']}-{c['settings']}") for c in REFERENCE["cases"]]


def activate(layer: Layer, x: Array, dy: Array) -> tuple[Array, Array]:
    bound = Bound(layer, x.shape[1:], x.dtype, batch=len(x))
    bound.x, bound.dy = x, dy
    bound.gradients()
    return bound.y, bound.dx


@pytest.mark.parametrize("case", ACTIVATIONS)
@each_dtype
def test_activation_equals_pytorch(case, dtype):
    layer = LAYERS[case["name"]](**case["settings"])
    shown = np.abs(case["y"]) < np.finfo(dtype).max  # the square of 1e30 is no float32
    x = np.array(REFERENCE["points"], dtype)[shown, None]
    with np.errstate(all="raise", under="ignore"):
        y, dx = activate(layer, x, np.ones_like(x))
    # 8 roundings of the last digit of values up to 1; larger y are x times a number up to 1.
    tolerance = {"rtol": 8 * np.finfo(dtype).eps, "atol": 8 * np.finfo(dtype).eps}
    np.testing.assert_allclose(y[:, 0], np.array(case["y"])[shown], **tolerance)
    wide = 40 if case["name"] in {"silu", "gelu"} else 1  # x f'(x) with x up to about 40
    tolerance["atol"] *= wide
    np.testing.assert_allclose(dx[:, 0], np.array(case["derivative"])[shown], **tolerance)


@each_dtype
def test_softmax_equals_pytorch(dtype):
    case = REFERENCE["softmax"]
    x, dy = np.array(case["x"], dtype), np.array(case["dy"], dtype)
    with np.errstate(all="raise", under="ignore"):
        y, dx = activate(LAYERS["softmax"](), x, dy)
    np.testing.assert_allclose(y, case["y"], rtol=0, atol=4 * np.finfo(dtype).eps)
    np.testing.assert_allclose(dx, case["dx"], rtol=0, atol=16 * np.finfo(dtype).eps)


@pytest.mark.parametrize("name", [name for name in LAYERS if is_activation(name)])
@each_dtype
def test_no_activation_warns_for_numbers_up_to_1e30(name, dtype):
    magnitudes = np.array([0, 1e-30, 1e-3, 1, 9, 40, 89, 104, 710, 746, 1e10, 1e19, 1e30])
    if name == "square":  # whose values are larger than its inputs
        magnitudes = magnitudes[magnitudes < 1e19]
    x = np.concatenate([magnitudes, -magnitudes]).astype(dtype)[:, None]
    x = np.concatenate([x, x[::-1], np.ones_like(x)], axis=1)
    bound = Bound(LAYERS[name](), (3,), dtype, batch=len(x))
    bound.x = x
    with np.errstate(all="raise", under="ignore"):
        y = bound.forward(train=True)
        assert np.isfinite(y).all()
        if bound.layer.differentiable:
            bound.backward(bound.dx)
            assert np.isfinite(bound.dx).all()


@each_dtype
def test_step_is_one_from_zero_on(dtype):
    bound = Bound(LAYERS["step"](), (5,), dtype, batch=1)
    bound.x = np.array([[-1e30, -1e-30, -0.0, 0.0, 2.0]], dtype)
    np.testing.assert_array_equal(bound.forward(train=False), [[0, 0, 1, 1, 1]])


def test_step_alone_cannot_learn():
    assert [name for name, layer in LAYERS.items() if not layer.differentiable] == ["step"]
    bound = Bound(LAYERS["step"](), (2,), np.float64)
    with pytest.raises(TypeError, match=r"^step has no derivative$"):
        bound.backward(bound.dx)
