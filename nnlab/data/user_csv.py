"""The user's CSV file: its settings, and the table schema fitted to it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Len

from nnlab.core.types import FilePath
from nnlab.data.csv_hints import is_name
from nnlab.data.csv_table import CsvTable
from nnlab.data.csv_text import (
    CsvForm,
    Encoding,
    NumberNotation,
    Thousands,
    open_csv,
    quoted,
    quoted_list,
)
from nnlab.data.dataset import Dataset, UserFile, content_hash, read_if_changed
from nnlab.data.missing import (
    NO_NUMBER,
    Missing,
    MissingCategories,
    MissingTargets,
    missing_rules,
)
from nnlab.data.table import fit_columns
from nnlab.data.table_schema import TableTask, fit_schema
from nnlab.errors import DataError

ColumnChoice = str | Annotated[int, Ge(0)]  # a name of the header, or a number counted from 0


@dataclass(frozen=True)
class Csv(UserFile):
    r"""A text table, one row per line; every column that is not a target is an input.

    A column is given by its name, or by its number counted from 0; without a header by number.

    path: the file; a relative path starts at the config's folder.
    target: the column to predict; several make a regression, or with bce labels.
    header: whether the first line holds the names of the columns.
    categorical: columns shown as one-hot, an input `name=value` for each value in sorted order.
    ignore: columns that are left out.
    group: a column that is no input; rows with the same value in it stay in the same part or fold,
    as those of one patient must.
    weight: a column that is no input; a row with 2 in it counts as two in the loss and the metrics,
    one with 0 is left out. Tables over classes, figures and other files in evaluate count each row
    once.
    missing: an empty cell (or NA, NaN, null, ?; among numbers also -, n/a, None) is an error,
    drops its row, or is filled from the training rows: with the mean, the median or the
    most_frequent value of its column. The mean of a category is the share that each value has; a
    category has no median, and takes its most frequent value.
    missing_categories: the same for categorical columns, where it is not as `missing`. category
    makes a category of its own of the missing cells.
    missing_targets: error, or drop to leave the row out; by default drop with `missing: drop`. A
    target is never filled in.
    missing_values: further signs for a missing cell, such as [-999, not measured].
    task: auto reads text, or at most 20 distinct whole numbers, as classes, and all else as a
    regression. classes uses the texts of the file as names. Class labels follow the sorted
    class names. multilabel makes each target column a label of its own, 0 or 1.
    delimiter: the character between cells; \t is a tab, and " " any number of blanks and tabs.
    decimal: the character before the decimals of a number.
    thousands: the character between groups of three digits, as in 1,234,567; " " is any blank.
    encoding: how the file's characters are stored; a file that begins with the mark of UTF-8 is
    UTF-8. A gzip file (.csv.gz) is read as it is.
    """

    path: FilePath
    target: ColumnChoice | Annotated[tuple[ColumnChoice, ...], Len(1)]
    header: bool = True
    categorical: tuple[ColumnChoice, ...] = ()
    ignore: tuple[ColumnChoice, ...] = ()
    group: ColumnChoice | None = None
    weight: ColumnChoice | None = None
    missing: Missing = "error"
    missing_categories: MissingCategories | None = None
    missing_targets: MissingTargets | None = None
    missing_values: tuple[str | int | float, ...] = ()
    task: TableTask = "auto"
    delimiter: Annotated[str, Len(1, 2)] = ","
    decimal: Literal[".", ","] = "."
    thousands: Thousands | None = None
    encoding: Encoding = "utf-8"

    def __post_init__(self) -> None:
        if self.delimiter == "\\t":
            object.__setattr__(self, "delimiter", "\t")
        if len(self.delimiter) > 1:
            raise ValueError(
                f"{self.delimiter!r} is more than one character, and not \\t for a tab"
            )
        if self.delimiter == self.decimal:
            raise ValueError(
                f"{self.delimiter!r} cannot be both delimiter and decimal; files with decimal "
                "commas mostly have delimiter: ';'"
            )
        if self.thousands == self.decimal:
            raise ValueError(f"{self.decimal!r} cannot be both thousands and decimal")
        if self.delimiter in '"\r\n':
            raise ValueError(f"{self.delimiter!r} cannot separate cells")
        if self.task == "classes" and len(self.targets) > 1:
            raise ValueError("task: classes takes one target column")

    @property
    def form(self) -> CsvForm:
        """How files of this table are written."""
        rules = missing_rules(
            self.missing, self.missing_categories, self.missing_targets, self.missing_values
        )
        notation = NumberNotation(self.decimal, self.thousands)
        return CsvForm(self.header, self.delimiter, notation, rules, self.encoding)

    @property
    def targets(self) -> tuple[ColumnChoice, ...]:
        """The target columns, one or several."""
        return self.target if isinstance(self.target, tuple) else (self.target,)

    @property
    def outside(self) -> tuple[ColumnChoice, ...]:
        """The columns that are neither inputs nor targets."""
        beside = (*self.ignore, self.group, self.weight)
        return tuple(column for column in beside if column is not None)

    def load(self, seed: int) -> Dataset:
        return read_if_changed(self, [Path(self.path)])

    def read(self) -> Dataset:
        path, form = Path(self.path), replace(self.form, fitting=True)
        with open_csv(path, form) as (first, rows):
            numbers = [str(i) for i in range(len(first[1]))]
            table = CsvTable(path, form, first[1] if self.header else numbers)
            _choose_columns(self, table)
            table.read(rows if self.header else chain([first], rows))
        notes = _check_first_row(self, table, first[1])
        schema = fit_schema(table, fit_columns(table), self.task)
        return with_groups_and_weights(schema.encode(table, self.path, notes), table)


def with_groups_and_weights(dataset: Dataset, table: CsvTable) -> Dataset:
    """The data set with the groups and weights of its rows, which count in its SHA-256."""
    for i in table.group:
        _, groups = np.unique(table.texts[i], return_inverse=True)
        content = content_hash((dataset.inputs, dataset.targets, groups))
        dataset = replace(dataset, groups=groups, sha256=content)
    for i in table.weight:
        weights = np.array([table.target_number(row, i) for row in range(len(table))])
        dataset = dataset.weighted(weights, partial(table.place, column=i))
    return dataset


def _choose_columns(source: Csv, table: CsvTable) -> None:
    """Choose the columns that the config names."""
    targets, categories, ignored, group, weight = (
        tuple(_column(table, column, key) for column in columns)
        for columns, key in (
            (source.targets, "target"),
            (source.categorical, "categorical"),
            (source.ignore, "ignore"),
            (() if source.group is None else (source.group,), "group"),
            (() if source.weight is None else (source.weight,), "weight"),
        )
    )
    chosen = (*targets, *categories, *ignored, *group, *weight)
    for k, i in enumerate(chosen):
        if i in chosen[:k]:
            raise DataError(f"{table.path}: column {quoted(table.names[i])} is chosen twice.")
    used = [i for i in range(len(table.names)) if i not in ignored]
    _require_names(table, used)
    inputs = [i for i in used if i not in (*targets, *group, *weight)]
    if not inputs:
        raise DataError(
            f"{table.path} has target columns only, and no input.{table.delimiter_hint()}"
        )
    table.choose(inputs, categories, targets, ignored, group, weight)


def _column(table: CsvTable, column: str | int, key: str) -> int:
    """The number of a column that the config chooses."""
    names, has_header = table.names, table.form.header
    if isinstance(column, int) and column < len(names):
        return column
    if isinstance(column, str) and has_header:
        return table.find(column, f"{key} ")
    known = quoted_list(names, 20) if has_header else f"0 to {len(names) - 1}"
    raise DataError(
        f"{table.path} has no {key} column {column!r}; its columns are {known}."
        f"{table.delimiter_hint()}"
    )


def _require_names(table: CsvTable, used: Sequence[int]) -> None:
    """Raise DataError where a used column has no name of its own."""
    for i in used:
        name = table.names[i]
        if not name:
            raise DataError(
                f"{table.path}, line 1: column {i} (counted from 0) has no name, as where lines "
                f"end in a comma or begin with row numbers. Name it, or set ignore: [{i}]."
            )
        same = [k for k in used if table.names[k] == name]
        if len(same) > 1:
            raise DataError(
                f"{table.path}, line 1: {len(same)} columns are named {quoted(name)}. Give each a "
                f"name of its own, or leave one out by number: ignore: [{same[-1]}]."
            )


def _check_first_row(source: Csv, table: CsvTable, first: Sequence[str]) -> tuple[str, ...]:
    """A note where the header may be a row; DataError where it is one, or a row is a header."""
    chosen = (*source.targets, *source.categorical, *source.outside)
    if not source.header:
        _refuse_header(table, first)
    elif not any(isinstance(column, str) for column in chosen):
        return _check_header(table, first)
    return ()


def _check_header(table: CsvTable, first: Sequence[str]) -> tuple[str, ...]:
    """DataError where the header is a row of data; a note where it may be a row.

    It is a row where each number below has a number above. Whole numbers beside texts that stand
    nowhere below are names too, such as years.
    """
    notation = table.form.notation
    words = {i: column for i, column in table.texts.items() if not _all_numbers(column, notation)}
    numeric = (first[i] for i in (*table.numbers, *table.texts) if i not in words)
    above = [cell for cell in numeric if cell not in NO_NUMBER]
    if not _all_numbers(above, notation):
        return ()
    repeated = [first[i] in column for i, column in words.items()]
    values = quoted_list(first, 5)
    if not words or (any if above else all)(repeated) or not all(map(str.isdigit, above)):
        raise DataError(
            f"{table.path}, line 1 holds values ({values}), and no names of columns. "
            "Set header: false to read it as a row. If these are names, choose the target by "
            f"name: target: {quoted(first[table.targets[0]])}."
        )
    return (
        f"{table.path}: line 1 is taken for the names of columns: {values}. Set header: false if "
        "it is a row.",
    )


def _refuse_header(table: CsvTable, first: Sequence[str]) -> None:
    """DataError where the first row is a header, though the config says there is none.

    It is a header where no cell of it stands anywhere below, while the texts below repeat: each
    stands there twice or more, on average.
    """
    if table.numbers or len(table.lines) <= 2:
        return
    for name, *below in table.texts.values():
        repeats = 2 * len(set(below)) <= len(below)
        fits = repeats or _all_numbers(below, table.form.notation)
        if name in below or not is_name(name) or not fits:
            return
    raise DataError(
        f"{table.path}, line 1 holds names of columns ({quoted_list(first, 5)}), which "
        "stand nowhere below. Set header: true; if it is a row, let it not be the first."
    )


def _all_numbers(texts: Sequence[str], notation: NumberNotation) -> bool:
    return all(notation.parse(text) is not None for text in set(texts))
