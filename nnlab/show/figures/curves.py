"""Learning curves: loss and metrics over the epochs."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nnlab.core import columns
from nnlab.core.types import FloatArray
from nnlab.show.figures import style
from nnlab.show.figures.axes import FEW, dots, legend_below, quantity_label, scale_y, whole_numbers
from nnlab.show.figures.plot import Plot
from nnlab.show.figures.scales import finite_numbers, smoothed, window
from nnlab.show.figures.style import look
from nnlab.show.figures.view import View

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PALE = 0.35  # the opacity of values behind their running mean


def no_epoch(run: View) -> str | None:
    """Why a run has no curves; None if it has."""
    return None if len(run.metrics.get("epoch", ())) > 1 else "no epoch was finished"


def draw_curves(run: View, quantities: Sequence[str] = ()) -> "Figure":
    """The quantities (default: all) over the epochs, training beside validation.

    The best epoch carries a circle; a dotted line marks the epoch in which a run diverged.
    """
    table, config = run.metrics, run.settings
    names = list(quantities) or columns.quantities(table)
    figure, axes = style.panels(len(names), *run.title)
    for ax, quantity in zip(axes, names, strict=True):
        curves = part_curves(table, quantity)
        _draw_parts(ax, curves, quantity, config, finite_numbers(table["epoch"]))
        _mark_best(ax, run, list(curves.values())[-1:])
        _mark_divergence(ax, run)
        ax.set_xlabel("epoch")
        ax.set_ylabel(quantity_label(quantity, config))
    legend_below(figure, axes[0], smoothing_note(axes))
    return figure


def part_curves(table: Mapping[str, Any], quantity: str) -> dict[str, FloatArray]:
    """The values of a quantity by part, train and val."""
    return {
        part: finite_numbers(table[name])
        for part in columns.WATCHED
        if (name := columns.name(part, quantity)) in table
    }


def smoothing_note(axes: Sequence["Axes"]) -> str | None:
    """What pale lines are, where there are any."""
    pale = [line for ax in axes for line in ax.lines if line.get_gid() == "pale"]
    if not pale:
        return None
    return f"pale: every epoch; strong: mean of {window(np.size(pale[0].get_xdata()))} epochs"


def _details(run: View) -> str:
    """The first and the last value of each quantity."""
    table, texts = run.metrics, []
    for part, rows in columns.row_names(run.settings).items():
        for quantity in columns.quantities(table):
            values = finite_numbers(table.get(columns.name(part, quantity), []))
            finite = values[np.isfinite(values)]
            if len(finite) > 1:
                texts.append(f"{rows} {quantity} goes from {finite[0]:.4g} to {finite[-1]:.4g}")
    return f"over {max(table['epoch'], default=0):,} epochs, {', '.join(texts) or 'nothing finite'}"


def _draw_parts(
    ax: "Axes",
    curves: Mapping[str, FloatArray],
    quantity: str,
    config: Mapping[str, Any],
    epochs: FloatArray,
) -> None:
    """The lines of one quantity; those of the parts also differ without colour."""
    looks = {columns.TRAIN: (look().blue, "-"), columns.VAL: (look().orange, "--")}
    rows = columns.row_names(config)
    known = {part: values for part, values in curves.items() if np.isfinite(values).any()}
    scale_y(ax, np.concatenate([np.empty(0), *known.values()]), quantity)
    for part, values in known.items():
        color, dash = looks[part]
        draw_line(ax, epochs, values, color=color, linestyle=dash, label=rows[part])
    whole_numbers(ax)


def draw_line(ax: "Axes", epochs: FloatArray, values: FloatArray, **options: Any) -> None:
    """A curve over the epochs; of a noisy one the running mean, with the values pale behind it.

    The axis must have its scale and its limits.
    """
    low, high = ax.get_ylim()
    mean = smoothed(values, low, high, ax.get_yscale() == "log")
    if mean is None:
        ax.plot(epochs, values, marker="." if len(epochs) <= FEW else "", **options)
        return
    pale = {"color": options["color"], "alpha": PALE, "linewidth": 0.6, "zorder": 1.5}
    ax.plot(epochs, values, gid="pale", **pale)
    ax.plot(epochs, mean, **options)


def _mark_best(ax: "Axes", run: View, watched: Sequence[FloatArray]) -> None:
    """A circle on the epoch that summary.json calls best; an unfinished run has none."""
    best = (run.summary.get("best") or {}).get("epoch")
    for values in watched:
        at_best = values[finite_numbers(run.metrics["epoch"]) == best]
        if best is not None and at_best.size and not at_best[0] < ax.get_ylim()[0]:
            circle = {"marker": "o", "markersize": 8, "markerfacecolor": "none"}
            edge = {"markeredgecolor": look().red, "markeredgewidth": 1.3}
            label = f"best: epoch {best:,}"
            dots(ax, best, at_best[0], clip_on=False, label=label, **circle, **edge)


def _mark_divergence(ax: "Axes", run: View) -> None:
    """A line in the epoch in which the numbers stopped being finite."""
    epoch = (run.about.get("failure") or {}).get("epoch")
    if run.about.get("status") == "diverged" and epoch is not None:
        ax.axvline(epoch, color=look().red, linestyle=":", label=f"diverged in epoch {epoch:,}")


FIGURES = {
    "curves": Plot(
        "Learning curves",
        "Loss and metrics after every epoch, training beside validation; a circle marks the best.",
        no_epoch,
        draw_curves,
        _details,
    )
}
