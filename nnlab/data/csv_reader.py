"""Reader for CSV files that names line and column of whatever it cannot use."""

import csv
import math
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nnlab.data.files import reading
from nnlab.errors import DataError

Missing = Literal["error", "drop", "mean"]

MISSING = frozenset({"", "NA", "N/A", "NaN", "nan", "NAN", "null", "NULL", "?"})
MAX_LINE = 1 << 24  # bytes; a file without line ends must not be read whole
MAX_CATEGORIES = 1000


@dataclass(frozen=True, eq=False)
class Table:
    """A CSV file as read: inputs (N, n), and each target column as text.

    A missing input that the mean will replace is nan. It is not replaced here: the mean is that
    of the training rows, which are chosen later.
    lines: the line of the file on which each row ends, counted from 1.
    """

    path: Path
    lines: "array[int]"
    inputs: NDArray[np.float64]
    input_names: tuple[str, ...]
    targets: tuple[list[str], ...]
    target_names: tuple[str, ...]


@dataclass(frozen=True)
class _Layout:
    """Column names, and the indices of the kinds of columns; the others are numbers."""

    path: Path
    names: tuple[str, ...]
    targets: tuple[int, ...]
    categorical: tuple[int, ...]
    ignored: tuple[int, ...]

    @property
    def numeric(self) -> tuple[int, ...]:
        taken = {*self.targets, *self.categorical, *self.ignored}
        return tuple(i for i in range(len(self.names)) if i not in taken)

    @property
    def used(self) -> tuple[int, ...]:
        return tuple(i for i in range(len(self.names)) if i not in self.ignored)


def read(
    path: Path,
    *,
    target: tuple[str | int, ...],
    categorical: tuple[str | int, ...],
    ignore: tuple[str | int, ...] = (),
    header: bool,
    missing: Missing,
    delimiter: str,
) -> Table:
    """All rows of `path`. Raises DataError naming line and column, StorageError."""
    rows = read_rows(path, delimiter)
    first = next(rows, None)
    if first is None:
        raise DataError(f"{path} is empty.")
    names = tuple(first[1]) if header else tuple(map(str, range(len(first[1]))))
    layout = _layout(path, names, target, categorical, ignore, header)
    if not header:
        rows = _chain(first, rows)

    lines = array("q")
    numbers = array("d")
    texts: dict[int, list[str]] = {i: [] for i in (*layout.targets, *layout.categorical)}
    for line, cells in rows:
        if len(cells) != len(names):
            raise DataError(
                f"{path}, line {line}: there are {len(cells)} cells, but {len(names)} columns."
            )
        if missing == "drop" and any(cells[i] in MISSING for i in layout.used):
            continue
        numbers.extend(_numbers(cells, line, layout, missing))
        for i, column in texts.items():
            column.append(_text(cells[i], line, i, layout))
        lines.append(line)
    if not lines:
        raise DataError(f"{path} has no row{' without a missing cell' * (missing == 'drop')}.")

    table = np.frombuffer(numbers, np.float64).reshape(len(lines), len(layout.numeric))
    _require_values(table, layout)
    inputs, input_names = _inputs(table, texts, layout)
    return Table(
        path=path,
        lines=lines,
        inputs=inputs,
        input_names=input_names,
        targets=tuple(texts[i] for i in layout.targets),
        target_names=tuple(names[i] for i in layout.targets),
    )


def number(text: str) -> float | None:
    """`text` as a finite number; None for anything else, also for Python's own 1_000."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in text else None


def place(path: Path, line: int, column: str) -> str:
    """How messages name a cell."""
    return f"{path}, line {line}, column {shown(column)}"


def shown(text: str) -> str:
    """Quoted, short, and without control characters."""
    return repr(text if len(text) <= 40 else f"{text[:37]}...")


def read_rows(path: Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Line number and stripped cells of each row; empty lines are skipped."""
    with reading(path) as file:
        lines = _decoded(path, iter(lambda: file.readline(MAX_LINE + 1), b""))
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        try:
            for cells in reader:
                if cells:
                    yield reader.line_num, [cell.strip() for cell in cells]
        except csv.Error as error:
            if "new-line character" in str(error):  # csv's own words are for programmers
                raise DataError(
                    f"{path}, line {reader.line_num} holds a carriage return that ends no line. "
                    "Save the file with the line ends of Unix or Windows."
                ) from None
            raise DataError(f"{path}, line {reader.line_num}: {error}.") from None


def _decoded(path: Path, lines: Iterator[bytes]) -> Iterator[str]:
    """Lines as text, without the byte order mark that Excel writes."""
    for i, line in enumerate(lines, start=1):
        if len(line) > MAX_LINE:
            raise DataError(f"{path}, line {i} is longer than {MAX_LINE:,} bytes.")
        try:
            yield line.decode("utf-8-sig" if i == 1 else "utf-8")
        except UnicodeDecodeError:
            raise DataError(f"{path}, line {i} is not UTF-8 text.") from None


def _chain(
    first: tuple[int, list[str]], rows: Iterator[tuple[int, list[str]]]
) -> Iterator[tuple[int, list[str]]]:
    yield first
    yield from rows


def _layout(
    path: Path,
    names: tuple[str, ...],
    target: tuple[str | int, ...],
    categorical: tuple[str | int, ...],
    ignore: tuple[str | int, ...],
    header: bool,
) -> _Layout:

    def index(column: str | int, key: str) -> int:
        if isinstance(column, int) and column < len(names):
            return column
        if isinstance(column, str) and header and column in names:
            return names.index(column)
        known = ", ".join(map(shown, names[:20])) if header else f"0 to {len(names) - 1}"
        raise DataError(f"{path} has no {key} column {column!r}; its columns are {known}.")

    targets = tuple(index(column, "target") for column in target)
    layout = _Layout(
        path,
        names,
        targets,
        tuple(index(column, "categorical") for column in categorical),
        tuple(index(column, "ignore") for column in ignore),
    )
    chosen = (*layout.targets, *layout.categorical, *layout.ignored)
    for i, column in enumerate(chosen):
        if column in chosen[:i]:
            raise DataError(f"{path}: column {shown(names[column])} is chosen twice.")
    _require_names(layout)
    if len(targets) == len(layout.used):
        raise DataError(f"{path} has target columns only, and no input.")
    return layout


def _require_names(layout: _Layout) -> None:
    """DataError where a column that is used has no name, or that of another one."""
    names = [layout.names[i] for i in layout.used]
    for i, name in zip(layout.used, names, strict=True):
        if not name:
            raise DataError(
                f"{layout.path}, line 1: column {i} (counted from 0) has no name, as where lines "
                f"end in a comma or begin with row numbers. Name it, or set ignore: [{i}]."
            )
        if names.count(name) > 1:
            raise DataError(f"{layout.path}, line 1: two columns are named {shown(name)}.")


def _numbers(cells: list[str], line: int, layout: _Layout, missing: Missing) -> list[float]:
    """The numeric cells of a row; nan for what the mean will replace."""
    values = []
    for i in layout.numeric:
        value = number(cells[i])
        if value is None:
            if cells[i] not in MISSING:
                raise _no_number(cells[i], line, i, layout)
            if missing == "error":
                raise _missing(line, i, layout)
            value = math.nan
        values.append(value)
    return values


def _no_number(cell: str, line: int, i: int, layout: _Layout) -> DataError:
    sentence = f"{place(layout.path, line, layout.names[i])}: {shown(cell)} is not a finite number."
    try:
        float(cell)  # inf, 1e999, 1_000: meant as a number, so it is no category
    except ValueError:
        sentence += (
            " List the column under categorical to make it one-hot, or under ignore to leave it "
            "out."
        )
    return DataError(sentence)


def _text(cell: str, line: int, i: int, layout: _Layout) -> str:
    """A target or category, which no mean can replace."""
    if cell in MISSING:
        raise _missing(line, i, layout)
    return cell


def _missing(line: int, i: int, layout: _Layout) -> DataError:
    way_out = "missing: drop or missing: mean, or leave the column out with ignore"
    if i in layout.targets or i in layout.categorical:
        way_out = "missing: drop; a target or category has no mean"
    return DataError(
        f"{place(layout.path, line, layout.names[i])}: the cell is missing. Fill it, or set "
        f"{way_out}."
    )


def _require_values(table: NDArray[np.float64], layout: _Layout) -> None:
    """DataError where a column has no value at all."""
    empty = np.isnan(table).all(axis=0)
    if empty.any():
        name = layout.names[layout.numeric[int(np.argmax(empty))]]
        raise DataError(
            f"{layout.path}, column {shown(name)}: every cell is missing. Leave it out with ignore."
        )


def _inputs(
    numeric: NDArray[np.float64], texts: dict[int, list[str]], layout: _Layout
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """All input columns in the file's order, each category in place of its column."""
    blocks: list[NDArray[np.float64]] = []
    names: list[str] = []
    for i, name in enumerate(layout.names):
        if i in layout.categorical:
            values = sorted(set(texts[i]))
            if len(values) > MAX_CATEGORIES:
                raise DataError(
                    f"{layout.path}, column {shown(name)} has {len(values):,} distinct values; "
                    f"one-hot takes up to {MAX_CATEGORIES:,}."
                )
            index = {value: k for k, value in enumerate(values)}
            blocks.append(np.eye(len(values))[[index[text] for text in texts[i]]])
            names += [f"{name}={value}" for value in values]
        elif i in layout.numeric:
            blocks.append(numeric[:, [layout.numeric.index(i)]])
            names.append(name)
    return np.concatenate(blocks, axis=1, dtype=np.float64), tuple(names)
