"""The rows that a run folder holds, and the form of files with new rows."""

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from nnlab.core.losses import Loss
from nnlab.core.types import Array, FloatArray, IntArray
from nnlab.data.csv_text import CsvForm
from nnlab.data.dataset import DataSource, InputColumn
from nnlab.data.memory import Memory
from nnlab.data.missing import MissingRules
from nnlab.data.table_schema import TableSchema, columns_of_inputs
from nnlab.data.user_csv import Csv
from nnlab.data.user_npz import Npz
from nnlab.errors import RunUnreadable
from nnlab.run.data_facts import DataFacts
from nnlab.run.folder import PREDICTIONS, ROWS, SAMPLES, RunFolder
from nnlab.run.text import shown

PARTS = ("train", "validation", "test")


@dataclass(frozen=True, eq=False)
class SavedRows:
    """The saved rows of one part.

    inputs (N, n) as in the data set; targets: labels (N,) or rows (N, m); outputs (N, m) of the
    final weights; numbers (N,): their row numbers in the part. `all`: this is the whole part.
    """

    part: str
    inputs: Array
    targets: Array
    outputs: FloatArray
    numbers: IntArray
    all: bool

    def __len__(self) -> int:
        return len(self.inputs)

    def take(self, which: Array) -> "SavedRows":
        """The rows with these indices."""
        return replace(
            self,
            inputs=self.inputs[which],
            targets=self.targets[which],
            outputs=self.outputs[which],
            numbers=self.numbers[which],
            all=False,
        )

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
            if f"{part}.inputs" not in arrays or f"{part}.targets" not in arrays:
                continue
            inputs, targets = arrays[f"{part}.inputs"], arrays[f"{part}.targets"]
            outputs, numbers = arrays.get(f"{part}.outputs"), arrays.get(f"{part}.rows")
            rows_in_part = len(inputs) if inputs.ndim else 0
            places: IntArray = np.arange(rows_in_part) if numbers is None else numbers
            if outputs is None or not _fits(data, loss, inputs, targets, outputs, places):
                raise RunUnreadable(
                    f"Cannot read {shown(folder.path)}: the saved rows of the part {part} do not "
                    "fit data.json."
                )
            rows[part] = SavedRows(part, inputs, targets, outputs, places, numbers is None)
    return rows


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
    if targets.shape != (rows,) or targets.dtype != np.int64 or len(data.class_names) != wide:
        return False
    return bool(0 <= targets.min() <= targets.max() < wide)


def read_schema(folder: Path, data: DataFacts, source: DataSource) -> TableSchema:
    """The form of files with rows for a network, as in training.

    data: data.json. source: that of the config. Raises RunUnreadable if they do not fit.
    """
    none: tuple[str | int, ...] = ()
    form, categorical, ignored = CsvForm(None), none, none
    if isinstance(source, Memory):
        form = replace(form, missing=source.rules)
    if isinstance(source, Csv):
        form, categorical, ignored = source.form, source.categorical, source.ignore
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
        form=form,
    )
    if schema.width != width:
        raise RunUnreadable(
            f"Cannot read {folder}: the columns in data.json have {schema.width} inputs, and the "
            f"network takes {width}."
        )
    return schema
