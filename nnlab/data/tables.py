"""The user's own tables: a CSV file with names and categories, or two arrays in an NPZ file."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Len

from nnlab.data import csv_reader, npz_reader
from nnlab.data.dataset import Dataset, Signature, from_arrays
from nnlab.data.files import stamp
from nnlab.data.labels import csv_labels, csv_values, npz_labels
from nnlab.errors import DataError

Task = Literal["auto", "classes", "regression"]
Column = str | Annotated[int, Ge(0)]  # a name of the header, or an index counted from 0


@dataclass(frozen=True)
class Csv:
    """A text table, one row a line; every column that is not a target is an input.

    A column is given by its name, or by its number counted from 0; without a header by number.

    path: the file; a relative path starts at the config's folder.
    target: the column to predict; several make a regression.
    header: whether the first line holds the names of the columns.
    categorical: columns shown as one-hot, an input `name=value` for each value in sorted order.
    ignore: columns that are left out.
    missing: an empty cell (or NA, NaN, null, ?) is an error, drops its row, or becomes the mean
    of its column over the training rows; targets and categories are never filled in.
    task: auto takes text, or at most 20 distinct whole numbers, for classes, and all else for a
    regression. Class labels follow the sorted class names.
    delimiter: the character between cells.
    """

    path: str
    target: Column | Annotated[tuple[Column, ...], Len(1)]
    header: bool = True
    categorical: tuple[Column, ...] = ()
    ignore: tuple[Column, ...] = ()
    missing: csv_reader.Missing = "error"
    task: Task = "auto"
    delimiter: Annotated[str, Len(1, 1)] = ","

    def __post_init__(self) -> None:
        if self.delimiter in '"\r\n':
            raise ValueError(f"{self.delimiter!r} cannot separate cells")
        if self.task == "classes" and len(self.targets) > 1:
            raise ValueError("task: classes takes one target column")

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
        table = csv_reader.read(
            Path(self.path),
            target=self.targets,
            categorical=self.categorical,
            ignore=self.ignore,
            header=self.header,
            missing=self.missing,
            delimiter=self.delimiter,
        )
        classes = csv_labels(table, self.task)
        labels, names = classes or (csv_values(table), ())
        return from_arrays(
            self.path,
            table.inputs,
            labels,
            task="classes" if classes else "regression",
            class_names=names,
            feature_names=table.input_names,
            target_names=table.target_names,
            may_miss=self.missing == "mean",
        )


@dataclass(frozen=True)
class Npz:
    """Two arrays of an NPZ file, as `numpy.savez(path, x=..., y=...)` writes it.

    path: the file; a relative path starts at the config's folder.
    inputs: the name of an array (N, n) of numbers, or (N, h, w) of pictures, which stay uint8 if
    they are.
    targets: the name of an array (N,) or (N, m).
    task: auto takes (N,) whole numbers, booleans or text for classes, and (N,) floats and (N, m)
    numbers for a regression. Class labels follow the sorted values.
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
        picture = x.shape[1:] if x.ndim == 3 else None
        if picture is None or x.dtype != np.uint8:
            x = x.astype(np.float64)
        if self.task == "classes" and y.ndim != 1:
            raise DataError(
                f"{path}, array {self.targets!r} has shape {y.shape}; labels have 1 dimension."
            )
        few = y.ndim == 1 and y.dtype.kind in "biuU" and self.task == "auto"
        labels, names = npz_labels(y) if few or self.task == "classes" else (y, ())
        return from_arrays(
            self.path,
            x.reshape(len(x), int(np.prod(x.shape[1:]))),
            labels if labels.ndim == 2 or names else labels[:, None],
            task="classes" if names else "regression",
            class_names=names,
            image_shape=picture,
            input_range=(0.0, 255.0) if x.dtype == np.uint8 else None,
        )


@lru_cache(maxsize=4)
def _load(source: Csv | Npz, size: int, changed: int) -> Dataset:
    """Reads a file once while its size and time of change stay: checking and training share it."""
    return source.read()
