"""From what stands in a target column to class labels or numbers."""

import numpy as np
from numpy.typing import NDArray

from nnlab.core.types import Array
from nnlab.data.csv_reader import Table, number, place, shown
from nnlab.errors import DataError

FEW = 20  # as many distinct whole numbers are still taken for class labels

Classes = tuple[NDArray[np.int64], tuple[str, ...]]


def csv_labels(table: Table, task: str) -> Classes | None:
    """Labels and class names of a single target column; None where it is a regression."""
    if task == "regression" or len(table.targets) > 1:
        return None
    (texts,) = table.targets
    values = [number(text) for text in texts]
    whole = all(value is not None and value.is_integer() for value in values)
    if task == "auto":
        numeric = [value is not None for value in values]
        if any(numeric) and not all(numeric):
            _refuse_mixture(table, numeric.index(not numeric[0]))
        if all(numeric) and not (whole and len(set(values)) <= FEW):
            return None
    # Whole numbers sort as numbers (2 before 10) and "1" and "1.0" are one class.
    keys = [int(value) for value in values if value is not None] if whole else texts
    names = sorted(set(keys))  # type: ignore[type-var]
    labels = {key: label for label, key in enumerate(names)}
    return np.array([labels[key] for key in keys], np.int64), tuple(map(str, names))


def csv_values(table: Table) -> NDArray[np.float64]:
    """Target columns as numbers (N, m). Raises DataError naming line and column of a text."""
    columns = []
    for name, texts in zip(table.target_names, table.targets, strict=True):
        values = np.empty(len(texts))
        for row, text in enumerate(texts):
            value = number(text)
            if value is None:
                where = place(table.path, table.lines[row], name)
                raise DataError(f"{where}: {shown(text)} is not a finite number.")
            values[row] = value
        columns.append(values)
    return np.stack(columns, axis=1)


def npz_labels(targets: Array) -> Classes:
    """Labels and class names of a 1-D array; floats that are whole are called like integers."""
    if targets.dtype.kind == "f" and (targets == np.rint(targets)).all():
        targets = np.rint(targets).astype(np.int64) if abs(targets).max() < 2**53 else targets
    values, labels = np.unique(targets, return_inverse=True)
    return labels.astype(np.int64), tuple(map(str, values.tolist()))


def _refuse_mixture(table: Table, row: int) -> None:
    where = place(table.path, table.lines[row], table.target_names[0])
    text = shown(table.targets[0][row])
    raise DataError(
        f"{where}: {text} does not fit the cells above, as the target mixes numbers and text. "
        "Mend the cell, or set task: classes if all of them are names."
    )
