"""The table schema: fitted on the training file, applied to later files.

A CSV file with a header is read by the names of its columns: they may stand in any order, and
further columns are ignored. Without names the columns are the inputs in their order, with the
targets behind them where there are any.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

import numpy as np

from nnlab.core.types import Array, FloatArray
from nnlab.data.classes import class_list, flat_labels, label_rows, way_to_classes
from nnlab.data.csv_columns import CsvCells, open_csv, read_cells
from nnlab.data.csv_hints import is_name, other_delimiter
from nnlab.data.csv_text import MISSING, CsvFile, CsvForm, parse_number, quoted, quoted_list
from nnlab.data.dataset import Dataset, InputColumn, Task
from nnlab.data.npz import INPUTS, TARGETS, read_user_npz
from nnlab.errors import DataError
from nnlab.suggest import similar


@dataclass(frozen=True)
class TableSchema:
    """What the rows of a network look like in a file.

    columns: the inputs in order. outputs: number of classes, or the width of a target row.
    named: whether the columns have names. ignored: further columns of a file without header.
    arrays: the names of inputs and targets in an NPZ file.
    """

    columns: tuple[InputColumn, ...]
    outputs: int
    task: Task
    classes: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    named: bool = True
    ignored: tuple[str, ...] = ()
    arrays: tuple[str, str] = ("x", "y")
    form: CsvForm = field(default_factory=CsvForm)

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
        cells, notes = self._cells(path, form, with_targets=False)
        return encode_inputs(cells, self.columns), notes

    def dataset(self, path: Path) -> Dataset:
        """The rows and targets in `path`. Raises as `inputs` does."""
        if path.suffix.lower() != ".npz":
            cells, notes = self._cells(path, self.form, with_targets=True)
            return self.encode(cells, str(path), notes)
        x, y = self._npz_inputs(path), self._npz_targets(path)
        y = x if self.task == "identity" else y
        fills = self.form.missing == "mean"
        return Dataset(str(path), x, y, self.task, class_names=self.classes, fills=fills)

    def encode(self, cells: CsvCells, name: str, notes: tuple[str, ...]) -> Dataset:
        """The rows and targets of a CSV file as numbers."""
        x = encode_inputs(cells, self.columns)
        y = x if self.task == "identity" else self._targets(cells)
        file_rows = None
        if cells.dropped:
            rows = cells.dropped + len(cells.lines)
            left_out = f"missing: drop left out {cells.dropped:,} of {rows:,} rows."
            notes = (*notes, f"{cells.file.path}: {left_out}")
            file_rows = np.frombuffer(cells.file_rows, np.int64)
        return Dataset(
            name,
            x,
            y,
            self.task,
            class_names=self.classes,
            target_names=self.targets,
            columns=self.columns,
            fills=self.form.missing == "mean",
            classes_by=way_to_classes(y),
            class_list=class_list(self.classes),
            notes=notes,
            file_rows=file_rows,
        )

    def _targets(self, cells: CsvCells) -> Array:
        """Labels (N,) or numbers (N, m)."""
        columns, form = cells.file.targets, self.form
        if self.task == "classes":
            texts = cells.texts[columns[0]]
            return label_rows(
                texts,
                self.classes,
                form.decimal,
                lambda row: cells.place(row, columns[0]),
                accept_numbers=form.header is None,
            )
        rows = range(len(cells.lines))
        values = np.array([[cells.target_number(row, i) for row in rows] for i in columns]).T
        if self.task == "multilabel":
            require_labels(values, lambda row, k: cells.place(row, columns[k]))
        return values

    def _cells(
        self, path: Path, form: CsvForm, *, with_targets: bool
    ) -> tuple[CsvCells, tuple[str, ...]]:
        """The cells of a later file, and notes for the user."""
        with open_csv(path, form) as (first, rows):
            names, is_header = self._names(path, first[1])
            notes: tuple[str, ...] = ()
            if not is_header:
                rows = chain([first], rows)
            elif form.header is None:
                taken = quoted_list(first[1])
                notes = (f"{path}: line 1 is taken for the names of columns: {taken}.",)
            inputs = self._inputs(path, names, is_header=is_header)
            pairs = list(zip(inputs, self.columns, strict=True))
            categories = tuple(i for i, column in pairs if column.categories is not None)
            targets = self._target_columns(path, names, inputs) if with_targets else ()
            file = CsvFile(path, form, tuple(names), inputs, categories, targets)
            return read_cells(file, rows), notes

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
                    f"had. Put them there: {quoted_list(wanted)}."
                    f"{other_delimiter(path, self.form)}"
                )
        if header:
            return first, True
        return self._numbered(len(first)), False

    def _numbered(self, cells: int) -> list[str]:
        """Column names of a file without header, counted as in training.

        Targets, ignored columns, or both may be left out; the rest count on as if they were
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

    def _inputs(self, path: Path, names: Sequence[str], *, is_header: bool) -> tuple[int, ...]:
        """The numbers of the input columns: by name, else the first ones."""
        if self.form.header is not None or (is_header and self.named):
            return tuple(find_column(path, self.form, names, c.name) for c in self.columns)
        if len(names) not in (self.width, self.width + self.target_width):
            raise DataError(
                f"{path} has {len(names)} columns; the network takes {self.width}."
                f"{other_delimiter(path, self.form)}"
            )
        return tuple(range(len(self.columns)))

    def _target_columns(
        self, path: Path, names: Sequence[str], inputs: Sequence[int]
    ) -> tuple[int, ...]:
        if self.task == "identity":
            return ()
        if self.targets and self.form.header is not None:
            return tuple(
                find_column(path, self.form, names, name, "target ") for name in self.targets
            )
        rest = tuple(i for i in range(len(names)) if i not in inputs)
        if len(rest) != self.target_width:
            raise DataError(
                f"{path} has {len(rest)} columns beside the inputs; "
                f"the targets are {self.target_width}."
            )
        return rest

    def _npz_inputs(self, path: Path) -> Array:
        name = self.arrays[0]
        rows = as_rows(read_user_npz(path, {name: INPUTS})[name])
        if rows.shape[1] != self.width:
            raise DataError(
                f"{path}, array {name!r} has rows of {rows.shape[1]} numbers; "
                f"the network takes {self.width}."
            )
        return rows

    def _npz_targets(self, path: Path) -> Array:
        name = self.arrays[1]
        y = read_user_npz(path, {name: TARGETS})[name]
        if self.task == "classes":
            where = f"{path}, array {name!r}"
            return label_rows(
                list(map(str, flat_labels(y, where).tolist())),
                self.classes,
                ".",
                lambda row: f"{where}, row {row} (counted from 0)",
                accept_numbers=True,
            )
        y = y if y.ndim == 2 else y[:, None]
        if self.task == "multilabel":
            require_labels(y, lambda row, i: npz_place(path, name, row, i))
        return y


def require_labels(values: Array, place: Callable[[int, int], str]) -> None:
    """Raise DataError unless every target (N, m) is 0 or 1; `place` names a row and a column."""
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


def encode_inputs(cells: CsvCells, columns: Sequence[InputColumn]) -> FloatArray:
    """Inputs (N, n): numbers, and one-hot categories; nan where cells are missing."""
    blocks: list[FloatArray] = []
    for i, column in zip(cells.file.inputs, columns, strict=True):
        if column.categories is None:
            blocks.append(np.frombuffer(cells.numbers[i], np.float64)[:, None])
            continue
        codes = {value: k for k, value in enumerate(column.categories)}
        rows = [*np.eye(len(codes)), np.full(len(codes), np.nan)]
        block = np.empty((len(cells.lines), len(codes)))
        for row, text in enumerate(cells.texts[i]):
            if text not in codes and text not in MISSING:
                raise DataError(
                    f"{cells.place(row, i)}: {quoted(text)} is none of the categories of the "
                    f"training data, {quoted_list(column.categories)}."
                )
            block[row] = rows[codes.get(text, -1)]
        blocks.append(block)
    return np.concatenate(blocks, axis=1, dtype=np.float64)


def columns_of_inputs(
    inputs: Sequence[str], categorical: Sequence[str | int]
) -> tuple[InputColumn, ...]:
    """Columns from the names of inputs, where categories are called `name=value`."""
    columns: dict[str, tuple[str, ...] | None] = {}
    for name in inputs:
        column = next((str(c) for c in categorical if name.startswith(f"{c}=")), "")
        if not column and "=" in name and any(isinstance(c, int) for c in categorical):
            column = name.partition("=")[0]
        if column:
            columns[column] = (*(columns.get(column) or ()), name.removeprefix(f"{column}="))
        else:
            columns[name] = None
    return tuple(InputColumn(*item) for item in columns.items())


def as_rows(x: Array) -> Array:
    """Inputs (N, ...) as rows (N, n)."""
    return x.reshape(len(x), int(np.prod(x.shape[1:])))


def find_column(path: Path, form: CsvForm, names: Sequence[str], name: str, key: str = "") -> int:
    """The number of the only column of that name. Raises DataError."""
    if (count := names.count(name)) == 1:
        return names.index(name)
    if count:
        places = ", ".join(str(i) for i, other in enumerate(names) if other == name)
        way = ", or choose one by its number" if form.fitting else ""
        raise DataError(
            f"{path}, line 1: {count} columns are named {quoted(name)} (numbers "
            f"{places}, counted from 0). Give each a name of its own{way}."
        )
    known = quoted_list(names, 20)
    hint = other_delimiter(path, form) or _name_hint(form, names, name)
    raise DataError(f"{path} has no {key}column {quoted(name)}; its columns are {known}.{hint}")


def _name_hint(form: CsvForm, names: Sequence[str], name: str) -> str:
    """What may be wrong where no column has that name."""
    if form.header is not False and (near := similar(name, names)):
        return f" Did you mean {quoted(near[0])}?"
    if not form.header or all(parse_number(cell, form.decimal) is None for cell in names):
        return ""
    if form.fitting:
        return " Where line 1 holds values, set header: false, and choose columns by number."
    return (
        " Where line 1 holds values, put the names of the columns above it, as in the training "
        "file."
    )
