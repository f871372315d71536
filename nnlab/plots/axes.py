"""What several figures do to their axes: scales, ticks, legends, labels."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nnlab.core import columns
from nnlab.core.losses import plain_losses
from nnlab.core.metrics import is_share, label_of
from nnlab.core.types import FloatArray
from nnlab.plots.style import look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# A loss that falls by more than this factor shows its end only on a logarithmic axis.
LOG_RANGE = 20
LARGEST = 1e100  # a run that diverges passes this, and matplotlib's arithmetic overflows beyond
FEW = 30  # up to so many points each is marked: there a line alone hides where the data is


def numbers(column: Any) -> FloatArray:
    """A column as floats, with nan for what no axis can show."""
    values = np.asarray(column, dtype=np.float64)
    return np.where(np.abs(values) < LARGEST, values, np.nan)


def scale(ax: "Axes", values: FloatArray, quantity: str) -> None:
    """The limits or the scale of y that suit a quantity."""
    if is_share(quantity):
        limit_share(ax, values)
    else:
        choose_scale(ax, values)


def choose_scale(ax: "Axes", values: FloatArray) -> None:
    """Logarithmic where the values span far more than one power of ten and none is 0.

    What the user asked for goes first, as far as it can be drawn.
    """
    finite = values[np.isfinite(values)]
    wanted = look().scale
    positive = finite[finite > 0]
    if wanted == "log" and positive.size:
        ax.set_yscale("log", nonpositive="mask")
    elif (
        wanted is None
        and finite.size
        and finite.min() > 0
        and finite.max() / finite.min() > LOG_RANGE
    ):
        ax.set_yscale("log")
    else:
        low, high = float(finite.min(initial=0.0)), float(finite.max(initial=0.0))
        high = high if high > low else low + 1.0
        room = 0.05 * (high - low)
        ax.set_ylim(low - room * (low < 0), high + room)


def limit_share(ax: "Axes", values: FloatArray) -> None:
    """Ends at 1. Far below 0 a value says no more than "worse than the mean"."""
    lowest = max(-1.0, float(np.nanmin(values, initial=0.95)))
    room = 0.05 * (1 - lowest)
    ax.set_ylim(lowest - room, 1 + room)


def whole_numbers(ax: "Axes") -> None:
    """Ticks on x at whole numbers alone, written with commas: 10,000."""
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter

    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))


def legend(figure: "Figure", ax: "Axes", title: str | None = None) -> None:
    """What the lines of `ax` are, below all panels, where it can hide nothing."""
    handles, labels = ax.get_legend_handles_labels()
    if handles:
        room = figure.get_size_inches()[0] - 0.3
        widest = 0.55 + 0.075 * max(map(len, labels))  # inches of one entry
        across = max(1, min(len(handles), int(room / widest)))
        figure.legend(
            handles,
            labels,
            loc="outside lower left",
            ncols=across,
            title=title,
            alignment="left",
            columnspacing=1.4,
        )


def bare(ax: "Axes") -> None:
    """An axes for a picture: no grid, no frame, no ticks."""
    ax.grid(visible=False)
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(False)


def loss_label(config: Mapping[str, Any]) -> str:
    """The axis label of the loss: which one, and whether it is summed."""
    loss = config.get("loss")
    if not isinstance(loss, dict):
        return f"loss ({literal(str(loss))})" if loss else "loss"
    name = literal(str(loss.get("name")).replace("_", " "))
    summed = name in plain_losses() and loss.get("reduction") in ("sum", "batch_mean")
    return f"loss ({name}, summed over outputs)" if summed else f"loss ({name})"


def label(quantity: str, config: Mapping[str, Any]) -> str:
    """The axis label of a column of metrics.csv without its prefix."""
    return loss_label(config) if quantity == columns.LOSS else literal(label_of(quantity))


def short(text: str, most: int = 16) -> str:
    """`text`, or its beginning and an ellipsis, as characters and never as mathematics."""
    return literal(text if len(text) <= most else f"{text[: most - 1]}…")


def literal(text: str) -> str:
    """`text` so that matplotlib shows it as it is: `$` is a letter, and nothing is invisible."""
    printable = "".join(char if char.isprintable() else " " for char in text)
    return printable.replace("\\$", "$").replace("$", "\\$")


def distinct(names: Sequence[str], most: int = 16) -> list[str]:
    """The names shortened; by their ends where the beginnings are the same."""
    found = [short(name, most) for name in names]
    if len(set(found)) < len(set(names)):
        found = [literal(name if len(name) <= most else f"…{name[1 - most :]}") for name in names]
    return found
