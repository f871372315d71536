"""The rows that a run folder holds, and the form of files with new rows."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from nnlab.core.losses import Loss
from nnlab.core.types import Array, FloatArray, IntArray
from nnlab.data.csv_text import CsvForm
from nnlab.data.dataset import DataSource, InputColumn, input_targets
from nnlab.data.memory import TableSource
from nnlab.data.missing import MissingRules
from nnlab.data.table_schema import TableSchema, columns_of_inputs
from nnlab.data.user_csv import Csv
from nnlab.data.user_npz import Npz
from nnlab.errors import RunUnreadable
from nnlab.run.data_facts import DataFacts
from nnlab.run.folder import PREDICTIONS, ROWS, SAMPLES, RunFolder
from nnlab.run.text import unreadable

PARTS = ("train", "validation", "test")


@dataclass(frozen=True, eq=False)
class SavedRows:
    """The saved rows of one part.

    inputs (N, n) as in the data set; targets: labels (N,) or rows (N, m); outputs (N, m) of the
    final weights; numbers (N,): their row numbers in the part; file_rows (N,): those in the file,
    both from 0; None in runs of older versions. `all`: this is the whole part. classes (N,): those
    that the network does not learn; None without them.
    """

    part: str
    inputs: Array
    targets: Array
    outputs: FloatArray
    numbers: IntArray
    file_rows: IntArray | None
    all: bool
    classes: IntArray | None = None

    def __len__(self) -> int:
        return len(self.inputs)

    def take(self, which: Array) -> "SavedRows":
        """The rows with these indices."""
        arrays: dict[str, Any] = {
            name: array[which]
            for name, array in vars(self).items()
            if isinstance(array, np.ndarray)
        }
        return replace(self, all=False, **arrays)

    def spread(self, most: int) -> "SavedRows":
        """At most `most` rows, evenly spaced over the part.

        Behind the evenly spaced rows of a large part, of which the last row of the part is the
        last, stand those that were saved for their loss; they are left out.
        """
        count = int(self.numbers.argmax()) + 1
        return self.take(np.linspace(0, count - 1, min(count, most)).astype(np.int64))


def read_saved_rows(folder: RunFolder, data: DataFacts, loss: Loss) -> dict[str, SavedRows]:
    """The saved rows by part. Raises RunUnreadable if they do not fit data.json."""
    rows = {}
    for file in (PREDICTIONS, SAMPLES):
        arrays = folder.read_arrays(file) if folder.has(file) else {}
        for part in PARTS:
            inputs, targets = _inputs_and_targets(arrays, part, data)
            if inputs is None or targets is None:
                continue
            outputs, numbers = arrays.get(f"{part}.outputs"), arrays.get(f"{part}.rows")
            rows_in_part = len(inputs) if inputs.ndim else 0
            places: IntArray = np.arange(rows_in_part) if numbers is None else numbers
            if outputs is None or not _fits(data, loss, inputs, targets, outputs, places):
                misfit = f"the saved rows of the part {part} do not fit data.json"
                raise unreadable(folder.path, misfit)
            in_file = _beside(arrays, f"{part}.file_rows", places)
            classes = _labels(_beside(arrays, f"{part}.classes", places), data.row_class_names)
            rows[part] = SavedRows(
                *(part, inputs, targets, outputs, places, in_file, numbers is None, classes)
            )
    return rows


def _inputs_and_targets(
    arrays: Mapping[str, Array], part: str, data: DataFacts
) -> tuple[Array | None, Array | None]:
    inputs = arrays.get(f"{part}.inputs")
    if data.learn == "targets" or inputs is None or inputs.dtype.kind not in "uif":
        return inputs, arrays.get(f"{part}.targets")
    return inputs, input_targets(inputs, data.input_range)


def _beside(arrays: Mapping[str, Array], name: str, numbers: IntArray) -> IntArray | None:
    """An array with a number for each row; None where it is missing or does not fit."""
    array = arrays.get(name)
    return None if array is None or array.shape != numbers.shape else array


def _labels(labels: IntArray | None, names: Sequence[str]) -> IntArray | None:
    """The labels; None where they are no numbers of these names."""
    if labels is None or labels.dtype != np.int64:
        return None
    return labels if 0 <= labels.min() <= labels.max() < len(names) else None


def read_shown_rows(folder: RunFolder, data: DataFacts, loss: Loss) -> tuple[Array, Array]:
    """Inputs (N, n) and targets of rows.npz; N = 0 where it is missing or damaged."""
    arrays: dict[str, Array] = {}
    with suppress(RunUnreadable):  # it is written without a sync
        arrays = folder.read_arrays(ROWS, sealed=True) if folder.has(ROWS) else {}
    inputs, targets = (arrays.get(name, np.zeros(0)) for name in ("inputs", "targets"))
    count = len(inputs) if inputs.ndim else 0
    outputs = np.zeros((count, _width(data, loss)))
    if _fits(data, loss, inputs, targets, outputs, np.arange(count)):
        return inputs, targets
    return np.zeros((0, int(np.prod(data.inputs)))), np.zeros(0)


def _width(data: DataFacts, loss: Loss) -> int:
    """The outputs of the network."""
    if data.task == "classes":
        return 1 if data.kind == "binary" else data.outputs
    return loss.width(data.outputs)


def _fits(
    data: DataFacts, loss: Loss, inputs: Array, targets: Array, outputs: Array, numbers: Array
) -> bool:
    """Whether saved rows are as data.json says."""
    rows, wide = numbers.size, data.outputs
    if not rows or numbers.ndim != 1 or inputs.shape != (rows, int(np.prod(data.inputs))):
        return False
    if outputs.shape != (rows, _width(data, loss)):
        return False
    if data.task != "classes":
        return targets.shape == (rows, wide)
    if targets.shape != (rows,) or len(data.class_names) != wide:
        return False
    return _labels(targets, data.class_names) is not None


def read_schema(folder: Path, data: DataFacts, source: DataSource) -> TableSchema:
    """The form of files with rows for a network, as in training.

    data: data.json. source: that of the config. Raises RunUnreadable if they do not fit.
    """
    none: tuple[str | int, ...] = ()
    form, categorical, ignored = CsvForm(None), none, none
    if isinstance(source, TableSource):
        form = replace(form, missing=source.rules)
    if isinstance(source, Csv):
        form, categorical, ignored = source.form, source.categorical, source.outside
    if data.scaling.fill is None and form.missing.fills:
        form = replace(form, missing=MissingRules())  # an older run; its file had no empty cell
    width = data.inputs[0]
    # Older runs have the names of the inputs alone.
    columns = data.columns or columns_of_inputs(data.feature_names, categorical)
    schema = TableSchema(
        columns=columns or tuple(InputColumn(str(i)) for i in range(width)),
        outputs=data.outputs,
        task=data.task,
        classes=data.class_names,
        targets=data.target_names,
        named=bool(columns),
        ignored=tuple(map(str, ignored)),
        arrays=(source.inputs, source.targets) if isinstance(source, Npz) else ("x", "y"),
        image=data.byte_image,
        form=form,
        learn=data.learn,
        input_range=data.input_range,
    )
    if schema.width != width:
        have = f"the columns in data.json have {schema.width} inputs"
        raise unreadable(folder, f"{have}, and the network takes {width}")
    return schema
