"""Activations in compiled code, with formulas as in core.layers; the catalogue is at the foot.

`shape` holds the rows B, the width m, how far a row and a unit are from the next, and how many
numbers the layer has. Arrays are padded to whole vectors, and the padding is computed as well.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from nnlab.engine.compiled.functions import exp_minus_one, sigmoid, tanh
from nnlab.engine.compiled.primitives import Pointer, lanes, real

ROOT_HALF, DENSITY_0 = 1 / math.sqrt(2), 1 / math.sqrt(2 * math.pi)


class CompiledActivation(NamedTuple):
    """`forward(setting, a, x, y, shape)` from a[x:] to a[y:], `backward` from d[y:] to d[x:].

    setting: the layer's attribute that the formulas take.
    """

    forward: Callable[..., None]
    backward: Callable[..., None]
    setting: str | None = None


def activate(kind: int, setting: float, a: Pointer, x: int, y: int, shape: Any) -> None:
    """`forward` of entry `kind` of the catalogue."""
    raise NotImplementedError


def derive(kind: int, setting: float, a: Pointer, x: int, y: int, d: Pointer, shape: Any) -> None:
    """`backward` of entry `kind` of the catalogue."""
    raise NotImplementedError


def whole(a: Pointer, count: int) -> int:
    """`count` rounded up to whole vectors."""
    return (count + lanes(a) - 1) // lanes(a) * lanes(a)


def elementwise(
    value: Callable[[Any, Any], Any],
    slope: Callable[[Any, Any, Any], Any],
    setting: str | None = None,
) -> CompiledActivation:
    """An activation from value(v, c) = f(v) and slope(v, y, c) = f'(v), with y = f(v).

    c is the layer's setting.
    """

    def forward(setting: float, a: Pointer, x: int, y: int, shape: Any) -> None:
        c = real(a, setting)
        for i in range(whole(a, shape[4])):
            a[y + i] = value(a[x + i], c)

    def backward(setting: float, a: Pointer, x: int, y: int, d: Pointer, shape: Any) -> None:
        c = real(a, setting)
        for i in range(whole(a, shape[4])):
            d[x + i] = slope(a[x + i], a[y + i], c) * d[y + i]

    return CompiledActivation(forward, backward, setting)


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


def normal(v: Any) -> Any:
    """Phi(v), the standard normal distribution, exact in the left tail."""
    return real(v, 0.5) * math.erfc(v * real(v, -ROOT_HALF))


def gelu_slope(v: Any, y: Any, c: Any) -> Any:
    """Phi(v) + v phi(v); phi is 0 to the last digit beyond |v| = 40."""
    limit = real(v, 40)
    near = limit if v > limit else -limit if v < -limit else v
    density = real(v, DENSITY_0) * math.exp(real(v, -0.5) * near * near)
    return normal(v) + near * density


def softmax(setting: float, a: Pointer, x: int, y: int, shape: Any) -> None:
    """Each row as a distribution."""
    rows, width, by_row, by_unit, _ = shape
    for r in range(rows):
        xr, yr = x + r * by_row, y + r * by_row
        peak = a[xr]
        for j in range(1, width):
            v = a[xr + j * by_unit]
            peak = peak if v < peak else v
        total = real(a, 0)
        for j in range(width):
            e = math.exp(a[xr + j * by_unit] - peak)
            a[yr + j * by_unit] = e
            total += e
        for j in range(width):
            a[yr + j * by_unit] = a[yr + j * by_unit] / total


def derive_softmax(setting: float, a: Pointer, x: int, y: int, d: Pointer, shape: Any) -> None:
    """dx = y (dy - sum dy y), row by row."""
    rows, width, by_row, by_unit, _ = shape
    for r in range(rows):
        xr, yr = x + r * by_row, y + r * by_row
        mean = real(a, 0)
        for j in range(width):
            mean += d[yr + j * by_unit] * a[yr + j * by_unit]
        for j in range(width):
            d[xr + j * by_unit] = (d[yr + j * by_unit] - mean) * a[yr + j * by_unit]


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
    "square": elementwise(lambda v, c: v * v, lambda v, y, c: v + v),
    "softmax": CompiledActivation(softmax, derive_softmax),
}
