"""Networks of two inputs: the points of the plane, and which class the network sees where."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nnlab.core.types import Array, FloatArray, IntArray
from nnlab.plots import style
from nnlab.plots.axes import distinct, legend, short
from nnlab.plots.plot import Plot
from nnlab.plots.style import MARKERS, look
from nnlab.plots.view import Rows, View, after

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FINE = 201  # grid lines each way
ROUGH = 101
MOMENTS = 5
MOST_CLASSES = 7


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
    figure, axes = style.panels(2, width=0.82, height=1.08)
    style.head(figure, *run.title)
    right = int((truth == found).sum())
    share = f"prediction, {right:,} of {len(rows):,} right"
    for ax, labels, title in zip(axes, (truth, found), ("ground truth", share), strict=True):
        _points(ax, run, rows, labels)
        _frame(ax, run, _box(rows))
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
    figure, (ax,) = style.panels(1, width=1.15, height=1.25)
    style.head(figure, *run.title)
    _field(ax, run, _box(rows), run.network.values, FINE)
    _points(ax, run, rows, run.labels(rows))
    _frame(ax, run, _box(rows))
    legend(figure, ax)
    return figure


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
    figure, axes = style.panels(len(which), width=0.42, height=0.72)
    style.head(figure, *run.title)
    for number, (ax, moment) in enumerate(zip(axes, which, strict=True)):
        _field(ax, run, _box(rows), values[moment], ROUGH)
        _points(ax, run, rows, run.labels(rows), 2.6)
        _frame(ax, run, _box(rows))
        ax.set_title(after(int(epochs[moment])), fontsize=8)
        names = ax.get_xlabel(), ax.get_ylabel()
        ax.set_xlabel("")
        ax.set_ylabel("")
        ax.locator_params(nbins=3)
        if number:
            ax.set_yticklabels([])
    figure.supxlabel(names[0], fontsize=9)
    figure.supylabel(names[1], fontsize=9)
    return figure


def _box(rows: Rows) -> tuple[float, float, float, float]:
    """A little more than the rows take up: left, right, bottom, top."""
    low, high = rows.inputs.min(axis=0).astype(float), rows.inputs.max(axis=0).astype(float)
    room = np.where(high > low, 0.1 * (high - low), 0.5)
    return (low[0] - room[0], high[0] + room[0], low[1] - room[1], high[1] + room[1])


def _field(
    ax: "Axes", run: View, box: tuple[float, float, float, float], values: Array, fine: int
) -> None:
    """Colours for what the network answers on a grid, and lines between the classes."""
    xs, ys = np.linspace(*box[:2], fine), np.linspace(*box[2:], fine)
    across, up = np.meshgrid(xs, ys)
    outputs = run.predict(np.column_stack([across.ravel(), up.ravel()]), values)
    outputs = np.nan_to_num(outputs.astype(float))
    if outputs.shape[1] <= 2:
        share = outputs[:, -1].reshape(fine, fine)
        rest = 0.5 if outputs.shape[1] == 1 else outputs[:, 0].reshape(fine, fine)
        colours = style.blend(look().blue, look().paper, look().orange)
        ax.imshow(share, cmap=colours, vmin=-0.6, vmax=1.6, **_place(box))
        _undecided(ax, xs, ys, share - rest)
        return
    grid = outputs.reshape(fine, fine, -1)
    best = grid.argmax(axis=2)
    faint = style.blend(*(_faint(colour) for colour in _colours(outputs.shape[1])))
    ax.imshow(best, cmap=faint, vmin=0, vmax=outputs.shape[1] - 1, **_place(box))
    for number in range(outputs.shape[1]):
        others = np.delete(grid, number, axis=2).max(axis=2)
        _undecided(ax, xs, ys, grid[..., number] - others)


def _place(box: tuple[float, float, float, float]) -> dict[str, Any]:
    return {"extent": box, "origin": "lower", "aspect": "auto", "interpolation": "nearest"}


def _undecided(ax: "Axes", xs: FloatArray, ys: FloatArray, difference: FloatArray) -> None:
    if difference.min() < 0 < difference.max():
        ax.contour(xs, ys, difference, levels=[0.0], colors=look().ink, linewidths=1.2)


def _colours(count: int) -> Sequence[str]:
    order = (
        look().blue,
        look().orange,
        look().ink,
        look().green,
        look().pink,
        look().sky,
        look().red,
    )
    return order[:count]


def _faint(colour: str) -> str:
    from matplotlib.colors import to_hex

    return to_hex(style.blend(look().paper, colour)(0.35))


def _points(ax: "Axes", run: View, rows: Rows, labels: IntArray, size: float = 6.0) -> None:
    names = distinct(run.classes, 16)
    for number, (name, colour) in enumerate(zip(names, _colours(len(names)), strict=True)):
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
