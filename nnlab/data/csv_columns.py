"""The cells of the chosen columns of a CSV file."""

import math
from array import array
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from nnlab.data.csv_hints import missing_cell, not_a_number, other_delimiter
from nnlab.data.csv_text import MISSING, NO_NUMBER, CsvFile, CsvForm, parse_number, read_rows
from nnlab.errors import DataError

Row = tuple[int, list[str]]


@dataclass(frozen=True, eq=False)
class CsvCells:
    """Cells of the chosen columns by column number; missing numbers are nan.

    lines: the line of the file on which each row ends, counted from 1. file_rows: the numbers of
    the rows from 0, where dropped rows count too. dropped: how many rows `missing: drop` left out.
    """

    file: CsvFile
    lines: "array[int]"
    numbers: "dict[int, array[float]]"
    texts: dict[int, list[str]]
    file_rows: "array[int]"
    dropped: int

    def place(self, row: int, column: int) -> str:
        """How messages name a cell."""
        return self.file.place(self.lines[row], column)

    def target_number(self, row: int, column: int) -> float:
        """A target cell as a number. Raises DataError."""
        text = self.texts[column][row]
        if (value := parse_number(text, self.file.form.decimal)) is None:
            raise not_a_number(self.file, self.lines[row], text, column)
        return value


@contextmanager
def open_csv(path: Path, form: CsvForm) -> Iterator[tuple[Row, Iterator[Row]]]:
    """The first row, and all later rows. Raises DataError for an empty file."""
    with closing(read_rows(path, form.delimiter)) as rows:
        first = next(rows, None)
        if first is None:
            raise DataError(f"{path} is empty.")
        yield first, rows


def read_cells(file: CsvFile, rows: Iterator[Row]) -> CsvCells:
    """The chosen columns of `rows`. Raises DataError naming line and column."""
    form = file.form
    numbers = {i: array("d") for i in file.inputs if i not in file.categories}
    texts: dict[int, list[str]] = {i: [] for i in (*file.categories, *file.targets)}
    cells = CsvCells(file, array("q"), numbers, texts, array("q"), 0)
    missing_signs = [(i, NO_NUMBER if i in numbers else MISSING) for i in (*numbers, *texts)]
    dropped = 0
    for line, row in rows:
        _check_row(file, line, row)
        if form.missing == "drop" and any(row[i] in signs for i, signs in missing_signs):
            dropped += 1
            continue
        _append(cells, line, row)
        cells.file_rows.append(len(cells.lines) + dropped)
        cells.lines.append(line)
    _require_rows(cells, dropped)
    return CsvCells(file, cells.lines, numbers, texts, cells.file_rows, dropped)


def _check_row(file: CsvFile, line: int, row: list[str]) -> None:
    if len(row) != len(file.names):
        raise DataError(
            f"{file.path}, line {line}: there are {len(row)} cells, but {len(file.names)} "
            f"columns.{other_delimiter(file.path, file.form)}"
        )
    if file.form.fitting and file.form.missing != "drop" and not any(row):
        raise DataError(
            f"{file.path}, line {line}: all cells of the row are empty. Remove the row, or set "
            "missing: drop."
        )


def _append(cells: CsvCells, line: int, row: list[str]) -> None:
    """Add a row to the chosen columns. Raises DataError."""
    file, form = cells.file, cells.file.form
    for i, values in cells.numbers.items():
        value = parse_number(row[i], form.decimal)
        if value is None:
            if row[i] not in NO_NUMBER or form.missing != "mean":
                raise not_a_number(file, line, row[i], i)
            value = math.nan
        values.append(value)
    for i, words in cells.texts.items():
        if row[i] in MISSING and (form.missing != "mean" or i in file.targets):
            raise missing_cell(file, line, row[i], i)
        words.append(row[i])


def _require_rows(cells: CsvCells, dropped: int) -> None:
    if not cells.lines:
        kind = " without a missing cell" if dropped else ""
        header_only = cells.file.form.header and not dropped
        where = "has a header and no row" if header_only else "has no row"
        raise DataError(f"{cells.file.path} {where}{kind}.")
