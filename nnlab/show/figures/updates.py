"""The loss and the learning rate of every update."""

from typing import TYPE_CHECKING

import numpy as np

from nnlab.core import columns
from nnlab.core.types import FloatArray
from nnlab.show.figures import style
from nnlab.show.figures.axes import (
    choose_scale,
    legend_below,
    quantity_label,
    scale_y,
    whole_numbers,
)
from nnlab.show.figures.plot import Plot
from nnlab.show.figures.scales import finite_numbers, is_log_rate
from nnlab.show.figures.style import look
from nnlab.show.figures.view import View

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _no_steps(run: View) -> str | None:
    if len(run.steps.get("step", ())) > 1:
        return None
    return "the loss of every update was not recorded (training.record_steps: true)"


def draw_steps(run: View) -> "Figure":
    """The loss of every update, and over it the mean of each epoch."""
    steps, losses, epochs = (finite_numbers(run.steps[name]) for name in ("step", "loss", "epoch"))
    figure, (ax,) = style.panels(1, *run.title, width=1.5)
    ax.plot(steps, losses, color=look().faint, linewidth=0.6, alpha=0.8, label="one update")
    starts = np.flatnonzero(np.diff(epochs, prepend=np.nan) != 0)
    if len(starts) > 1:
        counts = np.diff(starts, append=len(epochs))
        means = np.add.reduceat(losses, starts) / counts
        ax.plot(steps[starts + counts - 1], means, color=look().blue, label="mean of an epoch")
    scale_y(ax, losses)
    whole_numbers(ax)
    ax.set_xlabel("update")
    ax.set_ylabel(quantity_label(columns.LOSS, run.settings))
    legend_below(figure, ax)
    return figure


def no_rates(run: View) -> str | None:
    """Why there is no curve of the learning rate; None if there is."""
    rates = learning_rates(run)[1]
    if len(rates) < 2:
        return "no epoch was finished"
    return None if rates.min() < rates.max() else "the learning rate never changed"


def draw_rate(run: View) -> "Figure":
    """The learning rate of every update where those were recorded, else of every epoch's last."""
    unit, rates, places = learning_rates(run)
    figure, (ax,) = style.panels(1, *run.title)
    ax.plot(places, rates, color=look().blue, drawstyle="steps-pre", clip_on=False)
    choose_scale(ax, rates, is_log_rate(rates, look().scale))
    whole_numbers(ax)
    ax.set_xlabel(unit)
    ax.set_ylabel("learning rate")
    return figure


def learning_rates(run: View) -> tuple[str, FloatArray, FloatArray]:
    """The unit of the places, the rates, and the places; row 0 stands before the first update."""
    if len(run.steps.get("lr", ())) > 1:
        return "update", finite_numbers(run.steps["lr"]), finite_numbers(run.steps["step"])
    rates, epochs = (finite_numbers(run.metrics.get(name, [])[1:]) for name in ("lr", "epoch"))
    return "epoch", rates, epochs


FIGURES = {
    "steps": Plot(
        "Loss of every update",
        "The loss that each batch had before its update, and the mean of every epoch.",
        _no_steps,
        draw_steps,
        early=True,
    ),
    "lr": Plot("Learning rate", "How the schedule moved the learning rate.", no_rates, draw_rate),
}
