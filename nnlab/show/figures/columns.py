"""A network as columns of circles: which there are, and how they are drawn.

A column stands for rows of one width: the input, and what every layer that changes it gives. Wide
columns are shortened in their middle, and so is a network of many layers.
"""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nnlab.core.layers.conv2d import Conv2d
from nnlab.core.layers.dense import Dense
from nnlab.core.layers.reshape import Reshape
from nnlab.core.network import Network, layer_name
from nnlab.core.types import Array, Shape
from nnlab.show.figures import style
from nnlab.show.figures.axes import bare
from nnlab.show.figures.view import View

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_UNITS = 10  # drawn in a column
MOST_COLUMNS = 10  # fill a page
UNIT = 0.3  # inches from one circle to the next
RADIUS = 0.085
LABELS = 0.72  # inches below the circles, the lines that fit there, and the letters of a line
MOST_LINES = 4
LETTERS = 12


@dataclass(frozen=True)
class Column:
    """One column: what stands under it, its shape, and the layer that its lines belong to."""

    labels: tuple[str, ...]
    shape: Shape
    layer: int | None = None

    @property
    def flat(self) -> bool:
        """Rows of numbers are circles; images are squares."""
        return len(self.shape) == 1


def columns(network: Network) -> list[Column]:
    """The input, and one column for each layer that mixes numbers or changes the shape.

    All others (activations, normalisation, dropout) share the column before them, and so does a
    reshape of the input.
    """
    found = [Column(("input",), network.inputs)]
    for index, layer in enumerate(network.layers):
        before, after = network.shapes[index : index + 2]
        name, last = layer_name(network.layers, index).replace("_", " "), found[-1]
        if isinstance(layer, Reshape) and last.labels == ("input",):
            found[-1] = Column(("input", name), after)
        elif isinstance(layer, Dense | Conv2d) or before != after:
            found.append(Column((name,), after, index))
        else:
            found[-1] = Column((*last.labels, name), last.shape, last.layer)
    return found


def shortened(columns: Sequence[Column], most: int = MOST_COLUMNS) -> list[Column | int]:
    """The columns; in the place of those in the middle of a long row their number."""
    if len(columns) <= most:
        return list(columns)
    head, tail = most // 2, most - most // 2 - 1
    return [*columns[:head], len(columns) - head - tail, *columns[-tail:]]


def heights(units: int, most: int = MOST_UNITS) -> tuple[Array, Array]:
    """Which units are drawn, and at what height in inches; a gap in the middle stands for more."""
    if units <= most:
        shown = np.arange(units)
        return shown, (units - 1) / 2 * UNIT - shown * UNIT
    half = most // 2 - 1
    shown = np.r_[np.arange(half), np.arange(units - half, units)]
    rows = np.r_[np.arange(half), np.arange(half) + half + 1.4]
    return shown, (rows.mean() - rows) * UNIT


# What they have in common on paper.


def sheet(
    run: View, columns: int, wide: float, high: float, key: float = 0.0
) -> tuple["Figure", "Axes", float]:
    """A figure whose axes count in inches, and the distance between two columns.

    `key` is what a legend at the bottom takes.
    """
    figure = style.canvas(wide, high + LABELS + key + 0.1)
    style.head(figure, *run.title)
    ax = figure.subplots()
    bare(ax)
    step = (wide - 1.0) / max(columns - 1, 1)
    ax.set_xlim(-0.45, wide - 0.55)
    ax.set_ylim(-high / 2 - LABELS - key, high / 2)
    ax.set_aspect("equal")
    return figure, ax, step


def circles(ax: "Axes", x: Array, y: Array, fill: str, edge: str, radius: float) -> None:
    """Circles around these places."""
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Circle

    patches = [Circle((a, b), radius) for a, b in zip(x, y, strict=True)]
    ax.add_collection(
        PatchCollection(patches, facecolor=fill, edgecolor=edge, linewidth=1.1, zorder=3)
    )


def segments(
    ax: "Axes",
    lines: Sequence[tuple[tuple[float, float], tuple[float, float]]],
    colour: str,
    widths: float | Sequence[float],
    alpha: float = 1.0,
    dash: str = "solid",
) -> None:
    """Lines from place to place, behind the circles."""
    from matplotlib.collections import LineCollection

    ax.add_collection(
        LineCollection(
            list(lines), colors=colour, linewidths=widths, alpha=alpha, linestyles=dash, zorder=1
        )
    )


def under(ax: "Axes", shown: Sequence[Column | int], step: float) -> None:
    """What each column is: its shape and its layers, in at most so many lines as fit."""
    bottom = -ax.get_ylim()[1] - 0.03
    for x, one in enumerate(shown):
        text = f"{one} more" if isinstance(one, int) else "\n".join(_label(one))
        ax.text(x * step, bottom, text, ha="center", va="top", fontsize=8, linespacing=1.15)


def _label(one: Column) -> list[str]:
    lines = [line for name in one.labels for line in textwrap.wrap(name, LETTERS)]
    if len(lines) > MOST_LINES:
        lines = [*lines[: MOST_LINES - 1], "..."]
    return [" x ".join(f"{n:,}" for n in one.shape), *lines]
