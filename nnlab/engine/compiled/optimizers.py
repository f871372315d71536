"""Optimizers: what is done to the gradient, then one pass over the block.

Formulas as in core.optimizers. `first`, `second` and `velocity` are its slots by what they hold:
the running mean of the gradient, that of its square (or the sum of squares), the velocity.
"""

import math
from typing import Any

from numba import njit

from nnlab.core.optimizers import SETTLE_EVERY
from nnlab.engine.compiled.functions import PLAIN
from nnlab.engine.compiled.products import NO, dot
from nnlab.engine.compiled.vectors import address

SGD, ADAGRAD, RMSPROP, ADAM = range(4)


@njit(**PLAIN)
def step(
    rule: Any, lr: float, t: int, theta: Any, g: Any, first: Any, second: Any, velocity: Any,
    weights: int, tiny: Any,
) -> None:  # fmt: skip
    """Everything that update t = 1, 2, ... does with the gradient; g may be longer than theta."""
    if rule.shaped:
        shape_gradient(rule, theta, g, theta.size, weights)
    update(rule, lr, t, theta, g, first, second, velocity, weights)
    if t % SETTLE_EVERY == 0:
        settle(first, tiny)
        settle(second, tiny)
        settle(velocity, tiny)


@njit(**PLAIN)
def shape_gradient(rule: Any, theta: Any, g: Any, count: int, weights: int) -> None:
    """l1, clipping by norm and by value, coupled weight decay."""
    number = theta.dtype.type
    zero = number(0)
    if rule.l1 > 0.0:
        l1 = number(rule.l1)
        for i in range(weights):
            g[i] += l1 if theta[i] > zero else -l1 if theta[i] < zero else zero
    if rule.clip_norm > 0.0:
        norm = math.sqrt(float(dot(address(g), NO, address(g), NO, count))) + 1e-6
        if norm > rule.clip_norm:
            factor = number(rule.clip_norm / norm)
            for i in range(count):
                g[i] *= factor
    if rule.clip_value > 0.0:
        bound = number(rule.clip_value)
        for i in range(count):
            g[i] = bound if g[i] > bound else -bound if g[i] < -bound else g[i]
    if rule.decay > 0.0 and not rule.decoupled:
        decay = number(rule.decay)
        for i in range(weights):
            g[i] += decay * theta[i]


@njit(**PLAIN)
def update(
    rule: Any, lr: float, t: int, theta: Any, g: Any, first: Any, second: Any, velocity: Any,
    weights: int,
) -> None:  # fmt: skip
    """Change theta and the slots by g."""
    if rule.kind == SGD:
        _sgd(rule, lr, theta, g, velocity)
    elif rule.kind == ADAGRAD:
        number = theta.dtype.type
        rate, eps = number(lr), number(rule.eps)
        for i in range(theta.size):
            second[i] += g[i] * g[i]
            theta[i] -= rate * (g[i] / (math.sqrt(second[i]) + eps))
    elif rule.kind == RMSPROP:
        _rmsprop(rule, lr, theta, g, first, second, velocity)
    else:
        _adam(rule, lr, t, theta, g, first, second, weights)


@njit(**PLAIN)
def _sgd(rule: Any, lr: float, theta: Any, g: Any, velocity: Any) -> None:
    number = theta.dtype.type
    rate, mu = number(lr), number(rule.momentum)
    if rule.momentum == 0.0:
        for i in range(theta.size):
            theta[i] -= rate * g[i]
    elif rule.nesterov:
        for i in range(theta.size):
            v = mu * velocity[i] + g[i]
            velocity[i] = v
            theta[i] -= rate * (mu * v + g[i])
    else:
        for i in range(theta.size):
            v = mu * velocity[i] + g[i]
            velocity[i] = v
            theta[i] -= rate * v


@njit(**PLAIN)
def _rmsprop(
    rule: Any, lr: float, theta: Any, g: Any, first: Any, second: Any, velocity: Any
) -> None:
    number = theta.dtype.type
    rate, eps, mu, zero = number(lr), number(rule.eps), number(rule.momentum), number(0)
    alpha, rest = number(rule.beta2), number(1 - rule.beta2)
    for i in range(theta.size):
        square = alpha * second[i] + rest * (g[i] * g[i])
        second[i] = square
        if rule.centered:
            mean = alpha * first[i] + rest * g[i]
            first[i] = mean
            square -= mean * mean
            square = zero if square < zero else square
        step = g[i] / (math.sqrt(square) + eps)
        if rule.momentum > 0.0:
            step += mu * velocity[i]
            velocity[i] = step
        theta[i] -= rate * step


@njit(**PLAIN)
def _adam(
    rule: Any, lr: float, t: int, theta: Any, g: Any, first: Any, second: Any, weights: int
) -> None:
    number = theta.dtype.type
    b1, b2 = number(rule.beta1), number(rule.beta2)
    root = math.sqrt((1.0 - rule.beta2**t) / (1.0 - rule.beta2))
    eps = number(rule.eps * root)
    rate = number(lr * root * (1.0 - rule.beta1) / (1.0 - rule.beta1**t))
    if rule.decoupled and rule.decay > 0.0:
        keep = number(1.0 - lr * rule.decay)
        for i in range(weights):
            theta[i] *= keep
    for i in range(theta.size):
        m = b1 * first[i] + g[i]
        v = b2 * second[i] + g[i] * g[i]
        first[i], second[i] = m, v
        theta[i] -= rate * (m / (math.sqrt(v) + eps))


@njit(**PLAIN)
def settle(slot: Any, tiny: Any) -> None:
    """Make numbers next to the smallest ones 0, as core.optimizers does."""
    for i in range(slot.size):
        slot[i] = (slot[i] + tiny) - tiny


@njit(**PLAIN)
def follow(average: Any, theta: Any, decay: float, t: int) -> None:
    """average <- d average + (1 - d) theta, with d = min(decay, (1 + t) / (10 + t))."""
    rest = average.dtype.type(1.0 - min(decay, (1.0 + t) / (10.0 + t)))
    for i in range(theta.size):
        average[i] += rest * (theta[i] - average[i])
