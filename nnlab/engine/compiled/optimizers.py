"""Optimizers: what is done to the gradient, then one pass over the block.

Formulas as in core.optimizers. `first`, `second` and `velocity` are its slots by what they hold:
the running mean of the gradient, that of its square (or the sum of squares), the velocity.
"""

import math
from typing import Any

from numba import carray, njit

from nnlab.core.optimizers import SETTLE_EVERY
from nnlab.engine.compiled.functions import PLAIN
from nnlab.engine.compiled.products import NO, dot
from nnlab.engine.compiled.vectors import constant, get, put

SGD, ADAGRAD, RMSPROP, ADAM = range(4)  # OPTIMIZER_CODES


@njit(**PLAIN)
def optimizer_step(
    rule: Any, task: Any, lr: float, t: int, p: Any, pg: Any, pm: Any, pv: Any, pu: Any
) -> None:
    """All of update t = 1, 2, ... after the gradient; p, pg, ... are addresses."""
    size = task.parameters
    theta, g = carray(p, size), carray(pg, size)
    first = carray(pm, size if task.first else 0)
    second = carray(pv, size if task.second else 0)
    velocity = carray(pu, size if task.velocity else 0)
    if rule.shapes_gradient:
        _shape_gradient(rule, theta, g, pg, task.weights)
    if rule.kind == SGD:
        _sgd(rule, lr, theta, g, velocity)
    elif rule.kind == ADAGRAD:
        _adagrad(rule, lr, theta, g, second)
    elif rule.kind == RMSPROP:
        _rmsprop(rule, lr, theta, g, first, second, velocity)
    else:
        _adam(rule, lr, t, theta, g, first, second, task.weights)
    if t % SETTLE_EVERY == 0:
        tiny = theta.dtype.type(task.tiny)
        _settle(first, tiny)
        _settle(second, tiny)
        _settle(velocity, tiny)


@njit(**PLAIN)
def _shape_gradient(rule: Any, theta: Any, g: Any, pg: Any, weights: int) -> None:
    """l1, clipping by norm and by value, coupled weight decay; a limit of 0 is none."""
    real = theta.dtype.type
    zero = real(0)
    if rule.l1 > 0.0:
        l1 = real(rule.l1)
        for i in range(weights):
            g[i] += l1 if theta[i] > zero else -l1 if theta[i] < zero else zero
    _clip(rule, g, pg)
    if rule.weight_decay > 0.0 and not rule.decoupled:
        decay = real(rule.weight_decay)
        for i in range(weights):
            g[i] += decay * theta[i]


@njit(**PLAIN)
def _clip(rule: Any, g: Any, pg: Any) -> None:
    real = g.dtype.type
    if rule.clip_norm > 0.0:
        norm = math.sqrt(float(dot(pg, NO, pg, NO, g.size))) + 1e-6
        if norm > rule.clip_norm:
            factor = real(rule.clip_norm / norm)
            for i in range(g.size):
                g[i] *= factor
    if rule.clip_value > 0.0:
        bound = real(rule.clip_value)
        for i in range(g.size):
            g[i] = bound if g[i] > bound else -bound if g[i] < -bound else g[i]


@njit(**PLAIN)
def _settle(slot: Any, tiny: Any) -> None:
    """Make numbers next to the smallest ones 0, as core.optimizers does."""
    for i in range(slot.size):
        slot[i] = (slot[i] + tiny) - tiny


@njit(**PLAIN)
def _adagrad(rule: Any, lr: float, theta: Any, g: Any, second: Any) -> None:
    real = theta.dtype.type
    rate, eps = real(lr), real(rule.eps)
    for i in range(theta.size):
        second[i] += g[i] * g[i]
        theta[i] -= rate * (g[i] / (math.sqrt(second[i]) + eps))


@njit(**PLAIN)
def _sgd(rule: Any, lr: float, theta: Any, g: Any, velocity: Any) -> None:
    real = theta.dtype.type
    rate, mu = real(lr), real(rule.momentum)
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
    real = theta.dtype.type
    rate, eps, mu, zero = real(lr), real(rule.eps), real(rule.momentum), real(0)
    alpha, rest = real(rule.alpha), real(1 - rule.alpha)
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
    real = theta.dtype.type
    b1, b2 = real(rule.beta1), real(rule.beta2)
    # math.pow and not **, which may raise in numba: only plain C can be loaded without it.
    root = math.sqrt((1.0 - math.pow(rule.beta2, float(t))) / (1.0 - rule.beta2))
    eps = real(rule.eps * root)
    rate = real(lr * root * (1.0 - rule.beta1) / (1.0 - math.pow(rule.beta1, float(t))))
    if rule.decoupled and rule.weight_decay > 0.0:
        keep = real(1.0 - lr * rule.weight_decay)
        for i in range(weights):
            theta[i] *= keep
    for i in range(theta.size):
        m = b1 * first[i] + g[i]
        v = b2 * second[i] + g[i] * g[i]
        first[i], second[i] = m, v
        theta[i] -= rate * (m / (math.sqrt(v) + eps))


@njit(**PLAIN)
def move_average(average: Any, theta: Any, size: int, decay: float, t: int) -> None:
    """average <- d average + (1 - d) theta, with d = min(decay, (1 + t) / (10 + t))."""
    rest = constant(theta, 1.0 - min(decay, (1.0 + t) / (10.0 + t)))
    for i in range(size):
        old = get(average, i)
        put(average, i, old + rest * (get(theta, i) - old))
