"""Normalisation: over the rows of a batch, or within each row."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Gt, Le
from numpy.typing import DTypeLike

from nnlab.core.layers.base import Layer, Parameter
from nnlab.core.types import Array, Shape, Views, size


class Normalisation(Layer):
    """y = gamma x^ + beta, with a learned gamma (c,) and beta (c,) for the last axis."""

    def parameters(self, shape: Shape) -> tuple[Parameter, ...]:
        return (Parameter("gamma", shape[-1:], value=1.0), Parameter("beta", shape[-1:]))


@dataclass(frozen=True)
class BatchNorm(Normalisation):
    """Each feature, or channel of images, gets a learned mean and a learned deviation.

    y = gamma (x - mean) / sqrt(var + eps) + beta, with mean and var over all axes but the last.

    In training they are those of the batch; in evaluation running averages. As in PyTorch, the
    batch's variance is divided by N to normalise and by N - 1 for the running one; both running
    values start at 0 and 1 (Ioffe and Szegedy, 2015).

    momentum: the weight of a new batch in the running values; Keras's momentum is 1 minus this.
    eps: keeps the root away from 0.
    freeze: true leaves gamma, beta and the running values as they are; training, too, uses the
    running ones then. See Frozen layers.
    """

    formula = "gamma * (x - mean) / sqrt(var + eps) + beta"
    statistics = ("mean", "var")
    momentum: Annotated[float, Gt(0), Le(1)] = 0.1
    eps: Annotated[float, Gt(0)] = 1e-5
    freeze: bool = False
    operations: ClassVar[int] = 3

    def buffers(self, shape: Shape) -> tuple[Parameter, ...]:
        c = shape[-1:]
        return (Parameter("running_mean", c), Parameter("running_var", c, value=1.0))

    def least_batch(self, shape: Shape) -> int:
        """A variance needs two numbers; an image has many in each channel."""
        return 2 if size(shape[:-1]) == 1 and not self.freeze else 1

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        if train and not self.freeze:
            count = x.size // x.shape[-1]
            s.mean = channel_sums(x) / max(count, 1)  # (c,)
            np.subtract(x, s.mean, y)
            s.var = channel_sums(np.square(y)) / max(count, 1)  # (c,)
            self.follow(count, p, s)
        else:
            s.mean, s.var = p.running_mean, p.running_var
            np.subtract(x, s.mean, y)
        s.inverse = 1 / np.sqrt(s.var + self.eps)  # (c,)
        np.multiply(y, p.gamma * s.inverse, y)
        np.add(y, p.beta, y)

    def follow(self, count: int, p: Views, s: Views) -> None:
        """running <- (1 - momentum) running + momentum of the batch's, the variance by N - 1."""
        if not count:
            return
        unbiased = count / max(count - 1, 1)
        for running, batch, factor in (
            (p.running_mean, s.mean, 1.0),
            (p.running_var, s.var, unbiased),
        ):
            np.multiply(running, 1 - self.momentum, running)
            running += self.momentum * factor * batch

    def backward(
        self, p: Views, g: Views, x: Array, y: Array, dy: Array, dx: Array | None, s: Views
    ) -> None:
        """dgamma = sum dy x^, dbeta = sum dy, where x^ = (x - mean) / sqrt(var + eps).

        dx = gamma / sqrt(var + eps) (dy - mean(dy) - x^ mean(dy x^)); without both means where the
        statistics are not those of the batch.
        """
        normal = x - s.mean  # x^ (B, ..., c)
        normal *= s.inverse
        g.beta[...] = channel_sums(dy)  # (c,)
        g.gamma[...] = channel_sums(dy * normal)  # (c,)
        if dx is not None:
            # No row moves running statistics.
            count = np.inf if self.freeze else max(x.size // x.shape[-1], 1)
            normal *= g.gamma / count
            normal += g.beta / count
            np.subtract(dy, normal, dx)
            dx *= p.gamma * s.inverse


def channel_sums(values: Array) -> Array:
    """Sums (c,) over all axes but the last; by a product over the rows first."""
    batch, row = len(values), values.shape[1:]
    pixels = np.ones(batch, values.dtype) @ values.reshape(batch, size(row))  # (h w c,)
    return pixels.reshape(-1, row[-1]).sum(axis=0, dtype=np.float64).astype(values.dtype)


@dataclass(frozen=True)
class LayerNorm(Normalisation):
    """Each row's features, or each pixel's channels, get a learned mean and a learned deviation.

    y = gamma x^ + beta, x^ = (x - mean) / sqrt(var + eps), mean and var over the last axis; the
    variance is divided by n. The same in training and evaluation (Ba et al., 2016).

    eps: keeps the root away from 0.
    freeze: true leaves the parameters as they are; see Frozen layers.
    """

    formula = "gamma * (x - mean(x)) / sqrt(var(x) + eps) + beta"
    eps: Annotated[float, Gt(0)] = 1e-5
    freeze: bool = False
    operations: ClassVar[int] = 7

    def scratch(self, shape: Shape, batch: int, dtype: DTypeLike) -> Views:
        """Means and sums are products with `share` and `ones`, faster than np.mean and np.sum."""
        rows, n = (batch, *shape), shape[-1]
        column = (*rows[:-1], 1)
        return Views(
            normal=np.zeros(rows, dtype),  # x^
            inverse=np.zeros(column, dtype),  # 1 / sqrt(var + eps)
            mean=np.zeros(column, dtype),
            part=np.zeros(rows, dtype),
            ones=np.ones(size(rows[:-1]), dtype),
            share=np.full((n, 1), 1 / n, dtype),
        )

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        np.matmul(x, s.share, out=s.mean)  # (B, ..., n) (n, 1) -> (B, ..., 1)
        np.subtract(x, s.mean, s.normal)
        np.multiply(s.normal, s.normal, y)
        np.matmul(y, s.share, out=s.inverse)
        np.add(s.inverse, self.eps, s.inverse)
        np.sqrt(s.inverse, s.inverse)
        np.divide(1, s.inverse, s.inverse)
        np.multiply(s.normal, s.inverse, s.normal)
        np.multiply(s.normal, p.gamma, y)
        np.add(y, p.beta, y)

    def backward(
        self, p: Views, g: Views, x: Array, y: Array, dy: Array, dx: Array | None, s: Views
    ) -> None:
        """dgamma = sum dy x^, dbeta = sum dy.

        With d = gamma dy: dx = (d - mean(d) - x^ mean(d x^)) / sqrt(var + eps), means over the
        last axis.
        """
        n = x.shape[-1]
        np.dot(s.ones, dy.reshape(-1, n), g.beta)  # (N,) (N, n) -> (n,), N rows or pixels
        np.multiply(dy, s.normal, s.part)
        np.dot(s.ones, s.part.reshape(-1, n), g.gamma)
        if dx is None:
            return
        np.multiply(s.part, p.gamma, s.part)
        np.matmul(s.part, s.share, out=s.mean)
        np.multiply(s.normal, s.mean, s.part)
        np.multiply(dy, p.gamma, dx)
        np.matmul(dx, s.share, out=s.mean)
        np.subtract(dx, s.mean, dx)
        np.subtract(dx, s.part, dx)
        np.multiply(dx, s.inverse, dx)
