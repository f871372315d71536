"""The final numbers of a sweep: against one setting, or as a map of two."""

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nnlab.core import columns
from nnlab.core.metrics import better_when
from nnlab.core.types import FloatArray
from nnlab.show.figures import style
from nnlab.show.figures.axes import show
from nnlab.show.figures.heat import write
from nnlab.show.figures.palette import MARKERS
from nnlab.show.figures.scales import is_log
from nnlab.show.figures.study import DASHES, NAMED, Study, final_names, finals, tint, word
from nnlab.show.words import axis_value

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LETTER = 0.026  # of a panel's width
WRITTEN = 150  # numbers that can be read on a map
CLOSEST = 0.045  # of the axis, from one slanted label to the next
ROOM = 0.06  # of the axis, left and right: a marker at the end is whole


def suits(study: Study) -> bool:
    """There is one axis, or one with numbers beside another with few values."""
    return len(study.keys) in (1, 2) and any(cell.done for cell in study.cells)


def draw(study: Study) -> "Figure":
    """The final numbers against the setting: a dot for each run, a bar for a median of seeds."""
    quantities = final_names(study)
    figure, axes = style.panels(len(quantities))
    study.head(figure)
    for ax, quantity in zip(axes, quantities, strict=True):
        _final(ax, study, quantity)
        ax.set_xlabel(study.keys[0])
        part, name = columns.split(quantity)
        ax.set_ylabel(f"final {word(name)} ({study.part_name(part)})")
    if len(study.keys) == 2:
        axes[-1].legend(title=study.keys[1], loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def suits_map(study: Study) -> bool:
    """Two axes with at least two values each."""
    return len(study.keys) == 2 and all(len(axis["values"]) > 1 for axis in study.axes)


def draw_map(study: Study) -> "Figure":
    """The final number of every combination of two settings as a colour, written in."""
    quantities = final_names(study)
    down, across = (len(axis["values"]) for axis in study.axes)
    width = min(max(0.62 * across / 4, 1.0), 2.5)
    figure, axes = style.panels(len(quantities), width=width)
    study.head(figure)
    for ax, quantity in zip(axes, quantities, strict=True):
        grid = np.full((down, across), np.nan)
        for cell in study.cells:
            row, column = study.places(cell)
            if row < down and column < across and (found := finals(cell, quantity)):
                grid[row, column] = np.median(found)
        part, name = columns.split(quantity)
        _map(ax, grid, name)
        _map_ticks(ax, study)
        ax.set_title(f"final {word(name)} ({study.part_name(part)})")
    return figure


def _final(ax: "Axes", study: Study, quantity: str) -> None:
    """Dots and medians; a second axis is a line of its own each."""
    values = study.axes[0]["values"]
    numeric = all(type(value) in (int, float) for value in values)
    places = [float(v) for v in values] if numeric else [float(i) for i in range(len(values))]
    groups = study.axes[1]["values"] if len(study.keys) == 2 else [None]
    logarithmic = numeric and log_spaced(places)
    shown: list[float] = []
    for number, group in enumerate(groups):
        colour, dash = tint(number, groups), DASHES[number % len(DASHES)]
        middles = []
        for value, x in zip(values, places, strict=True):
            wanted = (value,) if group is None else (value, group)
            cells = [cell for cell in study.cells if cell.values == wanted]
            found = [number for cell in cells for number in finals(cell, quantity)]
            shown += found
            middles.append(float(np.median(found)) if found else math.nan)
            if len(found) > 1:
                beside = _beside(x, len(found), places, logarithmic)
                ax.plot(beside, found, "o", color=colour, markersize=3.5, alpha=0.5,
                        markeredgewidth=0, clip_on=False)  # fmt: skip
        line = dash if numeric else ""
        bar: dict[str, Any] = {"marker": "_", "markersize": 10, "markeredgewidth": 1.8}
        dot: dict[str, Any] = {"marker": MARKERS[number % len(MARKERS)], "markersize": 5}
        ax.plot(places, middles, color=colour, linestyle=line, clip_on=False,
                label=None if group is None else axis_value(group),
                **(bar if study.several else dot))  # fmt: skip
    _final_axis(ax, values, places, logarithmic)
    if not numeric:
        ax.set_xlim(-0.5, len(values) - 0.5)
    show(ax, np.array(shown or [1.0]), columns.split(quantity)[1])


def _beside(x: float, count: int, places: Sequence[float], logarithmic: bool) -> FloatArray:
    """`count` places around x, so that equal numbers of several seeds are seen as several."""
    shift = np.linspace(-0.015, 0.015, count)
    if logarithmic:
        return x * (max(places) / min(places)) ** shift
    return x + shift * max(max(places) - min(places), 1.0)


def _final_axis(
    ax: "Axes", values: Sequence[Any], places: Sequence[float], logarithmic: bool
) -> None:
    """A tick at every value of a few; their names slanted where they would touch."""
    from matplotlib.ticker import FixedLocator, NullLocator

    if logarithmic:
        ax.set_xscale("log")
    ax.margins(x=ROOM)
    if len(values) > NAMED:
        return
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_locator(FixedLocator(list(places)))
    texts = [axis_value(value) for value in values]
    at = np.log(places) if logarithmic else np.array(places)
    gaps = np.abs(np.diff(at)) / max(float(np.ptp(at)), 1e-300)
    letters = [(len(one) + len(other)) / 2 for one, other in itertools.pairwise(texts)]
    touch = any(gap < LETTER * count for gap, count in zip(gaps, letters, strict=True))
    places = [0.0, *np.cumsum(gaps).tolist()]
    last = -1.0
    for number, place in enumerate(places):  # a label that has no room is left out
        if place - last < CLOSEST:
            texts[number] = ""
        else:
            last = place
    ax.set_xticklabels(texts, rotation=35 if touch else 0, ha="right" if touch else "center")


def log_spaced(values: Sequence[float]) -> bool:
    """Whether values grow by factors rather than by steps: 0.001, 0.01, 0.1, and not 2, 3, 5."""
    if len(values) < 3 or min(values) <= 0 or max(values) / min(values) < 10:
        return False
    ordered = np.sort(np.asarray(values))
    steps, ratios = np.diff(ordered), np.diff(np.log(ordered))
    return bool(ratios.std() / ratios.mean() < steps.std() / steps.mean())


def _map(ax: "Axes", grid: FloatArray, name: str) -> None:
    """The colours, dark for what is good, and the numbers on them; a scale where those are many."""
    from matplotlib.colors import LogNorm, Normalize

    known = grid[np.isfinite(grid)]
    low, high = float(known.min(initial=np.inf)), float(known.max(initial=-np.inf))
    norm = LogNorm(low, high) if is_log(known) else Normalize(low, high)
    colours = "cividis" if better_when(name) == "min" else "cividis_r"
    picture = ax.imshow(grid, cmap=colours, norm=norm, aspect="auto")
    ax.grid(visible=False)
    if grid.size <= WRITTEN:
        write(ax, picture, grid, "{:.3g}", 7)
    else:
        ax.get_figure().colorbar(picture, ax=ax)  # type: ignore[union-attr]


def _map_ticks(ax: "Axes", study: Study) -> None:
    down, across = study.axes
    ax.set_yticks(range(len(down["values"])), [axis_value(value) for value in down["values"]])
    long = max(len(axis_value(value)) for value in across["values"]) * len(across["values"]) > 36
    ax.set_xticks(range(len(across["values"])), [axis_value(value) for value in across["values"]],
                  rotation=35 if long else 0, ha="right" if long else "center")  # fmt: skip
    ax.set_ylabel(study.keys[0])
    ax.set_xlabel(study.keys[1])
