"""Data frames and arrays of objects, read as the columns of a CSV file are."""

from collections.abc import Container, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.core.types import FloatArray
from nnlab.data.csv_text import quoted, quoted_list
from nnlab.data.dataset import InputColumn
from nnlab.data.missing import MissingRules
from nnlab.data.table import ColumnTable
from nnlab.errors import DataError
from nnlab.suggest import did_you_mean

NUMBERS = "biuf"  # kinds of NumPy's dtypes: bool, whole numbers, floats
# What to do with a missing cell.
FITTING = "Fill it, or set missing to 'mean' or 'drop'"
RULES = MissingRules()
LATER = "Fill it: the network was not trained to do so"


class FrameTable(ColumnTable):
    """A data frame (pandas, polars), or an array (N, n) whose columns have numbers for names.

    Columns of text and of the type category are categories, and those that `categorical` names.
    columns: those of the training data, which later rows have in the same order. missing: as
    in a CSV file. present (N,): the rows of the frame that dropping left.

    Raises DataError naming row and column.
    """

    def __init__(
        self,
        frame: Any,
        categorical: Sequence[str | int] = (),
        missing: MissingRules = RULES,
        columns: Sequence[InputColumn] | None = None,
    ) -> None:
        self.title, self._fitting, self.missing = "the rows", columns is None, missing
        if 0 in frame.shape:
            raise DataError(f"{self.title}: there is none in a table of shape {frame.shape}.")
        self.names, values = named_columns(frame)
        self.inputs = range(len(values))
        same = [name for i, name in enumerate(self.names) if name in self.names[:i]]
        if same:
            raise DataError(f"{self.title}: several columns are named {quoted(same[0])}.")
        if columns is None:
            chosen = {
                *map(self._find, categorical),
                *filter(lambda i: is_named(values[i]), self.inputs),
            }
        else:
            chosen = {i for i, column in enumerate(columns) if column.categories is not None}
        self.categories = sorted(chosen)
        self.texts = {i: texts_of(np.asarray(values[i]), missing.texts) for i in self.categories}
        self.numbers: dict[int, FloatArray] = {
            i: self._numbers(i, np.asarray(values[i])) for i in self.inputs if i not in chosen
        }
        self.present = np.ones(len(frame), np.bool_)
        self._mark_present()
        self._take_present()

    def __len__(self) -> int:
        return int(self.present.sum())

    def place(self, row: int, column: int) -> str:
        return self._place(int(np.flatnonzero(self.present)[row]), column)

    def _place(self, row: int, column: int) -> str:
        return f"row {row} (counted from 0), column {quoted(self.names[column])}"

    def _find(self, column: str | int) -> int:
        """The number of a column that `categorical` names."""
        if isinstance(column, int) and 0 <= column < len(self.names):
            return column
        if column in self.names:
            return self.names.index(str(column))
        raise DataError(
            f"there is no categorical column {column!r}; the columns are "
            f"{quoted_list(self.names, 20)}.{did_you_mean(str(column), self.names)}"
        )

    def _numbers(self, i: int, cells: NDArray[Any]) -> FloatArray:
        """A column as numbers, nan where a cell is missing."""
        where = f"column {quoted(self.names[i])}"
        if cells.dtype.kind in NUMBERS:
            return self._without_signs(np.ascontiguousarray(cells, np.float64))
        if cells.dtype.kind in "mM":
            raise DataError(
                f"{where} holds dates or times. Make numbers of them (days since a start; year, "
                "month, weekday), or leave the column out."
            )
        signs = self.missing.texts
        items = [np.nan if is_missing(item, signs) else item for item in cells.tolist()]
        wrong = next((item for item in items if isinstance(item, str)), None)
        try:
            if wrong is None:
                return self._without_signs(np.array(items, np.float64))
        except (TypeError, ValueError) as error:
            wrong = f"{error}"
        way = " Make the cells all numbers or all texts." if self._fitting else ""
        raise DataError(f"{where} holds something that is no number: {wrong}.{way}")

    def _without_signs(self, numbers: FloatArray) -> FloatArray:
        """Numbers with nan in place of the user's own signs for missing cells."""
        signs = self.missing.numeric
        return np.where(np.isin(numbers, list(signs)), np.nan, numbers) if signs else numbers

    def _absent(self, i: int) -> NDArray[np.bool_]:
        """Which cells (N,) of a column are missing."""
        if i in self.numbers:
            return np.isnan(self.numbers[i])
        return np.array([not text for text in self.texts[i]], np.bool_)

    def _mark_present(self) -> None:
        """Refuse a missing cell, or mark its row as left out, as the rules say."""
        for i in self.inputs:
            rule = self.missing.numbers if i in self.numbers else self.missing.categories
            if rule not in ("error", "drop"):
                continue
            absent = self._absent(i)
            if rule == "error" and absent.any():
                place = self._place(int(absent.argmax()), i)
                way = FITTING if self._fitting else LATER
                raise DataError(f"{place}: the cell is missing (NaN). {way}.")
            self.present &= ~absent

    def _take_present(self) -> None:
        """Leave out the rows that are not present."""
        if not self.present.any():
            raise DataError(f"{self.title}: every row has a missing cell, and missing is 'drop'.")
        rows = np.flatnonzero(self.present).tolist()
        self.texts = {i: [texts[row] for row in rows] for i, texts in self.texts.items()}
        self.numbers = {i: numbers[rows] for i, numbers in self.numbers.items()}


def named_columns(frame: Any) -> tuple[list[str], list[Any]]:
    """The names and the cells of the columns, left to right."""
    if isinstance(frame, np.ndarray):
        return [str(i) for i in range(frame.shape[1])], list(frame.T)
    pairs = frame.items() if hasattr(frame, "items") else zip(frame.columns, frame, strict=True)
    names, columns = zip(*pairs, strict=True)
    return list(map(str, names)), list(columns)


def is_named(column: Any) -> bool:
    """Whether a column has the type category, or no cell but texts and missing ones."""
    if str(getattr(column, "dtype", "")).lower().startswith("cat"):
        return True
    cells = np.asarray(column)
    if cells.dtype.kind in NUMBERS:
        return False
    kinds = {isinstance(item, str) for item in cells.tolist() if not is_missing(item)}
    return kinds == {True}


def texts_of(cells: NDArray[Any], signs: Container[str]) -> list[str]:
    """Cells as texts without blanks around them, "" where one is missing or one of `signs`."""
    texts = ("" if is_missing(item) else str(item).strip() for item in cells.tolist())
    return ["" if text in signs else text for text in texts]


def is_missing(cell: object, signs: Container[str] = ()) -> bool:
    """Whether a cell is None, nan, pandas' NA, or one of `signs`."""
    if isinstance(cell, str):
        return cell in signs
    try:
        return cell is None or bool(cell != cell)
    except TypeError:  # NA is neither equal to itself nor not
        return True
