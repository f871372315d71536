"""Optimizers that use the gradient alone: sgd and those with a rate per parameter."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge, Gt, Lt

from nnlab.core.optimizers.base import Assignment, NotNegative, Optimizer
from nnlab.core.types import Array, Views

Momentum = Annotated[float, Ge(0), Lt(1)]


@dataclass(frozen=True, kw_only=True)
class Sgd(Optimizer):
    """Gradient descent: theta -= lr g.

    With momentum mu: v = mu v + g, theta -= lr v; with nesterov theta -= lr (g + mu v). The
    velocity is not multiplied by lr (Sutskever et al., 2013, do so), so a changing lr acts at once.
    """

    momentum: Momentum = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov needs a momentum above 0")

    @property
    def slots(self) -> tuple[str, ...]:
        return ("velocity",) if self.momentum > 0 else ()

    @property
    def rule(self) -> tuple[Assignment, ...]:
        if self.momentum == 0:
            return (Assignment("w", "w - lr * g"),)
        direction = "(g + momentum * velocity)" if self.nesterov else "velocity"
        return (
            Assignment("velocity", "momentum * velocity + g"),
            Assignment("w", f"w - lr * {direction}"),
        )

    def update(self, o: Views, lr: float, t: int) -> None:
        direction = o.g
        if self.momentum > 0:
            np.multiply(o.velocity, self.momentum, o.velocity)
            np.add(o.velocity, o.g, o.velocity)
            direction = o.velocity
            if self.nesterov:
                np.multiply(o.velocity, self.momentum, o.tmp)
                np.add(o.tmp, o.g, o.tmp)
                direction = o.tmp
        np.multiply(direction, lr, o.tmp)
        np.subtract(o.theta, o.tmp, o.theta)


@dataclass(frozen=True, kw_only=True)
class Adagrad(Optimizer):
    """s += g^2, theta -= lr g / (sqrt(s) + eps) (Duchi et al., 2011); s starts at 0."""

    eps: Annotated[float, Gt(0)] = 1e-10

    slots = ("squares",)
    rule = (
        Assignment("squares", "squares + g**2"),
        Assignment("w", "w - lr * g / (sqrt(squares) + eps)"),
    )

    def update(self, o: Views, lr: float, t: int) -> None:
        np.multiply(o.g, o.g, o.tmp)
        np.add(o.squares, o.tmp, o.squares)
        np.sqrt(o.squares, o.tmp)
        np.add(o.tmp, self.eps, o.tmp)
        np.divide(o.g, o.tmp, o.tmp)
        np.multiply(o.tmp, lr, o.tmp)
        np.subtract(o.theta, o.tmp, o.theta)


@dataclass(frozen=True, kw_only=True)
class Rmsprop(Optimizer):
    """s = alpha s + (1 - alpha) g^2, theta -= lr g / (sqrt(s) + eps) (Hinton, 2012).

    eps stands outside the root. With momentum mu: v = mu v + g / (sqrt(s) + eps), theta -= lr v.
    `centered` divides by sqrt(s - m^2) + eps instead, with m = alpha m + (1 - alpha) g
    (Graves, 2013).
    """

    alpha: Momentum = 0.99
    eps: Annotated[float, Gt(0)] = 1e-8
    momentum: Momentum = 0.0
    centered: bool = False

    @property
    def slots(self) -> tuple[str, ...]:
        mean = ("mean",) if self.centered else ()
        return ("square", *mean, *(("velocity",) if self.momentum > 0 else ()))

    @property
    def rule(self) -> tuple[Assignment, ...]:
        steps = [Assignment("square", "alpha * square + (1 - alpha) * g**2")]
        divided = "g / (sqrt(square) + eps)"
        if self.centered:
            steps.append(Assignment("mean", "alpha * mean + (1 - alpha) * g"))
            divided = "g / (sqrt(max(square - mean**2, 0)) + eps)"
        if self.momentum == 0:
            return (*steps, Assignment("w", f"w - lr * {divided}"))
        steps.append(Assignment("velocity", f"momentum * velocity + {divided}"))
        return (*steps, Assignment("w", "w - lr * velocity"))

    def update(self, o: Views, lr: float, t: int) -> None:
        np.multiply(o.g, o.g, o.tmp)
        average(o.square, o.tmp, self.alpha)
        np.copyto(o.tmp, o.square)
        if self.centered:
            np.copyto(o.tmp, o.g)
            average(o.mean, o.tmp, self.alpha)
            np.multiply(o.mean, o.mean, o.tmp)
            np.subtract(o.square, o.tmp, o.tmp)
            np.maximum(o.tmp, 0.0, out=o.tmp)  # rounding, where the gradient never changes
        np.sqrt(o.tmp, o.tmp)
        np.add(o.tmp, self.eps, o.tmp)
        np.divide(o.g, o.tmp, o.tmp)
        if self.momentum > 0:
            np.multiply(o.velocity, self.momentum, o.velocity)
            np.add(o.velocity, o.tmp, o.velocity)
            np.multiply(o.velocity, lr, o.tmp)
        else:
            np.multiply(o.tmp, lr, o.tmp)
        np.subtract(o.theta, o.tmp, o.theta)


@dataclass(frozen=True, kw_only=True)
class Adam(Optimizer):
    """m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2, theta -= lr m^ / (sqrt(v^) + eps).

    m^ = m / (1 - b1^t) and v^ = v / (1 - b2^t) (Kingma and Ba, 2015); eps is added after the
    correction. The slots hold M = m / (1 - b1) and V = v / (1 - b2): with
    r = sqrt((1 - b2^t) / (1 - b2)) the step is lr r (1 - b1) / (1 - b1^t) M / (sqrt(V) + eps r),
    two passes over the block fewer.
    """

    lr: Annotated[float, Gt(0)] = 0.001
    beta1: Momentum = 0.9
    beta2: Momentum = 0.999
    eps: Annotated[float, Gt(0)] = 1e-8

    slots = ("m", "v")

    @property
    def rule(self) -> tuple[Assignment, ...]:
        decays = self.decoupled and self.weight_decay > 0
        decay = Assignment("w", "w * (1 - lr * weight_decay)", weights=True)
        return (
            *([decay] if decays else []),
            Assignment("m", "beta1 * m + (1 - beta1) * g"),
            Assignment("v", "beta2 * v + (1 - beta2) * g**2"),
            Assignment("m_hat", "m / (1 - beta1**t)"),
            Assignment("v_hat", "v / (1 - beta2**t)"),
            Assignment("w", "w - lr * m_hat / (sqrt(v_hat) + eps)"),
        )

    def state(self, slots: Mapping[str, Array]) -> Mapping[str, Array]:
        """m and v themselves; see above for the slots."""
        return {"m": slots["m"] * (1 - self.beta1), "v": slots["v"] * (1 - self.beta2)}

    def update(self, o: Views, lr: float, t: int) -> None:
        if self.decoupled and self.weight_decay > 0:
            np.multiply(o.w, 1 - lr * self.weight_decay, o.w)
        root = sqrt((1 - self.beta2**t) / (1 - self.beta2))
        np.multiply(o.m, self.beta1, o.m)
        np.add(o.m, o.g, o.m)
        np.multiply(o.v, self.beta2, o.v)
        np.multiply(o.g, o.g, o.tmp)
        np.add(o.v, o.tmp, o.v)
        np.sqrt(o.v, o.tmp)
        np.add(o.tmp, self.eps * root, o.tmp)
        np.divide(o.m, o.tmp, o.tmp)
        np.multiply(o.tmp, lr * root * (1 - self.beta1) / (1 - self.beta1**t), o.tmp)
        np.subtract(o.theta, o.tmp, o.theta)


@dataclass(frozen=True, kw_only=True)
class Adamw(Adam):
    """Adam with decoupled decay: first w *= 1 - lr weight_decay (Loshchilov and Hutter, 2019).

    The decay is scaled by lr, as in PyTorch; in the paper it is not.
    """

    decoupled: ClassVar[bool] = True
    weight_decay: NotNegative = 0.01


def average(mean: Array, value: Array, decay: float) -> None:
    """mean <- decay mean + (1 - decay) value; `value` is used up."""
    np.multiply(mean, decay, mean)
    np.multiply(value, 1 - decay, value)
    np.add(mean, value, mean)
