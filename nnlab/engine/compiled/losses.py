"""Losses and metrics of a batch.

`batch` holds the values a of all layers, the offset z of the last ones (B, m) in them, the slopes
d to fill, the strides of z by row and by unit, the targets t, the numbers of the batch's rows in
t, how many rows it has, and m.
"""

import math
from typing import Any

from numba import njit

from nnlab.engine.compiled.functions import PLAIN
from nnlab.engine.compiled.program import LOSS_CODES, METRIC_CODES
from nnlab.engine.compiled.vectors import (
    constant,
    get,
    lanes,
    load_some,
    put,
    splat,
    store_vector,
    total,
)

MSE, MAE, HUBER, BCE, CROSS_ENTROPY = LOSS_CODES.values()
CLASSES, BINARY, REGRESSION = METRIC_CODES.values()


@njit(**PLAIN)
def loss_and_slopes(kind: int, delta: float, factors: Any, batch: Any) -> float:
    """Fill d at z with the derivative of the reduced loss; the sum of the terms, in float64.

    `factors`: whether classes have weights, these, and the scale of the gradient.
    """
    a, z, d, by_row, by_unit, t, which, rows, width = batch
    if kind == CROSS_ENTROPY:
        return _cross_entropy(factors, batch)
    if kind == BCE:
        return _bce(factors, batch)
    if kind == MSE and rows == 1 and by_unit == 1:
        return _squares(factors[2], a, z, d, t, get(which, 0) * width, width)
    factor, bound, summed = constant(a, factors[2]), constant(a, delta), 0.0
    for r in range(rows):
        at, to = z + r * by_row, get(which, r) * width
        for j in range(width):
            error = get(a, at + j * by_unit) - get(t, to + j)
            term, slope = _regression(kind, bound, a, error)
            summed += term
            put(d, at + j * by_unit, slope * factor)
    return summed


@njit(**PLAIN)
def _regression(kind: int, bound: Any, a: Any, error: Any) -> Any:
    """A term of mse, mae or huber, and its derivative; of mse half of that."""
    if kind == MSE:
        return error * error, error
    size = abs(error)
    if kind == MAE:
        one, zero = constant(a, 1), constant(a, 0)
        return size, one if error > zero else -one if error < zero else error
    near = bound if size > bound else size
    slope = bound if error > bound else -bound if error < -bound else error
    return near * (size - constant(a, 0.5) * near), slope


@njit(**PLAIN)
def _squares(scale: float, a: Any, z: int, d: Any, t: Any, to: int, width: int) -> float:
    """(z - t)^2 of one row, in whole vectors."""
    factor, summed = splat(constant(a, scale)), 0.0
    for j in range(0, width, lanes(a)):
        n = min(width - j, lanes(a))
        error = load_some(a, z + j, n) - load_some(t, to + j, n)
        store_vector(d, z + j, error * factor)
        summed += total(error * error)
    return summed


@njit(**PLAIN)
def _bce(factors: Any, batch: Any) -> float:
    """max(z, 0) - z t + log(1 + exp(-|z|)), from one exp of -|z| for the derivative too."""
    weighted, weights, scale = factors
    a, z, d, by_row, by_unit, t, which, rows, width = batch
    zero, one, factor = constant(a, 0), constant(a, 1), constant(a, scale)
    off, on = (get(weights, 0), get(weights, 1)) if weighted else (one, one)
    summed = 0.0
    for r in range(rows):
        at, to = z + r * by_row, get(which, r) * width
        for j in range(width):
            v, target = get(a, at + j * by_unit), get(t, to + j)
            e = math.exp(-abs(v))
            tail = math.log1p(e)
            s = (e if v < zero else one) / (one + e)
            w1, w0 = on * target, off * (one - target)
            up, down = (-v, zero) if v < zero else (zero, v)
            summed += w1 * (up + tail) + w0 * (down + tail)
            put(d, at + j * by_unit, (s * (w1 + w0) - w1) * factor)
    return summed


@njit(**PLAIN)
def _cross_entropy(factors: Any, batch: Any) -> float:
    """w_c t_c (log sum_j exp(z_j - max z) + max z - z_c)."""
    weighted, weights, scale = factors
    a, z, d, by_row, by_unit, t, which, rows, width = batch
    zero, one, factor = constant(a, 0), constant(a, 1), constant(a, scale)
    summed = 0.0
    for r in range(rows):
        at, to = z + r * by_row, get(which, r) * width
        peak = get(a, at)
        for j in range(1, width):
            v = get(a, at + j * by_unit)
            peak = peak if v < peak else v
        whole, mass = zero, zero
        for j in range(width):
            e = math.exp(get(a, at + j * by_unit) - peak)
            put(d, at + j * by_unit, e)
            whole += e
            mass += (get(weights, j) if weighted else one) * get(t, to + j)
        log = math.log(whole)
        share = (mass if weighted else one) / whole
        for j in range(width):
            u = (get(weights, j) if weighted else one) * get(t, to + j)
            if u != zero:
                summed += u * (log + (peak - get(a, at + j * by_unit)))
            put(d, at + j * by_unit, (get(d, at + j * by_unit) * share - u) * factor)
    return summed


@njit(**PLAIN)
def _sigmoid(a: Any, v: Any) -> Any:
    """(1 + tanh(v / 2)) / 2, rounded as the layer's where two outputs may become equal."""
    one, half, small = constant(a, 1), constant(a, 0.5), constant(a, 1e-3)
    if -small < v < small:
        return v * constant(a, 0.25) + half
    return (one - constant(a, 2) / (math.exp(v) + one)) * half + half


@njit(**PLAIN)
def _decision(loss: int, a: Any, at: int, by_unit: int, width: int) -> int:
    """The class with the largest output, of equal outputs the first; z may be logits."""
    best, top = 0, get(a, at)
    for j in range(1, width):
        v = get(a, at + j * by_unit)
        best, top = (j, v) if v > top else (best, top)
    if loss not in (BCE, CROSS_ENTROPY):
        return best
    # Logits before `best` are smaller, but may end in the same output.
    close, tied = constant(a, 1e-5), loss == BCE and top > constant(a, 8)
    for j in range(best):
        if top - get(a, at + j * by_unit) < close:
            tied = True
    return _first_equal(loss, a, at, by_unit, width, best, top) if tied else best


@njit(**PLAIN)
def _first_equal(
    loss: int, a: Any, at: int, by_unit: int, width: int, best: int, top: Any
) -> int:  # fmt: skip
    """The first class whose output, after sigmoid or softmax, is that of `best`."""
    one, whole = constant(a, 1), constant(a, 0)
    if loss == CROSS_ENTROPY:
        for j in range(width):
            whole += math.exp(get(a, at + j * by_unit) - top)
    for j in range(best):
        v = get(a, at + j * by_unit)
        if loss == BCE:
            equal = _sigmoid(a, v) >= _sigmoid(a, top)
        else:
            equal = math.exp(v - top) / whole >= one / whole
        if equal:
            return j
    return best


@njit(**PLAIN)
def add_metrics(kind: int, loss: int, sums: Any, batch: Any) -> None:
    """Add a batch to the sums of `Tally` behind rows and loss."""
    a, z, _, by_row, by_unit, t, which, rows, width = batch
    added = 0.0
    for r in range(rows):
        at, to = z + r * by_row, get(which, r) * width
        if kind == REGRESSION:
            for j in range(width):
                error = float(get(a, at + j * by_unit)) - float(get(t, to + j))
                added += abs(error)
                put(sums, 3 + j, get(sums, 3 + j) + error * error)
        elif kind == BINARY:
            added += _binary_is_right(loss, a, at, by_unit, t, to, width)
        else:
            wanted, most = 0, get(t, to)
            for j in range(1, width):
                u = get(t, to + j)
                wanted, most = (j, u) if u > most else (wanted, most)
            added += _decision(loss, a, at, by_unit, width) == wanted
    put(sums, 2, get(sums, 2) + added)


@njit(**PLAIN)
def _binary_is_right(
    loss: int, a: Any, at: int, by_unit: int, t: Any, to: int, width: int
) -> bool:  # fmt: skip
    """Whether all outputs of a row are on the right side of 1/2."""
    half, quarter = constant(a, 0.5), constant(a, 0.25)
    for j in range(width):
        v = get(a, at + j * by_unit)
        if loss == BCE:  # at least 1/2, after rounding, where the sigmoid is
            v = v * quarter + half
        if (v >= half) != (get(t, to + j) >= half):
            return False
    return True
