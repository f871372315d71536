"""Layers that summarise windows of images, channel by channel."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from nnlab.core.layers.base import Layer
from nnlab.core.memory import Scratch
from nnlab.core.types import Array, Shape, Views, size
from nnlab.core.windows import Extent, Windows, require_images, slide

MOST_PIXELS = 256  # of a window: the tuned kernel numbers them with a byte


@dataclass(frozen=True)
class Pooling(Layer):
    """Windows of images become numbers, (B, h, w, c) -> (B, h', w', c)."""

    size: Extent = 2
    stride: Extent | None = None

    def windows(self, shape: Shape) -> Windows:
        """The places of the windows on images of `shape`."""
        return slide(shape, self.size, self.size if self.stride is None else self.stride)

    def output_shape(self, shape: Shape) -> Shape:
        return (*self.windows(shape).places, shape[2])

    def flops(self, shape: Shape) -> int:
        """An operation per pixel of a window."""
        return self.windows(shape).area * size(self.output_shape(shape))


@dataclass(frozen=True)
class MaxPool(Pooling):
    """The largest number of each window, of equals the first; (B, h, w, c) -> (B, h', w', c).

    size: the window's height and width; one number for both.
    stride: how far it moves, by default its own size. Pixels at the end that fill no window are
    left out.
    """

    def windows(self, shape: Shape) -> Windows:
        windows = super().windows(shape)
        if windows.area > MOST_PIXELS:
            raise ValueError(
                f"a window of {windows.area} pixels is too large; at most {MOST_PIXELS}"
            )
        return windows

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        y.fill(-np.inf)
        for rows, columns in self.windows(x.shape[1:]).pixels():
            np.maximum(y, x[:, rows, columns], out=y)  # (B, h', w', c)

    def derivative(self, x: Array, y: Array, dy: Array, dx: Array, s: Views) -> None:
        """dy goes to the first pixel that is as large as the largest."""
        dx.fill(0)
        waiting = np.ones(y.shape, np.bool_)  # (B, h', w', c): the largest is still to come
        for rows, columns in self.windows(x.shape[1:]).pixels():
            largest = waiting & (x[:, rows, columns] == y)
            dx[:, rows, columns] += dy * largest
            waiting &= ~largest


@dataclass(frozen=True)
class AvgPool(Pooling):
    """The mean of each window; (B, h, w, c) -> (B, h', w', c).

    size: the window's height and width; one number for both.
    stride: how far it moves, by default its own size. Pixels at the end that fill no window are
    left out.
    """

    def scratch(self, shape: Shape, batch: int) -> Mapping[str, Scratch]:
        share = Scratch(fill=1 / self.windows(shape).area)  # of a pixel in its window's mean
        return {"share": share, "part": Scratch((batch, *self.output_shape(shape)))}

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        (rows, columns), *others = self.windows(x.shape[1:]).pixels()
        np.copyto(y, x[:, rows, columns])  # (B, h', w', c)
        for rows, columns in others:
            np.add(y, x[:, rows, columns], y)
        np.multiply(y, s.share, y)

    def derivative(self, x: Array, y: Array, dy: Array, dx: Array, s: Views) -> None:
        """Every pixel of a window gets its share of dy."""
        np.multiply(dy, s.share, s.part)
        dx.fill(0)
        for rows, columns in self.windows(x.shape[1:]).pixels():
            np.add(dx[:, rows, columns], s.part, dx[:, rows, columns])


@dataclass(frozen=True)
class GlobalAvgPool(Layer):
    """The mean of each channel over the whole image; (B, h, w, c) -> (B, c)."""

    def output_shape(self, shape: Shape) -> Shape:
        require_images(shape)
        return (shape[2],)

    def scratch(self, shape: Shape, batch: int) -> Mapping[str, Scratch]:
        share = Scratch(fill=1 / (shape[0] * shape[1]))  # of a pixel in the mean
        return {"share": share, "part": Scratch((batch, shape[2]))}

    def flops(self, shape: Shape) -> int:
        """An addition per number."""
        return size(shape)

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        np.sum(x, axis=(1, 2), out=y)
        np.multiply(y, s.share, y)

    def derivative(self, x: Array, y: Array, dy: Array, dx: Array, s: Views) -> None:
        np.multiply(dy, s.share, s.part)
        np.copyto(dx, s.part[:, None, None])  # (B, 1, 1, c) to (B, h, w, c)
