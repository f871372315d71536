"""Tables, from a CSV file or a data frame: their columns, and the inputs that these become."""

from abc import ABC, abstractmethod
from array import array
from collections.abc import Mapping, Sequence

import numpy as np

from nnlab.core.types import FloatArray, IntArray
from nnlab.data.csv_text import CsvForm, quoted, quoted_list
from nnlab.data.dataset import InputColumn, category_words
from nnlab.errors import DataError

MAX_CATEGORIES = 1000


class ColumnTable(ABC):
    """The chosen columns of a table, by number.

    title: the table in messages. names: of all columns. inputs: the numbers of the input columns
    in the network's order, of which those in categories are texts. numbers: the cells of a column
    of numbers, nan where a cell is missing. texts: the cells of a column of texts, "" where a cell
    is missing. targets, ignored: numbers of columns; targets are among the texts.
    file_rows: the numbers of the rows from 0, where the `dropped` rows count too.
    """

    title: str
    form: CsvForm
    names: Sequence[str]
    inputs: Sequence[int]
    categories: Sequence[int]
    numbers: Mapping[int, "array[float]"] | Mapping[int, FloatArray]
    texts: Mapping[int, list[str]]
    targets: Sequence[int]
    ignored: Sequence[int]
    dropped: int
    file_rows: "array[int] | IntArray"

    @abstractmethod
    def __len__(self) -> int:
        """Number of rows N."""

    @abstractmethod
    def place(self, row: int, column: int) -> str:
        """The name of a cell in messages."""

    def rule(self, column: int) -> str:
        """What is done about a missing cell of an input or target column."""
        rules = self.form.missing
        if column in self.targets:
            return rules.targets
        return rules.numbers if column in self.numbers else rules.categories

    @abstractmethod
    def target_number(self, row: int, column: int) -> float:
        """A target cell as a number. Raises DataError."""


def fit_columns(table: ColumnTable) -> tuple[InputColumn, ...]:
    """The input columns; categories are the sorted texts of a column.

    Raises DataError where a column has no value at all, or too many categories.
    """
    empty = [i for i, values in table.numbers.items() if np.isnan(values).all()]
    empty += [i for i, texts in table.texts.items() if not any(texts)]
    if empty:
        raise DataError(
            f"{table.title}, column {quoted(table.names[empty[0]])}: every cell is missing. "
            "Leave it out with ignore."
        )
    return tuple(
        InputColumn(table.names[i], _categories(table, i) if i in table.categories else None)
        for i in table.inputs
    )


def _categories(table: ColumnTable, i: int) -> tuple[str, ...]:
    no_category = set() if table.form.missing.categories == "category" else {""}
    values = tuple(sorted(set(table.texts[i]) - no_category))
    if len(values) > MAX_CATEGORIES:
        raise DataError(
            f"{table.title}, column {quoted(table.names[i])} has {len(values):,} distinct "
            f"values; one-hot takes up to {MAX_CATEGORIES:,}."
        )
    return values


def encode_inputs(table: ColumnTable, columns: Sequence[InputColumn]) -> FloatArray:
    """Inputs (N, n): numbers, and one-hot categories; nan where cells are missing."""
    blocks: list[FloatArray] = []
    for i, column in zip(table.inputs, columns, strict=True):
        if column.categories is None:
            blocks.append(np.frombuffer(table.numbers[i], np.float64)[:, None])
            continue
        codes = {value: k for k, value in enumerate(column.categories)}
        rows = [*np.eye(len(codes)), np.full(len(codes), np.nan)]
        block = np.empty((len(table), len(codes)))
        for row, text in enumerate(table.texts[i]):
            if text not in codes and (text or table.form.missing.categories == "category"):
                raise _unknown_category(table.place(row, i), text, column.categories)
            block[row] = rows[codes.get(text, -1)]
        blocks.append(block)
    return np.concatenate(blocks, axis=1, dtype=np.float64)


def _unknown_category(place: str, text: str, categories: Sequence[str]) -> DataError:
    if not text:
        return DataError(
            f"{place}: the cell is missing. Fill it: no cell of this column was missing in the "
            "training data, so the network has no category for it."
        )
    known = quoted_list([category_words(name) for name in categories])
    return DataError(
        f"{place}: {quoted(text)} is none of the categories of the training data, {known}."
    )
