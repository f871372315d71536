"""Augmentation: random changes of the training images, different in every epoch.

The pixels that enter an image are `blank`: the value of 0 after scaling. The random numbers of a
batch depend on the seed and the number of the batch alone, counted over all epochs, so a resumed
run sees the same images.
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
    """A random change of images (B, h, w, c), a whole batch at once."""

    @abstractmethod
    def change(self, images: Array, blank: float, rng: np.random.Generator) -> Array:
        """The changed images, in new memory or in place."""

    def spoils(self, height: int, width: int) -> str | None:
        """Why the change leaves too little of images of this size, or None."""
        return None


@dataclass(frozen=True)
class Shift(Augmentation):
    """Moves an image up or down and left or right.

    pixels: the farthest along each axis; all whole numbers up to it are equally likely.
    """

    pixels: Pixels = 2

    def change(self, images: Array, blank: float, rng: np.random.Generator) -> Array:
        # Cut out of an image with a margin, at a random place.
        far = self.pixels
        count, h, w, _ = images.shape
        margins = ((0, 0), (far, far), (far, far), (0, 0))
        wide = np.pad(images, margins, constant_values=blank)
        down, right = rng.integers(0, 2 * far + 1, (2, count))
        views = sliding_window_view(wide, (h, w), axis=(1, 2))
        return views[np.arange(count), down, right].transpose(0, 2, 3, 1)

    def spoils(self, height: int, width: int) -> str | None:
        if self.pixels < min(height, width):
            return None
        return f"a shift of {self.pixels} moves images of {height} x {width} out of sight"


@dataclass(frozen=True)
class Rotate(Augmentation):
    """Turns an image about its middle, and can stretch it; between pixels by bilinear weights.

    degrees: the largest angle either way; all up to it are equally likely.
    zoom: the largest change of size, either way and of each axis by itself; 0.1 is 10 %.
    """

    degrees: Annotated[float, Gt(0), Le(180)] = 10.0
    zoom: Annotated[float, Ge(0), Le(0.9)] = 0.0

    def change(self, images: Array, blank: float, rng: np.random.Generator) -> Array:
        # For each pixel of the result: the place that it comes from.
        count, h, w, _ = images.shape
        angle, *zoom = rng.uniform(-1, 1, (3, count, 1, 1)).astype(np.float32)
        angle *= np.float32(self.degrees * pi / 180)
        tall, wide = (1 + np.float32(self.zoom) * factor for factor in zoom)
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
    upper = interpolate(pixels.take(corner, 0), pixels.take(corner + 1, 0), right)
    corner += w + 2
    lower = interpolate(pixels.take(corner, 0), pixels.take(corner + 1, 0), right)
    return interpolate(upper, lower, down).astype(images.dtype, copy=False)


def interpolate(start: Array, end: Array, share: Array) -> Array:
    """start + (end - start) share, in the memory of `end`."""
    end -= start
    end *= share
    end += start
    return end


@dataclass(frozen=True)
class Flip(Augmentation):
    """Mirrors an image left to right.

    probability: of each image.
    """

    probability: Annotated[float, Gt(0), Le(1)] = 0.5

    def change(self, images: Array, blank: float, rng: np.random.Generator) -> Array:
        turned = rng.random(len(images)) < self.probability
        images[turned] = images[turned, :, ::-1]
        return images


@dataclass(frozen=True)
class Cutout(Augmentation):
    """Blanks a square, part of which may lie outside the image (DeVries and Taylor, 2017).

    size: its side in pixels. Its middle is any pixel of the image.
    """

    size: Pixels = 8

    def change(self, images: Array, blank: float, rng: np.random.Generator) -> Array:
        count, h, w, _ = images.shape
        keep = ~(
            covered(rng, count, h, self.size)[:, :, None]
            & covered(rng, count, w, self.size)[:, None, :]
        )
        images -= images.dtype.type(blank)
        images *= keep[..., None]
        images += images.dtype.type(blank)
        return images

    def spoils(self, height: int, width: int) -> str | None:
        if self.size <= max(height, width):
            return None
        return f"a cutout of {self.size} is larger than images of {height} x {width}"


def covered(rng: np.random.Generator, count: int, extent: int, size: int) -> Array:
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
    """The augmentations in order, for images of `shape` (h, w, c)."""

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
