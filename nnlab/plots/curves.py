"""Learning curves: how loss and metrics moved from epoch to epoch, and the loss of every update."""

from typing import TYPE_CHECKING, Any

import numpy as np

from nnlab.core.types import FloatArray
from nnlab.plots import style
from nnlab.plots.titles import settings, title
from nnlab.run.folder import RunFolder

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# A loss that falls by more than this factor shows its end only on a logarithmic axis.
LOG_RANGE = 20
LARGEST = 1e100  # a run that diverges passes this, and matplotlib's arithmetic overflows beyond
FEW = 30  # up to so many points each is marked: there a line alone hides where the data is


def suits(run: RunFolder) -> bool:
    """At least one epoch was trained."""
    return len(run.read_metrics().get("epoch", ())) > 1


def draw(run: RunFolder) -> "Figure":
    """Loss and each metric over the epochs, one panel each, training beside validation.

    The best epoch carries a circle; a dotted line stands where a run diverged.
    """
    table = run.read_metrics()
    config = settings(run)
    quantities = list(
        dict.fromkeys(
            name.split("_", 1)[1] for name in table if name.startswith(("train_", "val_"))
        )
    )
    figure, axes = style.panels(len(quantities))
    style.head(figure, *title(run, config))
    for ax, quantity in zip(axes, quantities, strict=True):
        _panel(ax, table, quantity, _part_names(config))
        _mark_best(ax, run, table, quantity)
        _mark_divergence(ax, run)
        ax.set_xlabel("epoch")
        ax.set_ylabel(_label(quantity, config))
    _legend(axes[0])
    return figure


def suits_steps(run: RunFolder) -> bool:
    """The loss of every update was recorded (training.record_steps)."""
    return len(run.read_steps().get("step", ())) > 1


def draw_steps(run: RunFolder) -> "Figure":
    """The loss of every update, and over it the mean of each epoch."""
    table = run.read_steps()
    config = settings(run)
    steps, losses = _numbers(table["step"]), _numbers(table["loss"])
    figure, (ax,) = style.panels(1, width=1.5)
    style.head(figure, *title(run, config))
    ax.plot(steps, losses, color=style.FAINT, linewidth=0.6, alpha=0.8, label="one update")
    ends, means = _epoch_means(_numbers(table["epoch"]), steps, losses)
    if len(ends) > 1:
        ax.plot(ends, means, color=style.BLUE, label="mean of an epoch")
    _choose_scale(ax, losses)
    _whole_numbers(ax)
    ax.set_xlabel("update")
    ax.set_ylabel(_label("loss", config))
    _legend(ax)
    return figure


def _panel(
    ax: "Axes", table: dict[str, Any], quantity: str, parts: dict[str, tuple[str, str, str]]
) -> None:
    """The lines of one quantity."""
    epochs = _numbers(table["epoch"])
    marker = "." if len(epochs) <= FEW else ""
    shown: list[FloatArray] = [np.empty(0)]
    for prefix, (label, colour, dash) in parts.items():
        if f"{prefix}_{quantity}" not in table:
            continue
        values = _numbers(table[f"{prefix}_{quantity}"])
        if np.isfinite(values).any():
            ax.plot(epochs, values, color=colour, linestyle=dash, marker=marker, label=label)
            shown.append(values)
    if quantity in ("accuracy", "r2"):
        _limit_share(ax, np.concatenate(shown))
    else:
        _choose_scale(ax, np.concatenate(shown))
    _whole_numbers(ax)


def _legend(ax: "Axes") -> None:
    """In the corner that a falling loss leaves free; loc="best" is slow for long runs."""
    handles, labels = ax.get_legend_handles_labels()
    ax.legend(handles, labels, loc="upper right")


def _whole_numbers(ax: "Axes") -> None:
    """Ticks on x at whole numbers alone, written with commas: 10,000."""
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter

    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))


def _limit_share(ax: "Axes", values: FloatArray) -> None:
    """Accuracy and r2 end at 1; an r2 far below 0 says no more than "worse than the mean"."""
    lowest = max(-1.0, float(np.nanmin(values, initial=0.95)))
    room = 0.05 * (1 - lowest)
    ax.set_ylim(lowest - room, 1 + room)


def _choose_scale(ax: "Axes", values: FloatArray) -> None:
    """Logarithmic where the values span far more than one power of ten and none is 0."""
    finite = values[np.isfinite(values)]
    if finite.size and finite.min() > 0 and finite.max() / finite.min() > LOG_RANGE:
        ax.set_yscale("log")
    else:
        ax.set_ylim(bottom=min(0.0, float(finite.min(initial=0.0))))


def _mark_best(ax: "Axes", run: RunFolder, table: dict[str, Any], quantity: str) -> None:
    """A circle on the epoch that summary.json calls best; an unfinished run has none."""
    best = (run.read_summary().get("best") or {}).get("epoch") if run.has_summary() else None
    values = _numbers(table.get(f"val_{quantity}", table.get(f"train_{quantity}")))
    found = values[_numbers(table["epoch"]) == best]
    if best is None or not found.size or found[0] < ax.get_ylim()[0]:
        return
    ax.plot(
        best,
        found[0],
        linestyle="",
        marker="o",
        markersize=8,
        markerfacecolor="none",
        markeredgecolor=style.RED,
        markeredgewidth=1.3,
        clip_on=False,
        label=f"best: epoch {best:,}",
    )


def _mark_divergence(ax: "Axes", run: RunFolder) -> None:
    """A line in the epoch in which the numbers stopped being finite."""
    content = run.read_run()
    epoch = (content.get("failure") or {}).get("epoch")
    if content.get("status") == "diverged" and epoch is not None:
        ax.axvline(epoch, color=style.RED, linestyle=":", label=f"diverged in epoch {epoch:,}")


def _part_names(config: dict[str, Any]) -> dict[str, tuple[str, str, str]]:
    """Column prefix -> name, colour and dashes: the second line also differs without colour."""
    data = config.get("data")
    watched = data.get("validation") if isinstance(data, dict) else None
    return {
        "train": ("training", style.BLUE, "-"),
        "val": ("test" if watched == "test" else "validation", style.ORANGE, "--"),
    }


def _label(quantity: str, config: dict[str, Any]) -> str:
    if quantity != "loss":
        return {"mae": "mean absolute error", "r2": "R²"}.get(quantity, quantity)
    loss = config.get("loss")
    if not isinstance(loss, dict):
        return f"loss ({loss})" if loss else "loss"
    name = str(loss.get("name")).replace("_", " ")
    summed = name in ("mse", "mae", "huber") and loss.get("reduction") in ("sum", "batch_mean")
    return f"loss ({name}, summed over outputs)" if summed else f"loss ({name})"


def _numbers(column: Any) -> FloatArray:
    """A column as floats, with nan for what no axis can show."""
    values = np.asarray(column, dtype=np.float64)
    return np.where(np.abs(values) < LARGEST, values, np.nan)


def _epoch_means(
    epochs: FloatArray, steps: FloatArray, losses: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """For each epoch its last step and the mean loss of its steps."""
    starts = np.flatnonzero(np.diff(epochs, prepend=np.nan) != 0)
    counts = np.diff(starts, append=len(epochs))
    return steps[starts + counts - 1], np.add.reduceat(losses, starts) / counts
