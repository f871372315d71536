"""Tables of text and numbers, drawn in aligned columns or written as CSV."""

import csv
import io
import math
import textwrap
import unicodedata
from collections.abc import Mapping, Sequence

from nnlab.cli.terminal import printable
from nnlab.show.words import LARGE, SMALL

Cell = str | int | float | None
NOTHING = "-"  # for None, nan and inf
DIGITS = 4  # significant digits of the smallest number in a column
NARROWEST = 12  # columns of a text that is broken between words


def draw_table(
    header: Sequence[str], rows: Sequence[Sequence[Cell]], fit: int = 0, by_row: bool = False
) -> str:
    """The rows below the header: texts to the left, numbers to the right.

    fit: break the texts of the last column between words, so that lines have so many columns.
    by_row: the numbers of a row are of one kind and rounded alike; else those of a column.
    """
    if by_row:
        lines = [[str(first), *format_cells(rest)] for first, *rest in rows]
    else:
        columns = [format_cells([row[i] for row in rows]) for i in range(len(header))]
        lines = [list(line) for line in zip(*columns, strict=True)]
    lines = [[_on_one_line(text) for text in line] for line in [header, *lines]]
    widths = [max(map(text_width, column)) for column in zip(*lines, strict=True)]
    left = [
        i == 0 if by_row else any(isinstance(row[i], str) for row in rows)
        for i in range(len(header))
    ]
    return "\n".join(_draw_line(line, widths, left, fit) for line in lines)


def _draw_line(line: Sequence[str], widths: Sequence[int], left: Sequence[bool], fit: int) -> str:
    """The cells of a line, padded; a last text beyond `fit` columns is broken between words."""
    cells = []
    for text, width, is_left in zip(line, widths, left, strict=True):
        blanks = " " * (width - text_width(text))
        cells.append(text + blanks if is_left else blanks + text)
    drawn, room = "  ".join(cells).rstrip(), fit - sum(widths[:-1]) - 2 * len(widths[:-1])
    if text_width(drawn) <= fit or room < NARROWEST:
        return drawn
    parts = textwrap.wrap(line[-1], room, break_long_words=False, break_on_hyphens=False)
    return "  ".join([*cells[:-1], f"\n{' ' * (fit - room)}".join(parts)])


def text_width(text: str) -> int:
    """Columns that a terminal uses for the text."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 1 + (unicodedata.east_asian_width(char) in "WF")
        for char in text
    )


def draw_records(rows: Sequence[Mapping[str, Cell]]) -> str:
    """A table of mappings; its columns are their keys, without those that no row has."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    names = [name for name in names if any(row.get(name) is not None for row in rows)]
    return draw_table(names, [[row.get(name) for name in names] for row in rows])


def format_cells(cells: Sequence[Cell]) -> list[str]:
    """The cells as text; floats with as many decimals as the smallest ordinary number needs."""
    floats = [abs(cell) for cell in cells if isinstance(cell, float)]
    low = min((number for number in floats if SMALL <= number < LARGE), default=1.0)
    decimals = max(DIGITS - 1 - math.floor(math.log10(low)), 1)
    return [_cell_text(cell, decimals) for cell in cells]


def to_csv(rows: Sequence[Mapping[str, Cell]], names: Sequence[str]) -> str:
    """The rows as CSV below the names: all digits of a number, empty for None."""
    return csv_text([names, *([row.get(name) for name in names] for row in rows)])


def csv_text(lines: Sequence[Sequence[Cell]]) -> str:
    """The lines as CSV."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(lines)
    return buffer.getvalue()


def _cell_text(cell: Cell, decimals: int) -> str:
    if isinstance(cell, float):
        if not math.isfinite(cell):
            return NOTHING
        ordinary = cell == 0 or SMALL <= abs(cell) < LARGE
        return f"{cell:.{decimals}f}" if ordinary else f"{cell:.{DIGITS - 1}e}"
    return NOTHING if cell is None else _on_one_line(str(cell))


def _on_one_line(text: str) -> str:
    return printable(text).replace("\n", "\\n")
