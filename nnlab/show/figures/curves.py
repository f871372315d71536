"""Learning curves: how loss and metrics moved from epoch to epoch."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nnlab.core import columns
from nnlab.core.types import FloatArray
from nnlab.show.figures import style
from nnlab.show.figures.axes import FEW, legend, quantity_label, show, whole_numbers
from nnlab.show.figures.plot import Plot
from nnlab.show.figures.scales import finite_numbers, smoothed, window
from nnlab.show.figures.style import look
from nnlab.show.figures.view import View

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


PALE = 0.35  # the opacity of values behind their running mean


def unsuited(run: View) -> str | None:
    """At least one epoch must have been trained."""
    return None if len(run.metrics.get("epoch", ())) > 1 else "no epoch was finished"


def draw(run: View, quantities: Sequence[str] = ()) -> "Figure":
    """The quantities (default: all) over the epochs, training beside validation.

    The best epoch carries a circle; a dotted line stands where a run diverged.
    """
    table, config = run.metrics, run.settings
    names = list(quantities) or columns.quantities(table)
    figure, axes = style.panels(len(names))
    style.head(figure, *run.title)
    for ax, quantity in zip(axes, names, strict=True):
        _panel(ax, table, quantity, part_names(config))
        _mark_best(ax, run, table, quantity)
        _mark_divergence(ax, run)
        ax.set_xlabel("epoch")
        ax.set_ylabel(quantity_label(quantity, config))
    legend(figure, axes[0], note(axes))
    return figure


def note(axes: Sequence["Axes"]) -> str | None:
    """What pale lines are, where there are any."""
    pale = [line for ax in axes for line in ax.lines if line.get_gid() == "pale"]
    if not pale:
        return None
    return f"pale: every epoch; strong: mean of {window(np.size(pale[0].get_xdata()))} epochs"


def details(run: View) -> str:
    """From where to where each quantity went."""
    table, told = run.metrics, []
    for key, (part, _, _) in part_names(run.settings).items():
        for quantity in columns.quantities(table):
            values = finite_numbers(table.get(columns.name(key, quantity), []))
            found = values[np.isfinite(values)]
            if len(found) > 1:
                told.append(f"{part} {quantity} goes from {found[0]:.4g} to {found[-1]:.4g}")
    return f"over {max(table['epoch'], default=0):,} epochs, {', '.join(told) or 'nothing finite'}"


def part_names(config: dict[str, Any]) -> dict[str, tuple[str, str, str]]:
    """Part -> name, colour and dashes: the second line also differs without colour."""
    names = columns.row_names(config)
    return {
        columns.TRAIN: (names[columns.TRAIN], look().blue, "-"),
        columns.VAL: (names[columns.VAL], look().orange, "--"),
    }


def _panel(
    ax: "Axes", table: dict[str, Any], quantity: str, parts: dict[str, tuple[str, str, str]]
) -> None:
    """The lines of one quantity."""
    known = {
        part: finite_numbers(table[name])
        for part in parts
        if (name := columns.name(part, quantity)) in table
    }
    known = {part: values for part, values in known.items() if np.isfinite(values).any()}
    show(ax, np.concatenate([np.empty(0), *known.values()]), quantity)
    for part, values in known.items():
        name, colour, dash = parts[part]
        line(ax, finite_numbers(table["epoch"]), values, color=colour, linestyle=dash, label=name)
    whole_numbers(ax)


def line(ax: "Axes", epochs: FloatArray, values: FloatArray, **look: Any) -> None:
    """A curve over the epochs; of a noisy one the running mean, with the values pale behind it.

    The axis must have its scale and its limits.
    """
    low, high = ax.get_ylim()
    mean = smoothed(values, low, high, ax.get_yscale() == "log")
    if mean is None:
        ax.plot(epochs, values, marker="." if len(epochs) <= FEW else "", **look)
        return
    pale = {"color": look["color"], "alpha": PALE, "linewidth": 0.6, "zorder": 1.5}
    ax.plot(epochs, values, gid="pale", **pale)
    ax.plot(epochs, mean, **look)


def _mark_best(ax: "Axes", run: View, table: dict[str, Any], quantity: str) -> None:
    """A circle on the epoch that summary.json calls best; an unfinished run has none."""
    best = (run.summary.get("best") or {}).get("epoch")
    names = (columns.name(part, quantity) for part in reversed(columns.WATCHED))
    values = finite_numbers(next(table[name] for name in names if name in table))
    found = values[finite_numbers(table["epoch"]) == best]
    if best is None or not found.size or found[0] < ax.get_ylim()[0]:
        return
    ax.plot(
        best,
        found[0],
        linestyle="",
        marker="o",
        markersize=8,
        markerfacecolor="none",
        markeredgecolor=look().red,
        markeredgewidth=1.3,
        clip_on=False,
        label=f"best: epoch {best:,}",
    )


def _mark_divergence(ax: "Axes", run: View) -> None:
    """A line in the epoch in which the numbers stopped being finite."""
    epoch = (run.about.get("failure") or {}).get("epoch")
    if run.about.get("status") == "diverged" and epoch is not None:
        ax.axvline(epoch, color=look().red, linestyle=":", label=f"diverged in epoch {epoch:,}")


CURVES = Plot(
    "Learning curves",
    "Loss and metrics after every epoch, training beside validation; a circle marks the best.",
    unsuited,
    draw,
    details,
)
