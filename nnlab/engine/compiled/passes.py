"""Forward and backward through all layers of a program; the dense layer and its online update.

BLAS reads matrices column by column, so it sees each of ours transposed: for y = x W it is asked
for y^T = W^T x^T.
"""

from typing import Any

import numpy as np

from nnlab.engine.compiled.layer import backward_layer, forward_layer, values_and_slopes, whole
from nnlab.engine.compiled.primitives import Pointer, call_blas, moved, pointer, real, record_at
from nnlab.engine.compiled.products import (
    add_outer,
    add_scaled,
    dot,
    multiply,
    row_times,
    transpose,
)


def forward(task: Any, memory: Any, layers: Pointer, rows: int, theta: Pointer) -> None:
    """Fill the values of all layers."""
    for i in range(task.layers):
        layer = record_at(layers, i)
        forward_layer(layer.kind, task, memory, layer, rows, theta)


def backward(task: Any, memory: Any, layers: Pointer, rows: int, theta: Pointer, add: bool) -> Any:
    """Fill the gradient from the loss's slopes, or add to it; online it stays as it is.

    Where the gradient has more numbers than x and dy (B, m), the result is a bound of the sum of
    its squares: the square of x^T dy is at most the product of both squares.
    """
    guard = real(theta, 0)
    for i in range(task.layers - 1, -1, -1):
        layer = record_at(layers, i)
        if task.bounded and layer.weight >= 0:
            x, _, _, dy = values_and_slopes(memory, layer, theta)
            squares = dot(dy, dy, rows * layer.m)
            guard += squares + squares * dot(x, x, rows * layer.n)
        if layer.learns:
            backward_layer(layer.kind, task, memory, layer, rows, theta, add)
    return guard


# The dense layer.


def dense(task: Any, memory: Any, layer: Any, rows: int, theta: Pointer) -> None:
    """y (B, m) = x (B, n) W + b; of a single row, `inputs` lists the inputs that are not 0."""
    if rows == 1 and not task.by_units:
        x, y, _, _ = values_and_slopes(memory, layer, theta)
        which = moved(pointer(memory.inputs, np.int64), layer.x)
        count = list_inputs(x, layer.n, which)
        pointer(memory.counts, np.int64)[layer.place] = count
        set_bias(layer, theta, y)
        row_times(x, which, count, moved(theta, layer.weight), layer.m, y)
    else:
        dense_rows(task, memory, layer, rows, theta)


def dense_back(task: Any, memory: Any, layer: Any, rows: int, theta: Pointer, add: bool) -> None:
    """dW, db and, where a layer before learns, dx."""
    if not task.online:
        weight_gradients(task, memory, layer, rows, theta, add)
    if layer.pass_on:
        pass_on(task, memory, layer, rows, theta)


def list_inputs(x: Pointer, n: int, which: Pointer) -> int:
    """List the inputs of a row that are not 0; returns how many there are."""
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


def dense_rows(task: Any, memory: Any, layer: Any, rows: int, theta: Pointer) -> None:
    """y (B, m) = x (B, n) W + b, for more than one row."""
    x, y, _, _ = values_and_slopes(memory, layer, theta)
    n, m, w, biased = layer.n, layer.m, moved(theta, layer.weight), layer.bias >= 0
    if task.by_units:
        wide = whole(x, rows)
        if biased:
            for j in range(m):
                bias = theta[layer.bias + j]
                for r in range(wide):
                    y[j * wide + r] = bias
        multiply(w, 1, m, x, wide, y, wide, m, n, wide, biased)
    elif layer.by_blas:
        gemm = pointer(memory.gemm, np.uint8)
        call_blas(gemm, False, False, m, rows, n, w, m, x, n, y, m, False)
        if biased:
            for r in range(rows):
                add_scaled(moved(theta, layer.bias), real(y, 1), moved(y, r * m), m)
    else:
        if biased:
            for r in range(rows):
                set_bias(layer, theta, moved(y, r * m))
        multiply(x, n, 1, w, m, y, m, rows, n, m, biased)


def weight_gradients(
    task: Any, memory: Any, layer: Any, rows: int, theta: Pointer, add: bool
) -> None:
    """dW = x^T dy (n, m) and db = 1^T dy (m,); between units the padding of dy is 0."""
    x, _, _, dy = values_and_slopes(memory, layer, theta)
    n, m, g, wide = layer.n, layer.m, pointer(memory.g, theta), whole(theta, rows)
    dw, db = moved(g, layer.weight), layer.bias
    if task.by_units:
        for i in range(n):
            for j in range(m):
                dw[i * m + j] = dot(moved(x, i * wide), moved(dy, j * wide), wide)
    elif layer.by_blas:
        gemm = pointer(memory.gemm, np.uint8)
        call_blas(gemm, False, True, m, n, rows, dy, m, x, n, dw, m, add)
    else:
        multiply(x, 1, n, dy, m, dw, m, n, rows, m, add)
    if db >= 0 and task.by_units:
        for j in range(m):
            summed = real(g, 0)
            for r in range(rows):
                summed += dy[j * wide + r]
            g[db + j] = summed
    elif db >= 0:
        multiply(pointer(memory.one, theta), 0, 0, dy, m, moved(g, db), m, 1, rows, m, add)


def pass_on(task: Any, memory: Any, layer: Any, rows: int, theta: Pointer) -> None:
    """dx (B, n) = dy W^T, by way of dx^T = W dy^T: rows of W are read as they lie."""
    _, _, dx, dy = values_and_slopes(memory, layer, theta)
    n, m, w, wide = layer.n, layer.m, moved(theta, layer.weight), whole(theta, rows)
    if task.by_units:
        multiply(w, m, 1, dy, wide, dx, wide, n, m, wide, False)
    elif rows == 1:
        for i in range(n):
            dx[i] = dot(moved(w, i * m), dy, m)
    elif layer.by_blas:
        gemm = pointer(memory.gemm, np.uint8)
        call_blas(gemm, True, False, n, rows, m, w, m, dy, m, dx, n, False)
    else:
        room = pointer(memory.room, theta)
        turned = moved(room, m * wide)
        transpose(dy, m, room, wide, rows, m)
        multiply(w, m, 1, room, wide, turned, wide, n, m, wide, False)
        transpose(turned, wide, dx, n, n, rows)


def update_online(task: Any, memory: Any, layers: Pointer, lr: float, theta: Pointer) -> None:
    """Gradient descent for one row: W -= lr x dy, where x is not 0, and b -= lr dy."""
    inputs, counts = pointer(memory.inputs, np.int64), pointer(memory.counts, np.int64)
    factor = real(theta, -lr)
    for i in range(task.layers):
        layer = record_at(layers, i)
        if layer.weight >= 0:
            x, _, _, dy = values_and_slopes(memory, layer, theta)
            w = moved(theta, layer.weight)
            add_outer(x, moved(inputs, layer.x), counts[i], dy, layer.m, w, factor)
            if layer.bias >= 0:
                add_scaled(dy, factor, moved(theta, layer.bias), layer.m)
