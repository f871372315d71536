"""Cross-validation: the axis `fold` of a sweep, and the means over its folds."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from nnlab.config.schema import SweepConfig
from nnlab.core import columns
from nnlab.errors import UsageError
from nnlab.run.sweeps import TrialRecord, by_cell
from nnlab.study.axes import FOLD
from nnlab.study.noise import Interval, fold_interval
from nnlab.study.results import fold_keys, main_numbers

FOLDS = "data.folds"
USUAL = 5  # folds


@dataclass(frozen=True)
class FoldMean:
    """The folds of one setting: how many are done, and means of the validation results.

    cell: the settings on the other axes. An interval needs two folds.
    """

    cell: Mapping[str, Any]
    folds: int
    means: Mapping[str, float]
    intervals: Mapping[str, Interval]

    def spread(self, name: str) -> tuple[float, float, float] | None:
        """A mean and the ends of its interval, nan without one; None without the number."""
        if name not in self.means:
            return None
        interval = self.intervals.get(name)
        ends = (math.nan, math.nan) if interval is None else (interval.low, interval.high)
        return (self.means[name], *ends)


def with_fold_study(
    studies: Mapping[str, SweepConfig], axes: Sequence[str], folds: int | None, repeats: int
) -> Mapping[str, SweepConfig]:
    """The studies of a config, and the one of its folds. Raises UsageError."""
    if FOLD not in axes:
        if folds is not None or repeats > 1:
            raise UsageError("folds and repeats are of the axis fold: nnlab sweep fold CONFIG.")
        return studies
    count = folds or USUAL
    study = SweepConfig(FOLD, tuple(range(1, count * repeats + 1)), {FOLDS: count})
    return {FOLD: study, **studies} if folds is None else {**studies, FOLD: study}


def fold_means(
    records: Sequence[TrialRecord], axes: Sequence[Mapping[str, Any]], folds: int
) -> list[FoldMean]:
    """The mean over the folds, and seeds, for each setting of the other axes.

    folds: into which the rows are divided. Empty where no axis is the fold.
    """
    if not (of_fold := fold_keys(axes)):
        return []
    done = [record for record in records if record.done and record.cell]
    return [
        _mean_of(cell, [main_numbers(record, columns.VAL) for record in trials], folds)
        for cell, trials in by_cell(done, axes, of_fold)
    ]


def _mean_of(cell: Mapping[str, Any], rows: Sequence[Mapping[str, float]], folds: int) -> FoldMean:
    judged = [name for name in rows[0] if columns.split(name)[0] == columns.VAL]
    names = [n for n in judged if all(math.isfinite(row.get(n, math.nan)) for row in rows)]
    values = {name: [row[name] for row in rows] for name in names}
    means = {name: fmean(numbers) for name, numbers in values.items()}
    intervals = {name: fold_interval(numbers, folds) for name, numbers in values.items()}
    return FoldMean(cell, len(rows), means, {k: v for k, v in intervals.items() if v is not None})
