"""Tables of a page, and notices about what the page could not show."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from nnlab.errors import NnlabError
from nnlab.show.words import format_number, setting_value, short_value, shorten

T = TypeVar("T")


class Notices(list[str]):
    """Sentences about what could not be shown, without repetition."""

    def attempt(self, what: str, make: Callable[[], T], default: T) -> T:
        """The result of `make`; where it fails, a sentence and `default`."""
        try:
            return make()
        except NnlabError as error:
            self.add(str(error))
        except Exception as error:  # a folder that was made to do harm
            self.add(f"{what} cannot be shown ({type(error).__name__}: {error}).")
        return default

    def add(self, sentence: str) -> None:
        """Add the first line, unless a notice already contains it."""
        line = next(iter(sentence.splitlines()), "")
        if not any(line in notice for notice in self):
            self.append(line)


@dataclass(frozen=True)
class TableCell:
    """A text, the number to sort by, and the address of a link."""

    text: str
    order: float | None = None
    link: str = ""


@dataclass(frozen=True)
class Table:
    """A caption, a header, and rows whose first cell names the row."""

    caption: str
    header: list[str]
    rows: list[list[TableCell]]
    kind: str = ""

    def numeric(self, column: int) -> bool:
        """Whether a column holds numbers."""
        return any(row[column].order is not None for row in self.rows)


def table_of_records(
    caption: str, records: Sequence[Mapping[str, Any]], names: Mapping[str, str]
) -> list[Table]:
    """A table with a row per record and a column per key that has a value; none without keys.

    `names` has other words for keys.
    """
    keys = list(dict.fromkeys(key for record in records for key in record))
    keys = [key for key in keys if any(record.get(key) is not None for record in records)]
    if not keys:
        return []
    rows = [[number_cell(record.get(key)) for key in keys] for record in records]
    return [Table(caption, [names.get(key, key.replace("_", " ")) for key in keys], rows)]


def number_cell(value: Any) -> TableCell:
    """A cell for a number, a text or nothing."""
    return TableCell(format_number(value), _order(value))


def setting_cell(value: Any) -> TableCell:
    """A setting as YAML, sorted as a number where it is one."""
    text = short_value(value) if isinstance(value, list) else setting_value(value)
    return TableCell(shorten(text, 40), _order(value))


def _order(value: Any) -> float | None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number else None
