"""A small network with its weights as lines and its biases as numbers."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from nnlab.core.types import Array
from nnlab.show.figures import style
from nnlab.show.figures.axes import short
from nnlab.show.figures.columns import (
    RADIUS,
    UNIT,
    circles,
    columns,
    heights,
    segments,
    sheet,
    under,
)
from nnlab.show.figures.plot import Plot
from nnlab.show.figures.style import look
from nnlab.show.figures.view import View

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_UNITS = 16  # in a column
MOST_COLUMNS = 13
WEIGHED = 1.6  # how much larger circles with a number in them are


def unsuited(run: View) -> str | None:
    """Only a small network of dense layers shows something."""
    found = columns(run.network)
    if len(found) == 1:
        return "the network has no weights"
    if len(found) > MOST_COLUMNS or any(not one.flat for one in found):
        return "it is for a few layers of flat rows"
    widest = max(one.shape[0] for one in found)
    if widest > MOST_UNITS:
        return f"a layer has {widest:,} units; lines can be told apart for up to {MOST_UNITS}"
    return None


def draw(run: View) -> "Figure":
    """Lines as thick as the weights are large, dashed where negative; biases in the circles."""
    network = run.network
    found = columns(network)
    named = network.parameters
    tallest = max(one.shape[0] for one in found)
    pitch = UNIT * 1.35
    wide = max(style.PANEL[0], 1.5 * (len(found) - 1) + 1.6)
    figure, ax, step = sheet(run, len(found), wide, max(tallest + 0.4, 3) * pitch, 0.3)
    ys = [heights(one.shape[0], MOST_UNITS)[1] * 1.35 for one in found]
    matrices = [_matrix(named, one.layer) for one in found]
    largest = max((np.abs(w).max() for w in matrices if w is not None), default=0.0)
    for x, weight in enumerate(matrices):
        if weight is not None and weight.shape == (len(ys[x - 1]), len(ys[x])):
            _weighed(ax, (x - 1) * step, x * step, ys[x - 1], ys[x], weight / (largest or 1))
    for x, one in enumerate(found):
        circles(
            ax, np.full(len(ys[x]), x * step), ys[x], look().paper, look().ink, RADIUS * WEIGHED
        )
        bias = named.get(f"{one.layer}.dense.bias")
        for y, value in zip(ys[x], [] if bias is None else bias, strict=False):
            text = short_number(value)
            ax.text(x * step, y, text, ha="center", va="center", fontsize=5.5, zorder=4)
    _ends(ax, run, ys, step * (len(found) - 1))
    under(ax, found, step)
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
            segments(ax, lines, colour, widths, 0.85, dash)  # type: ignore[arg-type]


def short_number(value: float) -> str:
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
    for names, places, x, side in sides:
        if len(names) == len(places):
            for name, y in zip(names, places, strict=True):
                ax.text(x, y, short(name, 7), ha=side, va="center", fontsize=7, color=look().soft)


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
    unsuited,
    draw,
)
