"""A network as circles and lines: its structure."""

from typing import TYPE_CHECKING

import numpy as np

from nnlab.core.types import Array, size
from nnlab.show.figures import style
from nnlab.show.figures.columns import (
    RADIUS,
    UNIT,
    Column,
    circles,
    columns,
    heights,
    segments,
    sheet,
    shortened,
    under,
)
from nnlab.show.figures.plot import Plot
from nnlab.show.figures.style import look
from nnlab.show.figures.view import View

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


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
    figure, ax, step = sheet(run, len(shown), wide, max(tallest + 1.4, 4) * UNIT)
    places = [_place(one) for one in shown]
    for left in range(len(shown) - 1):
        here, there = shown[left], shown[left + 1]
        if isinstance(here, Column) and isinstance(there, Column):
            lines = [
                ((left * step, a), ((left + 1) * step, b))
                for a in places[left]
                for b in places[left + 1]
            ]
            segments(ax, lines, look().faint, 0.5, 0.55)
    for x, (one, ys) in enumerate(zip(shown, places, strict=True)):
        _column(ax, x * step, one, ys)
    under(ax, shown, step)
    return figure


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
        circles(ax, np.full(len(ys), x), ys, look().paper, blue, RADIUS)
        if len(ys) < one.shape[0]:
            _dots(ax, x, ys)


def _dots(ax: "Axes", x: float, ys: Array) -> None:
    middle = np.mean(ys)
    circles(ax, np.full(3, x), middle + np.array([-0.09, 0, 0.09]), look().ink, look().ink, 0.014)


NETWORK = Plot(
    "Network",
    "The structure: circles are numbers, squares are images, lines are weights; wide layers are "
    "shortened.",
    unsuited,
    draw,
    lambda run: " to ".join(f"{size(one.shape):,} {one.labels[0]}" for one in columns(run.network)),
)
