"""The figures of `nnlab plot` in the page, light and dark, and curves that answer a pointer."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from nnlab.core.types import FloatArray, IntArray
from nnlab.errors import NnlabError
from nnlab.show.figures import Plot, View
from nnlab.show.figures.axes import is_log, is_log_rate
from nnlab.show.figures.palette import Scale
from nnlab.show.figures.style import encode_figure, style
from nnlab.show.page.tables import Notices
from nnlab.show.words import format_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BUDGET = 1_900_000  # bytes of all pictures; base64 takes a third more
LARGEST_SVG = 150_000  # bytes; a larger figure is embedded as png
PIXELS = 96  # of the page per inch of a figure
BROAD = 620  # pixels; a wider figure takes the whole page
BUCKETS = 120  # of a long curve the lowest and highest point of each can be read
Curves = Mapping[str, tuple[FloatArray, FloatArray]]  # places and values by label


@dataclass(frozen=True)
class Drawing:
    """A figure before it is drawn; `paint` is called inside nnlab's look, light or dark."""

    name: str
    title: str
    caption: str
    alt: Callable[[], str]
    paint: Callable[[], "Figure | None"]  # None where it does not suit
    early: bool = False  # shown with the course of the run, before the results
    has_dark: bool = True
    scale: Scale | None = None


@dataclass
class Picture:
    """A figure as the page embeds it; `dark` is empty where there was no room for it.

    frame: where the first axes lie, in pixels, and the lowest and highest x on them.
    """

    drawing: Drawing
    alt: str
    width: int
    height: int
    src: str
    frame: dict[str, float]
    dark: str = ""

    @property
    def broad(self) -> bool:
        """Whether it needs the whole width of the page."""
        return self.width > BROAD


@dataclass(frozen=True)
class Chart:
    """The same curves on each scale, the first is shown; `data` has the values to read."""

    title: str
    unit: str
    pictures: Mapping[Scale, Picture]
    data: dict[str, Any]


class Album:
    """Draws the figures of a page as long as there is room."""

    def __init__(self, notices: Notices) -> None:
        self.notices = notices
        self.pictures: list[Picture] = []
        self._room = BUDGET

    def add(self, drawing: Drawing) -> Picture | None:
        """The picture; None with a notice where it fails or has no room."""
        try:
            if (picture := _draw(drawing)) is None:
                return None
        except NnlabError as error:
            self.notices.add(str(error))
        except Exception as error:
            self.notices.add(f"The figure {drawing.name} could not be drawn ({error}).")
        else:
            if self._fits(picture.src):
                self.pictures.append(picture)
                return picture
            self.notices.add(
                f"The figure {drawing.name} is too large for the page: see `nnlab plot`."
            )
        return None

    def add_plots(self, run: View, plots: Mapping[str, Plot]) -> list[Picture]:
        """The pictures of those plots that suit the run."""
        pictures = [self.add(plot_drawing(name, plot, run)) for name, plot in plots.items()]
        return [picture for picture in pictures if picture]

    def add_chart(
        self,
        title: str,
        curves: Curves,
        paint: Callable[[], "Figure"],
        *,
        share: bool = False,
        rate: bool = False,
        unit: str = "epoch",
    ) -> list[Chart]:
        """A chart of the curves that `paint` draws; none without a finite value.

        share: values that end at 1, such as an accuracy. rate: learning rates.
        """
        shown = {name: (x, y) for name, (x, y) in curves.items() if len(x) and np.isfinite(y).any()}
        if not shown:
            return []
        alt = _alt(title, shown, unit)
        values = np.concatenate([values for _, values in shown.values()])
        pictures = {
            scale or "linear": picture
            for scale in _scales(values, share, rate)
            if (picture := self.add(Drawing(title, title, "", lambda: alt, paint, scale=scale)))
        }
        data = _readings(shown) | {
            "unit": unit,
            "frames": [picture.frame for picture in pictures.values()],
        }
        return [Chart(title, unit, pictures, data)] if pictures else []

    def add_dark_variants(self) -> None:
        """Draw the dark variant of every picture, as long as there is room."""
        for picture in self.pictures:
            if picture.drawing.has_dark and self._room > 0:
                dark = _draw(picture.drawing, dark=True)
                picture.dark = dark.src if dark and self._fits(dark.src) else ""

    def _fits(self, url: str) -> bool:
        """Whether there is room for an image, which then takes it."""
        size = len(url) * 3 // 4
        fits = size <= self._room
        self._room -= size * fits
        return fits


def plot_drawing(name: str, plot: Plot, run: View, has_dark: bool = True) -> Drawing:
    """The drawing of a figure of a run."""
    alt, paint = partial(plot.alt, run), partial(plot.draw_if_suited, run)
    return Drawing(name, plot.title, plot.caption, alt, paint, plot.early, has_dark)


def _draw(drawing: Drawing, dark: bool = False) -> Picture | None:
    """The picture with an address that holds the image; None where it does not suit."""
    with style(dark, drawing.scale, heading=False):
        if (figure := drawing.paint()) is None:
            return None
        data, kind = encode_figure(figure, "svg"), "svg+xml"
        if len(data) > LARGEST_SVG:
            data, kind = encode_figure(figure), "png"
        width, height = (round(PIXELS * inches) for inches in figure.get_size_inches())
        frame = _frame(figure.axes[0], width, height) if figure.axes else {}
    url = f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
    return Picture(drawing, drawing.alt(), width, height, url, frame)


def _frame(ax: "Axes", width: int, height: int) -> dict[str, float]:
    """Where axes lie in a picture, in pixels, and the lowest and highest x on them."""
    place, (low, high) = ax.get_position(), ax.get_xlim()
    return {
        "left": round(place.x0 * width, 2),
        "right": round(place.x1 * width, 2),
        "top": round((1 - place.y1) * height, 2),
        "bottom": round((1 - place.y0) * height, 2),
        "low": float(low),
        "high": float(high),
    }


def _scales(values: FloatArray, share: bool, rate: bool) -> list[Scale | None]:
    """The scales that suit, the best first."""
    finite = values[np.isfinite(values)]
    if share or finite.min() <= 0 or finite.min() == finite.max():
        return [None]
    log = (is_log_rate if rate else is_log)(values)
    return ["log", "linear"] if log else ["linear", "log"]


def thin(values: FloatArray, buckets: int = BUCKETS) -> IntArray:
    """Which points of a long curve can be read: of each bucket the lowest and the highest."""
    count = len(values)
    if count <= 2 * buckets:
        return np.arange(count)
    edges = np.linspace(0, count, buckets + 1).astype(np.int64)
    chosen = {0, count - 1}
    for start, stop in pairwise(edges.tolist()):
        part = values[start:stop]
        if np.isfinite(part).any():
            chosen |= {int(start + np.nanargmin(part)), int(start + np.nanargmax(part))}
    return np.array(sorted(chosen), np.int64)


def _readings(curves: Curves) -> dict[str, Any]:
    """Places, and the value of each curve at each place as text."""
    chosen = np.unique(np.concatenate([x[thin(y)] for x, y in curves.values()]))
    places = chosen[np.isfinite(chosen)].tolist()
    known = [dict(zip(x.tolist(), y.tolist(), strict=True)) for x, y in curves.values()]
    return {
        "places": [int(place) for place in places],
        "labels": list(curves),
        "values": [[format_number(values.get(place)) for place in places] for values in known],
    }


def _alt(title: str, curves: Curves, unit: str) -> str:
    """The chart in words: where each curve begins and ends."""
    parts = []
    for label, (x, y) in curves.items():
        rows = np.flatnonzero(np.isfinite(y) & np.isfinite(x))
        if len(rows):
            first, last = (
                f"{format_number(float(y[row]))} at {unit} {int(x[row]):,}" for row in rows[[0, -1]]
            )
            parts.append(f"{label} goes from {first} to {last}")
    return f"{title} over the {unit}s: {'; '.join(parts)}."
