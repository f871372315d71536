"""`nnlab runs`: the table of runs, and the questions that can be asked of it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from nnlab.cli.conditions import Condition, condition_values, parse_condition
from nnlab.cli.options import FOLDER, json_option, runs_option, verbosity
from nnlab.cli.tables import draw_records, to_csv
from nnlab.cli.terminal import print_data, print_json, print_message, print_result
from nnlab.config.expand import TOP
from nnlab.config.problems import show
from nnlab.core import columns
from nnlab.core.metrics import METRICS, better_when
from nnlab.errors import NnlabError, RunUnreadable, UsageError
from nnlab.run.below import holders
from nnlab.run.listing import RunRecord, list_runs
from nnlab.run.names import runs_folder
from nnlab.run.run import Run
from nnlab.run.settings import dotted
from nnlab.run.sweeps import SweepFolder, find_all
from nnlab.show.words import duration, setting_value, shorten
from nnlab.status import Status
from nnlab.suggest import did_you_mean

STATUSES = tuple(status.value for status in Status if status is not Status.UNKNOWN)
LONGEST_SETTING = 60  # characters


@click.command
@click.argument("folder", metavar="[DIR]", type=FOLDER, required=False)
@runs_option
@click.option("--sort", metavar="KEY", help="Sort by a column or a setting.")
@click.option("--reverse", is_flag=True, help="Reverse the order.")
@click.option(
    "--status",
    metavar="STATUS",
    type=click.Choice(STATUSES),
    help=f"Only runs with this status: {', '.join(STATUSES)}.",
)
@click.option(
    "--where",
    "texts",
    metavar="CONDITION",
    multiple=True,
    help="Only runs for which this is true, for example 'optimizer.lr<0.1'; may be repeated.",
)
@click.option("--csv", "as_csv", is_flag=True, help="Print the table as CSV, numbers not rounded.")
@json_option
@verbosity
def command(
    folder: Path | None, runs: Path | None, sort: str | None, reverse: bool, status: str | None,
    texts: tuple[str, ...], as_csv: bool, as_json: bool
) -> None:  # fmt: skip
    """List the runs in DIR, newest first.

    Includes runs in folders up to three levels below DIR. Shows the status of each run, its last
    losses, and its metrics on the test part (else the validation part, else the training part). A
    sweep is one line below the runs.

    --sort takes a column or a setting. Losses, errors, names and times are sorted in ascending
    order, metrics and epochs in descending order.

    --where takes KEY, one of = != < <= > >=, and a value. KEY is a column, a setting as in --set,
    or a short name such as lr. Values can be short forms, as in a config: data=csv. Settings that
    --where and --sort name become columns.

    \b
    nnlab runs
    nnlab runs --sort accuracy --status completed
    nnlab runs --where 'lr<0.1' --where data=xor --sort lr
    nnlab runs runs/sweep-identity8-lr
    """
    if as_csv and as_json:
        raise UsageError("--csv and --json exclude each other.")
    conditions = [parse_condition(text) for text in texts]
    top = runs_folder(folder or runs)
    if (folder or runs) and not top.is_dir():
        hint = " To choose among runs, write --where data=xor." if folder else ""
        raise RunUnreadable(f"There is no folder {top}.{hint}")
    keys = [*(condition.key for condition in conditions), *([] if sort is None else [sort])]
    folders = holders(top)
    rows = table_rows(list_runs(*folders)[::-1], keys, top)
    chosen = _choose(_sort(rows, sort, reverse), status, conditions)
    sweeps = []
    if not (status or conditions or as_csv):
        sweeps = [_sweep_cells(sweep, top) for inner in folders for sweep in find_all(inner)]
    if as_json:
        print_json({"runs": [row.mapping for row in chosen], "sweeps": sweeps})
        return
    if not chosen and not sweeps:
        meant = "".join(condition.nearest(row.values for row in rows) for condition in conditions)
        with_status = "no run with this status" if status else "no run yet"
        none = "no run for which this is true" if conditions else with_status
        print_message(f"There is {none} in {top}.{meant}")
    _print_tables([row.cells for row in chosen], sweeps, as_csv)


def column_names() -> list[str]:
    """The columns of the table, but for those of settings."""
    return ["run", "status", "data", "epochs", *_loss_columns(), *METRICS, "time"]


def _loss_columns() -> list[str]:

    return [columns.name(part, columns.LOSS) for part in columns.PARTS]


@dataclass
class TableRow:
    """One run: its columns and, where a key asks for them, its settings."""

    run: RunRecord
    values: dict[str, Any]
    keys: Sequence[str] = ()  # settings that become columns

    @property
    def cells(self) -> dict[str, Any]:
        """The row of the table; settings stand before the time."""
        row = {name: self.values.get(name) for name in column_names()}
        run, time = row.pop("run"), row.pop("time")
        trial = {"trial": self.run.trial} if self.run.trial else {}
        return {"run": run, **trial, **row, **self._settings, "time": time}

    @property
    def mapping(self) -> dict[str, Any]:
        """The run as `--json` prints it."""
        return asdict(self.run) | ({"config": self._settings} if self.keys else {})

    @property
    def _settings(self) -> dict[str, Any]:
        return {key: self.values.get(key) for key in self.keys}


def table_rows(runs: Sequence[RunRecord], keys: Sequence[str], top: Path) -> list[TableRow]:
    """A row per run, named by its path below `top`, with the settings that `keys` name.

    Configs are read only if a key is not a column, or can be a short form (`data`). Raises
    UsageError for a key that no run has.
    """
    rows = [TableRow(run, _columns(run, top)) for run in runs]
    columns = column_names()
    asked = [key for key in dict.fromkeys(keys) if key not in columns]
    if not rows or (not asked and TOP.keys().isdisjoint(keys)):
        return rows
    for row in rows:
        row.values, row.keys = condition_values(row.values, _settings(row.run)), asked
    names = list(dict.fromkeys([*columns, *(name for row in rows for name in row.values)]))
    for key in asked:
        if key not in names:
            hint = did_you_mean(key, names, "setting")
            raise UsageError(
                f"No run has a column or a setting {show(key)}.{hint} The columns are "
                f"{', '.join(columns)}; a setting is named as in --set: optimizer.lr."
            )
    return rows


def _columns(run: RunRecord, top: Path) -> dict[str, Any]:
    """The columns of a run; a metric on test rows, else on validation rows, else on training."""
    numbers = run.final | columns.named(columns.TEST, run.test)

    def metric(name: str) -> float | None:
        values = (numbers.get(columns.name(part, name)) for part in reversed(columns.PARTS))
        return next((value for value in values if value is not None), None)

    return {
        "run": str(Path(run.path).relative_to(top)),
        "status": run.status,
        "data": run.data,
        "epochs": run.epochs,
        **{name: numbers.get(name) for name in _loss_columns()},
        **{name: metric(name) for name in METRICS},
        "time": run.seconds,
    }


def _settings(run: RunRecord) -> dict[str, Any]:
    """The settings of a run by dotted key; empty for a run that cannot be read."""
    try:
        config = Run(Path(run.path)).settings
    except NnlabError:
        return {}
    return dotted({key: value for key, value in config.items() if key != "sweeps"})


def _sort(rows: Sequence[TableRow], key: str | None, reverse: bool) -> list[TableRow]:
    """Sort by a column or setting: numbers before text, and rows without a value last."""
    if key is None:
        return list(reversed(rows)) if reverse else list(rows)

    def rank(row: TableRow) -> tuple[bool, float, str]:
        value = row.values[key]
        number = isinstance(value, int | float)
        return (not number, float(value) if number else 0.0, "" if number else str(value))

    known = [row for row in rows if row.values.get(key) is not None]
    descending = (key == "epochs" or better_when(key) == "max") != reverse
    unknown = [row for row in rows if row.values.get(key) is None]
    return [*sorted(known, key=rank, reverse=descending), *unknown]


def _choose(
    rows: Sequence[TableRow], status: str | None, conditions: Sequence[Condition]
) -> list[TableRow]:
    return [
        row
        for row in rows
        if status in (None, row.run.status)
        and all(condition.holds(row.values) for condition in conditions)
    ]


def _sweep_cells(folder: SweepFolder, top: Path) -> dict[str, Any]:
    """The line of a sweep: its axes, and the number of trials by state."""
    try:
        axes = ", ".join(str(axis.get("key")) for axis in folder.read_about()["axes"])
    except NnlabError:  # a broken folder must not hide the others
        axes = "unreadable"
    trials = folder.records()
    return {
        "sweep": str(folder.path.relative_to(top)),
        "axes": axes,
        "trials": len(trials),
        "done": sum(trial.done for trial in trials),
        "failed": sum(Status(trial.status).lost for trial in trials),
    }


def _print_tables(
    rows: Sequence[dict[str, Any]], sweeps: Sequence[dict[str, Any]], as_csv: bool
) -> None:
    """The runs and below them the sweeps; as CSV the runs with all digits."""
    names = column_names()
    if as_csv:
        print_data(to_csv(rows, list(rows[0]) if rows else names))
        return

    def show(key: str, value: Any) -> Any:
        if value is None:
            return None
        if key == "time":
            return duration(value)
        return value if key in names else shorten(setting_value(value), LONGEST_SETTING)

    if rows:
        print_result(draw_records([{k: show(k, v) for k, v in row.items()} for row in rows]))
    if sweeps:
        print_result(("\n" if rows else "") + draw_records(sweeps))
