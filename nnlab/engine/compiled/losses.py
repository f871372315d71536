"""Losses and metrics of one batch: z (B, m) at an offset with strides, targets by row number."""

import math
from typing import Any

from numba import njit

from nnlab.engine.compiled.functions import PLAIN
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

MSE, MAE, HUBER, BCE, CROSS_ENTROPY = range(5)
CLASSES, BINARY, REGRESSION = range(3)


@njit(**PLAIN)
def compare(
    kind: int, delta: float, weighted: bool, weights: Any, scale: float, a: Any, z: int, d: Any,
    by_row: int, by_unit: int, t: Any, which: Any, rows: int, width: int,
) -> float:  # fmt: skip
    """Fill d at z with the derivative of the reduced loss; the sum of the terms, in float64."""
    if kind == CROSS_ENTROPY:
        return _cross_entropy(
            weighted, weights, scale, a, z, d, by_row, by_unit, t, which, rows, width
        )  # fmt: skip
    if kind == BCE:
        return _bce(weighted, weights, scale, a, z, d, by_row, by_unit, t, which, rows, width)
    if kind == MSE and rows == 1 and by_unit == 1:
        return _squares(scale, a, z, d, t, get(which, 0) * width, width)
    zero, half, factor, bound = (
        constant(a, 0),
        constant(a, 0.5),
        constant(a, scale),
        constant(a, delta),
    )
    one = constant(a, 1)
    summed = 0.0
    for r in range(rows):
        at, to = z + r * by_row, get(which, r) * width
        for j in range(width):
            error = get(a, at + j * by_unit) - get(t, to + j)
            if kind == MSE:
                term = error * error
            elif kind == MAE:
                term = abs(error)
                if error > zero:
                    error = one
                elif error < zero:
                    error = -one
            else:
                size = abs(error)
                near = bound if size > bound else size
                term = near * (size - half * near)
                error = bound if error > bound else -bound if error < -bound else error
            summed += term
            put(d, at + j * by_unit, error * factor)
    return summed


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
def _bce(
    weighted: bool, weights: Any, scale: float, a: Any, z: int, d: Any, by_row: int, by_unit: int,
    t: Any, which: Any, rows: int, width: int,
) -> float:  # fmt: skip
    """max(z, 0) - z t + log(1 + exp(-|z|)), from one exp of -|z| for the derivative too."""
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
def _cross_entropy(
    weighted: bool, weights: Any, scale: float, a: Any, z: int, d: Any, by_row: int, by_unit: int,
    t: Any, which: Any, rows: int, width: int,
) -> float:  # fmt: skip
    """w_c t_c (log sum_j exp(z_j - max z) + max z - z_c)."""
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
    if best == 0 or (loss != CROSS_ENTROPY and loss != BCE):
        return best
    # Logits before `best` are smaller, but may end in the same output.
    one, close, large = constant(a, 1), constant(a, 1e-5), constant(a, 8)
    tied = top > large if loss == BCE else False
    for j in range(best):
        if top - get(a, at + j * by_unit) < close:
            tied = True
    if not tied:
        return best
    if loss == BCE:
        for j in range(best):
            if _sigmoid(a, get(a, at + j * by_unit)) >= _sigmoid(a, top):
                return j
        return best
    whole = constant(a, 0)
    for j in range(width):
        whole += math.exp(get(a, at + j * by_unit) - top)
    for j in range(best):
        if math.exp(get(a, at + j * by_unit) - top) / whole >= one / whole:
            return j
    return best


@njit(**PLAIN)
def judge(
    kind: int, loss: int, sums: Any, a: Any, z: int, by_row: int, by_unit: int,
    t: Any, which: Any, rows: int, width: int,
) -> None:  # fmt: skip
    """Add a batch to what `Tally` counts after rows and loss."""
    half, quarter = constant(a, 0.5), constant(a, 0.25)
    right, absolute = 0, 0.0
    for r in range(rows):
        at, to = z + r * by_row, get(which, r) * width
        if kind == REGRESSION:
            for j in range(width):
                error = float(get(a, at + j * by_unit)) - float(get(t, to + j))
                absolute += abs(error)
                put(sums, 3 + j, get(sums, 3 + j) + error * error)
        elif kind == BINARY:
            good = 1
            for j in range(width):
                v = get(a, at + j * by_unit)
                if loss == BCE:  # at least 1/2, after rounding, where the sigmoid is
                    v = v * quarter + half
                if (v >= half) != (get(t, to + j) >= half):
                    good = 0
            right += good
        else:
            wanted, most = 0, get(t, to)
            for j in range(1, width):
                u = get(t, to + j)
                wanted, most = (j, u) if u > most else (wanted, most)
            right += _decision(loss, a, at, by_unit, width) == wanted
    put(sums, 2, get(sums, 2) + (absolute if kind == REGRESSION else right))
