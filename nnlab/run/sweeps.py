"""The folder of a sweep: a run folder per trial, and common files.

    runs/sweep-identity8-lr/
      sweep.yaml      the axes with all values so far, the seeds, the config they vary, versions
      summary.csv     a row per trial
      figures/
      3f2a9c01b7d4/   a run folder, named by the hash of its config

The run folders are the truth; summary.csv is computed from them.
"""

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from nnlab.core import columns
from nnlab.errors import NnlabError
from nnlab.run import durable, guard, lock, names, records
from nnlab.run.files import RunFiles
from nnlab.run.folder import FIGURES, OutputFolder, RunFolder, holds_first_files_only
from nnlab.run.settings import read_settings
from nnlab.run.text import unreadable
from nnlab.show.words import axis_value, setting_value
from nnlab.status import Status

SWEEP, SUMMARY = "sweep.yaml", "summary.csv"
FIXED = ("trial", "seed", "status", "reason", "epochs", "seconds")  # columns beside the axes


@dataclass(frozen=True)
class TrialRecord:
    """The row of one trial, with the numbers in its run folder."""

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
        """Whether it has a result."""
        return self.status.finished


@dataclass(frozen=True)
class SweepFolder(OutputFolder):
    """The folder of one sweep. Readers may also raise RunUnreadable."""

    @classmethod
    def find(cls, spec: str, runs: Path) -> Self | None:
        """The sweep at a path, or of a name in `runs`; None without one."""
        for path in (Path(spec), runs / spec):
            if spec and "\0" not in spec and cls(path).exists():
                return cls(path)
        return None

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
        """Whether the folder is empty apart from locks and temporary files."""
        own = (lock.LOCK, lock.HOLDER)
        return all(name in own or durable.is_temporary(name) for name in guard.names_in(self.path))

    def write_about(self, content: Mapping[str, Any]) -> None:
        """sweep.yaml."""
        from nnlab.config.dump import to_yaml  # the config is slow to import for a table of runs

        durable.write_file(self.path / SWEEP, to_yaml(content))

    def read_about(self) -> dict[str, Any]:
        """sweep.yaml as plain values."""
        content = read_settings(self.path / SWEEP)
        axes = content.get("axes")
        if not isinstance(axes, list) or not all(
            isinstance(axis, dict) and isinstance(axis.get("values"), list) for axis in axes
        ):
            raise unreadable(self.path / SWEEP, "it describes no sweep")
        return content

    def trial(self, name: str) -> RunFolder:
        """The run folder of a trial, which need not exist."""
        return RunFolder(self.path / name)

    def trials(self) -> list[str]:
        """The names of all trials that were begun."""
        inside = guard.names_in(self.path)
        return sorted(n for n in inside if names.is_trial(n) and self.trial(n).exists())

    def records(self) -> list[TrialRecord]:
        """The records of all trials that were begun, in the order of the axes and the seeds."""
        axes: list[Mapping[str, Any]] = []
        with suppress(NnlabError):  # a damaged sweep.yaml must not hide the trials
            axes = self.read_about()["axes"]
        places = placing(axes)
        found = map(self.record, self.trials())
        return sorted(found, key=lambda trial: (*places(trial.cell), trial.seed or 0))

    def record(self, name: str) -> TrialRecord:
        """The record of one trial; `unreadable`, with the reason, if its folder is damaged."""
        try:
            return _record(RunFiles.open(self.path / name))
        except (NnlabError, OSError) as error:
            return TrialRecord(name, {}, None, Status.UNREADABLE, str(error))

    def discard(self, name: str) -> None:
        """Removes the run of a trial, whole or not at all."""
        durable.remove_folder(self.path / name)

    def write_summary(self, axes: Sequence[str], trials: Iterable[TrialRecord]) -> Path:
        """summary.csv: a row per trial, a column per axis; returns its path."""
        rows = [_row(record, axes) for record in trials]
        columns = list(dict.fromkeys(key for row in rows for key in row))
        durable.write_file(self.path / SUMMARY, records.csv_rows(columns, rows))
        return self.path / SUMMARY

    def tidy(self) -> None:
        """Removes leftovers of killed writers, and trials never begun. Only under the lock."""
        durable.remove_leftovers(self.path, FIGURES)
        for name in guard.names_in(self.path):
            if names.is_trial(name) and _is_left_over(self.path / name):
                durable.remove_folder(self.path / name)


def _is_left_over(trial: Path) -> bool:
    """Whether a process was killed before it began the trial in its folder.

    A user's folder may be called like a trial (202611261234): it holds something else.
    """
    first_files_only = guard.is_real_folder(trial) and holds_first_files_only(trial)
    return first_files_only and not lock.is_held(trial)


def find_all(runs: Path) -> list[SweepFolder]:
    """Every sweep in `runs`, by name; none when it does not exist."""
    if not runs.is_dir():
        return []
    folders = (SweepFolder(path) for path in sorted(runs.iterdir()) if path.is_dir())
    return [folder for folder in folders if folder.exists()]


def by_cell(
    trials: Iterable[TrialRecord], axes: Sequence[Mapping[str, Any]], apart: Collection[str] = ()
) -> list[tuple[dict[str, Any], list[TrialRecord]]]:
    """The trials of each cell, in the order of the axes' values.

    apart: settings that make no cell of their own, such as the seed.
    """
    cells: dict[str, tuple[dict[str, Any], list[TrialRecord]]] = {}
    for trial in trials:
        cell = {key: value for key, value in trial.cell.items() if key not in apart}
        cells.setdefault(setting_value(cell), (cell, []))[1].append(trial)
    places = placing([axis for axis in axes if axis.get("key") not in apart])
    return sorted(cells.values(), key=lambda item: places(item[0]))


def placing(axes: Sequence[Mapping[str, Any]]) -> Callable[[Mapping[str, Any]], list[int]]:
    """Gives the index of a cell's value on each axis of sweep.yaml; unknown values come last."""
    ranks = [(str(axis.get("key")), ranking(list(axis.get("values") or ()))) for axis in axes]
    return lambda cell: [rank(cell.get(key)) for key, rank in ranks]


def ranking(values: Sequence[Any]) -> Callable[[Any], int]:
    """Gives the index of a value, as `values.index` does but at once; their number if unknown."""
    known = {value: i for i, value in reversed([*enumerate(values)]) if isinstance(value, Hashable)}

    def rank(value: Any) -> int:
        if isinstance(value, Hashable):
            return known.get(value, len(values))
        return values.index(value) if value in values else len(values)

    return rank


def _record(run: RunFiles) -> TrialRecord:
    (cell, seed), epochs, seconds = run.trial, run.last_row.get("epoch"), run.about.get("seconds")
    return TrialRecord(
        name=run.name,
        cell=cell,
        seed=seed,
        status=run.status,
        reason=run.failure_reason,
        epochs=epochs if isinstance(epochs, int) else None,
        seconds=float(seconds) if isinstance(seconds, int | float) else None,
        **run.results,
    )


def _row(record: TrialRecord, axes: Sequence[str]) -> dict[str, Any]:
    """A row of summary.csv; an axis named as a fixed column gets a dot."""
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
