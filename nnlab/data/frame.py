"""Data frames and arrays of objects, read as the columns of a CSV file are."""

from collections.abc import Container, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.core.types import NUMERIC, FloatArray
from nnlab.data.csv_text import POINT, CsvForm, quoted, quoted_list
from nnlab.data.dataset import InputColumn
from nnlab.data.missing import MissingRules
from nnlab.data.table import ColumnTable
from nnlab.errors import DataError
from nnlab.suggest import did_you_mean

# What to do with a missing cell.
FITTING = "Fill it, or set missing to 'mean' or 'drop'"
RULES = MissingRules()
LATER = "Fill it: the network was not trained to do so"
TARGET = "Set missing to 'drop' to leave out its row: a target is never filled in"


class FrameTable(ColumnTable):
    """The columns of a data frame, or of an array (N, n); see `named_columns`.

    Columns of text and of the type category are categories, and those that `categorical` names.
    columns: those of the training data, which later rows have in the same order. missing: as in a
    CSV file. present (N,): the rows of the frame that dropping left. targets, ignored: columns that
    are no inputs. title: the table in messages.

    Raises DataError naming row and column.
    """

    def __init__(
        self,
        names: Sequence[str],
        values: Sequence[Any],
        categorical: Sequence[str | int] = (),
        missing: MissingRules = RULES,
        columns: Sequence[InputColumn] | None = None,
        targets: Sequence[str | int] = (),
        ignored: Sequence[str | int] = (),
        title: str = "the rows",
    ) -> None:
        self.title, self.form, self._fitting = title, CsvForm(missing=missing), columns is None
        rows = len(values[0]) if values else 0
        if not rows:
            raise DataError(f"{self.title}: there is none in a table of shape {(0, len(values))}.")
        self.names = names
        self._choose(targets, ignored, categorical)
        if columns is None:
            named = (i for i in self.inputs if is_named(values[i]))
            self.categories = sorted({*self.categories, *named})
        else:
            self.categories = [i for i, c in enumerate(columns) if c.categories is not None]
        texts = (*self.categories, *self.targets)
        self.texts = {i: texts_of(np.asarray(values[i]), missing.texts) for i in texts}
        self.numbers: dict[int, FloatArray] = {
            i: self.numbers_of(i, np.asarray(values[i])) for i in self.inputs if i not in texts
        }
        self.present = np.ones(rows, np.bool_)
        self._mark_present()
        self._take_present()
        self.file_rows = np.flatnonzero(self.present)
        self.dropped = rows - len(self.file_rows)

    def __len__(self) -> int:
        return len(self.file_rows)

    def place(self, row: int, column: int) -> str:
        return self._place(int(self.file_rows[row]), column)

    def target_number(self, row: int, column: int) -> float:
        text = self.texts[column][row]
        if (value := POINT.parse(text)) is None:
            raise DataError(f"{self.place(row, column)}: {quoted(text)} is not a finite number.")
        return value

    def _place(self, row: int, column: int) -> str:
        return f"row {row} (counted from 0), column {quoted(self.names[column])}"

    def _choose(self, *choices: Sequence[str | int]) -> None:
        """Set targets, ignored columns, categories and inputs; DataError where two overlap."""
        words = ("target", "ignored or weight", "categorical")
        self.targets, self.ignored, self.categories = (
            [self._find(column, word) for column in columns]
            for word, columns in zip(words, choices, strict=True)
        )
        chosen, names = [*self.targets, *self.ignored, *self.categories], self.names
        if twice := [i for k, i in enumerate(chosen) if i in chosen[:k]]:
            raise DataError(f"{self.title}: column {quoted(names[twice[0]])} is chosen twice.")
        if same := [name for i, name in enumerate(names) if name in names[:i]]:
            raise DataError(f"{self.title}: several columns are named {quoted(same[0])}.")
        outside = (*self.targets, *self.ignored)
        self.inputs = [i for i in range(len(names)) if i not in outside]
        if not self.inputs:
            raise DataError(f"{self.title}: there are target columns only, and no input.")

    def _find(self, column: str | int, what: str) -> int:
        """The number of a column by its name, or by its number."""
        if isinstance(column, int) and 0 <= column < len(self.names):
            return column
        if column in self.names:
            return self.names.index(str(column))
        raise DataError(
            f"there is no {what} column {column!r}; the columns are "
            f"{quoted_list(self.names, 20)}.{did_you_mean(str(column), self.names)}"
        )

    def numbers_of(self, i: int, cells: NDArray[Any]) -> FloatArray:
        """A column as numbers, nan where a cell is missing."""
        where = f"column {quoted(self.names[i])}"
        if cells.dtype.kind in NUMERIC:
            return self._without_signs(np.ascontiguousarray(cells, np.float64))
        if cells.dtype.kind in "mM":
            raise DataError(
                f"{where} holds dates or times. Make numbers of them (days since a start; year, "
                "month, weekday), or leave the column out."
            )
        signs = self.form.missing.texts
        items = [np.nan if is_missing(item, signs) else item for item in cells.tolist()]
        no_numbers = (str, list, tuple, np.ndarray)
        wrong = next((item for item in items if isinstance(item, no_numbers)), None)
        try:
            if wrong is None:
                return self._without_signs(np.array(items, np.float64))
        except (TypeError, ValueError) as error:
            wrong = f"{error}"
        way = " Make the cells all numbers or all texts." if self._fitting else ""
        raise DataError(f"{where} holds something that is no number: {wrong}.{way}")

    def _without_signs(self, numbers: FloatArray) -> FloatArray:
        """Numbers with nan in place of the user's own signs for missing cells."""
        signs = self.form.missing.numeric
        return np.where(np.isin(numbers, list(signs)), np.nan, numbers) if signs else numbers

    def _absent(self, i: int) -> NDArray[np.bool_]:
        """Which cells (N,) of a column are missing."""
        if i in self.numbers:
            return np.isnan(self.numbers[i])
        return np.array([not text for text in self.texts[i]], np.bool_)

    def _mark_present(self) -> None:
        """Refuse a missing cell, or mark its row as left out, as the rules say."""
        for i in (*self.inputs, *self.targets):
            rule = self.rule(i)
            if rule not in ("error", "drop"):
                continue
            absent = self._absent(i)
            if rule == "error" and absent.any():
                raise self._missing_cell(int(absent.argmax()), i)
            self.present &= ~absent

    def _take_present(self) -> None:
        """Leave out the rows that are not present."""
        if not self.present.any():
            raise DataError(f"{self.title}: every row has a missing cell, and missing is 'drop'.")
        rows = np.flatnonzero(self.present).tolist()
        self.texts = {i: [texts[row] for row in rows] for i, texts in self.texts.items()}
        self.numbers = {i: numbers[rows] for i, numbers in self.numbers.items()}

    def _missing_cell(self, row: int, column: int) -> DataError:
        """The error for a missing cell that nothing fills."""
        way = FITTING if self._fitting else LATER
        way = TARGET if column in self.targets else way
        return DataError(f"{self._place(row, column)}: the cell is missing (NaN). {way}.")


def is_frame(x: Any) -> bool:
    """Whether x is a data frame."""
    return hasattr(x, "columns") and hasattr(x, "dtypes")


def named_columns(frame: Any) -> tuple[list[str], list[Any]]:
    """The names and the cells of the columns, left to right, of a data frame (pandas, polars).

    The columns of an array (N, n) have numbers for names.
    """
    if isinstance(frame, np.ndarray):
        return [str(i) for i in range(frame.shape[1])], list(frame.T)
    pairs = frame.items() if hasattr(frame, "items") else zip(frame.columns, frame, strict=True)
    names, columns = zip(*pairs, strict=True) if len(frame.columns) else ((), ())
    return list(map(str, names)), list(columns)


def is_named(column: Any) -> bool:
    """Whether a column has the type category, or no cell but texts and missing ones."""
    if str(getattr(column, "dtype", "")).lower().startswith("cat"):
        return True
    cells = np.asarray(column)
    if cells.dtype.kind in NUMERIC:
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
    except ValueError:  # an array is a value
        return False
