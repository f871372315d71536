"""Numbers, missing cells, and values written in another way."""

import difflib
import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

MISSING = frozenset({"", "NA", "N/A", "NaN", "nan", "NAN", "null", "NULL", "?"})
# In a column of numbers these mean a missing cell too; among words each may be a word.
NO_NUMBER = MISSING | {
    *("-", "--", "---", "\N{EN DASH}", "\N{EM DASH}", ".", "..", "n/a", "N/a", "na", "Na", "n.a."),
    *("None", "none", "NONE", "nil", "Null", "#N/A", "<NA>", "missing", "unknown"),
}

_DIGITS = r"\d[\d.,'’ \u00a0\u202f]*"
_CURRENCY = r"(?:[€$£¥₹]|(?:EUR|USD|GBP|CHF|JPY|INR|CNY)\b)"
_UNITS = r"[a-zA-Zµ°²³/]{1,6}"
# A cell that is no number: how it looks, what it is, and the way out. The first match counts.
RECOGNISED: tuple[tuple[re.Pattern[str], str], ...] = tuple(
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
        (r"#[A-Z/0!?]{2,}", "is an error of a spreadsheet. Mend the cell"),
        (
            rf"(?:\d+\.?\d*|\.\d+)\s*{_UNITS}",
            "is a number with a unit. Write the number alone, or list the column under categorical "
            "if it is a name",
        ),
    )
)
_EITHER = re.compile(r"\s*[+-]?\d{1,3},\d{3}\s*")


def number(text: str, decimal: str = ".") -> float | None:
    """`text` as a finite number, or None; Python's own 1_000 is none."""
    if decimal != ".":
        if "." in text:
            return None
        text = text.replace(decimal, ".")
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in text else None


def recognised(text: str) -> str:
    """What a non-number looks like and how to mend it, or ''."""
    if _EITHER.fullmatch(text):
        return (
            "has a comma. Where it separates thousands, write the digits without it; where it is "
            "a decimal comma, set decimal: ','"
        )
    return next((words for pattern, words in RECOGNISED if pattern.fullmatch(text)), "")


def with_unit(text: str) -> bool:
    """Whether a cell is a number with a unit; 5th may be a name."""
    return "with a unit" in recognised(text)


def is_name(text: str) -> bool:
    """Whether a cell can name a column: it is a word."""
    try:
        float(text)  # inf and 1_000 are no names either
    except ValueError:
        starts = text[:1].isalpha() or text[:1] in "_#"
        return starts and text not in NO_NUMBER and not recognised(text)
    return False


def place(path: Path, line: int, column: str) -> str:
    """How messages name a cell."""
    return f"{path}, line {line}, column {shown(column)}"


def shown(text: str) -> str:
    """Quoted, short, and without control characters."""
    return repr(text if len(text) <= 40 else f"{text[:37]}...")


def listed(names: Sequence[str], most: int = 10) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(shown, names[:most])) + more


def meant(word: str, names: Iterable[str]) -> str:
    """A question that proposes the name most like `word`, or ''."""
    known = {name.lower(): name for name in names}
    near = difflib.get_close_matches(word.lower()[:64], known, n=1)
    return f" Did you mean {shown(known[near[0]])}?" if near else ""
