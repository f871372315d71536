"""A comparison of runs as text and as JSON."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from statistics import quantiles
from typing import Any

from nnlab.cli.table import NOTHING, Cell, across, records, setting, table
from nnlab.errors import UsageError
from nnlab.study import noise
from nnlab.study.compare import (
    MISSING,
    RunFacts,
    environment_rows,
    first_difference,
    layers_in_words,
    setting_rows,
    shared_epochs,
)
from nnlab.study.groups import Comparison, Group, is_better
from nnlab.suggest import did_you_mean

WIDE = 8  # runs that are shown one a column
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def refuse_unknown(metrics: Sequence[str], runs: Sequence[RunFacts]) -> None:
    """UsageError for a metric that no run has."""
    known = list(dict.fromkeys(name for run in runs for name in run.metrics))
    for metric in metrics:
        if metric not in known:
            meant = did_you_mean(metric, known, "metric")
            raise UsageError(f"No run has '{metric}'.{meant} There are {', '.join(known)}.")


def notes(runs: Sequence[RunFacts]) -> Iterator[str]:
    """What the reader must know before the figures: runs without a result, other data."""
    few = len(runs) <= WIDE
    for letter, run in zip(letters(runs), runs, strict=True):
        name = letter if few else run.path.name
        if run.status == "diverged":
            yield f"{name} diverged: its figures are the last finite ones."
        elif not run.status.finished:
            yield f"{name} is {run.status}: its figures are those of the last epoch it kept."
    first, hashes = runs[0].data, {run.data[1] for run in runs}
    sets = list(dict.fromkeys(run.data[0] or "unknown" for run in runs))
    if len(sets) > 1:
        yield f"The data differ ({', '.join(sets)}): the figures do not measure the same thing."
    elif len(hashes) > 1:
        yield (
            f"The rows of the data set {first[0] or 'unknown'} are not the same in all runs "
            "(other SHA-256): part of a difference may come from that."
        )


def sections(
    runs: Sequence[RunFacts], groups: Sequence[Group], judged: Sequence[Comparison]
) -> Iterator[str]:
    """The parts of the answer, one after the other."""
    if len(runs) <= WIDE:
        yield from side_by_side(runs)
    elif not judged:
        yield one_a_row(runs)
    if judged:
        yield from over_seeds(groups, judged)


def side_by_side(runs: Sequence[RunFacts]) -> Iterator[str]:
    """Few runs: one a column."""
    heads = letters(runs)
    yield table(
        ["", "run", "status"],
        [[n, str(run.path), run.status] for n, run in zip(heads, runs, strict=True)],
    )
    settings = setting_rows([run.settings for run in runs])
    if settings:
        cells = [[key, *map(text, row)] for key, row in settings.items()]
        yield across(["config", *heads], cells)
    else:
        yield "The configs are the same."
    figures = metric_rows(runs)
    yield across(["figure", *heads], [[key, *row] for key, row in figures.items()])
    yield curves(runs)
    environment = environment_rows(runs)
    if environment:
        cells = [[key, *map(text, row)] for key, row in environment.items()]
        yield across(["environment", *heads], cells)


def curves(runs: Sequence[RunFacts]) -> str:
    """A sentence for each run but the first: from which epoch on its curves are others."""
    lines = []
    first, *rest = letters(runs)
    for name, run in zip(rest, runs[1:], strict=True):
        epoch = first_difference(runs[0].curves, run.curves)
        last = shared_epochs(runs[0].curves, run.curves)
        if last < 0:
            lines.append(f"{first} and {name} have no epoch in common.")
        elif epoch is None:
            lines.append(f"The curves of {first} and {name} are bit-equal up to epoch {last:,}.")
        elif epoch == 0:
            lines.append(f"The curves of {first} and {name} differ from the start.")
        else:
            lines.append(f"The curves of {first} and {name} part at epoch {epoch:,}.")
    return "\n".join(lines)


def one_a_row(runs: Sequence[RunFacts]) -> str:
    """Many runs: one a row, with the settings that differ as columns."""
    settings = setting_rows([run.settings for run in runs])
    figures = metric_rows(runs)
    rows = []
    for index, run in enumerate(runs):
        row: dict[str, Cell] = {"run": run.path.name, "status": run.status}
        row |= {key: text(cells[index]) for key, cells in settings.items()}
        row |= {key: cells[index] for key, cells in figures.items()}
        rows.append(row)
    return records(rows)


def over_seeds(groups: Sequence[Group], judged: Sequence[Comparison]) -> Iterator[str]:
    """What each group is, its figures over the seeds, and a sentence for each difference."""
    heads = [str(number) for number in range(1, len(groups) + 1)]
    settings = setting_rows([_without_seed(one) for one in groups])
    rows: list[Sequence[Cell]] = [
        ["runs", *(str(len(one.runs)) for one in groups)],
        ["seeds", *(span(one.seeds) for one in groups)],
    ]
    rows += [[key, *map(text, row)] for key, row in settings.items()]
    names = dict.fromkeys(one.metric for one in judged)
    rows += [[metric, *(middle(one, metric) for one in groups)] for metric in names]
    yield across(["group", *heads], rows) + "\nFigures: median (quartiles) of the finished runs."
    unfinished = [
        f"Group {head} leaves out {len(one.unfinished)} of its {len(one.runs)} runs: "
        + ", ".join(f"seed {run.seed} {run.status}" for run in one.unfinished[:5])
        + (" ..." if len(one.unfinished) > 5 else "")
        + "."
        for head, one in zip(heads, groups, strict=True)
        if one.unfinished
    ]
    yield "\n".join([*map(sentence, judged), *unfinished])


def sentence(one: Comparison) -> str:
    """The difference in words, with what can be concluded from it."""
    a, b = one.first + 1, one.second + 1
    if one.mean is None:
        empty = a if not one.sizes[0] else b
        return f"{one.metric}: group {empty} has no finished run, so nothing can be compared."
    if one.seeds and not any(one.differences):
        shared = f"{len(one.seeds)} shared seed{'s' * (len(one.seeds) != 1)}"
        return f"{one.metric}: groups {a} and {b} are equal for each of {shared}."
    good = "better" if is_better(one.metric, one.mean) else "worse"
    way = f"{'higher' if one.mean > 0 else 'lower'} ({good})"
    says = f"{one.metric}: group {b} is {figure(abs(one.mean))} {way} than group {a}, {over(one)}"
    if one.verdict == "too few seeds":
        return f"{says}; {too_few(one)}."
    at_once = "" if one.figures == 1 else f", corrected for {one.figures} figures"
    p = f"p = {one.corrected:.2g}{at_once}"
    return f"{says}: {'' if one.verdict == 'larger' else 'not '}more than the seed noise ({p})."


def over(one: Comparison) -> str:
    """What the mean is over, and its interval."""
    if not one.seeds:
        return f"the means of {one.sizes[1]} and {one.sizes[0]} runs that share no seed"
    count = len(one.seeds)
    mean = f"the mean over {count} shared seeds" if count > 1 else "with one shared seed"
    if one.interval is None:
        return mean
    return f"{mean} (95 % interval {figure(one.interval.low)} to {figure(one.interval.high)})"


def too_few(one: Comparison) -> str:
    """How many seeds would be enough."""
    figures = max(one.figures, 1)
    at_once = "" if figures == 1 else f" for {figures} figures at once"
    if one.seeds:
        are = "is" if len(one.seeds) == 1 else "are"
        needed = f"{noise.pairs_needed(figures)} are needed{at_once}"
        return f"{len(one.seeds)} {are} too few to tell it from the seed noise, {needed}"
    needed = f"{noise.runs_needed(figures)} in each group are needed{at_once}"
    return f"these are too few to tell it from the seed noise, {needed}"


def as_mapping(
    runs: Sequence[RunFacts], groups: Sequence[Group], judged: Sequence[Comparison]
) -> dict[str, Any]:
    """What `--json` prints."""
    settings = setting_rows([run.settings for run in runs])
    where = {id(run): index for index, run in enumerate(runs)}
    return {
        "runs": [
            {
                "name": run.path.name,
                "path": str(run.path),
                "status": run.status,
                "seed": run.seed,
                "data": {"name": run.data[0], "sha256": run.data[1]},
                "metrics": run.metrics,
            }
            for run in runs
        ],
        "config": {
            key: [None if value is MISSING else value for value in row]
            for key, row in settings.items()
        },
        "environment": environment_rows(runs),
        "parting": [first_difference(runs[0].curves, run.curves) for run in runs[1:]],
        "groups": [
            {"runs": [where[id(run)] for run in one.runs], "seeds": one.seeds} for one in groups
        ],
        "comparisons": [asdict(one) for one in judged],
    }


def letters(runs: Sequence[RunFacts]) -> list[str]:
    """A to Z, then AA, AB and so on."""
    found = []
    for index in range(len(runs)):
        name = ""
        while index >= 0:
            index, letter = divmod(index, len(LETTERS))
            name, index = LETTERS[letter] + name, index - 1
        found.append(name)
    return found


def metric_rows(runs: Sequence[RunFacts]) -> dict[str, list[Cell]]:
    """Every figure of every run."""
    names = list(dict.fromkeys(name for run in runs for name in run.metrics))
    return {name: [run.metrics.get(name) for run in runs] for name in names}


def middle(one: Group, metric: str) -> str:
    """Median and quartiles of the finished runs."""
    values = [run.metrics[metric] for run in one.by_seed.values() if metric in run.metrics]
    if len(values) < 2:
        return figure(values[0]) if values else NOTHING
    low, median, high = quantiles(values, n=4, method="inclusive")
    return f"{figure(median)} ({figure(low)} to {figure(high)})"


def figure(value: float) -> str:
    """Four significant digits."""
    if not math.isfinite(value):
        return NOTHING
    return f"{value:.4g}"


def span(seeds: Sequence[int]) -> str:
    """0 to 4 where no number is left out, else all of them."""
    if len(seeds) > 2 and seeds[-1] - seeds[0] == len(seeds) - 1:
        return f"{seeds[0]} to {seeds[-1]}"
    return ", ".join(map(str, seeds[:8])) + (" ..." if len(seeds) > 8 else "")


def text(value: Any) -> str:
    """A setting in a cell."""
    if value is MISSING:
        return NOTHING
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return layers_in_words(value)
    return setting(value) or "null"


def _without_seed(one: Group) -> dict[str, Any]:
    """The settings of a group's first run but for the seeds."""
    settings = {k: v for k, v in one.runs[0].settings.items() if k not in ("seed", "name")}
    data = settings.get("data")
    if isinstance(data, dict):
        settings["data"] = {key: value for key, value in data.items() if key != "seed"}
    return settings
