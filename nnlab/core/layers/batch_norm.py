"""Batch normalisation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Gt, Le

from nnlab.core.layers.base import Layer
from nnlab.core.memory import Parameter, Scratch
from nnlab.core.types import Array, Shape, Views, size
from nnlab.core.windows import images, portions


@dataclass(frozen=True)
class BatchNorm(Layer):
    """Each feature, or channel of images, gets a mean and a deviation of its own choice.

    y = gamma (x - mean) / sqrt(var + eps) + beta, with mean and var over all axes but the last.

    In training they are those of the batch; in evaluation running averages. As in PyTorch, the
    batch's variance is divided by N to normalise and by N - 1 for the running one; both running
    values start at 0 and 1 (Ioffe and Szegedy, 2015).

    momentum: the weight of a new batch in the running values; Keras's momentum is 1 minus this.
    eps: keeps the root away from 0.
    """

    momentum: Annotated[float, Gt(0), Le(1)] = 0.1
    eps: Annotated[float, Gt(0)] = 1e-5

    def parameters(self, shape: Shape) -> tuple[Parameter, ...]:
        """gamma and beta (c,); neither decays."""
        return (Parameter("gamma", shape[-1:], value=1.0), Parameter("beta", shape[-1:]))

    def buffers(self, shape: Shape) -> tuple[Parameter, ...]:
        """running_mean and running_var (c,)."""
        return (
            Parameter("running_mean", shape[-1:]),
            Parameter("running_var", shape[-1:], value=1.0),
        )

    def least_batch(self, shape: Shape) -> int:
        """A variance needs two numbers; an image has many in each channel."""
        return 2 if size(shape[:-1]) == 1 else 1

    def scratch(self, shape: Shape, batch: int) -> Mapping[str, Scratch]:
        """Statistics of the batch; the factors of a row; room for a few rows."""
        n, c = images(batch, 3 * size(shape)), shape[-1]
        return {
            "ones": Scratch((batch,), fill=1.0),
            "mean": Scratch((c,)),
            "var": Scratch((c,)),
            "inverse": Scratch((c,)),
            "sums": Scratch((2, c)),
            "row": Scratch((size(shape),)),
            "sum": Scratch((size(shape),)),
            "mean_row": Scratch(shape),
            "scale_row": Scratch(shape),
            "shift_row": Scratch(shape),
            "part": Scratch((n, *shape)),
        }

    def flops(self, shape: Shape) -> int:
        """Two additions and a multiplication a number, in evaluation."""
        return 3 * size(shape)

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        """The statistics, then y; a row at a time, in which each factor is repeated."""
        if train:
            self.measure(x, y, s)
            if s.whole.first:
                self.follow(self.count(x, s), s)
        mean, var = (s.mean, s.var) if train else (s.running_mean, s.running_var)
        np.add(var, self.eps, s.inverse)
        np.sqrt(s.inverse, s.inverse)
        np.divide(1, s.inverse, s.inverse)
        np.copyto(s.mean_row, mean)
        np.multiply(p.gamma, s.inverse, s.scale_row)
        np.copyto(s.shift_row, p.beta)
        for rows in portions(len(x), len(s.part)):
            part = y[rows]
            if not train:
                np.subtract(x[rows], s.mean_row, part)
            np.multiply(part, s.scale_row, part)
            np.add(part, s.shift_row, part)

    def measure(self, x: Array, y: Array, s: Views) -> None:
        """mean and var of the batch; y = x - mean."""
        count = max(self.count(x, s), 1)
        self.add_up(s, x, s.mean)
        s.whole.add_up(s.mean)
        np.divide(s.mean, count, s.mean)
        np.copyto(s.mean_row, s.mean)
        s.sum.fill(0)
        for rows in portions(len(x), len(s.part)):
            square = s.part[: rows.stop - rows.start]
            np.subtract(x[rows], s.mean_row, y[rows])
            np.multiply(y[rows], y[rows], square)
            self.add_rows(s, square)
        np.sum(s.sum.reshape(-1, len(s.var)), axis=0, out=s.var)
        s.whole.add_up(s.var)
        np.divide(s.var, count, s.var)

    def count(self, x: Array, s: Views) -> int:
        """How many numbers of the batch each channel has."""
        return int(s.whole.rows * size(x.shape[1:-1]))

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
        self.add_up(s, dy, g.beta)
        s.sum.fill(0)
        for rows in portions(len(x), len(s.part)):
            part = s.part[: rows.stop - rows.start]
            np.subtract(x[rows], s.mean_row, part)
            np.multiply(part, dy[rows], part)
            self.add_rows(s, part)
        np.sum(s.sum.reshape(-1, len(g.gamma)), axis=0, out=g.gamma)
        np.multiply(g.gamma, s.inverse, g.gamma)
        if dx is None:
            return
        s.sums[:] = g.gamma, g.beta
        s.whole.add_up(s.sums)
        dgamma, dbeta = s.sums / max(self.count(x, s), 1)
        scale = p.gamma * s.inverse
        np.copyto(s.scale_row, scale * s.inverse * dgamma)
        np.copyto(s.shift_row, scale * dbeta)
        self.pass_back(x, dy, dx, scale, s)

    def pass_back(self, x: Array, dy: Array, dx: Array, scale: Array, s: Views) -> None:
        """dx = scale dy - scale_row (x - mean) - shift_row."""
        row = s.row.reshape(dy.shape[1:])
        np.copyto(row, scale)
        for rows in portions(len(x), len(s.part)):
            part, out = s.part[: rows.stop - rows.start], dx[rows]
            np.subtract(x[rows], s.mean_row, part)
            np.multiply(part, s.scale_row, part)
            np.multiply(dy[rows], row, out)
            np.subtract(out, part, out)
            np.subtract(out, s.shift_row, out)

    def add_up(self, s: Views, rows: Array, out: Array) -> None:
        """out (c,) = sum over all axes but the last; rows first, which keeps rounding small."""
        np.dot(s.ones, rows.reshape(len(rows), s.row.size), s.row)
        np.sum(s.row.reshape(-1, len(out)), axis=0, out=out)

    def add_rows(self, s: Views, part: Array) -> None:
        """sum += the rows of `part`."""
        np.dot(s.ones[: len(part)], part.reshape(len(part), s.row.size), s.row)
        np.add(s.sum, s.row, s.sum)
