"""Images: with class probabilities, the worst mistakes, and the first layer's weights as images."""

from collections.abc import Sequence
from contextlib import suppress
from math import sqrt

import numpy as np

from nnlab.core.types import Array, FloatArray, IntArray, Shape
from nnlab.errors import NnlabError
from nnlab.run.folder import Weights, weights_file
from nnlab.run.rows import SavedRows
from nnlab.show.figures import style
from nnlab.show.figures.axes import bare, color_bar, distinct, mark_negative, short_label
from nnlab.show.figures.mpl import Axes, Figure
from nnlab.show.figures.palette import text_on
from nnlab.show.figures.plot import Plot
from nnlab.show.figures.style import look
from nnlab.show.figures.view import PART_NAMES, View

SAMPLES = 6
MISTAKES = 12
MOST_BARS = 12
MOST_FILTERS = 64
ACROSS = 10  # images of weights beside each other
BROADER = 1.3  # the width of the sheet over its height
BAR = 0.75  # inches of the colour scale
MOST_LEVEL = 0.998  # of the weights have a colour of their own; a few large ones would hide them


def no_images(run: View) -> str | None:
    """Why a run has no images with classes; None if it has."""
    if not run.classes or not run.data.image_shape:
        return "it is for classes of images"
    return unlike_images(run)


def unlike_images(run: View) -> str | None:
    """Why the saved rows of a run are no images; None if they are."""
    shape = run.data.image_shape or ()
    if len(shape) not in (2, 3) or int(np.prod(shape)) != int(np.prod(run.data.inputs)):
        return "its rows are no images"
    return None if run.rows else "no rows are saved"


def draw_samples(run: View) -> Figure:
    """Images beside a bar for each class: its probability."""
    rows = run.judged
    rows = rows.take(np.linspace(0, min(len(rows), 64) - 1, min(SAMPLES, len(rows))).astype(int))
    chances, truth = probabilities(rows.outputs), run.labels(rows)
    shape = run.data.image_shape or ()
    lines = -(-len(rows) // 2)
    bars = min(chances.shape[1], MOST_BARS)
    width, height = 2 * style.PANEL[0] * 0.9, lines * (0.155 * bars + 0.75)
    figure = style.canvas(width, height, *run.title)
    grid = figure.subplots(lines, 4, squeeze=False, width_ratios=[1, 1.25, 1, 1.25])
    pairs = zip(grid[:, ::2].ravel(), grid[:, 1::2].ravel(), strict=True)
    for number, (left, right) in enumerate(pairs):
        if number >= len(rows):
            left.set_visible(False)
            right.set_visible(False)
            continue
        bare(left)
        draw_image(left, run, rows.inputs[number], shape)
        left.set_title(f"true {short_label(run.classes[truth[number]])}", fontsize=8)
        _draw_bars(right, run, chances[number], int(truth[number]))
    for ax in (grid[-1, 1], grid[(len(rows) - 1) // 2 if len(rows) % 2 == 0 else -2, 3]):
        ax.set_xlabel(f"probability ({PART_NAMES[rows.part]} rows)", fontsize=8)
    return figure


def probabilities(outputs: Array) -> FloatArray:
    """A column for each class; a single output is the probability of the second."""
    shares = np.nan_to_num(outputs.astype(float))
    return np.hstack([1 - shares, shares]) if shares.shape[1] == 1 else shares


def draw_image(
    ax: Axes,
    run: View,
    row: Array,
    shape: Shape,
    extent: tuple[float, float, float, float] | None = None,
) -> None:
    """One row of the data as an image, in colours if it has 3 or 4 channels, else grey.

    extent: left, right, bottom and top in `ax`, if not all of it.
    """
    image = row.astype(float).reshape(shape)
    low, high = run.data.input_range or (image.min(), image.max())
    image = np.clip((image - low) / ((high - low) or 1.0), 0, 1)
    if image.ndim == 3 and image.shape[2] not in (3, 4):
        image = image.mean(axis=2)
    ax.imshow(image, cmap="gray" if look().dark else "gray_r", vmin=0, vmax=1, extent=extent)


def _draw_bars(ax: Axes, run: View, chances: FloatArray, truth: int) -> None:
    """A bar for each class, or for the likeliest of many; the right one is blue."""
    order = np.arange(len(chances))
    if len(order) > MOST_BARS:
        order = np.argsort(-chances, kind="stable")[:MOST_BARS]
    colors = [look().blue if number == truth else look().orange for number in order]
    hatches = ["" if number == truth else "////" for number in order]
    places, paper = np.arange(len(order)), look().paper
    ax.barh(places, chances[order], color=colors, hatch=hatches, edgecolor=paper, linewidth=0)
    names = distinct(run.classes, 12)
    ax.set_yticks(places, [names[number] for number in order], fontsize=7)
    ax.invert_yaxis()
    ax.set_xlim(0, 1)
    ax.set_xticks([0, 0.5, 1], ["0", "0.5", "1"], fontsize=7)
    ax.tick_params(length=0)
    ax.grid(visible=False, axis="y")
    for place, (number, color) in enumerate(zip(order.tolist(), colors, strict=True)):
        _write_value(ax, place, float(chances[number]), color)


def _write_value(ax: Axes, place: int, value: float, color: str) -> None:
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
        color=text_on(color) if inside else look().ink,
        bbox={"pad": 0.6, "linewidth": 0, "facecolor": color if inside else "none"},
    )


def wrong_rows(run: View, rows: SavedRows) -> IntArray:
    """The rows with a wrong prediction, each once, the largest loss first."""
    wrong = np.flatnonzero(run.labels(rows) != run.guesses(rows))
    if not wrong.size:
        return wrong
    _, once = np.unique(rows.numbers[wrong], return_index=True)
    wrong = wrong[np.sort(once)]
    losses = np.nan_to_num(run.losses(rows.take(wrong)), nan=np.inf)
    worst: IntArray = wrong[np.argsort(-losses, kind="stable")]
    return worst


def _no_mistakes(run: View) -> str | None:
    if (reason := no_images(run)) is not None:
        return reason
    return None if wrong_rows(run, run.judged).size else "no saved row got a wrong class"


def draw_mistakes(run: View) -> Figure:
    """The images with the largest loss, each with its class and the predicted one."""
    rows = run.judged
    rows = rows.take(wrong_rows(run, rows)[:MISTAKES])
    chances, truth, guesses = probabilities(rows.outputs), run.labels(rows), run.guesses(rows)
    shape = run.data.image_shape or ()
    across = min(len(rows), 4)
    lines = -(-len(rows) // across)
    figure = style.canvas(max(style.PANEL[0], 1.75 * across), 1.85 * lines, *run.title)
    for number, ax in enumerate(figure.subplots(lines, across, squeeze=False).ravel()):
        bare(ax)
        if number < len(rows):
            draw_image(ax, run, rows.inputs[number], shape)
            guess, true = (short_label(run.classes[c[number]], 13) for c in (guesses, truth))
            chance = chances[number, guesses[number]]
            ax.set_title(f"said {guess} ({chance:.2f})\ntrue {true}", fontsize=8)
    return figure


# The weights of the first layer: what each unit or convolution filter responds to.


def first_filters(run: View) -> tuple[str, Array] | None:
    """The name of the first layer and its weights as images (units, h, w); None without images."""
    which: Weights = "final" if run.folder.has(weights_file("final")) or run.summary else "initial"
    weights = run.weights(which)
    names = [name for name in weights if name.endswith(".weight")]
    if not names:
        return None
    name = min(names, key=_layer_number)
    images = _weight_images(name, weights[name], run.data.image_shape or ())
    return None if images is None else (name, images)


def _weight_images(name: str, values: Array, shape: Sequence[int]) -> Array | None:
    if ".conv2d." in name and values.ndim == 4 and values.size:
        high, wide, channels, units = values.shape
        return values.transpose(3, 2, 0, 1).reshape(units * channels, high, wide)
    if len(shape) == 2 and values.ndim == 2 and len(values) == int(np.prod(shape)):
        return values.T.reshape(-1, *shape)
    return None


def _layer_number(name: str) -> int:
    number = name.split(".")[0]
    return int(number) if number.isdigit() else 0


def _without_filters(run: View) -> str | None:
    return None if first_filters(run) else "the first layer does not look at images"


def draw_filters(run: View) -> Figure:
    """A mosaic of up to 64 images, all on one scale, and the scale."""
    name, images = first_filters(run) or ("", np.empty((0, 1, 1)))
    shown = images[:MOST_FILTERS].astype(float)
    high, wide = shown.shape[1:]
    sheet = tiles(shown, images_across(len(shown), high / wide))
    bound = float(np.quantile(np.abs(shown), MOST_LEVEL)) or 1.0
    room = style.PANEL[0] - BAR
    height = max(0.9, room * len(sheet) / sheet.shape[1]) + 0.5
    figure = style.canvas(style.PANEL[0], height, *run.title)
    ax = figure.subplots()
    bare(ax)
    colors = style.diverging().with_extremes(bad=look().grid)  # bad: between the images
    mosaic = ax.imshow(sheet, cmap=colors, vmin=-bound, vmax=bound)
    mark_negative(ax, sheet, bound, room / sheet.shape[1])
    many = f", the first {len(shown)} of {len(images):,}" if len(images) > len(shown) else ""
    note = f"{name.removesuffix('.weight')}, {high} x {wide} weights each{many}"
    when = ""
    with suppress(NnlabError):  # the weights alone can be drawn without it
        when = run.when if run.folder.has(weights_file("final")) else "before training"
    ax.set_title("\n".join(filter(None, (note, when))), fontsize=8)
    color_bar(mosaic, ax, label="weight", extend="both")
    return figure


def tiles(images: Array, across: int) -> Array:
    """Images (..., N, h, w) as one, `across` beside each other, with nan for the lines between."""
    *before, count, high, wide = images.shape
    lines = -(-count // across)
    sheet = np.full((*before, lines * (high + 1) + 1, across * (wide + 1) + 1), np.nan)
    for number in range(count):
        top, left = number // across * (high + 1) + 1, number % across * (wide + 1) + 1
        sheet[..., top : top + high, left : left + wide] = images[..., number, :, :]
    return sheet


def images_across(count: int, slimness: float) -> int:
    """How many images stand beside each other: about a square, the last line as full as can be.

    slimness: the height of an image over its width.
    """
    wanted = max(1, round(sqrt(BROADER * count * slimness)))
    near = range(max(1, min(wanted - 1, ACROSS)), min(wanted + 2, ACROSS, count) + 1)
    return min(near, key=lambda across: (-count % across, abs(across - wanted)), default=count)


FIGURES = {
    "samples": Plot(
        "Images with class probabilities",
        "Some images, and the probability of each class; the bar of the true one is plain.",
        no_images,
        draw_samples,
    ),
    "mistakes": Plot(
        "The worst mistakes",
        "The wrongly classed images with the largest loss: the predicted class, its probability, "
        "and the true one.",
        _no_mistakes,
        draw_mistakes,
    ),
    "filters": Plot(
        "Weights of the first layer",
        "What each unit of the first layer looks for: blue weights are positive, orange ones, "
        "with a stroke where there is room, negative.",
        _without_filters,
        draw_filters,
    ),
}
