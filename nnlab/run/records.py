"""metrics.csv and steps.csv: tables that only grow, one row an epoch or a step.

Floats are written with `repr`, so that reading gives the same bits; None is an empty cell. The
first row fixes the columns.
"""

import csv
import io
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.errors import RunUnreadable, StorageError
from nnlab.run import durable, guard
from nnlab.run.text import shown

Cell = float | int | str | None
PLAIN = {float, int, type(None)}  # which csv.writer writes as repr, digits and nothing
MOST_COLUMNS = 200  # nnlab writes some 20
Column = NDArray[np.int64] | NDArray[np.float64] | list[str]


def append(
    path: Path, rows: Sequence[Mapping[str, Any]], sync: bool = False, at: int | None = None
) -> int:
    """Adds `rows` and returns the size of the file; a key that a row lacks is an empty cell.

    Raises:
        ValueError: a row has a key that the first row had not.
        RunUnreadable: a link, or no regular file, has this name.
        StorageError: the system refused, or the file does not have the size `at`.
    """
    if not rows:
        if at is not None:
            guard.require_size(path, at)
        return size(path)
    header = _header(path)
    columns = header or list(rows[0])
    known = set(columns)
    for row in rows:
        if not row.keys() <= known:
            extra = ", ".join(sorted(row.keys() - known))
            raise ValueError(f"{shown(path)} has no column {extra}")
    return durable.append_text(path, text(columns, rows, headed=not header), sync, at)


def text(columns: Sequence[str], rows: Iterable[Mapping[str, Any]], headed: bool = True) -> str:
    """The rows as CSV, with a header; a key that a row lacks becomes an empty cell."""
    buffer = io.StringIO()
    table = csv.writer(buffer, lineterminator="\n")
    if headed:
        table.writerow(columns)
    for row in rows:
        table.writerow([_cell(row.get(column)) for column in columns])
    return buffer.getvalue()


def read(path: Path, wanted: Callable[[str], bool] | None = None) -> dict[str, Column]:
    """All columns, or the `wanted` ones.

    int64 where every cell is an integer, list where one is text, else float64.

    An empty cell is nan. A last line without a line end was cut off by a kill and is left out. A
    missing file is a table without columns.

    Raises:
        RunUnreadable: not UTF-8, or a row that does not fit the header.
    """
    lines = _lines(path)
    if not lines:
        return {}
    header, rows = lines[0], lines[1:]
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise RunUnreadable(
                f"Cannot read {shown(path)}: row {number} has {len(row)} cells, "
                f"the header has {len(header)}."
            )
    chosen = [i for i, name in enumerate(header) if wanted is None or wanted(name)]
    return {header[i]: _column([row[i] for row in rows]) for i in chosen}


def last(path: Path) -> dict[str, Cell]:
    """The last whole row, numbers as numbers; empty when there is none."""
    if not path.exists():
        return {}
    data = durable.read_file(path)
    if b'"' not in data:  # then a line is a row, and only two of them are needed
        before, _, row = data[: data.rfind(b"\n")].rpartition(b"\n")
        data = before.partition(b"\n")[0] + b"\n" + row + b"\n" if before else data
    rows = _parsed(data, path)
    if len(rows) < 2:
        return {}
    return {name: _number(cell) for name, cell in zip(rows[0], rows[-1], strict=False)}


def size(path: Path) -> int:
    """Bytes in `path`, 0 when it is missing: what `durable.truncate` takes to go back to here."""
    return path.stat().st_size if path.is_file() else 0


def _header(path: Path) -> list[str]:
    if not path.is_file():
        return []
    try:
        with path.open("rb") as file:
            line = file.readline()
    except OSError as error:
        raise StorageError(f"Cannot read {shown(path)}: {error.strerror or error}.") from error
    return next(csv.reader([line.decode()]), []) if line.endswith(b"\n") else []


def _lines(path: Path) -> list[list[str]]:
    if not path.exists():
        return []
    return _parsed(durable.read_file(path), path)


def _parsed(data: bytes, path: Path) -> list[list[str]]:
    """The whole lines of `data`."""
    whole = data[: data.rfind(b"\n") + 1]
    columns = whole.partition(b"\n")[0].count(b",") + 1
    if columns > MOST_COLUMNS:
        raise RunUnreadable(
            f"Cannot read {shown(path)}: it has {columns:,} columns, more than {MOST_COLUMNS}."
        )
    try:
        return list(csv.reader(io.StringIO(whole.decode(), newline="")))
    except (UnicodeDecodeError, csv.Error) as error:
        raise RunUnreadable(f"Cannot read {shown(path)}: {error}.") from error


def _cell(value: Any) -> Cell:
    if type(value) in PLAIN:  # asked first: it is thirty times as fast as the questions below
        found: Cell = value
        return found
    if isinstance(value, Integral):  # also bool and NumPy's integers
        return int(value)
    if isinstance(value, Real):
        return float(value)
    return str(value)


def _number(cell: str) -> Cell:
    if not cell:
        return None
    for kind in (int, float):
        try:
            return kind(cell)
        except ValueError:
            continue
    return cell


def _column(cells: list[str]) -> Column:
    with suppress(ValueError, OverflowError):  # nearly every one, ten times as fast as by cell
        if cells and cells[0].lstrip("-").isdigit():
            return np.array(list(map(int, cells)), dtype=np.int64)
        if cells:
            return np.array(list(map(float, cells)), dtype=np.float64)
    values = [_number(cell) for cell in cells]
    if any(isinstance(value, str) for value in values):
        return cells
    if values and all(isinstance(value, int) and abs(value) < 2**63 for value in values):
        return np.array(values, dtype=np.int64)
    return np.array([float(cell) if cell else math.nan for cell in cells], dtype=np.float64)
