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
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# From Okabe and Ito's colour-blind-safe set, ordered so that neighbours also differ as greys.
INK = "#222222"
FAINT = "#8a8a8a"
BLUE = "#0072b2"
ORANGE = "#e69f00"
GREEN = "#009e73"
RED = "#b03a00"
PALETTE = (BLUE, ORANGE, INK, "#56b4e9", RED, "#cc79a7", GREEN)

PANEL = (4.2, 3.0)  # inches: one panel fits a text column, two fit a page
MARGIN = 0.12  # inches
LINE = 0.19  # inches from one line of the head to the next
CHARACTERS = 14  # that fit on an inch
GLUE = "\N{NO-BREAK SPACE}"

_RC: dict[str, Any] = {
    "figure.dpi": 100,
    "savefig.dpi": 160,
    "figure.facecolor": "white",
    "font.family": "DejaVu Sans",  # travels with matplotlib: the same picture on every machine
    "font.size": 9,
    "text.color": INK,
    "text.usetex": False,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.xmargin": 0.02,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "lines.linewidth": 1.5,
    "lines.markersize": 4,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "path.simplify": True,
    "agg.path.chunksize": 20_000,  # a line of a million updates is drawn in pieces
    "svg.fonttype": "none",
    "svg.hashsalt": "nnlab",  # the same figure gives the same bytes
}


@contextmanager
def style() -> Iterator[None]:
    """Draw and save inside this block; the caller's matplotlib settings come back after it."""
    matplotlib = _matplotlib()
    with matplotlib.rc_context(), warnings.catch_warnings():
        # A name in a script that the font lacks is drawn as boxes; that is no reason to fail.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_RC)
        yield


def panels(columns: int, rows: int = 1, width: float = 1.0) -> tuple["Figure", list["Axes"]]:
    """A figure of `rows` x `columns` equal panels, row by row; `width` stretches them."""
    _matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(PANEL[0] * columns * width, PANEL[1] * rows), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(rows, columns, squeeze=False)
    return figure, list(grid.flat)


def ramp(number: int, count: int) -> str:
    """Colour `number` of a scale from light to dark with equal steps of lightness, also in grey."""
    matplotlib = _matplotlib()
    from matplotlib.colors import to_hex

    share = 1 - number / max(count - 1, 1)  # the dark end of viridis is its beginning
    return to_hex(matplotlib.colormaps["viridis"](0.9 * share))


def head(figure: "Figure", name: str, setting: str, caption: str = "") -> None:
    """The experiment's name over the panels, under it how it was set up, then a caption.

    Lines end between the parts of the setting ("lr 0.1 · batch 1"), never inside one. The figure
    grows by the lines that this takes; the panels keep their size.
    """
    width, height = figure.get_size_inches()
    whole = setting.replace(" ", GLUE).replace(f"{GLUE}·{GLUE}", f"{GLUE}· ")
    room = int((width - 2 * MARGIN) * CHARACTERS)
    lines = [name, *textwrap.wrap(whole, room), *textwrap.wrap(caption, room)]
    total = height + MARGIN + LINE * len(lines)
    figure.set_size_inches(width, total)
    pad = MARGIN / 2
    below = (0, 0, 1, height / total)
    figure.set_layout_engine("constrained", rect=below, w_pad=pad, h_pad=pad, wspace=0.04)
    for number, line in enumerate(lines):
        figure.text(
            MARGIN / width,
            1 - (MARGIN + LINE * number) / total,
            line.removesuffix(f"{GLUE}·"),
            va="top",
            weight="normal" if number else "bold",
            parse_math=False,  # a name with two dollar signs is a name
        )


def encode(figure: "Figure", kind: str = "png") -> bytes:
    """The figure as the bytes of a png, svg or pdf file; the same figure gives the same bytes."""
    stamp = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, metadata=stamp[kind])
    return buffer.getvalue()


def warm() -> None:
    """Import what a figure needs, for a program that would wait for others anyway."""
    _matplotlib()
    import matplotlib.backends.backend_agg
    import matplotlib.figure  # noqa: F401


def _matplotlib() -> Any:
    """Import matplotlib, also where MPLBACKEND names a backend that does not exist here.

    matplotlib then refuses to be imported, though no window is opened here. So the variable is
    set aside for the import and applied after it: a notebook that imports pyplot later still gets
    the backend it asked for.
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
