"""`nnlab runs`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nnlab.cli.options import FOLDER, json_option, runs_option, verbosity
from nnlab.cli.terminal import say, tell, tell_data, tell_json
from nnlab.errors import NnlabError, RunUnreadable, UsageError

if TYPE_CHECKING:
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
    "conditions",
    metavar="CONDITION",
    multiple=True,
    help="Only runs for which this is true, for example 'optimizer.lr<0.1'; may be repeated.",
)
@click.option("--csv", "as_csv", is_flag=True, help="The table as CSV, numbers unrounded.")
@json_option
@verbosity
def command(
    folder: Path | None,
    runs: Path | None,
    sort: str | None,
    reverse: bool,
    status: str | None,
    conditions: tuple[str, ...],
    as_csv: bool,
    as_json: bool,
) -> None:
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
    from nnlab.cli import table, where
    from nnlab.cli.listed import column_names, in_order, listed
    from nnlab.run.below import holders
    from nnlab.run.listing import list_runs
    from nnlab.run.names import runs_folder
    from nnlab.run.sweeps import find_all

    if as_csv and as_json:
        raise UsageError("--csv and --json are two forms of one answer: ask for one.")
    wanted = [where.parse(one) for one in conditions]
    place = runs_folder(folder or runs)
    if (folder or runs) and not place.is_dir():
        hint = " To choose among runs, write --where data=xor." if folder else ""
        raise RunUnreadable(f"There is no folder {place}.{hint}")
    keys = [*(one.key for one in wanted), *([] if sort is None else [sort])]
    places = holders(place)
    found = listed(list_runs(*places)[::-1], keys, place)
    chosen = [
        one
        for one in in_order(found, sort, reverse)
        if status in (None, one.run.status) and all(test.holds(one.values) for test in wanted)
    ]
    sweeps = (
        []
        if status or conditions or as_csv
        else [sweep_row(one, place) for folder in places for one in find_all(folder)]
    )
    if as_json:
        tell_json({"runs": [one.mapping for one in chosen], "sweeps": sweeps})
        return
    if not chosen and not sweeps:
        meant = "".join(one.nearest(row.values for row in found) for one in wanted)
        say(f"There is {missing(status, conditions)} in {place}.{meant}")
    rows = [one.cells for one in chosen]
    if as_csv:
        tell_data(table.as_csv(rows, list(rows[0]) if rows else column_names()))
    elif rows:
        tell(table.records([shown(row) for row in rows]))
    if sweeps:
        tell(("\n" if rows else "") + table.records(sweeps))


def sweep_row(folder: "SweepFolder", top: Path) -> dict[str, Any]:
    """The line of one sweep: what it varies, and how its trials stand."""
    try:
        axes = ", ".join(str(axis.get("key")) for axis in folder.read_about()["axes"])
    except NnlabError:  # one broken folder must not hide the others
        axes = "unreadable"
    found = folder.records()
    return {
        "sweep": str(folder.path.relative_to(top)),
        "axes": axes,
        "trials": len(found),
        "done": sum(one.done for one in found),
        "failed": sum(one.status in ("failed", "diverged", "unreadable") for one in found),
    }


def missing(status: str | None, conditions: tuple[str, ...]) -> str:
    """What there is none of."""
    if conditions:
        return "no run for which this holds"
    return "no run in this state" if status else "no run yet"


def shown(row: dict[str, Any]) -> dict[str, Any]:
    """A row as the table shows it: settings as one writes them, the time as one says it."""
    from nnlab.cli.listed import column_names
    from nnlab.cli.table import duration, setting

    time = row["time"]
    names = column_names()
    settings = {key: setting(value) for key, value in row.items() if key not in names}
    return row | settings | {"time": None if time is None else duration(time)}
