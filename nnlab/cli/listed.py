"""The rows of `nnlab runs`: what a table shows of each run, and what can be asked of it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from nnlab.cli.where import refuse_unknown, values_of
from nnlab.config.expand import TOP
from nnlab.errors import NnlabError
from nnlab.run.folder import RunFolder
from nnlab.run.listing import RunRecord
from nnlab.run.settings import dotted, settings

NUMBERS = {  # column -> where it stands in summary.json
    "train_loss": ("final", "train_loss"),
    "val_loss": ("final", "val_loss"),
    "test_loss": ("test", "loss"),
}
METRICS = ("accuracy", "mae", "r2")
FALLING = ("accuracy", "r2", "epochs")  # the largest first
COLUMNS = ("run", "status", "data", "epochs", *NUMBERS, *METRICS, "time")


@dataclass
class Listed:
    """One run. `values` holds its columns, and its settings once somebody asks for one."""

    run: RunRecord
    values: dict[str, Any]
    asked: list[str] = field(default_factory=list)  # settings that become columns

    @property
    def cells(self) -> dict[str, Any]:
        """One row of the table: settings that were asked for stand before the time."""
        row = {name: self.values.get(name) for name in COLUMNS}
        time = row.pop("time")
        return row | {key: self.values.get(key) for key in self.asked} | {"time": time}

    @property
    def mapping(self) -> dict[str, Any]:
        """The run as `--json` shows it."""
        asked = {key: self.values.get(key) for key in self.asked}
        return asdict(self.run) | ({"config": asked} if asked else {})


def listed(runs: Sequence[RunRecord], keys: Sequence[str], top: Path) -> list[Listed]:
    """A row per run, named by its path below `top`, with the settings that `keys` name.

    Configs are read only if one of the keys is no column, or can be a short form (`data`).
    Raises UsageError for a key that no run has.
    """
    rows = [Listed(run, columns(run, top)) for run in runs]
    asked = [key for key in dict.fromkeys(keys) if key not in COLUMNS]
    if (asked or not TOP.keys().isdisjoint(keys)) and rows:
        for row in rows:
            row.values, row.asked = values_of(row.values, _settings(row.run)), asked
        refuse_unknown(asked, COLUMNS, [name for row in rows for name in row.values])
    return rows


def columns(run: RunRecord, top: Path) -> dict[str, Any]:
    """The cells of one run."""
    tables = {"final": run.final, "test": run.test}
    numbers = {name: tables[table].get(key) for name, (table, key) in NUMBERS.items()}
    return {
        "run": str(Path(run.path).relative_to(top)),
        "status": run.status,
        "data": run.data,
        "epochs": run.epochs,
        **numbers,
        **{name: metric(run, name) for name in METRICS},
        "time": run.seconds,
    }


def metric(run: RunRecord, name: str) -> float | None:
    """On test rows if there are any, else on validation rows, else on training rows."""
    places = (run.test.get(name), run.final.get(f"val_{name}"), run.final.get(f"train_{name}"))
    found: float | None = next((value for value in places if value is not None), None)
    return found


def in_order(rows: Sequence[Listed], key: str | None, reverse: bool) -> list[Listed]:
    """By a column or setting: numbers before text, and rows without a value last."""
    if key is None:
        return list(reversed(rows)) if reverse else list(rows)
    known = [row for row in rows if row.values.get(key) is not None]
    falling = (key in FALLING) != reverse
    known.sort(key=lambda row: _rank(row.values[key]), reverse=falling)
    return known + [row for row in rows if row.values.get(key) is None]


def _rank(value: Any) -> tuple[bool, float, str]:
    number = isinstance(value, int | float)
    return (not number, float(value) if number else 0.0, "" if number else str(value))


def _settings(run: RunRecord) -> dict[str, Any]:
    """None of a run that cannot be read: it is listed as such."""
    try:
        given = settings(RunFolder(Path(run.path)))
    except NnlabError:
        return {}
    return dotted({key: value for key, value in given.items() if key != "sweeps"})
