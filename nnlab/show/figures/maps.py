"""Pictures on their way through the network: the maps that each convolution makes of them.

The sheet counts in inches, downwards: a line for each picture, a column for each convolution.
"""

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nnlab.core.network import Network, layer_name
from nnlab.core.types import Array, Shape
from nnlab.show.figures import style
from nnlab.show.figures.axes import bare, short
from nnlab.show.figures.images import picture
from nnlab.show.figures.plot import Plot
from nnlab.show.figures.stages import MOST_MAPS, Stage, blocks, chosen, image_shape, shown, stages
from nnlab.show.figures.style import look
from nnlab.show.figures.view import Rows, View

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

ACROSS = 3  # maps beside each other
INPUT = 1.05  # inches: a picture, and the maps of a layer, which are wider where there are few
COLUMN = (1.8, 2.2)
APART = 0.2  # inches between two columns, and between two lines
GAP = 0.06  # inches between two maps; above each stands also its number:
NUMBER = 0.15
SQUEEZED = (0.5, 2.0)  # the height of a map over its width is drawn between these
SAID = 0.32  # inches below a picture
LINE = 0.135  # inches of a line above a column, and the letters that fit into it
LETTERS = 29
BAR = 0.1  # inches of a colour scale, and of what stands below it
BELOW = 0.42
SMALL = 8.0  # points


@dataclass(frozen=True)
class Sheet:
    """Where things are, in inches: `wide` is a column, `head` the room above the first line."""

    wide: float
    head: float
    line: float
    lines: int
    columns: int

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of everything."""
        below = BAR + BELOW
        return self.left(self.columns) - APART, self.top(self.lines) + below

    def left(self, column: int) -> float:
        """Where a column of maps begins; the input stands before the first."""
        return INPUT + APART + column * (self.wide + APART)

    def top(self, line: int) -> float:
        """Where the maps of a picture begin, with their numbers."""
        return self.head + line * (self.line + APART)

    @property
    def map(self) -> float:
        """The width of a map."""
        return (self.wide - (ACROSS - 1) * GAP) / ACROSS


def unsuited(run: View) -> str | None:
    """The network must have a convolution, and the folder pictures to show it."""
    if not blocks(run.network):
        return "the network has no convolution"
    if image_shape(run) is None:
        return "its rows are no images"
    return None if run.judged else "no rows were kept"


def draw(run: View) -> "Figure":
    """The pictures at the left, then the maps; a colour scale under each column."""
    judged, shape = run.judged, image_shape(run)
    assert judged is not None  # `unsuited` asked
    assert shape is not None
    rows = chosen(run, judged)
    found = stages(run, rows.inputs)
    headings = [_heading(run.network, stage) for stage in found]
    sheet = _sheet(found, len(rows), max(len(one) for one in headings))
    figure, ax = _paper(run, found, sheet)
    _write(ax, 0.0, sheet.head, ["input", _times(shape)])
    for number, row in enumerate(rows.inputs):
        top = sheet.top(number) + NUMBER
        high, wide = INPUT * shape[0] / max(shape[:2]), INPUT * shape[1] / max(shape[:2])
        picture(ax, run, row, shape, (0.0, wide, top + high, top))
        said = _said(run, rows, number)
        ax.text(INPUT / 2, top + high + 0.04, said, fontsize=SMALL, ha="center", va="top")
    for column, (stage, heading) in enumerate(zip(found, headings, strict=True)):
        _write(ax, sheet.left(column), sheet.head, heading)
        painted = _column(ax, sheet, column, stage)
        _scale(figure, ax, sheet, column, painted, _called(run.network, stage.last))
    ax.set(xlim=(0, sheet.size[0]), ylim=(sheet.size[1], 0), aspect="auto")
    return figure


def _sheet(found: list[Stage], lines: int, headings: int) -> Sheet:
    """The sheet fills a page where there are enough convolutions."""
    room = 2 * style.PANEL[0] - 2 * style.MARGIN - INPUT
    wide = float(np.clip(room / len(found) - APART, *COLUMN))
    sheet = Sheet(wide, headings * LINE + 0.1, 0.0, lines, len(found))
    highest = max(-(-len(one.numbers) // ACROSS) * _step(sheet, one) for one in found)
    line = max(highest, NUMBER + INPUT + SAID)
    return Sheet(wide, sheet.head, line, lines, len(found))


def _paper(run: View, found: list[Stage], sheet: Sheet) -> tuple["Figure", "Axes"]:
    """The figure with its head, and axes that count in inches."""
    width, height = sheet.size
    figure = style.canvas(width + 2 * style.MARGIN, height + style.MARGIN)
    style.head(figure, *run.title, _caption(run.network, found))
    figure.set_layout_engine("none")  # every place is known
    whole = figure.get_size_inches()[1]
    margin = style.MARGIN / (width + 2 * style.MARGIN)
    ax = figure.add_axes((margin, 0.0, 1 - 2 * margin, height / whole))
    bare(ax)
    return figure, ax


def _column(ax: "Axes", sheet: Sheet, column: int, stage: Stage) -> "AxesImage":
    """The maps of one layer for every picture, all on one scale; each under its number."""
    low, high = (float(f(stage.maps, initial=0.0)) for f in (np.nanmin, np.nanmax))
    colours, *limits = style.scaled(low, high)
    tall, wide = _tall(sheet, stage), sheet.map
    for line, maps in enumerate(stage.maps):
        for place, number in enumerate(stage.numbers):
            left = sheet.left(column) + place % ACROSS * (wide + GAP)
            top = sheet.top(line) + place // ACROSS * _step(sheet, stage) + NUMBER
            painted = ax.imshow(
                maps[..., place],
                cmap=colours,
                vmin=limits[0],
                vmax=limits[1],
                extent=(left, left + wide, top + tall, top),
            )
            middle = left + wide / 2
            ax.text(middle, top - 0.015, f"{number + 1}", fontsize=7, ha="center", va="bottom")
    return painted


def _tall(sheet: Sheet, stage: Stage) -> float:
    """The height of a map."""
    high, wide = stage.maps.shape[1:3]
    return float(np.clip(high / wide, *SQUEEZED)) * sheet.map


def _step(sheet: Sheet, stage: Stage) -> float:
    """From one line of maps to the next."""
    return _tall(sheet, stage) + NUMBER + GAP


def _scale(
    figure: "Figure", ax: "Axes", sheet: Sheet, column: int, painted: "AxesImage", name: str
) -> None:
    """What the colours of a column mean."""
    from matplotlib.ticker import MaxNLocator

    width, height = sheet.size
    place = ax.get_position(original=True)
    left, wide = sheet.left(column), sheet.wide
    box = (
        place.x0 + (left + 0.05 * wide) / width * place.width,
        BELOW / height * place.height,
        0.9 * wide / width * place.width,
        BAR / height * place.height,
    )
    bar = figure.colorbar(painted, cax=figure.add_axes(box), orientation="horizontal")
    bar.set_label(f"output of {name}", fontsize=SMALL, labelpad=2)
    bar.outline.set_edgecolor(look().faint)
    bar.locator = MaxNLocator(4)
    bar.ax.tick_params(labelsize=7.5)


# What is written.


def _write(ax: "Axes", left: float, bottom: float, lines: list[str]) -> None:
    ax.text(left, bottom - 0.06, "\n".join(lines), fontsize=SMALL, ha="left", va="bottom")


def _times(shape: Shape | Array) -> str:
    return " x ".join(f"{one:,}" for one in shape)


def _called(network: Network, index: int) -> str:
    return layer_name(network.layers, index).replace("_", " ")


def _heading(network: Network, stage: Stage) -> list[str]:
    """The layer, those that belong to it, the shape, and how many of its maps are drawn."""
    more = ", ".join(_called(network, index) for index in range(stage.first + 1, stage.last + 1))
    few = len(stage.numbers)
    many = f"{few} of {stage.many:,} maps" if stage.many > few else "all maps"
    return [
        _called(network, stage.first),
        *textwrap.wrap(f"+ {more}" if more else "", LETTERS),
        f"{_times(network.shapes[stage.last + 1])}, {many}",
    ]


def _said(run: View, rows: Rows, number: int) -> str:
    """The picture's class, and what the network takes it for."""
    if not run.classes:
        return ""
    true, said = (run.classes[found[number]] for found in (run.labels(rows), run.guesses(rows)))
    return f"true {short(true, 13)}\nsaid {short(said, 13)}"


def _caption(network: Network, found: list[Stage]) -> str:
    """What is left out, and how the maps were chosen."""
    told = []
    many = len(blocks(network))
    if many > len(found):
        half = len(found) // 2
        told.append(f"Of {many} convolutions the first {half} and the last {half}.")
    if any(stage.many > len(stage.numbers) for stage in found):
        told.append(f"Of each layer the {MOST_MAPS} maps that vary most over these pictures.")
    return " ".join([*told, "All maps of a column share one colour scale."])


def _details(run: View) -> str:
    network = run.network
    return ", ".join(
        f"{_times(network.shapes[last + 1])} after {_called(network, last)}"
        for _, last in shown(network)
    )


FEATURE_MAPS = Plot(
    "Feature maps",
    "What the convolutions make of some pictures: each map is the output of one filter, after the "
    "activation that follows it, if there is one; bright is large.",
    unsuited,
    draw,
    _details,
)
