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
from nnlab.show.figures.palette import Scale
from nnlab.show.figures.scales import is_log, is_log_rate
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


@dataclass
class Drawing:
    """A figure before it is drawn; `paint` is called inside nnlab's look, light or dark."""

    name: str
    title: str
    caption: str
    alt: Callable[[], str]
    paint: Callable[[], "Figure"]
    suits: Callable[[], bool] = lambda: True
    early: bool = False  # shown with the course of the run, before the results
    has_dark: bool = True
    scale: Scale | None = None


@dataclass
class Picture:
    """A figure as the page embeds it; `dark` is empty where there was no room for it.

    frame: where the first axes lie, in pixels, and the lowest and highest x on them.
    """

    drawing: Drawing
    title: str
    caption: str
    alt: str
    early: bool
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
            picture = self._light(drawing) if drawing.suits() else None
        except NnlabError as error:
            self.notices.add(str(error))
        except Exception as error:
            self.notices.add(f"The figure {drawing.name} could not be drawn ({error}).")
        else:
            return picture
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
                url = self._fitting(_encoded(picture.drawing, dark=True)[0])
                picture.dark = url or ""

    def _light(self, drawing: Drawing) -> Picture | None:
        url, (width, height), frame = _encoded(drawing)
        if self._fitting(url) is None:
            self.notices.add(
                f"The figure {drawing.name} is too large for the page: see `nnlab plot`."
            )
            return None
        one = drawing
        picture = Picture(
            one, one.title, one.caption, one.alt(), one.early, width, height, url, frame
        )
        self.pictures.append(picture)
        return picture

    def _fitting(self, url: str) -> str | None:
        size = len(url) * 3 // 4
        if size > self._room:
            return None
        self._room -= size
        return url


def plot_drawing(name: str, plot: Plot, run: View) -> Drawing:
    """The drawing of a figure of a run."""
    alt, paint = partial(plot.alt, run), partial(plot.draw, run)
    return Drawing(name, plot.title, plot.caption, alt, paint, partial(plot.suits, run), plot.early)


def _encoded(drawing: Drawing, dark: bool = False) -> tuple[str, tuple[int, int], dict[str, float]]:
    """A data URL, width and height in pixels, and the frame of the first axes."""
    with style(dark, drawing.scale, heading=False):
        figure = drawing.paint()
        data, kind = encode_figure(figure, "svg"), "svg+xml"
        if len(data) > LARGEST_SVG:
            data, kind = encode_figure(figure), "png"
        width, height = (round(PIXELS * inches) for inches in figure.get_size_inches())
        frame = _frame(figure.axes[0], width, height) if figure.axes else {}
    url = f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
    return url, (width, height), frame


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
