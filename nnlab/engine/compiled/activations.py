"""Activations on flat arrays: forward `activate`, backward `derive`; formulas as in core.layers.

Arrays are padded to whole vectors, and the padding is computed along with the rest.
"""

import math
from typing import Any

from numba import njit

from nnlab.engine.compiled.functions import PLAIN, minus_one, sigmoid, tanh
from nnlab.engine.compiled.program import ACTIVATIONS
from nnlab.engine.compiled.vectors import (
    constant,
    get,
    lanes,
    load_vector,
    put,
    splat,
    store_vector,
    where_less,
)

SIGMOID, TANH, RELU, LEAKY_RELU, ELU, GELU, SILU, SOFTPLUS, SOFTMAX, SQUARE = ACTIVATIONS.values()


@njit(**PLAIN)
def activate(kind: int, setting: float, a: Any, x: int, y: int, count: int) -> None:
    """a[y + i] = f(a[x + i]) for i < count; `setting` is leaky_relu's slope or elu's alpha."""
    if kind in (GELU, SOFTPLUS):
        for i in range(count):
            put(a, y + i, _value_of_number(kind, a, get(a, x + i)))
    elif kind == SIGMOID:  # a loop of its own: 4 % of an update of 2-3-3-1
        one = splat(constant(a, 1))
        for i in range(0, count, lanes(a)):
            store_vector(a, y + i, sigmoid(load_vector(a, x + i), one))
    else:
        for i in range(0, count, lanes(a)):
            store_vector(a, y + i, _value(kind, setting, a, load_vector(a, x + i)))


@njit(**PLAIN)
def derive(kind: int, setting: float, a: Any, x: int, y: int, d: Any, count: int) -> None:
    """d[x + i] = f'(a[x + i]) d[y + i], with a[y + i] = f(a[x + i])."""
    if kind == GELU:
        for i in range(count):
            put(d, x + i, _gelu_slope(a, get(a, x + i)) * get(d, y + i))
    else:
        for i in range(0, count, lanes(a)):
            slope = _slope(kind, setting, a, load_vector(a, x + i), load_vector(a, y + i))
            store_vector(d, x + i, slope * load_vector(d, y + i))


@njit(**PLAIN)
def _value(kind: int, setting: float, a: Any, v: Any) -> Any:
    """f(v) of a vector; sigmoid has a loop of its own."""
    one, zero, factor = splat(constant(a, 1)), splat(constant(a, 0)), splat(constant(a, setting))
    if kind == RELU:
        return where_less(v, zero, zero, v)
    if kind == TANH:
        return tanh(v, one, splat(constant(a, 22)))
    if kind == LEAKY_RELU:
        return where_less(zero, v, v, v * factor)
    if kind == ELU:
        return where_less(zero, v, v, minus_one(v, one) * factor)
    if kind == SILU:
        return v * sigmoid(v, one)
    return v * v


@njit(**PLAIN)
def _slope(kind: int, setting: float, a: Any, v: Any, y: Any) -> Any:
    """f'(v) of a vector, with y = f(v)."""
    one, zero, factor = splat(constant(a, 1)), splat(constant(a, 0)), splat(constant(a, setting))
    if kind == RELU:
        return where_less(zero, y, one, zero)
    if kind == SIGMOID:
        return (one - y) * y
    if kind == TANH:
        return one - y * y
    if kind == LEAKY_RELU:
        return where_less(zero, v, one, factor)
    if kind == ELU:
        return where_less(zero, v, one, y + factor)
    if kind == SQUARE:
        return v + v
    gate = sigmoid(v, one)
    return gate + y * (one - gate) if kind == SILU else gate  # of softplus


@njit(**PLAIN)
def _value_of_number(kind: int, a: Any, v: Any) -> Any:
    """Gelu and softplus need the C library: erfc and log1p."""
    if kind == GELU:
        return v * (constant(a, 0.5) * math.erfc(v * constant(a, -1 / math.sqrt(2))))
    zero = constant(a, 0)
    return (zero if v < zero else v) + math.log1p(math.exp(-abs(v)))


@njit(**PLAIN)
def _gelu_slope(a: Any, v: Any) -> Any:
    """Phi(v) + v phi(v); phi is 0 to the last digit beyond |v| = 40."""
    half, limit = constant(a, 0.5), constant(a, 40)
    near = limit if v > limit else -limit if v < -limit else v
    density = constant(a, 1 / math.sqrt(2 * math.pi)) * math.exp(-half * near * near)
    return half * math.erfc(v * constant(a, -1 / math.sqrt(2))) + near * density


@njit(**PLAIN)
def softmax(a: Any, x: int, y: int, rows: int, width: int, by_row: int, by_unit: int) -> None:
    """Each row of a at x, as a distribution, to a at y."""
    for r in range(rows):
        xr, yr = x + r * by_row, y + r * by_row
        peak = get(a, xr)
        for j in range(1, width):
            v = get(a, xr + j * by_unit)
            peak = peak if v < peak else v
        whole = constant(a, 0)
        for j in range(width):
            e = math.exp(get(a, xr + j * by_unit) - peak)
            put(a, yr + j * by_unit, e)
            whole += e
        for j in range(width):
            put(a, yr + j * by_unit, get(a, yr + j * by_unit) / whole)


@njit(**PLAIN)
def derive_softmax(
    a: Any, x: int, y: int, d: Any, rows: int, width: int, by_row: int, by_unit: int
) -> None:
    """d at x = y (dy - sum dy y), row by row."""
    for r in range(rows):
        xr, yr = x + r * by_row, y + r * by_row
        mean = constant(a, 0)
        for j in range(width):
            mean += get(d, yr + j * by_unit) * get(a, yr + j * by_unit)
        for j in range(width):
            slope = get(d, yr + j * by_unit) - mean
            put(d, xr + j * by_unit, slope * get(a, yr + j * by_unit))
