"""The curves of a sweep: a line a cell in one picture, medians with a band of quartiles."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from nnlab.core import columns
from nnlab.core.metrics import METRICS
from nnlab.core.types import FloatArray
from nnlab.show.figures import style
from nnlab.show.figures.axes import show
from nnlab.show.figures.scales import LARGEST
from nnlab.show.figures.study import DASHES, NAMED, Cell, Study, tint, word

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

POINTS = 400  # epochs that a curve is drawn with: more are finer than a pixel


def suits(study: Study) -> bool:
    """Something was trained for at least one epoch, and not too many cells for one picture."""
    if not study.keys:  # a search by Optuna has no grid
        return False
    return bool(study.tables) and sum(bool(cell.done) for cell in study.cells) <= NAMED


def draw(study: Study, quantities: Sequence[str] = ()) -> "Figure":
    """The quantities (default: all) over the epochs, a line per cell: the median and quartiles."""
    metrics = [name for name in METRICS if _has(study, columns.name(study.part, name))]
    quantities = quantities or [columns.LOSS, *metrics]
    figure, axes = style.panels(len(quantities))
    study.head(figure)
    for ax, quantity in zip(axes, quantities, strict=True):
        _curves(ax, study, columns.name(study.part, quantity))
        ax.set_xlabel("epoch")
        ax.set_ylabel(f"{word(quantity)} ({study.part_name(study.part)})")
        _thousands(ax)
    axes[-1].legend(
        title=study.keys[0] if len(study.keys) == 1 else None,
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
    )
    return figure


def _curves(ax: "Axes", study: Study, column: str) -> None:
    """One quantity over the epochs."""
    everything: list[FloatArray] = []
    for cell in study.cells:
        epochs, values = _stacked(study, cell, column)
        if not len(epochs):
            continue
        colour, dash = _look(study, cell)
        low, middle, high = _quartiles(values)
        ax.plot(epochs, middle, color=colour, linestyle=dash, label=study.words(cell.values))
        if len(values) > 1:
            ax.fill_between(epochs, low, high, color=colour, alpha=0.15, linewidth=0)
        everything += [low, middle, high]
    if everything:
        show(ax, np.concatenate(everything), columns.split(column)[1])


def _stacked(study: Study, cell: Cell, column: str) -> tuple[FloatArray, FloatArray]:
    """Epochs (k,) and values (seeds, k) of a cell's trials, thinned out; nan where one ended."""
    tables = [study.tables[trial.name] for trial in cell.done if trial.name in study.tables]
    tables = [table for table in tables if column in table]
    if not tables:
        return np.empty(0), np.empty((0, 0))
    length = max(len(table["epoch"]) for table in tables)
    stacked = np.full((len(tables), length), np.nan)
    for row, table in zip(stacked, tables, strict=True):
        values = np.asarray(table[column], dtype=np.float64)
        row[: len(values)] = np.where(np.abs(values) < LARGEST, values, np.nan)
    kept = np.unique(np.linspace(0, length - 1, POINTS).round().astype(int))
    longest = max(tables, key=lambda table: len(table["epoch"]))
    return np.asarray(longest["epoch"], dtype=np.float64)[kept], stacked[:, kept]


def _quartiles(values: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """25 %, 50 % and 75 % of each column of (seeds, k); nan where no seed has a number."""
    if len(values) == 1:
        return values[0], values[0], values[0]
    finite = np.isfinite(values)
    whole, some = finite.all(axis=0), finite.any(axis=0)
    found = np.full((3, values.shape[1]), np.nan)
    found[:, whole] = np.percentile(values[:, whole], [25, 50, 75], axis=0)
    for column in np.flatnonzero(some & ~whole):  # a trial had ended
        found[:, column] = np.nanpercentile(values[:, column], [25, 50, 75])
    return found[0], found[1], found[2]


def _look(study: Study, cell: Cell) -> tuple[str, str]:
    """Colour and dashes of a cell's line: with two axes one tells the first, one the second."""
    first, *others = study.places(cell)
    dash = DASHES[(others[0] if others else first) % len(DASHES)]
    return tint(first, study.axes[0]["values"]), dash


def _thousands(ax: "Axes") -> None:
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter

    ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))


def _has(study: Study, column: str) -> bool:
    return any(column in table for table in study.tables.values())
