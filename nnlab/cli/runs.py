"""`nnlab runs`."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nnlab.cli.options import FOLDER, json_option, runs_option, verbosity
from nnlab.cli.terminal import say, tell, tell_json
from nnlab.errors import NnlabError, RunUnreadable, UsageError

if TYPE_CHECKING:
    from nnlab.run.listing import RunRecord
    from nnlab.run.sweeps import SweepFolder

STATUSES = (
    "running",
    "completed",
    "early_stopped",
    "diverged",
    "interrupted",
    "failed",
    "resumable",
    "unreadable",
)
NUMBERS = {  # column -> where it stands in summary.json
    "train_loss": ("final", "train_loss"),
    "val_loss": ("final", "val_loss"),
    "test_loss": ("test", "loss"),
}
METRICS = ("accuracy", "mae", "r2")


@click.command
@click.argument("folder", metavar="[DIR]", type=FOLDER, required=False)
@runs_option
@click.option("--sort", metavar="KEY", help="A column: the best or largest first.")
@click.option("--status", type=click.Choice(STATUSES), help="Only runs in this state.")
@json_option
@verbosity
def command(
    folder: Path | None, runs: Path | None, sort: str | None, status: str | None, as_json: bool
) -> None:
    """List the runs in DIR, newest first.

    Shows how each ended, its last losses, and its metrics on the test part (else on the
    validation, else on the training part). --sort takes a column's name; losses, errors, names
    and times grow, metrics and epochs fall. A sweep is one line under the runs.

    \b
    nnlab runs
    nnlab runs --sort accuracy --status completed
    nnlab runs runs/sweep-identity8-lr        the trials of a sweep
    """
    from nnlab.cli.table import records
    from nnlab.run.listing import list_runs
    from nnlab.run.names import runs_folder
    from nnlab.run.sweeps import find_all

    where = runs_folder(folder or runs)
    if (folder or runs) and not where.is_dir():
        raise RunUnreadable(f"There is no folder {where}.")
    found = [one for one in reversed(list_runs(where)) if status in (None, one.status)]
    rows = [row(one) for one in found]
    if sort is not None:
        order = sorted_by(rows, sort)
        found, rows = [found[i] for i in order], [rows[i] for i in order]
    sweeps = [sweep_row(one) for one in find_all(where)]
    if as_json:
        tell_json({"runs": [asdict(one) for one in found], "sweeps": sweeps})
        return
    if rows:
        tell(records([{**row, "time": spoken(row["time"])} for row in rows]))
    elif status or not sweeps:
        wanted = "no run in this state" if status else "no run yet"
        say(f"There is {wanted} in {where}.")
    if sweeps and not status:
        tell(("\n" if rows else "") + records(sweeps))


def sweep_row(folder: "SweepFolder") -> dict[str, Any]:
    """The line of one sweep: what it varies, and how its trials stand."""
    try:
        axes = ", ".join(str(axis.get("key")) for axis in folder.read_about()["axes"])
    except NnlabError:  # one broken folder must not hide the others
        axes = "unreadable"
    found = folder.records()
    return {
        "sweep": folder.name,
        "axes": axes,
        "trials": len(found),
        "done": sum(one.done for one in found),
        "failed": sum(one.status in ("failed", "diverged", "unreadable") for one in found),
    }


def row(run: "RunRecord") -> dict[str, Any]:
    """The cells of one run."""
    tables = {"final": run.final, "test": run.test}
    numbers = {name: tables[table].get(key) for name, (table, key) in NUMBERS.items()}
    return {
        "run": run.name,
        "status": run.status,
        "data": run.data,
        "epochs": run.epochs,
        **numbers,
        **{name: metric(run, name) for name in METRICS},
        "time": run.seconds,
    }


def spoken(seconds: float | None) -> str | None:
    """The time as text."""
    from nnlab.cli.table import duration

    return None if seconds is None else duration(seconds)


def metric(run: "RunRecord", name: str) -> float | None:
    """On test rows if there are any, else on validation rows, else on training rows."""
    places = (run.test.get(name), run.final.get(f"val_{name}"), run.final.get(f"train_{name}"))
    found: float | None = next((value for value in places if value is not None), None)
    return found


def sorted_by(rows: list[dict[str, Any]], key: str) -> list[int]:
    """The rows' order by a column; rows without a value last. UsageError for another name."""
    if rows and key not in rows[0]:
        raise UsageError(f"There is no column '{key}'; the columns are {', '.join(rows[0])}.")
    known = [i for i, row in enumerate(rows) if row[key] is not None]
    falling = key in ("accuracy", "r2", "epochs")
    known.sort(key=lambda i: rows[i][key], reverse=falling)
    return known + [i for i, row in enumerate(rows) if row[key] is None]
