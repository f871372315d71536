"""The results of a sweep: a row per cell, with the median and the quartiles over its seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnlab.core import columns
from nnlab.core.metrics import METRICS
from nnlab.run.sweeps import TrialRecord, by_cell
from nnlab.study.axes import FOLD, canonical


@dataclass(frozen=True)
class SeedSpread:
    """Median and quartiles of a number over the seeds that have it."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "SeedSpread | None":
        """None when there is no finite number."""
        finite = [value for value in values if np.isfinite(value)]
        if not finite:
            return None
        low, median, high = map(float, np.percentile(finite, [25, 50, 75]))
        return cls(median, low, high)


@dataclass(frozen=True)
class CellRow:
    """One cell: its settings, how its trials ended, and the spread of each number."""

    cell: Mapping[str, Any]
    trials: int
    done: int
    failed: int
    numbers: Mapping[str, SeedSpread]


def cell_rows(records: Sequence[TrialRecord], axes: Sequence[Mapping[str, Any]]) -> list[CellRow]:
    """A row for each cell that has a trial, in the order of the axes' values."""
    begun = [record for record in records if record.cell]
    judged = columns.VAL if fold_keys(axes) else None
    return [
        CellRow(
            cell=cell,
            trials=len(trials),
            done=sum(trial.done for trial in trials),
            failed=sum(trial.status.lost for trial in trials),
            numbers=_spreads([main_numbers(trial, judged) for trial in trials if trial.done]),
        )
        for cell, trials in by_cell(begun, axes)
    ]


def _spreads(rows: Sequence[Mapping[str, float]]) -> dict[str, SeedSpread]:
    names = dict.fromkeys(name for row in rows for name in row)
    spreads = {name: SeedSpread.of([row[name] for row in rows if name in row]) for name in names}
    return {name: spread for name, spread in spreads.items() if spread is not None}


def fold_keys(axes: Sequence[Mapping[str, Any]]) -> list[str]:
    """The axis of a cross-validation as the user wrote it; none without one."""
    return [key for axis in axes if canonical(key := str(axis.get("key"))) == canonical(FOLD)]


def main_numbers(record: TrialRecord, judged: str | None = None) -> dict[str, float]:
    """The main results of a trial: the losses of its parts, and the metrics of one part.

    judged: that part; by default the last. Of a cross-validation it is the validation part.
    """
    losses: dict[str, float] = {}
    metrics: dict[str, float] = {}
    for part in columns.PARTS:
        of_part = record.test if part == columns.TEST else columns.of_part(record.final, part)
        numbers = {k: float(v) for k, v in of_part.items() if isinstance(v, int | float)}
        if columns.LOSS in numbers:
            losses[columns.name(part, columns.LOSS)] = numbers[columns.LOSS]
        known = {name: numbers[name] for name in METRICS if name in numbers}
        if judged in (None, part):
            metrics = columns.named(part, known) or metrics
    return losses | metrics
