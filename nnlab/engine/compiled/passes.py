"""Forward and backward through all layers of a program, and the online update.

Values and slopes of a layer are (B, m) row by row, or (m, B) unit by unit.
"""

from typing import Any

from numba import njit

from nnlab.engine.compiled import activations
from nnlab.engine.compiled.functions import PLAIN
from nnlab.engine.compiled.products import (
    COLUMNS,
    NO,
    NOTHING,
    ONE,
    ROWS,
    add_bias,
    add_outer,
    add_scaled,
    blas_forward,
    blas_gradient,
    blas_pass_on,
    dot,
    multiply,
    row_times,
    transpose,
)
from nnlab.engine.compiled.program import (
    BIAS,
    BY_BLAS,
    DENSE,
    FIELDS,
    INPUT,
    KIND,
    OUTPUT,
    PASS_ON,
    WEIGHT,
    M,
    N,
)
from nnlab.engine.compiled.vectors import constant, get, lanes, moved, put

SOFTMAX = activations.SOFTMAX


@njit(**PLAIN)
def up(count: int, values: Any) -> int:
    """`count` rounded up to whole vectors."""
    wide = lanes(values)
    return (count + wide - 1) // wide * wide


@njit(**PLAIN)
def strides(by_units: bool, rows: int, width: int, values: Any) -> Any:
    """How far a row is from the next, and a unit from the next."""
    return (1, up(rows, values)) if by_units else (width, 1)


@njit(**PLAIN)
def numbers_of(by_units: bool, rows: int, width: int, values: Any) -> int:
    """How many numbers a layer's values have, with the padding between units."""
    return width * (up(rows, values) if by_units else rows)


@njit(**PLAIN)
def row_of(ops: Any, layer: int) -> Any:
    """Where the row of a layer begins."""
    return moved(ops, layer * FIELDS)


@njit(**PLAIN)
def forward(
    by_units: bool, layers: int, ops: Any, settings: Any, rows: int, theta: Any, values: Any,
    inputs: Any, counts: Any, gemm: Any,
) -> None:  # fmt: skip
    """All layers; for one row, `inputs` lists each dense layer's inputs that are not 0."""
    for layer in range(layers):
        at = row_of(ops, layer)
        kind, x, y, m = get(at, KIND), get(at, INPUT), get(at, OUTPUT), get(at, M)
        if kind == DENSE and rows == 1 and not by_units:
            count = _list_inputs(values, x, get(at, N), inputs)
            put(counts, layer, count)
            w, b = get(at, WEIGHT), get(at, BIAS)
            row_times(values, x, inputs, x, count, theta, w, m, b, values, y)
        elif kind == DENSE:
            _dense(by_units, at, rows, theta, values, gemm)
        elif kind == SOFTMAX:
            by_row, by_unit = strides(by_units, rows, m, values)
            activations.softmax(values, x, y, rows, m, by_row, by_unit)
        else:
            count = numbers_of(by_units, rows, m, values)
            activations.activate(kind, get(settings, layer), values, x, y, count)


@njit(**PLAIN)
def _list_inputs(values: Any, x: int, n: int, inputs: Any) -> int:
    """List the inputs of a row that are not 0; how many there are."""
    count = 0
    for i in range(n):
        put(inputs, x + count, i)
        count += get(values, x + i) != 0
    return count


@njit(**PLAIN)
def _dense(by_units: bool, at: Any, rows: int, theta: Any, values: Any, gemm: Any) -> None:
    """y (B, m) = x (B, n) W + b, for more than one row."""
    x, y, n, m = get(at, INPUT), get(at, OUTPUT), get(at, N), get(at, M)
    w, b = get(at, WEIGHT), get(at, BIAS)
    if by_units:
        wide = up(rows, values)
        start = ROWS if b >= 0 else NOTHING
        multiply(
            theta, w, ONE, m, values, x, wide, values, y, wide, m, n, wide, start, theta, b
        )  # fmt: skip
    elif get(at, BY_BLAS):
        blas_forward(gemm, moved(values, x), moved(theta, w), moved(values, y), rows, n, m)
        if b >= 0:
            add_bias(values, y, theta, b, rows, m)
    else:
        start = COLUMNS if b >= 0 else NOTHING
        multiply(values, x, n, ONE, theta, w, m, values, y, m, rows, n, m, start, theta, b)


@njit(**PLAIN)
def backward(
    by_units: bool, online: bool, layers: int, ops: Any, settings: Any, rows: int, theta: Any,
    count: int, g: Any, values: Any, slopes: Any, room: Any, ones: Any, gemm: Any,
) -> Any:  # fmt: skip
    """Fill g (P,) from the loss's slopes; the result is not finite if a gradient is not.

    Online only the slopes are filled; a gradient is then a product x dy, whose square is the
    product of both squares.
    """
    guard = constant(theta, 0)
    for layer in range(layers - 1, -1, -1):
        at = row_of(ops, layer)
        kind, x, y, m = get(at, KIND), get(at, INPUT), get(at, OUTPUT), get(at, M)
        if kind == DENSE and online:
            n, squares = get(at, N), dot(slopes, y, slopes, y, m)
            guard += squares + squares * dot(values, x, values, x, n)
        elif kind == DENSE and by_units:
            _gradient_by_units(at, rows, g, values, slopes)
        elif kind == DENSE:
            _gradient(at, rows, g, values, slopes, ones, gemm)
        if get(at, PASS_ON):
            _pass_on(by_units, at, get(settings, layer), rows, theta, values, slopes, room, gemm)
    return guard if online else dot(g, NO, g, NO, count)


@njit(**PLAIN)
def _gradient(
    at: Any, rows: int, g: Any, values: Any, slopes: Any, ones: Any, gemm: Any
) -> None:  # fmt: skip
    """dW = x^T dy (n, m) and db = 1^T dy (m,), for values row by row."""
    x, y, n, m = get(at, INPUT), get(at, OUTPUT), get(at, N), get(at, M)
    w, b = get(at, WEIGHT), get(at, BIAS)
    if get(at, BY_BLAS):
        blas_gradient(gemm, moved(values, x), moved(slopes, y), moved(g, w), rows, n, m)
    else:
        multiply(values, x, ONE, n, slopes, y, m, g, w, m, n, rows, m, NOTHING, g, w)
    if b >= 0:
        multiply(ones, NO, NO, NO, slopes, y, m, g, b, m, ONE, rows, m, NOTHING, g, b)


@njit(**PLAIN)
def _gradient_by_units(at: Any, rows: int, g: Any, values: Any, slopes: Any) -> None:
    """The same for values unit by unit; the padding is 0 in the slopes."""
    x, y, n, m = get(at, INPUT), get(at, OUTPUT), get(at, N), get(at, M)
    w, b, wide = get(at, WEIGHT), get(at, BIAS), up(rows, values)
    for i in range(n):
        for j in range(m):
            put(g, w + i * m + j, dot(values, x + i * wide, slopes, y + j * wide, wide))
    if b >= 0:
        for j in range(m):
            summed = constant(g, 0)
            for r in range(rows):
                summed += get(slopes, y + j * wide + r)
            put(g, b + j, summed)


@njit(**PLAIN)
def _pass_on(
    by_units: bool, at: Any, setting: float, rows: int, theta: Any, values: Any, slopes: Any,
    room: Any, gemm: Any,
) -> None:  # fmt: skip
    """dx (B, n) of a layer."""
    kind, x, y, m = get(at, KIND), get(at, INPUT), get(at, OUTPUT), get(at, M)
    if kind == DENSE:
        _dense_inputs(by_units, at, rows, theta, slopes, room, gemm)
    elif kind == SOFTMAX:
        by_row, by_unit = strides(by_units, rows, m, values)
        activations.derive_softmax(values, x, y, slopes, rows, m, by_row, by_unit)
    else:
        size = numbers_of(by_units, rows, m, values)
        activations.derive(kind, setting, values, x, y, slopes, size)


@njit(**PLAIN)
def _dense_inputs(
    by_units: bool, at: Any, rows: int, theta: Any, slopes: Any, room: Any, gemm: Any
) -> None:  # fmt: skip
    """dx (B, n) = dy W^T, by way of dx^T = W dy^T: rows of W are read as they lie."""
    x, y, n, m, w = get(at, INPUT), get(at, OUTPUT), get(at, N), get(at, M), get(at, WEIGHT)
    wide = up(rows, slopes)
    if by_units:
        multiply(
            theta, w, m, ONE, slopes, y, wide, slopes, x, wide, n, m, wide, NOTHING, theta, w
        )  # fmt: skip
    elif rows == 1:
        for i in range(n):
            put(slopes, x + i, dot(theta, w + i * m, slopes, y, m))
    elif get(at, BY_BLAS):
        blas_pass_on(gemm, moved(slopes, y), moved(theta, w), moved(slopes, x), rows, n, m)
    else:
        transpose(slopes, y, m, room, NO, wide, rows, m)
        out = m * wide
        multiply(
            theta, w, m, ONE, room, NO, wide, room, out, wide, n, m, wide, NOTHING, theta, w
        )  # fmt: skip
        transpose(room, out, wide, slopes, x, n, n, rows)


@njit(**PLAIN)
def update_online(
    layers: int, ops: Any, theta: Any, values: Any, slopes: Any, inputs: Any, counts: Any, lr: float
) -> None:  # fmt: skip
    """Gradient descent for one row: W -= lr x dy, where x is not 0, and b -= lr dy."""
    factor = constant(theta, -lr)
    for layer in range(layers):
        at = row_of(ops, layer)
        if get(at, KIND) == DENSE:
            m, x, y = get(at, M), get(at, INPUT), get(at, OUTPUT)
            w, b = get(at, WEIGHT), get(at, BIAS)
            add_outer(values, x, inputs, x, get(counts, layer), slopes, y, m, theta, w, factor)
            if b >= 0:
                add_scaled(slopes, y, factor, theta, b, m)
