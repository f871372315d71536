"""The figures of a sweep: curves, final values against one setting, and a map of two.

A new figure is a painter, a function that says whether it suits, and one entry of SWEEP_FIGURES.
"""

import itertools
import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from nnlab.core import columns
from nnlab.core.metrics import METRICS, better_when, label_of
from nnlab.core.types import FloatArray
from nnlab.errors import UsageError
from nnlab.run.folder import FIGURES as FIGURES_FOLDER
from nnlab.run.sweeps import SweepFolder
from nnlab.show.figures import style
from nnlab.show.figures.axes import (
    color_bar,
    count_axis,
    dots,
    finite_numbers,
    is_log,
    scale_y,
    slanted_ticks,
)
from nnlab.show.figures.cells import write_cells
from nnlab.show.figures.mpl import Axes, Figure
from nnlab.show.figures.palette import DASHES, MARKERS
from nnlab.show.figures.plot import Drawn, FigureForm, draw_files, require_known, save_figure
from nnlab.show.figures.sweep_view import Cell, SweepPlot, SweepView
from nnlab.show.words import axis_value

NAMED = 12  # curves or values that can be told apart by name
FEW = 3  # values of a number that are told apart by unlike colours
POINTS = 400  # epochs of a drawn curve: more are finer than a pixel
BAR = {"marker": "_", "markersize": 10, "markeredgewidth": 1.8}  # a median of several seeds
LETTER = 0.026  # of a panel's width
WRITTEN = 150  # numbers that can be read on a map
CLOSEST = 0.045  # of the axis, from one slanted label to the next
ROOM = 0.06  # of the axis, left and right: a marker at the end is whole


def draw_sweep(
    folder: SweepFolder, form: FigureForm | None = None, out: Path | None = None
) -> Drawn:
    """Draw every figure that suits a sweep into its folder, or into `out`."""
    sweep, place = SweepView(folder), out or folder.path / FIGURES_FOLDER
    painters = {name: partial(plot.draw_if_suited, sweep) for name, plot in SWEEP_FIGURES.items()}
    return draw_files(painters, form, partial(save_figure, place))


# Curves.


def _few_curves(sweep: SweepView) -> bool:
    """An epoch was trained, and there are not too many cells; a search by Optuna has no cells."""
    cells = sum(bool(cell.done) for cell in sweep.cells)
    return bool(sweep.keys and sweep.tables) and cells <= NAMED


def draw_sweep_curves(sweep: SweepView, quantities: Sequence[str] = ()) -> Figure:
    """The quantities (default: all) over the epochs, a line per cell: the median and quartiles."""
    known = {name for table in sweep.tables.values() for name in table}
    metrics = [name for name in METRICS if columns.name(sweep.part, name) in known]
    quantities = quantities or [columns.LOSS, *metrics]
    figure, axes = style.panels(len(quantities), *sweep.title)
    for ax, quantity in zip(axes, quantities, strict=True):
        _draw_medians(ax, sweep, columns.name(sweep.part, quantity))
        ax.set_ylabel(f"{label_of(quantity)} ({sweep.part_name(sweep.part)})")
        count_axis(ax, "epoch", 5)
    _legend_beside(axes[-1], sweep.keys[0] if len(sweep.keys) == 1 else None)
    return figure


def _draw_medians(ax: Axes, sweep: SweepView, column: str) -> None:
    """One quantity over the epochs."""
    shown: list[FloatArray] = []
    for cell in sweep.cells:
        epochs, quartiles = cell_curve(sweep, cell, column)
        if not len(epochs):
            continue
        color, dash = _cell_look(sweep, cell)
        low, middle, high = quartiles
        ax.plot(epochs, middle, color=color, linestyle=dash, label=sweep.cell_text(cell))
        if len(cell.done) > 1:
            ax.fill_between(epochs, low, high, color=color, alpha=0.15, linewidth=0)
        shown += [low, middle, high]
    if shown:
        scale_y(ax, np.concatenate(shown), columns.split(column)[1])


def cell_curve(sweep: SweepView, cell: Cell, column: str) -> tuple[FloatArray, FloatArray]:
    """Epochs (k,) and quartiles (3, k) of a cell's trials; nan where no trial has a number."""
    tables = [sweep.tables[trial.name] for trial in cell.done if trial.name in sweep.tables]
    tables = [table for table in tables if column in table]
    if not tables:
        return np.empty(0), np.empty((3, 0))
    epochs = max((finite_numbers(table["epoch"]) for table in tables), key=len)
    values = np.full((len(tables), len(epochs)), np.nan)  # (seeds, epochs)
    for row, table in zip(values, tables, strict=True):
        row[: len(table[column])] = finite_numbers(table[column])
    thinned = np.unique(np.linspace(0, len(epochs) - 1, POINTS).round().astype(int))
    epochs, values = epochs[thinned], values[:, thinned]
    finite = np.isfinite(values)
    whole, some = finite.all(axis=0), finite.any(axis=0)
    quartiles = np.full((3, len(epochs)), np.nan)
    quartiles[:, whole] = np.percentile(values[:, whole], [25, 50, 75], axis=0)
    for place in np.flatnonzero(some & ~whole):  # a trial had ended
        quartiles[:, place] = np.nanpercentile(values[:, place], [25, 50, 75])
    return epochs, quartiles


def _cell_look(sweep: SweepView, cell: Cell) -> tuple[str, str]:
    """Colour and dashes of a cell's line: of two axes, dashes tell the second."""
    first, *rest = sweep.places(cell)
    return tint(first, sweep.axes[0]["values"]), DASHES[(rest or [first])[0] % len(DASHES)]


def tint(number: int, values: Sequence[Any]) -> str:
    """From light to dark for many numbers, else from the palette."""
    lines = style.look().lines
    if (_numeric(values) and len(values) > FEW) or len(values) > len(lines):
        return style.ramp(number, len(values))
    return lines[number % len(lines)]


def _numeric(values: Sequence[Any]) -> bool:
    return all(type(value) in (int, float) for value in values)


def _legend_beside(ax: Axes, title: str | None) -> None:
    ax.legend(title=title, loc="center left", bbox_to_anchor=(1.0, 0.5))


# Final values against one setting; a second setting gives each of its values a line.


def _one_or_two_settings(sweep: SweepView) -> bool:
    return len(sweep.keys) in (1, 2) and any(cell.done for cell in sweep.cells)


def draw_finals(sweep: SweepView) -> Figure:
    """The final values against the setting: a dot for each run, a bar for a median of seeds."""
    quantities = sweep.final_names()
    figure, axes = style.panels(len(quantities), *sweep.title)
    for ax, quantity in zip(axes, quantities, strict=True):
        _draw_final(ax, sweep, quantity)
        ax.set(xlabel=sweep.keys[0], ylabel=_final_label(sweep, quantity))
    if len(sweep.keys) == 2:
        _legend_beside(axes[-1], sweep.keys[1])
    return figure


def _final_label(sweep: SweepView, quantity: str) -> str:
    part, name = columns.split(quantity)
    return f"final {label_of(name)} ({sweep.part_name(part)})"


def _draw_final(ax: Axes, sweep: SweepView, quantity: str) -> None:
    values = sweep.axes[0]["values"]
    numeric = _numeric(values)
    places = [float(value) for value in (values if numeric else range(len(values)))]
    logarithmic = numeric and log_spaced(places)
    groups = sweep.axes[1]["values"] if len(sweep.keys) == 2 else []
    shown: list[float] = []
    for number in range(max(len(groups), 1)):
        group = groups[number : number + 1]
        finals = [sweep.finals((value, *group), quantity) for value in values]
        color, label = tint(number, groups), axis_value(*group) if group else None
        _draw_runs(ax, places, finals, logarithmic, color)
        mark: dict[str, Any] = {"marker": MARKERS[number % len(MARKERS)], "markersize": 5}
        mark = BAR if sweep.several else mark
        mark = mark | {"linestyle": DASHES[number % len(DASHES)] * numeric, "color": color}
        ax.plot(places, list(map(_median, finals)), label=label, clip_on=False, **mark)
        shown += itertools.chain(*finals)
    _setting_axis(ax, values, places, logarithmic)
    scale_y(ax, np.array(shown or [1.0]), columns.split(quantity)[1])


def _median(values: Sequence[float]) -> float:
    return float(np.median(values)) if values else math.nan


def _draw_runs(
    ax: Axes,
    places: Sequence[float],
    finals: Sequence[Sequence[float]],
    logarithmic: bool,
    color: str,
) -> None:
    """A dot per run where there are several, beside each other so that equal values are seen."""
    for x, values in zip(places, finals, strict=True):
        if len(values) > 1:
            shift = np.linspace(-0.015, 0.015, len(values))
            if logarithmic:
                beside = x * (max(places) / min(places)) ** shift
            else:
                beside = x + shift * max(max(places) - min(places), 1.0)
            pale: dict[str, Any] = {"markersize": 3.5, "alpha": 0.5, "markeredgewidth": 0}
            dots(ax, beside, values, marker="o", color=color, clip_on=False, **pale)


def _setting_axis(
    ax: Axes, values: Sequence[Any], places: Sequence[float], logarithmic: bool
) -> None:
    """A tick at every value of a few; their names slanted where they would touch."""
    from matplotlib.ticker import NullLocator

    if logarithmic:
        ax.set_xscale("log")
    ax.margins(x=ROOM)
    if not _numeric(values):
        ax.set_xlim(-0.5, len(values) - 0.5)
    if len(values) > NAMED:
        return
    ax.xaxis.set_minor_locator(NullLocator())
    texts = [axis_value(value) for value in values]
    at = np.log(places) if logarithmic else np.array(places)
    gaps = np.abs(np.diff(at)) / max(float(np.ptp(at)), 1e-300)
    letters = [len(a) + len(b) for a, b in itertools.pairwise(texts)]
    touch = bool((gaps < LETTER / 2 * np.array(letters)).any())
    last = -1.0
    for number, place in enumerate([0.0, *np.cumsum(gaps).tolist()]):
        if place - last < CLOSEST:
            texts[number] = ""  # there is no room for it
        else:
            last = place
    slanted_ticks(ax, places, texts, touch)


def log_spaced(values: Sequence[float]) -> bool:
    """Whether values grow by factors rather than by steps: 0.001, 0.01, 0.1, and not 2, 3, 5."""
    if len(values) < 3 or min(values) <= 0 or max(values) / min(values) < 10:
        return False
    ordered = np.sort(np.asarray(values))
    steps, ratios = np.diff(ordered), np.diff(np.log(ordered))
    return bool(ratios.std() / ratios.mean() < steps.std() / steps.mean())


# A map of two settings.


def _two_settings(sweep: SweepView) -> bool:
    return len(sweep.keys) == 2 and all(len(axis["values"]) > 1 for axis in sweep.axes)


def draw_map(sweep: SweepView) -> Figure:
    """The final value of every combination of two settings as a colour, written in."""
    quantities = sweep.final_names()
    down, across = ([axis_value(value) for value in axis["values"]] for axis in sweep.axes)
    width = min(max(0.62 * len(across) / 4, 1.0), 2.5)
    figure, axes = style.panels(len(quantities), *sweep.title, width=width)
    slanted = max(map(len, across)) * len(across) > 36
    for ax, quantity in zip(axes, quantities, strict=True):
        grid = np.full((len(down), len(across)), np.nan)
        for cell in sweep.cells:
            row, column = sweep.places(cell)
            finals = sweep.finals(cell.values, quantity)
            if row < len(down) and column < len(across) and finals:
                grid[row, column] = np.median(finals)
        _draw_map(ax, grid, columns.split(quantity)[1])
        ax.set_yticks(range(len(down)), down)
        slanted_ticks(ax, range(len(across)), across, slanted)
        ax.set(ylabel=sweep.keys[0], xlabel=sweep.keys[1], title=_final_label(sweep, quantity))
    return figure


def _draw_map(ax: Axes, grid: FloatArray, name: str) -> None:
    """The colours, dark for what is good, and the numbers on them; a scale where those are many."""
    from matplotlib.colors import LogNorm, Normalize

    known = grid[np.isfinite(grid)]
    low, high = float(known.min(initial=np.inf)), float(known.max(initial=-np.inf))
    norm = LogNorm(low, high) if is_log(known) else Normalize(low, high)
    colors = "cividis" if better_when(name) == "min" else "cividis_r"
    image = ax.imshow(grid, cmap=colors, norm=norm, aspect="auto")
    ax.grid(visible=False)
    if grid.size <= WRITTEN:
        write_cells(ax, image, grid, "{:.3g}", 7)
    else:
        color_bar(image, ax)


SWEEP_FIGURES: dict[str, SweepPlot] = {
    "curves": SweepPlot(
        "Curves",
        (
            "Each line is the run of one setting.",
            "Each line is the median over the seeds of one setting, its band the quartiles.",
        ),
        _few_curves,
        draw_sweep_curves,
    ),
    "final": SweepPlot(
        "Final values",
        (
            "Each marker is the end of one run.",
            "Each dot is the end of one run, each bar the median over the seeds.",
        ),
        _one_or_two_settings,
        draw_finals,
    ),
    "map": SweepPlot(
        "Both settings",
        (
            "Each cell is the end of one run; dark is good.",
            "Each cell is the median over the seeds; dark is good.",
        ),
        _two_settings,
        draw_map,
    ),
}


def require_sweep_plot(name: str, sweep: SweepView) -> SweepPlot:
    """The figure of this name. Raises UsageError where there is none, or it does not suit."""
    require_known(name, SWEEP_FIGURES)
    plot = SWEEP_FIGURES[name]
    if not plot.suits(sweep):
        raise UsageError(f"The figure {name} does not suit {sweep.folder.name}.")
    return plot
