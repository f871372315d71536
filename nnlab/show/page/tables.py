"""Tables as the page shows them: texts to read, numbers to sort by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nnlab.show.page.numbers import text


@dataclass(frozen=True)
class Cell:
    """What a cell says; what it is sorted by, where that is a number; its class; where it leads."""

    text: str
    order: float | None = None
    shade: str = ""
    link: str = ""


@dataclass(frozen=True)
class Table:
    """A caption, a header, and rows whose first cell names the row."""

    caption: str
    header: list[str]
    rows: list[list[Cell]]
    sortable: bool = True
    kind: str = ""

    def numeric(self, column: int) -> bool:
        """Whether a column holds numbers."""
        return any(row[column].order is not None for row in self.rows)


def of_records(
    caption: str, records: Sequence[Mapping[str, Any]], names: Mapping[str, str]
) -> list[Table]:
    """A table of mappings, whose keys in order of appearance are the columns; none without rows.

    `names` has other words for keys. Columns in which no row has anything are left out.
    """
    keys = list(dict.fromkeys(key for record in records for key in record))
    keys = [key for key in keys if any(record.get(key) is not None for record in records)]
    if not keys:
        return []
    rows = [[cell(record.get(key)) for key in keys] for record in records]
    return [Table(caption, [names.get(key, key.replace("_", " ")) for key in keys], rows)]


def cell(value: Any) -> Cell:
    """A cell for a number, a text or nothing."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Cell(text(value), float(value), "number")
    return Cell(text(value) if value is None or isinstance(value, str) else str(value))
