"""Layers that summarise windows of images, channel by channel."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from nnlab.core.layers.base import Layer
from nnlab.core.memory import Scratch
from nnlab.core.types import Array, Shape, Views, size
from nnlab.core.windows import (
    Extent,
    Windows,
    apart,
    images,
    portions,
    require_images,
    slide,
    zero_uncovered,
)

BYTE = 256  # pixels of a window that a byte can tell apart


@dataclass(frozen=True)
class MaxPool(Layer):
    """The largest number of each window, of equals the first; (B, h, w, c) -> (B, h', w', c).

    size: the window's height and width; one number for both.
    stride: how far it moves, by default its own size. Pixels at the end that fill no window are
    left out.

    What is kept for the way back is one byte a window: which pixel was the largest.
    """

    size: Extent = 2
    stride: Extent | None = None

    def windows(self, shape: Shape) -> Windows:
        """Where the windows stand; ValueError also for more than 256 pixels."""
        found = slide(shape, self.size, self.size if self.stride is None else self.stride)
        if found.area > BYTE:
            raise ValueError(f"a window of {found.area} pixels is too large; at most {BYTE}")
        return found

    def output_shape(self, shape: Shape) -> Shape:
        """(h', w', c)."""
        return (*self.windows(shape).places, shape[2])

    def scratch(self, shape: Shape, batch: int) -> Mapping[str, Scratch]:
        """The pixel of each window, and room for a few images."""
        n = images(batch, 2 * size(shape))
        outputs = self.output_shape(shape)
        half = (n, outputs[0], *shape[1:])
        return {
            "which": Scratch((batch, *outputs), dtype=np.uint8),
            "wide": Scratch((n, *shape)),
            "wide_which": Scratch((n, *shape), dtype=np.uint8),
            "wide_larger": Scratch((n, *shape), dtype=np.bool_),
            "tall": Scratch(half),
            "tall_which": Scratch(half, dtype=np.uint8),
            "tall_larger": Scratch(half, dtype=np.bool_),
            "row_which": Scratch(half, dtype=np.uint8),
            "mine": Scratch((n, *outputs), dtype=np.bool_),
            "part": Scratch((n, *outputs)),
        }

    def flops(self, shape: Shape) -> int:
        """A comparison a pixel of a window."""
        return self.windows(shape).area * size(self.output_shape(shape))

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        """First along the rows of pixels, for all places; then down; of these, each stride-th.

        Whole rows are compared with themselves moved by a pixel. That compares more than the
        windows need, but in long loops, and a short one costs as much as twenty comparisons.
        """
        windows = self.windows(x.shape[1:])
        for rows in portions(len(x), len(s.wide)):
            wide, which = self.across(windows, x[rows], s, train)
            tall, which = self.down(windows, wide, which, s, train)
            columns = windows.along(1, 0)
            np.copyto(y[rows], tall[:, :, columns])
            if train:
                np.copyto(s.which[rows], which[:, :, columns])

    def across(self, windows: Windows, x: Array, s: Views, train: bool) -> tuple[Array, Array]:
        """For each pixel the largest of it and those to its right, and which of them.

        The last columns, from where a window would leave the row, are void.
        """
        count, channels = len(x), x.shape[3]
        wide, which, larger = s.wide[:count], s.wide_which[:count], s.wide_larger[:count]
        if windows.kernel[1] == 1:
            which.fill(0)
            return x, which
        end = x.size - (windows.kernel[1] - 1) * channels
        flat, best = x.reshape(-1), wide.reshape(-1)[:end]
        index, is_larger = which.reshape(-1)[:end], larger.reshape(-1)[:end]
        left = flat[:end]
        for j in range(1, windows.kernel[1]):
            right = flat[j * channels : j * channels + end]
            if train and j == 1:
                np.greater(right, left, index.view(np.bool_))  # true is 1
            elif train:
                np.greater(right, left, is_larger)
                np.multiply(is_larger.view(np.uint8), np.uint8(j), is_larger.view(np.uint8))
                np.maximum(index, is_larger.view(np.uint8), out=index)  # the latest is the largest
            np.maximum(left, right, out=best)
            left = best
        return wide, which

    def down(
        self, windows: Windows, wide: Array, which: Array, s: Views, train: bool
    ) -> tuple[Array, Array]:
        """The largest of the rows of each window."""
        count, (kh, kw) = len(wide), windows.kernel
        tall, index, larger = s.tall[:count], s.tall_which[:count], s.tall_larger[:count]
        first = windows.along(0, 0)
        upper = wide[:, first]
        if train:
            np.copyto(index, which[:, first])
        for i in range(1, kh):
            lower = wide[:, windows.along(0, i)]
            if train:
                np.greater(lower, upper, larger)
                later = s.row_which[:count]
                np.add(which[:, windows.along(0, i)], np.uint8(i * kw), later)
                np.multiply(later, larger.view(np.uint8), later)
                np.maximum(index, later, out=index)
            np.maximum(upper, lower, out=tall)
            upper = tall
        return upper, index

    def backward(
        self, p: Views, g: Views, x: Array, y: Array, dy: Array, dx: Array | None, s: Views
    ) -> None:
        """dy goes to the pixel that was the largest."""
        if dx is None:
            return
        windows = self.windows(x.shape[1:])
        separate = apart(windows)
        if separate:
            zero_uncovered(dx, windows)
        else:
            dx.fill(0)
        for rows in portions(len(x), len(s.mine)):
            mine, part = s.mine[: rows.stop - rows.start], s.part[: rows.stop - rows.start]
            for pixel, (i, j) in enumerate(windows.pixels()):
                np.equal(s.which[rows], np.uint8(pixel), mine)
                target = dx[rows, i, j]
                if separate:
                    np.multiply(dy[rows], mine, target)
                else:
                    np.multiply(dy[rows], mine, part)
                    np.add(target, part, target)


@dataclass(frozen=True)
class AvgPool(Layer):
    """The mean of each window; (B, h, w, c) -> (B, h', w', c).

    size: the window's height and width; one number for both.
    stride: how far it moves, by default its own size. Pixels at the end that fill no window are
    left out.
    """

    size: Extent = 2
    stride: Extent | None = None

    def windows(self, shape: Shape) -> Windows:
        """Where the windows stand."""
        return slide(shape, self.size, self.size if self.stride is None else self.stride)

    def output_shape(self, shape: Shape) -> Shape:
        """(h', w', c)."""
        return (*self.windows(shape).places, shape[2])

    def scratch(self, shape: Shape, batch: int) -> Mapping[str, Scratch]:
        """The share of a pixel in its window's mean, and room for the gradient's share."""
        area = self.windows(shape).area
        return {
            "share": Scratch(fill=1 / area),
            "part": Scratch((batch, *self.output_shape(shape))),
        }

    def flops(self, shape: Shape) -> int:
        """An addition a pixel of a window."""
        return self.windows(shape).area * size(self.output_shape(shape))

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        """The sum over the pixels of a window, times their share."""
        first, *others = self.windows(x.shape[1:]).pixels()
        np.copyto(y, x[:, first[0], first[1]])
        for i, j in others:
            np.add(y, x[:, i, j], y)
        np.multiply(y, s.share, y)

    def backward(
        self, p: Views, g: Views, x: Array, y: Array, dy: Array, dx: Array | None, s: Views
    ) -> None:
        """Every pixel of a window gets its share of dy."""
        if dx is None:
            return
        windows = self.windows(x.shape[1:])
        np.multiply(dy, s.share, s.part)
        dx.fill(0)
        for i, j in windows.pixels():
            target = dx[:, i, j]
            np.add(target, s.part, target)


@dataclass(frozen=True)
class GlobalAvgPool(Layer):
    """The mean of each channel over the whole image; (B, h, w, c) -> (B, c)."""

    def output_shape(self, shape: Shape) -> Shape:
        """(c,)."""
        require_images(shape)
        return (shape[2],)

    def scratch(self, shape: Shape, batch: int) -> Mapping[str, Scratch]:
        """A pixel's share."""
        return {
            "share": Scratch(fill=1 / (shape[0] * shape[1])),
            "part": Scratch((batch, shape[2])),
        }

    def flops(self, shape: Shape) -> int:
        """An addition a number."""
        return size(shape)

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        """The sum over both axes, times a pixel's share."""
        np.sum(x, axis=(1, 2), out=y)
        np.multiply(y, s.share, y)

    def backward(
        self, p: Views, g: Views, x: Array, y: Array, dy: Array, dx: Array | None, s: Views
    ) -> None:
        """Every pixel gets its share of dy."""
        if dx is not None:
            np.multiply(dy, s.share, s.part)
            np.copyto(dx, s.part[:, None, None])
