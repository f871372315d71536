"""Activations in compiled code, with formulas as in core.layers; the catalogue is at the foot.

Arrays are padded to whole vectors, and the padding is computed as well.
"""

import math
from collections.abc import Callable
from typing import Any

from nnlab.core.layers.activations import LARGEST_POWER
from nnlab.engine.compiled.functions import exp_minus_one, sigmoid, tanh
from nnlab.engine.compiled.layer import CompiledLayer, value_layout, values_and_slopes, whole
from nnlab.engine.compiled.primitives import Pointer, real

ROOT_HALF, DENSITY_0 = 1 / math.sqrt(2), 1 / math.sqrt(2 * math.pi)


def elementwise(
    value: Callable[[Any, Any], Any],
    slope: Callable[[Any, Any, Any], Any],
    setting: str | None = None,
) -> CompiledLayer:
    """An activation from value(v, c) = f(v) and slope(v, y, c) = f'(v), with y = f(v).

    c is the layer's setting of that name.
    """

    def forward(task: Any, memory: Any, layer: Any, rows: int, theta: Pointer) -> None:
        x, y, _, _ = values_and_slopes(memory, layer, theta)
        c = real(theta, layer.setting)
        for i in range(whole(x, value_layout(task.by_units, rows, layer.m, x)[2])):
            y[i] = value(x[i], c)

    def backward(task: Any, memory: Any, layer: Any, rows: int, theta: Pointer, add: bool) -> None:
        x, y, dx, dy = values_and_slopes(memory, layer, theta)
        c = real(theta, layer.setting)
        for i in range(whole(x, value_layout(task.by_units, rows, layer.m, x)[2])):
            dx[i] = slope(x[i], y[i], c) * dy[i]

    def describe(layer: Any, shape: Any) -> dict[str, float]:
        return {"setting": getattr(layer, setting) if setting else 0.0}

    return CompiledLayer(
        forward, backward, fields={"setting": float}, describe=describe, any_layout=True
    )


def step_from(v: Any, low: Any, high: Any) -> Any:
    """`high` where v > 0, else `low`."""
    return high if v > real(v, 0) else low


def silu_slope(v: Any, y: Any, c: Any) -> Any:
    """s + y (1 - s), with s the sigmoid of v."""
    gate = sigmoid(v)
    return gate + y * (real(v, 1) - gate)


def softplus(v: Any, c: Any) -> Any:
    """log(1 + exp(v)), by log1p."""
    zero = real(v, 0)
    return (zero if v < zero else v) + math.log1p(math.exp(-abs(v)))


def exp_held(v: Any, c: Any) -> Any:
    """exp(v), of v up to 80."""
    limit = real(v, LARGEST_POWER)
    return math.exp(limit if v > limit else v)


def normal(v: Any) -> Any:
    """Phi(v), the standard normal distribution, exact in the left tail."""
    return real(v, 0.5) * math.erfc(v * real(v, -ROOT_HALF))


def gelu_slope(v: Any, y: Any, c: Any) -> Any:
    """Phi(v) + v phi(v); phi is 0 to the last digit beyond |v| = 40."""
    limit = real(v, 40)
    near = limit if v > limit else -limit if v < -limit else v
    density = real(v, DENSITY_0) * math.exp(real(v, -0.5) * near * near)
    return normal(v) + near * density


def peak_of(x: Pointer, at: int, by_unit: int, width: int) -> Any:
    """The largest of the `width` numbers of a row that begins at `at`."""
    peak = x[at]
    for j in range(1, width):
        v = x[at + j * by_unit]
        peak = peak if v < peak else v
    return peak


def softmax(task: Any, memory: Any, layer: Any, rows: int, theta: Pointer) -> None:
    """Each row, or each pixel's channels, as a distribution."""
    x, y, _, _ = values_and_slopes(memory, layer, theta)
    width = layer.last
    by_row, by_unit, _ = value_layout(task.by_units, rows, layer.m, x)
    for r in range(rows):
        for p in range(0, layer.m, width):
            at = r * by_row + p * by_unit
            peak, total = peak_of(x, at, by_unit, width), real(x, 0)
            for j in range(width):
                e = math.exp(x[at + j * by_unit] - peak)
                y[at + j * by_unit] = e
                total += e
            for j in range(width):
                y[at + j * by_unit] = y[at + j * by_unit] / total


def derive_softmax(
    task: Any, memory: Any, layer: Any, rows: int, theta: Pointer, add: bool
) -> None:
    """dx = y (dy - sum dy y), row by row."""
    _, y, dx, dy = values_and_slopes(memory, layer, theta)
    width = layer.last
    by_row, by_unit, _ = value_layout(task.by_units, rows, layer.m, y)
    for r in range(rows):
        for p in range(0, layer.m, width):
            at = r * by_row + p * by_unit
            mean = real(y, 0)
            for j in range(width):
                mean += dy[at + j * by_unit] * y[at + j * by_unit]
            for j in range(width):
                dx[at + j * by_unit] = (dy[at + j * by_unit] - mean) * y[at + j * by_unit]


COMPILED_ACTIVATIONS = {
    "sigmoid": elementwise(lambda v, c: sigmoid(v), lambda v, y, c: (real(v, 1) - y) * y),
    "tanh": elementwise(lambda v, c: tanh(v), lambda v, y, c: real(v, 1) - y * y),
    "relu": elementwise(
        lambda v, c: real(v, 0) if v < real(v, 0) else v,
        lambda v, y, c: step_from(y, real(v, 0), real(v, 1)),
    ),
    "leaky_relu": elementwise(
        lambda v, c: step_from(v, v * c, v),
        lambda v, y, c: step_from(v, c, real(v, 1)),
        "slope",
    ),
    "elu": elementwise(
        lambda v, c: step_from(v, exp_minus_one(v) * c, v),
        lambda v, y, c: step_from(v, y + c, real(v, 1)),
        "alpha",
    ),
    "gelu": elementwise(lambda v, c: v * normal(v), gelu_slope),
    "silu": elementwise(lambda v, c: v * sigmoid(v), silu_slope),
    "softplus": elementwise(softplus, lambda v, y, c: sigmoid(v)),
    "exp": elementwise(exp_held, lambda v, y, c: real(v, 0) if v > real(v, LARGEST_POWER) else y),
    "square": elementwise(lambda v, c: v * v, lambda v, y, c: v + v),
    "softmax": CompiledLayer(
        softmax,
        derive_softmax,
        fields={"last": int},
        describe=lambda layer, shape: {"last": shape[-1]},
        any_layout=True,
    ),
}
