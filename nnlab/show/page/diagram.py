"""The network as a drawing: a circle a unit, a line a weight, thick where it is large."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from nnlab.core.layers import LAYERS
from nnlab.core.network import layer_kind, layer_name
from nnlab.core.types import Array
from nnlab.show.figures.weighted import short_number
from nnlab.show.page.film import Film

MOST_LINES = 420
WIDE, SHOWN = 12, 10  # a layer wider than WIDE shows SHOWN units where all would be too many
MOST_LAYERS = 8
ACROSS, DOWN, CLOSE = 116, 27, 19  # from layer to layer, from unit to unit, where there are many
MANY = 14  # units
RADIUS, CLOSE_RADIUS = 11.5, 8.5
MARGIN = (78, 24, 96, 40)  # left, top, right, bottom
LABEL = 14  # characters


@dataclass(frozen=True)
class Node:
    """A unit: its place, its name, the label beside it; where its bias is, -1 for none."""

    x: float
    y: float
    name: str
    label: str
    bias: int


@dataclass(frozen=True)
class Line:
    """A weight between two units."""

    x1: float
    y1: float
    x2: float
    y2: float
    name: str


@dataclass(frozen=True)
class Diagram:
    """Nodes and lines; `data` has the weights and biases of each moment, in their order."""

    width: float
    height: float
    nodes: list[Node]
    lines: list[Line]
    captions: list[tuple[float, str]]
    gaps: list[tuple[float, float]]  # where units are left out
    inputs: int  # how many of the nodes are inputs
    radius: float
    alt: str
    data: dict[str, Any]

    kind = "diagram"


def diagram(film: Film) -> Diagram | None:
    """The diagram of a network whose only layers with parameters are dense; else None."""
    network = film.network
    dense = sorted({place.layer for place in network.layout.places})
    if not dense or len(dense) >= MOST_LAYERS or any(len(row) != 1 for row in network.shapes):
        return None
    if any(not isinstance(network.layers[index], LAYERS["dense"]) for index in dense):
        return None
    widths = [network.shapes[0][0], *(network.shapes[index + 1][0] for index in dense)]
    kept = _kept(widths)
    if sum(len(a) * len(b) for a, b in pairwise(kept)) > MOST_LINES:
        return None
    columns, height, crowded = _columns(film, [-1, *dense], widths, kept)
    weights, biases = _weights(film, columns), _biases(film, columns)
    return Diagram(
        width=columns[-1].x + MARGIN[2],
        height=height,
        nodes=_nodes(film, columns),
        lines=[
            Line(one.x, y1, two.x, y2, f"{start} to {end}")
            for one, two in pairwise(columns)
            for y1, start in zip(one.places, one.names, strict=True)
            for y2, end in zip(two.places, two.names, strict=True)
        ],
        captions=[
            (column.x, caption)
            for column, caption in zip(columns, _captions(film, dense, widths), strict=True)
        ],
        gaps=[(column.x, column.gap) for column in columns if column.gap is not None],
        inputs=len(kept[0]),
        radius=CLOSE_RADIUS if crowded else RADIUS,
        alt=_alt(widths),
        data={
            "weights": _rounded(weights),
            "biases": [[short_number(value) for value in row] for row in biases.tolist()],
            "largest": float(f"{np.abs(weights).max(initial=1e-12):.4g}"),
        },
    )


@dataclass(frozen=True)
class _Column:
    """The units of a layer that are drawn: their numbers, heights and names; -1 is the input."""

    layer: int
    x: float
    units: list[int]
    places: list[float]
    names: list[str]
    labels: list[str]
    gap: float | None


def _kept(widths: list[int]) -> list[list[int]]:
    """The units that are shown in each layer: all, or the first and the last."""
    whole = [list(range(width)) for width in widths]
    few = sum(a * b for a, b in pairwise(widths)) <= MOST_LINES // 2
    if few and max(widths) <= 3 * WIDE:
        return whole
    half = SHOWN // 2
    return [units if len(units) <= WIDE else [*units[:half], *units[-half:]] for units in whole]


def _columns(
    film: Film, layers: list[int], widths: list[int], kept: list[list[int]]
) -> tuple[list[_Column], float, bool]:
    """The columns from left to right, the height of the drawing, and whether units are close."""
    left, top, _, bottom = MARGIN
    slots = [len(units) + (len(units) < width) for units, width in zip(kept, widths, strict=True)]
    down = DOWN if max(slots) <= MANY else CLOSE
    height = max(max(slots) * down, 100)
    names = _names(film, layers[1:], widths)
    found = []
    for number, units in enumerate(kept):
        start = top + height / 2 - (slots[number] - 1) / 2 * down
        places = [start + slot * down for slot in range(slots[number])]
        gap = places.pop(len(units) // 2) if len(places) > len(units) else None
        full, short = zip(*(names[number][unit] for unit in units), strict=True)
        x = float(left + number * ACROSS)
        found.append(_Column(layers[number], x, units, places, list(full), list(short), gap))
    return found, float(top + height + bottom), down == CLOSE


def _nodes(film: Film, columns: list[_Column]) -> list[Node]:
    """The circles, column by column; those with a bias are counted in this order."""
    count = iter(range(sum(len(column.units) for column in columns)))
    return [
        Node(column.x, y, name, label, next(count) if _has_bias(film, column) else -1)
        for column in columns
        for y, name, label in zip(column.places, column.names, column.labels, strict=True)
    ]


def _weights(film: Film, columns: list[_Column]) -> Array:
    """The weights of the lines at each moment, (k, lines)."""
    layout = film.network.layout
    return np.stack(
        [
            np.concatenate(
                [
                    views[two.layer].weight[np.ix_(one.units, two.units)].ravel()
                    for one, two in pairwise(columns)
                ]
            )
            for views in map(layout.views, film.thetas)
        ]
    )


def _biases(film: Film, columns: list[_Column]) -> Array:
    """The biases of the nodes at each moment, (k, biases)."""
    layout, biased = film.network.layout, [one for one in columns if _has_bias(film, one)]
    if not biased:
        return np.empty((len(film.thetas), 0))
    return np.stack(
        [
            np.concatenate([views[one.layer].bias[one.units] for one in biased])
            for views in map(layout.views, film.thetas)
        ]
    )


def _has_bias(film: Film, column: _Column) -> bool:
    places = film.network.layout.places
    return any(one.layer == column.layer and one.declared.name == "bias" for one in places)


def _names(film: Film, dense: list[int], widths: list[int]) -> list[list[tuple[str, str]]]:
    """For each layer and unit its name, and the label that is written beside it."""
    features = list(film.data["feature_names"])
    features = features if len(features) == widths[0] else [f"x{i + 1}" for i in range(widths[0])]
    outputs = film.data["class_names"] or list(film.data["target_names"])
    if len(outputs) != widths[-1]:  # two classes share one output
        outputs = [f"y{i + 1}" for i in range(widths[-1])] if widths[-1] > 1 else ["y"]
    found = [[(name, name[:LABEL]) for name in features]]
    for index, width in zip(dense, widths[1:-1], strict=False):
        name = layer_name(film.network.layers, index)
        found.append([(f"unit {i + 1} of {name}", "") for i in range(width)])
    return [*found, [(name, name[:LABEL]) for name in outputs]]


def _captions(film: Film, dense: list[int], widths: list[int]) -> list[str]:
    """3 0.dense sigmoid: how many units a layer has, its name, and what follows it."""
    layers = film.network.layers
    found = [f"{widths[0]} in"]
    for number, index in enumerate(dense):
        end = dense[number + 1] if number + 1 < len(dense) else len(layers)
        after = [layer_kind(layer) for layer in layers[index + 1 : end]]
        found.append(" ".join([str(widths[number + 1]), layer_name(layers, index), *after[:1]]))
    return found


def _alt(widths: list[int]) -> str:
    shape = "-".join(map(str, widths))
    return f"Diagram of the {shape} network: a line for each weight, thicker where it is larger."


def _rounded(values: Array, digits: int = 3) -> list[list[float]]:
    """With so many significant digits: what a line's thickness and a label can show."""
    return [[float(f"{value:.{digits}g}") for value in row] for row in values.tolist()]
