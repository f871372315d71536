"""What several figures do to their axes: scales, ticks, legends, labels."""

from collections.abc import Mapping, Sequence
from math import log10
from typing import TYPE_CHECKING, Any

import numpy as np

from nnlab.core import columns
from nnlab.core.losses import plain_losses
from nnlab.core.metrics import is_share, label_of
from nnlab.core.types import FloatArray
from nnlab.show.figures.scales import is_log
from nnlab.show.figures.style import look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FEW_DECADES = 2.0  # powers of ten: up to so many have too few ticks of their own
FEW = 30  # up to so many points each is marked: there a line alone hides where the data is


def scale_y(ax: "Axes", values: FloatArray, quantity: str = columns.LOSS) -> None:
    """The scale and the limits of y for values of a quantity: shares end at 1."""
    if is_share(quantity):
        limit_share(ax, values)
    else:
        choose_scale(ax, values, is_log(values, look().scale))


def dots(ax: "Axes", x: Any, y: Any, **options: Any) -> None:
    """Marks without a line."""
    ax.plot(x, y, linestyle="", **options)


def choose_scale(ax: "Axes", values: FloatArray, log: bool) -> None:
    """A logarithmic axis, or a linear one from 0 where no value is below 0."""
    if log:
        ax.set_yscale("log", nonpositive="mask")
        positive = values[np.isfinite(values) & (values > 0)]
        bottom, top = float(positive.min()), float(positive.max())
        beyond = 10 ** (0.05 * (log10(top) - log10(bottom))) if top > bottom else 3.0
        ax.set_ylim(bottom / beyond, top * beyond)
        decades(ax, bottom, top)
        return
    finite = values[np.isfinite(values)]
    low, high = float(finite.min(initial=0.0)), float(finite.max(initial=0.0))
    high = high if high > low else low + 1.0
    room = 0.05 * (high - low)
    ax.set_ylim(low - room * (low < 0), high + room)


def decades(ax: "Axes", low: float, high: float) -> None:
    """Ticks of a logarithmic y axis: powers of ten, and 2 and 5 times those where there are few."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    subs = (1.0, 2.0, 5.0) if log10(high) - log10(low) < FEW_DECADES else (1.0,)
    ax.yaxis.set_major_locator(LogLocator(subs=subs, numticks=8))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: compact(value)))
    ax.yaxis.set_minor_formatter(NullFormatter())


def compact(value: float, digits: int = 3) -> str:
    """A tick with so many significant digits: 0.001, 2,000, 1e-5."""
    value = float(f"{value:.{digits}g}") + 0.0
    if value and not 1e-4 <= abs(value) < 1e5:
        mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
        text = f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
    else:
        text = f"{value:,.10f}".rstrip("0").rstrip(".")
    return text.replace("-", "\N{MINUS SIGN}")


def limit_share(ax: "Axes", values: FloatArray) -> None:
    """Ends at 1. Far below 0 a value says no more than "worse than the mean"."""
    lowest = max(-1.0, float(np.nanmin(values, initial=0.95)))
    room = 0.05 * (1 - lowest)
    ax.set_ylim(lowest - room, 1 + room)


def whole_numbers(ax: "Axes", most: int = 6) -> None:
    """Ticks on x at whole numbers alone, written with commas: 10,000."""
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter

    ax.xaxis.set_major_locator(MaxNLocator(most, integer=True))
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))


def legend_below(figure: "Figure", ax: "Axes", title: str | None = None) -> None:
    """The legend of `ax` below all panels, where it hides nothing."""
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
    """Axes for an image: no grid, no frame, no ticks."""
    ax.grid(visible=False)
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(False)


def quantity_words(quantity: str, config: Mapping[str, Any]) -> str:
    """What a quantity is called; the loss with its name, and whether it is summed."""
    loss = config.get("loss")
    if quantity != columns.LOSS or not loss:
        return label_of(quantity)
    name = str(loss.get("name") if isinstance(loss, Mapping) else loss).replace("_", " ")
    reduction = loss.get("reduction") if isinstance(loss, Mapping) else None
    summed = name in plain_losses() and reduction in ("sum", "batch_mean")
    return f"loss ({name}, summed over outputs)" if summed else f"loss ({name})"


def quantity_label(quantity: str, config: Mapping[str, Any]) -> str:
    """The axis label of a column of metrics.csv without its prefix."""
    return literal(quantity_words(quantity, config))


def short_label(text: str, most: int = 16) -> str:
    """`text`, or its beginning and an ellipsis, as characters and never as mathematics."""
    return literal(text if len(text) <= most else f"{text[: most - 1]}…")


def literal(text: str) -> str:
    """`text` so that matplotlib shows it as it is: `$` is a letter, and nothing is invisible."""
    printable = "".join(char if char.isprintable() else " " for char in text)
    return printable.replace("\\$", "$").replace("$", "\\$")


def distinct(names: Sequence[str], most: int = 16) -> list[str]:
    """The names shortened; by their ends where the beginnings are the same."""
    labels = [short_label(name, most) for name in names]
    if len(set(labels)) < len(set(names)):
        labels = [literal(name if len(name) <= most else f"…{name[1 - most :]}") for name in names]
    return labels
