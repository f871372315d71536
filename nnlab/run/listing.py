"""The table of `nnlab runs`: folders with runs, a record per run."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nnlab.errors import NnlabError
from nnlab.run import names
from nnlab.run.files import RunFiles
from nnlab.run.labels import Labels, read_labels
from nnlab.run.sweeps import SweepFolder
from nnlab.show.words import trial_name
from nnlab.status import Status

DEPTH = 3  # levels below a folder that are searched for runs
MAX_FOLDERS = 1000


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
    labels: Labels = field(default_factory=Labels)


def list_runs(*folders: Path) -> list[RunRecord]:
    """The records of all started runs in these folders, oldest first."""
    return [record(run) for run in names.by_age(*folders)]


def record(path: Path) -> RunRecord:
    """The record of one folder; `unreadable`, with the reason, if it is damaged."""
    try:
        return _read(RunFiles.open(path))
    except (NnlabError, OSError) as error:
        return RunRecord(path.name, str(path), Status.UNREADABLE, reason=str(error))


def _read(run: RunFiles) -> RunRecord:
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
        final=run.results["final"] or row,
        best=run.results["best"],
        test=run.results["test"],
        labels=read_labels(run.folder),
    )


def folders_with_runs(top: Path) -> list[Path]:
    """`top` and the folders below it, without links, runs and sweeps."""
    folders, level = [top], [] if SweepFolder(top).exists() else [top]
    for _ in range(DEPTH):
        level = [inner for folder in level for inner in _folders_in(folder)]
        folders += level
    return folders[:MAX_FOLDERS]


def _folders_in(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            inside = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:  # a folder that cannot be read hides no other folder
        return []
    inside = sorted(n for n in inside if not (n.startswith(".") or names.is_run(n)))[:MAX_FOLDERS]
    return [folder / name for name in inside if not SweepFolder(folder / name).exists()]
