"""The figure of a learning-rate range test."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from nnlab.core import columns
from nnlab.core.rate_range import RateCurve
from nnlab.show.figures import style
from nnlab.show.figures.axes import (
    LARGEST,
    choose_scale,
    dots,
    finite_numbers,
    is_log,
    legend_below,
    quantity_label,
)
from nnlab.show.figures.mpl import Axes, Figure
from nnlab.show.figures.palette import MARKERS
from nnlab.show.figures.style import look
from nnlab.show.words import SEPARATOR, count, setup_line

EDGES = 2  # a factor left and right of the rates
HEADROOM = 0.5  # of the fall, above the loss before training
Finals = Mapping[float, tuple[float, float, float] | None]


def draw_rate_curve(
    curve: RateCurve, settings: Mapping[str, Any], finals: Finals | None = None, of: str = ""
) -> Figure:
    """The smoothed losses over the rate, with the marks; below it the ends of a sweep.

    settings: those of the config. finals: quartiles of the final losses of a sweep by rate, of the
    rows that `of` names; None for a rate at which training failed.
    """
    height = 1.1 if finals else 1.3  # the legend takes its part
    figure, axes = style.panels(
        1, *_head(curve, settings), rows=2 if finals else 1, width=1.5, height=height
    )
    _draw_losses(axes[0], curve)
    if finals:
        _draw_finals(axes[1], finals, curve.start)
    label = quantity_label(columns.LOSS, settings)
    rates = np.array([curve.rates[0], curve.rates[-1], *(finals or ())])
    for ax, of_sweep in zip(axes, (False, True), strict=False):
        for place in curve.marks.values():
            ax.axvline(curve.rates[place], color=look().faint, linewidth=0.8, zorder=1)
        ax.set(xscale="log", xlim=(rates.min() / EDGES, rates.max() * EDGES))
        ax.set_ylabel(f"final loss of the sweep ({of})" if of_sweep else label)
    axes[-1].set_xlabel("learning rate")
    legend_below(figure, axes)
    return figure


def _draw_losses(ax: Axes, curve: RateCurve) -> None:
    rates, (low, median, high) = curve.rates, curve.quartiles
    seeds = len(curve.losses)
    fall = curve.start - min(float(median.min()), curve.start)
    top = curve.start + max(HEADROOM * fall, 0.05 * abs(curve.start))
    if seeds > 1:
        low, high = np.minimum(low, LARGEST), np.minimum(high, LARGEST)
        ax.fill_between(rates, low, high, color=look().blue, alpha=0.15, linewidth=0)
    name = f"median of {seeds} seeds, and quartiles" if seeds > 1 else "smoothed loss"
    ax.plot(rates, finite_numbers(median), color=look().blue, label=name)
    ax.axhline(curve.start, color=look().faint, linestyle=":", label="before training")
    for (mark, place), marker in zip(curve.marks.items(), MARKERS, strict=False):
        at = {"marker": marker, "markersize": 7, "color": look().ink, "zorder": 4}
        label = f"{mark}: {rates[place]:.2g}"
        dots(ax, rates[place], min(median[place], top), label=label, clip_on=False, **at)
    shown = np.array([*median[median <= top], curve.start])
    choose_scale(ax, shown, is_log(shown, look().scale))


def _draw_finals(ax: Axes, finals: Finals, start: float) -> None:
    """The final losses of a sweep, up to the loss before training; crosses at the top above it."""
    inside = {rate: ends for rate, ends in finals.items() if ends and ends[1] <= start}
    above = [rate for rate in finals if rate not in inside]
    x, (low, median, high) = list(inside), np.array(list(inside.values())).reshape(-1, 3).T
    color = look().orange
    ax.vlines(x, low, high, color=color, linewidth=1)
    ax.plot(x, median, marker="s", linestyle="--", color=color, label="final loss of the sweep")
    if above:
        ax.plot(
            *(above, [1] * len(above)), "x", transform=ax.get_xaxis_transform(), clip_on=False,
            color=color, label="worse than before training"
        )  # fmt: skip
    shown = np.array([*median, start])
    choose_scale(ax, shown, is_log(shown, look().scale))


def _head(curve: RateCurve, settings: Mapping[str, Any]) -> tuple[str, str]:
    """Name and setting, without what the test does not use."""
    used = {key: settings[key] for key in settings if key not in ("schedule", "seed")}
    used["optimizer"] = {k: v for k, v in settings["optimizer"].items() if k != "lr"}
    used["training"] = {k: v for k, v in settings["training"].items() if k != "epochs"}
    parts = [setup_line(used), count(len(curve.rates), "update"), count(len(curve.losses), "seed")]
    return f"{settings['name']}: learning-rate range test", SEPARATOR.join(parts)
