"""The one look of all figures: colours, sizes, fonts, and how a figure becomes bytes.

Only `matplotlib.figure.Figure` with the Agg canvas is used, never pyplot: no window system, no
global list of figures, no change to the settings of a program that imports nnlab.
"""

import io
import os
import sys
import textwrap
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

import numpy as np

from nnlab.core.types import Array
from nnlab.show.figures.mpl import Axes, Colormap, Figure
from nnlab.show.figures.palette import DARK, LIGHT, Look, Scale

_LOOK: ContextVar[Look] = ContextVar("look", default=LIGHT)


def look() -> Look:
    """The colours to draw with: those of the innermost `style` block."""
    return _LOOK.get()


PANEL = (4.2, 3.0)  # inches: one panel fits a text column, two fit a page
MARGIN = 0.12  # inches
NAME, SUBTITLE = 10.0, 7.5  # points of the experiment's name, and of what stands below it
BELOW = 0.05  # inches from the head to the panels
LINES = {NAME: 0.21, SUBTITLE: 0.145}  # inches from one line of the head to the next
CHARACTERS = {NAME: 12, SUBTITLE: 17}  # that fit on an inch
GLUE = "\N{NO-BREAK SPACE}"
# Where DejaVu Sans has no letter: the first of these that is installed.
OTHER_FONTS = (
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "Hiragino Sans", "PingFang SC", "Microsoft YaHei"),
    *("WenQuanYi Zen Hei", "Droid Sans Fallback", "Arial Unicode MS"),
)


def _settings(look: Look) -> dict[str, Any]:
    from matplotlib.font_manager import fontManager

    installed = {font.name for font in fontManager.ttflist}
    return {
        "figure.dpi": 100,
        "savefig.dpi": 160,
        "figure.facecolor": look.paper,
        "axes.facecolor": look.paper,
        # DejaVu Sans comes with matplotlib, so figures are the same everywhere.
        "font.family": ["DejaVu Sans", *(name for name in OTHER_FONTS if name in installed)],
        "font.size": 9,
        "text.color": look.ink,
        "text.usetex": False,
        "axes.edgecolor": look.faint,
        "axes.labelcolor": look.ink,
        "axes.linewidth": 0.8,
        "axes.titlesize": 9,
        "axes.titlelocation": "left",
        "axes.titlecolor": look.ink,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.xmargin": 0.02,
        "grid.color": look.grid,
        "grid.linewidth": 0.6,
        "xtick.color": look.faint,
        "ytick.color": look.faint,
        "xtick.labelcolor": look.ink,
        "ytick.labelcolor": look.ink,
        "lines.linewidth": 1.5,
        "lines.markersize": 4,
        "legend.frameon": False,
        "legend.fontsize": 8,
        "image.interpolation": "nearest",
        "image.composite_image": False,  # small images keep their pixels in svg and pdf
        "path.simplify": True,
        "agg.path.chunksize": 20_000,  # a line of a million updates is drawn in pieces
        "svg.fonttype": "none" if look.heading else "path",  # a page brings its letters
        "svg.hashsalt": "nnlab",  # the same figure gives the same bytes
    }


@contextmanager
def style(
    dark: bool = False,
    scale: Scale | None = None,
    heading: bool = True,
    smooth: float | None = None,
) -> Iterator[None]:
    """Draw and save inside this block; the caller's matplotlib settings come back after it."""
    matplotlib = _matplotlib()
    chosen = replace(DARK if dark else LIGHT, scale=scale, heading=heading, smooth=smooth)
    token = _LOOK.set(chosen)
    with matplotlib.rc_context(), warnings.catch_warnings():
        # Letters that the font lacks are drawn as boxes; that is no reason to fail.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_settings(chosen))
        try:
            yield
        finally:
            _LOOK.reset(token)


def canvas(width: float, height: float, *title: str) -> Figure:
    """An empty figure of this size in inches, with a head if a title is given; see `head`."""
    _matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    if title:
        head(figure, *title)
    return figure


def panels(
    columns: int, *title: str, rows: int = 1, width: float = 1.0, height: float = 1.0
) -> tuple[Figure, list[Axes]]:
    """A figure of `rows` x `columns` equal panels, row by row; width and height stretch them."""
    figure = canvas(PANEL[0] * columns * width, PANEL[1] * rows * height, *title)
    grid = figure.subplots(rows, columns, squeeze=False)
    return figure, list(grid.flat)


def sequential() -> Colormap:
    """From nothing to much: paper, blue, deep blue."""
    return blend(look().paper, look().positive, look().deep(look().positive))


def diverging() -> Colormap:
    """From below zero to above: deep orange, orange, paper, blue, deep blue."""
    negative, positive = look().negative, look().positive
    return blend(look().deep(negative), negative, look().paper, positive, look().deep(positive))


def color_scale(values: Array) -> dict[str, Any]:
    """The options of `imshow` for an image of such numbers.

    Signs have the same colours in all figures; numbers without a sign go from dark to bright.
    """
    low, high = float(np.nanmin(values, initial=0.0)), float(np.nanmax(values, initial=0.0))
    if low < 0:
        bound = max(-low, high)
        return {"cmap": diverging(), "vmin": -bound, "vmax": bound}
    return {"cmap": "cividis", "vmin": low, "vmax": high if high > low else low + 1.0}


def blend(*colours: str) -> Colormap:
    """A colour map that runs through these colours."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("nnlab", list(colours))


def ramp(number: int, count: int) -> str:
    """Colour `number` of a scale from light to dark with equal steps of lightness, also in grey."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    share = 1 - number / max(count - 1, 1)  # the dark end of viridis is its beginning
    share = 1 - 0.9 * share if look().dark else 0.9 * share
    return to_hex(colormaps["viridis"](share))


def head(figure: Figure, name: str, setting: str, caption: str = "") -> None:
    """The experiment's name over the panels; below it, smaller, its setting and a caption.

    Lines end between the parts of the setting ("lr 0.1 · batch 1"), and inside a part only if
    it is longer than a line. The figure grows by the lines; the panels keep their size. On a page,
    which names the experiment itself, only the caption is drawn.
    """
    width, height = figure.get_size_inches()
    room = width - 2 * MARGIN
    parts = [(caption, SUBTITLE)]
    if look().heading:
        parts = [(name, NAME), (_unbroken(setting, room), SUBTITLE), *parts]
    lines = [(line, size) for text, size in parts for line in _wrapped(figure, text, room, size)]
    total = height + MARGIN + sum(LINES[size] for _, size in lines) + BELOW * bool(lines)
    figure.set_size_inches(width, total)
    pad = MARGIN / 2
    below = (0, 0, 1, height / total)
    figure.set_layout_engine("constrained", rect=below, w_pad=pad, h_pad=pad, wspace=0.04)
    top = MARGIN
    for line, size in lines:
        figure.text(
            MARGIN / width,
            1 - top / total,
            line.removesuffix(f"{GLUE}·"),
            va="top",
            size=size,
            weight="bold" if size == NAME else "normal",
            color=look().ink if size == NAME else look().soft,
            parse_math=False,  # a name with two dollar signs is a name
        )
        top += LINES[size]


def _unbroken(setting: str, room: float) -> str:
    """The setting with blanks that break no line inside a part that fits on a line."""
    fit = room * CHARACTERS[SUBTITLE] - 2
    parts = setting.replace(" ...", f"{GLUE}...").split(" · ")
    return f"{GLUE}· ".join(part if len(part) > fit else part.replace(" ", GLUE) for part in parts)


def _wrapped(figure: Figure, text: str, room: float, size: float) -> list[str]:
    """Lines that are at most `room` inches wide, whatever letters they are made of."""
    from matplotlib.text import Text

    weight = "bold" if size == NAME else "normal"

    def width(line: str) -> float:
        shown = Text(0, 0, line, size=size, weight=weight, parse_math=False, figure=figure)
        return float(shown.get_window_extent().width) / figure.dpi

    characters = int(room * CHARACTERS[size])
    lines = textwrap.wrap(text, characters, break_on_hyphens=False)
    while characters > 10 and any(width(line) > room for line in lines):
        characters = int(0.9 * characters)
        lines = textwrap.wrap(text, characters, break_on_hyphens=False)
    return lines


def encode_figure(figure: Figure, kind: str = "png") -> bytes:
    """The figure as the bytes of a png, svg or pdf file; the same figure gives the same bytes."""
    stamp = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, metadata=stamp[kind])
    return buffer.getvalue()


def warm() -> None:
    """Import what a figure needs, for a program that has time to do so."""
    _matplotlib()
    import matplotlib.backends.backend_agg
    import matplotlib.figure  # noqa: F401


def _matplotlib() -> Any:
    """Import matplotlib, also where MPLBACKEND names a backend that does not exist here.

    matplotlib then refuses to be imported, though no window is opened here. So the variable is
    removed for the import and applied after it: a notebook that imports pyplot later still gets
    its backend.
    """
    backend = None if "matplotlib" in sys.modules else os.environ.pop("MPLBACKEND", None)
    try:
        import matplotlib
    finally:
        if backend is not None:
            os.environ["MPLBACKEND"] = backend
    if backend:
        with suppress(ValueError):
            matplotlib.rcParams["backend"] = backend
    return matplotlib
