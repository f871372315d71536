"""What is wrong with a drawn figure: texts that overlap or are cut off or are hard to read."""

from itertools import combinations
from typing import Any

import numpy as np
from matplotlib.colors import to_hex
from matplotlib.text import Text

from nnlab.show.figures.palette import contrast

OUTSIDE = 1.0  # pixels that a text may stand out of the picture
READABLE = 4.5  # the contrast that WCAG 2 asks for


def overlaps(figure: Any) -> list[tuple[str, ...]]:
    """Texts that cover each other, and those that stand outside."""
    width, height = figure.get_size_inches() * figure.dpi
    hidden = {id(label) for ax in figure.axes for label in _out_of_view(ax)}
    boxes = []
    for text in figure.findobj(Text):
        shown = text.get_visible() and text.get_text().strip() and id(text) not in hidden
        if shown and (text.axes is None or text.axes.get_visible()):
            boxes.append((text.get_text(), text.get_window_extent()))
    wrong: list[tuple[str, ...]] = [
        (text, "is outside")
        for text, box in boxes
        if min(box.x0, box.y0, width - box.x1, height - box.y1) < -OUTSIDE
    ]
    for (one, a), (other, b) in combinations(boxes, 2):
        across, up = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
        if across > 1 and up > 1:
            wrong.append((one, other))
    return wrong


def _out_of_view(ax: Any) -> list[Text]:
    """Labels of ticks that are not drawn, because they lie beyond the axis."""
    found = []
    for axis in (ax.xaxis, ax.yaxis):
        place = axis.get_transform().transform
        low, high = sorted(place(np.array(axis.get_view_interval())))
        room = 1e-6 * (high - low)
        for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
            if not low - room <= place(np.array([tick.get_loc()]))[0] <= high + room:
                found += [tick.label1, tick.label2]
            found += [label for label in (tick.label1, tick.label2) if not label.get_visible()]
        if not axis.get_visible() or not axis.get_tick_params().get("labelbottom", True):
            found += [tick.label1 for tick in axis.get_major_ticks()]
    return found


def clipped(figure: Any) -> list[tuple[str, ...]]:
    """Markers of which the edge of their axes cuts a part off."""
    wrong: list[tuple[str, ...]] = []
    for ax in figure.axes:
        frame = ax.get_window_extent()
        for line in ax.lines:
            if line.get_marker() in ("", "None", None, "none") or not line.get_clip_on():
                continue
            places = ax.transData.transform(np.column_stack(line.get_data()).astype(float))
            inside = np.isfinite(places).all(axis=1)
            inside &= (places >= (frame.x0 - 1, frame.y0 - 1)).all(axis=1)
            inside &= (places <= (frame.x1 + 1, frame.y1 + 1)).all(axis=1)
            size = line.get_markersize() * (0.5 if line.get_marker() == "." else 1)  # points
            radius = size / 2 * figure.dpi / 72
            room = np.minimum(places - (frame.x0, frame.y0), (frame.x1, frame.y1) - places)
            if (room[inside] < radius - 1).any():
                wrong.append((str(line.get_label()), "has a marker that is cut off"))
    return wrong


def unreadable(figure: Any) -> list[tuple[str, ...]]:
    """Texts on a picture whose colour is too near to that of the cell below them."""
    wrong: list[tuple[str, ...]] = []
    for ax in figure.axes:
        for picture in ax.images[:1]:
            cells = np.asarray(picture.to_rgba(picture.get_array()))
            rows, columns = cells.shape[:2]
            if tuple(picture.get_extent()) != (-0.5, columns - 0.5, rows - 0.5, -0.5):
                continue  # its numbers do not stand in cells
            for text in ax.texts:
                column, row = (round(float(v)) for v in text.get_position())
                if text.get_transform() != ax.transData or not _is_cell(cells, row, column):
                    continue
                fill, colour = to_hex(cells[row, column]), to_hex(text.get_color())
                if contrast(fill, colour) < READABLE:
                    wrong.append((text.get_text(), f"{colour} on {fill}"))
    return wrong


def _is_cell(cells: Any, row: int, column: int) -> bool:
    return 0 <= row < cells.shape[0] and 0 <= column < cells.shape[1]
