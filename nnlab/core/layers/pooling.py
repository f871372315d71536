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
        outputs = self.output_shape(shape)
        some = (images(batch, 2 * size(shape)), *outputs)
        return {
            "which": Scratch((batch, *outputs), dtype=np.uint8),
            "mine": Scratch(some, dtype=np.bool_),
            "number": Scratch(some, dtype=np.uint8),
            "part": Scratch(some),
        }

    def flops(self, shape: Shape) -> int:
        """A comparison a pixel of a window."""
        return self.windows(shape).area * size(self.output_shape(shape))

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        """Pixel after pixel of a window, for all windows at once."""
        first, *others = self.windows(x.shape[1:]).pixels()
        for rows in portions(len(x), len(s.mine)):
            best, which = y[rows], s.which[rows]
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
