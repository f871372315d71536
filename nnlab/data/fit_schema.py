"""Fits a table schema to the training file."""

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import numpy as np

from nnlab.data.classes import class_names
from nnlab.data.csv_columns import CsvCells, open_csv, read_cells
from nnlab.data.csv_hints import is_name, other_delimiter
from nnlab.data.csv_text import (
    MISSING,
    NO_NUMBER,
    CsvFile,
    CsvForm,
    parse_number,
    quoted,
    quoted_list,
)
from nnlab.data.dataset import InputColumn, Task
from nnlab.data.table_schema import TableSchema, find_column
from nnlab.errors import DataError

MAX_CATEGORIES = 1000


def fit_schema(
    path: Path,
    form: CsvForm,
    *,
    target: Sequence[str | int],
    categorical: Sequence[str | int],
    ignore: Sequence[str | int],
    task: str,
) -> tuple[TableSchema, CsvCells, tuple[str, ...]]:
    """The schema of the training file, its cells, and notes. Raises DataError, StorageError."""
    with open_csv(path, form) as (first, rows):
        file, ignored = _choose_columns(path, form, first[1], target, categorical, ignore)
        cells = read_cells(file, rows if form.header else chain([first], rows))
    if form.header:
        named = any(isinstance(column, str) for column in (*target, *categorical, *ignore))
        notes = () if named else _check_header(cells, first[1])
    else:
        notes = ()
        _refuse_header(cells, first[1])
    _require_values(cells)
    return _schema(cells, ignored, task), cells, notes


def _schema(cells: CsvCells, ignored: Sequence[int], task: str) -> TableSchema:
    file = cells.file
    classes: tuple[str, ...] = ()
    if task in ("auto", "classes") and len(file.targets) == 1:
        (i,) = file.targets
        decimal = file.form.decimal
        classes = class_names(cells.texts[i], task, decimal, lambda row: cells.place(row, i)) or ()
    numeric: Task = "multilabel" if task == "multilabel" else "regression"
    return TableSchema(
        columns=tuple(
            InputColumn(file.names[i], _categories(cells, i) if i in file.categories else None)
            for i in file.inputs
        ),
        outputs=len(classes or file.targets),
        task="classes" if classes else numeric,
        classes=classes,
        targets=tuple(file.names[i] for i in file.targets),
        ignored=tuple(map(str, ignored)),
        form=file.form,
    )


def _choose_columns(
    path: Path,
    form: CsvForm,
    first: Sequence[str],
    target: Sequence[str | int],
    categorical: Sequence[str | int],
    ignore: Sequence[str | int],
) -> tuple[CsvFile, tuple[int, ...]]:
    """The columns to read, and the ignored ones."""
    names = tuple(first) if form.header else tuple(map(str, range(len(first))))
    targets, categories, ignored = (
        tuple(_column(path, form, names, column, key) for column in columns)
        for columns, key in ((target, "target"), (categorical, "categorical"), (ignore, "ignore"))
    )
    chosen = (*targets, *categories, *ignored)
    for k, i in enumerate(chosen):
        if i in chosen[:k]:
            raise DataError(f"{path}: column {quoted(names[i])} is chosen twice.")
    _require_names(path, names, ignored)
    inputs = tuple(i for i in range(len(names)) if i not in {*targets, *ignored})
    if not inputs:
        raise DataError(
            f"{path} has target columns only, and no input.{other_delimiter(path, form)}"
        )
    return CsvFile(path, form, names, inputs, categories, targets), ignored


def _column(path: Path, form: CsvForm, names: tuple[str, ...], column: str | int, key: str) -> int:
    """The number of a column that the config chooses."""
    if isinstance(column, int) and column < len(names):
        return column
    if isinstance(column, str) and form.header:
        if column not in names and not any(map(is_name, names)):
            raise DataError(
                f"{path} has no {key} column {column!r}. Its first line holds values: set header: "
                "false, and choose columns by number."
            )
        return find_column(path, form, names, column, f"{key} ")
    known = quoted_list(names, 20) if form.header else f"0 to {len(names) - 1}"
    raise DataError(
        f"{path} has no {key} column {column!r}; its columns are {known}."
        f"{other_delimiter(path, form)}"
    )


def _require_names(path: Path, names: Sequence[str], ignored: Sequence[int]) -> None:
    """Raise DataError where a used column has no name of its own."""
    used = [i for i in range(len(names)) if i not in ignored]
    for i in used:
        if not names[i]:
            raise DataError(
                f"{path}, line 1: column {i} (counted from 0) has no name, as where lines "
                f"end in a comma or begin with row numbers. Name it, or set ignore: [{i}]."
            )
        same = [k for k in used if names[k] == names[i]]
        if len(same) > 1:
            raise DataError(
                f"{path}, line 1: {len(same)} columns are named {quoted(names[i])}. Give each a "
                f"name of its own, or leave one out by number: ignore: [{same[-1]}]."
            )


def _numeric_columns(cells: CsvCells, bodies: dict[int, list[str]]) -> dict[int, bool]:
    """Whether each column holds numbers alone."""
    decimal = cells.file.form.decimal
    texts = {
        i: all(parse_number(text, decimal) is not None for text in set(body))
        for i, body in bodies.items()
    }
    return texts | dict.fromkeys(cells.numbers, True)


def _check_header(cells: CsvCells, first: Sequence[str]) -> tuple[str, ...]:
    """DataError where the header is a row of data; a note where it may be a row.

    It is a row where each number below has a number above. Whole numbers beside texts that stand
    nowhere below are names too, such as years.
    """
    file = cells.file
    numeric = _numeric_columns(cells, cells.texts)
    above = [first[i] for i, numbers in numeric.items() if numbers and first[i] not in NO_NUMBER]
    if any(parse_number(cell, file.form.decimal) is None for cell in above):
        return ()
    words = [first[i] in cells.texts[i] for i, numbers in numeric.items() if not numbers]
    stand_below = (any if above else all)(words) or not words
    values = quoted_list(first, 5)
    if stand_below or not all(map(str.isdigit, above)):
        raise DataError(
            f"{file.path}, line 1 holds values ({values}), and no names of columns. "
            "Set header: false to read it as a row. If these are names, choose the target by "
            f"name: target: {quoted(first[file.targets[0]])}."
        )
    return (
        f"{file.path}: line 1 is taken for the names of columns: {values}. Set header: false if it "
        "is a row.",
    )


def _refuse_header(cells: CsvCells, first: Sequence[str]) -> None:
    """DataError where the first row is a header, though the config says there is none.

    It is a header where no cell of it stands anywhere below, while the texts below repeat.
    """
    if cells.numbers or len(cells.lines) <= 2:
        return
    bodies = {i: column[1:] for i, column in cells.texts.items()}
    numeric = _numeric_columns(cells, bodies)
    if all(
        first[i] not in body and is_name(first[i]) and (numeric[i] or _repeats(body))
        for i, body in bodies.items()
    ):
        raise DataError(
            f"{cells.file.path}, line 1 holds names of columns ({quoted_list(first, 5)}), which "
            "stand nowhere below. Set header: true; if it is a row, let it not be the first."
        )


def _repeats(texts: Sequence[str]) -> bool:
    """Whether each text stands twice or more, on average."""
    return 2 * len(set(texts)) <= len(texts)


def _require_values(cells: CsvCells) -> None:
    """Raise DataError where a column has no value at all."""
    columns: Iterator[tuple[int, bool]] = chain(
        ((i, bool(np.isnan(values).all())) for i, values in cells.numbers.items()),
        ((i, MISSING.issuperset(texts)) for i, texts in cells.texts.items()),
    )
    for i, is_empty in columns:
        if is_empty:
            raise DataError(
                f"{cells.file.path}, column {quoted(cells.file.names[i])}: every cell is missing. "
                "Leave it out with ignore."
            )


def _categories(cells: CsvCells, i: int) -> tuple[str, ...]:
    values = tuple(sorted(set(cells.texts[i]) - MISSING))
    if len(values) > MAX_CATEGORIES:
        raise DataError(
            f"{cells.file.path}, column {quoted(cells.file.names[i])} has {len(values):,} distinct "
            f"values; one-hot takes up to {MAX_CATEGORIES:,}."
        )
    return values
