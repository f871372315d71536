"""The tuned batch normalisation: some rows at a time, and sums over the lanes of a batch."""

import numpy as np
from numpy.typing import DTypeLike

from nnlab.core.layers.norm import BatchNorm
from nnlab.core.types import Array, Shape, Views, size
from nnlab.engine.images.portions import images_per_portion, portions


class TunedBatchNorm(BatchNorm):
    """Each factor is repeated along a row, so that passes are over long rows."""

    def scratch(self, shape: Shape, batch: int, dtype: DTypeLike) -> Views:
        """Statistics of the batch; the factors of a row; memory for a few rows."""
        n, c = images_per_portion(batch, 3 * size(shape)), shape[-1]
        shapes: dict[str, Shape] = {
            **dict.fromkeys(("mean", "var", "inverse"), (c,)),
            "sums": (2, c),
            **dict.fromkeys(("row", "sum"), (size(shape),)),
            **dict.fromkeys(("mean_row", "scale_row", "shift_row"), shape),
            "part": (n, *shape),
        }
        arrays = {name: np.zeros(shape, dtype) for name, shape in shapes.items()}
        return Views(ones=np.ones(batch, dtype), **arrays)

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        if train:
            self.measure(x, y, s)
            if s.batch.first:
                self.follow(self.count(x, s), p, s)
        mean, var = (s.mean, s.var) if train else (p.running_mean, p.running_var)  # (c,)
        np.add(var, self.eps, s.inverse)
        np.sqrt(s.inverse, s.inverse)
        np.divide(1, s.inverse, s.inverse)
        np.copyto(s.mean_row, mean)  # (h, w, c)
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
        s.batch.add_up(s.mean)
        np.divide(s.mean, count, s.mean)
        np.copyto(s.mean_row, s.mean)
        s.sum.fill(0)
        for rows in portions(len(x), len(s.part)):
            square = s.part[: rows.stop - rows.start]
            np.subtract(x[rows], s.mean_row, y[rows])
            np.multiply(y[rows], y[rows], square)
            self.add_rows(s, square)
        np.sum(s.sum.reshape(-1, len(s.var)), axis=0, out=s.var)
        s.batch.add_up(s.var)
        np.divide(s.var, count, s.var)

    def count(self, x: Array, s: Views) -> int:
        """The number of values per channel in the batch."""
        return int(s.batch.rows * size(x.shape[1:-1]))

    def backward(
        self, p: Views, g: Views, x: Array, y: Array, dy: Array, dx: Array | None, s: Views
    ) -> None:
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
        s.batch.add_up(s.sums)
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
