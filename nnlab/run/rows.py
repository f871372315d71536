"""Rows of a data set that a run folder holds, with the outputs of its final weights."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnlab.core.types import Array, FloatArray, IntArray
from nnlab.errors import RunUnreadable
from nnlab.run.folder import PREDICTIONS, SAMPLES, RunFolder
from nnlab.run.text import shown

PARTS = ("train", "validation", "test")


@dataclass(frozen=True, eq=False)
class SavedRows:
    """Rows of one part that the folder holds.

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
        return SavedRows(
            self.part,
            self.inputs[which],
            self.targets[which],
            self.outputs[which],
            self.numbers[which],
            False,
        )


def read_rows(folder: RunFolder, data: Mapping[str, Any]) -> dict[str, SavedRows]:
    """The saved rows by part. Raises RunUnreadable where they do not fit data.json."""
    rows = {}
    for file in (PREDICTIONS, SAMPLES):
        arrays = folder.read_arrays(file) if folder.has(file) else {}
        for part in PARTS:
            if f"{part}.inputs" in arrays and f"{part}.targets" in arrays:
                rows[part] = _rows_of(part, arrays, data, folder)
    return rows


def _rows_of(
    part: str, arrays: Mapping[str, Array], data: Mapping[str, Any], folder: RunFolder
) -> SavedRows:
    inputs, targets = arrays[f"{part}.inputs"], arrays[f"{part}.targets"]
    outputs, numbers = arrays.get(f"{part}.outputs"), arrays.get(f"{part}.rows")
    fits = outputs is not None and _fit(data, inputs, targets, outputs)
    if outputs is None or not fits or (numbers is not None and len(numbers) != len(inputs)):
        raise RunUnreadable(
            f"Cannot read {shown(folder.path)}: the rows kept of the part {part} do not fit "
            "data.json."
        )
    places: IntArray = np.arange(len(inputs)) if numbers is None else numbers
    return SavedRows(part, inputs, targets, outputs, places, numbers is None)


def _fit(data: Mapping[str, Any], inputs: Array, targets: Array, outputs: Array) -> bool:
    """Whether saved rows are as data.json says."""
    rows = len(inputs) if inputs.ndim else 0
    if inputs.shape != (rows, int(np.prod(data["inputs"]))) or not rows:
        return False
    if outputs.ndim != 2 or len(outputs) != rows or not outputs.shape[1]:
        return False
    if data["task"] != "classes":
        return targets.shape == outputs.shape == (rows, data["outputs"])
    labels = targets.shape == (rows,) and targets.dtype == np.int64
    wide = outputs.shape[1] == (1 if data["kind"] == "binary" else data["outputs"])
    named = len(data["class_names"]) == data["outputs"]
    return bool(labels and wide and named and 0 <= targets.min() <= targets.max() < data["outputs"])
