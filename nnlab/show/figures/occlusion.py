"""Which parts of an image a network needs: what covering a patch of it changes."""

from dataclasses import dataclass
from itertools import product

import numpy as np

from nnlab.core.types import Array, FloatArray
from nnlab.engine import blas
from nnlab.run.rows import SavedRows
from nnlab.show.figures import style
from nnlab.show.figures.axes import bare, color_bar, mark_negative, short_label
from nnlab.show.figures.images import draw_image, no_images, probabilities
from nnlab.show.figures.mpl import Figure
from nnlab.show.figures.plot import Plot
from nnlab.show.figures.probe import rows_within_limit, rows_words, too_expensive
from nnlab.show.figures.view import View

IMAGES = 5  # drawn one by one
MOST_ROWS = 64  # in the mean
PATCH = 4  # patches of this part of a side
PLACES = 9  # of a patch, at most, along a side
SIDE = 1.55  # inches of an image


@dataclass(frozen=True, eq=False)
class Occlusion:
    """The drop of the true class's probability with a patch covered, per pixel (N, h, w).

    A pixel has the mean over all patches that cover it. patch: its height and width.
    """

    rows: SavedRows
    drops: FloatArray
    patch: tuple[int, int]


def _no_occlusion(run: View) -> str | None:
    if (reason := no_images(run)) is not None:
        return reason
    return None if _rows(run) else too_expensive(len(patches(run.data.image_shape or ())))


def _rows(run: View) -> SavedRows | None:
    passes = len(patches(run.data.image_shape or ()))
    return rows_within_limit(run, run.judged, passes, MOST_ROWS, fewest=IMAGES)


def patches(shape: tuple[int, ...]) -> list[tuple[slice, slice]]:
    """The patches of an image (h, w) or (h, w, c): a quarter of each side, evenly spaced."""
    sides = []
    for side in shape[:2]:
        size = max(1, side // PATCH)
        starts = np.linspace(0, side - size, min(PLACES, side - size + 1)).round().astype(int)
        sides.append([slice(int(start), int(start) + size) for start in starts])
    return list(product(*sides))


def occlusion(run: View) -> Occlusion:
    """p - p_covered of the true class, where a patch becomes that of the mean training image.

    Zeiler and Fergus, Visualizing and understanding convolutional networks (2014), section 4.2.
    """
    rows, shape = _rows(run) or run.judged, run.data.image_shape or ()
    mean = run.rows.get("train", rows).inputs.mean(axis=0).reshape(shape)
    images = rows.inputs.reshape(len(rows), *shape).astype(np.float64)  # (N, h, w) or (N, h, w, c)
    truth, everything = run.labels(rows), np.arange(len(rows))

    def chance(images: Array) -> FloatArray:
        outputs = run.outputs(images.reshape(len(images), -1))
        return probabilities(outputs)[everything, truth]

    drops, times = np.zeros((len(rows), *shape[:2])), np.zeros(shape[:2])
    with blas.one_thread():
        whole = chance(images)
        for high, wide in patches(shape):
            covered = images.copy()
            covered[:, high, wide] = mean[high, wide]
            drops[:, high, wide] += (whole - chance(covered))[:, None, None]
            times[high, wide] += 1
    high, wide = patches(shape)[0]
    return Occlusion(rows, drops / times, (high.stop, wide.stop))


def draw_occlusion(run: View) -> Figure:
    """Some images over their drops; at the end the mean over more images."""
    found, shape = run.once(occlusion), run.data.image_shape or ()
    chosen = example_rows(run, found.rows)
    count = len(chosen) + 1
    figure = style.canvas(SIDE * count + 0.8, 2 * SIDE + 0.6, *run.title, _explain(run, found))
    grid = figure.subplots(2, count, squeeze=False)
    mean = found.drops.mean(axis=0)
    bound = float(np.abs(found.drops[chosen]).max()) or 1.0
    colors = {"cmap": style.diverging(), "vmin": -bound, "vmax": bound}
    truth, cell = run.labels(found.rows), SIDE / shape[1]
    for (above, below), row in zip(grid.T, chosen, strict=False):
        draw_image(above, run, found.rows.inputs[row], shape)
        above.set_title(f"true {short_label(run.classes[truth[row]], 13)}", fontsize=8)
        picture = below.imshow(found.drops[row], **colors)
        mark_negative(below, found.drops[row], bound, cell)
    draw_image(grid[0, -1], run, found.rows.inputs.astype(np.float64).mean(axis=0), shape)
    grid[0, -1].set_title(f"mean of {len(found.rows)}", fontsize=8)
    largest = float(np.abs(mean).max()) or 1.0
    scaled = {"cmap": style.diverging(), "vmin": -largest, "vmax": largest}
    average = grid[1, -1].imshow(mean, **scaled)
    mark_negative(grid[1, -1], mean, largest, cell)
    for ax in grid.ravel():
        bare(ax)
    color_bar(picture, grid[1, -2], label="drop")
    color_bar(average, grid[1, -1], label="mean drop")
    return figure


def example_rows(run: View, rows: SavedRows) -> list[int]:
    """The first row of each of the first classes, by class."""
    _, first = np.unique(run.labels(rows), return_index=True)
    return [int(row) for row in first[:IMAGES]]


def _explain(run: View, found: Occlusion) -> str:
    (high, wide), words = found.patch, rows_words(run, found.rows)
    return (
        f"A patch of {high} x {wide} pixels is replaced by that of the mean training image; below "
        "each image the drop of its true class's probability, as a mean over the patches that "
        f"cover a pixel. Blue parts are needed, orange ones (with strokes) mislead. Mean: {words}."
    )


def _details(run: View) -> str:
    mean = run.once(occlusion).drops.mean(axis=0)
    row, column = np.unravel_index(int(mean.argmax()), mean.shape)
    return (
        f"on average the true class's probability drops most, by {mean.max():.3g}, where patches "
        f"cover the pixel in line {row + 1}, column {column + 1}"
    )


FIGURES = {
    "occlusion": Plot(
        "Parts of the images that matter",
        "What the probability of the true class loses when a patch of the image is covered "
        "(occlusion).",
        _no_occlusion,
        draw_occlusion,
        _details,
        on_request=True,
    )
}
