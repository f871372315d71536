"""Layer normalisation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Gt

from nnlab.core.layers.base import Layer
from nnlab.core.memory import Parameter, Scratch
from nnlab.core.types import Array, Shape, Views, size


@dataclass(frozen=True)
class LayerNorm(Layer):
    """Each row's features, or each pixel's channels, get a learned mean and a learned deviation.

    y = gamma x^ + beta, x^ = (x - mean) / sqrt(var + eps), mean and var over the last axis; the
    variance is divided by n. The same in training and evaluation (Ba et al., 2016).

    eps: keeps the root away from 0.
    """

    eps: Annotated[float, Gt(0)] = 1e-5
    operations: ClassVar[int] = 7

    def parameters(self, shape: Shape) -> tuple[Parameter, ...]:
        return (Parameter("gamma", shape[-1:], value=1.0), Parameter("beta", shape[-1:]))

    def scratch(self, shape: Shape, batch: int) -> Mapping[str, Scratch]:
        rows, n = (batch, *shape), shape[-1]
        return {
            "normal": Scratch(rows),  # x^
            "inverse": Scratch((*rows[:-1], 1)),  # 1 / sqrt(var + eps)
            "mean": Scratch((*rows[:-1], 1)),
            "part": Scratch(rows),
            "ones": Scratch((size(rows[:-1]),), fill=1.0),
            "share": Scratch((n, 1), fill=1 / n),
        }

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        """Means over a row are products with 1 / n, which are faster than sums."""
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
