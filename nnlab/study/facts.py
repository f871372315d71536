"""What a run folder says that can be compared with another."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnlab.core import columns
from nnlab.errors import RunUnreadable, UsageError
from nnlab.run import environment, names
from nnlab.run.folder import METRICS, RUN, RunFolder
from nnlab.run.listing import record
from nnlab.run.records import Column
from nnlab.run.run import Run
from nnlab.run.text import shown

FINISHED = ("completed", "early_stopped")
KEPT = {"final": ("epoch",), "best": ("epoch",), "test": ()}  # beside the losses and metrics


@dataclass(frozen=True)
class Facts:
    """One run; `metrics` has keys as in summary.json: final.train_loss, best.epoch, test.loss."""

    folder: RunFolder
    status: str
    seed: int | None
    settings: Mapping[str, Any]
    data: tuple[str | None, str | None]  # name and SHA-256
    environment: Mapping[str, str | None]
    metrics: Mapping[str, float | int]
    curves: Mapping[str, Column]

    @property
    def finished(self) -> bool:
        """Whether it came to a good end, so that its last numbers are its result."""
        return self.status in FINISHED


def read_facts(folder: RunFolder) -> Facts:
    """Raises RunUnreadable or StorageError."""
    about, row = folder.read_json(RUN), record(folder.path)
    if row.reason is not None:
        raise RunUnreadable(row.reason)
    given = Run(folder.path).settings
    seed, data = given.get("seed"), about.get("data")
    data = data if isinstance(data, Mapping) else {"name": data}
    return Facts(
        folder=folder,
        status=row.status,
        seed=seed if isinstance(seed, int) else None,
        settings=given,
        data=(_text(data.get("name")), _text(data.get("sha256"))),
        environment={**environment.essence(about), "git commit": _commit(about.get("git"))},
        metrics=_metrics({"final": row.final, "best": row.best, "test": row.test}),
        curves=folder.read_table(METRICS),
    )


def find_folders(specs: Sequence[str], runs: Path) -> list[RunFolder]:
    """The run folders that `specs` mean, each once.

    A folder that is no run but holds some, as that of a sweep, stands for all in it. Raises
    UsageError, RunUnreadable.
    """
    found: dict[str, RunFolder] = {}
    for spec in specs:
        for folder in _meant(spec, runs):
            found.setdefault(os.path.realpath(folder.path), folder)
    return list(found.values())


def _meant(spec: str, runs: Path) -> list[RunFolder]:
    path = names.find(spec, runs)
    if (path / RUN).is_file() or not path.is_dir():
        return [RunFolder.open(path)]
    inside = [RunFolder.open(entry.parent) for entry in path.glob(f"*/{RUN}")]
    if not inside:
        raise RunUnreadable(f"{shown(path)} is not a run, and no run is in it.")
    return sorted(inside, key=_order)


def _order(folder: RunFolder) -> tuple[Any, ...]:
    """Trials of a sweep by their settings and seed; others by name, which is by age."""
    trial = folder.read_json(RUN).get("trial")
    if not isinstance(trial, Mapping) or not isinstance(cell := trial.get("cell"), Mapping):
        return (folder.name,)
    numbers = [v if isinstance(v, int | float) else math.inf for v in cell.values()]
    return ("", numbers, [str(value) for value in cell.values()], trial.get("seed") or 0)


def refuse_fewer(folders: Sequence[RunFolder]) -> None:
    """UsageError unless there are two."""
    if len(folders) < 2:
        one = f" {shown(folders[0].path)} is the only one named." if folders else ""
        raise UsageError(f"Two or more runs are needed to compare.{one} `nnlab runs` lists them.")


def _metrics(tables: Mapping[str, Mapping[str, Any]]) -> dict[str, float | int]:
    return {
        f"{table}.{key}": value
        for table, entries in tables.items()
        for key, value in entries.items()
        if _is_metric(table, key) or key in KEPT[table]
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    }


def _is_metric(table: str, key: str) -> bool:
    return table == columns.TEST or bool(columns.split(key)[0])


def _commit(git: object) -> str | None:
    if not isinstance(git, Mapping) or not git.get("commit"):
        return None
    return f"{str(git['commit'])[:12]}{' and changes' if git.get('dirty') else ''}"


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
