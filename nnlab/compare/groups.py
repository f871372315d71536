"""Groups of runs that differ in nothing but the seed, and the noise of the seed between them.

Two groups are paired seed by seed: with the same seed, both started from the same weights and saw
the same rows in the same order, so what the seed does falls out of the difference.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from nnlab.compare.facts import Facts
from nnlab.core import columns
from nnlab.core.bootstrap import FEWEST, Interval, interval
from nnlab.core.metrics import better_when
from nnlab.run.settings import dotted

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
    """A metric of group `second` minus the same of group `first`, paired by seed."""

    first: int
    second: int
    metric: str
    seeds: tuple[int, ...]
    differences: tuple[float, ...]
    interval: Interval | None
    verdict: Verdict


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
    return [
        _paired(groups, second, metric)
        for second in range(1, len(groups))
        for metric in (metrics or headline([groups[0], groups[second]]))
    ]


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


def _paired(groups: Sequence[Group], second: int, metric: str) -> Comparison:
    a, b = groups[0].by_seed, groups[second].by_seed
    seeds = [s for s in sorted(a) if s in b and metric in a[s].metrics and metric in b[s].metrics]
    values = [float(b[seed].metrics[metric]) - float(a[seed].metrics[metric]) for seed in seeds]
    found = interval(values) if len(values) > 1 else None
    verdict: Verdict
    if not seeds:
        verdict = "no shared seed"
    elif len(seeds) < FEWEST or found is None:
        verdict = "too few seeds"
    else:
        verdict = "not larger" if found.holds_zero else "larger"
    return Comparison(0, second, metric, tuple(seeds), tuple(values), found, verdict)


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
