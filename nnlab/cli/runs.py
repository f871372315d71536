"""`nnlab runs`: the table of runs, sorted and filtered."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nnlab.api.compare import LONGEST_SETTING
from nnlab.cli.options import FOLDER, json_option, runs_option, verbosity
from nnlab.cli.terminal import print_data, print_json, print_message, print_result
from nnlab.config.problems import shown_value
from nnlab.core import columns
from nnlab.core.metrics import METRICS, SumMetric, better_when
from nnlab.errors import NnlabError, RunUnreadable, UsageError
from nnlab.run.files import RunFiles
from nnlab.run.listing import RunRecord, folders_with_runs, list_runs
from nnlab.run.names import runs_folder
from nnlab.run.settings import dotted
from nnlab.run.sweeps import find_all
from nnlab.show.text_tables import Cell, format_records, to_csv
from nnlab.show.words import duration, setting_value, shorten
from nnlab.status import Status
from nnlab.suggest import did_you_mean

if TYPE_CHECKING:
    from nnlab.cli.conditions import Condition

STATUSES = tuple(status.value for status in Status if status is not Status.UNKNOWN)


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
    losses, and its metrics on the test part (else the validation part, else the training part).
    Each sweep is one line below the runs.

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
    conditions = _parse_conditions(texts)
    top = _top_folder(folder, runs)
    folders = folders_with_runs(top)
    keys = [condition.key for condition in conditions] + ([] if sort is None else [sort])
    rows = table_rows(list_runs(*folders)[::-1], keys, top)
    chosen = _choose(_sort(rows, sort, reverse), status, conditions)
    filtered = any((status, conditions, as_csv))
    sweeps = [] if filtered else list(_sweep_rows(folders, top))
    if as_json:
        print_json({"runs": [row.mapping for row in chosen], "sweeps": sweeps})
        return
    if not [*chosen, *sweeps]:
        print_message(_nothing_found(rows, status, conditions, top))
    _print_tables([row.cells for row in chosen], sweeps, as_csv)


def _parse_conditions(texts: Sequence[str]) -> list["Condition"]:
    if not texts:
        return []
    from nnlab.cli.conditions import parse_condition  # the config is slow to import

    return list(map(parse_condition, texts))


def _top_folder(folder: Path | None, runs: Path | None) -> Path:
    """The folder to list. Raises RunUnreadable where DIR or --runs names none."""
    top = runs_folder(folder or runs)
    if (folder or runs) and not top.is_dir():
        hint = " To choose among runs, write --where data=xor." if folder else ""
        raise RunUnreadable(f"There is no folder {top}.{hint}")
    return top


def column_names() -> list[str]:
    """The columns of every table; settings and other metrics are columns where a key asks."""
    losses = [columns.name(part, columns.LOSS) for part in columns.PARTS]
    metrics = [name for name, metric in METRICS.items() if isinstance(metric, SumMetric)]
    return ["run", "status", "data", "epochs", *losses, *metrics, "time"]


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
    if not rows or not keys:
        return rows
    from nnlab.cli.conditions import condition_values
    from nnlab.config.overrides import TOP_FAMILIES

    columns = column_names()
    asked = [key for key in dict.fromkeys(keys) if key not in columns]
    if not asked and TOP_FAMILIES.keys().isdisjoint(keys):
        return rows
    for row in rows:
        row.values, row.keys = condition_values(row.values, _settings(row.run)), asked
    names = list(dict.fromkeys([*columns, *(name for row in rows for name in row.values)]))
    _refuse_unknown(asked, names, columns)
    return rows


def _refuse_unknown(keys: Sequence[str], names: Sequence[str], columns: Sequence[str]) -> None:
    for key in keys:
        if key not in names:
            hint = did_you_mean(key, names, "setting")
            raise UsageError(
                f"No run has a column or a setting {shown_value(key)}.{hint} The columns are "
                f"{', '.join(columns)}; a setting is named as in --set: optimizer.lr."
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
    }
    names = dict.fromkeys([*column_names(), *METRICS])
    return {name: (about if name in about else numbers).get(name) for name in names}


def _settings(run: RunRecord) -> dict[str, Any]:
    """The settings of a run by dotted key; empty for a run that cannot be read."""
    try:
        config = RunFiles(Path(run.path)).settings
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
    unknown = [row for row in rows if row.values.get(key) is None]
    descending = (key == "epochs" or better_when(key) == "max") != reverse
    return [*sorted(known, key=rank, reverse=descending), *unknown]


def _choose(
    rows: Sequence[TableRow], status: str | None, conditions: Sequence["Condition"]
) -> list[TableRow]:
    rows = [row for row in rows if status in (None, row.run.status)]
    return [row for row in rows if all(condition.holds(row.values) for condition in conditions)]


def _nothing_found(
    rows: Sequence[TableRow], status: str | None, conditions: Sequence["Condition"], top: Path
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


def _print_tables(
    rows: Sequence[dict[str, Any]], sweeps: Sequence[dict[str, Any]], as_csv: bool
) -> None:
    """The runs and below them the sweeps; as CSV the runs with all digits."""
    names = column_names()
    if as_csv:
        print_data(to_csv(list(rows[0]) if rows else names, [list(row.values()) for row in rows]))
        return
    runs = [{key: _cell(key, value, names) for key, value in row.items()} for row in rows]
    tables = [format_records(table) for table in (runs, sweeps) if table]
    if tables:
        print_result("\n\n".join(tables))


def _cell(key: str, value: Any, names: Sequence[str]) -> Cell:
    """A time or a setting (what is not in `names`) as text; other values as they are."""
    if value is not None and key == "time":
        return duration(value)
    if value is not None and key not in names:
        return shorten(setting_value(value), LONGEST_SETTING)
    return value
