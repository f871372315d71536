"""Which class is taken for which: the confusion matrix."""

from typing import TYPE_CHECKING

import numpy as np

from nnlab.core.types import FloatArray
from nnlab.errors import RunUnreadable
from nnlab.run.text import shown
from nnlab.show.figures import style
from nnlab.show.figures.axes import distinct
from nnlab.show.figures.heat import fill_of
from nnlab.show.figures.palette import text_on
from nnlab.show.figures.plot import Plot
from nnlab.show.figures.view import PART_NAMES, View

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

WRITTEN = 20  # classes: the counts and the names of more are not written


def _without_counts(run: View) -> str | None:
    if not run.summary:
        return "the run has not come to its end"
    return None if run.summary.get("confusion") else "it is for classes"


def draw_confusion(run: View) -> "Figure":
    """Counts of true class (row) and predicted class (column), coloured by the share of the row."""
    matrix, names = confusion_counts(run), run.classes
    size = len(matrix)
    cell = 0.42 if size <= WRITTEN else max(0.05, 6.0 / size)
    wide, high = max(style.PANEL[0], cell * size + 1.5), max(2.6, cell * size + 1.2)
    figure = style.canvas(wide, high, *run.title)
    ax = figure.subplots()
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    image = ax.imshow(share, cmap=style.sequential(), vmin=0, vmax=1)
    ax.grid(visible=False)
    ax.tick_params(length=0)
    ax.set_xlabel("predicted class")
    ax.set_ylabel("true class")
    right = np.trace(matrix) / max(matrix.sum(), 1)
    part = PART_NAMES.get(str(run.summary.get("part")), "")
    ax.set_title(f"{np.trace(matrix):,.0f} of {matrix.sum():,.0f} {part} rows right, {right:.1%}")
    if size <= WRITTEN:
        _write_counts(ax, image, matrix, share, distinct(names, 12))
    return figure


def _write_counts(
    ax: "Axes", image: "AxesImage", matrix: FloatArray, share: FloatArray, names: list[str]
) -> None:
    """The counts in their cells, and the names of the classes at both axes."""
    ax.set_yticks(range(len(names)), names)
    slanted = max(map(len, names)) > 3
    rotation, align = (40, "right") if slanted else (0, "center")
    ax.set_xticks(range(len(names)), names, rotation=rotation, ha=align)
    for (row, column), count in np.ndenumerate(matrix):
        if count:
            text, color = f"{count:.0f}", text_on(fill_of(image, share[row, column]))
            size = 7.5 if len(text) < 4 else 6.5 if len(text) < 5 else 5.5
            ax.text(column, row, text, ha="center", va="center", fontsize=size, color=color)


def confusion_counts(run: View) -> FloatArray:
    """The matrix (C, C) of summary.json."""
    try:
        matrix = np.array(run.summary["confusion"], np.float64)
    except (TypeError, ValueError):
        matrix = np.zeros(0)
    size = len(run.classes)
    if matrix.shape != (size, size) or not np.isfinite(matrix).all():
        raise RunUnreadable(
            f"Cannot read {shown(run.folder.path / 'summary.json')}: 'confusion' is no table of "
            f"{size} x {size} counts."
        )
    return matrix


def _details(run: View) -> str:
    matrix = confusion_counts(run)
    return f"{np.trace(matrix):,.0f} of {matrix.sum():,.0f} rows lie on the diagonal"


FIGURES = {
    "confusion": Plot(
        "Confusion matrix",
        "How often each class was taken for each; right answers lie on the diagonal.",
        _without_counts,
        draw_confusion,
        _details,
        early=True,
    )
}
