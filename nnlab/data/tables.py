"""The user's own tables: a CSV file with names and categories, or two arrays in an NPZ file."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Len

from nnlab.core.types import Array
from nnlab.data import npz_reader, table
from nnlab.data.classes import class_list, flat_labels, is_label_like, is_one_hot
from nnlab.data.dataset import Dataset, Signature, from_arrays
from nnlab.data.dataset import Task as Kind
from nnlab.data.files import stamp
from nnlab.data.fit import fit
from nnlab.data.sheet import Form, Missing
from nnlab.errors import DataError

COLOURS = (3, 4)  # red, green, blue, and how opaque
Task = Literal["auto", "classes", "multilabel", "regression"]
Column = str | Annotated[int, Ge(0)]  # a name of the header, or an index counted from 0


@dataclass(frozen=True)
class Csv:
    r"""A text table, one row a line; every column that is not a target is an input.

    A column is given by its name, or by its number counted from 0; without a header by number.

    path: the file; a relative path starts at the config's folder.
    target: the column to predict; several make a regression, or with bce labels.
    header: whether the first line holds the names of the columns.
    categorical: columns shown as one-hot, an input `name=value` for each value in sorted order.
    ignore: columns that are left out.
    missing: an empty cell (or NA, NaN, null, ?; among numbers also -, n/a, None) is an error,
    drops its row, or becomes the mean of its column over the training rows, which for a category
    is the share that each value has; a target is never filled in.
    task: auto takes text, or at most 20 distinct whole numbers, for classes, and all else for a
    regression. classes takes the texts of the file for names. Class labels follow the sorted
    class names. multilabel takes each target column for a label of its own, 0 or 1.
    delimiter: the character between cells; \t is a tab, and " " any number of blanks and tabs.
    decimal: the character before the decimals of a number.
    """

    path: str
    target: Column | Annotated[tuple[Column, ...], Len(1)]
    header: bool = True
    categorical: tuple[Column, ...] = ()
    ignore: tuple[Column, ...] = ()
    missing: Missing = "error"
    task: Task = "auto"
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
    def form(self) -> Form:
        """How files of this table are written."""
        return Form(self.header, self.delimiter, self.decimal, self.missing)

    @property
    def targets(self) -> tuple[Column, ...]:
        """The target columns, one or several."""
        return self.target if isinstance(self.target, tuple) else (self.target,)

    def signature(self, seed: int) -> Signature:
        """Reads the file, once for as long as it does not change."""
        return self.load(seed).signature

    def load(self, seed: int) -> Dataset:
        """All rows in file order. Raises DataError naming line and column."""
        return _load(self, *stamp(Path(self.path)))

    def read(self) -> Dataset:
        """As `load`, and always from the file."""
        schema, sheet = fit(
            Path(self.path),
            replace(self.form, fitting=True),
            target=self.targets,
            categorical=self.categorical,
            ignore=self.ignore,
            task=self.task,
        )
        targets = schema.encoded_targets(sheet)
        return from_arrays(
            self.path,
            table.encoded(sheet, schema.columns),
            targets,
            task=schema.task,
            class_names=schema.classes,
            target_names=schema.targets,
            columns=schema.columns,
            fills=self.missing == "mean",
            classes_by=way_to_classes(targets, self.targets),
            class_list=class_list(schema.classes),
            notes=(*sheet.notes, *((table.dropped(sheet),) if sheet.dropped else ())),
            numbers=table.numbers(sheet),
        )


@dataclass(frozen=True)
class Npz:
    """Two arrays of an NPZ file, as `numpy.savez(path, x=..., y=...)` writes it.

    path: the file; a relative path starts at the config's folder.
    inputs: the name of an array (N, n) of numbers, or of pictures (N, h, w) or, in colours,
    (N, h, w, c), which stay uint8 if they are.
    targets: the name of an array (N,) or (N, m).
    task: auto takes (N,) whole numbers, booleans or text for classes, and (N,) floats and (N, m)
    numbers for a regression. classes also takes (N, 1) and one-hot rows. Class labels follow the
    sorted values. multilabel takes each column of (N, m) for a label of its own, 0 or 1.
    """

    path: str
    inputs: str = "x"
    targets: str = "y"
    task: Task = "auto"

    def signature(self, seed: int) -> Signature:
        """Reads the file, once for as long as it does not change."""
        return self.load(seed).signature

    def load(self, seed: int) -> Dataset:
        """All rows in file order. Raises DataError naming array, row and column."""
        return _load(self, *stamp(Path(self.path)))

    def read(self) -> Dataset:
        """As `load`, and always from the file."""
        path = Path(self.path)
        arrays = npz_reader.read(
            path, {self.inputs: npz_reader.INPUTS, self.targets: npz_reader.TARGETS}
        )
        x, y = arrays[self.inputs], arrays[self.targets]
        picture = picture_shape(x, f"{path}, array {self.inputs!r}")
        if picture is None or x.dtype != np.uint8:
            x = x.astype(np.float64)
        names: tuple[str, ...] = ()
        if self.task == "classes" or (
            self.task == "auto" and y.ndim == 1 and y.dtype.kind in "biuU"
        ):
            y = flat_labels(y, f"{path}, array {self.targets!r}")
            values, y = np.unique(y, return_inverse=True)
            names = tuple(map(str, values.tolist()))
        elif y.ndim == 1:
            y = y[:, None]
        if self.task == "multilabel":
            table.require_labels(y, lambda row, i: table.npz_place(path, self.targets, row, i))
        other: Kind = "multilabel" if self.task == "multilabel" else "regression"
        return from_arrays(
            self.path,
            table.as_rows(x),
            y,
            task="classes" if names else other,
            class_names=names,
            image_shape=picture,
            input_range=(0.0, 255.0) if x.dtype == np.uint8 else None,
            classes_by="data.task: classes" if is_label_like(y) else "",
            class_list=class_list(names),
        )


def picture_shape(x: Array, where: str) -> tuple[int, ...] | None:
    """(h, w), (h, w, c) in colours, or None for rows of numbers; raises DataError."""
    if x.ndim < 4 or x.shape[-1] == 1:
        return x.shape[1:3] if x.ndim > 2 else None
    if x.shape[-1] in COLOURS:
        return x.shape[1:]
    way = "reshape them to (N, n) if they are no pictures"
    if x.shape[1] in (1, *COLOURS):
        way = "colours come last, as np.moveaxis(x, 1, -1) puts them"
    raise DataError(f"{where} has shape {x.shape}; pictures are (N, h, w), or (N, h, w, 3): {way}.")


def way_to_classes(targets: Array, names: Sequence[Column]) -> str:
    """What to set where a regression's targets look like classes."""
    if targets.ndim == 1 or (not np.isin(targets, (0, 1)).all() and len(names) > 1):
        return ""
    if len(names) > 1 and is_one_hot(targets):
        return "a single target column that names the class of each row, in place of these"
    if len(names) > 1:
        return "data.task: multilabel"
    return "data.task: classes" if is_label_like(targets) else ""


@lru_cache(maxsize=4)
def _load(source: Csv | Npz, size: int, changed: int) -> Dataset:
    """Reads a file once while its size and time of change stay: checking and training share it."""
    return source.read()
