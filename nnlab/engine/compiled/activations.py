"""Activations on flat arrays: forward `activate`, backward `derive`; formulas as in core.layers.

Arrays are padded to whole vectors, and what stands in the padding is computed along.
"""

import math
from typing import Any

from numba import njit

from nnlab.engine.compiled.functions import PLAIN, minus_one, sigmoid, tanh
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

SIGMOID, TANH, RELU, LEAKY_RELU, ELU, GELU, SILU, SOFTPLUS, SOFTMAX, SQUARE = range(1, 11)


@njit(**PLAIN)
def activate(kind: int, setting: float, a: Any, x: int, y: int, count: int) -> None:
    """a[y + i] = f(a[x + i]) for i < count; `setting` is leaky_relu's slope or elu's alpha."""
    wide = lanes(a)
    one, zero = splat(constant(a, 1)), splat(constant(a, 0))
    if kind == SIGMOID:
        for i in range(0, count, wide):
            store_vector(a, y + i, sigmoid(load_vector(a, x + i), one))
    elif kind == TANH:
        limit = splat(constant(a, 22))
        for i in range(0, count, wide):
            store_vector(a, y + i, tanh(load_vector(a, x + i), one, limit))
    elif kind == RELU:
        for i in range(0, count, wide):
            v = load_vector(a, x + i)
            store_vector(a, y + i, where_less(v, zero, zero, v))
    elif kind == LEAKY_RELU:
        slope = splat(constant(a, setting))
        for i in range(0, count, wide):
            v = load_vector(a, x + i)
            store_vector(a, y + i, where_less(zero, v, v, v * slope))
    elif kind == ELU:
        alpha = splat(constant(a, setting))
        for i in range(0, count, wide):
            v = load_vector(a, x + i)
            store_vector(a, y + i, where_less(zero, v, v, minus_one(v, one) * alpha))
    elif kind == SILU:
        for i in range(0, count, wide):
            v = load_vector(a, x + i)
            store_vector(a, y + i, v * sigmoid(v, one))
    elif kind == SQUARE:
        for i in range(0, count, wide):
            v = load_vector(a, x + i)
            store_vector(a, y + i, v * v)
    else:
        one_by_one(kind, a, x, y, count)


@njit(**PLAIN)
def one_by_one(kind: int, a: Any, x: int, y: int, count: int) -> None:
    """Those that need the C library: gelu (erfc) and softplus (log1p)."""
    half, root = constant(a, 0.5), constant(a, -1 / math.sqrt(2))
    zero = constant(a, 0)
    for i in range(count):
        v = get(a, x + i)
        if kind == GELU:
            put(a, y + i, v * (half * math.erfc(v * root)))
        else:
            put(a, y + i, (zero if v < zero else v) + math.log1p(math.exp(-abs(v))))


@njit(**PLAIN)
def derive(kind: int, setting: float, a: Any, x: int, y: int, d: Any, count: int) -> None:
    """d[x + i] = f'(a[x + i]) d[y + i], with a[y + i] = f(a[x + i])."""
    wide = lanes(a)
    one, zero = splat(constant(a, 1)), splat(constant(a, 0))
    if kind == SIGMOID:
        for i in range(0, count, wide):
            v = load_vector(a, y + i)
            store_vector(d, x + i, (one - v) * v * load_vector(d, y + i))
    elif kind == TANH:
        for i in range(0, count, wide):
            v = load_vector(a, y + i)
            store_vector(d, x + i, (one - v * v) * load_vector(d, y + i))
    elif kind == RELU:
        for i in range(0, count, wide):
            store_vector(
                d, x + i, where_less(zero, load_vector(a, y + i), one, zero) * load_vector(d, y + i)
            )
    elif kind == LEAKY_RELU:
        slope = splat(constant(a, setting))
        for i in range(0, count, wide):
            store_vector(
                d,
                x + i,
                where_less(zero, load_vector(a, x + i), one, slope) * load_vector(d, y + i),
            )
    elif kind == ELU:
        alpha = splat(constant(a, setting))
        for i in range(0, count, wide):
            slope = load_vector(a, y + i) + alpha
            store_vector(
                d,
                x + i,
                where_less(zero, load_vector(a, x + i), one, slope) * load_vector(d, y + i),
            )
    elif kind == SILU:
        for i in range(0, count, wide):
            gate = sigmoid(load_vector(a, x + i), one)
            store_vector(
                d, x + i, (gate + load_vector(a, y + i) * (one - gate)) * load_vector(d, y + i)
            )
    elif kind == SOFTPLUS:
        for i in range(0, count, wide):
            store_vector(d, x + i, sigmoid(load_vector(a, x + i), one) * load_vector(d, y + i))
    elif kind == SQUARE:
        for i in range(0, count, wide):
            v = load_vector(a, x + i)
            store_vector(d, x + i, (v + v) * load_vector(d, y + i))
    else:
        _derive_gelu(a, x, d, y, count)


@njit(**PLAIN)
def _derive_gelu(a: Any, x: int, d: Any, y: int, count: int) -> None:
    """Phi(x) + x phi(x); phi is 0 to the last digit beyond |x| = 40."""
    half, root = constant(a, 0.5), constant(a, -1 / math.sqrt(2))
    density, limit = constant(a, 1 / math.sqrt(2 * math.pi)), constant(a, 40)
    for i in range(count):
        v = get(a, x + i)
        near = limit if v > limit else -limit if v < -limit else v
        slope = half * math.erfc(v * root) + near * (density * math.exp(-half * near * near))
        put(d, x + i, slope * get(d, y + i))


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
