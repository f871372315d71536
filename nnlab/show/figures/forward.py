"""A forward pass and nothing else: inputs, outputs and the loss of every sample."""

from typing import TYPE_CHECKING

import numpy as np

from nnlab.core import columns
from nnlab.core.types import Array
from nnlab.show.figures import style
from nnlab.show.figures.axes import quantity_label, short, whole_numbers
from nnlab.show.figures.palette import DASHES, MARKERS
from nnlab.show.figures.plot import Plot
from nnlab.show.figures.scales import finite_numbers
from nnlab.show.figures.style import look
from nnlab.show.figures.targets import output_names, unsuited_table
from nnlab.show.figures.view import View

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_LINES = 7  # outputs that are told apart by colour
FEW = 100


def unsuited(run: View) -> str | None:
    """A network that was never trained, and more rows than can be written down."""
    if len(run.metrics.get("epoch", ())) != 1:
        return "the network was trained; curves show it"
    if "train" not in run.parts:
        return "no rows were kept"
    if run.data["inputs"] == [1]:
        return "it is for several inputs"
    return "outputs writes its few rows down" if unsuited_table(run) is None else None


def draw(run: View) -> "Figure":
    """Three panels over the number of the sample."""
    rows = run.parts["train"]
    figure = style.canvas(2 * style.PANEL[0] * 0.85, 6.2)
    style.head(figure, *run.title)
    top, middle, bottom = figure.subplots(3, 1, sharex=True, height_ratios=[1, 1, 1.3])
    _map(figure, top, run.scaled(rows.inputs).reshape(len(rows), -1))
    _outputs(figure, middle, run, rows.outputs)
    losses = finite_numbers(run.losses(rows))
    _dots(bottom, losses, look().blue, "o")
    mean = float(np.nanmean(losses)) if np.isfinite(losses).any() else 0.0
    bottom.axhline(mean, color=look().red, linestyle=DASHES[1], label=f"mean {mean:.4g}")
    bottom.set_ylim(bottom=0)
    bottom.set_ylabel(f"{quantity_label(columns.LOSS, run.settings)}\nof each sample")
    bottom.set_xlabel("sample")
    bottom.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    whole_numbers(bottom)
    return figure


def _map(figure: "Figure", ax: "Axes", inputs: Array) -> None:
    """The inputs as a picture: a column for each sample."""
    shown = finite_numbers(inputs.T)
    colours, low, high = style.scaled(
        float(np.nanmin(shown, initial=0.0)), float(np.nanmax(shown, initial=0.0))
    )
    picture = ax.imshow(shown, aspect="auto", cmap=colours, vmin=low, vmax=high)
    ax.grid(visible=False)
    ax.set_ylabel("input")
    many = inputs.shape[1]
    step = max(1, many // 5)
    ax.set_yticks(range(0, many, step), [str(number + 1) for number in range(0, many, step)])
    figure.colorbar(picture, ax=ax, pad=0.01, label="scaled value")


def _outputs(figure: "Figure", ax: "Axes", run: View, outputs: Array) -> None:
    names = output_names(run, outputs.shape[1])
    for number in range(min(outputs.shape[1], MOST_LINES)):
        colour = look().lines[number]
        _dots(
            ax,
            finite_numbers(outputs[:, number]),
            colour,
            MARKERS[number],
            short(names[number], 10),
        )
    ax.set_ylabel("output")
    more = outputs.shape[1] - MOST_LINES
    title = f"output ({more} more)" if more > 0 else "output"
    ax.legend(
        loc="upper left", bbox_to_anchor=(1.0, 1.0), title=title, alignment="left", markerscale=2
    )


def _dots(ax: "Axes", values: Array, colour: str, marker: str, label: str | None = None) -> None:
    ax.plot(
        np.arange(len(values)),
        values,
        linestyle="",
        marker=marker,
        markersize=3.5 if len(values) <= FEW else 1.8,
        markeredgewidth=0,
        color=colour,
        label=label,
    )


FORWARD = Plot(
    "Inputs, outputs and losses",
    "What goes in, what comes out, and the loss of every sample of a network that is not trained.",
    unsuited,
    draw,
)
