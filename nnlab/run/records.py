"""metrics.csv and steps.csv: tables that only grow, one row per epoch or update.

Floats are written with `repr`, so that reading gives the same bits; None is an empty cell. The
first row fixes the columns.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.errors import RunUnreadable, StorageError
from nnlab.run import durable, guard
from nnlab.run.text import shown, unreadable

Cell = float | int | str | None
NUMBERS = {float, int}
TAIL = 1 << 14  # bytes in which the last row is looked for
MOST_COLUMNS = 200  # nnlab writes about 20
Column = NDArray[np.int64] | NDArray[np.float64] | list[str]


def append_rows(
    path: Path, rows: Sequence[Mapping[str, Any]], sync: bool = False, at: int | None = None
) -> int:
    """Adds `rows` and returns the size of the file; a missing key is an empty cell.

    Raises ValueError for a key that the first row did not have; else as `durable.append_text`.
    """
    if not rows:
        if at is not None:
            guard.require_size(path, at)
        return table_size(path)
    line = _first_line(path) if path.is_file() else b""
    header = next(csv.reader([line.decode()]), []) if line.endswith(b"\n") else []
    columns = header or list(rows[0])
    known = set(columns)
    for row in rows:
        if not row.keys() <= known:
            extra = ", ".join(sorted(row.keys() - known))
            raise ValueError(f"{shown(path)} has no column {extra}")
    return durable.append_text(path, csv_rows(columns, rows, headed=not header), sync, at)


def csv_rows(columns: Sequence[str], rows: Iterable[Mapping[str, Any]], headed: bool = True) -> str:
    """The rows as CSV, with a header; a missing key becomes an empty cell."""
    buffer = io.StringIO()
    table = csv.writer(buffer, lineterminator="\n")
    if headed:
        table.writerow(columns)
    cells = [list(map(row.get, columns)) for row in rows]
    if {type(cell) for row in cells for cell in row} <= NUMBERS:  # the csv module is slower
        return buffer.getvalue() + "".join([f"{','.join(map(repr, row))}\n" for row in cells])
    table.writerows([map(_cell, row) for row in cells])
    return buffer.getvalue()


def read_table(path: Path, wanted: Callable[[str], bool] | None = None) -> dict[str, Column]:
    """All columns, or the `wanted` ones; a missing file is a table without columns.

    int64 where every cell is an integer, list where one is text, else float64 with nan for an empty
    cell. A last line without a line end was cut off by a kill and is left out. Raises RunUnreadable
    for a file that is not UTF-8, and for a row that does not fit the header.
    """
    return _table(durable.read_file(path), path, wanted) if path.exists() else {}


class GrowingTable:
    """A table that is read again and again while it grows: only the rows that are new."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._columns: dict[str, Column] = {}
        self._size, self._last = 0, b""  # of what was read: the bytes, and its last line

    def read(self) -> dict[str, Column]:
        """The columns as `read_table` returns them. Raises what it raises."""
        if not self.path.exists():
            return {}
        grown = self._grown()
        if grown is None:
            data = durable.read_file(self.path)
            grown = _table(data, self.path)
            self._size, self._last = 0, b""
            self._read(data, grown)
        self._columns = grown
        return grown

    def _grown(self) -> dict[str, Column] | None:
        """The columns with the new rows; None where the whole table must be read.

        That is so at first, after something else changed the file, and where cells are text.
        """
        if not self._last:
            return None
        data = durable.read_file(self.path, start=self._size - len(self._last))
        if not data.startswith(self._last) or b'"' in data:
            return None
        data = data[len(self._last) : data.rfind(b"\n") + 1]
        if not data:
            return self._columns
        try:
            new = _table(",".join(self._columns).encode() + b"\n" + data, self.path)
        except RunUnreadable:  # to name the right row
            return None
        if any(isinstance(column, list) for column in new.values()):
            return None
        self._read(data, new)
        return {name: np.concatenate([self._columns[name], new[name]]) for name in new}

    def _read(self, data: bytes, rows: Mapping[str, Column]) -> None:
        """Remembers where the data ended, unless its rows must be read again."""
        end = data.rfind(b"\n") + 1
        before = data.rfind(b"\n", 0, max(end - 1, 0)) + 1
        self._size += end
        self._last = data[before:end]
        is_text = b'"' in data or any(isinstance(column, list) for column in rows.values())
        if is_text or not any(len(column) for column in rows.values()):
            self._last = b""


def _table(
    data: bytes, path: Path, wanted: Callable[[str], bool] | None = None
) -> dict[str, Column]:
    try:
        table = _numbers(data[: data.rfind(b"\n") + 1].decode())
    except ValueError:
        return _cells(data, path, wanted)
    return {name: table[name] for name in table if wanted is None or wanted(name)}


def _cells(data: bytes, path: Path, wanted: Callable[[str], bool] | None) -> dict[str, Column]:
    """A table that may have empty cells, texts and mistakes."""
    lines = _parsed(data, path)
    if not lines:
        return {}
    header, *rows = lines
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            cells = f"row {number} has {len(row)} cells, the header has {len(header)}"
            raise unreadable(path, cells)
    chosen = [i for i, name in enumerate(header) if wanted is None or wanted(name)]
    return {header[i]: _column([row[i] for row in rows]) for i in chosen}


def _numbers(text: str) -> dict[str, Column]:
    """A table that has numbers alone, in a quarter of the time; ValueError for any other."""
    header, first, *_ = text.split("\n", 2)
    names, kinds = header.split(","), [type(_number(cell)) for cell in first.split(",")]
    strange = not header or len(names) > MOST_COLUMNS or len(first) > TAIL
    if strange or any(sign in text for sign in ('"', "\r", "\n\n")) or not _suit(kinds, text):
        raise ValueError
    row = np.dtype([(f"{i}", kind) for i, kind in enumerate(kinds[: len(names)])])
    rows = np.loadtxt(io.StringIO(text), row, None, ",", skiprows=1, ndmin=1)
    return {name: rows[f"{i}"].copy() for i, name in enumerate(names)}


def _suit(kinds: Sequence[type], text: str) -> bool:
    """Whether the first row has numbers alone, and integers of an int64 have such below them.

    NumPy before 2.4 reads 2.5, nan and 2^63 as integers too where an integer is expected.
    """
    last = max((i for i, kind in enumerate(kinds, start=1) if kind is int), default=0)
    cells = ["-?[0-9]{1,18}[,\n]" if kind is int else "[^,\n]*[,\n]" for kind in kinds[:last]]
    return {*kinds} <= NUMBERS and not re.search(rf"\n(?!{''.join(cells)}|\Z)", text)


def last_row(path: Path) -> dict[str, Cell]:
    """The last whole row, numbers as numbers; empty if there is none."""
    if not path.exists():
        return {}
    data = durable.read_file(path, start=max(0, table_size(path) - TAIL))
    lines = data.rsplit(b"\n", 2)
    if b'"' in data or len(lines) < 3:  # else each line is a row
        data = durable.read_file(path)
    else:
        data = _first_line(path) + lines[1] + b"\n"
    rows = _parsed(data, path)
    if len(rows) < 2:
        return {}
    return {name: _number(cell) for name, cell in zip(rows[0], rows[-1], strict=False)}


def same_cell(cell: Any, value: Any) -> bool:
    """Whether a cell of a column holds a value, bit for bit; an empty cell is None, nan is nan."""
    if value is None or cell is None:
        return value is None and (cell is None or bool(cell != cell))
    return bool(cell == value) or bool(cell != cell and value != value)


def table_size(path: Path) -> int:
    """Bytes in `path`, 0 if it is missing."""
    return path.stat().st_size if path.is_file() else 0


def _first_line(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.readline()
    except OSError as error:
        raise StorageError(f"Cannot read {shown(path)}: {error.strerror or error}.") from error


def _parsed(data: bytes, path: Path) -> list[list[str]]:
    """The whole lines of `data`."""
    whole = data[: data.rfind(b"\n") + 1]
    columns = whole.partition(b"\n")[0].count(b",") + 1
    if columns > MOST_COLUMNS:
        raise unreadable(path, f"it has {columns:,} columns, more than {MOST_COLUMNS}")
    try:
        return list(csv.reader(io.StringIO(whole.decode(), newline="")))
    except (UnicodeDecodeError, csv.Error) as error:
        raise unreadable(path, f"{error}") from error


def _cell(value: Any) -> Cell:
    if value is None or type(value) in NUMBERS:  # 30 times as fast as the checks below
        return value
    if isinstance(value, Integral):  # also bool and NumPy's integers
        return int(value)
    return float(value) if isinstance(value, Real) else str(value)


def _number(cell: str) -> Cell:
    if not cell:
        return None
    for kind in (int, float):
        with suppress(ValueError):
            return kind(cell)
    return cell


def _column(cells: list[str]) -> Column:
    if not cells:
        return np.empty(0)
    with suppress(ValueError, OverflowError):
        return np.array(list(map(int, cells)), dtype=np.int64)
    with suppress(ValueError):
        return np.array([float(cell or "nan") for cell in cells], dtype=np.float64)
    return cells
