"""A network as circles and lines: its structure, and a small one with its weights.

A column stands for rows of one width: the input, and what every layer that changes it gives. Wide
columns are shortened in their middle, and so is a network of many layers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nnlab.core.network import Network, count, name_of
from nnlab.core.types import Array, Shape, size
from nnlab.plots import style
from nnlab.plots.axes import bare, short
from nnlab.plots.plot import Plot
from nnlab.plots.style import look
from nnlab.plots.view import View

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_UNITS = 10  # drawn in a column; the diagram with weights draws all of up to so many:
MOST_WEIGHED = 16
MOST_COLUMNS = 13
UNIT = 0.3  # inches from one circle to the next
RADIUS = 0.085
WEIGHED = 1.6  # how much larger circles with a number in them are
GAP = " "


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
    """The input, and one column for each layer that has parameters or changes the shape."""
    found = [Column(("input",), network.inputs)]
    for index, layer in enumerate(network.layers):
        before, after = network.shapes[index : index + 2]
        name = name_of(layer).replace("_", " ")
        if count(network, index) or before != after:
            found.append(Column((name,), after, index))
        else:
            last = found[-1]
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


# The structure.


def unsuited(run: View) -> str | None:
    """Every network has a structure."""
    assert run.config
    return None


def draw(run: View) -> "Figure":
    """Circles and lines; under each column its width and its layers."""
    shown = shortened(columns(run.network))
    tallest = max(
        len(heights(one.shape[0])[0]) if isinstance(one, Column) and one.flat else 3
        for one in shown
    )
    wide = max(style.PANEL[0], 0.92 * len(shown))
    figure, ax, step = _sheet(run, len(shown), wide, max(tallest + 1.4, 4) * UNIT)
    places = [_place(one) for one in shown]
    for left in range(len(shown) - 1):
        here, there = shown[left], shown[left + 1]
        if isinstance(here, Column) and isinstance(there, Column):
            lines = [
                ((left * step, a), ((left + 1) * step, b))
                for a in places[left]
                for b in places[left + 1]
            ]
            _lines(ax, lines, look().faint, 0.5, 0.55)
    for x, (one, ys) in enumerate(zip(shown, places, strict=True)):
        _column(ax, x * step, one, ys)
    _under(ax, shown, step)
    return figure


LABELS = 0.72  # inches below the circles


def _sheet(
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


def _place(one: Column | int) -> Array:
    if isinstance(one, int) or not one.flat:
        return np.zeros(1)
    return heights(one.shape[0])[1]


def _column(ax: "Axes", x: float, one: Column | int, ys: Array) -> None:
    from matplotlib.patches import Rectangle

    ink, blue = look().ink, look().blue
    if isinstance(one, int):
        ax.text(x, 0, "...", ha="center", va="center", fontsize=14)
    elif not one.flat:
        for shift in (0.12, 0.06, 0.0):
            ax.add_patch(
                Rectangle(
                    (x - 0.3 + shift, -0.3 + shift),
                    0.54,
                    0.54,
                    facecolor=look().paper,
                    edgecolor=ink,
                )
            )
    else:
        _circles(ax, np.full(len(ys), x), ys, look().paper, blue, RADIUS)
        if len(ys) < one.shape[0]:
            _dots(ax, x, ys)


def _dots(ax: "Axes", x: float, ys: Array) -> None:
    middle = np.mean(ys)
    _circles(ax, np.full(3, x), middle + np.array([-0.09, 0, 0.09]), look().ink, look().ink, 0.014)


def _circles(ax: "Axes", x: Array, y: Array, fill: str, edge: str, radius: float) -> None:
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Circle

    patches = [Circle((a, b), radius) for a, b in zip(x, y, strict=True)]
    ax.add_collection(
        PatchCollection(patches, facecolor=fill, edgecolor=edge, linewidth=1.1, zorder=3)
    )


def _lines(
    ax: "Axes",
    lines: Sequence[tuple[tuple[float, float], tuple[float, float]]],
    colour: str,
    widths: float | Sequence[float],
    alpha: float = 1.0,
    dash: str = "solid",
) -> None:
    from matplotlib.collections import LineCollection

    ax.add_collection(
        LineCollection(
            list(lines), colors=colour, linewidths=widths, alpha=alpha, linestyles=dash, zorder=1
        )
    )


def _under(ax: "Axes", shown: Sequence[Column | int], step: float) -> None:
    """What each column is, in as many lines as it has layers."""
    bottom = -ax.get_ylim()[1] - 0.03
    for x, one in enumerate(shown):
        if isinstance(one, int):
            lines = [f"{one} more"]
        else:
            lines = [" x ".join(f"{n:,}" for n in one.shape), *one.labels[:2]]
            if len(one.labels) > 2:
                lines[-1] += ", ..."
        ax.text(
            x * step, bottom, "\n".join(lines), ha="center", va="top", fontsize=8, linespacing=1.15
        )


NETWORK = Plot(
    "Network",
    "The structure: circles are numbers, lines are weights; wide layers are shortened.",
    unsuited,
    draw,
    lambda run: " to ".join(f"{size(one.shape):,} {one.labels[0]}" for one in columns(run.network)),
)


# With weights.


def unsuited_weights(run: View) -> str | None:
    """Only a small network of dense layers shows something."""
    found = columns(run.network)
    if len(found) == 1:
        return "the network has no weights"
    if len(found) > MOST_COLUMNS or any(not one.flat for one in found):
        return "it is for a few layers of flat rows"
    widest = max(one.shape[0] for one in found)
    if widest > MOST_WEIGHED:
        return f"a layer has {widest:,} units; lines can be told apart for up to {MOST_WEIGHED}"
    return None


def draw_weights(run: View) -> "Figure":
    """Lines as thick as the weights are large, dashed where negative; biases in the circles."""
    network = run.network
    found = columns(network)
    named = network.parameters
    tallest = max(one.shape[0] for one in found)
    pitch = UNIT * 1.35
    wide = max(style.PANEL[0], 1.5 * (len(found) - 1) + 1.6)
    figure, ax, step = _sheet(run, len(found), wide, max(tallest + 0.4, 3) * pitch, 0.3)
    ys = [heights(one.shape[0], MOST_WEIGHED)[1] * 1.35 for one in found]
    matrices = [_matrix(named, one.layer) for one in found]
    largest = max((np.abs(w).max() for w in matrices if w is not None), default=0.0)
    for x, weight in enumerate(matrices):
        if weight is not None and weight.shape == (len(ys[x - 1]), len(ys[x])):
            _weighed(ax, (x - 1) * step, x * step, ys[x - 1], ys[x], weight / (largest or 1))
    for x, one in enumerate(found):
        _circles(
            ax, np.full(len(ys[x]), x * step), ys[x], look().paper, look().ink, RADIUS * WEIGHED
        )
        bias = named.get(f"{one.layer}.dense.bias")
        for y, value in zip(ys[x], [] if bias is None else bias, strict=False):
            ax.text(x * step, y, _number(value), ha="center", va="center", fontsize=5.5, zorder=4)
    _ends(ax, run, ys, step * (len(found) - 1))
    _under(ax, found, step)
    biased = any("bias" in name for name in named)
    _key(ax, float(largest), f"in circles: biases, {run.when}" if biased else run.when)
    return figure


def _matrix(named: dict[str, Array], layer: int | None) -> Array | None:
    return named.get(f"{layer}.dense.weight")


def _weighed(
    ax: "Axes", left: float, right: float, here: Array, there: Array, weight: Array
) -> None:
    """Lines between two columns; `weight` (n, m) is between -1 and 1."""
    for sign, colour, dash in ((1, look().blue, "solid"), (-1, look().orange, (0, (4, 1.2)))):
        which = np.argwhere(sign * weight > 0)
        lines = [((left, float(here[a])), (right, float(there[b]))) for a, b in which]
        widths = [0.2 + 3.4 * abs(float(weight[a, b])) for a, b in which]
        if lines:
            _lines(ax, lines, colour, widths, 0.85, dash)  # type: ignore[arg-type]


def _number(value: float) -> str:
    """At most four characters of an ordinary number."""
    if not np.isfinite(value):
        return "-"
    text = f"{value:.1f}"
    if text in ("0.0", "-0.0"):
        return "0"
    if len(text) > 4:
        text = f"{value:.0f}" if abs(value) < 1000 else f"{value:.0e}".replace("e+", "e")
    return text


def _ends(ax: "Axes", run: View, ys: Sequence[Array], right: float) -> None:
    """The names of the inputs and the outputs, where there are any."""
    data = run.data
    outputs = data["class_names"] if len(ys[-1]) > 1 else data["target_names"]
    sides = ((data["feature_names"], ys[0], -0.2, "right"), (outputs, ys[-1], right + 0.2, "left"))
    for names, heights, x, side in sides:
        if len(names) == len(heights):
            for name, y in zip(names, heights, strict=True):
                ax.text(x, y, short(name, 7), ha=side, va="center", fontsize=7, color=look().faint)


def _key(ax: "Axes", largest: float, when: str) -> None:
    from matplotlib.lines import Line2D

    wide = 3.6
    handles = [
        Line2D([], [], color=look().blue, linewidth=wide, label=f"weight {largest:.3g}"),
        Line2D(
            [],
            [],
            color=look().orange,
            linewidth=wide,
            linestyle=(0, (1.6, 0.6)),
            label=f"weight -{largest:.3g}",
        ),
        Line2D([], [], linestyle="", label=when),
    ]
    ax.legend(
        handles=handles,
        loc="lower center",
        borderaxespad=0.0,
        ncols=3,
        fontsize=7,
        handlelength=2.2,
        columnspacing=1.2,
    )


WEIGHTS = Plot(
    "Network with weights",
    "The thickness of a line is the size of a weight, a dashed line a negative one; the numbers in "
    "the circles are biases.",
    unsuited_weights,
    draw_weights,
)
