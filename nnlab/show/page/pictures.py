"""The figures of `nnlab plot` in the page, light and dark; also below the curves of page.js."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from nnlab.errors import NnlabError
from nnlab.show.figures import Plot, View
from nnlab.show.figures.mpl import Figure
from nnlab.show.figures.palette import Scale
from nnlab.show.figures.plot import PIXELS
from nnlab.show.figures.style import encode_figure, style
from nnlab.show.page.tables import Notices

BUDGET = 1_900_000  # bytes of all pictures; base64 takes a third more
LARGEST_SVG = 150_000  # bytes; a larger figure is embedded as png
BROAD = 620  # pixels; a wider figure takes the whole page


@dataclass(frozen=True)
class Drawing:
    """A figure before it is drawn; `paint` is called inside nnlab's look, light or dark."""

    name: str
    title: str
    caption: str
    alt: Callable[[], str]
    paint: Callable[[], Figure | None]  # None where it does not suit
    early: bool = False  # shown with the course of the run, before the results
    has_dark: bool = True
    scale: Scale | None = None


@dataclass
class Picture:
    """A figure as the page embeds it; `dark` is empty where there was no room for it."""

    drawing: Drawing
    alt: str
    width: int
    height: int
    src: str
    dark: str = ""

    @property
    def broad(self) -> bool:
        """Whether it needs the whole width of the page."""
        return self.width > BROAD


@dataclass(frozen=True)
class Scripted:
    """Curves or a scene that page.js draws from `data`; `still` is shown without scripts."""

    data: dict[str, Any]
    still: Picture | None


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

    def add_chart(self, data: dict[str, Any] | None, paint: Callable[[], Figure]) -> list[Scripted]:
        """A chart of a record of `charts.chart_record`, and its figure; none without a record."""
        if data is None:
            return []
        drawing = Drawing(
            data["title"], data["title"], "", lambda: data["alt"], paint, scale=data["scales"][0]
        )
        return [Scripted(data, self.add(drawing))]

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
    url = f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
    return Picture(drawing, drawing.alt(), width, height, url)
