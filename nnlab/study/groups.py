"""Groups of runs that differ only in seed and fold, and whether two differ by more than noise.

Two groups are paired seed by seed: with the same seed, both started from the same weights and saw
the same rows in the same order, so the effect of the seed cancels in the difference. Groups that
share no seed are compared as a whole. Runs of a cross-validation are paired by seed and fold, and
judged by a test that allows for the training rows which folds share.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any, Literal

from nnlab.core import columns
from nnlab.core.metrics import better_when
from nnlab.run.settings import training_settings
from nnlab.run.text import mapping_or_empty
from nnlab.study import noise
from nnlab.study.compare import ComparedRun
from nnlab.study.noise import Interval

Repetition = int | tuple[int, int]  # a seed, or a seed and a fold
Verdict = Literal["larger", "not larger", "too few seeds", "no shared seed"]
# Tables of summary.json and the part of their columns, the most meaningful first.
TABLES = ((columns.TEST, ""), ("final", columns.VAL), ("final", columns.TRAIN))


@dataclass(frozen=True)
class Group:
    """Runs of one config, one per seed, or per seed and fold."""

    runs: tuple[ComparedRun, ...]

    @property
    def seeds(self) -> list[int]:
        """The seeds, in order."""
        return sorted({run.seed for run in self.runs if run.seed is not None})

    @property
    def folds(self) -> int | None:
        """The number of folds of a cross-validation."""
        return None if (of_run := self.runs[0].folds) is None else of_run[1]

    @property
    def by_repetition(self) -> dict[Repetition, ComparedRun]:
        """The finished run of each seed and fold; of several, the last named run."""
        return {
            run.seed if run.folds is None else (run.seed, run.folds[0]): run
            for run in self.runs
            if run.seed is not None and run.status.finished
        }

    @property
    def settings(self) -> dict[str, Any]:
        """What the configs of all runs have in common."""
        return _without_seeds(self.runs[0])

    def values(self, metric: str) -> dict[Repetition, float]:
        """The metric of each finished run, by seed and fold."""
        runs = self.by_repetition.items()
        return {key: float(run.numbers[metric]) for key, run in runs if metric in run.numbers}

    @property
    def unfinished(self) -> list[ComparedRun]:
        """Runs that have no result: diverged, failed, stopped, still running."""
        return [run for run in self.runs if not run.status.finished]


@dataclass(frozen=True)
class Comparison:
    """A metric of group `second` minus that of group `first`, paired by seed, or seed and fold.

    seeds, differences: empty without a shared seed. folds: of a cross-validation.
    sizes: the number of runs in each group.
    p: of this comparison alone.
    corrected: p after Holm's correction for all `figures` that are judged at once.
    """

    first: int
    second: int
    metric: str
    seeds: tuple[Repetition, ...]
    differences: tuple[float, ...]
    sizes: tuple[int, int]
    mean: float | None
    interval: Interval | None
    p: float | None
    corrected: float | None = None
    figures: int = 0
    verdict: Verdict = "too few seeds"
    folds: int | None = None


def group_runs(runs: Sequence[ComparedRun]) -> list[Group]:
    """Runs that differ only in the seed, in order of their first run."""
    by_settings: dict[str, list[ComparedRun]] = {}
    for run in runs:
        by_settings.setdefault(json.dumps(_without_seeds(run), sort_keys=True), []).append(run)
    groups = [part for members in by_settings.values() for part in _by_data_seed(members)]
    order = {id(run): index for index, run in enumerate(runs)}
    return sorted(map(Group, groups), key=lambda group: order[id(group.runs[0])])


def compare_groups(groups: Sequence[Group], metrics: Sequence[str] = ()) -> list[Comparison]:
    """Each group compared with the first, in `metrics`, else in the `main_metrics`."""
    measured = [
        _measure(groups, second, metric)
        for second in range(1, len(groups))
        for metric in (metrics or main_metrics([groups[0], groups[second]]))
    ]
    able = [figure for figure in measured if _least_p(figure) <= noise.LEVEL]
    p_values = noise.correct_holm([figure.p or 0.0 for figure in able])
    corrected = dict(zip(map(id, able), p_values, strict=True))
    return [_with_verdict(figure, corrected.get(id(figure)), len(able)) for figure in measured]


def main_metrics(groups: Sequence[Group]) -> list[str]:
    """The losses and metrics of the test part if all have one, else validation, else training.

    Of a cross-validation, those of the validation part.
    """
    runs = [run for group in groups for run in group.by_repetition.values()]
    is_validated = any(group.folds is not None for group in groups)
    for place in sorted(TABLES, key=lambda place: is_validated and place[1] != columns.VAL):
        if shared := _shared_keys(runs, place):
            return shared
    return []


def _shared_keys(runs: Sequence[ComparedRun], place: tuple[str, str]) -> list[str]:
    """The metrics of a table and a part that all runs have."""
    keys = [key for key in (runs[0].numbers if runs else ()) if _table_and_part(key) == place]
    return [key for key in keys if all(key in run.numbers for run in runs)]


def _table_and_part(metric: str) -> tuple[str, str]:
    """For final.val_loss: final and val_."""
    table, _, column = metric.partition(".")
    return table, columns.split(column)[0]


def is_better(metric: str, difference: float) -> bool:
    """Whether a difference of this sign is an improvement."""
    return (difference > 0) == (better_when(metric.rpartition(".")[2]) == "max")


def _measure(groups: Sequence[Group], second: int, metric: str) -> Comparison:
    """The difference in one metric, and its uncorrected p-value."""
    a, b, folds = groups[0].values(metric), groups[second].values(metric), groups[0].folds
    seeds = tuple(seed for seed in sorted(a) if seed in b)
    differences = tuple(b[seed] - a[seed] for seed in seeds)
    mean = interval = p = None
    if seeds and folds is not None:
        mean, p = fmean(differences), noise.fold_p(differences, folds)
        interval = noise.fold_interval(differences, folds)
    elif seeds:
        mean, p = fmean(differences), noise.paired_p(differences)
        interval = noise.paired_interval(differences)
    elif a and b:
        mean = fmean(b.values()) - fmean(a.values())
        p = noise.unpaired_p(list(a.values()), list(b.values()))
    sizes = (len(a), len(b))
    return Comparison(0, second, metric, seeds, differences, sizes, mean, interval, p, folds=folds)


def _with_verdict(figure: Comparison, corrected: float | None, figures: int) -> Comparison:
    if figure.p is None:
        verdict: Verdict = "no shared seed"
    elif corrected is None or _least_p(figure) * figures > noise.LEVEL:
        verdict = "too few seeds"
    else:
        verdict = "larger" if corrected <= noise.LEVEL else "not larger"
    return replace(figure, corrected=corrected, figures=figures, verdict=verdict)


def _least_p(figure: Comparison) -> float:
    """The smallest p-value that these runs can give."""
    if figure.p is None:
        return 1.0
    if figure.seeds and figure.folds is not None:
        return float(len(figure.seeds) < 2)
    if figure.seeds:
        return noise.least_paired_p(len(figure.seeds))
    return noise.least_unpaired_p(*figure.sizes)


def _without_seeds(run: ComparedRun) -> dict[str, Any]:
    """All settings of the training but the seeds, the fold and the name."""
    settings = training_settings(run.settings)
    settings = {k: v for k, v in settings.items() if k not in ("name", "seed")}
    data = mapping_or_empty(settings.get("data"))
    kept = {key: value for key, value in data.items() if key not in ("seed", "fold")}
    return settings | {"data": kept | ({} if run.folds is None else {"fold": "each"})}


def _by_data_seed(runs: list[ComparedRun]) -> list[tuple[ComparedRun, ...]]:
    """One group if the data's seed is the same in all, or that of the run; else several."""
    seeds = [mapping_or_empty(run.settings.get("data")).get("seed") for run in runs]
    if len(set(seeds)) == 1:
        return [tuple(runs)]
    groups: dict[object, list[ComparedRun]] = {}
    for seed, run in zip(seeds, runs, strict=True):
        groups.setdefault("follows" if seed == run.seed else seed, []).append(run)
    return list(map(tuple, groups.values()))
