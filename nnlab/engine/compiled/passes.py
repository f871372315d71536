"""Forward and backward through all layers of a program, and the online update.

Values and slopes of a layer are (B, m) row by row, or (m, B) unit by unit. BLAS takes matrices
column by column and sees each of ours transposed: y = x W is asked for as y^T = W^T x^T.
"""

from typing import Any

from nnlab.engine.compiled.activations import activate, derive, whole
from nnlab.engine.compiled.primitives import Pointer, call_blas, moved, real, record_at
from nnlab.engine.compiled.products import (
    add_outer,
    add_scaled,
    dot,
    multiply,
    row_times,
    transpose,
)
from nnlab.engine.compiled.program import DENSE


def value_layout(by_units: bool, rows: int, width: int, a: Pointer) -> Any:
    """B, m, how far a row and a unit are from the next, and the numbers of a layer's values."""
    wide = whole(a, rows)
    if by_units:
        return rows, width, 1, wide, width * wide
    return rows, width, width, 1, width * rows


def forward(
    task: Any, layers: Pointer, rows: int, theta: Pointer, a: Pointer, inputs: Pointer,
    counts: Pointer, gemm: Pointer,
) -> None:  # fmt: skip
    """All layers; for one row, `inputs` lists each dense layer's inputs that are not 0."""
    for i in range(task.layers):
        layer = record_at(layers, i)
        if layer.kind != DENSE:
            shape = value_layout(task.by_units, rows, layer.m, a)
            activate(layer.kind, layer.setting, a, layer.x, layer.y, shape)
        elif rows == 1 and not task.by_units:
            x, which = moved(a, layer.x), moved(inputs, layer.x)
            counts[i] = list_inputs(x, layer.n, which)
            y = moved(a, layer.y)
            set_bias(layer, theta, y)
            row_times(x, which, counts[i], moved(theta, layer.weight), layer.m, y)
        else:
            dense(task.by_units, layer, rows, theta, a, gemm)


def list_inputs(x: Pointer, n: int, which: Pointer) -> int:
    """List the inputs of a row that are not 0; how many there are."""
    count = 0
    for i in range(n):
        which[count] = i
        count += x[i] != 0
    return count


def set_bias(layer: Any, theta: Pointer, y: Pointer) -> None:
    """y (m,) = b, or 0."""
    # Fields are read before a loop: what it writes might be the record, for all that LLVM knows.
    m, bias, zero = layer.m, layer.bias, real(y, 0)
    if bias >= 0:
        for j in range(m):
            y[j] = theta[bias + j]
    else:
        for j in range(m):
            y[j] = zero


def dense(by_units: bool, layer: Any, rows: int, theta: Pointer, a: Pointer, gemm: Pointer) -> None:
    """y (B, m) = x (B, n) W + b, for more than one row."""
    n, m, biased = layer.n, layer.m, layer.bias >= 0
    x, y, w = moved(a, layer.x), moved(a, layer.y), moved(theta, layer.weight)
    if by_units:
        wide = whole(a, rows)
        if biased:
            for j in range(m):
                bias = theta[layer.bias + j]
                for r in range(wide):
                    y[j * wide + r] = bias
        multiply(w, 1, m, x, wide, y, wide, m, n, wide, biased)
    elif layer.by_blas:
        call_blas(gemm, False, False, m, rows, n, w, m, x, n, y, m)
        if biased:
            for r in range(rows):
                add_scaled(moved(theta, layer.bias), real(a, 1), moved(y, r * m), m)
    else:
        if biased:
            for r in range(rows):
                set_bias(layer, theta, moved(y, r * m))
        multiply(x, n, 1, w, m, y, m, rows, n, m, biased)


def backward(
    task: Any, layers: Pointer, rows: int, theta: Pointer, g: Pointer, a: Pointer, d: Pointer,
    room: Pointer, one: Pointer, gemm: Pointer,
) -> Any:  # fmt: skip
    """Fill g (P,) from the loss's slopes; the result is not finite if a gradient is not.

    It is the sum of the squares of g or, where g has more numbers than x and dy (B, m), a bound of
    it: the square of x^T dy is at most the product of both squares. Online g stays as it is.
    """
    guard = real(theta, 0)
    for i in range(task.layers - 1, -1, -1):
        layer = record_at(layers, i)
        if layer.kind == DENSE:
            if task.bounded:
                x, dy = moved(a, layer.x), moved(d, layer.y)
                squares = dot(dy, dy, rows * layer.m)
                guard += squares + squares * dot(x, x, rows * layer.n)
            if not task.online:
                weight_gradients(task.by_units, layer, rows, g, a, d, one, gemm)
            if layer.pass_on:
                pass_on(task.by_units, layer, rows, theta, d, room, gemm)
        elif layer.pass_on:
            shape = value_layout(task.by_units, rows, layer.m, a)
            derive(layer.kind, layer.setting, a, layer.x, layer.y, d, shape)
    return guard if task.bounded else dot(g, g, task.parameters)


def weight_gradients(
    by_units: bool, layer: Any, rows: int, g: Pointer, a: Pointer, d: Pointer, one: Pointer,
    gemm: Pointer,
) -> None:  # fmt: skip
    """dW = x^T dy (n, m) and db = 1^T dy (m,); between units the padding of dy is 0."""
    n, m = layer.n, layer.m
    x, dy, dw, db = moved(a, layer.x), moved(d, layer.y), moved(g, layer.weight), layer.bias
    wide = whole(a, rows)
    if by_units:
        for i in range(n):
            for j in range(m):
                dw[i * m + j] = dot(moved(x, i * wide), moved(dy, j * wide), wide)
    elif layer.by_blas:
        call_blas(gemm, False, True, m, n, rows, dy, m, x, n, dw, m)
    else:
        multiply(x, 1, n, dy, m, dw, m, n, rows, m, False)
    if db >= 0 and by_units:
        for j in range(m):
            summed = real(g, 0)
            for r in range(rows):
                summed += dy[j * wide + r]
            g[db + j] = summed
    elif db >= 0:
        multiply(one, 0, 0, dy, m, moved(g, db), m, 1, rows, m, False)


def pass_on(
    by_units: bool, layer: Any, rows: int, theta: Pointer, d: Pointer, room: Pointer, gemm: Pointer
) -> None:
    """dx (B, n) = dy W^T, by way of dx^T = W dy^T: rows of W are read as they lie."""
    n, m = layer.n, layer.m
    dx, dy, w = moved(d, layer.x), moved(d, layer.y), moved(theta, layer.weight)
    wide = whole(d, rows)
    if by_units:
        multiply(w, m, 1, dy, wide, dx, wide, n, m, wide, False)
    elif rows == 1:
        for i in range(n):
            dx[i] = dot(moved(w, i * m), dy, m)
    elif layer.by_blas:
        call_blas(gemm, True, False, n, rows, m, w, m, dy, m, dx, n)
    else:
        turned = moved(room, m * wide)
        transpose(dy, m, room, wide, rows, m)
        multiply(w, m, 1, room, wide, turned, wide, n, m, wide, False)
        transpose(turned, wide, dx, n, n, rows)


def update_online(
    task: Any, layers: Pointer, theta: Pointer, a: Pointer, d: Pointer, inputs: Pointer,
    counts: Pointer, lr: float,
) -> None:  # fmt: skip
    """Gradient descent for one row: W -= lr x dy, where x is not 0, and b -= lr dy."""
    factor = real(theta, -lr)
    for i in range(task.layers):
        layer = record_at(layers, i)
        if layer.kind == DENSE:
            x, dy, w = moved(a, layer.x), moved(d, layer.y), moved(theta, layer.weight)
            add_outer(x, moved(inputs, layer.x), counts[i], dy, layer.m, w, factor)
            if layer.bias >= 0:
                add_scaled(dy, factor, moved(theta, layer.bias), layer.m)
