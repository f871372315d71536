"""A data set: rows, targets, and what a network needs to know."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from nnlab.core.types import Array, IntArray
from nnlab.data.download import Collection
from nnlab.data.scale import ScaleKind
from nnlab.errors import DataError

Task = Literal["classes", "multilabel", "regression", "identity"]


@dataclass(frozen=True)
class InputColumn:
    """An input column of a table: numbers, or categories as one-hot inputs."""

    name: str
    categories: tuple[str, ...] | None = None

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the inputs that the column becomes."""
        if self.categories is None:
            return (self.name,)
        return tuple(f"{self.name}={value}" for value in self.categories)


@dataclass(frozen=True)
class Signature:
    """The shape of a data set, known without reading it if possible.

    `inputs` is the shape of one row, `outputs` the number of classes or the width of a target
    row, `rows` counts all rows; the last `test_rows` of them are the official test part.
    `image` is the shape of a row that is an image, (h, w) or (h, w, c). `classes_by` is the
    setting that would make classes of a regression's targets, '' where none would;
    `class_list` the names of the classes of a user's table, as messages show them.
    """

    inputs: tuple[int, ...]
    outputs: int
    task: Task
    rows: int
    test_rows: int = 0
    image: tuple[int, ...] | None = None
    classes_by: str = ""
    class_list: str = ""


@dataclass(frozen=True, eq=False)
class Dataset:
    """All rows of a data set, checked and read-only, before split and scaling.

    inputs (N, n): uint8 for images, else float64; C-contiguous. nan is a missing cell of a table
    read with `missing: mean`; Scaling fills it, once the training rows are known.
    targets: labels (N,) int64 in 0..C-1 for classes, else (N, m) float64.
    sha256: of the content; for downloaded images over the hashes of the verified files.
    image_shape: of one row. input_range: the values a pixel can have, which `scale: unit` maps to
    0..1; None where only the data can tell.
    columns: of a table, what its inputs were made of. fills: whether missing inputs are filled.
    classes_by, class_list: as in Signature. notes: what reading the data left out, in sentences.
    file_rows (N,): where the rows are in their file, from 0; None where all of its rows are here.

    Raises DataError when a type is not numeric, when there are no rows or columns, when the row
    counts differ, when there are fewer than two classes, or when a number is nan or infinite;
    with `fills` the inputs may be nan.
    """

    name: str
    inputs: Array
    targets: Array
    task: Task
    sha256: str = ""
    class_names: tuple[str, ...] = ()
    feature_names: tuple[str, ...] = ()
    target_names: tuple[str, ...] = ()
    image_shape: tuple[int, ...] | None = None
    input_range: tuple[float, float] | None = None
    test_rows: int = 0
    columns: tuple[InputColumn, ...] = ()
    fills: bool = False
    classes_by: str = ""
    class_list: str = ""
    notes: tuple[str, ...] = ()
    file_rows: IntArray | None = None

    def __post_init__(self) -> None:
        for array, what in ((self.inputs, "inputs"), (self.targets, "targets")):
            if (kind := array.dtype).kind not in "biuf":
                raise DataError(f"{self.name}: the {what} are of type {kind}; numbers are needed.")
        x, y = self._checked()
        features = self.feature_names or tuple(n for column in self.columns for n in column.inputs)
        for field, value in (
            ("inputs", x),
            ("targets", y),
            ("sha256", self.sha256 or content_hash((x, y))),
            ("feature_names", features),
            ("columns", self.columns or tuple(map(InputColumn, features))),
        ):
            object.__setattr__(self, field, value)

    def _checked(self) -> tuple[Array, Array]:
        """Inputs and targets in their types, copied only where needed."""
        name, of_classes = self.name, self.task == "classes"
        x = read_only(self.inputs, np.uint8 if self.inputs.dtype == np.uint8 else np.float64)
        y = read_only(self.targets, np.int64 if of_classes else np.float64)
        if x.ndim != 2 or x.size == 0:
            raise DataError(
                f"{name}: the inputs have shape {x.shape}; rows and columns are needed."
            )
        if y.ndim != (1 if of_classes else 2):
            raise DataError(
                f"{name}: the targets have shape {y.shape}, which does not fit {self.task}."
            )
        if len(x) != len(y):
            raise DataError(
                f"{name}: there are {len(x):,} rows of inputs but {len(y):,} of targets."
            )
        if of_classes and len(self.class_names) < 2:
            raise DataError(f"{name}: all rows are of one class; a classifier needs two or more.")
        require_finite(x, f"{name}: the inputs", allow_nan=self.fills)
        require_finite(y, f"{name}: the targets")
        return x, y

    @property
    def rows(self) -> int:
        """Number of rows N."""
        return len(self.inputs)

    def rows_in_file(self, rows: IntArray) -> IntArray:
        """The numbers of these rows in their file, from 0."""
        return rows if self.file_rows is None else np.asarray(self.file_rows[rows])

    @property
    def outputs(self) -> int:
        """Number of classes C, or the width m of a target row."""
        return len(self.class_names) if self.task == "classes" else int(self.targets.shape[1])

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


class DataSource(ABC):
    """A data set for configs: a frozen dataclass of its settings.

    default_scale: how inputs are scaled where the config does not say. files: the published files
    that it is read from, downloaded where they are absent.
    """

    default_scale: ClassVar[ScaleKind] = "none"
    files: ClassVar[Collection | None] = None

    @abstractmethod
    def signature(self, seed: int) -> Signature:
        """The shape of what `load(seed)` gives. Raises DataError."""

    @abstractmethod
    def load(self, seed: int) -> Dataset:
        """All rows; the same seed gives the same bits. Raises DataError."""


def content_hash(arrays: Iterable[Array]) -> str:
    """SHA-256 over the dtype, shape and bytes of each array, in turn."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def read_only(array: Array, dtype: type[np.generic]) -> Array:
    """A C-contiguous, read-only view or copy; the caller's array keeps its own flags."""
    with np.errstate(over="ignore"):  # a long double too large for float64 is reported as inf
        view = np.ascontiguousarray(array, dtype).view()
    view.flags.writeable = False
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
