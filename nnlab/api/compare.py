"""How runs differ: `nnlab.compare`, as text and as JSON."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from itertools import chain
from os import PathLike
from typing import Any

from nnlab.api.find import RUN_WORDS, AnyPath, AnyRun, require_path
from nnlab.api.results import Columns, ShownResult, as_column
from nnlab.api.sweep import TrainedSweep
from nnlab.errors import UsageError
from nnlab.run.names import runs_folder
from nnlab.run.run import Run
from nnlab.show.text_tables import NOTHING, Cell, format_columns, format_table, spread_texts
from nnlab.show.words import count, first_few, setting_value, shorten
from nnlab.study import noise
from nnlab.study.compare import (
    MISSING,
    ComparedRun,
    environment_rows,
    find_runs,
    first_difference,
    layers_in_words,
    setting_rows,
    shared_epochs,
)
from nnlab.study.groups import Comparison, Group, compare_groups, group_runs, is_better
from nnlab.study.results import SeedSpread
from nnlab.suggest import did_you_mean

LONGEST_SETTING = 60  # characters
LETTERS = "ABCDEFGH"  # the names of runs that are shown in columns; more runs are rows


def compare(
    *runs: "AnyRun | TrainedSweep | Iterable[AnyRun]",
    metrics: str | Sequence[str] = (),
    folder: AnyPath | None = None,
) -> "RunComparison":
    """The differences of two or more runs: settings, results, curves, machines.

    runs: runs, their names or folders, or lists of them; a sweep or a folder means all runs in it.
    Runs that differ only in the seed form a group, and groups are compared over their seeds in
    `metrics`, for example "final.val_loss". folder: where names are looked up. Raises UsageError,
    RunUnreadable.
    """
    named = (str, PathLike, Run, TrainedSweep)
    lists = [
        run if isinstance(run, Iterable) and not isinstance(run, named) else [run] for run in runs
    ]
    names = [
        str(run.path if isinstance(run, Run | TrainedSweep) else require_path(run, RUN_WORDS))
        for run in chain.from_iterable(lists)
    ]
    metrics = [metrics] if isinstance(metrics, str) else metrics
    compared = find_runs(names, runs_folder(folder))
    groups = group_runs(compared)
    _refuse_unknown(metrics, compared)
    comparisons = compare_groups(groups, metrics) if len(groups) < len(compared) else []
    return RunComparison(tuple(compared), tuple(groups), tuple(comparisons))


@dataclass(frozen=True, repr=False)
class RunComparison(ShownResult):
    """Runs, their groups by seed, and the comparisons of each group with the first."""

    runs: tuple[ComparedRun, ...]
    groups: tuple[Group, ...]
    comparisons: tuple[Comparison, ...]

    @property
    def notes(self) -> list[str]:
        """Reasons for care: runs without a result, different data."""
        return list(_notes(self.runs))

    @property
    def table(self) -> Columns:
        """A row per run: name, status, the settings that differ, and its metrics."""
        return {key: as_column(values) for key, values in _columns(self.runs).items()}

    def to_dict(self) -> dict[str, Any]:
        first, *rest = self.runs
        settings = setting_rows([run.settings for run in self.runs])
        places = {id(run): index for index, run in enumerate(self.runs)}
        return {
            "runs": list(map(_run_json, self.runs)),
            "config": {
                key: [None if value is MISSING else value for value in row]
                for key, row in settings.items()
            },
            "environment": environment_rows(self.runs),
            "parting": [first_difference(first.metrics, run.metrics) for run in rest],
            "groups": [
                {"runs": [places[id(run)] for run in group.runs], "seeds": group.seeds}
                for group in self.groups
            ],
            "comparisons": list(map(asdict, self.comparisons)),
        }

    def __str__(self) -> str:
        parts: list[str] = []
        if len(self.runs) <= len(LETTERS):
            parts += _runs_in_columns(self.runs)
        elif not self.comparisons:
            parts.append(format_columns(_columns(self.runs)))
        if self.comparisons:
            parts += _groups_in_columns(self.groups, self.comparisons)
        return "\n\n".join(parts)


def _run_names(runs: Sequence[ComparedRun]) -> Sequence[str]:
    """A letter for each of few runs, the folder's name for each of many."""
    few = len(runs) <= len(LETTERS)
    return LETTERS[: len(runs)] if few else [run.name for run in runs]


def _refuse_unknown(metrics: Sequence[str], runs: Sequence[ComparedRun]) -> None:
    """Raise UsageError for a metric that no run has."""
    known = list(_metric_rows(runs))
    for metric in metrics:
        if metric not in known:
            meant = did_you_mean(metric, known, "metric")
            raise UsageError(f"No run has '{metric}'.{meant} There are {', '.join(known)}.")


def _notes(runs: Sequence[ComparedRun]) -> Iterator[str]:
    """Reasons for care: runs without a result, and different data."""
    for name, run in zip(_run_names(runs), runs, strict=True):
        if run.status == "diverged":
            yield f"{name} diverged: its values are the last finite values."
        elif not run.status.finished:
            yield f"{name} is {run.status}: its values are those of the last recorded epoch."
    datasets = list(dict.fromkeys(run.data_source[0] or "unknown" for run in runs))
    if len(datasets) > 1:
        yield f"The data sets differ ({', '.join(datasets)}): the values are not comparable."
    elif len({run.data_source[1] for run in runs}) > 1:
        yield (
            f"The rows of the data set {datasets[0]} are not the same in all runs (their SHA-256 "
            "differ): part of a difference may come from that."
        )


def _runs_in_columns(runs: Sequence[ComparedRun]) -> Iterator[str]:
    letters = _run_names(runs)
    paths = [[name, str(run.path), run.status] for name, run in zip(letters, runs, strict=True)]
    yield format_table(["", "run", "status"], paths)
    settings = _texts(setting_rows([run.settings for run in runs]))
    environment = _texts(environment_rows(runs))
    yield _across("config", letters, settings) if settings else "The configs are the same."
    yield _across("metric", letters, _metric_rows(runs))
    yield "\n".join(_curve_sentences(runs))
    if environment:
        yield _across("environment", letters, environment)


def _across(title: str, names: Sequence[str], rows: Mapping[str, Sequence[Cell]]) -> str:
    """A table with a column per run or group."""
    return format_table([title, *names], [[key, *row] for key, row in rows.items()], by_row=True)


def _curve_sentences(runs: Sequence[ComparedRun]) -> Iterator[str]:
    """For each run but the first: the epoch at which its curves begin to differ."""
    first, *rest = _run_names(runs)
    for name, run in zip(rest, runs[1:], strict=True):
        epoch = first_difference(runs[0].metrics, run.metrics)
        last = shared_epochs(runs[0].metrics, run.metrics)
        if last < 0:
            yield f"{first} and {name} have no epoch in common."
        elif epoch is None:
            yield f"The curves of {first} and {name} are bit-equal up to epoch {last:,}."
        else:
            when = f"from epoch {epoch:,} on" if epoch else "from the start"
            yield f"The curves of {first} and {name} differ {when}."


def _columns(runs: Sequence[ComparedRun]) -> dict[str, list[Cell]]:
    """A row per run by column: the settings that differ, and the metrics."""
    about: dict[str, list[Cell]] = {
        "run": [run.name for run in runs],
        "status": [str(run.status) for run in runs],
    }
    return about | _texts(setting_rows([run.settings for run in runs])) | _metric_rows(runs)


def _groups_in_columns(groups: Sequence[Group], comparisons: Sequence[Comparison]) -> Iterator[str]:
    """Each group with its values over the seeds, and a sentence for each difference."""
    numbers = [str(number) for number in range(1, len(groups) + 1)]
    rows: dict[str, Sequence[Cell]] = {
        "runs": [str(len(group.runs)) for group in groups],
        "seeds": [_seed_range(group.seeds) for group in groups],
    }
    rows |= _texts(setting_rows([group.settings for group in groups]))
    for metric in dict.fromkeys(comparison.metric for comparison in comparisons):
        rows[metric] = spread_texts([_quartiles(group, metric) for group in groups])
    table = _across("group", numbers, rows)
    yield f"{table}\nMetrics: median (quartiles) of the finished runs."
    yield "\n".join([*map(_verdict_sentence, comparisons), *_unfinished(groups)])


def _unfinished(groups: Sequence[Group]) -> Iterator[str]:
    """A sentence for each group that leaves out runs."""
    for number, members in enumerate(groups, start=1):
        if lost := members.unfinished:
            names = first_few([f"seed {run.seed} {run.status}" for run in lost], 5)
            total = count(len(members.runs), "run")
            yield f"Group {number} leaves out {len(lost)} of its {total}: {names}."


def _verdict_sentence(comparison: Comparison) -> str:
    """The difference of two groups, and whether it is more than the seed noise."""
    metric, mean = comparison.metric, comparison.mean
    a, b = comparison.first + 1, comparison.second + 1
    if mean is None:
        empty = a if not comparison.sizes[0] else b
        return f"{metric}: group {empty} has no finished run, so nothing can be compared."
    if comparison.seeds and not any(comparison.differences):
        shared = count(len(comparison.seeds), f"shared {_pair(comparison)}")
        return f"{metric}: groups {a} and {b} are equal for each of {shared}."
    way = (
        f"{'higher' if mean > 0 else 'lower'} ({'better' if is_better(metric, mean) else 'worse'})"
    )
    difference = f"group {b} is {_four_digits(abs(mean))} {way} than group {a}"
    sentence = f"{metric}: {difference}, {_mean_over(comparison)}"
    if comparison.verdict == "too few seeds":
        return f"{sentence}; {_too_few(comparison)}."
    values = comparison.figures
    corrected = "" if values == 1 else f", corrected for {values} values"
    more = "more" if comparison.verdict == "larger" else "not more"
    p = f"p = {comparison.corrected:.2g}{corrected}"
    return f"{sentence}: {more} than the {_pair(comparison)} noise ({p})."


def _pair(comparison: Comparison) -> str:
    """What two runs of a pair have in common."""
    return "seed" if comparison.folds is None else "fold"


def _mean_over(comparison: Comparison) -> str:
    """The runs of the mean, and its interval."""
    seeds, interval = len(comparison.seeds), comparison.interval
    if not seeds:
        first, second = comparison.sizes
        return f"the means of {second} and {first} runs that share no seed"
    pair = _pair(comparison)
    mean = f"the mean over {seeds} shared {pair}s" if seeds > 1 else f"with one shared {pair}"
    if interval is None:
        return mean
    low, high = _four_digits(interval.low), _four_digits(interval.high)
    return f"{mean} (95 % interval {low} to {high})"


def _too_few(comparison: Comparison) -> str:
    """How many seeds would be enough."""
    values, seeds = max(comparison.figures, 1), len(comparison.seeds)
    at_once = "" if values == 1 else f" for {values} values at once"
    if seeds and comparison.folds is not None:
        return "1 is too few to tell it from the fold noise, 2 are needed"
    if seeds:
        are, needed = "is" if seeds == 1 else "are", f"{noise.pairs_needed(values)} are needed"
        return f"{seeds} {are} too few to tell it from the seed noise, {needed}{at_once}"
    needed = f"{noise.runs_needed(values)} in each group are needed"
    return f"these are too few to tell it from the seed noise, {needed}{at_once}"


def _run_json(run: ComparedRun) -> dict[str, Any]:
    name, digest = run.data_source
    return {
        "name": run.name,
        "path": str(run.path),
        "status": run.status,
        "seed": run.seed,
        "data": {"name": name, "sha256": digest},
        "metrics": run.numbers,
    }


def _metric_rows(runs: Sequence[ComparedRun]) -> dict[str, list[Cell]]:
    """Every metric of every run."""
    names = dict.fromkeys(name for run in runs for name in run.numbers)
    return {name: [run.numbers.get(name) for run in runs] for name in names}


def _quartiles(group: Group, metric: str) -> tuple[float, float, float] | None:
    """Median and quartiles of the finished runs; None where no run has the metric."""
    spread = SeedSpread.of(list(group.values(metric).values()))
    return None if spread is None else astuple(spread)


def _four_digits(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else NOTHING


def _seed_range(seeds: Sequence[int]) -> str:
    """0 to 4 where no number is left out, else all of them."""
    if len(seeds) > 2 and seeds[-1] - seeds[0] == len(seeds) - 1:
        return f"{seeds[0]} to {seeds[-1]}"
    return first_few(list(map(str, seeds)), 8)


def _texts(rows: dict[str, list[Any]]) -> dict[str, list[Cell]]:
    """The settings as a table shows them."""

    def text(value: Any) -> str:
        if value is MISSING:
            return NOTHING
        if isinstance(value, list) and value and isinstance(value[0], dict):
            return layers_in_words(value)
        return shorten(setting_value(value), LONGEST_SETTING)

    return {key: list(map(text, row)) for key, row in rows.items()}
