"""Training images that are moved, turned and covered a little, other ones in every epoch.

The pixels that come into a picture are `blank`: what 0 is after scaling. What is drawn for a batch
depends on the seed and on the number of the batch alone, counted over all epochs, so a run that
goes on from the middle sees the same pictures.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from math import pi
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Le
from numpy.lib.stride_tricks import sliding_window_view

from nnlab.core.random import Purpose, generator
from nnlab.core.types import Array, Shape

Pixels = Annotated[int, Ge(1)]


class Augmentation(ABC):
    """One way to change images (B, h, w, c). All pictures of a batch are changed at once."""

    @abstractmethod
    def change(self, images: Array, blank: float, rng: np.random.Generator) -> Array:
        """The changed images, in new memory or in place."""

    def spoils(self, height: int, width: int) -> str | None:
        """Why so little is left of pictures of this size that the change makes no sense."""
        return None


@dataclass(frozen=True)
class Shift(Augmentation):
    """Moves a picture up or down and left or right.

    pixels: the farthest along each axis; all whole numbers up to it are equally likely.
    """

    pixels: Pixels = 2

    def change(self, images: Array, blank: float, rng: np.random.Generator) -> Array:
        """Cut out of a picture with a margin, at a place of its own."""
        far = self.pixels
        count, h, w, _ = images.shape
        margins = ((0, 0), (far, far), (far, far), (0, 0))
        wide = np.pad(images, margins, constant_values=blank)
        down, right = rng.integers(0, 2 * far + 1, (2, count))
        views = sliding_window_view(wide, (h, w), axis=(1, 2))
        return views[np.arange(count), down, right].transpose(0, 2, 3, 1)

    def spoils(self, height: int, width: int) -> str | None:
        """A whole picture must not leave."""
        if self.pixels < min(height, width):
            return None
        return f"a shift of {self.pixels} moves pictures of {height} x {width} out of sight"


@dataclass(frozen=True)
class Rotate(Augmentation):
    """Turns a picture about its middle, and can stretch it; between pixels by bilinear weights.

    degrees: the largest angle either way; all up to it are equally likely.
    zoom: the largest change of size, either way and of each axis by itself; 0.1 is 10 %.
    """

    degrees: Annotated[float, Gt(0), Le(180)] = 10.0
    zoom: Annotated[float, Ge(0), Le(0.9)] = 0.0

    def change(self, images: Array, blank: float, rng: np.random.Generator) -> Array:
        """Each pixel asks where it comes from."""
        count, h, w, _ = images.shape
        angle, *zoom = rng.uniform(-1, 1, (3, count, 1, 1)).astype(np.float32)
        angle *= np.float32(self.degrees * pi / 180)
        tall, wide = (1 + np.float32(self.zoom) * one for one in zoom)
        cos, sin = np.cos(angle), np.sin(angle)
        y = np.arange(h, dtype=np.float32)[:, None] - np.float32((h - 1) / 2)
        x = np.arange(w, dtype=np.float32) - np.float32((w - 1) / 2)
        from_y = (cos * y - sin * x) * tall + np.float32((h - 1) / 2)
        from_x = (sin * y + cos * x) * wide + np.float32((w - 1) / 2)
        return sample(images, from_y, from_x, blank)


def sample(images: Array, y: Array, x: Array, blank: float) -> Array:
    """Images (B, h, w, c) at the points (y, x), each (B, h, w), by bilinear weights."""
    count, h, w, c = images.shape
    # A margin of one blank pixel; points outside of it are moved to its edge.
    framed = np.full((count, h + 2, w + 2, c), blank, images.dtype)
    framed[:, 1:-1, 1:-1] = images
    y, x = np.clip(y + 1, 0, h + 1), np.clip(x + 1, 0, w + 1)
    top, left = np.minimum(y.astype(np.int32), h), np.minimum(x.astype(np.int32), w)
    down, right = (y - top)[..., None], (x - left)[..., None]
    first = (np.arange(count, dtype=np.int32) * ((h + 2) * (w + 2)))[:, None, None]
    corner = first + top * (w + 2) + left
    pixels = framed.reshape(-1, c)
    upper = between(pixels.take(corner, 0), pixels.take(corner + 1, 0), right)
    corner += w + 2
    lower = between(pixels.take(corner, 0), pixels.take(corner + 1, 0), right)
    return between(upper, lower, down).astype(images.dtype, copy=False)


def between(one: Array, other: Array, part: Array) -> Array:
    """one + (other - one) part, in the memory of `other`."""
    other -= one
    other *= part
    other += one
    return other


@dataclass(frozen=True)
class Flip(Augmentation):
    """Turns a picture left to right.

    probability: of each picture.
    """

    probability: Annotated[float, Gt(0), Le(1)] = 0.5

    def change(self, images: Array, blank: float, rng: np.random.Generator) -> Array:
        """In place."""
        turned = rng.random(len(images)) < self.probability
        images[turned] = images[turned, :, ::-1]
        return images


@dataclass(frozen=True)
class Cutout(Augmentation):
    """Blanks a square, part of which may lie outside the picture (DeVries and Taylor, 2017).

    size: its side in pixels. Its middle is any pixel of the picture.
    """

    size: Pixels = 8

    def change(self, images: Array, blank: float, rng: np.random.Generator) -> Array:
        """In place."""
        count, h, w, _ = images.shape
        keep = ~(
            within(rng, count, h, self.size)[:, :, None]
            & within(rng, count, w, self.size)[:, None, :]
        )
        images -= images.dtype.type(blank)
        images *= keep[..., None]
        images += images.dtype.type(blank)
        return images

    def spoils(self, height: int, width: int) -> str | None:
        """The square is not larger than the picture."""
        if self.size <= max(height, width):
            return None
        return f"a cutout of {self.size} is larger than pictures of {height} x {width}"


def within(rng: np.random.Generator, count: int, extent: int, size: int) -> Array:
    """Which of `extent` places are covered by an interval of `size`, (count, extent)."""
    start = rng.integers(0, extent, (count, 1)) - size // 2
    places = np.arange(extent)
    return (places >= start) & (places < start + size)


AUGMENTATIONS: dict[str, type[Augmentation]] = {
    "shift": Shift,
    "rotate": Rotate,
    "flip": Flip,
    "cutout": Cutout,
}


@dataclass(frozen=True)
class Augmenter:
    """The changes of a training, one after the other, for images of `shape` (h, w, c)."""

    steps: Sequence[Augmentation]
    shape: Shape
    blank: float
    seed: int

    def __call__(self, x: Array, number: int) -> None:
        """Change the rows x (B, h w c) of batch `number`, counted over all epochs, in place."""
        rng = generator(self.seed, Purpose.AUGMENT, number)
        images = x.reshape(len(x), *self.shape)
        for step in self.steps:
            images = step.change(images, self.blank, rng)
        x[...] = images.reshape(x.shape)
