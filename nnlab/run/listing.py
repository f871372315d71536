"""The table of `nnlab runs`: one record a folder, whatever state the folder is in."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nnlab.errors import NnlabError
from nnlab.run import names
from nnlab.run.folder import RunFolder
from nnlab.show.words import trial_name

UNREADABLE = "unreadable"


@dataclass(frozen=True)
class RunRecord:
    """What a table shows of one run; numbers as they stand in the folder."""

    name: str
    path: str
    status: str
    reason: str | None = None  # why it is unreadable
    trial: str | None = None  # of a trial of a sweep: what it varies, and its seed
    data: str | None = None  # of a race: its function
    started: str | None = None
    epochs: int | None = None  # done so far
    seconds: float | None = None
    final: dict[str, Any] = field(default_factory=dict)
    best: dict[str, Any] = field(default_factory=dict)
    test: dict[str, Any] = field(default_factory=dict)


def list_runs(*folders: Path) -> list[RunRecord]:
    """A record of every run in these folders that was begun, oldest first."""
    return [record(run) for run in names.by_age(*folders)]


def record(path: Path) -> RunRecord:
    """The record of one folder; never fails for what is in it, but says `unreadable` and why."""
    try:
        return _read(RunFolder.open(path))
    except (NnlabError, OSError) as error:
        return RunRecord(path.name, str(path), UNREADABLE, reason=str(error))


def _read(folder: RunFolder) -> RunRecord:
    run = folder.read_run()
    row = folder.last_metrics()
    summary = folder.read_summary() if folder.has_summary() else {}
    epoch, seconds = row.get("epoch"), row.get("seconds", run.get("seconds"))
    return RunRecord(
        name=folder.name,
        path=str(folder.path),
        status=folder.status(),
        trial=_trial(run.get("trial")),
        data=_name(run.get("data")) or _name(run.get("function")),
        started=_name(run.get("started")),
        epochs=epoch if isinstance(epoch, int) else None,
        seconds=float(seconds) if isinstance(seconds, int | float) else None,
        final=_table(summary.get("final")) or dict(row),
        best=_table(summary.get("best")),
        test=_table(summary.get("test")),
    )


def _name(value: object) -> str | None:
    """run.json keeps the data set as its name, or as {"name": ..., "sha256": ...}."""
    if isinstance(value, dict):
        value = value.get("name")
    return value if isinstance(value, str) else None


def _trial(value: object) -> str | None:
    cell, seed = _table(_table(value).get("cell")), _table(value).get("seed")
    return trial_name(cell, seed if isinstance(seed, int) else None) or None


def _table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
