"""The differences of runs: settings, environment, and the first epoch with other numbers."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nnlab.core import columns
from nnlab.core.types import cached_property
from nnlab.errors import RunUnreadable, UsageError
from nnlab.run import environment, names
from nnlab.run.folder import RUN
from nnlab.run.records import Column
from nnlab.run.run import Run
from nnlab.run.settings import dotted, training_settings
from nnlab.run.text import mapping_or_empty, shown
from nnlab.status import Status

MISSING = object()  # a setting that a run does not have, such as that of another optimizer
EPOCH_OF = ("final", "best")  # tables of summary.json that have an epoch


@dataclass(frozen=True)
class ComparedRun(Run):
    """A run, with the facts that a comparison needs beside its settings and curves."""

    @cached_property
    def status(self) -> Status:
        return super().status

    @property
    def seed(self) -> int | None:
        """The seed in its settings."""
        seed = self.settings.get("seed")
        return seed if isinstance(seed, int) else None

    @property
    def folds(self) -> tuple[int, int] | None:
        """The fold of a cross-validation and the number of folds, in its settings."""
        data = mapping_or_empty(self.settings.get("data"))
        fold, folds = data.get("fold"), data.get("folds")
        return (fold, folds) if isinstance(fold, int) and isinstance(folds, int) else None

    @cached_property
    def environment(self) -> dict[str, str | None]:
        """All that can change the last bits of the numbers, and the commit."""
        git = mapping_or_empty(self.about.get("git"))
        changed = " and changes" if git.get("dirty") else ""
        commit = f"{str(git['commit'])[:12]}{changed}" if git.get("commit") else None
        return {**environment.essence(self.about), "git commit": commit}

    @cached_property
    def numbers(self) -> dict[str, float | int]:
        """The finite numbers of summary.json: final.train_loss, best.epoch, test.loss.

        Before the end of the run, the last row of metrics.csv is `final`.
        """
        tables = self.results
        return {
            f"{table}.{key}": value
            for table, entries in (tables | {"final": tables["final"] or self.last_row}).items()
            for key, value in entries.items()
            if table == columns.TEST
            or columns.split(key)[0]
            or (key == "epoch" and table in EPOCH_OF)
            if isinstance(value, int | float) and not isinstance(value, bool)
            if math.isfinite(value)
        }


def find_runs(specs: Sequence[str], runs: Path) -> list[ComparedRun]:
    """The runs that `specs` name, each once; at least two.

    A folder of runs, such as a sweep's, names all runs in it. Raises UsageError, RunUnreadable.
    """
    unique: dict[Path, ComparedRun] = {}
    for spec in specs:
        for run in _runs_of(names.find(spec, runs)):
            unique.setdefault(run.path.resolve(), run)
    if len(unique) < 2:
        only = "".join(f" {shown(run.path)} is the only one named." for run in unique.values())
        raise UsageError(f"Two or more runs are needed to compare.{only} `nnlab runs` lists them.")
    return list(unique.values())


def _runs_of(path: Path) -> list[ComparedRun]:
    if (path / RUN).is_file() or not path.is_dir():
        return [ComparedRun.open(path)]
    inside = [ComparedRun.open(entry.parent) for entry in path.glob(f"*/{RUN}")]
    if not inside:
        raise RunUnreadable(f"{shown(path)} is not a run, and no run is in it.")
    return sorted(inside, key=_order)


def _order(run: ComparedRun) -> tuple[Any, ...]:
    """Trials of a sweep by settings and seed; other runs by name, which is by age."""
    if not isinstance(run.about.get("trial"), Mapping):
        return (run.name,)
    cell, seed = run.trial
    numbers = [v if isinstance(v, int | float) else math.inf for v in cell.values()]
    return ("", numbers, [str(value) for value in cell.values()], seed or 0)


def setting_rows(runs: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Dotted key -> the value in each run (MISSING where it has none), for keys that differ.

    The studies of a config do not count. Networks with different kinds of layers are one row,
    `network`: the settings of their layers cannot be compared one by one.
    """
    configs = list(map(training_settings, runs))
    if len({_layer_kinds(config.get("network")) for config in configs}) > 1:
        for config in configs:
            config["network"] = layers_in_words(config.get("network"))
    flat = list(map(dotted, configs))
    if all(run.get("seed") is not None and run.get("data.seed") == run["seed"] for run in flat):
        for run in flat:  # by default the data's seed is the run's, which has a row
            del run["data.seed"]
    return _differing(flat, _merged_keys(flat), MISSING)


def environment_rows(runs: Sequence[ComparedRun]) -> dict[str, list[str | None]]:
    """The parts of the environment that differ between the runs, and the commit."""
    tables = [run.environment for run in runs]
    return _differing(tables, list(dict.fromkeys(name for table in tables for name in table)))


def first_difference(first: Mapping[str, Column], second: Mapping[str, Column]) -> int | None:
    """The first epoch in which a loss or metric of both runs differs by a bit.

    None if all shared epochs agree; nan equals nan. `seconds`, epoch, step and lr do not count.
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
    """The last epoch of both; -1 if a run has none."""
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
    """All keys by section, in a section by their place in the first config that has them."""
    place: dict[str, int] = {}
    for run in flat:
        for index, key in enumerate(run):
            place.setdefault(key, index)
    sections = list(dict.fromkeys(key.split(".")[0] for key in place))
    return sorted(sorted(place), key=lambda key: (sections.index(key.split(".")[0]), place[key]))


def _differing(
    tables: Sequence[Mapping[str, Any]], keys: Sequence[str], missing: Any = None
) -> dict[str, list[Any]]:
    """Key -> the value in each table, for values or types that differ.

    1, 1.0 and true are different values of a setting.
    """
    rows = {key: [table.get(key, missing) for table in tables] for key in keys}
    return {
        k: row
        for k, row in rows.items()
        if any((type(v), v) != (type(row[0]), row[0]) for v in row)
    }
