"""An autoencoder: its inputs above its outputs, and the map of its code."""

import numpy as np

from nnlab.core.network import layer_name
from nnlab.core.types import FloatArray, Shape, size
from nnlab.run.rows import SavedRows
from nnlab.show.figures import style
from nnlab.show.figures.axes import bare
from nnlab.show.figures.hidden_maps import draw_rows, explain_marks, layer_outputs, mapped_layer
from nnlab.show.figures.images import draw_image, unlike_images
from nnlab.show.figures.mpl import Figure
from nnlab.show.figures.plot import Plot
from nnlab.show.figures.probe import principal_plane, rows_within_limit, rows_words, too_expensive
from nnlab.show.figures.view import PART_NAMES, View

ACROSS = 10  # images beside each other
CELL = 0.6  # inches of an image
MOST_ROWS = 1000  # of the map


def _learns_targets(run: View) -> str | None:
    if run.data.learn != "inputs":
        return "it is for a network that learns its inputs (data.learn)"
    return None if run.rows else "no rows are saved"


def _no_images(run: View) -> str | None:
    return _learns_targets(run) or unlike_images(run)


def draw_reconstructions(run: View) -> Figure:
    """Two pairs of lines: inputs, and the outputs below them."""
    rows, shape = run.judged, run.data.image_shape or (1, 1)
    low, high = run.data.input_range or (0.0, 1.0)
    width, height = CELL / style.PANEL[0], 1.15 * CELL * shape[0] / shape[1] / style.PANEL[1]
    figure, axes = style.panels(ACROSS, *run.title, rows=4, width=width, height=height)
    lines = [axes[start : start + ACROSS] for start in range(0, len(axes), ACROSS)]
    titles = (f"some {PART_NAMES[rows.part]} rows", "largest loss")
    for pair, title, shown in zip((lines[:2], lines[2:]), titles, shown_rows(run), strict=True):
        pair[0][0].set_title(title, loc="left", fontsize=8)
        outputs = run.answers(shown.outputs) * (high - low) + low
        for line, images, word in zip(pair, (shown.inputs, outputs), ("in", "out"), strict=True):
            line[0].set_ylabel(word, fontsize=8)
            for ax, image in zip(line, images, strict=False):
                draw_image(ax, run, image, shape)
            for number, ax in enumerate(line):
                bare(ax)
                ax.set_visible(number < len(images))
    return figure


def shown_rows(run: View) -> tuple[SavedRows, SavedRows]:
    """The first row of each class or evenly spaced rows, and those with the largest loss."""
    rows = run.judged
    worst = rows.take(np.argsort(-run.losses(rows), kind="stable")[:ACROSS])
    if rows.classes is None:
        return rows.spread(ACROSS), worst
    return rows.take(np.unique(rows.classes, return_index=True)[1][:ACROSS]), worst


def _no_code(run: View) -> str | None:
    if reason := _learns_targets(run):
        return reason
    index = mapped_layer(run)
    shape: Shape = () if index is None else run.latest_network.shapes[index + 1]
    if not 2 <= size(shape) < size(run.latest_network.inputs):
        return "no hidden layer of 2 units or more is narrower than the inputs"
    return None if _rows(run) else too_expensive(1)


def _rows(run: View) -> SavedRows | None:
    return rows_within_limit(run, run.judged, 1, MOST_ROWS)


def code_map(run: View) -> tuple[SavedRows, FloatArray, list[str]]:
    """Rows, their places (N, 2) and the names of both axes: two units, or principal components."""
    rows = _rows(run) or run.judged
    (code,) = layer_outputs(run, rows, run.latest_network.values[None])
    if code.shape[1] == 2:
        return rows, code, ["unit 1", "unit 2"]
    axes, names = principal_plane(code)
    return rows, (code - code.mean(axis=0)) @ axes.T, names


def draw_code(run: View) -> Figure:
    """A point per row, with a mark per class or a colour for its loss."""
    rows, places, names = run.once(code_map)
    layer = layer_name(run.latest_network.layers, mapped_layer(run) or 0)
    caption = f"Outputs of {layer} for {rows_words(run, rows)}, {run.when}."
    figure, (ax,) = style.panels(1, *run.title, caption, width=1.2, height=1.5)
    draw_rows(ax, run, rows, places)
    ax.set(xlabel=names[0], ylabel=names[1])
    explain_marks(figure, [ax], run)
    return figure


FIGURES = {
    "reconstructions": Plot(
        "Inputs and reconstructions",
        "Images above what the network makes of them; the second pair of lines has the largest "
        "loss.",
        _no_images,
        draw_reconstructions,
    ),
    "code": Plot(
        "The code of the autoencoder",
        "The rows as the narrowest layer sees them: two units directly, more by their principal "
        "components.",
        _no_code,
        draw_code,
    ),
}
