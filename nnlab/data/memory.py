"""Tables in memory, read as a file of the user is: rows that a Python program gives."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from annotated_types import Len

from nnlab.core.types import NUMERIC, Array
from nnlab.data.csv_text import quoted_list
from nnlab.data.dataset import Dataset, DataSource
from nnlab.data.frame import FrameTable, is_frame, named_columns
from nnlab.data.missing import (
    Missing,
    MissingCategories,
    MissingRules,
    MissingTargets,
    missing_rules,
)
from nnlab.data.npz import INPUTS, TARGETS, ArrayKind
from nnlab.data.table import fit_columns
from nnlab.data.table_schema import TableTask, fit_schema
from nnlab.data.user_csv import ColumnChoice
from nnlab.data.user_npz import array_dataset
from nnlab.errors import DataError

UNNAMED = "rows"  # the name of the data set
CELLS = ArrayKind(f"{NUMERIC}UO", (2,))
ANSWERS = ArrayKind(f"{NUMERIC}UO", (1, 2))


@dataclass(frozen=True)
class TableSource(DataSource):
    """A table that another library has read.

    categorical: columns shown as one-hot, beside those of text and of the type category.
    ignore: columns that are left out.
    weight: the column of the weights of rows, as for csv.
    missing: as for csv.
    missing_categories: as for csv.
    missing_targets: as for csv.
    missing_values: as for csv.
    """

    target: ColumnChoice | Annotated[tuple[ColumnChoice, ...], Len(1)] | None = None
    categorical: tuple[ColumnChoice, ...] = ()
    ignore: tuple[ColumnChoice, ...] = ()
    weight: ColumnChoice | None = None
    missing: Missing = "error"
    missing_categories: MissingCategories | None = None
    missing_targets: MissingTargets | None = None
    missing_values: tuple[str | int | float, ...] = ()
    task: TableTask = "auto"
    sha256: str = ""

    @property
    def targets(self) -> tuple[ColumnChoice, ...]:
        """The target columns that the config names."""
        if self.target is None:
            return ()
        return self.target if isinstance(self.target, tuple) else (self.target,)

    @property
    def outside(self) -> tuple[ColumnChoice, ...]:
        """The columns beside inputs and targets; the weights are the last."""
        return self.ignore if self.weight is None else (*self.ignore, self.weight)

    @property
    def rules(self) -> MissingRules:
        """What is done about missing cells."""
        return missing_rules(
            self.missing, self.missing_categories, self.missing_targets, self.missing_values
        )

    def require_hash(self, dataset: Dataset) -> None:
        """Raise DataError where `sha256` names other rows."""
        if self.sha256 not in ("", dataset.sha256):
            raise DataError(
                f"These rows have the SHA-256 {dataset.sha256}, and data.sha256 is {self.sha256}. "
                "Give the same rows, or set data.sha256 to '' to train on others."
            )

    def of_columns(
        self,
        name: str,
        names: Sequence[str],
        values: Sequence[Any],
        targets: Sequence[ColumnChoice],
        title: str = "the rows",
    ) -> Dataset:
        """The data set of columns; title: in messages. Raises DataError naming row and column."""
        chosen = (self.categorical, self.rules, None, targets, self.outside)
        table = FrameTable(names, values, *chosen, title)
        dataset = fit_schema(table, fit_columns(table), self.task).encode(table, name, ())
        if self.weight is None:
            return dataset
        column = table.ignored[-1]
        weights = table.numbers_of(column, np.asarray(values[column]))[table.file_rows]
        return dataset.weighted(weights, lambda row: table.place(row, column))


@dataclass(frozen=True)
class Memory(TableSource):
    """Rows that a Python program gives: `nnlab.train(config, data=...)`.

    data is (x, y), arrays as in an NPZ file, or a data frame, which is read as a CSV file; its
    columns of text and of the type category are categorical. A config names no rows, so what needs
    them asks for `data=` again.

    target: the column of a data frame to predict; several make a regression, or with bce labels.
    None where data is (x, y).
    task: as for csv and npz.
    sha256: of the rows. nnlab writes it into resolved.yaml, and refuses other rows there.
    """

    dataset: ClassVar[Dataset | None] = None  # an attribute of those that hold rows; no setting

    def load(self, seed: int) -> Dataset:
        if self.dataset is None:
            raise DataError(
                "The rows of this data set are in no file: a Python program gave them. Give them "
                "again: nnlab.train(CONFIG, data=...), or nnlab.load(RUN, data=...) for a run."
            )
        return self.dataset

    def holding(self, dataset: Dataset) -> Self:
        """The same with these rows. Raises DataError where `sha256` names others."""
        self.require_hash(dataset)
        held = replace(self, sha256=dataset.sha256)
        object.__setattr__(held, "dataset", dataset)
        return held

    def reading(self, data: Any) -> Self:
        """The same with rows (x, y), or with those of a data frame. Raises DataError."""
        if is_frame(data):
            return self.holding(self._of_frame(data))
        if not isinstance(data, tuple) or len(data) != 2:
            what = f"a tuple of {len(data)}" if isinstance(data, tuple) else type(data).__name__
            raise DataError(f"data is (x, y) or a data frame, and here it is {what}.")
        if self.target is not None:
            raise DataError(
                f"data.target is {self.target!r}, and data=(x, y) has its targets in y. Set "
                "data.target to None, or give x and y as one data frame."
            )
        return self.holding(self._of_pair(*data))

    def _of_frame(self, frame: Any) -> Dataset:
        names, values = named_columns(frame)
        if self.target is None:
            raise DataError(
                "data.target names the column to predict, and is not set. The columns are "
                f"{quoted_list(names, 20)}."
            )
        return self.of_columns(UNNAMED, names, values, self.targets)

    def _of_pair(self, x: Any, y: Any) -> Dataset:
        if is_frame(x) or self.categorical or self.outside or self.rules != MissingRules():
            names, values = named_columns(x if is_frame(x) else _array(x, "x", CELLS))
            targets, columns = named_columns(y) if is_frame(y) else _named_targets(y)
            if len(values[0]) != len(columns[0]):
                raise DataError(f"x has {len(values[0]):,} rows, and y has {len(columns[0]):,}.")
            numbers = range(len(names), len(names) + len(targets))
            return self.of_columns(UNNAMED, [*names, *targets], [*values, *columns], numbers)
        x, y = _array(x, "x", INPUTS), _array(y, "y", TARGETS)
        if len(x) != len(y):
            raise DataError(f"x has {len(x):,} rows, and y has {len(y):,}.")
        return array_dataset(UNNAMED, x, y, self.task, "x", "y")


def _array(values: Any, what: str, kind: ArrayKind) -> Array:
    """A copy of values as an array of this kind: the caller may change theirs later.

    Raises DataError.
    """
    if np.ma.is_masked(values):
        raise DataError(f"{what} must all be there, and some of its values are masked.")
    if hasattr(values, "toarray"):  # of SciPy
        raise DataError(f"{what} is a sparse matrix; nnlab needs all its numbers: .toarray().")
    try:
        array = np.array(values)
    except (TypeError, ValueError) as error:
        raise DataError(f"{what} is no array of rows: {error}.") from None
    if array.dtype.kind == "O" and {str}.issuperset(map(type, array.flat)):
        array = array.astype(str)
    if array.dtype.kind not in kind.dtypes:
        raise DataError(f"{what} is of type {array.dtype}; numbers are needed.")
    if array.ndim not in kind.dimensions or not array.size:
        way = " A single column is x.reshape(-1, 1)." if array.ndim == 1 else ""
        raise DataError(f"{what} has the shape {array.shape}; rows are needed.{way}")
    return array


def _named_targets(y: Any) -> tuple[list[str], list[Array]]:
    """Names and columns of targets (N,) or (N, m)."""
    array = _array(y, "y", ANSWERS)
    if array.ndim == 1:
        return [str(getattr(y, "name", None) or "target")], [array]
    return [f"target {k}" for k in range(array.shape[1])], list(array.T)
