"""Numbers as a table of coloured cells, with the values written in."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nnlab.core.types import Array
from nnlab.run.rows import SavedRows
from nnlab.show.figures import style
from nnlab.show.figures.axes import short_label
from nnlab.show.figures.palette import text_on
from nnlab.show.figures.view import View

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage


def heat(
    ax: "Axes",
    values: Array,
    form: str = "{:.2f}",
    rows: Sequence[str] = (),
    columns: Sequence[str] = (),
    size: float = 7.5,
    limits: tuple[float, float] | None = None,
) -> None:
    """Cells (N, m): darker for more, blue above and orange below zero; `form` "" writes nothing."""
    shown = np.where(np.isfinite(values), values, np.nan)
    low, high = limits or (
        float(np.nanmin(shown, initial=0)),
        float(np.nanmax(shown, initial=1e-9)),
    )
    bound = max(-low, high, 1e-9)
    colours = style.diverging() if low < 0 else style.sequential()
    bottom, top = (-bound, bound) if low < 0 else (0.0, high)
    image = ax.imshow(shown, cmap=colours, vmin=bottom, vmax=top, aspect="auto")
    ax.grid(visible=False)
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.set_yticks(range(len(rows)), list(rows))
    ax.set_xticks(range(len(columns)), list(columns))
    if form:
        write_cells(ax, image, values, form, size)


def write_cells(ax: "Axes", image: "AxesImage", values: Array, form: str, size: float) -> None:
    """The values in the cells of an image of them, in black or white, whichever can be read."""
    for (row, column), value in np.ndenumerate(values):
        finite = bool(np.isfinite(value))
        fill = fill_of(image, value) if finite else style.look().paper
        text = form.format(value + 0.0) if finite else "-"
        if text.startswith("-0") and not text.strip("-0."):
            text = text[1:]  # no minus before a zero
        ax.text(column, row, text, ha="center", va="center", fontsize=size, color=text_on(fill))


def fill_of(image: "AxesImage", value: Any) -> str:
    """The colour of a value in an image, as #rrggbb."""
    from matplotlib.colors import to_hex

    red, green, blue, _ = np.asarray(image.to_rgba(np.array(value))).tolist()
    return to_hex((red, green, blue))


def input_names(run: View, rows: SavedRows) -> list[str]:
    """The name of each row: the unit that is on, a few numbers, or the row's number."""
    if run.data["task"] == "identity":
        return [str(int(row.argmax()) + 1) for row in rows.inputs]
    if rows.inputs.shape[1] <= 3:
        return [short_label(", ".join(f"{value:.3g}" for value in row), 18) for row in rows.inputs]
    return [str(number + 1) for number in rows.numbers]
