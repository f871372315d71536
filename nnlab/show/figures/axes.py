"""What several figures do to their values and axes: scales, smoothing, ticks, legends, labels."""

from collections.abc import Callable, Mapping, Sequence
from math import log10
from typing import Any

import numpy as np

from nnlab.core import columns
from nnlab.core.losses import losses_for
from nnlab.core.metrics import is_share, label_of
from nnlab.core.types import Array, FloatArray, IntArray
from nnlab.show.figures.mpl import Axes, Colorbar, ContourSet, Figure, ScalarMappable
from nnlab.show.figures.palette import Scale
from nnlab.show.figures.style import blend, look

# A loss that falls by more than this factor shows its end only on a logarithmic axis.
LOG_RANGE = 20
UPPER = 0.75  # of a logarithmic axis: rates that lie above it for half of the time bend only there
# A line is noisy where a fifth of its epochs jump by more than this part of the axis.
NOISE, NOISY = 0.012, 0.8
WINDOWS = 30  # a smoothed line is a mean over this part of the epochs
LEAST = 60  # points; a shorter line is never smoothed
SMALLEST = 5e-324  # above 0, where a logarithmic axis may begin
LARGEST = 1e100  # a run that diverges passes this, and matplotlib's arithmetic overflows beyond
WORST = -1.0  # an R2 below it says no more than "worse than the mean"
FEW_DECADES = 2.0  # powers of ten: up to so many have too few ticks of their own
SHADES = (0.01, 0.32)  # of ink, in the lowest and in the highest part: every path stands out
LINES = 0.4  # of ink, between two shades
LONG = 30  # epochs: what is recorded at log-spaced epochs gets an axis like them
CLEAR = 0.15  # of the largest: a number with a sign that must be seen
SMALLEST_STROKE = 2.5  # points of the cell around it
FEW = 30  # up to so many points each is marked: there a line alone hides where the data is


def finite_numbers(column: Any) -> FloatArray:
    """A column as floats, with nan for what no axis can show, such as text."""
    try:
        values = np.asarray(column, dtype=np.float64)
    except (TypeError, ValueError):
        return np.full(len(column), np.nan)
    return np.where(np.abs(values) < LARGEST, values, np.nan)


def is_log(values: FloatArray, wanted: Scale | None = None) -> bool:
    """Whether losses are shown on a logarithmic axis: they span far more than one power of ten.

    `wanted` goes first, as far as the values allow it.
    """
    finite = values[np.isfinite(values)]
    if wanted is not None:
        return wanted == "log" and bool((finite > 0).any())
    return bool(finite.size and finite.min() > 0 and finite.max() / LOG_RANGE > finite.min())


def is_log_rate(rates: FloatArray, wanted: Scale | None = None) -> bool:
    """The same for learning rates: a cosine would be hidden by its end, which is almost 0.

    Linear also where half of the rates lie in the uppermost part of a logarithmic axis.
    """
    if wanted is not None or not is_log(rates):
        return is_log(rates, wanted)
    low, middle, high = (log10(v) for v in np.nanquantile(rates, [0.0, 0.5, 1.0]))
    return bool((middle - low) / (high - low) <= UPPER)


def window(count: int) -> int:
    """Over how many points, an odd number, a line of `count` points is smoothed."""
    return max(5, count // WINDOWS) | 1


def smoothed(values: FloatArray, low: float, high: float, log: bool = False) -> FloatArray | None:
    """The running mean (N,) of noisy values (N,) on an axis from `low` to `high`; else None.

    On a logarithmic axis the mean is that of the logarithms. The ends have shorter windows.
    """
    count = len(values)
    if count < LEAST or not np.isfinite(values).all() or (log and values.min() <= 0):
        return None
    places = np.log(values) if log else values
    reach = np.log(high) - np.log(low) if log else high - low
    # The second difference of a smooth curve is nearly 0, however steep it is.
    jumps = np.abs(np.diff(places, 2)) / 2
    if not reach > 0 or np.quantile(jumps, NOISY) < NOISE * reach:
        return None
    half = window(count) // 2
    sums = np.concatenate([[0.0], np.cumsum(places)])
    at = np.arange(count)
    reaches = np.minimum(half, np.minimum(at, count - 1 - at))  # symmetric: no end is pulled
    means = (sums[at + reaches + 1] - sums[at - reaches]) / (2 * reaches + 1)
    return np.exp(means) if log else means


def scale_y(ax: Axes, values: FloatArray, quantity: str = columns.LOSS) -> None:
    """The scale and the limits of y for values of a quantity.

    Shares end at 1 and begin at WORST or above, except where all are worse: they would not be seen.
    """
    if is_share(quantity) and not np.nanmax(values, initial=-np.inf) < WORST:
        lowest = max(WORST, float(np.nanmin(values, initial=0.95)))
        room = 0.05 * (1 - lowest)
        ax.set_ylim(lowest - room, 1 + room)
    else:
        choose_scale(ax, values, is_log(values, look().scale))


def dots(ax: Axes, x: Any, y: Any, **options: Any) -> None:
    """Marks without a line."""
    ax.plot(x, y, linestyle="", **options)


def choose_scale(ax: Axes, values: FloatArray, log: bool) -> None:
    """A logarithmic axis, or a linear one from 0 where no value is below 0.

    Ticks of a logarithmic one are powers of ten, and 2 and 5 times those where there are few.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    if log:
        ax.set_yscale("log", nonpositive="mask")
        positive = values[np.isfinite(values) & (values > 0)]
        bottom, top = float(positive.min()), float(positive.max())
        beyond = 10 ** (0.05 * (log10(top) - log10(bottom))) if top > bottom else 3.0
        ax.set_ylim(bottom / beyond or SMALLEST, top * beyond)
        subs = (1.0, 2.0, 5.0) if log10(top) - log10(bottom) < FEW_DECADES else (1.0,)
        ax.yaxis.set_major_locator(LogLocator(subs=subs, numticks=8))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: compact(value)))
        ax.yaxis.set_minor_formatter(NullFormatter())
        return
    finite = values[np.isfinite(values)]
    low, high = float(finite.min(initial=0.0)), float(finite.max(initial=0.0))
    high = high if high > low else low + 1.0
    room = 0.05 * (high - low)
    ax.set_ylim(low - room * (low < 0), high + room)


def compact(value: float, digits: int = 3) -> str:
    """A tick with so many significant digits: 0.001, 2,000, 1e-5."""
    value = float(f"{value:.{digits}g}") + 0.0
    if value and not 1e-4 <= abs(value) < 1e5:
        mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
        text = f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
    else:
        text = f"{value:,.10f}".rstrip("0").rstrip(".")
    return text.replace("-", "\N{MINUS SIGN}")


def count_axis(ax: Axes, label: str, most: int = 6) -> None:
    """An x axis that counts: ticks at whole numbers alone, written with commas: 10,000."""
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter

    ax.set_xlabel(label)
    ax.xaxis.set_major_locator(MaxNLocator(most, integer=True))
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))


def recorded_epochs_axis(ax: Axes, epochs: IntArray) -> None:
    """An x axis for log-spaced epochs, which may begin with 0: logarithmic from 1 on."""
    count_axis(ax, "epoch")
    if epochs[-1] > LONG:
        powers = [10**power for power in range(int(log10(epochs[-1])) + 1)]
        ax.set_xscale("symlog", linthresh=1, linscale=0.4)
        ax.set_xticks([0, *powers][:: 1 + len(powers) // 5])
        ax.xaxis.set_major_formatter("{x:,.0f}")
        ax.minorticks_off()
    beyond = 1.5 if epochs[-1] > LONG else 1.03
    ax.set_xlim(-0.03 * min(epochs[-1], LONG / 5), beyond * epochs[-1])


def draw_contours(
    ax: Axes, x: FloatArray, y: FloatArray, values: FloatArray, heights: FloatArray
) -> tuple[ContourSet, ContourSet]:
    """Draw values (..., ...) in greys, low is light, with a line at each height; areas and lines.

    Lines of other colours stand out on every shade.
    """
    from matplotlib.colors import ListedColormap

    shade = blend(look().paper, look().ink)
    shades = [shade(part) for part in np.linspace(*SHADES, len(heights) - 1)]
    areas = ax.contourf(x, y, values, heights, cmap=ListedColormap(shades), extend="both")
    line: dict[str, Any] = {"colors": [shade(LINES)], "linewidths": 0.5, "linestyles": "solid"}
    lines = ax.contour(x, y, values, heights, **line)
    ax.set(xlim=(np.min(x), np.max(x)), ylim=(np.min(y), np.max(y)))
    ax.grid(visible=False)
    return areas, lines


def slanted_ticks(ax: Axes, places: Sequence[float], texts: Sequence[str], slanted: bool) -> None:
    """Labels on x, slanted where they would touch."""
    options: dict[str, Any] = {"rotation": 35, "ha": "right"} if slanted else {"ha": "center"}
    ax.set_xticks(places, texts, **options)


def legend_below(
    figure: Figure, axes: Sequence[Axes], title: str | None = None, **options: Any
) -> None:
    """The legend of `axes` below all panels, where it hides nothing."""
    entries = [entry for ax in axes for entry in zip(*ax.get_legend_handles_labels(), strict=True)]
    if entries:
        room = figure.get_size_inches()[0] - 0.3
        widest = 0.55 + 0.075 * max(len(label) for _, label in entries)  # inches of one entry
        across = max(1, min(len(entries), int(room / widest)))
        options |= {"loc": "outside lower left", "ncols": across, "title": title}
        figure.legend(*zip(*entries, strict=True), alignment="left", columnspacing=1.4, **options)


def color_bar(image: ScalarMappable, ax: Axes, **options: Any) -> Colorbar:
    """The scale of the colours of an image, beside `ax` or in the axes `cax`."""
    place: dict[str, Any] = {} if "cax" in options else {"ax": ax, "pad": 0.02}
    bar = ax.figure.colorbar(image, **(place | options))
    bar.outline.set_edgecolor(look().faint)
    return bar


def bare(ax: Axes) -> None:
    """Axes for an image: no grid, no frame, no ticks."""
    ax.grid(visible=False)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)


def quantity_words(quantity: str, config: Mapping[str, Any]) -> str:
    """What a quantity is called; the loss with its name, and whether it is summed."""
    loss = config.get("loss")
    if quantity != columns.LOSS or not loss:
        return label_of(quantity)
    name = str(loss.get("name") if isinstance(loss, Mapping) else loss)
    reduction = loss.get("reduction") if isinstance(loss, Mapping) else None
    summed = name in losses_for("regression") and reduction in ("sum", "batch_mean")
    return f"loss ({name.replace('_', ' ')}{', summed over outputs' if summed else ''})"


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


def mark_negative(ax: Axes, values: Array, bound: float, cell: float) -> None:
    """A stroke in each cell of an image (h, w) that is clearly below 0, so that grey shows signs.

    cell: the width of a cell in inches; cells that are too small get none.
    """
    rows, places = np.nonzero(values < -CLEAR * bound)
    points = 72 * cell
    if len(rows) and points >= SMALLEST_STROKE:
        stroke = {"markersize": 0.55 * points, "markeredgewidth": max(0.5, 0.1 * points)}
        dots(ax, places, rows, marker="_", color=look().ink, **stroke)


def distinct(names: Sequence[str], most: int = 16) -> list[str]:
    """The names shortened, by a way that keeps different names different.

    By their beginnings, else their ends, else both; if all fail, numbers from 1 stand before them.
    """
    half = (most - 1) // 2
    ways: tuple[Callable[[str], str], ...] = (
        lambda name: f"{name[: most - 1]}…",
        lambda name: f"…{name[1 - most :]}",
        lambda name: f"{name[: most - 1 - half]}…{name[-half:]}",
    )
    for way in ways:
        labels = [literal(name if len(name) <= most else way(name)) for name in names]
        if len(set(labels)) == len(set(names)):
            return labels
    return [short_label(f"{number} {name}", most) for number, name in enumerate(names, 1)]
