"""New rows for a network that is trained already, read as its training rows were.

A CSV file is read by the names of its header: the columns may stand in any order, others beside
them are ignored. Where the training data had no names, or the file has no header, the columns
are the inputs in their order, with the targets behind them where there are any. A missing cell is
nan where the training rows left a mean to fill it with; else it is an error, as a row that is
dropped has no answer.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nnlab.core.types import Array, FloatArray, IntArray
from nnlab.data import npz_reader
from nnlab.data.csv_reader import MISSING, number, place, read_rows, shown
from nnlab.data.dataset import Dataset, Task, from_arrays
from nnlab.errors import DataError


@dataclass(frozen=True)
class Like:
    """What new rows must be like: the facts of the data set that the network was trained on.

    width: n. outputs: number of classes, or the width of a target row. header: whether a CSV file
    has one; None asks its first line, which is a header where a cell of it is no number. arrays:
    the names of inputs and targets in an NPZ file. ignored: the numbers of columns that a file
    without header has beside these, or had when it was trained on. fills: whether a missing
    number can be filled.
    """

    width: int
    outputs: int
    task: Task
    classes: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    header: bool | None = None
    delimiter: str = ","
    arrays: tuple[str, str] = ("x", "y")
    ignored: tuple[str, ...] = ()
    fills: bool = False


def inputs(path: Path, like: Like) -> Array:
    """The rows (N, n) in `path`. Raises DataError naming row and column, StorageError."""
    if path.suffix.lower() == ".npz":
        return _npz_inputs(path, like)
    return _Csv(path, like).inputs()


def labelled(path: Path, like: Like) -> Dataset:
    """The rows and targets in `path`. Raises DataError naming row and column, StorageError."""
    if path.suffix.lower() == ".npz":
        x, y = _npz_inputs(path, like), _npz_targets(path, like)
    else:
        file = _Csv(path, like)
        x, y = file.inputs(), file.targets()
    if like.task == "identity":
        y = x
    return from_arrays(
        str(path), x, y, task=like.task, class_names=like.classes, may_miss=like.fills
    )


class _Csv:
    """A CSV file, and which of its columns is what."""

    def __init__(self, path: Path, like: Like) -> None:
        self.path, self.like = path, like
        self.rows = list(read_rows(path, like.delimiter))
        if not self.rows:
            raise DataError(f"{path} is empty.")
        first = self.rows[0][1]
        header = like.header
        if header is None:
            header = any(number(cell) is None for cell in first)
        self.named = header and bool(like.features)
        self.names = first if header else self._numbered(len(first))
        if header:
            del self.rows[0]
        if not self.rows:
            raise DataError(f"{path} has a header and no row.")
        for line, cells in self.rows:
            if len(cells) != len(self.names):
                raise DataError(
                    f"{path}, line {line}: there are {len(cells)} cells, "
                    f"but {len(self.names)} columns."
                )

    def _numbered(self, cells: int) -> list[str]:
        """Names for the columns of a file without header, as the training file's were counted.

        Targets, ignored columns, or both may be left out; the others count on as if they were
        there. Where it could be either, it is the targets.
        """
        like = self.like
        known = {feature.partition("=")[0] for feature in like.features}
        known |= {*like.targets, *like.ignored}
        full = [str(i) for i in range(len(known))]
        absences = ((), like.targets, like.ignored, (*like.targets, *like.ignored))
        for absent in absences if like.header is False else ():
            names = [name for name in full if name not in absent]
            if len(names) == cells:
                return names
        return [str(i) for i in range(cells)]

    def inputs(self) -> FloatArray:
        """(N, n)."""
        x = np.empty((len(self.rows), self.like.width))
        for j, (i, category) in enumerate(self._columns()):
            if category is None:
                x[:, j] = self._numbers(i, self.like.fills)
            else:
                x[:, j] = [cells[i] == category for _, cells in self.rows]
        self._refuse_unknown_categories()
        return x

    def _columns(self) -> list[tuple[int, str | None]]:
        """For each input the file's column, and the category that is 1 where it is one-hot."""
        features = self.like.features
        if self.named or (features and self.like.header is False):
            return [self._column(feature) for feature in features]
        extra = self._target_width()
        if len(self.names) not in (self.like.width, self.like.width + extra):
            raise DataError(
                f"{self.path} has {len(self.names)} columns; the network takes {self.like.width}."
            )
        return [(i, None) for i in range(self.like.width)]

    def _column(self, feature: str) -> tuple[int, str | None]:
        if feature in self.names:
            return self.names.index(feature), None
        at = feature.find("=")
        while at >= 0:
            if feature[:at] in self.names:
                return self.names.index(feature[:at]), feature[at + 1 :]
            at = feature.find("=", at + 1)
        raise DataError(
            f"{self.path} has no column {shown(feature.partition('=')[0])}; its columns are "
            f"{', '.join(map(shown, self.names[:20]))}."
        )

    def _refuse_unknown_categories(self) -> None:
        known: dict[int, list[str]] = {}
        for i, category in self._columns():
            if category is not None:
                known.setdefault(i, []).append(category)
        for line, cells in self.rows:
            for i, categories in known.items():
                if cells[i] not in categories:
                    self._refuse_missing(line, i, cells[i])
                    raise DataError(
                        f"{place(self.path, line, self.names[i])}: {shown(cells[i])} is none of "
                        f"the categories of the training data, {_enumerated(categories)}."
                    )

    def _refuse_missing(self, line: int, i: int, cell: str) -> None:
        if cell in MISSING:
            raise DataError(f"{place(self.path, line, self.names[i])}: the cell is missing.")

    def _numbers(self, i: int, fills: bool) -> list[float]:
        values = []
        for line, cells in self.rows:
            value = number(cells[i])
            if value is None and fills and cells[i] in MISSING:
                value = math.nan
            if value is None:
                self._refuse_missing(line, i, cells[i])
                where = place(self.path, line, self.names[i])
                raise DataError(f"{where}: {shown(cells[i])} is not a finite number.")
            values.append(value)
        return values

    def targets(self) -> Array:
        """Labels (N,) or numbers (N, m)."""
        found = self._target_columns()
        if self.like.task != "classes":
            return np.array([self._numbers(i, False) for i in found]).T
        (i,) = found
        where = [place(self.path, line, self.names[i]) for line, _ in self.rows]
        return _labels([cells[i] for _, cells in self.rows], where, self.like.classes)

    def _target_columns(self) -> list[int]:
        like, names = self.like, self.names
        if like.task == "identity":
            return []
        if like.targets and (self.named or like.header is False):
            for target in like.targets:
                if target not in names:
                    raise DataError(f"{self.path} has no target column {shown(target)}.")
            return [names.index(target) for target in like.targets]
        taken = {i for i, _ in self._columns()}
        rest = [i for i in range(len(names)) if i not in taken]
        if len(rest) != self._target_width():
            raise DataError(
                f"{self.path} has {len(rest)} columns beside the inputs; "
                f"the targets are {self._target_width()}."
            )
        return rest

    def _target_width(self) -> int:
        return {"classes": 1, "regression": self.like.outputs, "identity": 0}[self.like.task]


def _labels(cells: Sequence[str], where: Sequence[str], classes: tuple[str, ...]) -> IntArray:
    """Class numbers by class name, or where no name is a number by number."""
    index = {name: label for label, name in enumerate(classes)}
    if all(number(name) is None for name in classes):
        index |= {str(label): label for label in range(len(classes)) if str(label) not in index}
    labels = np.empty(len(cells), np.int64)
    for row, cell in enumerate(cells):
        value = number(cell)
        key = str(int(value)) if value is not None and value.is_integer() else cell
        if cell not in index and key not in index:
            known = _enumerated(classes)
            raise DataError(f"{where[row]}: {shown(cell)} is none of the classes {known}.")
        labels[row] = index[cell if cell in index else key]
    return labels


def _npz_inputs(path: Path, like: Like) -> Array:
    name = like.arrays[0]
    x = npz_reader.read(path, {name: npz_reader.INPUTS})[name]
    rows = x.reshape(len(x), -1)
    if rows.shape[1] != like.width:
        raise DataError(
            f"{path}, array {name!r} has rows of {rows.shape[1]} numbers; "
            f"the network takes {like.width}."
        )
    return rows


def _npz_targets(path: Path, like: Like) -> Array:
    name = like.arrays[1]
    y = npz_reader.read(path, {name: npz_reader.TARGETS})[name]
    if like.task != "classes":
        return y if y.ndim == 2 else y[:, None]
    if y.ndim != 1:
        raise DataError(f"{path}, array {name!r} has shape {y.shape}; labels have 1 dimension.")
    where = [f"{path}, array {name!r}, row {row} (counted from 0)" for row in range(len(y))]
    return _labels([str(value) for value in y.tolist()], where, like.classes)


def _enumerated(names: Sequence[str]) -> str:
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return ", ".join(map(shown, names[:10])) + more
