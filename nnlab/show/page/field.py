"""What a network answers over its whole input: a plane, a curve, or pictures of its weights."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from nnlab.core.layers import LAYERS
from nnlab.core.types import Array, FloatArray
from nnlab.show.figures.palette import LIGHT
from nnlab.show.figures.plane import box
from nnlab.show.page import png
from nnlab.show.page.film import Film
from nnlab.show.page.ticks import Axis, linear

GRID = 64  # answers along each side of the plane
POINTS = 400  # training rows that are drawn
SIDE, LEFT, RIGHT, TOP, BOTTOM = 300, 58, 10, 8, 40
CURVE = (470, 300)  # width and height of the room for curves
ALONG = 160  # answers along a curve
MOST_CURVES = 4
MOST_UNITS = 64  # first-layer units whose weights are shown as pictures


@dataclass(frozen=True)
class Frame:
    """The axes around a drawing."""

    width: float
    height: float
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]
    x_label: str
    y_label: str

    left, right, top, bottom = LEFT, RIGHT, TOP, BOTTOM


@dataclass(frozen=True)
class Plane:
    """The answer over two inputs as a picture, with the training rows on it."""

    frame: Frame
    points: list[tuple[float, float, int]]  # x, y, class
    legend: list[str]
    classes: bool  # whether shades mean classes, and not the size of one output
    alt: str
    data: dict[str, Any]

    kind = "plane"
    side = SIDE


@dataclass(frozen=True)
class Curve:
    """The answer over one input, with the training rows."""

    frame: Frame
    points: list[tuple[float, float]]
    alt: str
    data: dict[str, Any]

    kind = "curve"
    curves = property(lambda self: len(self.data["paths"][0]))


@dataclass(frozen=True)
class Filters:
    """The weights of the first layer as pictures, unit beside unit."""

    width: int
    height: int
    alt: str
    data: dict[str, Any]

    kind = "filters"


def plane(film: Film) -> Plane | None:
    """For networks with two inputs."""
    if film.network.inputs != (2,) or len(film.inputs) == 0:
        return None
    rows = np.asarray(film.inputs, np.float64)
    rows = rows[np.isfinite(rows).all(axis=1)]
    if not len(rows):
        return None
    left, right, bottom, top = box(rows)
    x, y = Axis(left, right, LEFT, LEFT + SIDE), Axis(bottom, top, TOP + SIDE, TOP)
    across, down = np.meshgrid(np.linspace(x.low, x.high, GRID), np.linspace(y.high, y.low, GRID))
    answers = film.answers(np.stack([across.ravel(), down.ravel()], axis=1))
    pictures = _pictures(film, answers)
    if pictures is None:
        return None
    labels = (
        [*film.data["feature_names"], "x", "y"][:2] if film.data["feature_names"] else ["x", "y"]
    )
    names = film.data["class_names"]
    return Plane(
        frame=_frame(x, y, SIDE, SIDE, labels),
        points=_points(film, x, y),
        legend=names[: len(LIGHT.classes)] if not film.regression else [],
        classes=film.data["kind"] == "classes" and answers.shape[2] > 1,
        alt=f"The network's answer over {labels[0]} and {labels[1]}, with the training rows.",
        data={"pictures": pictures},
    )


def curve(film: Film) -> Curve | None:
    """For networks with one input and few outputs."""
    outputs = film.network.shapes[-1]
    if film.network.inputs != (1,) or len(outputs) != 1 or outputs[0] > MOST_CURVES:
        return None
    rows = np.asarray(film.inputs, np.float64)
    finite = rows[np.isfinite(rows)].tolist()
    if not finite:
        return None
    width, height = CURVE
    x = linear(finite, LEFT, LEFT + width)
    along = np.linspace(x.low, x.high, ALONG)[:, None]
    answers = film.answers(along)
    targets = np.asarray(film.targets, np.float64).reshape(len(film.inputs), -1)
    seen = np.concatenate([targets.ravel(), answers[-1].ravel()])
    y = linear(seen[np.isfinite(seen)].tolist(), TOP + height, TOP)
    which = _some(len(rows))
    return Curve(
        frame=_frame(x, y, width, height, [*(film.data["feature_names"][:1] or "x"), "output"]),
        points=[
            (x.at(float(rows[i, 0])), y.at(value)) for i in which for value in targets[i].tolist()
        ],
        alt="The network's answer over its input, with the training rows.",
        data={"paths": [_paths(one, along[:, 0], x, y) for one in answers]},
    )


def filters(film: Film) -> Filters | None:
    """For a dense first layer on images."""
    shape, first = film.data["image_shape"], film.network.layers[0]
    if shape is None or len(shape) != 2 or not isinstance(first, LAYERS["dense"]):
        return None
    units, (height, width) = film.network.shapes[1][0], shape
    if units > MOST_UNITS or film.network.inputs != (height * width,):
        return None
    views = [film.network.layout.views(theta)[0].weight for theta in film.thetas]
    weights = np.stack(views).astype(np.float64)  # (moments, pixels, units)
    largest = max(np.abs(weights).max(), 1e-12)
    columns = min(units, 8 if units <= 32 else 16)
    atlas = [_atlas(moment / largest, height, width, columns) for moment in weights]
    palette = png.diverging(LIGHT.negative, LIGHT.positive, 255)
    return Filters(
        width=atlas[0].shape[1],
        height=atlas[0].shape[0],
        alt=f"The weights of the {units} units of the first layer as images.",
        data={"pictures": [png.data_url(png.encode(one, palette)) for one in atlas]},
    )


def _atlas(weights: FloatArray, height: int, width: int, columns: int) -> png.Pixels:
    """The weights (pixels, units) of one moment as tiles with a border of one pixel."""
    units = weights.shape[1]
    rows = -(-units // columns)
    found = np.full((rows * (height + 1) + 1, columns * (width + 1) + 1), png.MIDDLE, np.uint8)
    for unit in range(units):
        row, column = divmod(unit, columns)
        top, left = row * (height + 1) + 1, column * (width + 1) + 1
        tile = png.signed(weights[:, unit].reshape(height, width))
        found[top : top + height, left : left + width] = tile
    return found


def _pictures(film: Film, answers: FloatArray) -> list[str] | None:
    """A picture for each moment of answers (moments, GRID * GRID, outputs)."""
    if answers.ndim != 3 or not np.isfinite(answers).all():
        return None
    if film.data["kind"] == "classes" and answers.shape[2] > 1:
        palette = png.classes(list(LIGHT.classes))
        share = answers.max(2) - 1 / answers.shape[2]
        level = np.clip(share / (1 - 1 / answers.shape[2]), 0, 1)
        colour = answers.argmax(2) % len(LIGHT.classes)
        pixels = (colour * png.STEPS + np.round(level * (png.STEPS - 1))).astype(np.uint8)
    else:
        low, high = (0.0, 1.0) if not film.regression else _range(film, answers)
        palette = png.diverging(LIGHT.classes[0], LIGHT.classes[1])
        pixels = png.signed(2 * (answers[:, :, 0] - low) / (high - low) - 1)
    pages = pixels.reshape(len(answers), GRID, GRID)
    return [png.data_url(png.encode(page, palette)) for page in pages]


def _range(film: Film, answers: FloatArray) -> tuple[float, float]:
    """The smallest and largest target; of the answers where there are no targets."""
    targets = np.asarray(film.targets, np.float64).ravel()
    values = targets if targets.size else answers[-1].ravel()
    return float(values.min()), float(max(values.max(), values.min() + 1e-9))


def _points(film: Film, x: Axis, y: Axis) -> list[tuple[float, float, int]]:
    found = []
    targets = np.asarray(film.targets)
    for row in _some(len(film.inputs)):
        place = np.asarray(film.inputs[row], np.float64)
        label = targets[row] if row < len(targets) else np.zeros(())
        number = int(label.argmax()) if np.ndim(label) else int(label)
        number = number if not film.regression else 0
        if np.isfinite(place).all():
            number %= len(LIGHT.classes)
            found.append((x.at(float(place[0])), y.at(float(place[1])), number))
    return found


def _some(rows: int) -> list[int]:
    """Row numbers, evenly spread where there are too many."""
    return sorted({int(row) for row in np.linspace(0, rows - 1, min(rows, POINTS))})


def _frame(x: Axis, y: Axis, width: float, height: float, labels: list[str]) -> Frame:
    return Frame(
        LEFT + width + RIGHT, TOP + height + BOTTOM, x.ticks(5), y.ticks(5), labels[0], labels[1]
    )


def _paths(answers: Array, along: FloatArray, x: Axis, y: Axis) -> list[str]:
    """A path for each output; what leaves the frame runs along its edge."""
    found = []
    for output in answers.T.tolist():
        places = [
            f"{x.at(float(at)):.0f} {y.at(value):.1f}"
            for at, value in zip(along, output, strict=True)
            if np.isfinite(value)
        ]
        found.append(f"M{'L'.join(places)}" if places else "")
    return found
