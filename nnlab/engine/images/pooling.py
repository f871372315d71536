"""The tuned max pooling: it keeps one byte per window, the number of its largest pixel."""

import numpy as np
from numpy.typing import DTypeLike

from nnlab.core.layers.images import MaxPool, Windows
from nnlab.core.types import Array, Shape, Views, size
from nnlab.engine.images.portions import images_per_portion, portions


class TunedMaxPool(MaxPool):
    """Pixel after pixel of a window, for all windows of a few images at once."""

    def scratch(self, shape: Shape, batch: int, dtype: DTypeLike) -> Views:
        outputs = self.output_shape(shape)
        some = (images_per_portion(batch, 2 * size(shape)), *outputs)
        return Views(
            which=np.zeros((batch, *outputs), np.uint8),
            mine=np.zeros(some, np.bool_),
            number=np.zeros(some, np.uint8),
            part=np.zeros(some, dtype),
        )

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        first, *others = self.windows(x.shape[1:]).pixels()
        for rows in portions(len(x), len(s.mine)):
            best, which = y[rows], s.which[rows]  # (n, h', w', c)
            larger, number = s.mine[: len(best)], s.number[: len(best)]
            np.copyto(best, x[rows, *first])
            which.fill(0)
            for pixel, (i, j) in enumerate(others, 1):
                seen = x[rows, i, j]
                if train:
                    np.greater(seen, best, larger)
                    np.multiply(larger.view(np.uint8), np.uint8(pixel), number)
                    np.maximum(which, number, out=which)  # the latest is the largest
                np.maximum(best, seen, out=best)

    def derivative(self, x: Array, y: Array, dy: Array, dx: Array, s: Views) -> None:
        """dy goes to the pixel that was the largest."""
        windows = self.windows(x.shape[1:])
        disjoint = windows.stride == windows.kernel  # each pixel is in one window at most
        if disjoint:
            _zero_uncovered(dx, windows)
        else:
            dx.fill(0)
        for rows in portions(len(x), len(s.mine)):
            mine, part = s.mine[: rows.stop - rows.start], s.part[: rows.stop - rows.start]
            for pixel, (i, j) in enumerate(windows.pixels()):
                np.equal(s.which[rows], np.uint8(pixel), mine)
                target = dx[rows, i, j]  # (n, h', w', c)
                if disjoint:
                    np.multiply(dy[rows], mine, target)
                else:
                    np.multiply(dy[rows], mine, part)
                    np.add(target, part, target)


def _zero_uncovered(dx: Array, windows: Windows) -> None:
    """Set to 0 the last rows and columns of dx (B, h, w, c) that no window reaches."""
    ends = [
        (places - 1) * step + size
        for places, step, size in zip(windows.places, windows.stride, windows.kernel, strict=True)
    ]
    dx[:, ends[0] :] = 0
    dx[:, :, ends[1] :] = 0
