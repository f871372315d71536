"""The runs in a folder, sorted and filtered: `nnlab.runs`."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, overload

from nnlab.api.arguments import checks_arguments
from nnlab.api.compare import LONGEST_SETTING
from nnlab.api.conditions import TAGS, Condition, condition_values, parse_condition
from nnlab.api.find import AnyPath
from nnlab.api.results import Columns, ShownResult, columns_of
from nnlab.api.trained_run import TrainedRun
from nnlab.config.overrides import TOP_FAMILIES
from nnlab.config.problems import shown_value
from nnlab.core import columns
from nnlab.core.metrics import METRICS, SumMetric, better_when
from nnlab.errors import NnlabError, UsageError
from nnlab.run.files import RunFiles
from nnlab.run.labels import SEPARATOR
from nnlab.run.listing import RunRecord, folders_with_runs, list_runs
from nnlab.run.names import runs_folder
from nnlab.run.settings import dotted, training_settings
from nnlab.run.sweeps import find_all
from nnlab.show.text_tables import Cell, format_records, records_to_csv, to_csv
from nnlab.show.words import duration, setting_value, shorten
from nnlab.status import Status
from nnlab.suggest import did_you_mean

LABEL_COLUMNS = (TAGS, "note")  # columns of the table where a run has them
EMPTY = (None, "")  # a value that a run does not have, and the text of no tags
STATUSES = tuple(status.value for status in Status if status is not Status.UNKNOWN)


@checks_arguments
def runs(
    folder: AnyPath | None = None,
    *,
    status: str | None = None,
    where: str | Sequence[str] = (),
    sort: str | None = None,
    reverse: bool = False,
    columns: Sequence[str] = (),
    limit: int | None = None,
) -> "RunList":
    """The runs in a folder and up to three levels below it, the newest first.

    folder: default $NNLAB_RUNS, else runs. The others are the command's options: status, only runs
    with this status; where, a condition such as "optimizer.lr<0.1" or several; sort, a column or a
    setting; columns, those and settings that the table has, in this order; limit, the first N runs.
    Raises UsageError for a key that no run has.
    """
    if status not in (None, *STATUSES):
        hint = did_you_mean(str(status), STATUSES)
        raise UsageError(f"There is no status {shown_value(status)}.{hint}")
    if limit is not None and limit < 1:
        raise UsageError(f"limit is {limit}; it must be at least 1.")
    top = runs_folder(folder)
    folders = folders_with_runs(top)
    conditions = list(map(parse_condition, [where] if isinstance(where, str) else where))
    keys = [*(c.key for c in conditions), *([] if sort is None else [sort]), *columns]
    rows = _table_rows(list_runs(*folders)[::-1], keys, top)
    chosen = (
        replace(row, shown=tuple(columns))
        for row in _sorted_rows(rows, sort, reverse)
        if row.meets(status, conditions)
    )
    sweeps = () if status or conditions else tuple(_sweep_rows(folders, top))
    return RunList(
        top, tuple(islice(chosen, limit)), sweeps, _nothing(rows, status, conditions, top)
    )


def column_names() -> list[str]:
    """The columns of every table; settings and other metrics are columns where a key asks."""
    losses = [columns.name(part, columns.LOSS) for part in columns.PARTS]
    metrics = [name for name, metric in METRICS.items() if isinstance(metric, SumMetric)]
    return ["run", "status", "data", "epochs", *losses, *metrics, "time"]


@dataclass
class ListedRun:
    """One run: its columns and, where a key asks for them, its settings."""

    run: RunRecord
    values: dict[str, Any]
    keys: Sequence[str] = ()  # settings that become columns
    shown: Sequence[str] = ()  # the columns of the printed table; () for the usual ones

    def meets(self, status: str | None, conditions: Sequence[Condition]) -> bool:
        """Whether the run has this status, if any, and all conditions are true."""
        return status in (None, self.run.status) and all(c.holds(self.values) for c in conditions)

    @property
    def cells(self) -> dict[str, Any]:
        """The row of the printed table; settings stand before the time."""
        if self.shown:
            return {name: self.values.get(name) for name in ("run", *self.shown)}
        row = {name: self.values.get(name) for name in column_names()}
        run, time = row.pop("run"), row.pop("time")
        trial = {"trial": self.run.trial} if self.run.trial else {}
        return {"run": run, **trial, **row, **self.settings, "time": time, **self.labels}

    @property
    def labels(self) -> dict[str, Any]:
        """The tags and the note, where the run has any."""
        return {key: self.values[key] for key in LABEL_COLUMNS if self.values.get(key)}

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that a key asks for."""
        return {key: self.values.get(key) for key in self.keys}


@dataclass(frozen=True, repr=False)
class RunList(ShownResult):
    """Runs, and the sweeps beside them; iterate for the runs themselves.

    nothing: the sentence that no run was listed.
    """

    folder: Path
    rows: tuple[ListedRun, ...]
    sweeps: tuple[dict[str, Any], ...]
    nothing: str

    @property
    def records(self) -> tuple[RunRecord, ...]:
        """The numbers of each run."""
        return tuple(row.run for row in self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, index: int) -> TrainedRun: ...
    @overload
    def __getitem__(self, index: slice) -> "RunList": ...
    def __getitem__(self, index: int | slice) -> "TrainedRun | RunList":
        if isinstance(index, slice):
            return replace(self, rows=self.rows[index], sweeps=())
        return TrainedRun(Path(self.rows[index].run.path))

    def __iter__(self) -> Iterator[TrainedRun]:
        return (TrainedRun(Path(record.path)) for record in self.records)

    @property
    def table(self) -> Columns:
        """A row per run: name, status, data, epochs, its last losses and metrics, seconds."""
        return columns_of(
            [
                {"run": r.name, "status": str(r.status), "data": r.data, "epochs": r.epochs}
                | {name: value for name, value in r.final.items() if columns.split(name)[0]}
                | columns.named(columns.TEST, r.test)
                | row.settings
                | {"seconds": r.seconds, **row.labels}
                for row in self.rows
                for r in [row.run]
            ]
        )

    def to_dict(self) -> dict[str, Any]:
        listed = [
            asdict(row.run) | ({"config": row.settings} if row.keys else {}) for row in self.rows
        ]
        return {"runs": listed, "sweeps": list(self.sweeps)}

    def to_csv(self) -> str:
        """The printed table as CSV, with all digits."""
        rows = [row.cells for row in self.rows]
        return records_to_csv(rows) if rows else to_csv(column_names(), [])

    def __str__(self) -> str:
        rows = [{key: _cell(key, v) for key, v in row.cells.items()} for row in self.rows]
        tables = [format_records(table) for table in (rows, self.sweeps) if table]
        return "\n\n".join(tables) or self.nothing


def _cell(key: str, value: Any) -> Cell:
    """A time or a setting as text; other values as they are."""
    if value in EMPTY:
        return None
    if key == "time":
        return duration(value)
    if key not in column_names():
        return shorten(setting_value(value), LONGEST_SETTING)
    return value


def _table_rows(records: Sequence[RunRecord], keys: Sequence[str], top: Path) -> list[ListedRun]:
    """A row per run, named by its path below `top`, with the settings that `keys` name.

    Configs are read only if a key is not a column, or can be a short form (`data`). Raises
    UsageError for a key that no run has.
    """
    rows = [ListedRun(record, _columns(record, top)) for record in records]
    asked = [key for key in dict.fromkeys(keys) if key not in column_names()]
    if not rows or (not asked and TOP_FAMILIES.keys().isdisjoint(keys)):
        return rows
    for row in rows:
        row.values, row.keys = condition_values(row.values, _settings(row.run)), asked
    _refuse_unknown(asked, [*column_names(), *(name for row in rows for name in row.values)])
    return rows


def _refuse_unknown(keys: Sequence[str], names: Sequence[str]) -> None:
    """Raise UsageError for the first key that is not among the names of columns and settings."""
    for key in keys:
        if key not in names:
            hint = did_you_mean(key, list(dict.fromkeys(names)), "setting")
            raise UsageError(
                f"No run has a column or a setting {shown_value(key)}.{hint} The columns are "
                f"{', '.join(column_names())}; a setting is named as in --set: optimizer.lr."
            )


def _columns(run: RunRecord, top: Path) -> dict[str, Any]:
    """The columns of a run; a metric on test rows, else on validation rows, else on training."""
    numbers = run.final | columns.named(columns.TEST, run.test)
    for name in METRICS:
        parts = [numbers.get(columns.name(part, name)) for part in reversed(columns.PARTS)]
        numbers[name] = next((value for value in parts if value is not None), None)
    about = {
        "run": str(Path(run.path).relative_to(top)),
        "status": run.status,
        "data": run.data,
        "epochs": run.epochs,
        "time": run.seconds,
        TAGS: SEPARATOR.join(run.labels.tags),
        "note": run.labels.note,
    }
    names = dict.fromkeys([*column_names(), *METRICS, *LABEL_COLUMNS])
    return {name: (about if name in about else numbers).get(name) for name in names}


def _settings(run: RunRecord) -> dict[str, Any]:
    """The settings of a run by dotted key; empty for a run that cannot be read."""
    try:
        config = RunFiles(Path(run.path)).settings
    except NnlabError:
        return {}
    return dotted(training_settings(config))


def _sorted_rows(rows: Sequence[ListedRun], key: str | None, reverse: bool) -> list[ListedRun]:
    """Sort by a column or setting: numbers before text, and rows without a value last."""
    if key is None:
        return list(reversed(rows)) if reverse else list(rows)

    def rank(row: ListedRun) -> tuple[bool, float, str]:
        value = row.values[key]
        number = isinstance(value, int | float)
        return (not number, float(value) if number else 0.0, "" if number else str(value))

    known = [row for row in rows if row.values.get(key) not in EMPTY]
    unknown = [row for row in rows if row.values.get(key) in EMPTY]
    descending = (key == "epochs" or better_when(key) == "max") != reverse
    return [*sorted(known, key=rank, reverse=descending), *unknown]


def _nothing(
    rows: Sequence[ListedRun], status: str | None, conditions: Sequence[Condition], top: Path
) -> str:
    """The message that there is no run, with the nearest value of each condition."""
    kind = "with this status" if status else "yet"
    kind = "for which this is true" if conditions else kind
    hints = (condition.nearest(row.values for row in rows) for condition in conditions)
    return f"There is no run {kind} in {top}.{''.join(hints)}"


def _sweep_rows(folders: Sequence[Path], top: Path) -> Iterator[dict[str, Any]]:
    """A row per sweep: its axes, and the number of trials by state."""
    for sweep in (sweep for folder in folders for sweep in find_all(folder)):
        try:
            axes = ", ".join(str(axis.get("key")) for axis in sweep.read_about()["axes"])
        except NnlabError:  # a broken folder must not hide the others
            axes = "unreadable"
        trials = sweep.records()
        yield {
            "sweep": str(sweep.path.relative_to(top)),
            "axes": axes,
            "trials": len(trials),
            "done": sum(trial.done for trial in trials),
            "failed": sum(trial.status.lost for trial in trials),
        }
