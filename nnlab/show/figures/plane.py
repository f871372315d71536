"""Networks of two inputs: the points of the plane, and which class the network sees where."""

from typing import TYPE_CHECKING, Any

import numpy as np

from nnlab.core.types import Array, FloatArray, IntArray
from nnlab.show.figures import style
from nnlab.show.figures.axes import distinct, legend, short
from nnlab.show.figures.palette import MARKERS, mixed
from nnlab.show.figures.plot import Plot
from nnlab.show.figures.style import look
from nnlab.show.figures.view import Rows, View, after

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

FINE = 201  # grid lines each way
ROUGH = 101
MOMENTS = 5
MOST_CLASSES = 7
ALIKE = 2.5  # two inputs that differ by less in their range are drawn on one scale
AROUND = 0.1  # of the range, on each side
SHADE = 0.38  # the opacity of a class on the plane


def _unsuited(run: View) -> str | None:
    """Two inputs and classes."""
    if run.data["inputs"] != [2]:
        return "it is for two inputs"
    if not run.classes:
        return "it is for classes"
    if len(run.classes) > MOST_CLASSES:
        return f"it is for up to {MOST_CLASSES} classes"
    return None if run.parts else "no rows were kept"


def _rows(run: View) -> Rows:
    """The rows to draw: those of training."""
    return run.parts.get("train") or next(iter(run.parts.values()))


def draw_scatter(run: View) -> "Figure":
    """Truth and prediction beside each other."""
    rows = run.judged or _rows(run)
    truth, found = run.labels(rows), run.guesses(rows)
    figure, axes = style.panels(2, width=0.82, height=1.15)
    style.head(figure, *run.title)
    right = int((truth == found).sum())
    share = f"prediction, {right:,} of {len(rows):,} right"
    for ax, labels, title in zip(axes, (truth, found), ("ground truth", share), strict=True):
        _points(ax, run, rows, labels)
        _frame(ax, run, box(rows.inputs))
        ax.set_title(title)
    wrong = rows.inputs[truth != found]
    axes[1].plot(
        *wrong.T,
        linestyle="",
        marker="o",
        markersize=9,
        markerfacecolor="none",
        markeredgecolor=look().red,
        label="wrong" if len(wrong) else None,
    )
    legend(figure, axes[1])
    return figure


def draw_boundary(run: View) -> "Figure":
    """Where the network sees which class; the line is where it is undecided."""
    rows = _rows(run)
    figure, (ax,) = style.panels(1, width=1.15, height=1.15)
    style.head(figure, *run.title)
    picture = _field(ax, run, box(rows.inputs), run.network.values, FINE)
    _points(ax, run, rows, run.labels(rows))
    _frame(ax, run, box(rows.inputs))
    if picture is not None:
        bar = figure.colorbar(picture, ax=ax, pad=0.02, ticks=[0, 0.5, 1])
        bar.set_label(f"output: probability of class {distinct(run.classes)[-1]}")
        bar.outline.set_edgecolor(look().faint)
    legend(figure, ax, _key(picture is None))
    return figure


def _key(classes: bool) -> str:
    """What points, shading and line mean."""
    shading = "the predicted class" if classes else "the output"
    return f"points: true class; shading: {shading}; line: undecided"


def unsuited_strip(run: View) -> str | None:
    """Parameters must have been kept on the way."""
    if (reason := _unsuited(run)) is not None:
        return reason
    if run.network.buffers.size:
        return "the network keeps more than parameters (running statistics), of the end alone"
    return None if len(run.snapshots[0]) > 2 else "no parameters were kept along the way"


def chosen(epochs: IntArray, moments: int = MOMENTS) -> IntArray:
    """Which snapshots to draw: the first, the last, and log-spaced ones between them."""
    wanted = np.geomspace(1, max(int(epochs[-1]), 1), moments - 1)
    near = [int(np.abs(np.log(np.maximum(epochs, 0.5) / one)).argmin()) for one in wanted]
    found: IntArray = np.unique([0, *near, len(epochs) - 1])
    return found


def draw_strip(run: View) -> "Figure":
    """The same field at several epochs, from the first to the last."""
    epochs, values = run.snapshots
    which, rows = chosen(epochs), _rows(run)
    figure, axes = style.panels(len(which), width=0.42, height=0.78)
    style.head(figure, *run.title)
    for number, (ax, moment) in enumerate(zip(axes, which, strict=True)):
        picture = _field(ax, run, box(rows.inputs), values[moment], ROUGH)
        _points(ax, run, rows, run.labels(rows), 2.6)
        _frame(ax, run, box(rows.inputs))
        ax.set_title(after(int(epochs[moment])), fontsize=8)
        ax.locator_params(nbins=3)
        if number:
            ax.set_ylabel("")
            ax.set_yticklabels([])
    legend(figure, axes[0], _key(picture is None))
    return figure


def box(inputs: Array) -> tuple[float, float, float, float]:
    """A little more than rows (N, 2) take up: left, right, bottom, top.

    Both sides are equally long where they are of one size, so that a circle is a circle.
    """
    low, high = inputs.min(axis=0).astype(float), inputs.max(axis=0).astype(float)
    spans = np.where(high > low, high - low, 1.0)
    if spans.max() <= ALIKE * spans.min():
        spans = np.full(2, spans.max())
    middle, reach = (low + high) / 2, spans * (0.5 + AROUND)
    (left, bottom), (right, top) = middle - reach, middle + reach
    return left, right, bottom, top


def _field(
    ax: "Axes", run: View, box: tuple[float, float, float, float], values: Array, fine: int
) -> "AxesImage | None":
    """Colours for what the network answers on a grid, and lines between the classes.

    The picture of a single output, whose colours need a scale; else None.
    """
    xs, ys = np.linspace(*box[:2], fine), np.linspace(*box[2:], fine)
    across, up = np.meshgrid(xs, ys)
    outputs = run.predict(np.column_stack([across.ravel(), up.ravel()]), values)
    outputs = np.nan_to_num(outputs.astype(float))
    if outputs.shape[1] <= 2:
        share = outputs[:, -1].reshape(fine, fine)
        rest = 0.5 if outputs.shape[1] == 1 else outputs[:, 0].reshape(fine, fine)
        first, second = (mixed(look().paper, colour, SHADE) for colour in look().classes[:2])
        colours = style.blend(first, look().paper, second)
        picture = ax.imshow(share, cmap=colours, vmin=0, vmax=1, **_place(box))
        _undecided(ax, xs, ys, share - rest)
        return picture
    grid = outputs.reshape(fine, fine, -1)
    best = grid.argmax(axis=2)
    shades = [mixed(look().paper, one, SHADE) for one in look().classes[: outputs.shape[1]]]
    faint = style.blend(*shades)
    ax.imshow(best, cmap=faint, vmin=0, vmax=outputs.shape[1] - 1, **_place(box))
    for number in range(outputs.shape[1]):
        others = np.delete(grid, number, axis=2).max(axis=2)
        _undecided(ax, xs, ys, grid[..., number] - others)
    return None


def _place(box: tuple[float, float, float, float]) -> dict[str, Any]:
    return {"extent": box, "origin": "lower", "aspect": "auto", "interpolation": "nearest"}


def _undecided(ax: "Axes", xs: FloatArray, ys: FloatArray, difference: FloatArray) -> None:
    if difference.min() < 0 < difference.max():
        ax.contour(xs, ys, difference, levels=[0.0], colors=look().ink, linewidths=1.2)


def _points(ax: "Axes", run: View, rows: Rows, labels: IntArray, size: float = 6.0) -> None:
    names = distinct(run.classes, 16)
    for number, (name, colour) in enumerate(zip(names, look().classes, strict=False)):
        mine = rows.inputs[labels == number]
        ax.plot(
            *mine.T,
            linestyle="",
            marker=MARKERS[number],
            markersize=size if len(rows) < 500 else size / 2,
            color=colour,
            markeredgecolor=look().paper if size > 3 else "none",
            markeredgewidth=0.8,
            label=f"class {name}",
        )


def _frame(ax: "Axes", run: View, box: tuple[float, float, float, float]) -> None:
    names = run.data["feature_names"]
    across, up = names if len(names) == 2 else ("x", "y")
    ax.set_xlim(*box[:2])
    ax.set_ylim(*box[2:])
    ax.set_box_aspect(1)
    ax.grid(visible=False)
    ax.set_xlabel(short(across, 30))
    ax.set_ylabel(short(up, 30))


SCATTER = Plot(
    "Truth and prediction",
    "The points coloured by their class, and by the class that the network gives them.",
    _unsuited,
    draw_scatter,
)
BOUNDARY = Plot(
    "Decision boundary",
    "Which class the network sees where, with the training points; the line is where it is "
    "undecided.",
    _unsuited,
    draw_boundary,
)
STRIP = Plot(
    "Decision boundary over the epochs",
    "How the boundary came about, from before training to the last epoch.",
    unsuited_strip,
    draw_strip,
)
