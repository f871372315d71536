"""A look at an unknown CSV file: how it is written, what its columns hold, and settings for it."""

import codecs
import gzip
from collections import Counter
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, fields, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from nnlab.data.classes import look_alike_warning
from nnlab.data.csv_hints import DELIMITERS, cell_hint, is_name, other_delimiter
from nnlab.data.csv_table import MANY, MOSTLY, TRUTH
from nnlab.data.csv_text import (
    CsvForm,
    Encoding,
    NumberNotation,
    Row,
    quoted,
    quoted_list,
    read_csv_rows,
)
from nnlab.data.files import open_regular_file
from nnlab.data.missing import MISSING_CELLS, NO_NUMBER
from nnlab.data.table import MAX_CATEGORIES
from nnlab.data.user_csv import Csv
from nnlab.data.warnings import is_id, sentinel
from nnlab.errors import DataError

ENCODINGS: tuple[Encoding, ...] = ("utf-8", "windows-1252", "latin-1")  # tried in turn
# Notations in the order in which they are preferred where several read equally many columns.
NOTATIONS = (
    NumberNotation(),
    NumberNotation(".", ","),
    NumberNotation(","),
    NumberNotation(",", "."),
    NumberNotation(".", "'"),
    NumberNotation(",", " "),
    NumberNotation(".", " "),
)
DEFAULTS = {field.name: field.default for field in fields(Csv)}
GUESSED = ("target", "label", "class", "y", "outcome", "species", "diagnosis", "response")
FEW_SIGNS = 3  # distinct texts among numbers that may be signs for missing cells
START = 200  # rows by which the delimiter is judged


@dataclass(frozen=True)
class Reading:
    """What the cells of a column are, and what the proposal does with them.

    kind: numbers, words, true/false, dates or empty. values: the range of numbers, or the most
    frequent texts. use: numbers, category, ignore or target. signs: cells that mean a missing one.
    """

    kind: str
    values: str
    use: str
    note: str = ""
    signs: tuple[str | int | float, ...] = ()


@dataclass(frozen=True)
class ColumnProfile:
    """A column with its number from 0, missing cells and distinct texts."""

    number: int
    name: str
    missing: int
    distinct: int
    reading: Reading

    @property
    def facts(self) -> dict[str, Any]:
        """All facts in one table."""
        facts = {"number": self.number, "column": self.name, "missing": self.missing}
        return facts | {"distinct": self.distinct} | asdict(self.reading)


@dataclass(frozen=True)
class TableProfile:
    """A CSV file: its form, rows and columns; `settings` are those of the section `data`."""

    form: CsvForm
    rows: int
    columns: tuple[ColumnProfile, ...]
    settings: dict[str, Any]


def profile_csv(path: Path, target: str | None = None) -> TableProfile:
    """Describe a file and propose settings. target: a column; by default it is guessed.

    Raises DataError for a file that cannot be read and for an unknown target, StorageError.
    """
    encoding = _encoding(path)
    delimiter = _delimiter(path, encoding)
    rows = _rows(path, delimiter, encoding)
    if not rows:
        raise DataError(f"{path} is empty.")
    header = _is_header([cells for _, cells in rows])
    names = rows[0][1] if header else [str(i) for i in range(len(rows[0][1]))]
    form = CsvForm(header, delimiter, encoding=encoding, fitting=True)
    cells = _columns(path, names, rows[1:] if header else rows, form)
    possible = [notation for notation in NOTATIONS if notation.decimal != delimiter]
    notation = max(possible, key=lambda n: sum(_mostly_numbers(column, n) for column in cells))
    columns = [_column(i, names, column, notation) for i, column in enumerate(cells)]
    chosen = _target(path, columns, target)
    columns[chosen.number] = chosen
    form = replace(form, notation=notation)
    return TableProfile(form, len(cells[0]), tuple(columns), _settings(path, form, columns))


def _columns(
    path: Path, names: Sequence[str], rows: Sequence[Row], form: CsvForm
) -> list[list[str]]:
    """The cells of each column. Raises DataError for a table without rows, and for uneven rows."""
    if not rows:
        raise DataError(f"{path} has a header and no row.")
    for line, row in rows:
        if len(row) != len(names):
            raise DataError(
                f"{path}, line {line}: there are {len(row)} cells, but {len(names)} columns."
                f"{other_delimiter(path, form)}"
            )
    return [list(column) for column in zip(*(row for _, row in rows), strict=True)]


def _is_header(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row holds names: words that stand nowhere below, and years at most."""
    first, below = rows[0], rows[1:]
    words = [i for i, cell in enumerate(first) if is_name(cell)]
    numbers = [cell for cell in first if any(n.parse(cell) is not None for n in NOTATIONS)]
    if not below or not numbers:
        return True
    new = all(first[i] not in {row[i] for row in below if i < len(row)} for i in words)
    return bool(words) and new and all(map(str.isdigit, numbers))


def _encoding(path: Path) -> Encoding:
    """The first encoding in which the whole file is text."""
    if _first_bytes(path) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    for encoding in ENCODINGS:
        try:
            _rows(path, ",", encoding)
        except DataError as error:
            if "text. " in str(error):
                continue
        return encoding  # also where the reader has another complaint
    return "utf-8"


def _first_bytes(path: Path) -> bytes:
    """The first two bytes, of a gzip file those inside."""
    with open_regular_file(path) as file:
        start = file.read(2)
        if start == b"\x1f\x8b":
            file.seek(0)
            with suppress(OSError, EOFError):  # the reader names a damaged file
                return gzip.GzipFile(fileobj=file).read(2)
    return start


def _rows(path: Path, delimiter: str, encoding: Encoding, most: int | None = None) -> list[Row]:
    form = CsvForm(delimiter=delimiter, encoding=encoding, fitting=True)
    with closing(read_csv_rows(path, form)) as rows:
        return list(islice(rows, most))


def _delimiter(path: Path, encoding: Encoding) -> str:
    """The first delimiter that cuts all rows into equally many cells, else most of them."""
    shares = {delimiter: _even_share(path, delimiter, encoding) for delimiter in DELIMITERS}
    best = max(shares, key=lambda delimiter: shares[delimiter])
    return best if shares[best] else ","


def _even_share(path: Path, delimiter: str, encoding: Encoding) -> float:
    """The share of the first rows that a delimiter cuts into the usual number of cells, 2 or more.

    0 where it cuts none, or makes no table.
    """
    with suppress(DataError):
        widths = Counter(len(row) for _, row in _rows(path, delimiter, encoding, START))
        width, times = widths.most_common(1)[0] if widths else (1, 0)
        return times / widths.total() if width > 1 else 0.0
    return 0.0


def _mostly_numbers(cells: Sequence[str], notation: NumberNotation) -> bool:
    present = [cell for cell in cells if cell not in NO_NUMBER]
    numeric = sum(notation.parse(cell) is not None for cell in present)
    return numeric > MOSTLY * len(present)


def _column(
    i: int, names: Sequence[str], cells: Sequence[str], notation: NumberNotation
) -> ColumnProfile:
    """A column, and its use as an input."""
    numeric = _mostly_numbers(cells, notation)
    reading = (_read_numbers if numeric else _read_words)(names[i], cells, notation, len(names))
    present = {cell for cell in cells if cell not in MISSING_CELLS}
    absent = (NO_NUMBER if numeric else MISSING_CELLS).union(map(str, reading.signs))
    missing = sum(cell in absent for cell in cells)
    if not present:
        reading = Reading("empty", "", "ignore", "every cell is missing")
    elif len(present) == 1 and not missing:
        reading = replace(reading, use="ignore", note="constant: nothing can be learned from it")
    if problem := _name_problem(i, names):
        reading = replace(reading, use="ignore", note=problem)
    return ColumnProfile(i, names[i], missing, len(present), reading)


def _name_problem(i: int, names: Sequence[str]) -> str:
    if not names[i]:
        return "has no name, as row numbers and a trailing delimiter have none"
    return f"has the name of column {names.index(names[i])} too" if names[i] in names[:i] else ""


def _read_numbers(name: str, cells: Sequence[str], notation: NumberNotation, width: int) -> Reading:
    """A column that holds mostly numbers."""
    parsed = {cell: notation.parse(cell) for cell in cells if cell not in NO_NUMBER}
    numbers = np.array([v for c in cells if (v := parsed.get(c)) is not None], np.float64)
    odd = sorted(cell for cell, value in parsed.items() if value is None)
    if len(odd) > FEW_SIGNS or any(map(cell_hint, odd)):
        hint = cell_hint(odd[0]) or "is no number. Correct the cell"
        return Reading("numbers", _range(numbers), "ignore", f"{quoted(odd[0])} {hint}")
    signs: list[str | int | float] = [*odd]
    if (sign := sentinel(numbers)) is not None:
        signs.append(int(sign))
        numbers = numbers[numbers != sign]
    if is_id(name, numbers, width):
        return Reading("numbers", _range(numbers), "ignore", "different in every row, as an id is")
    note = f"holds {', '.join(map(str, signs))} among its numbers: taken as missing"
    return Reading("numbers", _range(numbers), "numbers", note if signs else "", tuple(signs))


def _range(numbers: np.ndarray[Any, np.dtype[np.float64]]) -> str:
    return f"{numbers.min():.6g} to {numbers.max():.6g}" if len(numbers) else ""


def _read_words(name: str, cells: Sequence[str], notation: NumberNotation, width: int) -> Reading:
    """A column that holds mostly words."""
    present = [cell for cell in cells if cell not in MISSING_CELLS]
    counts = Counter(present)
    values = ", ".join(text for text, _ in counts.most_common(3))
    hinted = [text for text in counts if cell_hint(text)]
    if len(hinted) > MOSTLY * len(counts):
        hint = cell_hint(hinted[0])
        kind = "dates" if "date" in hint else "words"
        return Reading(kind, values, "ignore", f"{quoted(hinted[0])} {hint}")
    if TRUTH.issuperset(map(str.casefold, counts)):
        return Reading("true/false", values, "category")
    if len(present) >= MANY and len(counts) > MOSTLY * len(present):
        return Reading("words", values, "ignore", "differs in most rows, as names and ids do")
    if len(counts) > MAX_CATEGORIES:
        note = f"{len(counts):,} values are too many for one-hot"
        return Reading("words", values, "ignore", note)
    return Reading("words", values, "category", look_alike_warning(tuple(counts), "values"))


def _target(path: Path, columns: Sequence[ColumnProfile], wanted: str | None) -> ColumnProfile:
    """The target column: the wanted one, one with a usual name, or the last that is of use."""
    if wanted is not None:
        chosen = [column for column in columns if column.name == wanted]
        if not chosen:
            names = quoted_list([column.name for column in columns], 20)
            raise DataError(f"{path} has no column {quoted(wanted)}; its columns are {names}.")
    else:
        useful = [column for column in columns if column.reading.use != "ignore"] or [*columns]
        chosen = [c for c in useful if c.name.casefold() in GUESSED] or useful[-1:]
    reading = chosen[0].reading
    note = reading.note if reading.use == "category" else ""
    return replace(chosen[0], reading=replace(reading, use="target", note=note, signs=()))


def _settings(path: Path, form: CsvForm, columns: Sequence[ColumnProfile]) -> dict[str, Any]:
    """The keys of `data` that read the file; those with their default are left out."""
    by_use = _by_use(form, columns)
    holes = {column.reading.use for column in columns if column.missing}
    signs = [s for c in columns if c.reading.use != "ignore" for s in c.reading.signs]
    settings = {
        "header": form.header,
        "categorical": by_use["category"],
        "ignore": by_use["ignore"],
        "missing": "median" if "numbers" in holes else "error",
        "missing_categories": "category" if "category" in holes else None,
        "missing_targets": "drop" if "target" in holes else None,
        "missing_values": list(dict.fromkeys(signs)),
        "delimiter": form.delimiter,
        "decimal": form.notation.decimal,
        "thousands": form.notation.thousands,
        "encoding": form.encoding,
    }
    changed = {key: value for key, value in settings.items() if value not in (DEFAULTS[key], [])}
    return {"name": "csv", "path": str(path), "target": by_use["target"][0], **changed}


def _by_use(form: CsvForm, columns: Sequence[ColumnProfile]) -> dict[str, list[str | int]]:
    """The columns of each use, by name where that is enough, else by number."""
    names = Counter(column.name for column in columns if column.name)
    by_use: dict[str, list[str | int]] = {"target": [], "category": [], "ignore": [], "numbers": []}
    for column in columns:
        is_named = form.header and names[column.name] == 1
        by_use[column.reading.use].append(column.name if is_named else column.number)
    return by_use
