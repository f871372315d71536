"""The first layer's weights as pictures: what each unit or convolution filter looks for."""

from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

from nnlab.core.types import Array
from nnlab.errors import NnlabError
from nnlab.run.folder import Weights, weights_file
from nnlab.show.figures import style
from nnlab.show.figures.axes import bare
from nnlab.show.figures.plot import Plot
from nnlab.show.figures.style import look
from nnlab.show.figures.view import View

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 64
ACROSS = 10
BROADER = 1.3  # the sheet of pictures is so much wider than it is high
BAR = 0.75  # inches of the colour scale
MOST_LEVEL = 0.998  # of the weights have a colour of their own; a few large ones would hide them


def first(run: View) -> tuple[str, Array] | None:
    """The name and the pictures (units, height, width) of the first layer; None if it has none."""
    shape = run.data["image_shape"]
    which: Weights = "final" if run.folder.has(weights_file("final")) or run.summary else "initial"
    weights = run.weights(which)
    names = [name for name in weights if name.endswith(".weight")]
    if not names:
        return None
    name = min(names, key=lambda one: int(one.split(".")[0]) if one.split(".")[0].isdigit() else 0)
    values = weights[name]
    if ".conv2d." in name and values.ndim == 4 and values.size:
        high, wide, channels, units = values.shape
        return name, values.transpose(3, 2, 0, 1).reshape(units * channels, high, wide)
    if shape and len(shape) == 2 and values.ndim == 2 and len(values) == int(np.prod(shape)):
        return name, values.T.reshape(-1, *shape)
    return None


def unsuited(run: View) -> str | None:
    """The first layer must look at images."""
    return None if first(run) is not None else "the first layer does not look at images"


def draw(run: View) -> "Figure":
    """A mosaic of up to 64 pictures, all on one scale, and the scale."""
    found = first(run)
    assert found is not None  # `unsuited` asked
    name, pictures = found
    shown = pictures[:MOST].astype(float)
    high, wide = shown.shape[1:]
    across = columns(len(shown), high / wide)
    lines = -(-len(shown) // across)
    sheet = np.full((lines * (high + 1) + 1, across * (wide + 1) + 1), np.nan)
    for number, one in enumerate(shown):
        top, left = number // across * (high + 1) + 1, number % across * (wide + 1) + 1
        sheet[top : top + high, left : left + wide] = one
    bound = float(np.quantile(np.abs(shown), MOST_LEVEL)) or 1.0
    room = style.PANEL[0] - BAR
    figure = style.canvas(style.PANEL[0], max(0.9, room * len(sheet) / sheet.shape[1]) + 0.5)
    style.head(figure, *run.title)
    ax = figure.subplots()
    bare(ax)
    colours = style.diverging().with_extremes(bad=look().grid)  # bad: between the pictures
    picture = ax.imshow(sheet, cmap=colours, vmin=-bound, vmax=bound)
    many = f", the first {len(shown)} of {len(pictures):,}" if len(pictures) > len(shown) else ""
    when = _when(run)
    note = f"{name.removesuffix('.weight')}, {high} x {wide} weights each{many}"
    ax.set_title("\n".join(filter(None, (note, when))), fontsize=8)
    bar = figure.colorbar(picture, ax=ax, pad=0.02, label="weight", extend="both")
    bar.outline.set_edgecolor(look().faint)
    return figure


def columns(count: int, slimness: float) -> int:
    """How many pictures stand beside each other: about a square, the last line as full as can be.

    slimness: the height of a picture over its width.
    """
    wanted = max(1, round(sqrt(BROADER * count * slimness)))
    near = range(max(1, min(wanted - 1, ACROSS)), min(wanted + 2, ACROSS, count) + 1)
    return min(near, key=lambda across: (-count % across, abs(across - wanted)), default=count)


def _when(run: View) -> str:
    """Of which moment; the weights alone can be drawn without it."""
    try:
        return run.when if run.folder.has(weights_file("final")) else "before training"
    except NnlabError:
        return ""


FILTERS = Plot(
    "Weights of the first layer",
    "What each unit of the first layer looks for: blue weights are positive, orange ones negative.",
    unsuited,
    draw,
)
