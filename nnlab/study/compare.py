"""What differs between runs: settings, environment, and the epoch where curves part."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nnlab.core import columns
from nnlab.errors import RunUnreadable, UsageError
from nnlab.run import environment, names
from nnlab.run.folder import RUN
from nnlab.run.records import Column
from nnlab.run.run import Run
from nnlab.run.settings import dotted
from nnlab.run.text import mapping_or_empty, shown
from nnlab.status import Status

BESIDE_METRICS = {"final": ("epoch",), "best": ("epoch",), "test": ()}  # table -> keys


@dataclass(frozen=True)
class RunFacts:
    """The comparable contents of a run folder.

    data: name and SHA-256.
    metrics: with keys as in summary.json: final.train_loss, best.epoch, test.loss.
    """

    path: Path
    status: Status
    seed: int | None
    settings: Mapping[str, Any]
    data: tuple[str | None, str | None]
    environment: Mapping[str, str | None]
    metrics: Mapping[str, float | int]
    curves: Mapping[str, Column]


def read_facts(run: Run) -> RunFacts:
    """Raises RunUnreadable or StorageError."""
    seed = run.settings.get("seed")
    tables = {name: mapping_or_empty(run.summary.get(name)) for name in BESIDE_METRICS}
    return RunFacts(
        path=run.path,
        status=run.status,
        seed=seed if isinstance(seed, int) else None,
        settings=run.settings,
        data=run.data_source,
        environment={
            **environment.essence(run.about),
            "git commit": _commit(mapping_or_empty(run.about.get("git"))),
        },
        metrics=_numbers(tables | {"final": tables["final"] or run.last_row}),
        curves=run.metrics,
    )


def find_runs(specs: Sequence[str], runs: Path) -> list[Run]:
    """The runs that `specs` name, each once; at least two.

    A folder that is no run but holds runs, as that of a sweep, stands for all of them. Raises
    UsageError, RunUnreadable.
    """
    unique: dict[Path, Run] = {}
    for spec in specs:
        for run in _runs_of(names.find(spec, runs)):
            unique.setdefault(run.path.resolve(), run)
    if len(unique) < 2:
        only = "".join(f" {shown(run.path)} is the only one named." for run in unique.values())
        raise UsageError(f"Two or more runs are needed to compare.{only} `nnlab runs` lists them.")
    return list(unique.values())


def _runs_of(path: Path) -> list[Run]:
    if (path / RUN).is_file() or not path.is_dir():
        return [Run.open(path)]
    inside = [Run.open(entry.parent) for entry in path.glob(f"*/{RUN}")]
    if not inside:
        raise RunUnreadable(f"{shown(path)} is not a run, and no run is in it.")
    return sorted(inside, key=_order)


def _order(run: Run) -> tuple[Any, ...]:
    """Trials of a sweep by their settings and seed; others by name, which is by age."""
    if not isinstance(run.about.get("trial"), Mapping):
        return (run.name,)
    cell, seed = run.trial
    numbers = [v if isinstance(v, int | float) else math.inf for v in cell.values()]
    return ("", numbers, [str(value) for value in cell.values()], seed or 0)


def _numbers(tables: Mapping[str, Mapping[str, Any]]) -> dict[str, float | int]:
    return {
        f"{table}.{key}": value
        for table, entries in tables.items()
        for key, value in entries.items()
        if table == columns.TEST or columns.split(key)[0] or key in BESIDE_METRICS[table]
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    }


def _commit(git: Mapping[str, Any]) -> str | None:
    if not git.get("commit"):
        return None
    return f"{str(git['commit'])[:12]}{' and changes' if git.get('dirty') else ''}"


class Missing:
    """Stands for a setting that a run does not have: another optimizer's, say."""

    def __repr__(self) -> str:
        return "-"


MISSING = Missing()


def setting_rows(runs: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Dotted key -> the value in each run (MISSING where it has none), for those that differ.

    The named studies of a config do not affect the run. Networks whose layers are of other kinds
    are one row, `network`: place by place, their settings have nothing to do with each other.
    """
    flat = list(map(dotted, _comparable(runs)))
    if all(run.get("seed") is not None and run.get("data.seed") == run["seed"] for run in flat):
        for run in flat:  # by default the data's seed is the run's: that row says it already
            del run["data.seed"]
    rows = {key: [run.get(key, MISSING) for run in flat] for key in _merged_keys(flat)}
    return {key: row for key, row in rows.items() if not _all_equal(row)}


def _comparable(runs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Without studies; networks of other kinds of layers in words."""
    configs = [{key: value for key, value in run.items() if key != "sweeps"} for run in runs]
    if len({_layer_kinds(config.get("network")) for config in configs}) > 1:
        for config in configs:
            config["network"] = layers_in_words(config.get("network"))
    return configs


def environment_rows(runs: Sequence[RunFacts]) -> dict[str, list[str | None]]:
    """What decides about the last bits, and the commit, for those that differ."""
    keys = list(dict.fromkeys(name for run in runs for name in run.environment))
    rows = {name: [run.environment.get(name) for run in runs] for name in keys}
    return {name: row for name, row in rows.items() if not _all_equal(row)}


def first_difference(first: Mapping[str, Column], second: Mapping[str, Column]) -> int | None:
    """The first epoch in which a loss or metric that both have differs by a bit.

    None when they agree as far as both go. nan is equal to nan. `seconds`, and the plan (epoch,
    step, lr), are no part of the curves.
    """
    shared = [name for name in first if name in second and columns.split(name)[0]]
    starts: list[int] = []
    for name in shared:
        a, b = (np.asarray(table[name]) for table in (first, second))
        rows = min(len(a), len(b))
        a, b = a[:rows], b[:rows]
        differs = (a != b) & ~((a != a) & (b != b))
        if differs.any():
            starts.append(int(np.argmax(differs)))
    if not starts:
        return None
    row, epochs = min(starts), first.get("epoch")
    return row if epochs is None else int(epochs[row])


def shared_epochs(first: Mapping[str, Column], second: Mapping[str, Column]) -> int:
    """The last epoch that both have; -1 when one has none."""
    return min(len(table.get("epoch", ())) for table in (first, second)) - 1


def layers_in_words(network: Any) -> str:
    """The layers in a line: dense 3, sigmoid, dense 1, sigmoid."""
    if not isinstance(network, list):
        return str(network)
    return ", ".join(map(_layer_in_words, network))


def _layer_in_words(layer: Any) -> str:
    if not isinstance(layer, Mapping):
        return str(layer)
    name, *rest = layer.values()
    main = rest[0] if rest and not isinstance(rest[0], bool | Mapping | list) else None
    return str(name) if main is None else f"{name} {main}"


def _layer_kinds(layers: Any) -> tuple[Any, ...]:
    if not isinstance(layers, list):
        return ()
    return tuple(layer.get("name") if isinstance(layer, Mapping) else layer for layer in layers)


def _merged_keys(flat: Sequence[Mapping[str, Any]]) -> list[str]:
    """All keys by section, in it by their place in the first config that has them."""
    place: dict[str, int] = {}
    for run in flat:
        for index, key in enumerate(run):
            place.setdefault(key, index)
    sections = list(dict.fromkeys(key.split(".")[0] for key in place))
    return sorted(sorted(place), key=lambda key: (sections.index(key.split(".")[0]), place[key]))


def _all_equal(row: Sequence[Any]) -> bool:
    """1 and 1.0 and true are three values: a config means something else by each."""
    return all(type(value) is type(row[0]) and value == row[0] for value in row)
