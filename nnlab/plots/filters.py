"""The first layer's weights as pictures: what each unit or convolution filter looks for."""

from typing import TYPE_CHECKING

import numpy as np

from nnlab.core.types import Array
from nnlab.errors import NnlabError
from nnlab.plots import style
from nnlab.plots.axes import bare
from nnlab.plots.plot import Plot
from nnlab.plots.style import look
from nnlab.plots.view import View
from nnlab.run.folder import Weights

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 64
ACROSS = 8
MOST_LEVEL = 0.998  # of the weights have a colour of their own; a few large ones would hide them


def first(run: View) -> tuple[str, Array] | None:
    """The name and the pictures (units, height, width) of the first layer; None if it has none."""
    shape = run.data["image_shape"]
    which: Weights = "final" if run.folder.has_weights("final") or run.summary else "initial"
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
    across = min(ACROSS, len(shown))
    lines = -(-len(shown) // across)
    high, wide = shown.shape[1:]
    sheet = np.full((lines * (high + 1) - 1, across * (wide + 1) - 1), np.nan)
    for number, one in enumerate(shown):
        top, left = number // across * (high + 1), number % across * (wide + 1)
        sheet[top : top + high, left : left + wide] = one
    bound = float(np.quantile(np.abs(shown), MOST_LEVEL)) or 1.0
    figure = style.canvas(
        style.PANEL[0] * 1.15, max(1.4, style.PANEL[0] * len(sheet) / sheet.shape[1]) + 0.6
    )
    style.head(figure, *run.title)
    ax = figure.subplots()
    bare(ax)
    picture = ax.imshow(sheet, cmap="cividis", vmin=-bound, vmax=bound)
    kind = name.split(".")[1]
    many = f", the first {len(shown)} of {len(pictures):,}" if len(pictures) > len(shown) else ""
    when = _when(run)
    ax.set_title(f"first layer ({kind}), {high} x {wide} weights a picture{many}\n{when}".rstrip())
    bar = figure.colorbar(picture, ax=ax, shrink=0.7, label="weight", extend="both")
    bar.outline.set_edgecolor(look().faint)
    return figure


def _when(run: View) -> str:
    """Of which moment; the weights alone can be drawn without it."""
    try:
        return run.when if run.folder.has_weights("final") else "before training"
    except NnlabError:
        return ""


FILTERS = Plot(
    "Weights of the first layer",
    "What each unit of the first layer looks for: bright weights are positive, dark ones negative.",
    unsuited,
    draw,
)
