"""Networks of two inputs: the points of the plane, and the predicted class of each place."""

from typing import Any

import numpy as np

from nnlab.core.types import Array, FloatArray, IntArray
from nnlab.run.rows import SavedRows
from nnlab.show.figures import style
from nnlab.show.figures.axes import color_bar, distinct, dots, legend_below, short_label
from nnlab.show.figures.mpl import Axes, AxesImage, Figure
from nnlab.show.figures.palette import MARKERS, mixed
from nnlab.show.figures.plot import Plot
from nnlab.show.figures.style import look
from nnlab.show.figures.view import View
from nnlab.show.words import after

FINE = 201  # grid lines each way
ROUGH = 101
MOMENTS = 5
MOST_CLASSES = 7
ALIKE = 2.5  # two inputs whose ranges differ by less than this factor are drawn on one scale
AROUND = 0.1  # of the range, on each side
SHADE = 0.38  # the opacity of a class on the plane
Box = tuple[float, float, float, float]


def _no_plane(run: View) -> str | None:
    if run.data.inputs != (2,):
        return "it is for two inputs"
    if not run.classes:
        return "it is for classes"
    if len(run.classes) > MOST_CLASSES:
        return f"it is for up to {MOST_CLASSES} classes"
    return None if run.rows else "no rows are saved"


def _training_rows(run: View) -> SavedRows:
    return run.rows.get("train") or next(iter(run.rows.values()))


def draw_scatter(run: View) -> Figure:
    """Truth and prediction beside each other."""
    rows = run.judged
    truth, guesses = run.labels(rows), run.guesses(rows)
    figure, axes = style.panels(2, *run.title, width=0.82, height=1.15)
    share = f"prediction, {int((truth == guesses).sum()):,} of {len(rows):,} right"
    for ax, labels, title in zip(axes, (truth, guesses), ("ground truth", share), strict=True):
        _draw_points(ax, run, rows, labels)
        ax.set_title(title)
    wrong = rows.inputs[truth != guesses]
    ring = {"marker": "o", "markersize": 9, "markerfacecolor": "none"}
    label = "wrong" if len(wrong) else None
    dots(axes[1], *wrong.T, markeredgecolor=look().red, label=label, **ring)
    legend_below(figure, axes[1:])
    return figure


def draw_boundary(run: View) -> Figure:
    """The predicted class of each place; the line is where the network is undecided."""
    rows = _training_rows(run)
    figure, (ax,) = style.panels(1, *run.title, width=1.15, height=1.15)
    image = _draw_field(ax, run, box(rows.inputs), run.latest_network.values, FINE)
    _draw_points(ax, run, rows, run.labels(rows))
    if image is not None:
        label = f"output: probability of class {distinct(run.classes)[-1]}"
        color_bar(image, ax, ticks=[0, 0.5, 1], label=label)
    legend_below(figure, [ax], _meaning(image is None))
    return figure


def _no_snapshots(run: View) -> str | None:
    if (reason := _no_plane(run)) is not None:
        return reason
    if run.latest_network.buffers.size:
        return "the network keeps more than parameters (running statistics), of the end alone"
    return None if len(run.snapshots[0]) > 2 else "no parameters are saved along the way"


def chosen_moments(epochs: IntArray, moments: int = MOMENTS) -> IntArray:
    """The snapshots to draw: the first, the last, and log-spaced ones between them."""
    wanted = np.geomspace(1, max(int(epochs[-1]), 1), moments - 1)
    near = [int(np.abs(np.log(np.maximum(epochs, 0.5) / epoch)).argmin()) for epoch in wanted]
    moments_drawn: IntArray = np.unique([0, *near, len(epochs) - 1])
    return moments_drawn


def draw_boundary_epochs(run: View) -> Figure:
    """The same field at several epochs, from the first to the last."""
    epochs, values = run.snapshots
    which, rows = chosen_moments(epochs), _training_rows(run)
    figure, axes = style.panels(len(which), *run.title, width=0.42, height=0.78)
    for number, (ax, moment) in enumerate(zip(axes, which, strict=True)):
        image = _draw_field(ax, run, box(rows.inputs), values[moment], ROUGH)
        _draw_points(ax, run, rows, run.labels(rows), 2.6)
        ax.set_title(after(int(epochs[moment])), fontsize=8)
        ax.locator_params(nbins=3)
        if number:
            ax.set_ylabel("")
            ax.set_yticklabels([])
    legend_below(figure, axes[:1], _meaning(image is None))
    return figure


def box(inputs: Array) -> Box:
    """Left, right, bottom and top of an area a little larger than the rows (N, 2).

    Both sides are equally long if the inputs have similar ranges, so that a circle is a circle.
    """
    low, high = inputs.min(axis=0).astype(float), inputs.max(axis=0).astype(float)
    spans = np.where(high > low, high - low, 1.0)
    if spans.max() <= ALIKE * spans.min():
        spans = np.full(2, spans.max())
    middle, reach = (low + high) / 2, spans * (0.5 + AROUND)
    (left, bottom), (right, top) = middle - reach, middle + reach
    return left, right, bottom, top


def _meaning(classes: bool) -> str:
    """What points, shading and line mean."""
    shading = "the predicted class" if classes else "the output"
    return f"points: true class; shading: {shading}; line: undecided"


def _draw_field(ax: Axes, run: View, area: Box, values: Array, fine: int) -> AxesImage | None:
    """Colours for the outputs on a grid, and lines between the classes.

    Returns the image of a single output, whose colours need a scale; else None.
    """
    xs, ys = np.linspace(*area[:2], fine), np.linspace(*area[2:], fine)
    across, up = np.meshgrid(xs, ys)
    outputs = run.outputs(np.column_stack([across.ravel(), up.ravel()]), values)
    grid = np.nan_to_num(outputs.astype(float)).reshape(fine, fine, -1)
    count = grid.shape[2]
    place: dict[str, Any] = {"extent": area, "origin": "lower", "aspect": "auto"}
    shades = [mixed(look().paper, color, SHADE) for color in look().classes[: max(count, 2)]]
    if count <= 2:
        share, rest = grid[..., -1], 0.5 if count == 1 else grid[..., 0]
        colors = style.blend(shades[0], look().paper, shades[1])
        image = ax.imshow(share, cmap=colors, vmin=0, vmax=1, **place)
        _draw_undecided(ax, xs, ys, share - rest)
        return image
    ax.imshow(grid.argmax(axis=2), cmap=style.blend(*shades), vmin=0, vmax=count - 1, **place)
    for number in range(count):
        rivals = np.delete(grid, number, axis=2).max(axis=2)
        _draw_undecided(ax, xs, ys, grid[..., number] - rivals)
    return None


def _draw_undecided(ax: Axes, xs: FloatArray, ys: FloatArray, difference: FloatArray) -> None:
    if difference.min() < 0 < difference.max():
        ax.contour(xs, ys, difference, levels=[0.0], colors=look().ink, linewidths=1.2)


def _draw_points(ax: Axes, run: View, rows: SavedRows, labels: IntArray, size: float = 6.0) -> None:
    """The rows as marks of their class, and the axes around them."""
    names = distinct(run.classes, 16)
    for number, (name, color) in enumerate(zip(names, look().classes, strict=False)):
        dots(
            ax,
            *rows.inputs[labels == number].T,
            marker=MARKERS[number],
            markersize=size if len(rows) < 500 else size / 2,
            color=color,
            markeredgecolor=look().paper if size > 3 else "none",
            markeredgewidth=0.8,
            label=f"class {name}",
        )
    features = run.data.feature_names if len(run.data.feature_names) == 2 else ("x", "y")
    across, up = (short_label(name, 30) for name in features)
    left, right, bottom, top = box(rows.inputs)
    ax.set(xlim=(left, right), ylim=(bottom, top), xlabel=across, ylabel=up)
    ax.set_box_aspect(1)
    ax.grid(visible=False)


FIGURES = {
    "scatter": Plot(
        "Truth and prediction",
        "The points coloured by their class, and by the predicted class.",
        _no_plane,
        draw_scatter,
    ),
    "boundary": Plot(
        "Decision boundary",
        "The predicted class of each place, with the training points; the line is where the "
        "network is undecided.",
        _no_plane,
        draw_boundary,
    ),
    "boundary_epochs": Plot(
        "Decision boundary over the epochs",
        "How the boundary moved, from before training to the last epoch.",
        _no_snapshots,
        draw_boundary_epochs,
    ),
}
