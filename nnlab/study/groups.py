"""Groups of runs that differ in nothing but the seed, and the noise of the seed between them.

Two groups are paired seed by seed: with the same seed, both started from the same weights and saw
the same rows in the same order, so what the seed does falls out of the difference. Groups that
share no seed are compared as a whole.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from nnlab.core import columns
from nnlab.core.metrics import better_when
from nnlab.run.settings import dotted
from nnlab.study import noise
from nnlab.study.facts import Facts
from nnlab.study.noise import Interval

Verdict = Literal["larger", "not larger", "too few seeds", "no shared seed"]
# Tables of summary.json and the part of their columns; what says most comes first.
TABLES = ((columns.TEST, ""), ("final", columns.VAL), ("final", columns.TRAIN))


@dataclass(frozen=True)
class Group:
    """Runs of one config, one a seed."""

    runs: tuple[Facts, ...]

    @property
    def seeds(self) -> list[int]:
        """Which seeds there are, in order."""
        return sorted({run.seed for run in self.runs if run.seed is not None})

    @property
    def by_seed(self) -> dict[int, Facts]:
        """The finished run of each seed, of several the last one named."""
        return {run.seed: run for run in self.runs if run.seed is not None and run.finished}

    @property
    def unfinished(self) -> list[Facts]:
        """Runs that have no result: diverged, failed, stopped, still running."""
        return [run for run in self.runs if not run.finished]


@dataclass(frozen=True)
class Comparison:
    """A metric of group `second` minus the same of group `first`, paired by seed.

    Without a shared seed, `seeds` and `differences` are empty and `sizes` counts the runs. `p` is
    of this figure alone; `corrected` counts in that `figures` are judged at once (Holm).
    """

    first: int
    second: int
    metric: str
    seeds: tuple[int, ...]
    differences: tuple[float, ...]
    sizes: tuple[int, int]
    mean: float | None
    interval: Interval | None
    p: float | None
    corrected: float | None = None
    figures: int = 0
    verdict: Verdict = "too few seeds"


def group(runs: Sequence[Facts]) -> list[Group]:
    """In order of their first run."""
    found: dict[str, list[Facts]] = {}
    for run in runs:
        found.setdefault(_identity(run), []).append(run)
    groups = [part for members in found.values() for part in _by_data_seed(members)]
    order = {id(run): index for index, run in enumerate(runs)}
    return sorted((Group(tuple(one)) for one in groups), key=lambda one: order[id(one.runs[0])])


def compare(groups: Sequence[Group], metrics: Sequence[str] = ()) -> list[Comparison]:
    """Every group with the first, in `metrics`, else in those that `headline` chooses."""
    found = [
        _measured(groups, second, metric)
        for second in range(1, len(groups))
        for metric in (metrics or headline([groups[0], groups[second]]))
    ]
    return _judged(found)


def headline(groups: Sequence[Group]) -> list[str]:
    """The losses and metrics of the test part if all have one, else validation, else training."""
    runs = [run for one in groups for run in one.by_seed.values()]
    keys = runs[0].metrics if runs else ()
    for place in TABLES:
        shared = [
            key for key in keys if _place(key) == place and all(key in run.metrics for run in runs)
        ]
        if shared:
            return shared
    return []


def _place(metric: str) -> tuple[str, str]:
    """Table and part of final.val_loss."""
    table, _, column = metric.partition(".")
    return table, columns.split(column)[0]


def better(metric: str, difference: float) -> bool:
    """Whether a difference of this sign is what one wants."""
    return (difference > 0) == (better_when(metric.rpartition(".")[2]) == "max")


def _measured(groups: Sequence[Group], second: int, metric: str) -> Comparison:
    """The difference in one metric and its p-value, as if it were the only one."""
    a, b = (_values(groups[index], metric) for index in (0, second))
    seeds = tuple(seed for seed in sorted(a) if seed in b)
    values = tuple(b[seed] - a[seed] for seed in seeds)
    first, other = list(a.values()), list(b.values())
    mean = interval = p = None
    if seeds:
        mean, p = sum(values) / len(values), noise.paired_p(values)
        interval = noise.paired_interval(values)
    elif first and other:
        mean, p = sum(other) / len(other) - sum(first) / len(first), noise.unpaired_p(first, other)
    sizes = (len(a), len(b))
    return Comparison(0, second, metric, seeds, values, sizes, mean, interval, p)


def _judged(measured: Sequence[Comparison]) -> list[Comparison]:
    """The verdicts, corrected for the number of figures that have enough seeds for one."""
    able = [one for one in measured if _least_p(one) <= noise.LEVEL]
    corrected = dict(
        zip(map(id, able), noise.correct_holm([one.p or 0.0 for one in able]), strict=True)
    )
    return [_verdict(one, corrected.get(id(one)), len(able)) for one in measured]


def _verdict(one: Comparison, corrected: float | None, figures: int) -> Comparison:
    if one.p is None:
        verdict: Verdict = "no shared seed"
    elif corrected is None or _least_p(one) * figures > noise.LEVEL:
        verdict = "too few seeds"
    else:
        verdict = "larger" if corrected <= noise.LEVEL else "not larger"
    return replace(one, corrected=corrected, figures=figures, verdict=verdict)


def _least_p(one: Comparison) -> float:
    """The smallest p-value that these runs can give."""
    if one.p is None:
        return 1.0
    return noise.least_paired_p(len(one.seeds)) if one.seeds else noise.least_unpaired_p(*one.sizes)


def _values(one: Group, metric: str) -> dict[int, float]:
    """The metric of each seed's finished run."""
    runs = one.by_seed.items()
    return {seed: float(run.metrics[metric]) for seed, run in runs if metric in run.metrics}


def _identity(run: Facts) -> str:
    """All settings but the seeds, the name and the studies."""
    free = ("name", "seed", "data.seed")
    settings = {k: v for k, v in run.settings.items() if k != "sweeps"}
    flat: Mapping[str, Any] = {k: v for k, v in dotted(settings).items() if k not in free}
    return json.dumps(flat, sort_keys=True)


def _by_data_seed(runs: list[Facts]) -> list[list[Facts]]:
    """One group where the data's seed is the same in all, or follows the run's; else several."""
    data = [_data_seed(run) for run in runs]
    if len(set(data)) == 1 or all(s == run.seed for s, run in zip(data, runs, strict=True)):
        return [runs]
    found: dict[object, list[Facts]] = {}
    for seed, run in zip(data, runs, strict=True):
        found.setdefault("follows" if seed == run.seed else seed, []).append(run)
    return list(found.values())


def _data_seed(run: Facts) -> Any:
    data = run.settings.get("data")
    return data.get("seed") if isinstance(data, Mapping) else None
