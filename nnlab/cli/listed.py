"""The rows of `nnlab runs`: what a table shows of each run, and what can be asked of it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from nnlab.cli.where import refuse_unknown, values_of
from nnlab.config.expand import TOP
from nnlab.core import columns
from nnlab.core.metrics import METRICS, better_when
from nnlab.errors import NnlabError
from nnlab.run.listing import RunRecord
from nnlab.run.run import Run
from nnlab.run.settings import dotted

LOSSES = {part: columns.name(part, columns.LOSS) for part in columns.PARTS}


def column_names() -> list[str]:
    """The columns of the table."""
    return ["run", "status", "data", "epochs", *LOSSES.values(), *METRICS, "time"]


@dataclass
class Listed:
    """One run. `values` holds its columns, and its settings once somebody asks for one."""

    run: RunRecord
    values: dict[str, Any]
    asked: list[str] = field(default_factory=list)  # settings that become columns

    @property
    def cells(self) -> dict[str, Any]:
        """One row of the table: settings that were asked for stand before the time."""
        row = {name: self.values.get(name) for name in column_names()}
        run, time = row.pop("run"), row.pop("time")
        trial = {"trial": self.run.trial} if self.run.trial else {}
        asked = {key: self.values.get(key) for key in self.asked}
        return {"run": run} | trial | row | asked | {"time": time}

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
    rows = [Listed(run, values(run, top)) for run in runs]
    names = column_names()
    asked = [key for key in dict.fromkeys(keys) if key not in names]
    if (asked or not TOP.keys().isdisjoint(keys)) and rows:
        for row in rows:
            row.values, row.asked = values_of(row.values, _settings(row.run)), asked
        refuse_unknown(asked, names, [name for row in rows for name in row.values])
    return rows


def values(run: RunRecord, top: Path) -> dict[str, Any]:
    """The cells of one run."""
    numbers = run.final | columns.named(columns.TEST, run.test)
    return {
        "run": str(Path(run.path).relative_to(top)),
        "status": run.status,
        "data": run.data,
        "epochs": run.epochs,
        **{name: numbers.get(name) for name in LOSSES.values()},
        **{name: metric(run, name) for name in METRICS},
        "time": run.seconds,
    }


def metric(run: RunRecord, name: str) -> float | None:
    """On test rows if there are any, else on validation rows, else on training rows."""
    numbers = run.final | columns.named(columns.TEST, run.test)
    found = (numbers.get(columns.name(part, name)) for part in reversed(columns.PARTS))
    return next((value for value in found if value is not None), None)


def in_order(rows: Sequence[Listed], key: str | None, reverse: bool) -> list[Listed]:
    """By a column or setting: numbers before text, and rows without a value last."""
    if key is None:
        return list(reversed(rows)) if reverse else list(rows)
    known = [row for row in rows if row.values.get(key) is not None]
    falling = (key == "epochs" or better_when(key) == "max") != reverse
    known.sort(key=lambda row: _rank(row.values[key]), reverse=falling)
    return known + [row for row in rows if row.values.get(key) is None]


def _rank(value: Any) -> tuple[bool, float, str]:
    number = isinstance(value, int | float)
    return (not number, float(value) if number else 0.0, "" if number else str(value))


def _settings(run: RunRecord) -> dict[str, Any]:
    """None of a run that cannot be read: it is listed as such."""
    try:
        given = Run(Path(run.path)).settings
    except NnlabError:
        return {}
    return dotted({key: value for key, value in given.items() if key != "sweeps"})
