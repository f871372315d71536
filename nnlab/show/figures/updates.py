"""What happened at every update: its loss, and the learning rate."""

from typing import TYPE_CHECKING

import numpy as np

from nnlab.core import columns
from nnlab.core.types import FloatArray
from nnlab.show.figures import style
from nnlab.show.figures.axes import choose_scale, legend, quantity_label, show, whole_numbers
from nnlab.show.figures.plot import Plot
from nnlab.show.figures.scales import finite_numbers, is_log_rate
from nnlab.show.figures.style import look
from nnlab.show.figures.view import View

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def unsuited_steps(run: View) -> str | None:
    """The loss of every update must have been recorded."""
    if len(run.steps.get("step", ())) > 1:
        return None
    return "the loss of every update was not recorded (training.record_steps: true)"


def draw_steps(run: View) -> "Figure":
    """The loss of every update, and over it the mean of each epoch."""
    table = run.steps
    steps, losses = finite_numbers(table["step"]), finite_numbers(table["loss"])
    figure, (ax,) = style.panels(1, width=1.5)
    style.head(figure, *run.title)
    ax.plot(steps, losses, color=look().faint, linewidth=0.6, alpha=0.8, label="one update")
    ends, means = _epoch_means(finite_numbers(table["epoch"]), steps, losses)
    if len(ends) > 1:
        ax.plot(ends, means, color=look().blue, label="mean of an epoch")
    show(ax, losses)
    whole_numbers(ax)
    ax.set_xlabel("update")
    ax.set_ylabel(quantity_label(columns.LOSS, run.settings))
    legend(figure, ax)
    return figure


def _epoch_means(
    epochs: FloatArray, steps: FloatArray, losses: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """For each epoch its last step and the mean loss of its steps."""
    starts = np.flatnonzero(np.diff(epochs, prepend=np.nan) != 0)
    counts = np.diff(starts, append=len(epochs))
    return steps[starts + counts - 1], np.add.reduceat(losses, starts) / counts


def unsuited_rate(run: View) -> str | None:
    """The learning rate must have changed."""
    rates = finite_numbers(learning_rates(run)[1])
    if len(rates) < 2:
        return "no epoch was finished"
    return None if rates.min() < rates.max() else "the learning rate never changed"


def draw_rate(run: View) -> "Figure":
    """The learning rate of every update where those were recorded, else of every epoch's last."""
    unit, rates, places = learning_rates(run)
    figure, (ax,) = style.panels(1)
    style.head(figure, *run.title)
    ax.plot(
        finite_numbers(places),
        finite_numbers(rates),
        color=look().blue,
        drawstyle="steps-pre",
        clip_on=False,
    )
    choose_scale(ax, finite_numbers(rates), is_log_rate(finite_numbers(rates), look().scale))
    whole_numbers(ax)
    ax.set_xlabel(unit)
    ax.set_ylabel("learning rate")
    return figure


def learning_rates(run: View) -> tuple[str, FloatArray, FloatArray]:
    """What is counted, the rates, and where; row 0 stands before the first update."""
    if len(run.steps.get("lr", ())) > 1:
        return "update", run.steps["lr"], run.steps["step"]
    return "epoch", run.metrics.get("lr", [])[1:], run.metrics.get("epoch", [])[1:]


STEPS = Plot(
    "Loss of every update",
    "The loss that each batch had before its update, and the mean of every epoch.",
    unsuited_steps,
    draw_steps,
    early=True,
)
RATE = Plot(
    "Learning rate",
    "How the schedule moved the learning rate.",
    unsuited_rate,
    draw_rate,
)
