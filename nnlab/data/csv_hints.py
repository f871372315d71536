"""Errors and hints about unusable cells and delimiters of CSV files."""

import re
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path

from nnlab.data.csv_text import (
    MISSING,
    NO_NUMBER,
    CsvFile,
    CsvForm,
    parse_number,
    quoted,
    read_rows,
)
from nnlab.errors import DataError

_DIGITS = r"\d[\d.,'’ \u00a0\u202f]*"
_CURRENCY = r"(?:[€$£¥₹]|(?:EUR|USD|GBP|CHF|JPY|INR|CNY)\b)"
_UNITS = r"[a-zA-Zµ°²³/]{1,6}"
# A cell that is no number: how it looks, what it is, and the way out. The first match counts.
CELL_HINTS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(rf"\s*[+-]?(?:{pattern})\s*"), sentence)
    for pattern, sentence in (
        (
            rf"[\N{{MINUS SIGN}}\N{{EN DASH}}\N{{EM DASH}}]\s*{_DIGITS}",
            "begins with a dash that is no minus sign. Type - instead",
        ),
        (rf"{_DIGITS}\s*%", "is a percentage. Write the number alone, without the sign"),
        (
            rf"{_CURRENCY}\s*[+-]?{_DIGITS}|{_DIGITS}\s*{_CURRENCY}",
            "is an amount of money. Write the number alone, without the currency",
        ),
        (
            r"(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](?:\d{4}|\d{2}))"
            r"(?:[T ]\d{1,2}:\d{2}.*)?|\d{1,2}[ -]?[A-Z][a-z]{2,8}[ -]?(?:\d{4}|\d{2})"
            r"|[A-Z][a-z]{2,8} (?:\d{1,2},? )?\d{4}|\d{4}-\d{2}"
            r"|\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?: ?[AaPp][Mm])?",
            "is a date or a time. Make numbers of it (days since a start; year, month, weekday), "
            "or leave the column out with ignore",
        ),
        (
            r"\d{1,3}(?:[ ,.'’\u00a0\u202f]\d{3})+(?:[.,]\d+)?",
            "has separators of thousands. Write the digits without them",
        ),
        (
            r"\d*,\d+(?:[eE][+-]?\d+)?",
            "has a decimal comma. Write a decimal point, or set decimal: ','",
        ),
        (r"#[A-Z/0!?]{2,}", "is an error of a spreadsheet. Correct the cell"),
        (
            rf"(?:\d+\.?\d*|\.\d+)\s*{_UNITS}",
            "is a number with a unit. Write the number alone, or list the column under categorical "
            "if it is a name",
        ),
    )
)
_COMMA_OF_EITHER_KIND = re.compile(r"\s*[+-]?\d{1,3},\d{3}\s*")

DELIMITERS = (";", "\t", "|", ",", " ")
MOSTLY = 0.5  # a column of which so many cells are numbers is a column of numbers
SPREADSHEET_NOTE = re.compile(r"sep=.", re.IGNORECASE)  # tells Excel the delimiter
MANY = 20  # rows that are enough to tell names, which differ, from categories


def cell_hint(text: str) -> str:
    """What a cell without a number looks like, and the correction; or ''."""
    if _COMMA_OF_EITHER_KIND.fullmatch(text):
        return (
            "has a comma. Where it separates thousands, write the digits without it; where it is "
            "a decimal comma, set decimal: ','"
        )
    return next((words for pattern, words in CELL_HINTS if pattern.fullmatch(text)), "")


def has_unit(text: str) -> bool:
    """Whether a cell is a number with a unit; 5th may be a name."""
    return "with a unit" in cell_hint(text)


def is_name(text: str) -> bool:
    """Whether a cell can name a column: it is a word."""
    try:
        float(text)  # inf and 1_000 are no names either
    except ValueError:
        starts = text[:1].isalpha() or text[:1] in "_#"
        return starts and text not in NO_NUMBER and not cell_hint(text)
    return False


def missing_cell(file: CsvFile, line: int, text: str, column: int) -> DataError:
    """The error for a missing cell that nothing fills."""
    what = f"the cell is missing ({quoted(text)})" if text not in MISSING else "the cell is missing"
    where = file.place(line, column)
    if not file.form.fitting:
        return DataError(f"{where}: {what}. Fill it: the run was not trained to fill it in.")
    way = "missing: drop or missing: mean, or leave the column out with ignore"
    if column in file.targets:
        way = "missing: drop; a target is never filled in"
    return DataError(f"{where}: {what}. Fill it, or set {way}.")


def not_a_number(file: CsvFile, line: int, text: str, column: int) -> DataError:
    """The error for a cell that should be a number; reads its column."""
    if text in NO_NUMBER:
        return missing_cell(file, line, text, column)
    where = f"{file.place(line, column)}: {quoted(text)}"
    if hint := cell_hint(text):
        if not file.form.fitting:
            hint = f"{hint.partition('.')[0]}; the run was trained on numbers here"
        return DataError(f"{where} {hint}.")
    way = other_delimiter(file.path, file.form, text) or _way_out(file, text, column)
    return DataError(f"{where} is not a finite number.{way}")


def _way_out(file: CsvFile, text: str, column: int) -> str:
    """What to do about a text, judged by its whole column."""
    try:
        float(text)  # inf, 1e999, 1_000: meant as a number, so it is no category
        return ""
    except ValueError:
        if not file.form.fitting:
            return ""
    if column in file.targets:
        return " Correct the cell, or set task: classes if the target consists of names."
    cells: list[str] = []
    # Errors of a later line are left out: the present cell comes first.
    with suppress(DataError), closing(read_rows(file.path, file.form.delimiter)) as rows:
        below = islice(rows, 1 if file.form.header else 0, None)
        cells += [row[column] for _, row in below if len(row) > column]
    return _advice(file, text, column, cells)


def _advice(file: CsvFile, text: str, column: int, cells: list[str]) -> str:
    present = [cell for cell in cells if cell not in NO_NUMBER]
    numeric = sum(parse_number(cell, file.form.decimal) is not None for cell in present)
    if file.form.header:
        if text == file.names[column]:
            return " The line looks like the header again: remove it."
    elif [text] == cells[:1] and numeric == len(present) - 1:
        return " Where line 1 holds the names of the columns, set header: true."
    if numeric > MOSTLY * len(present):
        return " The rest of the column is numbers: correct the cell, or set ignore."
    if len(present) >= MANY and len(set(present)) > MOSTLY * len(present):
        return (
            " The texts of this column differ in most rows, as names do: leave it out with ignore."
        )
    return " List the column under categorical to make it one-hot, or under ignore to leave it out."


def other_delimiter(path: Path, form: CsvForm, cell: str = "") -> str:
    """A hint at a better delimiter or at lines above the table.

    It must cut all of the first lines into equally many cells, and the present delimiter must not,
    or leave it inside `cell`, which could not be used. Blanks count only where nothing else cuts.
    """
    if note := _spreadsheet_note(path, form.delimiter):
        return f" Line 1 ({note}) is a note for spreadsheets: remove it."
    rows = _widths(path, form.delimiter)
    if delimiter := _better_delimiter(path, form, set(rows), cell):
        words = {"\t": "tabs", " ": "blanks"}.get(delimiter, quoted(delimiter))
        setting = {"\t": "\\t", " ": '" "'}.get(delimiter, f'"{delimiter}"')
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


def _better_delimiter(path: Path, form: CsvForm, widths: set[int], cell: str) -> str:
    for delimiter in DELIMITERS:
        cut = set(_widths(path, delimiter)) if delimiter != form.delimiter else set()
        is_worse = delimiter == " " or (len(widths) == 1 and delimiter not in cell)
        if len(cut) == 1 and cut != {1} and (widths <= {1} or not is_worse):
            return delimiter
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
