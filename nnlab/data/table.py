"""The table schema: fitted on the training file, applied to later files.

A CSV file with a header is read by the names of its columns: they may stand in any order, others
beside them are ignored. Without names the columns are the inputs in their order, with the targets
behind them where there are any.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

import numpy as np

from nnlab.core.types import Array, FloatArray, IntArray
from nnlab.data import npz_reader
from nnlab.data.cells import MISSING, is_name, listed, meant, number, shown
from nnlab.data.classes import flat_labels, labels
from nnlab.data.dataset import Column, Dataset, Task, from_arrays
from nnlab.data.sheet import Chosen, Form, Sheet, opened, other_delimiter, read
from nnlab.errors import DataError


@dataclass(frozen=True)
class TableSchema:
    """What the rows of a network look like in a file.

    columns: the inputs in order. outputs: number of classes, or the width of a target row.
    named: whether the columns have names. ignored: columns that a file without header has beside
    these. arrays: the names of inputs and targets in an NPZ file.
    """

    columns: tuple[Column, ...]
    outputs: int
    task: Task
    classes: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    named: bool = True
    ignored: tuple[str, ...] = ()
    arrays: tuple[str, str] = ("x", "y")
    form: Form = field(default_factory=Form)

    @property
    def width(self) -> int:
        """Number of inputs n."""
        return sum(len(column.inputs) for column in self.columns)

    @property
    def target_width(self) -> int:
        """Columns of a file that are targets."""
        return {"classes": 1, "identity": 0}.get(self.task, self.outputs)

    def inputs(self, path: Path) -> tuple[Array, tuple[str, ...]]:
        """The rows (N, n) in `path`, and notes for the user.

        Every row of the file has an answer, so none is dropped. Raises DataError naming row and
        column, StorageError.
        """
        if path.suffix.lower() == ".npz":
            return self._npz_inputs(path), ()
        form = replace(self.form, missing="mean" if self.form.missing == "mean" else "error")
        sheet, notes = self._sheet(path, form, with_targets=False)
        return encoded(sheet, self.columns), notes

    def dataset(self, path: Path) -> tuple[Dataset, tuple[str, ...]]:
        """The rows and targets in `path`, and notes. Raises as `inputs` does."""
        notes: tuple[str, ...] = ()
        places = None
        if path.suffix.lower() == ".npz":
            x, y = self._npz_inputs(path), self._npz_targets(path)
        else:
            sheet, notes = self._sheet(path, self.form, with_targets=True)
            x, y = encoded(sheet, self.columns), self.encoded_targets(sheet)
            places = numbers(sheet)
        return from_arrays(
            str(path),
            x,
            x if self.task == "identity" else y,
            task=self.task,
            class_names=self.classes,
            fills=self.form.missing == "mean",
            numbers=places,
        ), notes

    def encoded_targets(self, sheet: Sheet) -> Array:
        """Labels (N,) or numbers (N, m)."""
        columns, decimal = sheet.chosen.targets, self.form.decimal
        if self.task == "classes":
            (i,) = columns
            by_place = self.form.header is None
            return labels(
                sheet.texts[i],
                self.classes,
                decimal,
                lambda row: sheet.place(row, i),
                by_place=by_place,
            )
        rows = range(len(sheet.lines))
        values = np.array([[sheet.target_number(row, i) for row in rows] for i in columns]).T
        if self.task == "multilabel":
            require_labels(values, lambda row, k: sheet.place(row, columns[k]))
        return values

    def _sheet(
        self, path: Path, form: Form, *, with_targets: bool
    ) -> tuple[Sheet, tuple[str, ...]]:
        with opened(path, form) as (first, rows):
            names, is_header = self._names(path, first[1])
            notes: tuple[str, ...] = ()
            if not is_header:
                rows = chain([first], rows)
            elif form.header is None:
                notes = (f"{path}: line 1 is taken for the names of columns: {listed(first[1])}.",)
            by_name = self.form.header is not None or (is_header and self.named)
            inputs = list(range(len(self.columns)))
            if by_name:
                inputs = [index(path, form, names, column.name) for column in self.columns]
            elif len(names) not in (self.width, self.width + self.target_width):
                raise DataError(
                    f"{path} has {len(names)} columns; the network takes {self.width}."
                    f"{other_delimiter(path, form)}"
                )
            chosen = Chosen(
                tuple(names),
                tuple(i for i, c in zip(inputs, self.columns, strict=True) if c.categories is None),
                tuple(
                    i for i, c in zip(inputs, self.columns, strict=True) if c.categories is not None
                ),
                self._targets(path, names, inputs) if with_targets else (),
            )
            sheet = read(path, form, chosen, rows)
        if sheet.dropped:
            notes += (dropped(sheet),)
        return replace(sheet, order=tuple(inputs)), notes

    def _names(self, path: Path, first: Sequence[str]) -> tuple[Sequence[str], bool]:
        """Names of a file's columns, and whether its first row has them.

        For a run whose training data had no file, that row must consist of names alone: what could
        be a row with a mistake in it stays a row, so that no answer moves up.
        """
        header = self.form.header
        if header is None:
            header = all(map(is_name, first))
        elif header and not any(map(is_name, first)):
            wanted = [column.name for column in self.columns]
            if not set(wanted) & set(first):
                raise DataError(
                    f"{path}, line 1 holds values, and no names of columns as the training file "
                    f"had. Put them there: {listed(wanted)}."
                    f"{other_delimiter(path, self.form)}"
                )
        if header:
            return first, True
        return self._numbered(len(first)), False

    def _numbered(self, cells: int) -> list[str]:
        """Column names of a file without header, counted as in training.

        Targets, ignored columns, or both may be left out; the others count on as if they were
        there. Where it could be either, it is the targets.
        """
        known = [*(column.name for column in self.columns), *self.targets, *self.ignored]
        full = [str(i) for i in range(len(known))]
        absences = ((), self.targets, self.ignored, (*self.targets, *self.ignored))
        for absent in absences if self.form.header is False else ():
            names = [name for name in full if name not in absent]
            if len(names) == cells:
                return names
        return [str(i) for i in range(cells)]

    def _targets(self, path: Path, names: Sequence[str], inputs: Sequence[int]) -> tuple[int, ...]:
        if self.task == "identity":
            return ()
        if self.targets and self.form.header is not None:
            return tuple(index(path, self.form, names, name, "target ") for name in self.targets)
        rest = tuple(i for i in range(len(names)) if i not in inputs)
        if len(rest) != self.target_width:
            raise DataError(
                f"{path} has {len(rest)} columns beside the inputs; "
                f"the targets are {self.target_width}."
            )
        return rest

    def _npz_inputs(self, path: Path) -> Array:
        name = self.arrays[0]
        rows = as_rows(npz_reader.read(path, {name: npz_reader.INPUTS})[name])
        if rows.shape[1] != self.width:
            raise DataError(
                f"{path}, array {name!r} has rows of {rows.shape[1]} numbers; "
                f"the network takes {self.width}."
            )
        return rows

    def _npz_targets(self, path: Path) -> Array:
        name = self.arrays[1]
        where = f"{path}, array {name!r}"
        y = npz_reader.read(path, {name: npz_reader.TARGETS})[name]
        if self.task != "classes":
            y = y if y.ndim == 2 else y[:, None]
            if self.task == "multilabel":
                require_labels(y, lambda row, i: npz_place(path, name, row, i))
            return y
        texts = list(map(str, flat_labels(y, where).tolist()))
        return labels(
            texts,
            self.classes,
            ".",
            lambda row: f"{where}, row {row} (counted from 0)",
            by_place=True,
        )


def require_labels(values: Array, place: Callable[[int, int], str]) -> None:
    """Raises DataError unless every target (N, m) is 0 or 1; `place` names a row and a column."""
    wrong = ~np.isin(values, (0, 1))
    if wrong.any():
        row, column = (int(i) for i in np.argwhere(wrong)[0])
        raise DataError(
            f"{place(row, column)}: {values[row, column]:g} is no label. With task: multilabel a "
            "target is 0 or 1."
        )


def npz_place(path: Path, name: str, row: int, column: int) -> str:
    """How messages name a number of an array."""
    return f"{path}, array {name!r}, row {row}, column {column} (counted from 0)"


def encoded(sheet: Sheet, columns: Sequence[Column]) -> FloatArray:
    """Inputs (N, n): numbers, and one-hot categories; nan where cells are missing."""
    blocks: list[FloatArray] = []
    for i, column in zip(sheet.order, columns, strict=True):
        if column.categories is None:
            blocks.append(np.frombuffer(sheet.numbers[i], np.float64)[:, None])
            continue
        codes = {value: k for k, value in enumerate(column.categories)}
        rows = [*np.eye(len(codes)), np.full(len(codes), np.nan)]
        block = np.empty((len(sheet.lines), len(codes)))
        for row, text in enumerate(sheet.texts[i]):
            if text not in codes and text not in MISSING:
                raise DataError(
                    f"{sheet.place(row, i)}: {shown(text)} is none of the categories of the "
                    f"training data, {listed(column.categories)}."
                )
            block[row] = rows[codes.get(text, -1)]
        blocks.append(block)
    return np.concatenate(blocks, axis=1, dtype=np.float64)


def columns_of(inputs: Sequence[str], categorical: Sequence[str | int]) -> tuple[Column, ...]:
    """Columns from the names of inputs, where categories are called `name=value`."""
    columns: list[Column] = []
    for name in inputs:
        column = next((str(c) for c in categorical if name.startswith(f"{c}=")), "")
        if not column and "=" in name and any(isinstance(c, int) for c in categorical):
            column = name.partition("=")[0]
        if not column:
            columns.append(Column(name))
            continue
        before = columns.pop() if columns and columns[-1].name == column else Column(column, ())
        columns.append(
            Column(column, (*(before.categories or ()), name.removeprefix(f"{column}=")))
        )
    return tuple(columns)


def as_rows(x: Array) -> Array:
    """Inputs (N, ...) as rows (N, n)."""
    return x.reshape(len(x), int(np.prod(x.shape[1:])))


def dropped(sheet: Sheet) -> str:
    """How many rows `missing: drop` left out."""
    rows = sheet.dropped + len(sheet.lines)
    return f"{sheet.path}: missing: drop left out {sheet.dropped:,} of {rows:,} rows."


def numbers(sheet: Sheet) -> IntArray | None:
    """The rows' numbers in their file; None where none was dropped."""
    return np.frombuffer(sheet.numbers_in_file, np.int64) if sheet.dropped else None


def index(path: Path, form: Form, names: Sequence[str], name: str, key: str = "") -> int:
    """The number of the column of that name. Raises DataError where there is none, or several."""
    if (count := names.count(name)) == 1:
        return names.index(name)
    if count:
        places = [str(i) for i, other in enumerate(names) if other == name]
        way = ", or choose one by its number" if form.fitting else ""
        raise DataError(
            f"{path}, line 1: {count} columns are named {shown(name)} (numbers "
            f"{', '.join(places)}, counted from 0). Give each a name of its own{way}."
        )
    hint = other_delimiter(path, form) or ("" if form.header is False else meant(name, names))
    if not hint and form.header and any(number(cell, form.decimal) is not None for cell in names):
        hint = " Where line 1 holds values, "
        hint += (
            "set header: false, and choose columns by number."
            if form.fitting
            else "put the names of the columns above it, as in the training file."
        )
    known = listed(names, 20)
    raise DataError(f"{path} has no {key}column {shown(name)}; its columns are {known}.{hint}")
