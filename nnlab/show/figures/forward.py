"""A forward pass alone: inputs, outputs and the loss of every sample."""

from typing import TYPE_CHECKING, Any

import numpy as np

from nnlab.core import columns
from nnlab.core.types import Array
from nnlab.show.figures import style
from nnlab.show.figures.axes import dots, quantity_label, short_label, whole_numbers
from nnlab.show.figures.palette import DASHES, MARKERS
from nnlab.show.figures.plot import Plot
from nnlab.show.figures.scales import finite_numbers
from nnlab.show.figures.style import look
from nnlab.show.figures.targets import output_names, too_many_rows
from nnlab.show.figures.view import View

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_LINES = 7  # outputs that are told apart by colour
FEW = 100


def _trained_or_few_rows(run: View) -> str | None:
    """It is for a network that was never trained, and more rows than can be written down."""
    if len(run.metrics.get("epoch", ())) != 1:
        return "the network was trained; curves show it"
    if "train" not in run.rows:
        return "no rows were kept"
    if run.data["inputs"] == [1]:
        return "it is for several inputs"
    return "outputs writes its few rows down" if too_many_rows(run) is None else None


def draw_forward(run: View) -> "Figure":
    """Three panels over the number of the sample."""
    rows = run.rows["train"]
    figure = style.canvas(2 * style.PANEL[0] * 0.85, 6.2, *run.title)
    top, middle, bottom = figure.subplots(3, 1, sharex=True, height_ratios=[1, 1, 1.3])
    _draw_inputs(figure, top, run.scaled(rows.inputs).reshape(len(rows), -1))
    _draw_outputs(middle, run, rows.outputs)
    losses = finite_numbers(run.losses(rows))
    _sample_dots(bottom, losses, look().blue, "o")
    mean = float(np.nanmean(losses)) if np.isfinite(losses).any() else 0.0
    bottom.axhline(mean, color=look().red, linestyle=DASHES[1], label=f"mean {mean:.4g}")
    bottom.set_ylim(bottom=0)
    bottom.set_ylabel(f"{quantity_label(columns.LOSS, run.settings)}\nof each sample")
    bottom.set_xlabel("sample")
    bottom.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    whole_numbers(bottom)
    return figure


def _draw_inputs(figure: "Figure", ax: "Axes", inputs: Array) -> None:
    """The inputs as an image: a column for each sample."""
    shown = finite_numbers(inputs.T)
    low, high = (float(f(shown, initial=0.0)) for f in (np.nanmin, np.nanmax))
    colors, low, high = style.scaled(low, high)
    image = ax.imshow(shown, aspect="auto", cmap=colors, vmin=low, vmax=high)
    ax.grid(visible=False)
    ax.set_ylabel("input")
    places = range(0, len(shown), max(1, len(shown) // 5))
    ax.set_yticks(places, [str(number + 1) for number in places])
    figure.colorbar(image, ax=ax, pad=0.01, label="scaled value")


def _draw_outputs(ax: "Axes", run: View, outputs: Array) -> None:
    names = output_names(run, outputs.shape[1])
    for number in range(min(outputs.shape[1], MOST_LINES)):
        values, color = finite_numbers(outputs[:, number]), look().lines[number]
        _sample_dots(ax, values, color, MARKERS[number], short_label(names[number], 10))
    ax.set_ylabel("output")
    more = outputs.shape[1] - MOST_LINES
    title = f"output ({more} more)" if more > 0 else "output"
    place: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0)}
    ax.legend(title=title, alignment="left", markerscale=2, **place)


def _sample_dots(
    ax: "Axes", values: Array, color: str, marker: str, label: str | None = None
) -> None:
    size = 3.5 if len(values) <= FEW else 1.8
    x = np.arange(len(values))
    dots(ax, x, values, marker=marker, markersize=size, markeredgewidth=0, color=color, label=label)


FIGURES = {
    "forward": Plot(
        "Inputs, outputs and losses",
        "The inputs, the outputs, and the loss of every sample of a network that is not trained.",
        _trained_or_few_rows,
        draw_forward,
    )
}
