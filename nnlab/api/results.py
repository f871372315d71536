"""What the results of all functions have in common: a text, a table, JSON."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from nnlab.errors import UsageError

Columns = dict[str, NDArray[Any]]
T = TypeVar("T")


class ShownResult:
    """A result that shows itself as the text that its command prints."""

    def __repr__(self) -> str:
        return str(self)

    @property
    def table(self) -> Mapping[str, NDArray[Any]]:
        """The columns of the result by name."""
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """The object that --json prints."""
        raise NotImplementedError

    def to_pandas(self) -> Any:
        """The table as a DataFrame. Raises UsageError where pandas is not installed."""
        try:
            import pandas  # type: ignore[import-untyped]
        except ImportError:
            raise UsageError(
                "pandas is not installed: pip install pandas. `.table` has the same columns as "
                "arrays."
            ) from None
        return pandas.DataFrame(dict(self.table))


class ShownList(list[T]):
    """Results in a list, which shows the text of each."""

    def __repr__(self) -> str:
        return "\n\n".join(map(str, self)) or "[]"


def columns_of(rows: Sequence[Mapping[str, Any]], names: Iterable[str] = ()) -> Columns:
    """The rows as columns; a missing number is nan, another missing value None."""
    keys = dict.fromkeys([*names, *(key for row in rows for key in row)])
    return {key: as_column([row.get(key) for row in rows]) for key in keys}


def as_column(values: Sequence[Any]) -> NDArray[Any]:
    """An array of numbers, of truth values or of texts where all are; else of objects."""
    kinds = {type(value) for value in values} - {int, float}
    if kinds == {type(None)} and len(set(values)) > 1:
        return np.array([np.nan if value is None else value for value in values], np.float64)
    if not kinds or kinds in ({bool}, {str}):
        return np.array(values)
    column = np.empty(len(values), object)
    column[:] = values
    return column
