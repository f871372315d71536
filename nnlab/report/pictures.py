"""The figures of `nnlab plot`, drawn into the page: by day and by night, within its size."""

import struct
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial

from nnlab.errors import NnlabError
from nnlab.plots import FIGURES, Form, Plot, View
from nnlab.plots.drawing import files
from nnlab.report.notices import Notices
from nnlab.report.png import data_url

# What the page shows itself: with values under the pointer, as a table, or in the slider's scenes.
ELSEWHERE = ("curves", "lr", "confusion")
IN_SCENES = {
    "plane": ("boundary", "scatter"),
    "curve": ("fit",),
    "diagram": ("network", "weights"),
    "heat": ("activations", "outputs"),
    "filters": ("filters",),
}
HOW = ("steps",)
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
    dark: str = ""

    @property
    def early(self) -> bool:
        """Whether it says how the training went, not what came of it."""
        return self.name in HOW

    @property
    def broad(self) -> bool:
        """Whether it wants the whole width."""
        return self.width > BROAD


def pictures(seen: View, scenes: Iterable[str], notices: Notices) -> list[Picture]:
    """Every figure that suits the run and is not shown in another way.

    `scenes` are those of the slider. A figure that fails, or for which there is no room, adds a
    sentence to `notices`.
    """
    shown = {*ELSEWHERE, *(name for scene in scenes for name in IN_SCENES[scene])}
    found: list[tuple[Plot, Picture]] = []
    room = BUDGET
    for name, plot in FIGURES.items():
        if name in shown:
            continue
        try:
            picture = _picture(name, plot, seen) if plot.suits(seen) else None
        except NnlabError as error:
            notices.say(str(error))
        except Exception as error:
            notices.say(f"The figure {name} could not be drawn ({error}).")
        else:
            if picture is not None and picture.size > room:
                notices.say(f"The figure {name} is too large for the page: see `nnlab plot`.")
            elif picture is not None:
                found.append((plot, picture))
                room -= picture.size
    return _by_night(found, seen, room)


def _by_night(found: list[tuple[Plot, Picture]], seen: View, room: int) -> list[Picture]:
    """The pictures with their dark variants, as long as there is room."""
    result = []
    for plot, picture in found:
        data = b""
        if picture.size <= room:
            data = files(picture.name, partial(plot.draw, seen), Form(dark=True))[0][1]
        fits = 0 < len(data) <= room
        room -= len(data) if fits else 0
        result.append(replace(picture, dark=data_url(data)) if fits else picture)
    return result


def _picture(name: str, plot: Plot, seen: View) -> Picture:
    data = files(name, partial(plot.draw, seen), Form())[0][1]
    width, height = struct.unpack(">II", data[16:24])
    return Picture(
        name=name,
        title=plot.title,
        caption=plot.caption,
        alt=plot.alt(seen),
        width=round(width / DOTS),
        height=round(height / DOTS),
        size=len(data),
        src=data_url(data),
    )
