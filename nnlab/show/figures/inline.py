"""Figures for a notebook: they show themselves there, without pyplot."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from nnlab.show.figures.mpl import Figure
from nnlab.show.figures.palette import Scale
from nnlab.show.figures.style import encode_figure, style

T = TypeVar("T")
PIXELS = 96  # of a page, per inch


def draw_inline(
    painter: Callable[[T], Figure], of: T, dark: bool = False, scale: Scale | None = None
) -> Figure:
    """The figure that `painter` draws of a run or sweep, with nnlab's look.

    IPython shows a Figure only where pyplot has set that up; a method of its own is always asked.
    """
    with style(dark, scale):
        figure = painter(of)
    figure._repr_png_ = partial(png_for_page, figure, dark)  # type: ignore[attr-defined]
    return figure


def png_for_page(figure: Figure, dark: bool = False) -> tuple[bytes, dict[str, Any]]:
    """A sharp PNG, and the size at which a page shows it."""
    width, height = figure.get_size_inches()
    with style(dark):
        return encode_figure(figure), {"width": width * PIXELS, "height": height * PIXELS}
