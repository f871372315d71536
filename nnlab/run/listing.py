"""The table of `nnlab runs`: one record per folder, whatever the state of the folder."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nnlab.errors import NnlabError
from nnlab.run import names
from nnlab.run.run import Run
from nnlab.run.text import mapping_or_empty
from nnlab.show.words import trial_name
from nnlab.status import Status


@dataclass(frozen=True)
class RunRecord:
    """The row of one run, with the numbers in its folder."""

    name: str
    path: str
    status: Status
    reason: str | None = None  # why it is unreadable
    trial: str | None = None  # of a trial of a sweep: its settings and seed
    data: str | None = None  # of a race: its function
    started: str | None = None
    epochs: int | None = None  # finished so far
    seconds: float | None = None
    final: dict[str, Any] = field(default_factory=dict)
    best: dict[str, Any] = field(default_factory=dict)
    test: dict[str, Any] = field(default_factory=dict)


def list_runs(*folders: Path) -> list[RunRecord]:
    """The records of all started runs in these folders, oldest first."""
    return [record(run) for run in names.by_age(*folders)]


def record(path: Path) -> RunRecord:
    """The record of one folder; a folder that cannot be read is `unreadable`, with the reason."""
    try:
        return _read(Run.open(path))
    except (NnlabError, OSError) as error:
        return RunRecord(path.name, str(path), Status.UNREADABLE, reason=str(error))


def _read(run: Run) -> RunRecord:
    started, row = run.about.get("started"), run.last_row
    epoch, seconds = row.get("epoch"), row.get("seconds", run.about.get("seconds"))
    return RunRecord(
        name=run.name,
        path=str(run.path),
        status=run.status,
        trial=trial_name(*run.trial) or None,
        data=run.data_source[0],
        started=started if isinstance(started, str) else None,
        epochs=epoch if isinstance(epoch, int) else None,
        seconds=float(seconds) if isinstance(seconds, int | float) else None,
        final=mapping_or_empty(run.summary.get("final")) or row,
        best=mapping_or_empty(run.summary.get("best")),
        test=mapping_or_empty(run.summary.get("test")),
    )
