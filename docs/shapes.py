"""Draws the images of configs/shapes: circles, squares and triangles with noise, 16 x 16 pixels.

docs/shapes.py     # writes configs/shapes again
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

FOLDER = Path(__file__).parents[1] / "configs" / "shapes"
NAMES = ("circle", "square", "triangle")
EACH, SIDE = 40, 16  # images of a class, pixels
LEVELS = 5  # as few shades keep the files small


def draw(name: str, rng: np.random.Generator) -> NDArray[np.uint8]:
    """A bright shape on a dark ground, turned and moved a little, with noise: (SIDE, SIDE)."""
    y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2 - rng.uniform(-2, 2, (2, 1, 1))
    size, angle = rng.uniform(4, 5.5), np.pi / 2 + rng.uniform(-0.2, 0.2)
    sides = {"square": 4, "triangle": 3}.get(name, 60)
    normals = angle + 2 * np.pi * np.arange(sides)[:, None, None] / sides
    inner = size * np.sqrt(np.pi / sides / np.tan(np.pi / sides))  # of one area, whatever the shape
    inside = (x * np.cos(normals) + y * np.sin(normals)).max(axis=0) < inner
    shade = np.where(inside, rng.uniform(0.6, 0.9), rng.uniform(0.1, 0.3))
    noisy = np.clip(shade + 0.1 * rng.standard_normal(shade.shape), 0, 1)
    return (np.round(noisy * LEVELS) * (255 // LEVELS)).astype(np.uint8)


def images() -> dict[str, NDArray[np.uint8]]:
    """All images by the path of their file in the folder."""
    rng = np.random.default_rng(0)
    names = [f"{name}/{number:02}.png" for number in range(EACH) for name in NAMES]
    return {path: draw(path.partition("/")[0], rng) for path in names}


if __name__ == "__main__":
    for path, pixels in images().items():
        file = FOLDER / path
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(file, optimize=True)
