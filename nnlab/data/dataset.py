"""A data set: rows, targets, and what a network needs to know."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import ClassVar, Literal, Self

import numpy as np

from nnlab.core.types import NUMERIC, Array, FloatArray, IntArray
from nnlab.data.download import Collection
from nnlab.data.files import file_state
from nnlab.data.fill import Filling
from nnlab.data.scale import ScaleKind
from nnlab.errors import DataError

Task = Literal["classes", "multilabel", "regression", "identity"]
Learned = Literal["targets", "inputs"]


@dataclass(frozen=True)
class InputColumn:
    """An input column of a table: numbers, or categories as one-hot inputs.

    The category "" is a missing cell, where such a cell is a category of its own.
    """

    name: str
    categories: tuple[str, ...] | None = None

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the inputs that the column becomes."""
        if self.categories is None:
            return (self.name,)
        return tuple(f"{self.name}={category_words(value)}" for value in self.categories)


def category_words(category: str) -> str:
    """A category as a reader sees it: "" is a missing cell."""
    return category or "(missing)"


@dataclass(frozen=True)
class Signature:
    """The shape of a data set, known without reading it if possible.

    `inputs` is the shape of a row, `outputs` the number of classes or the width of a target row,
    `rows` the number of rows, of which the last `test_rows` are the official test part. `image` is
    the shape of a row that is an image, (h, w) or (h, w, c). `classes_by` is the setting that would
    make classes of a regression's targets, '' where none would; `class_list` the names of the
    classes of a user's table for messages.
    """

    inputs: tuple[int, ...]
    outputs: int
    task: Task
    rows: int
    test_rows: int = 0
    image: tuple[int, ...] | None = None
    classes_by: str = ""
    class_list: str = ""

    def learning_inputs(self) -> Self:
        """The same for a network that learns its own inputs."""
        outputs = prod(self.inputs)
        return replace(self, outputs=outputs, task="regression", classes_by="", class_list="")


@dataclass(frozen=True, eq=False)
class Dataset:
    """All rows of a data set, checked and read-only, before split and scaling.

    inputs (N, n): uint8 for images, else float64; C-contiguous. nan is a missing cell of a table
    whose missing cells are filled; Scaling does so, once the training rows are known.
    targets: labels (N,) int64 in 0..C-1 for classes, else (N, m) float64.
    sha256: of the content; for downloaded images over the hashes of the verified files.
    columns: where they have names. target_names: of the target columns.
    image_shape: of a row. input_range: the values a pixel can have, which `scale: unit` maps to
    0..1; None where only the data can tell. filling: how missing inputs are filled, if so.
    classes_by, class_list: as in Signature. notes: sentences about the reading of the file.
    file_rows (N,): the numbers of the rows in their file, from 0; None where all rows are here.
    weights (N,): how much each row counts in the loss, above 0; None: equally.
    groups (N,): numbers of the groups of rows that stay in one part; None: each row is alone.
    learn: whether the targets are the inputs themselves.
    row_classes (N,), row_class_names: classes that the network does not learn, for figures.

    Raises DataError when a type is not numeric, when there are no rows or columns, when the row
    counts differ, when there are fewer than two classes, or when a number is nan or infinite;
    with `filling` the inputs may be nan.
    """

    name: str
    inputs: Array
    targets: Array
    task: Task
    sha256: str = ""
    class_names: tuple[str, ...] = ()
    columns: tuple[InputColumn, ...] = ()
    target_names: tuple[str, ...] = ()
    image_shape: tuple[int, ...] | None = None
    input_range: tuple[float, float] | None = None
    test_rows: int = 0
    filling: Filling | None = None
    classes_by: str = ""
    class_list: str = ""
    notes: tuple[str, ...] = ()
    file_rows: IntArray | None = None
    weights: FloatArray | None = None
    groups: IntArray | None = None
    learn: Learned = "targets"
    row_classes: IntArray | None = None
    row_class_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        name, of_classes = self.name, self.task == "classes"
        x_dtype = np.uint8 if self.inputs.dtype == np.uint8 else np.float64
        y_dtype, y_axes = (np.int64, 1) if of_classes else (np.float64, 2)
        x = checked_array(
            self.inputs, x_dtype, f"{name}: the inputs", allow_nan=self.filling is not None
        )
        y = checked_array(self.targets, y_dtype, f"{name}: the targets")
        if x.ndim != 2 or x.size == 0:
            raise DataError(
                f"{name}: the inputs have shape {x.shape}; rows and columns are needed."
            )
        if y.ndim != y_axes:
            raise DataError(
                f"{name}: the targets have shape {y.shape}, which does not fit {self.task}."
            )
        if len(x) != len(y):
            raise DataError(
                f"{name}: there are {len(x):,} rows of inputs but {len(y):,} of targets."
            )
        if of_classes and len(self.class_names) < 2:
            raise DataError(f"{name}: all rows are of one class; a classifier needs two or more.")
        object.__setattr__(self, "inputs", x)
        object.__setattr__(self, "targets", y)
        object.__setattr__(self, "sha256", self.sha256 or content_hash((x, y)))

    @property
    def rows(self) -> int:
        """Number of rows N."""
        return len(self.inputs)

    @property
    def outputs(self) -> int:
        """Number of classes C, or the width m of a target row."""
        return len(self.class_names) if self.task == "classes" else int(self.targets.shape[1])

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the inputs, or () where they have none."""
        return tuple(name for column in self.columns for name in column.inputs)

    @property
    def signature(self) -> Signature:
        """The same facts as the source's own `signature`."""
        return Signature(
            (int(self.inputs.shape[1]),),
            self.outputs,
            self.task,
            self.rows,
            self.test_rows,
            self.image_shape,
            self.classes_by,
            self.class_list,
        )

    def weighted(self, weights: FloatArray, place: Callable[[int], str]) -> Self:
        """The rows with these weights (N,); those of weight 0 are left out, which changes no sum.

        place: the name of a row's weight in messages. Raises DataError for a weight that is
        negative or not finite, and where all are 0.
        """
        if (wrong := ~((weights >= 0) & np.isfinite(weights))).any():
            row = int(wrong.argmax())
            raise DataError(f"{place(row)}: {weights[row]:g} is no weight; it is 0 or more.")
        used = np.flatnonzero(weights)
        if not used.size:
            raise DataError(f"{self.name}: all weights are 0; a row needs a weight.")
        zero = f"{len(weights) - len(used):,} of {len(weights):,} rows"
        left_out = f"{self.name}: {zero} have weight 0 and are left out."
        sha256 = np.frombuffer(bytes.fromhex(self.sha256), np.uint8)
        return replace(
            self,
            inputs=self.inputs[used],
            targets=self.targets[used],
            weights=weights[used],
            groups=None if self.groups is None else self.groups[used],
            sha256=content_hash((sha256, weights)),
            file_rows=self.rows_in_file(used),
            notes=self.notes if len(used) == len(weights) else (*self.notes, left_out),
        )

    def learning_inputs(self) -> Self:
        """The same for a network that learns its own inputs: an autoencoder.

        Raises DataError where an input is missing.
        """
        if self.filling is not None and np.isnan(self.inputs).any():
            raise DataError(
                f"{self.name}: data.learn: inputs makes targets of all cells, and some are "
                "missing. Set data.missing: drop."
            )
        return replace(
            self,
            targets=input_targets(self.inputs, self.input_range),
            task="regression",
            class_names=(),
            target_names=self.feature_names,
            classes_by="",
            class_list="",
            learn="inputs",
            row_classes=self.labels,
            row_class_names=self.class_names,
        )

    @property
    def labels(self) -> IntArray | None:
        """The classes (N,) of the rows; None for other targets."""
        return self.targets if self.task == "classes" else None

    def rows_in_file(self, rows: IntArray) -> IntArray:
        """The numbers of these rows in their file, from 0."""
        return rows if self.file_rows is None else np.asarray(self.file_rows[rows])


class DataSource(ABC):
    """A data set for configs: a frozen dataclass of its settings.

    default_scale: the scaling where the config sets none. files: the published files that it is
    read from, downloaded where they are absent.
    """

    default_scale: ClassVar[ScaleKind] = "none"
    files: ClassVar[Collection | None] = None

    def signature(self, seed: int) -> Signature:
        """The shape of what `load(seed)` gives. Raises DataError.

        Large sets override it, so that a config is checked without making their rows.
        """
        return self.load(seed).signature

    @abstractmethod
    def load(self, seed: int) -> Dataset:
        """All rows; the same seed gives the same bits. Raises DataError."""


class UserFile(DataSource):
    """A data set in a file of the user."""

    @abstractmethod
    def read(self) -> Dataset:
        """All rows, from the file. Raises DataError, StorageError."""


def read_if_changed(source: UserFile, files: Iterable[Path]) -> Dataset:
    """The rows of `source`, read again only when its files are others or have changed."""
    return _read(source, tuple((file, file_state(file)) for file in files))


@lru_cache(maxsize=4)
def _read(source: UserFile, states: Hashable) -> Dataset:
    return source.read()


def input_targets(inputs: Array, input_range: Sequence[float] | None) -> FloatArray:
    """Inputs (N, n) as targets: t = (x - low) / (high - low) for pixels, else t = x."""
    low, high = input_range or (0.0, 1.0)
    return (inputs - np.float64(low)) / (high - low)


def content_hash(arrays: Iterable[Array]) -> str:
    """SHA-256 over the dtype, shape and bytes of each array, in turn."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def checked_array(
    array: Array, dtype: type[np.generic], what: str, *, allow_nan: bool = False
) -> Array:
    """A C-contiguous, read-only view or copy; the caller's array keeps its own flags.

    Raises DataError for an array of another kind, and as `require_finite`.
    """
    if array.dtype.kind not in NUMERIC:
        raise DataError(f"{what} are of type {array.dtype}; numbers are needed.")
    with np.errstate(over="ignore"):  # a long double too large for float64 is reported as inf
        view = np.ascontiguousarray(array, dtype).view()
    view.flags.writeable = False
    require_finite(view, what, allow_nan=allow_nan)
    return view


def require_finite(array: Array, what: str, *, allow_nan: bool = False) -> None:
    """Raise DataError that names the place of the first nan or inf."""
    if array.dtype.kind != "f":
        return
    bad = np.isinf(array) if allow_nan else ~np.isfinite(array)
    if bad.any():
        place = np.argwhere(bad)[0]
        labels = ("row", "column") if array.ndim <= 2 else ("row", *["index"] * (array.ndim - 1))
        where = ", ".join(f"{label} {i}" for label, i in zip(labels, place, strict=False))
        value = float(array[tuple(place)])
        raise DataError(
            f"{what} hold {value} at {where} (counted from 0); only finite numbers are allowed."
        )
