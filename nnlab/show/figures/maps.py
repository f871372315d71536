"""Images on their way through the network: the maps that each convolution makes of them.

The sheet counts in inches, downwards: a line for each image, a column for each convolution.
"""

import textwrap
from dataclasses import dataclass, replace

import numpy as np

from nnlab.core.layers.activations import Activation
from nnlab.core.layers.dense import Dropout, Reshape
from nnlab.core.layers.images import AvgPool, Conv2d, MaxPool
from nnlab.core.layers.norm import BatchNorm, LayerNorm
from nnlab.core.network import Network, layer_name
from nnlab.core.types import Array, FloatArray, IntArray, Shape, size
from nnlab.run.rows import SavedRows
from nnlab.show.figures import style
from nnlab.show.figures.axes import bare, color_bar, finite_numbers, short_label
from nnlab.show.figures.images import draw_image
from nnlab.show.figures.mpl import Axes, AxesImage, Figure
from nnlab.show.figures.plot import Plot
from nnlab.show.figures.view import View

IMAGES = 3
MOST_STAGES = 4  # of a deeper network the first and the last ones
MOST_MAPS = 6
FOLLOWERS = (BatchNorm, LayerNorm, Dropout, MaxPool, AvgPool)
ACROSS = 3  # maps beside each other
INPUT = 1.05  # inches: an image, and the maps of a layer, which are wider where there are few
COLUMN = (1.8, 2.2)
APART = 0.2  # inches between two columns, and between two lines
GAP = 0.06  # inches between two maps; above each stands also its number:
NUMBER = 0.15
SQUEEZED = (0.5, 2.0)  # the height of a map over its width is drawn between these
CLASS_LINES = 0.32  # inches below an image
LINE = 0.135  # inches of a line above a column, and the letters that fit into it
LETTERS = 29
BAR = 0.1  # inches of a colour scale, and of what stands below it
BELOW = 0.42
SMALL = 8.0  # points


@dataclass(frozen=True, eq=False)
class Stage:
    """One convolution and its maps.

    first, last: the place of the convolution, and of the layer whose output is shown.
    maps (B, h, w, k): the maps that are shown, for each image; nan for what no figure can show.
    numbers (k,): their numbers among all `many` maps, counted from 0.
    """

    first: int
    last: int
    maps: FloatArray
    numbers: IntArray
    many: int


def conv_blocks(network: Network) -> list[tuple[int, int]]:
    """For each convolution its place, and that of the first activation behind it.

    Only normalisation, pooling and dropout may lie between them. Without an activation it is the
    convolution's own place.
    """
    layers, blocks = network.layers, []
    for first, layer in enumerate(layers):
        if isinstance(layer, Conv2d):
            last = first + 1
            while last < len(layers) and isinstance(layers[last], FOLLOWERS):
                last += 1
            ends = last < len(layers) and isinstance(layers[last], Activation)
            blocks.append((first, last if ends else first))
    return blocks


def _shown_blocks(network: Network) -> list[tuple[int, int]]:
    """The blocks that are shown: all, or the first and the last of many."""
    blocks = conv_blocks(network)
    if len(blocks) > MOST_STAGES:
        return blocks[: MOST_STAGES // 2] + blocks[-MOST_STAGES // 2 :]
    return blocks


def most_varied(maps: Array) -> IntArray:
    """The numbers of the maps (B, h, w, f) that vary most over all images and places."""
    spread = np.nan_to_num(maps).std(axis=(0, 1, 2))
    numbers: IntArray = np.sort(np.argsort(-spread, kind="stable")[:MOST_MAPS])
    return numbers


def make_stages(run: View, inputs: Array) -> list[Stage]:
    """What the convolutions make of these inputs (B, n), in evaluation mode."""
    blocks = _shown_blocks(run.latest_network)
    binding = run.latest_network.bind(len(inputs), depth=blocks[-1][1] + 1)
    with np.errstate(all="ignore"):  # weights of a run that diverged may overflow
        binding.forward(run.scaled(inputs))
    stages = []
    for first, last in blocks:
        maps = finite_numbers(binding.bound[last].y)
        best = most_varied(maps)
        stages.append(Stage(first, last, maps[..., best], best, maps.shape[3]))
    return stages


def image_shape(run: View) -> Shape | None:
    """How a row is drawn: as the data say, else as the network first reshapes it; None: not."""
    network = run.latest_network
    shape = run.data.image_shape or ()
    if not shape:
        shape = network.shapes[1 if isinstance(network.layers[0], Reshape) else 0]
    return shape if len(shape) in (2, 3) and size(shape) == size(network.inputs) else None


def _some_images(run: View) -> SavedRows:
    """The first row of each of the first classes; of a regression the first rows."""
    rows = run.judged
    if not run.classes:
        return rows.take(np.arange(min(IMAGES, len(rows))))
    _, first = np.unique(run.labels(rows), return_index=True)
    return rows.take(first[:IMAGES])


@dataclass(frozen=True)
class _Sheet:
    """Where things are, in inches: `wide` is a column, `head` the room above the first line."""

    wide: float
    head: float
    line: float
    lines: int
    columns: int

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of everything."""
        return self.left(self.columns) - APART, self.top(self.lines) + BAR + BELOW

    def left(self, column: int) -> float:
        """Where a column of maps begins; the input stands before the first."""
        return INPUT + APART + column * (self.wide + APART)

    def top(self, line: int) -> float:
        """Where the maps of an image begin, with their numbers."""
        return self.head + line * (self.line + APART)

    def map_size(self, stage: Stage) -> tuple[float, float]:
        """Width and height of a map."""
        wide = (self.wide - (ACROSS - 1) * GAP) / ACROSS
        high, broad = stage.maps.shape[1:3]
        return wide, float(np.clip(high / broad, *SQUEEZED)) * wide

    def step(self, stage: Stage) -> float:
        """From one line of maps to the next."""
        return self.map_size(stage)[1] + NUMBER + GAP


def _without_maps(run: View) -> str | None:
    """The network must have a convolution, and the folder images to show it."""
    if not conv_blocks(run.latest_network):
        return "the network has no convolution"
    if image_shape(run) is None:
        return "its rows are no images"
    return None if run.rows else "no rows are saved"


def draw_maps(run: View) -> Figure:
    """The images at the left, then the maps; a colour scale below each column."""
    rows, shape = _some_images(run), image_shape(run) or ()
    stages = make_stages(run, rows.inputs)
    headings = [_heading(run.latest_network, stage) for stage in stages]
    sheet = _make_sheet(stages, len(rows), max(map(len, headings)))
    width, height = sheet.size
    wide = width + 2 * style.MARGIN
    caption = _caption(run.latest_network, stages)
    figure = style.canvas(wide, height + style.MARGIN, *run.title, caption)
    figure.set_layout_engine("none")  # every place is known; the axes count in inches
    whole, edge = figure.get_size_inches()[1], style.MARGIN / wide
    ax = figure.add_axes((edge, 0.0, 1 - 2 * edge, height / whole))
    bare(ax)
    _write(ax, 0.0, sheet.head, ["input", _times(shape)])
    high, broad = (INPUT * side / max(shape[:2]) for side in shape[:2])
    for number, row in enumerate(rows.inputs):
        top = sheet.top(number) + NUMBER
        draw_image(ax, run, row, shape, (0.0, broad, top + high, top))
        text = _classes_text(run, rows, number)
        ax.text(INPUT / 2, top + high + 0.04, text, fontsize=SMALL, ha="center", va="top")
    for column, (stage, heading) in enumerate(zip(stages, headings, strict=True)):
        left, name = sheet.left(column), _layer_words(run.latest_network, stage.last)
        _write(ax, left, sheet.head, heading)
        image = _draw_column(ax, sheet, left, stage)
        _color_scale(figure, ax, left, sheet.wide, image, name)
    ax.set(xlim=(0, width), ylim=(height, 0), aspect="auto")
    return figure


def _make_sheet(stages: list[Stage], lines: int, headings: int) -> _Sheet:
    """The sheet fills a page where there are enough convolutions."""
    room = 2 * style.PANEL[0] - 2 * style.MARGIN - INPUT
    wide = float(np.clip(room / len(stages) - APART, *COLUMN))
    sheet = _Sheet(wide, headings * LINE + 0.1, 0.0, lines, len(stages))
    highest = max(-(-len(stage.numbers) // ACROSS) * sheet.step(stage) for stage in stages)
    return replace(sheet, line=max(highest, NUMBER + INPUT + CLASS_LINES))


def _draw_column(ax: Axes, sheet: _Sheet, start: float, stage: Stage) -> AxesImage:
    """The maps of one layer for every image, all on one scale; each below its number."""
    colors = style.color_scale(stage.maps)
    wide, tall = sheet.map_size(stage)
    for line, maps in enumerate(stage.maps):
        for place, number in enumerate(stage.numbers):
            left = start + place % ACROSS * (wide + GAP)
            top = sheet.top(line) + place // ACROSS * sheet.step(stage) + NUMBER
            extent = (left, left + wide, top + tall, top)
            image = ax.imshow(maps[..., place], extent=extent, **colors)
            middle = left + wide / 2
            ax.text(middle, top - 0.015, f"{number + 1}", fontsize=7, ha="center", va="bottom")
    return image


def _color_scale(
    figure: Figure, ax: Axes, left: float, wide: float, image: AxesImage, name: str
) -> None:
    """What the colours of a column mean: a scale below it; places are inches."""
    from matplotlib.ticker import MaxNLocator

    across, high = figure.get_size_inches()
    left += style.MARGIN + 0.05 * wide
    place = figure.add_axes((left / across, BELOW / high, 0.9 * wide / across, BAR / high))
    bar = color_bar(image, ax, cax=place, orientation="horizontal")
    bar.set_label(f"output of {name}", fontsize=SMALL, labelpad=2)
    bar.locator = MaxNLocator(4)
    bar.ax.tick_params(labelsize=7.5)


def _write(ax: Axes, left: float, bottom: float, lines: list[str]) -> None:
    ax.text(left, bottom - 0.06, "\n".join(lines), fontsize=SMALL, ha="left", va="bottom")


def _times(shape: Shape | Array) -> str:
    return " x ".join(f"{n:,}" for n in shape)


def _layer_words(network: Network, index: int) -> str:
    return layer_name(network.layers, index).replace("_", " ")


def _heading(network: Network, stage: Stage) -> list[str]:
    """The layer, those that belong to it, the shape, and how many of its maps are drawn."""
    followers = range(stage.first + 1, stage.last + 1)
    more = ", ".join(_layer_words(network, index) for index in followers)
    few = len(stage.numbers)
    many = f"{few} of {stage.many:,} maps" if stage.many > few else "all maps"
    return [
        _layer_words(network, stage.first),
        *textwrap.wrap(f"+ {more}" if more else "", LETTERS),
        f"{_times(network.shapes[stage.last + 1])}, {many}",
    ]


def _classes_text(run: View, rows: SavedRows, number: int) -> str:
    """The true class of an image, and the predicted one."""
    if not run.classes:
        return ""
    labels = (run.labels(rows)[number], run.guesses(rows)[number])
    true, predicted = (short_label(run.classes[label], 13) for label in labels)
    return f"true {true}\nsaid {predicted}"


def _caption(network: Network, stages: list[Stage]) -> str:
    """What is left out, and how the maps were chosen."""
    sentences = []
    many = len(conv_blocks(network))
    if many > len(stages):
        half = len(stages) // 2
        sentences.append(f"Of {many} convolutions the first {half} and the last {half}.")
    if any(stage.many > len(stage.numbers) for stage in stages):
        sentences.append(f"Of each layer the {MOST_MAPS} maps that vary most over these images.")
    return " ".join([*sentences, "All maps of a column share one colour scale."])


def _details(run: View) -> str:
    network = run.latest_network
    return ", ".join(
        f"{_times(network.shapes[last + 1])} after {_layer_words(network, last)}"
        for _, last in _shown_blocks(network)
    )


FIGURES = {
    "feature_maps": Plot(
        "Feature maps",
        "What the convolutions make of some images: each map is the output of one filter, after "
        "the activation that follows it, if there is one; bright is large.",
        _without_maps,
        draw_maps,
        _details,
    )
}
