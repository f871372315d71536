"""The table schema: fitted on the training file, applied to later files.

A CSV file with a header is read by the names of its columns: they may stand in any order, and
further columns are ignored. Without names the columns are the inputs in their order, with the
targets behind them where there are any.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import numpy as np

from nnlab.core.types import Array, Shape
from nnlab.data.classes import (
    class_list,
    class_names,
    flat_labels,
    label_rows,
    number_place,
    require_labels,
    way_to_classes,
)
from nnlab.data.csv_hints import is_name, other_delimiter
from nnlab.data.csv_table import CsvTable
from nnlab.data.csv_text import POINT, CsvForm, open_csv, quoted, quoted_list
from nnlab.data.dataset import Dataset, InputColumn, Learned, Task, input_targets
from nnlab.data.frame import FrameTable, named_columns
from nnlab.data.npz import INPUTS, TARGETS, array_place, read_user_npz
from nnlab.data.table import ColumnTable, encode_inputs
from nnlab.data.user_images import image_files, image_rows, is_image, loose_images
from nnlab.errors import DataError
from nnlab.suggest import did_you_mean

TableTask = Literal["auto", "classes", "multilabel", "regression"]
ONE_COLUMN = "a single target column that names the class of each row, in place of these"


@dataclass(frozen=True)
class TableSchema:
    """What the rows of a network look like in a file.

    columns: the inputs in order. outputs: number of classes, or the width of a target row.
    named: whether the columns have names. ignored: further columns of a file without header.
    arrays: the names of inputs and targets in an NPZ file. image: the shape of a row that is an
    image of bytes, (h, w) or (h, w, 3), as which image files are read; None where it is none.
    learn: inputs where a file needs no targets, as the inputs are these; pixels of the range
    `input_range` then.
    """

    columns: tuple[InputColumn, ...]
    outputs: int
    task: Task
    classes: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    named: bool = True
    ignored: tuple[str, ...] = ()
    arrays: tuple[str, str] = ("x", "y")
    image: Shape | None = None
    form: CsvForm = field(default_factory=CsvForm)
    learn: Learned = "targets"
    input_range: Sequence[float] | None = None

    @property
    def width(self) -> int:
        """Number of inputs n."""
        return sum(len(column.inputs) for column in self.columns)

    @property
    def target_width(self) -> int:
        """Number of target columns of a file."""
        return {"classes": 1, "identity": 0}.get(self.task, self.outputs)

    def inputs(self, path: Path) -> tuple[Array, tuple[str, ...]]:
        """The rows (N, n) in `path`, and notes for the user.

        Every row of the file has an answer, so none is dropped. Raises DataError naming row and
        column, StorageError.
        """
        if path.suffix.lower() == ".npz":
            return self._npz_inputs(path), ()
        if self.image and (files := self.image_files(path)):
            return image_rows(files, self.image), ()
        form = replace(self.form, missing=self.form.missing.later)
        table, notes = self._read_csv(path, form, with_targets=False)
        return encode_inputs(table, self.columns), notes

    def image_files(self, path: Path) -> list[Path]:
        """The image files at `path`, a file or a folder; none where it is another file.

        Raises DataError where the rows of the network are no images of bytes.
        """
        files = loose_images(path) if path.is_dir() else [path][: is_image(path)]
        if files and self.image is None:
            raise DataError(f"{files[0]} is an image, and the network takes no images of bytes.")
        return files

    def frame_inputs(self, frame: Any) -> Array:
        """The rows (N, n) of a data frame, whose columns are found by name, in any order.

        Further columns are ignored. Where the columns have no names, or numbers for names, they are
        the inputs in their order. Raises DataError naming row and column.
        """
        wanted = [column.name for column in self.columns]
        values = self._frame_columns(frame, wanted)
        table = FrameTable(wanted, values, (), self.form.missing.later, self.columns)
        return encode_inputs(table, self.columns)

    def frame_dataset(self, frame: Any) -> Dataset:
        """The rows and targets of a data frame. Raises as `frame_inputs` does."""
        if self.learn == "inputs":
            return self._own_targets("rows", self.frame_inputs(frame))
        inputs = [column.name for column in self.columns]
        wanted = [*inputs, *(self.targets or map("target {}".format, range(self.target_width)))]
        values = self._frame_columns(frame, wanted)
        targets = range(len(inputs), len(wanted))
        table = FrameTable(wanted, values, (), self.form.missing, self.columns, targets)
        return self.encode(table, "rows", ())

    def _frame_columns(self, frame: Any, wanted: Sequence[str]) -> list[Any]:
        """The columns of a data frame with these names, in their order."""
        names, values = named_columns(frame)
        if self.named and not all(map(str.isdigit, names)):
            if lacking := [name for name in wanted if name not in names]:
                raise DataError(
                    f"the rows have no column {quoted(lacking[0])}; their columns are "
                    f"{quoted_list(names, 20)}.{did_you_mean(lacking[0], names)}"
                )
            return [values[names.index(name)] for name in wanted]
        if len(names) != len(wanted):
            raise DataError(f"The rows have {len(names)} columns, and {len(wanted)} are needed.")
        return values

    def dataset(self, path: Path) -> Dataset:
        """The rows and targets in `path`. Raises as `inputs` does."""
        if self.image and path.is_dir():
            return self._image_dataset(path, self.image)
        if self.learn == "inputs":
            return self._own_targets(str(path), *self.inputs(path))
        if path.suffix.lower() != ".npz":
            table, notes = self._read_csv(path, self.form, with_targets=True)
            return self.encode(table, str(path), notes)
        x = self._npz_inputs(path)
        y = x if self.task == "identity" else self._npz_targets(path)
        filling = self.form.missing.filling(self.columns)
        return Dataset(str(path), x, y, self.task, class_names=self.classes, filling=filling)

    def _own_targets(self, name: str, x: Array, notes: tuple[str, ...] = ()) -> Dataset:
        """Rows whose targets are their inputs."""
        targets = input_targets(x, self.input_range)
        filling = self.form.missing.filling(self.columns)
        return Dataset(name, x, targets, self.task, filling=filling, notes=notes)

    def encode(self, table: ColumnTable, name: str, notes: tuple[str, ...]) -> Dataset:
        """The rows and targets of a table as numbers."""
        x = encode_inputs(table, self.columns)
        y = x if self.task == "identity" else self._targets(table)
        if table.dropped:
            rows = table.dropped + len(table)
            left_out = f"missing: drop left out {table.dropped:,} of {rows:,} rows."
            notes = (*notes, f"{table.title}: {left_out}")
        return Dataset(
            name,
            x,
            y,
            self.task,
            class_names=self.classes,
            target_names=self.targets,
            columns=self.columns,
            filling=self.form.missing.filling(self.columns),
            classes_by=way_to_classes(y, one_hot=ONE_COLUMN),
            class_list=class_list(self.classes),
            notes=notes,
            file_rows=np.frombuffer(table.file_rows, np.int64) if table.dropped else None,
        )

    def _targets(self, table: ColumnTable) -> Array:
        """Labels (N,) or numbers (N, m)."""
        if self.task == "classes":
            (i,) = table.targets
            return label_rows(
                table.texts[i],
                self.classes,
                self.form.notation,
                lambda row: table.place(row, i),
                accept_numbers=self.form.header is None,
            )
        rows = range(len(table))
        values = np.array([[table.target_number(row, i) for row in rows] for i in table.targets]).T
        if self.task == "multilabel":
            require_labels(values, lambda row, k: table.place(row, table.targets[k]))
        return values

    def _read_csv(
        self, path: Path, form: CsvForm, *, with_targets: bool
    ) -> tuple[CsvTable, tuple[str, ...]]:
        """The cells of a later file, and notes for the user."""
        with open_csv(path, form) as (first, rows):
            notes: tuple[str, ...] = ()
            has_header = self._has_header(path, first[1])
            names = first[1] if has_header else self._numbered(len(first[1]))
            if not has_header:
                rows = chain([first], rows)
            elif form.header is None:
                taken = quoted_list(names)
                notes = (f"{path}: line 1 is taken for the names of columns: {taken}.",)
            table = CsvTable(path, form, names)
            inputs = self._inputs(table, by_name=has_header and self.named)
            pairs = zip(inputs, self.columns, strict=True)
            categories = tuple(i for i, column in pairs if column.categories is not None)
            table.choose(inputs, categories, self._outputs(table, inputs) if with_targets else ())
            table.read(rows)
        return table, notes

    def _has_header(self, path: Path, first: Sequence[str]) -> bool:
        """Whether the first row of a file holds the names of its columns.

        For a run whose training data had no file, that row must consist of names alone: what could
        be a row with a mistake in it stays a row, so that no answer moves up.
        """
        if self.form.header is None:
            return all(map(is_name, first))
        wanted = [column.name for column in self.columns]
        if self.form.header and not any(map(is_name, first)) and not set(wanted) & set(first):
            raise DataError(
                f"{path}, line 1 holds values, and no names of columns as the training file "
                f"had. Put them there: {quoted_list(wanted)}.{other_delimiter(path, self.form)}"
            )
        return self.form.header

    def _numbered(self, cells: int) -> list[str]:
        """Column names of a file without header: their numbers in the training file.

        Targets, ignored columns, or both may be left out. Where it could be either, it is the
        targets.
        """
        known = [*(column.name for column in self.columns), *self.targets, *self.ignored]
        full = [str(i) for i in range(len(known))]
        absences = ((), self.targets, self.ignored, (*self.targets, *self.ignored))
        for absent in absences if self.form.header is False else ():
            names = [name for name in full if name not in absent]
            if len(names) == cells:
                return names
        return [str(i) for i in range(cells)]

    def _inputs(self, table: CsvTable, *, by_name: bool) -> tuple[int, ...]:
        """The numbers of the input columns: by name, else the first columns."""
        if self.form.header is not None or by_name:
            return tuple(table.find(column.name) for column in self.columns)
        if len(table.names) not in (self.width, self.width + self.target_width):
            raise DataError(
                f"{table.path} has {len(table.names)} columns; the network takes {self.width}."
                f"{table.delimiter_hint()}"
            )
        return tuple(range(len(self.columns)))

    def _outputs(self, table: CsvTable, inputs: Sequence[int]) -> tuple[int, ...]:
        """The numbers of the target columns: by name, else the columns beside the inputs."""
        if self.task == "identity":
            return ()
        if self.targets and self.form.header is not None:
            return tuple(table.find(name, "target ") for name in self.targets)
        rest = tuple(i for i in range(len(table.names)) if i not in inputs)
        if len(rest) != self.target_width:
            raise DataError(
                f"{table.path} has {len(rest)} columns beside the inputs; "
                f"the targets are {self.target_width}."
            )
        return rest

    def _npz_inputs(self, path: Path) -> Array:
        name = self.arrays[0]
        x = read_user_npz(path, {name: INPUTS})[name]
        rows = x.reshape(len(x), -1)
        if rows.shape[1] != self.width:
            raise DataError(
                f"{array_place(path, name)} has rows of {rows.shape[1]} numbers; "
                f"the network takes {self.width}."
            )
        return rows

    def _image_dataset(self, folder: Path, shape: Shape) -> Dataset:
        """The images in the sub-folders, whose names are the classes of the network."""
        files, notes = image_files(folder)
        x = image_rows(files, shape)
        if self.learn == "inputs":
            return self._own_targets(str(folder), x, notes)
        names = [file.parent.name for file in files]
        labels = label_rows(
            names, self.classes, POINT, lambda row: str(files[row].parent), accept_numbers=False
        )
        return Dataset(str(folder), x, labels, self.task, class_names=self.classes, notes=notes)

    def _npz_targets(self, path: Path) -> Array:
        name = self.arrays[1]
        y = read_user_npz(path, {name: TARGETS})[name]
        if self.task == "classes":
            where = array_place(path, name)
            return label_rows(
                list(map(str, flat_labels(y, where).tolist())),
                self.classes,
                POINT,
                lambda row: f"{where}, row {row} (counted from 0)",
                accept_numbers=True,
            )
        y = y if y.ndim == 2 else y[:, None]
        if self.task == "multilabel":
            require_labels(y, lambda row, i: number_place(array_place(path, name), row, i))
        return y


def fit_schema(
    table: ColumnTable, columns: tuple[InputColumn, ...], task: TableTask
) -> TableSchema:
    """The schema of a training table with these input columns. Raises DataError."""
    classes: tuple[str, ...] = ()
    if task in ("auto", "classes") and len(table.targets) == 1:
        (i,) = table.targets
        notation = table.form.notation
        classes = class_names(table.texts[i], task, notation, lambda row: table.place(row, i)) or ()
    numeric: Task = "multilabel" if task == "multilabel" else "regression"
    return TableSchema(
        columns=columns,
        outputs=len(classes or table.targets),
        task="classes" if classes else numeric,
        classes=classes,
        targets=tuple(table.names[i] for i in table.targets),
        ignored=tuple(map(str, table.ignored)),
        form=table.form,
    )


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
