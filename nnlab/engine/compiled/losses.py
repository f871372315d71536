"""Losses in compiled code, with formulas as in core.losses; the catalogue is at the foot.

`batch` holds the values a of all layers, the offset z of the last ones (B, m) in them, the slopes
d to fill, the strides of z by row and by unit, the targets t, the numbers of the batch's rows in
t, how many rows it has, and m.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from nnlab.engine.compiled.activations import exp_held, peak_of
from nnlab.engine.compiled.functions import exp_minus_one, tanh
from nnlab.engine.compiled.primitives import Pointer, real

LOG_2 = math.log(2)


class CompiledLoss(NamedTuple):
    """`slopes(setting, weights, scale, batch)` fills d at z and returns the sum of the terms.

    setting: the loss's attribute that its formula takes. weights: the classes' factors, or ones.
    The slopes are the derivatives times `scale`; the sum is in float64.
    """

    slopes: Callable[..., float]
    setting: str | None = None


def loss_and_slopes(kind: int, setting: float, weights: Pointer, scale: float, batch: Any) -> float:
    """`slopes` of entry `kind` of the catalogue."""
    raise NotImplementedError


def by_element(term: Callable[..., Any], setting: str | None = None) -> CompiledLoss:
    """A loss from term(z, t, c, weights): the term of an output and its derivative.

    c is the loss's setting. Constant factors of the derivative belong to `Loss.factor`.
    """

    def slopes(setting: float, weights: Pointer, scale: float, batch: Any) -> float:
        a, z, d, by_row, by_unit, t, which, rows, width = batch
        c, factor, summed = real(a, setting), real(a, scale), 0.0
        for r in range(rows):
            at, to = z + r * by_row, which[r] * width
            for j in range(width):
                loss, slope = term(a[at + j * by_unit], t[to + j], c, weights)
                summed += loss
                d[at + j * by_unit] = slope * factor
        return summed

    return CompiledLoss(slopes, setting)


def square_error(z: Any, t: Any, c: Any, weights: Pointer) -> Any:
    """(z - t)^2, and half its derivative."""
    return (z - t) * (z - t), z - t


def absolute_error(z: Any, t: Any, c: Any, weights: Pointer) -> Any:
    """|z - t|, and its sign."""
    error, one, zero = z - t, real(z, 1), real(z, 0)
    return abs(error), one if error > zero else -one if error < zero else error


def huber(z: Any, t: Any, c: Any, weights: Pointer) -> Any:
    """Half the square of an error up to c, linear beyond."""
    error = z - t
    slope = c if error > c else -c if error < -c else error
    near = abs(slope)
    return near * (abs(error) - real(z, 0.5) * near), slope


def log_cosh(z: Any, t: Any, c: Any, weights: Pointer) -> Any:
    """log cosh e, below 1 as log(1 + u^2 / (2 + 2 u)) with u = exp(-|e|) - 1."""
    one, two = real(z, 1), real(z, 2)
    error = abs(z - t)
    near = error if error < one else one
    u = exp_minus_one(-near)
    far = error + math.log1p(math.exp(-two * error)) - real(z, LOG_2)
    return math.log1p(u * u / (two + two * u)) if error < one else far, tanh(z - t)


def poisson(z: Any, t: Any, c: Any, weights: Pointer) -> Any:
    """exp(z) - t + t (log t - z), with z held in exp."""
    rate, small = exp_held(z, c), real(z, 1e-30)
    return rate - t + t * (math.log(small if t < small else t) - z), rate - t


def bce(z: Any, t: Any, c: Any, weights: Pointer) -> Any:
    """max(z, 0) - z t + log(1 + exp(-|z|)), from one exp of -|z| for the derivative too."""
    zero, one = real(z, 0), real(z, 1)
    e = math.exp(-abs(z))
    tail = math.log1p(e)
    s = (e if z < zero else one) / (one + e)
    w1, w0 = weights[1] * t, weights[0] * (one - t)
    up, down = (-z, zero) if z < zero else (zero, z)
    return w1 * (up + tail) + w0 * (down + tail), s * (w1 + w0) - w1


def cross_entropy(setting: float, weights: Pointer, scale: float, batch: Any) -> float:
    """w_c t_c (log sum_j exp(z_j - max z) + max z - z_c)."""
    a, z, d, by_row, by_unit, t, which, rows, width = batch
    factor, summed = real(a, scale), 0.0
    for r in range(rows):
        at, to = z + r * by_row, which[r] * width
        peak = peak_of(a, at, by_unit, width)
        total, mass = real(a, 0), real(a, 0)
        for j in range(width):
            e = math.exp(a[at + j * by_unit] - peak)
            d[at + j * by_unit] = e
            total += e
            mass += weights[j] * t[to + j]
        log, share = math.log(total), mass / total
        for j in range(width):
            u = weights[j] * t[to + j]
            if u != real(a, 0):
                summed += u * (log + (peak - a[at + j * by_unit]))
            d[at + j * by_unit] = (d[at + j * by_unit] * share - u) * factor
    return summed


def hinge(setting: float, weights: Pointer, scale: float, batch: Any) -> float:
    """max(0, margin + z_j - z_c) for each class but the true class c."""
    a, z, d, by_row, by_unit, t, which, rows, width = batch
    factor, margin, one, zero = real(a, scale), real(a, setting), real(a, 1), real(a, 0)
    summed = 0.0
    for r in range(rows):
        at, to = z + r * by_row, which[r] * width
        true, within = zero, zero
        for j in range(width):
            true += t[to + j] * a[at + j * by_unit]
        for j in range(width):
            over = margin + a[at + j * by_unit] - true
            wrong = one - t[to + j]
            step = wrong if over > zero else over * zero  # nan stays nan
            summed += wrong * (over if over > zero else over * zero)
            within += step
            d[at + j * by_unit] = step
        for j in range(width):
            slope = d[at + j * by_unit] - t[to + j] * within
            d[at + j * by_unit] = slope * factor
    return summed


COMPILED_LOSSES = {
    "mse": by_element(square_error),
    "mae": by_element(absolute_error),
    "huber": by_element(huber, "delta"),
    "log_cosh": by_element(log_cosh),
    "poisson": by_element(poisson),
    "bce": by_element(bce),
    "cross_entropy": CompiledLoss(cross_entropy),
    "hinge": CompiledLoss(hinge, "margin"),
}
