"""Normalisation and dropout in compiled code, with formulas as in core.layers.

Rows are cut into pixels (N, c), whose channels lie together.
"""

import math
from typing import Any

import numpy as np

from nnlab.engine.compiled.layer import CompiledLayer, scratch_of, values_and_slopes
from nnlab.engine.compiled.primitives import Pointer, moved, pointer, real
from nnlab.engine.compiled.products import dot, summed
from nnlab.engine.compiled.team import meet, show, total_shown

# What the threads of a batch normalisation show to each other, per channel.
SUM, SQUARE, SLOPE, TILT = 0, 1, 2, 3


def normalise(task: Any, memory: Any, layer: Any, rows: int, theta: Pointer) -> None:
    """Mean and variance of the whole batch; the threads meet after each of both sums."""
    x, y, _, _ = values_and_slopes(memory, layer, theta)
    c, pixels, mean = layer.last, rows * (layer.n // layer.last), scratch_of(memory, layer, theta)
    inverse, variance, eps = moved(mean, c), moved(mean, 2 * c), layer.eps
    gamma, beta = moved(theta, layer.gamma), moved(theta, layer.beta)
    sums = show(memory, layer, SUM * c, c)
    for p in range(pixels):
        for j in range(c):
            sums[j] += x[p * c + j]
    meet(memory, task)
    count = layer.batch * (layer.n // c)
    for j in range(c):
        mean[j] = total_shown(task, memory, layer, SUM * c + j) / count
    squares = show(memory, layer, SQUARE * c, c)
    for p in range(pixels):
        for j in range(c):
            error = x[p * c + j] - mean[j]
            squares[j] += error * error
    meet(memory, task)
    scale = pointer(memory.room, theta)
    for j in range(c):
        v = total_shown(task, memory, layer, SQUARE * c + j) / count
        variance[j] = v
        inverse[j] = 1.0 / math.sqrt(v + eps)
        # Numbers that are not finite may not vanish in the division by their deviation.
        scale[j] = gamma[j] * inverse[j] + (variance[j] - variance[j])
    for p in range(pixels):
        for j in range(c):
            y[p * c + j] = (x[p * c + j] - mean[j]) * scale[j] + beta[j]


def normalise_back(
    task: Any, memory: Any, layer: Any, rows: int, theta: Pointer, add: bool
) -> None:
    """dx needs the sums of dy and of dy x^ over the whole batch."""
    x, _, dx, dy = values_and_slopes(memory, layer, theta)
    g, c, mean = pointer(memory.g, theta), layer.last, scratch_of(memory, layer, theta)
    inverse, pixels, count = moved(mean, c), rows * (layer.n // c), layer.batch * (layer.n // c)
    slopes, tilts = show(memory, layer, SLOPE * c, c), show(memory, layer, TILT * c, c)
    for p in range(pixels):
        for j in range(c):
            slope = dy[p * c + j]
            slopes[j] += slope
            tilts[j] += slope * ((x[p * c + j] - mean[j]) * inverse[j])
    dgamma, dbeta = moved(g, layer.gamma), moved(g, layer.beta)
    for j in range(c):
        dgamma[j], dbeta[j] = tilts[j], slopes[j]
    if not layer.pass_on:
        return
    meet(memory, task)
    gamma, middle = moved(theta, layer.gamma), pointer(memory.room, theta)
    tilt, factor = moved(middle, c), moved(middle, 2 * c)
    for j in range(c):
        middle[j] = total_shown(task, memory, layer, SLOPE * c + j) / count
        tilt[j] = total_shown(task, memory, layer, TILT * c + j) / count
        factor[j] = gamma[j] * inverse[j]
    for p in range(pixels):
        for j in range(c):
            normal = (x[p * c + j] - mean[j]) * inverse[j]
            dx[p * c + j] = factor[j] * (dy[p * c + j] - middle[j] - normal * tilt[j])


def follow_batch(task: Any, memory: Any, layer: Any, rows: int, theta: Pointer) -> None:
    """running <- (1 - momentum) running + momentum of the batch's, the variance by N - 1."""
    c, momentum, mean = layer.last, layer.momentum, scratch_of(memory, layer, theta)
    variance, count = moved(mean, 2 * c), layer.batch * (layer.n // c)
    unbiased = count / (count - 1) if count > 1 else 1.0
    means, variances = moved(theta, layer.running_mean), moved(theta, layer.running_var)
    keep, new = real(theta, 1.0 - momentum), real(theta, momentum)
    new_variance = real(theta, momentum * unbiased)
    for j in range(c):
        means[j] = keep * means[j] + new * mean[j]
        variances[j] = keep * variances[j] + new_variance * variance[j]


def normalise_rows(task: Any, memory: Any, layer: Any, rows: int, theta: Pointer) -> None:
    """Each pixel by its own mean and deviation, which are stored."""
    a, c, statistics = pointer(memory.a, theta), layer.last, scratch_of(memory, layer, theta)
    gamma, beta = moved(theta, layer.gamma), moved(theta, layer.beta)
    one, share, eps = real(a, 1), real(a, 1.0 / c), real(a, layer.eps)
    for p in range(rows * (layer.n // c)):
        x, y = moved(a, layer.x + p * c), moved(a, layer.y + p * c)
        mean = summed(x, c) * share
        for j in range(c):
            y[j] = x[j] - mean
        inverse = one / math.sqrt(dot(y, y, c) * share + eps)
        statistics[2 * p], statistics[2 * p + 1] = mean, inverse
        for j in range(c):
            y[j] = y[j] * inverse * gamma[j] + beta[j]


def normalise_rows_back(
    task: Any, memory: Any, layer: Any, rows: int, theta: Pointer, add: bool
) -> None:
    """dx = (d - mean(d) - x^ mean(d x^)) / deviation, with d = gamma dy."""
    a, d, g = pointer(memory.a, theta), pointer(memory.d, theta), pointer(memory.g, theta)
    statistics, c = scratch_of(memory, layer, theta), layer.last
    gamma, normal = moved(theta, layer.gamma), pointer(memory.room, theta)
    dgamma, dbeta, zero = moved(g, layer.gamma), moved(g, layer.beta), real(a, 0)
    share = real(a, 1.0 / c)
    if not add:
        for j in range(c):
            dgamma[j], dbeta[j] = zero, zero
    for p in range(rows * (layer.n // c)):
        x, dy, dx = moved(a, layer.x + p * c), moved(d, layer.y + p * c), moved(d, layer.x + p * c)
        mean, inverse = statistics[2 * p], statistics[2 * p + 1]
        for j in range(c):
            normal[j] = (x[j] - mean) * inverse
            dbeta[j] += dy[j]
            dgamma[j] += dy[j] * normal[j]
        if layer.pass_on:
            for j in range(c):
                dx[j] = gamma[j] * dy[j]
            middle, tilt = summed(dx, c) * share, dot(dx, normal, c) * share
            for j in range(c):
                dx[j] = (dx[j] - middle - normal[j] * tilt) * inverse


def drop(task: Any, memory: Any, layer: Any, rows: int, theta: Pointer) -> None:
    """0 where the number that was drawn is below the rate, else x / (1 - rate)."""
    x, y, _, _ = values_and_slopes(memory, layer, theta)
    drop_into(memory, layer, rows, x, y)


def drop_back(task: Any, memory: Any, layer: Any, rows: int, theta: Pointer, add: bool) -> None:
    """The same for the slopes."""
    _, _, dx, dy = values_and_slopes(memory, layer, theta)
    drop_into(memory, layer, rows, dy, dx)


def drop_into(memory: Any, layer: Any, rows: int, x: Pointer, y: Pointer) -> None:
    """`noise` holds the numbers of a layer for all rows of a call, layer by layer."""
    first = memory.noise_rows * layer.noise + pointer(memory.position, np.int64)[0] * layer.n
    noise = moved(pointer(memory.noise, np.float32), first)
    zero, keep, rate = real(x, 0), real(x, 1.0 / (1.0 - layer.rate)), real(noise, layer.rate)
    for i in range(rows * layer.n):
        y[i] = x[i] * (zero if noise[i] < rate else keep)


BATCH_NORM = CompiledLayer(
    normalise,
    normalise_back,
    follow_batch,
    fields={"last": int, "eps": float, "momentum": float},
    describe=lambda layer, shape: {"last": shape[-1], "eps": layer.eps, "momentum": layer.momentum},
    arrays=("gamma", "beta", "running_mean", "running_var"),
    scratch=lambda layer, shape, rows: 3 * shape[-1],
    room=lambda layer, shape, rows: 3 * shape[-1],
    shared=lambda layer, shape: 4 * shape[-1],
    by_batch=True,
)
LAYER_NORM = CompiledLayer(
    normalise_rows,
    normalise_rows_back,
    fields={"last": int, "eps": float},
    describe=lambda layer, shape: {"last": shape[-1], "eps": layer.eps},
    arrays=("gamma", "beta"),
    scratch=lambda layer, shape, rows: 2 * rows * math.prod(shape[:-1]),
    room=lambda layer, shape, rows: shape[-1],
)
DROPOUT = CompiledLayer(
    drop,
    drop_back,
    fields={"rate": float},
    describe=lambda layer, shape: {"rate": layer.rate},
    draws=True,
)
