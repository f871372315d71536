"""The user's arrays in an NPZ file."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nnlab.core.types import Array, FilePath
from nnlab.data.classes import (
    class_list,
    flat_labels,
    number_place,
    require_labels,
    way_to_classes,
)
from nnlab.data.dataset import Dataset, Task, UserFile, read_if_changed
from nnlab.data.npz import INPUTS, TARGETS, WEIGHTS, array_place, read_user_npz
from nnlab.data.table_schema import TableTask
from nnlab.errors import DataError

COLOURS = (3, 4)  # red, green, blue, and opacity


@dataclass(frozen=True)
class Npz(UserFile):
    """Two arrays of an NPZ file, as `numpy.savez(path, x=..., y=...)` writes it.

    path: the file; a relative path starts at the config's folder.
    inputs: the name of an array (N, n) of numbers, or of images (N, h, w) or, in colours,
    (N, h, w, c); images of uint8 stay uint8.
    targets: the name of an array (N,) or (N, m).
    task: auto reads (N,) whole numbers, booleans or text as classes, and (N,) floats and (N, m)
    numbers as a regression. classes also reads (N, 1) and one-hot rows. Class labels follow the
    sorted values. multilabel makes each column of (N, m) a label of its own, 0 or 1.
    weight: the name of an array (N,) with the weights of rows, as for csv.
    """

    path: FilePath
    inputs: str = "x"
    targets: str = "y"
    task: TableTask = "auto"
    weight: str | None = None

    def load(self, seed: int) -> Dataset:
        return read_if_changed(self, [Path(self.path)])

    def read(self) -> Dataset:
        path = Path(self.path)
        wanted = {self.inputs: INPUTS, self.targets: TARGETS}
        wanted |= {} if self.weight is None else {self.weight: WEIGHTS}
        arrays = read_user_npz(path, wanted)
        x, y = arrays[self.inputs], arrays[self.targets]
        places = (array_place(path, name) for name in (self.inputs, self.targets))
        dataset = array_dataset(self.path, x, y, self.task, *places)
        if self.weight is None:
            return dataset
        weights, name = arrays[self.weight].astype(np.float64), array_place(path, self.weight)
        return dataset.weighted(weights, lambda row: f"{name}, row {row} (counted from 0)")


def array_dataset(
    name: str, x: Array, y: Array, task: TableTask, where_x: str, where_y: str
) -> Dataset:
    """Inputs and targets as a data set; the places are the arrays' names in messages."""
    x, image, input_range = input_rows(x, where_x)
    y, classes = _labels(y, task, where_y)
    if task == "multilabel":
        require_labels(y, lambda row, i: number_place(where_y, row, i))
    numeric: Task = "multilabel" if task == "multilabel" else "regression"
    return Dataset(
        name,
        x,
        y,
        "classes" if classes else numeric,
        class_names=classes,
        image_shape=image,
        input_range=input_range,
        classes_by=way_to_classes(y, one_hot="data.task: classes"),
        class_list=class_list(classes),
    )


def _labels(y: Array, task: TableTask, where: str) -> tuple[Array, tuple[str, ...]]:
    """Labels (N,) and class names, or numbers (N, m) and no names."""
    may_be_classes = task == "auto" and y.ndim == 1 and y.dtype.kind in "biuU"
    if task == "classes" or may_be_classes:
        values, labels = np.unique(flat_labels(y, where), return_inverse=True)
        return labels, tuple(map(str, values.tolist()))
    return y[:, None] if y.ndim == 1 else y, ()


def input_rows(
    x: Array, where: str
) -> tuple[Array, tuple[int, ...] | None, tuple[float, float] | None]:
    """Rows (N, n) of an array, the shape of an image, and the range of its pixels.

    Images of uint8 stay uint8, all else becomes float64. Raises as `checked_image_shape`.
    """
    image = checked_image_shape(x, where)
    if image is None or x.dtype != np.uint8:
        return x.reshape(len(x), -1).astype(np.float64), image, None
    return x.reshape(len(x), -1), image, (0.0, 255.0)


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
