"""A network as columns of circles and lines: its structure, and its weights.

A column stands for rows of one width: the input, and the output of each layer that changes it.
Wide columns are shortened in their middle, and so is a network of many layers.
"""

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any

import numpy as np

from nnlab.core.layers.dense import Dense, Reshape
from nnlab.core.layers.images import Conv2d
from nnlab.core.network import Network, layer_name
from nnlab.core.types import Array, Shape, size
from nnlab.show.figures import style
from nnlab.show.figures.axes import bare, distinct
from nnlab.show.figures.mpl import Axes, Figure
from nnlab.show.figures.plot import Plot
from nnlab.show.figures.style import look
from nnlab.show.figures.view import View

MOST_UNITS = 10  # drawn in a column
MOST_COLUMNS = 10  # on a page
UNIT = 0.3  # inches from one circle to the next
RADIUS = 0.085
LABELS = 0.72  # inches below the circles for labels; lines that fit there, and letters per line
MOST_LINES = 4
LETTERS = 12
MOST_WEIGHTED_UNITS, MOST_WEIGHTED_COLUMNS = 16, 13  # in a figure of weights
LARGER = 1.6  # the factor for circles with a number in them
PITCH = 1.35  # the factor for the distance of such circles


@dataclass(frozen=True)
class Column:
    """One column: its labels, its shape, and the layer that its lines belong to."""

    labels: tuple[str, ...]
    shape: Shape
    layer: int | None = None

    @property
    def flat(self) -> bool:
        """Rows of numbers are circles; images are squares."""
        return len(self.shape) == 1


def network_columns(network: Network) -> list[Column]:
    """The input, and one column for each layer that mixes numbers or changes the shape.

    All other layers (activations, normalisation, dropout) share the column before them, and so does
    a reshape of the input.
    """
    columns = [Column(("input",), network.inputs)]
    for index, layer in enumerate(network.layers):
        before, after = network.shapes[index : index + 2]
        name, last = layer_name(network.layers, index).replace("_", " "), columns[-1]
        if isinstance(layer, Reshape) and last.labels == ("input",):
            columns[-1] = Column(("input", name), after)
        elif isinstance(layer, Dense | Conv2d) or before != after:
            columns.append(Column((name,), after, index))
        else:
            columns[-1] = Column((*last.labels, name), last.shape, last.layer)
    return columns


def shortened(columns: Sequence[Column]) -> list[Column | int]:
    """The columns; those in the middle of a long row are replaced by their number."""
    if len(columns) <= MOST_COLUMNS:
        return list(columns)
    head, tail = MOST_COLUMNS // 2, MOST_COLUMNS - MOST_COLUMNS // 2 - 1
    return [*columns[:head], len(columns) - head - tail, *columns[-tail:]]


def unit_heights(units: int, most: int = MOST_UNITS) -> Array:
    """The heights in inches of the drawn units; a gap in the middle stands for more."""
    if units <= most:
        return (units - 1) / 2 * UNIT - np.arange(units) * UNIT
    half = most // 2 - 1
    rows = np.r_[np.arange(half), np.arange(half) + half + 1.4]
    return (rows.mean() - rows) * UNIT


def _sheet(
    run: View, columns: int, wide: float, high: float, key: float = 0.0
) -> tuple[Figure, Axes, float]:
    """A figure whose axes count in inches, and the distance between two columns.

    key: the height of a legend at the bottom.
    """
    figure = style.canvas(wide, high + LABELS + key + 0.1, *run.title)
    ax = figure.subplots()
    bare(ax)
    step = (wide - 1.0) / max(columns - 1, 1)
    ax.set_xlim(-0.45, wide - 0.55)
    ax.set_ylim(-high / 2 - LABELS - key, high / 2)
    ax.set_aspect("equal")
    return figure, ax, step


def _circles(ax: Axes, x: float, ys: Array, fill: str, edge: str, radius: float) -> None:
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Circle

    patches = [Circle((x, y), radius) for y in ys]
    ax.add_collection(
        PatchCollection(patches, facecolor=fill, edgecolor=edge, linewidth=1.1, zorder=3)
    )


def _segments(ax: Axes, lines: Iterable[Any], **options: Any) -> None:
    """Lines from place to place, behind the circles."""
    from matplotlib.collections import LineCollection

    ax.add_collection(LineCollection(list(lines), zorder=1, **options))


def _labels_below(ax: Axes, columns: Sequence[Column | int], step: float) -> None:
    """The shape and the layers of each column, in as many lines as fit."""
    bottom = -ax.get_ylim()[1] - 0.03
    for x, column in enumerate(columns):
        if isinstance(column, int):
            lines = [f"{column} more"]
        else:
            names = [line for name in column.labels for line in textwrap.wrap(name, LETTERS)]
            if len(names) > MOST_LINES:
                names = [*names[: MOST_LINES - 1], "..."]
            lines = [" x ".join(f"{n:,}" for n in column.shape), *names]
        text = "\n".join(lines)
        ax.text(x * step, bottom, text, ha="center", va="top", fontsize=8, linespacing=1.15)


# The structure.


def _every_network(run: View) -> str | None:
    _ = run.config  # raises where it cannot be read
    return None


def draw_structure(run: View) -> Figure:
    """Circles and lines; below each column its width and its layers."""
    columns = shortened(network_columns(run.latest_network))
    places = [
        unit_heights(column.shape[0]) if isinstance(column, Column) and column.flat else np.zeros(1)
        for column in columns
    ]
    tallest = max(3, *map(len, places))
    wide = max(style.PANEL[0], 0.92 * len(columns))
    figure, ax, step = _sheet(run, len(columns), wide, max(tallest + 1.4, 4) * UNIT)
    for left, pair in enumerate(pairwise(columns)):
        if all(isinstance(column, Column) for column in pair):
            ends = [[((left + i) * step, y) for y in places[left + i]] for i in (0, 1)]
            _segments(ax, product(*ends), colors=look().faint, linewidths=0.5, alpha=0.55)
    for x, (column, ys) in enumerate(zip(columns, places, strict=True)):
        _draw_column(ax, x * step, column, ys)
    _labels_below(ax, columns, step)
    return figure


def _draw_column(ax: Axes, x: float, column: Column | int, ys: Array) -> None:
    from matplotlib.patches import Rectangle

    ink, paper = look().ink, look().paper
    if isinstance(column, int):
        ax.text(x, 0, "...", ha="center", va="center", fontsize=14)
    elif column.flat:
        _circles(ax, x, ys, paper, look().blue, RADIUS)
        if len(ys) < column.shape[0]:
            _circles(ax, x, np.mean(ys) + np.array([-0.09, 0, 0.09]), ink, ink, 0.014)
    else:
        for shift in (0.12, 0.06, 0.0):
            corner = (x - 0.3 + shift, -0.3 + shift)
            ax.add_patch(Rectangle(corner, 0.54, 0.54, facecolor=paper, edgecolor=ink))


# The weights.


def _no_weights(run: View) -> str | None:
    """Only a small network of dense layers can be read."""
    columns = network_columns(run.latest_network)
    if len(columns) == 1:
        return "the network has no weights"
    if len(columns) > MOST_WEIGHTED_COLUMNS or any(not column.flat for column in columns):
        return "it is for a few layers of flat rows"
    widest = max(column.shape[0] for column in columns)
    if widest > MOST_WEIGHTED_UNITS:
        return (
            f"a layer has {widest:,} units; lines can be told apart for up to {MOST_WEIGHTED_UNITS}"
        )
    return None


def draw_weights(run: View) -> Figure:
    """Lines as thick as the weights are large, dashed where negative; biases in the circles."""
    columns, named = network_columns(run.latest_network), run.latest_network.parameters
    wide = max(style.PANEL[0], 1.5 * (len(columns) - 1) + 1.6)
    ys = [unit_heights(column.shape[0], MOST_WEIGHTED_UNITS) * PITCH for column in columns]
    high = max(*map(len, ys), 2.6) + 0.4
    figure, ax, step = _sheet(run, len(columns), wide, high * UNIT * PITCH, 0.3)
    weights = [named.get(f"{column.layer}.dense.weight") for column in columns]
    largest = _draw_all_weights(ax, weights, ys, step)
    for x, column in enumerate(columns):
        _draw_biases(ax, x * step, ys[x], named.get(f"{column.layer}.dense.bias", ()))
    _name_ends(ax, run, ys, step * (len(columns) - 1))
    _labels_below(ax, columns, step)
    circles = "circles: biases, " if any("bias" in name for name in named) else ""
    _weight_legend(ax, largest, f"{circles}{run.when}")
    return figure


def _draw_all_weights(
    ax: Axes, weights: Sequence[Array | None], ys: Sequence[Array], step: float
) -> float:
    """Lines into every column that has weights; the size of the largest weight."""
    sizes = [np.abs(weight).max() for weight in weights if weight is not None]
    largest = float(max(sizes, default=0.0))
    for x, weight in enumerate(weights):
        if weight is not None and weight.shape == (len(ys[x - 1]), len(ys[x])):
            left, right = ([(at * step, float(y)) for y in ys[at]] for at in (x - 1, x))
            _draw_weights(ax, left, right, weight / (largest or 1))
    return largest


def _draw_biases(ax: Axes, x: float, ys: Array, biases: Iterable[float]) -> None:
    _circles(ax, x, ys, look().paper, look().ink, RADIUS * LARGER)
    for y, bias in zip(ys, biases, strict=False):
        text = short_number(bias)
        size = 5.5 * min(1.0, 4 / len(text))  # to fit into the circle
        ax.text(x, y, text, ha="center", va="center", fontsize=size, zorder=4)


def _draw_weights(ax: Axes, left: Sequence[Any], right: Sequence[Any], weight: Array) -> None:
    """Lines between the places of two columns; `weight` (n, m) is between -1 and 1."""
    for sign, color, dash in ((1, look().blue, "solid"), (-1, look().orange, (0, (4, 1.2)))):
        which = np.argwhere(sign * weight > 0)
        widths = [0.2 + 3.4 * abs(float(weight[a, b])) for a, b in which]
        if widths:
            lines = [(left[a], right[b]) for a, b in which]
            _segments(ax, lines, colors=color, linewidths=widths, alpha=0.85, linestyles=dash)


def short_number(value: float) -> str:
    """At most four characters of an ordinary number."""
    if not np.isfinite(value):
        return "-"
    text = f"{value:.1f}"
    if text in ("0.0", "-0.0"):
        return "0"
    if len(text) > 4:
        text = f"{value:.0f}" if abs(value) < 1000 else f"{value:.0e}"
        text = text.replace("e+0", "e").replace("e+", "e")
    return text


def _name_ends(ax: Axes, run: View, ys: Sequence[Array], right: float) -> None:
    """The names of the inputs and the outputs, where there are any."""
    data = run.data
    outputs = run.output_names if len(ys[-1]) > 1 else data.target_names
    sides = ((data.feature_names, ys[0], -0.2, "right"), (outputs, ys[-1], right + 0.2, "left"))
    for names, places, x, side in sides:
        if len(names) == len(places):
            for text, y in zip(distinct(names, 8), places, strict=True):
                ax.text(x, y, text, ha=side, va="center", fontsize=7, color=look().soft)


def _weight_legend(ax: Axes, largest: float, moment: str) -> None:
    from matplotlib.lines import Line2D

    lines: list[dict[str, Any]] = [
        {"color": look().blue, "label": f"weight {largest:.3g}"},
        {"color": look().orange, "linestyle": (0, (1.6, 0.6)), "label": f"weight -{largest:.3g}"},
        {"linestyle": "", "label": moment},
    ]
    handles = [Line2D([], [], linewidth=3.6, **line) for line in lines]
    place: dict[str, Any] = {"loc": "lower center", "borderaxespad": 0.0, "ncols": 3}
    ax.legend(handles=handles, fontsize=7, handlelength=2.2, columnspacing=1.2, **place)


def _structure_details(run: View) -> str:
    columns = network_columns(run.latest_network)
    return " to ".join(f"{size(column.shape):,} {column.labels[0]}" for column in columns)


FIGURES = {
    "network": Plot(
        "Network",
        "The structure: circles are numbers, squares are images, lines are weights; wide layers "
        "are shortened.",
        _every_network,
        draw_structure,
        _structure_details,
    ),
    "weights": Plot(
        "Network with weights",
        "The thickness of a line is the size of a weight, a dashed line a negative one; the "
        "numbers in the circles are biases.",
        _no_weights,
        draw_weights,
    ),
}
