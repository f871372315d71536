"""Curves of a training: loss and metrics over the epochs, losses and rates over the updates."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nnlab.core import columns
from nnlab.core.rate_range import exponential_average
from nnlab.core.types import FloatArray
from nnlab.run.text import mapping_or_empty
from nnlab.show.figures import style
from nnlab.show.figures.axes import (
    FEW,
    choose_scale,
    count_axis,
    dots,
    finite_numbers,
    is_log_rate,
    legend_below,
    quantity_label,
    scale_y,
    smoothed,
    window,
)
from nnlab.show.figures.mpl import Axes, Figure
from nnlab.show.figures.plot import Plot
from nnlab.show.figures.style import look
from nnlab.show.figures.view import View

PALE = 0.35  # the opacity of values behind their running mean


# Over the epochs.


def no_epoch(run: View) -> str | None:
    """Why a run has no curves; None if it has."""
    return None if len(run.metrics.get("epoch", ())) > 1 else "no epoch was finished"


def draw_curves(run: View, quantities: Sequence[str] = ()) -> Figure:
    """The quantities (default: all) over the epochs, training beside validation.

    The best epoch carries a circle; a dotted line marks the epoch in which a run diverged.
    """
    names = list(quantities) or columns.quantities(run.metrics)
    figure, axes = style.panels(len(names), *run.title)
    for ax, quantity in zip(axes, names, strict=True):
        curves = part_curves(run.metrics, quantity)
        _draw_parts(ax, run, curves, quantity)
        _mark_best(ax, run, [values for _, values in curves.values()][-1:])
        _mark_divergence(ax, run)
        ax.set_ylabel(quantity_label(quantity, run.settings))
    legend_below(figure, axes[:1], smoothing_note(axes))
    return figure


def part_curves(
    table: Mapping[str, Any], quantity: str
) -> dict[str, tuple[FloatArray, FloatArray]]:
    """Epochs and values of a quantity in metrics.csv by part, train and val."""
    epochs = finite_numbers(table.get("epoch", ()))
    return {
        part: (epochs, finite_numbers(table[name]))
        for part in columns.WATCHED
        if (name := columns.name(part, quantity)) in table
    }


def smoothing_note(axes: Sequence[Axes]) -> str | None:
    """What pale and strong lines are, where there are pale ones."""
    pale = [line for ax in axes for line in ax.lines if line.get_gid() == "pale"]
    if not pale:
        return None
    if (decay := look().smooth) is not None:
        return f"pale: every epoch; strong: moving average, decay {decay:g}"
    return f"pale: every epoch; strong: mean of {window(np.size(pale[0].get_xdata()))} epochs"


def _draw_parts(
    ax: Axes, run: View, curves: Mapping[str, tuple[FloatArray, FloatArray]], quantity: str
) -> None:
    """The lines of one quantity; those of the parts also differ without colour."""
    looks = {columns.TRAIN: (look().blue, "-"), columns.VAL: (look().orange, "--")}
    rows = columns.row_names(run.settings)
    finite = {part: curve for part, curve in curves.items() if np.isfinite(curve[1]).any()}
    scale_y(ax, np.concatenate([np.empty(0), *(y for _, y in finite.values())]), quantity)
    for part, curve in finite.items():
        color, dash = looks[part]
        draw_line(ax, *curve, color=color, linestyle=dash, label=rows[part])
    count_axis(ax, "epoch")


def draw_line(ax: Axes, epochs: FloatArray, values: FloatArray, **options: Any) -> None:
    """A curve over the epochs; of a noisy one the running mean, with the values pale behind it.

    With a decay in the look, the moving average instead, of every curve. The axis must have its
    scale and its limits.
    """
    if (decay := look().smooth) is None:
        mean = smoothed(values, *ax.get_ylim(), ax.get_yscale() == "log")
    else:
        mean = exponential_average(values, decay)
    if mean is None:
        ax.plot(epochs, values, marker="." if len(epochs) <= FEW else "", **options)
        return
    pale = {"color": options["color"], "alpha": PALE, "linewidth": 0.6, "zorder": 1.5}
    ax.plot(epochs, values, gid="pale", **pale)
    ax.plot(epochs, mean, **options)


def _mark_best(ax: Axes, run: View, watched: Sequence[FloatArray]) -> None:
    """A circle on the epoch that summary.json calls best; an unfinished run has none."""
    best = mapping_or_empty(run.summary.get("best")).get("epoch")
    for values in watched:
        at_best = values[finite_numbers(run.metrics["epoch"]) == best]
        if best is not None and at_best.size and not at_best[0] < ax.get_ylim()[0]:
            circle = {"marker": "o", "markersize": 8, "markerfacecolor": "none"}
            edge = {"markeredgecolor": look().red, "markeredgewidth": 1.3}
            label = f"best: epoch {best:,}"
            dots(ax, best, at_best[0], clip_on=False, label=label, **circle, **edge)


def _mark_divergence(ax: Axes, run: View) -> None:
    """A line in the epoch in which the numbers stopped being finite."""
    epoch = mapping_or_empty(run.about.get("failure")).get("epoch")
    if run.about.get("status") == "diverged" and epoch is not None:
        ax.axvline(epoch, color=look().red, linestyle=":", label=f"diverged in epoch {epoch:,}")


def _first_and_last(run: View) -> str:
    """The first and the last value of each quantity."""
    texts = []
    for part, rows in columns.row_names(run.settings).items():
        for quantity in columns.quantities(run.metrics):
            values = finite_numbers(run.metrics.get(columns.name(part, quantity), []))
            finite = values[np.isfinite(values)]
            if len(finite) > 1:
                texts.append(f"{rows} {quantity} goes from {finite[0]:.4g} to {finite[-1]:.4g}")
    epochs = max(run.metrics["epoch"], default=0)
    return f"over {epochs:,} epochs, {', '.join(texts) or 'nothing finite'}"


# Over the updates.


def _no_steps(run: View) -> str | None:
    if len(run.steps.get("step", ())) > 1:
        return None
    return "the loss of every update was not recorded (training.record_steps: true)"


def draw_steps(run: View) -> Figure:
    """The loss of every update, and over it the mean of each epoch, or the moving average."""
    steps, losses, epochs = (finite_numbers(run.steps[name]) for name in ("step", "loss", "epoch"))
    figure, (ax,) = style.panels(1, *run.title, width=1.5)
    ax.plot(steps, losses, color=look().faint, linewidth=0.6, alpha=0.8, label="one update")
    starts = np.flatnonzero(np.diff(epochs, prepend=np.nan) != 0)
    if (decay := look().smooth) is not None:
        label = f"moving average, decay {decay:g}"
        ax.plot(steps, exponential_average(losses, decay), color=look().blue, label=label)
    elif len(starts) > 1:
        counts = np.diff(starts, append=len(epochs))
        means = np.add.reduceat(losses, starts) / counts
        ax.plot(steps[starts + counts - 1], means, color=look().blue, label="mean of an epoch")
    scale_y(ax, losses)
    count_axis(ax, "update")
    ax.set_ylabel(quantity_label(columns.LOSS, run.settings))
    legend_below(figure, [ax])
    return figure


def no_rates(run: View) -> str | None:
    """Why there is no curve of the learning rate; None if there is."""
    rates = learning_rates(run)[2]
    if len(rates) < 2:
        return "no epoch was finished"
    return None if rates.min() < rates.max() else "the learning rate never changed"


def draw_rate(run: View) -> Figure:
    """The learning rate of every update where those were recorded, else of every epoch's last.

    A schedule that moves at every update has no steps as wide as an epoch.
    """
    unit, places, rates = learning_rates(run)
    figure, (ax,) = style.panels(1, *run.title)
    moving = unit == "epoch" and mapping_or_empty(run.settings.get("schedule")).get("per") == "step"
    (line,) = ax.plot(places, rates, color=look().blue, marker="." if moving else "", clip_on=False)
    line.set_drawstyle("default" if moving else "steps-pre")
    choose_scale(ax, rates, is_log_rate(rates, look().scale))
    count_axis(ax, unit)
    ax.set_ylabel("learning rate after the epoch" if moving else "learning rate")
    return figure


def learning_rates(run: View) -> tuple[str, FloatArray, FloatArray]:
    """The unit of the places, the places, and the rates; row 0 is before the first update."""
    if len(run.steps.get("lr", ())) > 1:
        return "update", finite_numbers(run.steps["step"]), finite_numbers(run.steps["lr"])
    epochs, rates = (finite_numbers(run.metrics.get(name, [])[1:]) for name in ("epoch", "lr"))
    return "epoch", epochs, rates


FIGURES = {
    "curves": Plot(
        "Learning curves",
        "Loss and metrics after every epoch, training beside validation; a circle marks the best.",
        no_epoch,
        draw_curves,
        _first_and_last,
    ),
    "steps": Plot(
        "Loss of every update",
        "The loss that each batch had before its update, and the mean of every epoch.",
        _no_steps,
        draw_steps,
        early=True,
    ),
    "lr": Plot("Learning rate", "How the schedule moved the learning rate.", no_rates, draw_rate),
}
