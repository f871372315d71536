"""Chosen columns of a CSV file, and messages about unusable cells."""

import math
import re
from array import array
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from nnlab.data.cells import MISSING, NO_NUMBER, number, place, recognised, shown
from nnlab.data.csv_reader import read_rows
from nnlab.errors import DataError

Missing = Literal["error", "drop", "mean"]
Row = tuple[int, list[str]]

DELIMITERS = (";", "\t", "|", ",", " ")
MOSTLY = 0.5  # a column of which so many cells are numbers is a column of numbers
SPREADSHEET_NOTE = re.compile(r"sep=.", re.IGNORECASE)  # tells Excel the delimiter
MANY = 20  # rows that are enough to tell names, which differ, from categories


@dataclass(frozen=True)
class Form:
    """How a file is written, and what is done about missing cells.

    header: None where the first row decides. fitting: whether the file is the training file, so
    that messages can name settings of the config.
    """

    header: bool | None = True
    delimiter: str = ","
    decimal: str = "."
    missing: Missing = "error"
    fitting: bool = False


@dataclass(frozen=True)
class Chosen:
    """Names of all columns, and the numbers of the columns to read."""

    names: tuple[str, ...]
    numbers: tuple[int, ...]
    categories: tuple[int, ...]
    targets: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Sheet:
    """Cells of the chosen columns by column number; missing numbers are nan.

    lines: the line of the file on which each row ends, counted from 1. numbers_in_file: of the
    rows, from 0, where those that were dropped count too. dropped: how many rows
    `missing: drop` left out. order: the columns of the inputs, in the network's order. notes: on
    how the file was read, in sentences.
    """

    path: Path
    form: Form
    chosen: Chosen
    lines: "array[int]"
    numbers: "dict[int, array[float]]"
    texts: dict[int, list[str]]
    dropped: int
    numbers_in_file: "array[int]"
    order: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()

    def place(self, row: int, column: int) -> str:
        """How messages name a cell."""
        return place(self.path, self.lines[row], self.chosen.names[column])

    def target_number(self, row: int, column: int) -> float:
        """A target cell as a number. Raises DataError."""
        text = self.texts[column][row]
        if (value := number(text, self.form.decimal)) is None:
            raise no_number(self.path, self.form, self.chosen, (self.lines[row], text), column)
        return value


@contextmanager
def opened(path: Path, form: Form) -> Iterator[tuple[Row, Iterator[Row]]]:
    """The first row, and all others. Raises DataError for an empty file."""
    with closing(read_rows(path, form.delimiter)) as rows:
        first = next(rows, None)
        if first is None:
            raise DataError(f"{path} is empty.")
        yield first, rows


def read(path: Path, form: Form, chosen: Chosen, rows: Iterator[Row]) -> Sheet:
    """The chosen columns of `rows`. Raises DataError naming line and column."""
    numbers = {i: array("d") for i in chosen.numbers}
    texts: dict[int, list[str]] = {i: [] for i in (*chosen.categories, *chosen.targets)}
    signs = [(i, NO_NUMBER if i in numbers else MISSING) for i in (*numbers, *texts)]
    lines, kept, dropped = array("q"), array("q"), 0
    for line, cells in rows:
        if len(cells) != len(chosen.names):
            raise DataError(
                f"{path}, line {line}: there are {len(cells)} cells, but {len(chosen.names)} "
                f"columns.{other_delimiter(path, form)}"
            )
        if form.missing == "drop" and any(cells[i] in missing for i, missing in signs):
            dropped += 1
            continue
        if form.fitting and not any(cells):
            raise DataError(
                f"{path}, line {line}: all cells of the row are empty. Remove the row, or set "
                "missing: drop."
            )
        for i, values in numbers.items():
            value = number(cells[i], form.decimal)
            if value is None:
                if cells[i] not in NO_NUMBER or form.missing != "mean":
                    raise no_number(path, form, chosen, (line, cells[i]), i)
                value = math.nan
            values.append(value)
        for i, words in texts.items():
            if cells[i] in MISSING and (form.missing != "mean" or i in chosen.targets):
                raise missing_cell(path, form, chosen, (line, cells[i]), i)
            words.append(cells[i])
        kept.append(len(lines) + dropped)
        lines.append(line)
    if not lines:
        kind = " without a missing cell" if dropped else ""
        where = "has a header and no row" if form.header and not dropped else "has no row"
        raise DataError(f"{path} {where}{kind}.")
    return Sheet(path, form, chosen, lines, numbers, texts, dropped, kept)


def missing_cell(
    path: Path, form: Form, chosen: Chosen, cell: tuple[int, str], i: int
) -> DataError:
    """The sentence for a missing cell that nothing fills."""
    line, text = cell
    what = f"the cell is missing ({shown(text)})" if text not in MISSING else "the cell is missing"
    where = place(path, line, chosen.names[i])
    if i in chosen.targets:
        way = "missing: drop; a target is never filled in"
    else:
        way = "missing: drop or missing: mean, or leave the column out with ignore"
    if form.fitting:
        return DataError(f"{where}: {what}. Fill it, or set {way}.")
    return DataError(f"{where}: {what}. Fill it: the run was not trained to fill it in.")


def no_number(path: Path, form: Form, chosen: Chosen, cell: tuple[int, str], i: int) -> DataError:
    """The error for a cell that should be a number; reads its column."""
    line, text = cell
    if text in NO_NUMBER:
        return missing_cell(path, form, chosen, cell, i)
    where = f"{place(path, line, chosen.names[i])}: {shown(text)}"
    if words := recognised(text):
        if not form.fitting:
            words = f"{words.partition('.')[0]}; the run was trained on numbers here"
        return DataError(f"{where} {words}.")
    if other := other_delimiter(path, form, text):
        return DataError(f"{where} is not a finite number.{other}")
    return DataError(f"{where} is not a finite number.{_way_out(path, form, chosen, text, i)}")


def _way_out(path: Path, form: Form, chosen: Chosen, text: str, i: int) -> str:
    """What to do about a text, judged by its whole column."""
    try:
        float(text)  # inf, 1e999, 1_000: meant as a number, so it is no category
        return ""
    except ValueError:
        if not form.fitting:
            return ""
    if i in chosen.targets:
        return " Mend the cell, or set task: classes if the target consists of names."
    cells: list[str] = []
    # Errors of a later line are left out: the present cell comes first.
    with suppress(DataError), closing(read_rows(path, form.delimiter)) as rows:
        below = islice(rows, 1 if form.header else 0, None)
        cells += [row[i] for _, row in below if len(row) > i]
    present = [cell for cell in cells if cell not in NO_NUMBER]
    numeric = sum(number(cell, form.decimal) is not None for cell in present)
    if form.header and text == chosen.names[i]:
        return " The line looks like the header again: remove it."
    if not form.header and [text] == cells[:1] and numeric == len(present) - 1:
        return " Where line 1 holds the names of the columns, set header: true."
    if numeric > MOSTLY * len(present):
        return " The rest of the column is numbers: mend the cell, or set ignore."
    if len(present) >= MANY and len(set(present)) > MOSTLY * len(present):
        return (
            " The texts of this column differ in most rows, as names do: leave it out with ignore."
        )
    return " List the column under categorical to make it one-hot, or under ignore to leave it out."


def other_delimiter(path: Path, form: Form, cell: str = "") -> str:
    """A hint at a better delimiter or at lines above the table.

    It must cut all of the first lines into equally many cells, and the present one must not, or
    leave it inside `cell`, which could not be used. Blanks count only where nothing else cuts.
    """
    if note := _spreadsheet_note(path, form.delimiter):
        return f" Line 1 ({note}) is a note for spreadsheets: remove it."
    rows = _widths(path, form.delimiter)
    own = set(rows)
    for candidate in DELIMITERS:
        widths = _widths(path, candidate) if candidate != form.delimiter else []
        if len(set(widths)) != 1 or widths[0] < 2:
            continue
        if own <= {1} or (candidate != " " and (len(own) > 1 or candidate in cell)):
            words = {"\t": "tabs", " ": "blanks"}.get(candidate, shown(candidate))
            setting = {"\t": "\\t", " ": '" "'}.get(candidate, f'"{candidate}"')
            if not form.fitting:
                return f" The cells look separated by {words}, and the training file's were not."
            return f" The cells look separated by {words}: set delimiter: {setting}."
    # Last: decimal commas cut rows too, and not the names above them.
    if len(rows) > 2 and rows[0] == 1 != rows[-1] and len(set(rows[1:])) == 1:
        return (
            f" Line 1 is a single cell, and the rows below have {rows[-1]}: remove the lines above "
            "the table."
        )
    return ""


def _spreadsheet_note(path: Path, delimiter: str) -> str:
    """The first line where it is Excel's `sep=;`, else ''."""
    with suppress(DataError), closing(read_rows(path, delimiter)) as rows:
        text = delimiter.join(next(rows, (1, [""]))[1])
        return text if SPREADSHEET_NOTE.fullmatch(text) else ""
    return ""


def _widths(path: Path, delimiter: str) -> list[int]:
    """Cells per row of the first rows; empty if they are unreadable."""
    try:
        return [len(cells) for _, cells in islice(read_rows(path, delimiter), 20)]
    except DataError:
        return []
