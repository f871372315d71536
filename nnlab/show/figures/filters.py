"""The first layer's weights as images: what each unit or convolution filter responds to."""

from collections.abc import Sequence
from contextlib import suppress
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
BROADER = 1.3  # the width of the sheet over its height
BAR = 0.75  # inches of the colour scale
MOST_LEVEL = 0.998  # of the weights have a colour of their own; a few large ones would hide them


def first_filters(run: View) -> tuple[str, Array] | None:
    """The name of the first layer and its weights as images (units, h, w); None without images."""
    shape = run.data["image_shape"]
    which: Weights = "final" if run.folder.has(weights_file("final")) or run.summary else "initial"
    weights = run.weights(which)
    names = [name for name in weights if name.endswith(".weight")]
    if not names:
        return None
    name = min(names, key=_layer_number)
    images = _weight_images(name, weights[name], shape or ())
    return None if images is None else (name, images)


def _weight_images(name: str, values: Array, shape: Sequence[int]) -> Array | None:
    if ".conv2d." in name and values.ndim == 4 and values.size:
        high, wide, channels, units = values.shape
        return values.transpose(3, 2, 0, 1).reshape(units * channels, high, wide)
    if len(shape) == 2 and values.ndim == 2 and len(values) == int(np.prod(shape)):
        return values.T.reshape(-1, *shape)
    return None


def _layer_number(name: str) -> int:
    number = name.split(".")[0]
    return int(number) if number.isdigit() else 0


def _without_filters(run: View) -> str | None:
    return None if first_filters(run) else "the first layer does not look at images"


def draw_filters(run: View) -> "Figure":
    """A mosaic of up to 64 images, all on one scale, and the scale."""
    name, images = first_filters(run) or ("", np.empty((0, 1, 1)))
    shown = images[:MOST].astype(float)
    high, wide = shown.shape[1:]
    across = images_across(len(shown), high / wide)
    lines = -(-len(shown) // across)
    sheet = np.full((lines * (high + 1) + 1, across * (wide + 1) + 1), np.nan)
    for number, image in enumerate(shown):
        top, left = number // across * (high + 1) + 1, number % across * (wide + 1) + 1
        sheet[top : top + high, left : left + wide] = image
    bound = float(np.quantile(np.abs(shown), MOST_LEVEL)) or 1.0
    room = style.PANEL[0] - BAR
    height = max(0.9, room * len(sheet) / sheet.shape[1]) + 0.5
    figure = style.canvas(style.PANEL[0], height, *run.title)
    ax = figure.subplots()
    bare(ax)
    colors = style.diverging().with_extremes(bad=look().grid)  # bad: between the images
    mosaic = ax.imshow(sheet, cmap=colors, vmin=-bound, vmax=bound)
    many = f", the first {len(shown)} of {len(images):,}" if len(images) > len(shown) else ""
    note = f"{name.removesuffix('.weight')}, {high} x {wide} weights each{many}"
    when = ""
    with suppress(NnlabError):  # the weights alone can be drawn without it
        when = run.when if run.folder.has(weights_file("final")) else "before training"
    ax.set_title("\n".join(filter(None, (note, when))), fontsize=8)
    bar = figure.colorbar(mosaic, ax=ax, pad=0.02, label="weight", extend="both")
    bar.outline.set_edgecolor(look().faint)
    return figure


def images_across(count: int, slimness: float) -> int:
    """How many images stand beside each other: about a square, the last line as full as can be.

    slimness: the height of an image over its width.
    """
    wanted = max(1, round(sqrt(BROADER * count * slimness)))
    near = range(max(1, min(wanted - 1, ACROSS)), min(wanted + 2, ACROSS, count) + 1)
    return min(near, key=lambda across: (-count % across, abs(across - wanted)), default=count)


FIGURES = {
    "filters": Plot(
        "Weights of the first layer",
        "What each unit of the first layer looks for: blue weights are positive, orange ones "
        "negative.",
        _without_filters,
        draw_filters,
    )
}
