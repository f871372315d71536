"""Batch normalisation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Gt, Le

from nnlab.core.layers.base import Layer
from nnlab.core.memory import Parameter, Scratch
from nnlab.core.types import Array, Shape, Views, size


@dataclass(frozen=True)
class BatchNorm(Layer):
    """Each feature, or channel of images, gets a learned mean and a learned deviation.

    y = gamma (x - mean) / sqrt(var + eps) + beta, with mean and var over all axes but the last.

    In training they are those of the batch; in evaluation running averages. As in PyTorch, the
    batch's variance is divided by N to normalise and by N - 1 for the running one; both running
    values start at 0 and 1 (Ioffe and Szegedy, 2015).

    momentum: the weight of a new batch in the running values; Keras's momentum is 1 minus this.
    eps: keeps the root away from 0.
    """

    momentum: Annotated[float, Gt(0), Le(1)] = 0.1
    eps: Annotated[float, Gt(0)] = 1e-5
    operations: ClassVar[int] = 3

    def parameters(self, shape: Shape) -> tuple[Parameter, ...]:
        return (Parameter("gamma", shape[-1:], value=1.0), Parameter("beta", shape[-1:]))

    def buffers(self, shape: Shape) -> tuple[Parameter, ...]:
        return (
            Parameter("running_mean", shape[-1:]),
            Parameter("running_var", shape[-1:], value=1.0),
        )

    def least_batch(self, shape: Shape) -> int:
        """A variance needs two numbers; an image has many in each channel."""
        return 2 if size(shape[:-1]) == 1 else 1

    def scratch(self, shape: Shape, batch: int) -> Mapping[str, Scratch]:
        return {name: Scratch(shape[-1:]) for name in ("mean", "var", "inverse")}

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        rows, out = x.reshape(-1, x.shape[-1]), y.reshape(-1, y.shape[-1])  # (N, c)
        mean, var = (s.mean, s.var) if train else (s.running_mean, s.running_var)  # (c,)
        if train:
            count = max(len(rows), 1)
            s.mean[...] = rows.sum(axis=0, dtype=np.float64) / count
            np.subtract(rows, s.mean, out)
            s.var[...] = np.square(out).sum(axis=0, dtype=np.float64) / count
            self.follow(len(rows), s)
        s.inverse[...] = 1 / np.sqrt(var + self.eps)
        np.subtract(rows, mean, out)
        np.multiply(out, p.gamma * s.inverse, out)
        np.add(out, p.beta, out)

    def follow(self, count: int, s: Views) -> None:
        """running <- (1 - momentum) running + momentum of the batch's, the variance by N - 1."""
        if not count:
            return
        unbiased = count / max(count - 1, 1)
        for running, batch, factor in (
            (s.running_mean, s.mean, 1.0),
            (s.running_var, s.var, unbiased),
        ):
            np.multiply(running, 1 - self.momentum, running)
            running += self.momentum * factor * batch

    def backward(
        self, p: Views, g: Views, x: Array, y: Array, dy: Array, dx: Array | None, s: Views
    ) -> None:
        """dgamma = sum dy x^, dbeta = sum dy, where x^ = (x - mean) / sqrt(var + eps).

        dx = gamma / sqrt(var + eps) (dy - mean(dy) - x^ mean(dy x^)).
        """
        c = x.shape[-1]
        slopes = dy.reshape(-1, c)  # (N, c)
        normal = (x.reshape(-1, c) - s.mean) * s.inverse  # (N, c)
        np.sum(slopes, axis=0, out=g.beta)
        np.sum(slopes * normal, axis=0, out=g.gamma)
        if dx is not None:
            means = (g.beta + normal * g.gamma) / max(len(normal), 1)
            dx[...] = (p.gamma * s.inverse * (slopes - means)).reshape(dx.shape)
