"""The user's own tables: a CSV file, or arrays in an NPZ file."""

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Len

from nnlab.core.types import Array
from nnlab.data.classes import class_list, flat_labels, is_label_like
from nnlab.data.csv_text import CsvForm, Missing
from nnlab.data.dataset import Dataset, DataSource, Signature, Task
from nnlab.data.files import size_and_mtime
from nnlab.data.fit_schema import fit_schema
from nnlab.data.npz import INPUTS, TARGETS, read_user_npz
from nnlab.data.table_schema import as_rows, npz_place, require_labels
from nnlab.errors import DataError

COLOURS = (3, 4)  # red, green, blue, and how opaque
TableTask = Literal["auto", "classes", "multilabel", "regression"]
ColumnChoice = str | Annotated[int, Ge(0)]  # a name of the header, or a number counted from 0


@dataclass(frozen=True)
class Csv(DataSource):
    r"""A text table, one row per line; every column that is not a target is an input.

    A column is given by its name, or by its number counted from 0; without a header by number.

    path: the file; a relative path starts at the config's folder.
    target: the column to predict; several make a regression, or with bce labels.
    header: whether the first line holds the names of the columns.
    categorical: columns shown as one-hot, an input `name=value` for each value in sorted order.
    ignore: columns that are left out.
    missing: an empty cell (or NA, NaN, null, ?; among numbers also -, n/a, None) is an error,
    drops its row, or becomes the mean of its column over the training rows, which for a category
    is the share that each value has; a target is never filled in.
    task: auto reads text, or at most 20 distinct whole numbers, as classes, and all else as a
    regression. classes uses the texts of the file as names. Class labels follow the sorted
    class names. multilabel makes each target column a label of its own, 0 or 1.
    delimiter: the character between cells; \t is a tab, and " " any number of blanks and tabs.
    decimal: the character before the decimals of a number.
    """

    path: str
    target: ColumnChoice | Annotated[tuple[ColumnChoice, ...], Len(1)]
    header: bool = True
    categorical: tuple[ColumnChoice, ...] = ()
    ignore: tuple[ColumnChoice, ...] = ()
    missing: Missing = "error"
    task: TableTask = "auto"
    delimiter: Annotated[str, Len(1, 2)] = ","
    decimal: Literal[".", ","] = "."

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
        if self.delimiter in '"\r\n':
            raise ValueError(f"{self.delimiter!r} cannot separate cells")
        if self.task == "classes" and len(self.targets) > 1:
            raise ValueError("task: classes takes one target column")

    @property
    def form(self) -> CsvForm:
        """How files of this table are written."""
        return CsvForm(self.header, self.delimiter, self.decimal, self.missing)

    @property
    def targets(self) -> tuple[ColumnChoice, ...]:
        """The target columns, one or several."""
        return self.target if isinstance(self.target, tuple) else (self.target,)

    def signature(self, seed: int) -> Signature:
        return self.load(seed).signature

    def load(self, seed: int) -> Dataset:
        return _load(self, *size_and_mtime(Path(self.path)))

    def read(self) -> Dataset:
        """As `load`, and always from the file."""
        schema, cells, notes = fit_schema(
            Path(self.path),
            replace(self.form, fitting=True),
            target=self.targets,
            categorical=self.categorical,
            ignore=self.ignore,
            task=self.task,
        )
        return schema.encode(cells, self.path, notes)


@dataclass(frozen=True)
class Npz(DataSource):
    """Two arrays of an NPZ file, as `numpy.savez(path, x=..., y=...)` writes it.

    path: the file; a relative path starts at the config's folder.
    inputs: the name of an array (N, n) of numbers, or of images (N, h, w) or, in colours,
    (N, h, w, c); images of uint8 stay uint8.
    targets: the name of an array (N,) or (N, m).
    task: auto reads (N,) whole numbers, booleans or text as classes, and (N,) floats and (N, m)
    numbers as a regression. classes also reads (N, 1) and one-hot rows. Class labels follow the
    sorted values. multilabel makes each column of (N, m) a label of its own, 0 or 1.
    """

    path: str
    inputs: str = "x"
    targets: str = "y"
    task: TableTask = "auto"

    def signature(self, seed: int) -> Signature:
        return self.load(seed).signature

    def load(self, seed: int) -> Dataset:
        return _load(self, *size_and_mtime(Path(self.path)))

    def read(self) -> Dataset:
        """As `load`, and always from the file."""
        path = Path(self.path)
        arrays = read_user_npz(path, {self.inputs: INPUTS, self.targets: TARGETS})
        x, y = arrays[self.inputs], arrays[self.targets]
        image = checked_image_shape(x, f"{path}, array {self.inputs!r}")
        if image is None or x.dtype != np.uint8:
            x = x.astype(np.float64)
        y, classes = self._labels(y, path)
        if self.task == "multilabel":
            require_labels(y, lambda row, i: npz_place(path, self.targets, row, i))
        task: Task = "multilabel" if self.task == "multilabel" else "regression"
        return Dataset(
            self.path,
            as_rows(x),
            y,
            "classes" if classes else task,
            class_names=classes,
            image_shape=image,
            input_range=(0.0, 255.0) if x.dtype == np.uint8 else None,
            classes_by="data.task: classes" if is_label_like(y) else "",
            class_list=class_list(classes),
        )

    def _labels(self, y: Array, path: Path) -> tuple[Array, tuple[str, ...]]:
        """Labels (N,) and class names, or numbers (N, m) and no names."""
        may_be_classes = self.task == "auto" and y.ndim == 1 and y.dtype.kind in "biuU"
        if self.task == "classes" or may_be_classes:
            y = flat_labels(y, f"{path}, array {self.targets!r}")
            values, labels = np.unique(y, return_inverse=True)
            return labels, tuple(map(str, values.tolist()))
        return y[:, None] if y.ndim == 1 else y, ()


def checked_image_shape(x: Array, where: str) -> tuple[int, ...] | None:
    """(h, w), (h, w, c) in colours, or None for rows of numbers; raises DataError."""
    if x.ndim < 4 or x.shape[-1] == 1:
        return x.shape[1:3] if x.ndim > 2 else None
    if x.shape[-1] in COLOURS:
        return x.shape[1:]
    way = "reshape them to (N, n) if they are no images"
    if x.shape[1] in (1, *COLOURS):
        way = "colours come last, as np.moveaxis(x, 1, -1) puts them"
    raise DataError(f"{where} has shape {x.shape}; images are (N, h, w), or (N, h, w, 3): {way}.")


@lru_cache(maxsize=4)
def _load(source: Csv | Npz, size: int, changed: int) -> Dataset:
    """Read a file again only when its size or time of change differ."""
    return source.read()
