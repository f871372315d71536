"""What came out: a row a cell, with the median and the quartiles over its seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nnlab.core import columns
from nnlab.core.metrics import METRICS
from nnlab.run.sweeps import TrialRecord, places
from nnlab.show.words import cell_name


@dataclass(frozen=True)
class Spread:
    """Median and quartiles of a number over the seeds that have it."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread | None":
        """None when there is no finite number."""
        finite = [value for value in values if np.isfinite(value)]
        if not finite:
            return None
        low, median, high = np.percentile(finite, [25, 50, 75])
        return cls(float(median), float(low), float(high))


@dataclass(frozen=True)
class Row:
    """One cell: its settings, how its trials ended, and the spread of each number."""

    cell: Mapping[str, Any]
    trials: int
    done: int
    failed: int
    numbers: Mapping[str, Spread] = field(default_factory=dict)


def rows(records: Sequence[TrialRecord], axes: Sequence[Mapping[str, Any]]) -> list[Row]:
    """A row for each cell that has a trial, in the order of the axes' values."""
    groups: dict[str, list[TrialRecord]] = {}
    for record in records:
        if record.cell:
            groups.setdefault(cell_name(record.cell), []).append(record)

    ordered = sorted(groups.values(), key=lambda group: places(group[0].cell, axes))
    return [_row(group) for group in ordered]


def headline(record: TrialRecord) -> dict[str, float]:
    """The numbers that stand for a trial: losses of its parts, and metrics of the last part."""
    losses: dict[str, float] = {}
    metrics: dict[str, float] = {}
    for part in columns.PARTS:
        numbers = _part(record, part)
        if columns.LOSS in numbers:
            losses[columns.name(part, columns.LOSS)] = numbers[columns.LOSS]
        known = {name: numbers[name] for name in METRICS if name in numbers}
        metrics = columns.named(part, known) or metrics
    return losses | metrics


def _part(record: TrialRecord, part: str) -> dict[str, float]:
    """The final numbers of a part without its name in front."""
    test = part == columns.TEST
    numbers = record.test if test else columns.of_part(record.final, part)
    return {key: float(value) for key, value in numbers.items() if isinstance(value, int | float)}


def _row(group: Sequence[TrialRecord]) -> Row:
    done = [record for record in group if record.done]
    lines = [headline(record) for record in done]
    names = list(dict.fromkeys(name for line in lines for name in line))
    spreads = {name: Spread.of([line[name] for line in lines if name in line]) for name in names}
    return Row(
        cell=group[0].cell,
        trials=len(group),
        done=len(done),
        failed=sum(record.status in ("failed", "diverged", "unreadable") for record in group),
        numbers={name: spread for name, spread in spreads.items() if spread is not None},
    )
