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
from nnlab.show.figures.view import View

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WRITTEN = 20  # up to so many classes the counts and the names are written
PARTS = {"train": "training", "validation": "validation", "test": "test"}


def unsuited(run: View) -> str | None:
    """The run must have counted classes."""
    if not run.summary:
        return "the run has not come to its end"
    return None if run.summary.get("confusion") else "it is for classes"


def draw(run: View) -> "Figure":
    """Counts of true class (row) and predicted class (column), coloured by the share of the row."""
    matrix, names = counts(run), run.classes
    size = len(matrix)
    cell = 0.42 if size <= WRITTEN else max(0.05, 6.0 / size)
    figure = style.canvas(max(style.PANEL[0], cell * size + 1.5), max(2.6, cell * size + 1.2))
    style.head(figure, *run.title)
    ax = figure.subplots()
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    picture = ax.imshow(share, cmap=style.sequential(), vmin=0, vmax=1)
    ax.grid(visible=False)
    ax.tick_params(length=0)
    ax.set_xlabel("predicted class")
    ax.set_ylabel("true class")
    right = np.trace(matrix) / max(matrix.sum(), 1)
    part = PARTS.get(str(run.summary.get("part")), "")
    ax.set_title(f"{np.trace(matrix):,.0f} of {matrix.sum():,.0f} {part} rows right, {right:.1%}")
    if size <= WRITTEN:
        labels = distinct(names, 12)
        ax.set_yticks(range(size), labels)
        slanted = max(map(len, labels)) > 3
        ax.set_xticks(
            range(size), labels, rotation=40 if slanted else 0, ha="right" if slanted else "center"
        )
        for (row, column), count in np.ndenumerate(matrix):
            if count:
                colour = text_on(fill_of(picture, share[row, column]))
                text = f"{count:.0f}"
                small = 7.5 if len(text) < 4 else 6.5 if len(text) < 5 else 5.5
                ax.text(column, row, text, ha="center", va="center", fontsize=small, color=colour)
    return figure


def counts(run: View) -> FloatArray:
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


def _said(run: View) -> str:
    matrix = counts(run)
    return f"{np.trace(matrix):,.0f} of {matrix.sum():,.0f} rows lie on the diagonal"


CONFUSION = Plot(
    "Confusion matrix",
    "How often each class was taken for each; right answers lie on the diagonal.",
    unsuited,
    draw,
    _said,
    early=True,
)
