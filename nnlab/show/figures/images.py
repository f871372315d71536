"""Images and what the network says of them: probabilities, and the worst mistakes."""

from typing import TYPE_CHECKING

import numpy as np

from nnlab.core.types import Array, FloatArray, IntArray, Shape
from nnlab.show.figures import style
from nnlab.show.figures.axes import bare, distinct, short
from nnlab.show.figures.palette import text_on
from nnlab.show.figures.plot import Plot
from nnlab.show.figures.style import look
from nnlab.show.figures.targets import PART_NAMES
from nnlab.show.figures.view import Rows, View

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SAMPLES = 6
MISTAKES = 12
MOST_BARS = 12
Extent = tuple[float, float, float, float]


def _unsuited(run: View) -> str | None:
    shape = run.data["image_shape"]
    if not run.classes or not shape:
        return "it is for classes of images"
    if len(shape) not in (2, 3) or int(np.prod(shape)) != int(np.prod(run.data["inputs"])):
        return "its rows are no images"
    return None if run.judged else "no rows were kept"


def draw_samples(run: View) -> "Figure":
    """Images beside a bar for each class: how likely the network finds it."""
    rows = _judged(run)
    rows = rows.take(np.linspace(0, min(len(rows), 64) - 1, min(SAMPLES, len(rows))).astype(int))
    chances, truth = probabilities(rows.outputs), run.labels(rows)
    shape = tuple(run.data["image_shape"])
    lines = -(-len(rows) // 2)
    bars = min(chances.shape[1], MOST_BARS)
    figure = style.canvas(2 * style.PANEL[0] * 0.9, lines * (0.155 * bars + 0.75))
    style.head(figure, *run.title)
    grid = figure.subplots(lines, 4, squeeze=False, width_ratios=[1, 1.25, 1, 1.25])
    pairs = zip(grid[:, ::2].ravel(), grid[:, 1::2].ravel(), strict=True)
    for number, (left, right) in enumerate(pairs):
        bare(left)
        if number >= len(rows):
            right.set_visible(False)
            continue
        picture(left, run, rows.inputs[number], shape)
        left.set_title(f"true {short(run.classes[truth[number]])}", fontsize=8)
        _bars(right, run, chances[number], int(truth[number]))
    for ax in (grid[-1, 1], grid[(len(rows) - 1) // 2 if len(rows) % 2 == 0 else -2, 3]):
        ax.set_xlabel(f"probability ({PART_NAMES[rows.part]} rows)", fontsize=8)
    return figure


def _judged(run: View) -> Rows:
    rows = run.judged
    assert rows is not None  # `_unsuited` asked
    return rows


def probabilities(outputs: Array) -> FloatArray:
    """A column for each class; a single output is the probability of the second."""
    found = np.nan_to_num(outputs.astype(float))
    return np.hstack([1 - found, found]) if found.shape[1] == 1 else found


def picture(ax: "Axes", run: View, row: Array, shape: Shape, extent: Extent | None = None) -> None:
    """One row of the data as a picture, in colours where it has 3 or 4 channels, else grey.

    extent: left, right, bottom and top in `ax`, if not all of it.
    """
    image = row.astype(float).reshape(shape)
    low, high = run.data["input_range"] or (image.min(), image.max())
    image = np.clip((image - low) / ((high - low) or 1.0), 0, 1)
    if image.ndim == 3 and image.shape[2] not in (3, 4):
        image = image.mean(axis=2)
    ax.imshow(image, cmap="gray" if look().dark else "gray_r", vmin=0, vmax=1, extent=extent)


def _bars(ax: "Axes", run: View, chances: FloatArray, truth: int) -> None:
    """A bar for each class, or for the likeliest of many; the right one is blue."""
    order = np.arange(len(chances))
    if len(order) > MOST_BARS:
        order = np.argsort(-chances, kind="stable")[:MOST_BARS]
    colours = [look().blue if number == truth else look().orange for number in order]
    places = np.arange(len(order))
    hatches = ["" if number == truth else "////" for number in order]
    paper = look().paper
    ax.barh(places, chances[order], color=colours, hatch=hatches, edgecolor=paper, linewidth=0)
    names = distinct(run.classes, 12)
    ax.set_yticks(places, [names[number] for number in order], fontsize=7)
    ax.invert_yaxis()
    ax.set_xlim(0, 1)
    ax.set_xticks([0, 0.5, 1], ["0", "0.5", "1"], fontsize=7)
    ax.tick_params(length=0)
    ax.grid(visible=False, axis="y")
    for place, number in enumerate(order.tolist()):
        _value(ax, place, float(chances[number]), look().blue if number == truth else look().orange)


def _value(ax: "Axes", place: int, value: float, colour: str) -> None:
    """The number at the end of its bar; inside a long one, on the bar's colour."""
    if value < 0.005:
        return
    inside = value > 0.8
    ax.text(
        value - 0.02 if inside else value + 0.02,
        place,
        f"{value:.2f}",
        va="center",
        ha="right" if inside else "left",
        fontsize=6.5,
        color=text_on(colour) if inside else look().ink,
        bbox={"pad": 0.6, "linewidth": 0, "facecolor": colour if inside else "none"},
    )


def wrong(run: View, rows: Rows) -> IntArray:
    """The rows that got another class than theirs, the largest loss first."""
    found = np.flatnonzero(run.labels(rows) != run.guesses(rows))
    if not found.size:
        return found
    _, once = np.unique(rows.numbers[found], return_index=True)
    found = found[np.sort(once)]
    losses = np.nan_to_num(run.losses(rows.take(found)), nan=np.inf)
    worst: IntArray = found[np.argsort(-losses, kind="stable")]
    return worst


def unsuited_mistakes(run: View) -> str | None:
    """There must be some."""
    if (reason := _unsuited(run)) is not None:
        return reason
    return None if wrong(run, _judged(run)).size else "no kept row got a wrong class"


def draw_mistakes(run: View) -> "Figure":
    """The images with the largest loss, each with its class and the one it was given."""
    rows = _judged(run)
    rows = rows.take(wrong(run, rows)[:MISTAKES])
    chances, truth, found = probabilities(rows.outputs), run.labels(rows), run.guesses(rows)
    shape = tuple(run.data["image_shape"])
    across = min(len(rows), 4)
    lines = -(-len(rows) // across)
    figure = style.canvas(max(style.PANEL[0], 1.75 * across), 1.85 * lines)
    style.head(figure, *run.title)
    axes = figure.subplots(lines, across, squeeze=False).ravel()
    for number, ax in enumerate(axes):
        bare(ax)
        if number < len(rows):
            picture(ax, run, rows.inputs[number], shape)
            chance = chances[number, found[number]]
            told = f"said {short(run.classes[found[number]], 13)} ({chance:.2f})"
            ax.set_title(f"{told}\ntrue {short(run.classes[truth[number]], 13)}", fontsize=8)
    return figure


SAMPLE_IMAGES = Plot(
    "Images with class probabilities",
    "Some images, and how likely the network finds each class; the bar of the true one is plain.",
    _unsuited,
    draw_samples,
)
WORST = Plot(
    "The worst mistakes",
    "The wrongly classed images with the largest loss: what the network took them for, how surely, "
    "and what they are.",
    unsuited_mistakes,
    draw_mistakes,
)
