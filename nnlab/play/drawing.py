"""A drawing as an image of the data: cropped, scaled and centred as its images are.

The preparation of MNIST, from the run's own images: the drawing is scaled, its proportions kept, so
that its longer side is as long as that of a typical image (20 of 28 pixels in MNIST), each pixel is
the mean of what it covers, and the centre of mass lies where it lies in them.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from nnlab.core.types import Array, FloatArray, Shape
from nnlab.errors import UsageError
from nnlab.show.figures import View

SIDE = 112  # dots along each side of the board; board.js knows it too
INK = 0.2  # of full ink; less does not count as a part of the drawing
MOST_IMAGES = 500  # that are looked at
USUAL = 20 / 28  # of the shorter side, where there is no image to look at


@dataclass(frozen=True)
class ImageForm:
    """How images of a data set look.

    box: pixels of the longer side of what they show. centre: of mass, (y, x) in pixels. blank and
    full: the values of paper and ink.
    """

    shape: Shape  # (h, w) or (h, w, c)
    box: float
    centre: tuple[float, float]
    blank: float
    full: float

    @classmethod
    def of_run(cls, run: View) -> Self:
        """From the saved images of a run."""
        shape = run.data.image_shape or tuple(run.data.inputs)
        images = saved_images(run, shape)
        blank, full = paper_and_ink(images, run.data.input_range or (0.0, 1.0))
        drawn = [ink for ink in (images - blank) / (full - blank) if extent(ink)]
        if not drawn:
            height, width = shape[:2]
            middle = ((height - 1) / 2, (width - 1) / 2)
            return cls(shape, USUAL * min(height, width), middle, blank, full)
        y, x = np.median([mass_centre(ink) for ink in drawn], axis=0).tolist()
        return cls(shape, float(np.median([extent(ink) for ink in drawn])), (y, x), blank, full)

    def image(self, ink: FloatArray) -> FloatArray:
        """The drawing (SIDE, SIDE), 0 for paper and 1 for ink, as a row (n,) of the data."""
        height, width = self.shape[:2]
        page = np.zeros((height, width))
        rows, columns = np.where(ink > INK)
        if rows.size:
            part = ink[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
            scale = min(self.box, height, width) / max(part.shape)
            part = resized(part, *(max(1, round(side * scale)) for side in part.shape))
            y, x = (
                int(np.clip(round(wanted - own), 0, room - side))
                for wanted, own, room, side in zip(
                    self.centre, mass_centre(part), page.shape, part.shape, strict=True
                )
            )
            page[y : y + part.shape[0], x : x + part.shape[1]] = part
        values = (self.blank + (self.full - self.blank) * page)[:, :, None]
        colors = self.shape[2] if len(self.shape) == 3 else 1
        return np.broadcast_to(values, (height, width, colors)).ravel()


def saved_images(run: View, shape: Shape) -> FloatArray:
    """Some images (N, h, w) of a run, in grey."""
    rows = [rows.inputs for rows in run.rows.values()]
    images = np.concatenate(rows or [np.zeros((0, int(np.prod(shape))))])[:MOST_IMAGES]
    return np.asarray(images.reshape(len(images), *shape[:2], *shape[2:] or (1,)).mean(axis=3))


def paper_and_ink(images: Array, limits: Sequence[float]) -> tuple[float, float]:
    """The values of paper, which is at the edges of images (N, h, w), and of ink."""
    low, high = limits
    edge = np.concatenate([images[:, [0, -1]].ravel(), images[:, :, [0, -1]].ravel()])
    bright = edge.size > 0 and np.median(edge) > (low + high) / 2
    return (high, low) if bright else (low, high)


def extent(ink: Array) -> int:
    """The longer side of what an image (h, w) shows; 0 for an empty one."""
    rows, columns = np.where(ink > INK)
    return int(max(np.ptp(rows), np.ptp(columns))) + 1 if rows.size else 0


def mass_centre(ink: Array) -> tuple[float, float]:
    """The centre of mass (y, x) of ink (h, w); the middle of an empty image."""
    ink = np.clip(ink, 0, 1)
    total = float(ink.sum())
    middle = [(side - 1) / 2 for side in ink.shape]
    if not total:
        return middle[0], middle[1]
    y = float(ink.sum(1) @ np.arange(ink.shape[0])) / total
    return y, float(ink.sum(0) @ np.arange(ink.shape[1])) / total


def resized(image: FloatArray, height: int, width: int) -> FloatArray:
    """The image with other sides: each pixel is the mean of the area that it covers."""
    return overlap(height, image.shape[0]) @ image @ overlap(width, image.shape[1]).T


def overlap(count: int, old: int) -> FloatArray:
    """The share (count, old) of each old interval in each of `count` new ones; rows add up to 1."""
    edges = np.arange(count + 1) * old / count
    left, right = edges[:-1, None], edges[1:, None]
    places = np.arange(old)
    shared = np.clip(np.minimum(right, places + 1) - np.maximum(left, places), 0, None)
    return np.asarray(shared * count / old)


def decode_ink(text: object) -> FloatArray:
    """The drawing (SIDE, SIDE) from a page: base64 of a byte per dot. Raises UsageError."""
    try:
        data = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except (binascii.Error, ValueError):
        data = b""
    if len(data) != SIDE * SIDE:
        raise UsageError(f"A drawing has {SIDE} x {SIDE} dots of a byte each.")
    return np.frombuffer(data, np.uint8).reshape(SIDE, SIDE) / 255
