"""Plain text tables: names to the left, numbers to the right, one format for a column."""

import csv
import io
import math
import textwrap
import unicodedata
from collections.abc import Mapping, Sequence

from nnlab.cli.terminal import printable

Cell = str | int | float | None
NOTHING = "-"  # for None, nan and inf: a table shows no number that is none
DIGITS = 4  # significant digits of the smallest number in a column
NARROWEST = 12  # columns for a text that is broken between words
LONG = 60  # characters of a setting in a cell
SMALL, LARGE = 1e-4, 1e7  # outside, a number is written with an exponent


def table(header: Sequence[str], rows: Sequence[Sequence[Cell]], fit: int = 0) -> str:
    """The rows below the header; columns of numbers are rounded alike and end alike.

    fit: break the texts of the last column between words so that lines have so many columns.
    """
    columns = [[row[i] for row in rows] for i in range(len(header))]
    texts = [[name, *column(cells)] for name, cells in zip(header, columns, strict=True)]
    widths = [max(map(_width, cells)) for cells in texts]
    numeric = [not any(isinstance(cell, str) for cell in cells) for cells in columns]
    lines = []
    for line in zip(*texts, strict=True):
        padded = [
            " " * (width - _width(text)) + text if right else text + " " * (width - _width(text))
            for text, width, right in zip(line, widths, numeric, strict=True)
        ]
        lines.append(
            _wrapped("  ".join(padded).rstrip(), sum(widths[:-1]) + 2 * len(widths[:-1]), fit)
        )
    return "\n".join(lines)


def _wrapped(line: str, indent: int, fit: int) -> str:
    """The line with its text from `indent` on broken between words; itself if it fits."""
    if _width(line) <= fit or fit < indent + NARROWEST:
        return line
    parts = textwrap.wrap(
        line[indent:], fit - indent, break_long_words=False, break_on_hyphens=False
    )
    return line[:indent] + f"\n{' ' * indent}".join(parts)


def records(rows: Sequence[Mapping[str, Cell]]) -> str:
    """A table of mappings: their keys in order of appearance are the header, `-` where one lacks.

    Columns in which no row has anything are left out.
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    names = [name for name in names if any(row.get(name) is not None for row in rows)]
    return table(names, [[row.get(name) for name in names] for row in rows])


def across(header: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """The same where each row is of one kind: its numbers are rounded alike, columns end alike."""
    texts = [[str(row[0]), *column(row[1:])] for row in rows]
    lines = [list(map(_clean, line)) for line in [header, *texts]]
    widths = [max(_width(line[i]) for line in lines) for i in range(len(header))]
    return "\n".join(
        "  ".join(
            text + " " * (width - _width(text)) if i == 0 else " " * (width - _width(text)) + text
            for i, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def column(cells: Sequence[Cell]) -> list[str]:
    """The cells as text; floats with as many decimals as the smallest ordinary one needs."""
    floats = [abs(cell) for cell in cells if isinstance(cell, float)]
    low = min((one for one in floats if SMALL <= one < LARGE), default=1.0)
    decimals = DIGITS - 1 - math.floor(math.log10(low))
    return [_text(cell, max(decimals, 1)) for cell in cells]


def as_csv(rows: Sequence[Mapping[str, Cell]], names: Sequence[str]) -> str:
    """The rows as CSV below the names, numbers with all their digits, empty for None."""
    buffer = io.StringIO()
    lines = csv.writer(buffer, lineterminator="\n")
    lines.writerow(names)
    lines.writerows([row.get(name) for name in names] for row in rows)
    return buffer.getvalue()


def setting(value: object) -> str | None:
    """A setting as YAML writes it, cut where it is long; None for none."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and float(f"{value:g}") == value:
        return f"{value:g}"
    shown = str(value)
    return shown if len(shown) <= LONG else f"{shown[: LONG - 3]}..."


def duration(seconds: float) -> str:
    """Seconds as a person says them: 45 ms, 1.25 s, 12.3 s, 2:05 min, 1:02:03 h."""
    if seconds < 0.1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02} h" if hours else f"{minutes}:{rest:02} min"


def _text(cell: Cell, decimals: int) -> str:
    if isinstance(cell, float):
        if not math.isfinite(cell):
            return NOTHING
        ordinary = cell == 0 or SMALL <= abs(cell) < LARGE
        return f"{cell:.{decimals}f}" if ordinary else f"{cell:.{DIGITS - 1}e}"
    return NOTHING if cell is None else _clean(str(cell))


def _clean(text: str) -> str:
    """On one line, with nothing that a terminal would obey."""
    return printable(text).replace("\n", "\\n")


def _width(text: str) -> int:
    """Columns that a terminal uses for the text."""
    return sum(
        0 if unicodedata.combining(char) else 1 + (unicodedata.east_asian_width(char) in "WF")
        for char in text
    )
