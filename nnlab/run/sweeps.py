"""The folder of a sweep: an ordinary run folder a trial, and what is known of all together.

    runs/sweep-identity8-lr/
      sweep.yaml      the axes with all values so far, the seeds, the config they vary, versions
      summary.csv     a row a trial
      figures/
      3f2a9c01b7d4/   a run folder, named by the hash of its config

The run folders are what is true; summary.csv is worked out from them.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nnlab.config.dump import to_yaml
from nnlab.core import columns
from nnlab.errors import NnlabError, RunUnreadable, StorageError
from nnlab.run import durable, guard, lock, names, records
from nnlab.run.folder import RunFolder, holds_first_files_only
from nnlab.run.run import Run
from nnlab.run.settings import read_yaml
from nnlab.run.text import mapping_or_empty, shown
from nnlab.show.words import axis_value
from nnlab.status import Status

SWEEP, SUMMARY, FIGURES = "sweep.yaml", "summary.csv", "figures"
FIXED = ("trial", "seed", "status", "reason", "epochs", "seconds")  # columns beside the axes


@dataclass(frozen=True)
class TrialRecord:
    """What a run folder tells of one trial."""

    name: str
    cell: Mapping[str, Any]
    seed: int | None
    status: Status
    reason: str | None = None
    epochs: int | None = None
    seconds: float | None = None
    final: Mapping[str, Any] = field(default_factory=dict)
    best: Mapping[str, Any] = field(default_factory=dict)
    test: Mapping[str, Any] = field(default_factory=dict)

    @property
    def done(self) -> bool:
        """Whether it came to its end with a result."""
        return self.status.finished


@dataclass(frozen=True)
class SweepFolder:
    """The folder of one sweep. Every method may raise StorageError; readers also RunUnreadable."""

    path: Path

    @classmethod
    def find(cls, spec: str, runs: Path) -> "SweepFolder | None":
        """The sweep that `spec` means, a path or a name in `runs`; None if there is none."""
        for path in (Path(spec), runs / spec):
            if spec and "\0" not in spec and cls(path).exists():
                return cls(path)
        return None

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.name

    def exists(self) -> bool:
        """Whether this is the folder of a sweep."""
        try:
            return (self.path / SWEEP).is_file()
        except (OSError, ValueError):  # a name that the system cannot have
            return False

    def create(self) -> None:
        """Makes the folder, if it does not exist."""
        durable.make_folder(self.path)

    def is_empty(self) -> bool:
        """Whether the folder has nothing but our own locks and temporary files."""
        own = (lock.LOCK, lock.HOLDER)
        return all(name in own or durable.is_temporary(name) for name in guard.names_in(self.path))

    def lock(self) -> AbstractContextManager[None]:
        """`with folder.lock():` makes this the only process that runs the sweep, or RunLocked."""
        return lock.hold_lock(self.path)

    def write_about(self, content: Mapping[str, Any]) -> None:
        """sweep.yaml."""
        durable.write_file(self.path / SWEEP, to_yaml(content))

    def read_about(self) -> dict[str, Any]:
        """sweep.yaml as plain values."""
        content = read_yaml(self.path / SWEEP)
        axes = content.get("axes")
        if not isinstance(axes, list) or not all(
            isinstance(axis, dict) and isinstance(axis.get("values"), list) for axis in axes
        ):
            raise RunUnreadable(f"Cannot read {shown(self.path / SWEEP)}: it describes no sweep.")
        return content

    def trial(self, name: str) -> RunFolder:
        """The run folder of a trial, which need not exist."""
        return RunFolder(self.path / name)

    def trials(self) -> list[str]:
        """The names of all trials that were begun."""
        try:
            found = os.listdir(self.path)
        except OSError as error:
            reason = error.strerror or str(error)
            raise StorageError(f"Cannot list {shown(self.path)}: {reason}.") from error
        return sorted(n for n in found if names.is_trial(n) and self.trial(n).exists())

    def records(self) -> list[TrialRecord]:
        """What is known of every trial."""
        return [self.record(name) for name in self.trials()]

    def record(self, name: str) -> TrialRecord:
        """What is known of one; never fails for what is in its folder, but says `unreadable`."""
        try:
            return _record(Run.open(self.path / name))
        except (NnlabError, OSError) as error:
            return TrialRecord(name, {}, None, Status.UNREADABLE, str(error))

    def discard(self, name: str) -> None:
        """Removes the run of a trial, whole or not at all."""
        durable.remove_folder(self.path / name)

    def adopt(self, folder: Path, name: str) -> bool:
        """Moves a run folder that was made elsewhere on this disk in here, as trial `name`.

        In one atomic step. False, and `folder` stays where it is, when the trial is there already.
        """
        target = self.path / name
        if target.exists():
            return False
        try:
            durable.replace(folder, target)
        except StorageError:
            if target.exists():  # somebody else was faster
                return False
            raise
        durable.sync_folder(self.path)
        return True

    def write_summary(self, axes: Sequence[str], found: Iterable[TrialRecord]) -> Path:
        """summary.csv: a row a trial, a column an axis; gives its path."""
        rows = [_row(record, axes) for record in found]
        columns = list(dict.fromkeys(key for row in rows for key in row))
        durable.write_file(self.path / SUMMARY, records.csv_rows(columns, rows))
        return self.path / SUMMARY

    def write_figure(self, name: str, data: bytes) -> Path:
        """figures/<name>; gives its path."""
        durable.make_subfolder(self.path / FIGURES)
        path = self.path / FIGURES / names.check_name(name)
        durable.write_file(path, data, sync=False)
        return path

    def tidy(self) -> None:
        """Removes what killed writers left, and trials that were never begun.

        Only under the lock.
        """
        durable.remove_leftovers(self.path, FIGURES)
        for name in guard.names_in(self.path):
            if names.is_trial(name) and _is_left_over(self.path / name):
                durable.remove_folder(self.path / name)


def _is_left_over(trial: Path) -> bool:
    """Whether a process was killed before it began the trial in its folder.

    A user's folder may be called like a trial (202611261234): it holds something else.
    """
    if not guard.is_real_folder(trial) or not holds_first_files_only(trial):
        return False
    return not lock.is_held(trial)


def find_all(runs: Path) -> list[SweepFolder]:
    """Every sweep in `runs`, by name; none when it does not exist."""
    if not runs.is_dir():
        return []
    found = (SweepFolder(path) for path in sorted(runs.iterdir()) if path.is_dir())
    return [folder for folder in found if folder.exists()]


def places(cell: Mapping[str, Any], axes: Sequence[Mapping[str, Any]]) -> list[int]:
    """Where a cell's values stand among those of each axis of sweep.yaml; unknown ones last."""
    found = []
    for axis in axes:
        values, value = list(axis.get("values") or ()), cell.get(str(axis.get("key")))
        found.append(values.index(value) if value in values else len(values))
    return found


def _record(run: Run) -> TrialRecord:
    (cell, seed), epochs, seconds = run.trial, run.last_row.get("epoch"), run.about.get("seconds")
    return TrialRecord(
        name=run.name,
        cell=cell,
        seed=seed,
        status=run.status,
        reason=run.failure_reason,
        epochs=epochs if isinstance(epochs, int) else None,
        seconds=float(seconds) if isinstance(seconds, int | float) else None,
        final=mapping_or_empty(run.summary.get("final")),
        best=mapping_or_empty(run.summary.get("best")),
        test=mapping_or_empty(run.summary.get("test")),
    )


def _row(record: TrialRecord, axes: Sequence[str]) -> dict[str, Any]:
    """A row of summary.csv. An axis called as one of the other columns gets a dot in front."""
    row: dict[str, Any] = {"trial": record.name}
    for key in axes:
        value = record.cell.get(key)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if key != "seed":
            row[f".{key}" if key in FIXED else key] = value if number else axis_value(value)
    row |= {"seed": record.seed, "status": record.status, "reason": record.reason}
    row |= {"epochs": record.epochs, "seconds": record.seconds}
    for name, numbers in (("final", record.final), ("best", record.best)):
        skip = ("epoch", "step", "seconds", "lr")
        row |= {f"{name}_{key}": number for key, number in numbers.items() if key not in skip}
    if record.best:
        row["best_epoch"] = record.best.get("epoch")
    return row | columns.named(columns.TEST, record.test)
