"""Tables of text and numbers, in aligned columns or as CSV."""

import csv
import io
import math
import textwrap
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from nnlab.run.text import printable
from nnlab.show.words import LARGE, SMALL

Cell = str | int | float | None
NOTHING = "-"  # for None, nan and inf
DIGITS = 4  # significant digits of the smallest number in a column
NARROWEST = 12  # columns of a text that is broken between words


def format_table(
    header: Sequence[str], rows: Sequence[Sequence[Cell]], fit: int = 0, by_row: bool = False
) -> str:
    """The rows below the header: texts to the left, numbers to the right.

    fit: the most columns of a line; texts of the last column are broken between words.
    by_row: round the numbers of a row alike; else those of a column.
    """
    if by_row:
        texts = [[str(first), *format_cells(rest)] for first, *rest in rows]
        left = [column == 0 for column in range(len(header))]
    else:
        texts = list(map(list, zip(*map(format_cells, zip(*rows, strict=True)), strict=True)))
        left = [any(isinstance(row[i], str) for row in rows) for i in range(len(header))]
    lines = [[_on_one_line(text) for text in line] for line in ([*map(str, header)], *texts)]
    widths = [max(map(text_width, column)) for column in zip(*lines, strict=True)]
    return "\n".join(_format_line(line, widths, left, fit) for line in lines)


def _format_line(line: Sequence[str], widths: Sequence[int], left: Sequence[bool], fit: int) -> str:
    """The cells of a line, padded; a last text beyond `fit` columns is broken between words."""
    cells = []
    for text, width, is_left in zip(line, widths, left, strict=True):
        blanks = " " * (width - text_width(text))
        cells.append(text + blanks if is_left else blanks + text)
    joined, last_width = "  ".join(cells).rstrip(), fit - sum(widths[:-1]) - 2 * len(widths[:-1])
    if text_width(joined) <= fit or last_width < NARROWEST:
        return joined
    parts = textwrap.wrap(line[-1], last_width, break_long_words=False, break_on_hyphens=False)
    return "  ".join([*cells[:-1], f"\n{' ' * (fit - last_width)}".join(parts)])


def text_width(text: str) -> int:
    """The number of columns that the text has on a terminal."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 1 + (unicodedata.east_asian_width(char) in "WF")
        for char in text
    )


def format_records(rows: Sequence[Mapping[str, Cell]]) -> str:
    """A table of mappings; its columns are the keys that have a value in some row."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    names = [name for name in names if any(row.get(name) is not None for row in rows)]
    return format_table(names, [[row.get(name) for name in names] for row in rows])


def format_columns(columns: Mapping[str, Sequence[Cell]]) -> str:
    """A table of columns of the same length by name."""
    return format_table(list(columns), list(zip(*columns.values(), strict=True)))


def format_cells(cells: Sequence[Cell]) -> list[str]:
    """The cells as text; floats with as many decimals as the smallest ordinary number needs."""
    floats = [abs(cell) for cell in cells if isinstance(cell, float)]
    low = min((number for number in floats if SMALL <= number < LARGE), default=1.0)
    decimals = max(DIGITS - 1 - math.floor(math.log10(low)), 1)
    return [_cell_text(cell, decimals) for cell in cells]


def spread_texts(spreads: Sequence[tuple[float, float, float] | None]) -> list[str]:
    """Median and quartiles of each: 0.50 (0.48 to 0.51); all numbers are rounded alike."""
    texts = iter(format_cells([number for spread in spreads for number in spread or ()]))
    return [
        NOTHING if spread is None else f"{next(texts)} ({next(texts)} to {next(texts)})"
        for spread in spreads
    ]


def to_csv(names: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """The rows as CSV below the names: all digits of a number, empty for None."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([names, *rows])
    return buffer.getvalue()


def records_to_csv(rows: Sequence[Mapping[str, Cell]]) -> str:
    """The mappings as CSV; a column per key."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    return to_csv(names, [list(map(row.get, names)) for row in rows])


def _cell_text(cell: Cell, decimals: int) -> str:
    if isinstance(cell, float):
        if not math.isfinite(cell):
            return NOTHING
        ordinary = cell == 0 or SMALL <= abs(cell) < LARGE
        return f"{cell:.{decimals}f}" if ordinary else f"{cell:.{DIGITS - 1}e}"
    return NOTHING if cell is None else _on_one_line(str(cell))


def _on_one_line(text: str) -> str:
    return printable(text).replace("\n", "\\n")
