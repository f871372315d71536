"""Fits a table schema to the training file."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np

from nnlab.data.cells import MISSING, NO_NUMBER, is_name, listed, number, shown
from nnlab.data.classes import class_names
from nnlab.data.dataset import Column
from nnlab.data.sheet import Chosen, Form, Row, Sheet, opened, other_delimiter, read
from nnlab.data.table import TableSchema, index
from nnlab.errors import DataError

MAX_CATEGORIES = 1000


def fit(
    path: Path,
    form: Form,
    *,
    target: Sequence[str | int],
    categorical: Sequence[str | int],
    ignore: Sequence[str | int],
    task: str,
) -> tuple[TableSchema, Sheet]:
    """The schema of the training file, and its cells. Raises DataError, StorageError."""
    with opened(path, form) as (first, rows):
        names = tuple(first[1]) if form.header else tuple(map(str, range(len(first[1]))))
        targets, categories, ignored = (
            tuple(_chosen(path, form, names, column, key) for column in columns)
            for columns, key in (
                (target, "target"),
                (categorical, "categorical"),
                (ignore, "ignore"),
            )
        )
        taken = (*targets, *categories, *ignored)
        for k, i in enumerate(taken):
            if i in taken[:k]:
                raise DataError(f"{path}: column {shown(names[i])} is chosen twice.")
        _require_names(path, names, ignored)
        order = tuple(i for i in range(len(names)) if i not in {*targets, *ignored})
        if not order:
            raise DataError(
                f"{path} has target columns only, and no input.{other_delimiter(path, form)}"
            )
        numbers = tuple(i for i in order if i not in categories)
        if not form.header:
            rows = chain([first], rows)
        sheet = read(path, form, Chosen(names, numbers, categories, targets), rows)
    named = any(isinstance(column, str) for column in (*target, *categorical, *ignore))
    notes = _require_header(sheet, first, named=named)
    _require_values(sheet)

    columns = tuple(
        Column(names[i], _categories(sheet, i) if i in categories else None) for i in order
    )
    classes = None
    if task in ("auto", "classes") and len(targets) == 1:
        (i,) = targets
        classes = class_names(sheet.texts[i], task, form.decimal, lambda row: sheet.place(row, i))
    schema = TableSchema(
        columns,
        len(targets) if classes is None else len(classes),
        "multilabel" if task == "multilabel" else "regression" if classes is None else "classes",
        classes or (),
        tuple(names[i] for i in targets),
        ignored=tuple(map(str, ignored)),
        form=form,
    )
    return schema, replace(sheet, order=order, notes=notes)


def _chosen(path: Path, form: Form, names: tuple[str, ...], column: str | int, key: str) -> int:
    """The number of a column that the config chooses."""
    if isinstance(column, int) and column < len(names):
        return column
    if isinstance(column, str) and form.header:
        if column not in names and not any(map(is_name, names)):
            raise DataError(
                f"{path} has no {key} column {column!r}. Its first line holds values: set header: "
                "false, and choose columns by number."
            )
        return index(path, form, names, column, f"{key} ")
    known = listed(names, 20) if form.header else f"0 to {len(names) - 1}"
    raise DataError(
        f"{path} has no {key} column {column!r}; its columns are {known}."
        f"{other_delimiter(path, form)}"
    )


def _require_names(path: Path, names: Sequence[str], ignored: Sequence[int]) -> None:
    """DataError where a used column has no name of its own."""
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
                f"{path}, line 1: {len(same)} columns are named {shown(names[i])}. Give each a "
                f"name of its own, or leave one out by number: ignore: [{same[-1]}]."
            )


def _require_header(sheet: Sheet, first: Row, *, named: bool) -> tuple[str, ...]:
    """DataError where the first row is of another kind than `header` says; notes for the user.

    With a header: it is a row of data where each number below has a number above, unless the
    config calls a column by its name; whole numbers beside texts that stand nowhere below are
    names too, such as years, and a note says so. Without: it is a header where no cell of it
    stands anywhere below, while the texts below repeat.
    """
    cells, form, chosen = first[1], sheet.form, sheet.chosen
    texts = sheet.texts
    bodies = {i: column[0 if form.header else 1 :] for i, column in texts.items()}
    numeric = {
        i: all(number(text, form.decimal) is not None for text in set(body))
        for i, body in bodies.items()
    } | dict.fromkeys(sheet.numbers, True)
    if form.header and not named:
        above = [
            cells[i] for i, is_number in numeric.items() if is_number and cells[i] not in NO_NUMBER
        ]
        words = [cells[i] in bodies[i] for i, is_number in numeric.items() if not is_number]
        whole = all(cell.isdigit() for cell in above)
        data = all(number(cell, form.decimal) is not None for cell in above)
        below = (any if above else all)(words) or not words
        if data and (below or not whole):
            raise DataError(
                f"{sheet.path}, line 1 holds values ({listed(cells, 5)}), and no names of columns. "
                "Set header: false to read it as a row. If these are names, choose the target by "
                f"name: target: {shown(cells[chosen.targets[0]])}."
            )
        if data:
            return (
                f"{sheet.path}: line 1 is taken for the names of columns: {listed(cells, 5)}. Set "
                "header: false if it is a row.",
            )
    if not form.header and len(sheet.lines) > 2:
        odd = [
            cells[i] not in body and is_name(cells[i]) and (numeric[i] or _repeats(body))
            for i, body in bodies.items()
        ]
        if not sheet.numbers and all(odd):
            raise DataError(
                f"{sheet.path}, line 1 holds names of columns ({listed(cells, 5)}), which stand "
                "nowhere below. Set header: true; if it is a row, let it not be the first."
            )
    return ()


def _repeats(texts: Sequence[str]) -> bool:
    """Whether each text stands twice or more, on average."""
    return 2 * len(set(texts)) <= len(texts)


def _require_values(sheet: Sheet) -> None:
    """DataError where a column has no value at all."""
    columns: Iterator[tuple[int, bool]] = chain(
        ((i, bool(np.isnan(values).all())) for i, values in sheet.numbers.items()),
        ((i, MISSING.issuperset(texts)) for i, texts in sheet.texts.items()),
    )
    for i, is_empty in columns:
        if is_empty:
            raise DataError(
                f"{sheet.path}, column {shown(sheet.chosen.names[i])}: every cell is missing. "
                "Leave it out with ignore."
            )


def _categories(sheet: Sheet, i: int) -> tuple[str, ...]:
    values = tuple(sorted(set(sheet.texts[i]) - MISSING))
    if len(values) > MAX_CATEGORIES:
        raise DataError(
            f"{sheet.path}, column {shown(sheet.chosen.names[i])} has {len(values):,} distinct "
            f"values; one-hot takes up to {MAX_CATEGORIES:,}."
        )
    return values
