"""Hints at what is wrong with a cell or a delimiter of a CSV file."""

import re
from contextlib import closing
from dataclasses import replace
from itertools import islice
from pathlib import Path

from nnlab.data.csv_text import SEPARATORS, CsvForm, quoted, read_csv_rows
from nnlab.data.missing import NO_NUMBER
from nnlab.errors import DataError

_DIGITS = r"\d[\d.,'’ \u00a0\u202f]*"
_CURRENCY = r"(?:[€$£¥₹]|(?:EUR|USD|GBP|CHF|JPY|INR|CNY)\b)"
_UNITS = r"[a-zA-Zµ°²³/]{1,6}"
# A cell that is no number: its pattern, and what it is with the correction. First match wins.
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
            "has separators of thousands. Write the digits without them, or set {}",
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
SPREADSHEET_NOTE = re.compile(r"sep=.", re.IGNORECASE)  # tells Excel the delimiter


def cell_hint(text: str) -> str:
    """What a cell that is no number looks like, and the correction, or ''."""
    if _COMMA_OF_EITHER_KIND.fullmatch(text):
        return (
            "has a comma. Where it separates thousands, set thousands: ','; where it is a decimal "
            "comma, set decimal: ','"
        )
    words = next((words for pattern, words in CELL_HINTS if pattern.fullmatch(text)), "")
    return words.format(_separators(text)) if "{}" in words else words


def _separators(text: str) -> str:
    """The settings for the separators in a number such as 1.234,5."""
    signs = re.sub(r"[^ ,.'\u2019\u00a0\u202f]", "", text.strip())
    thousands = next(key for key, forms in SEPARATORS.items() if signs[0] in forms)
    decimal = f"decimal: '{signs[-1]}' and " if signs[-1] == "," != signs[0] else ""
    return f"{decimal}thousands: {thousands!r}"


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


def other_delimiter(path: Path, form: CsvForm, cell: str = "") -> str:
    """A hint at a better delimiter or at lines above the table, or ''."""
    rows = _first_rows(path, form)
    note = form.delimiter.join(rows[0]) if rows else ""
    if SPREADSHEET_NOTE.fullmatch(note):
        return f" Line 1 ({note}) is a note for spreadsheets: remove it."
    widths = [len(row) for row in rows]
    if delimiter := _better_delimiter(path, form, set(widths), cell):
        words = {"\t": "tabs", " ": "blanks"}.get(delimiter, quoted(delimiter))
        setting = {"\t": "\\t", " ": '" "'}.get(delimiter, f'"{delimiter}"')
        if not form.fitting:
            return f" The cells look separated by {words}, and the training file's were not."
        return f" The cells look separated by {words}: set delimiter: {setting}."
    # Last, because decimal commas make the same pattern: names of one cell above rows of several.
    if len(rows) > 2 and widths[0] == 1 != widths[-1] and len(set(widths[1:])) == 1:
        return (
            f" Line 1 is a single cell, and the rows below have {widths[-1]}: remove the lines "
            "above the table."
        )
    return ""


def _better_delimiter(path: Path, form: CsvForm, widths: set[int], cell: str) -> str:
    """A delimiter that cuts the first rows into equally many cells, or ''.

    The present delimiter must not, or leave the better one inside `cell`, which is unusable.
    Blanks count only where nothing else cuts.
    """
    for delimiter in DELIMITERS:
        cut = {len(row) for row in _first_rows(path, replace(form, delimiter=delimiter))}
        cuts_evenly = delimiter != form.delimiter and len(cut) == 1 and cut != {1}
        is_worse = delimiter == " " or (len(widths) == 1 and delimiter not in cell)
        if cuts_evenly and (widths <= {1} or not is_worse):
            return delimiter
    return ""


def _first_rows(path: Path, form: CsvForm) -> list[list[str]]:
    """The first 20 rows; none where they are unreadable."""
    try:
        with closing(read_csv_rows(path, form)) as rows:
            return [cells for _, cells in islice(rows, 20)]
    except DataError:
        return []
