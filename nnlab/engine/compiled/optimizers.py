"""Optimizers in compiled code, with formulas as in core.optimizers; the catalogue is at the foot.

theta, g and the slots are pointers to `size` numbers, of which the first `weights` decay.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from nnlab.core.optimizers import SETTLE_EVERY
from nnlab.engine.compiled.primitives import Pointer, real
from nnlab.engine.compiled.products import dot
from nnlab.engine.compiled.team import SQUARES, meet, put, total

MAX_SLOTS = 3


class CompiledOptimizer(NamedTuple):
    """`update(rule, lr, t, theta, g, slots, size, weights)` is update t = 1, 2, ...

    slots: what the three pointers `slots` are, by the optimizer's names; one that a setting
    switches off points nowhere. settings: the optimizer's attributes that `rule` holds, beside
    those of every optimizer.
    """

    update: Callable[..., None]
    slots: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()


def update_parameters(
    kind: int, rule: Any, lr: float, t: int, theta: Pointer, g: Pointer, slots: Any, size: int,
    weights: int,
) -> None:  # fmt: skip
    """`update` of entry `kind` of the catalogue."""
    raise NotImplementedError


def optimizer_step(
    task: Any, memory: Any, rule: Any, lr: float, t: int, theta: Any, g: Any, slots: Any,
    size: int, weights: int,
) -> None:  # fmt: skip
    """All of update t after the gradient, for this thread's parameters."""
    if rule.shapes_gradient:
        shape_gradient(task, memory, rule, theta, g, size, weights)
    update_parameters(rule.kind, rule, lr, t, theta, g, slots, size, weights)
    if t % SETTLE_EVERY == 0:
        for i in range(MAX_SLOTS):
            if rule.slots & (1 << i):
                settle(slots[i], real(theta, task.tiny), size)


def shape_gradient(
    task: Any, memory: Any, rule: Any, theta: Pointer, g: Pointer, size: int, weights: int
) -> None:
    """l1, clipping by norm and by value, coupled weight decay; a limit of 0 is none."""
    zero = real(g, 0)
    if rule.l1 > 0.0:
        l1 = real(g, rule.l1)
        for i in range(weights):
            g[i] += l1 if theta[i] > zero else -l1 if theta[i] < zero else zero
    clip(task, memory, rule, g, size)
    if rule.weight_decay > 0.0 and not rule.decoupled:
        decay = real(g, rule.weight_decay)
        for i in range(weights):
            g[i] += decay * theta[i]


def clip(task: Any, memory: Any, rule: Any, g: Pointer, size: int) -> None:
    """Clipping by the norm of the whole gradient, and by value."""
    if rule.clip_norm > 0.0:
        put(memory, task, SQUARES, float(dot(g, g, size)))
        meet(memory, task)
        norm = math.sqrt(total(memory, task, SQUARES)) + 1e-6
        if norm > rule.clip_norm:
            factor = real(g, rule.clip_norm / norm)
            for i in range(size):
                g[i] *= factor
    if rule.clip_value > 0.0:
        bound = real(g, rule.clip_value)
        for i in range(size):
            g[i] = bound if g[i] > bound else -bound if g[i] < -bound else g[i]


def settle(slot: Pointer, tiny: Any, size: int) -> None:
    """Make numbers next to the smallest ones 0, as core.optimizers does."""
    for i in range(size):
        slot[i] = (slot[i] + tiny) - tiny


def move_average(average: Pointer, theta: Pointer, size: int, decay: float, t: int) -> None:
    """average <- d average + (1 - d) theta, with d = min(decay, (1 + t) / (10 + t))."""
    begun = (1.0 + t) / (10.0 + t)
    rest = real(theta, 1.0 - (begun if begun < decay else decay))
    for i in range(size):
        average[i] += rest * (theta[i] - average[i])


def sgd(
    rule: Any, lr: float, t: int, theta: Any, g: Any, slots: Any, size: int, weights: int
) -> None:
    """v = mu v + g; three loops, as one with branches is not vectorized."""
    velocity = slots[0]
    rate, mu = real(theta, lr), real(theta, rule.momentum)
    if rule.momentum == 0.0:
        for i in range(size):
            theta[i] -= rate * g[i]
    elif rule.nesterov:
        for i in range(size):
            v = mu * velocity[i] + g[i]
            velocity[i] = v
            theta[i] -= rate * (mu * v + g[i])
    else:
        for i in range(size):
            v = mu * velocity[i] + g[i]
            velocity[i] = v
            theta[i] -= rate * v


def adagrad(
    rule: Any, lr: float, t: int, theta: Any, g: Any, slots: Any, size: int, weights: int
) -> None:
    """s += g^2, theta -= lr g / (sqrt(s) + eps)."""
    squares = slots[0]
    rate, eps = real(theta, lr), real(theta, rule.eps)
    for i in range(size):
        s = squares[i] + g[i] * g[i]
        squares[i] = s
        theta[i] -= rate * (g[i] / (math.sqrt(s) + eps))


def rmsprop(
    rule: Any, lr: float, t: int, theta: Any, g: Any, slots: Any, size: int, weights: int
) -> None:
    """s = alpha s + (1 - alpha) g^2, divided by the root of s, or centered of s - m^2."""
    squares, means, velocity = slots
    rate, eps, mu = real(theta, lr), real(theta, rule.eps), real(theta, rule.momentum)
    alpha, rest, zero = real(theta, rule.alpha), real(theta, 1 - rule.alpha), real(theta, 0)
    centered, moving = rule.centered > 0.0, rule.momentum > 0.0
    for i in range(size):
        square = alpha * squares[i] + rest * (g[i] * g[i])
        squares[i] = square
        if centered:
            mean = alpha * means[i] + rest * g[i]
            means[i] = mean
            square -= mean * mean
            square = zero if square < zero else square
        step = g[i] / (math.sqrt(square) + eps)
        if moving:
            step += mu * velocity[i]
            velocity[i] = step
        theta[i] -= rate * step


def adam(
    rule: Any, lr: float, t: int, theta: Any, g: Any, slots: Any, size: int, weights: int
) -> None:
    """Adam and, where the decay is decoupled, AdamW, on unscaled moments."""
    first, second, _ = slots
    b1, b2 = real(theta, rule.beta1), real(theta, rule.beta2)
    # math.pow and not **, which may raise in numba: only plain C can be loaded without it.
    root = math.sqrt((1.0 - math.pow(rule.beta2, float(t))) / (1.0 - rule.beta2))
    eps = real(theta, rule.eps * root)
    scale = lr * root * (1.0 - rule.beta1) / (1.0 - math.pow(rule.beta1, float(t)))
    rate = real(theta, scale)
    if rule.decoupled and rule.weight_decay > 0.0:
        keep = real(theta, 1.0 - lr * rule.weight_decay)
        for i in range(weights):
            theta[i] *= keep
    for i in range(size):
        m = b1 * first[i] + g[i]
        v = b2 * second[i] + g[i] * g[i]
        first[i], second[i] = m, v
        theta[i] -= rate * (m / (math.sqrt(v) + eps))


ADAM = CompiledOptimizer(adam, ("m", "v"), ("beta1", "beta2", "eps"))
COMPILED_OPTIMIZERS = {
    "sgd": CompiledOptimizer(sgd, ("velocity",), ("momentum", "nesterov")),
    "adagrad": CompiledOptimizer(adagrad, ("squares",), ("eps",)),
    "rmsprop": CompiledOptimizer(
        rmsprop, ("square", "mean", "velocity"), ("alpha", "eps", "momentum", "centered")
    ),
    "adam": ADAM,
    "adamw": ADAM,
}
