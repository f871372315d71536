"""The figures of `nnlab plot`, drawn into the page: by day and by night, within its size."""

import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from nnlab.errors import NnlabError
from nnlab.show.figures import FIGURES, Form, Plot, View
from nnlab.show.figures.drawing import files
from nnlab.show.page.notices import Notices
from nnlab.show.page.png import data_url

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# What the page shows itself: with values under the pointer, as a table, or in the slider's scenes.
ELSEWHERE = ("curves", "lr", "confusion")
IN_SCENES = {
    "plane": ("boundary", "scatter"),
    "curve": ("fit",),
    "diagram": ("network", "weights"),
    "heat": ("activations", "outputs"),
    "filters": ("filters",),
}
BUDGET = 1_900_000  # bytes of all pictures; as text of a page they take a third more
DOTS = 160 / 96  # a picture's pixels for each of the page's
BROAD = 620  # pixels; a wider figure takes the whole page


@dataclass(frozen=True)
class Picture:
    """A figure as the page holds it; `dark` is empty where there was no room for it."""

    name: str
    title: str
    caption: str
    alt: str
    width: int
    height: int
    size: int
    src: str
    early: bool  # shown with the course of the run, before the results
    dark: str = ""

    @property
    def broad(self) -> bool:
        """Whether it wants the whole width."""
        return self.width > BROAD


@dataclass(frozen=True)
class Drawing:
    """A figure before it is drawn; `paint` is called inside nnlab's look, light or dark."""

    name: str
    title: str
    caption: str
    alt: Callable[[], str]
    suits: Callable[[], bool]
    paint: Callable[[], "Figure"]
    early: bool = False


def pictures(
    seen: View,
    scenes: Iterable[str],
    notices: Notices,
    figures: Mapping[str, Plot] = FIGURES,
) -> list[Picture]:
    """Those of `figures` that suit the run and are not shown in another way; see `draw`.

    `scenes` are those of the slider.
    """
    shown = {*ELSEWHERE, *(name for scene in scenes for name in IN_SCENES[scene])}
    return draw(
        [
            Drawing(
                name=name,
                title=plot.title,
                caption=plot.caption,
                alt=partial(plot.alt, seen),
                suits=partial(plot.suits, seen),
                paint=partial(plot.draw, seen),
                early=plot.early,
            )
            for name, plot in figures.items()
            if name not in shown
        ],
        notices,
    )


def draw(drawings: Iterable[Drawing], notices: Notices) -> list[Picture]:
    """Those that suit; one that fails, or for which there is no room, is told in `notices`."""
    found: list[tuple[Drawing, Picture]] = []
    room = BUDGET
    for drawing in drawings:
        try:
            picture = _picture(drawing) if drawing.suits() else None
        except NnlabError as error:
            notices.say(str(error))
        except Exception as error:
            notices.say(f"The figure {drawing.name} could not be drawn ({error}).")
        else:
            if picture is not None and picture.size > room:
                notices.say(
                    f"The figure {drawing.name} is too large for the page: see `nnlab plot`."
                )
            elif picture is not None:
                found.append((drawing, picture))
                room -= picture.size
    return _by_night(found, room)


def _by_night(found: list[tuple[Drawing, Picture]], room: int) -> list[Picture]:
    """The pictures with their dark variants, as long as there is room."""
    result = []
    for drawing, picture in found:
        data = b""
        if picture.size <= room:
            data = files(drawing.name, drawing.paint, Form(dark=True, heading=False))[0][1]
        fits = 0 < len(data) <= room
        room -= len(data) if fits else 0
        result.append(replace(picture, dark=data_url(data)) if fits else picture)
    return result


def _picture(drawing: Drawing) -> Picture:
    data = files(drawing.name, drawing.paint, Form(heading=False))[0][1]
    width, height = struct.unpack(">II", data[16:24])
    return Picture(
        name=drawing.name,
        title=drawing.title,
        caption=drawing.caption,
        alt=drawing.alt(),
        width=round(width / DOTS),
        height=round(height / DOTS),
        size=len(data),
        src=data_url(data),
        early=drawing.early,
    )
