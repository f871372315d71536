"""`nnlab runs`: the table of runs, sorted and filtered."""

from pathlib import Path

import click

from nnlab.api.runs import STATUSES
from nnlab.api.runs import runs as list_of_runs
from nnlab.cli.completion import columns_and_settings, complete_setting, complete_words
from nnlab.cli.options import FOLDER, comma_list, number_option, prefer, table_options, verbosity
from nnlab.cli.terminal import print_data, print_json, print_message, print_result
from nnlab.errors import RunUnreadable


@click.command
@click.argument("folder", metavar="[DIR]", type=FOLDER, required=False)
@click.option("--runs", type=FOLDER, hidden=True)  # the older spelling of DIR
@click.option(
    "--sort",
    metavar="KEY",
    shell_complete=complete_words(columns_and_settings),
    show_default="newest first",
    help="Sort by a column or a setting.",
)
@click.option("--reverse", is_flag=True, help="Reverse the order.")
@click.option(
    "--status",
    metavar="STATUS",
    type=click.Choice(STATUSES),
    help=f"List only runs with this status: {', '.join(STATUSES)}.",
)
@click.option(
    "--where",
    "texts",
    metavar="CONDITION",
    shell_complete=complete_setting,
    multiple=True,
    help="List only runs for which this is true, as 'optimizer.lr<0.1'; may be repeated.",
)
@click.option(
    "--columns",
    metavar="NAME,...",
    callback=comma_list,
    shell_complete=complete_words(columns_and_settings),
    help="Show these columns and settings beside the run.",
)
@number_option("--limit", text="List only the first N runs.")
@table_options
@verbosity
def command(
    folder: Path | None, runs: Path | None, sort: str | None, reverse: bool, status: str | None,
    texts: tuple[str, ...], columns: list[str], limit: int | None, as_csv: bool, as_json: bool
) -> None:  # fmt: skip
    """List the runs in DIR, newest first.

    Includes runs in folders up to three levels below DIR. Shows the status of each run, its last
    losses, and its metrics on the test part (else the validation part, else the training part).
    Each sweep is one line below the runs.

    --sort takes a column or a setting. Losses, errors, names and times are sorted in ascending
    order, metrics and epochs in descending order.

    --where takes KEY, one of = != < <= > >=, and a value. KEY is a column, a setting as in --set,
    or a short name such as lr. Values can be short forms, as in a config: data=csv. Settings that
    --where and --sort name become columns. --columns names all columns, and settings among them.

    \b
    nnlab runs
    nnlab runs --sort accuracy --status completed
    nnlab runs --where 'lr<0.1' --where data=xor --sort lr
    nnlab runs --sort accuracy --limit 5 --columns lr,hidden
    nnlab runs runs/sweep-identity8-lr
    """
    top = _existing_folder(folder, runs)
    listed = list_of_runs(
        top, status=status, where=texts, sort=sort, reverse=reverse, columns=columns,
        limit=limit
    )  # fmt: skip
    if as_json:
        print_json(listed.to_dict())
        return
    if not listed.rows and (as_csv or not listed.sweeps):
        print_message(listed.nothing)
    if as_csv:
        print_data(listed.to_csv())
    elif listed.rows or listed.sweeps:
        print_result(str(listed))


def _existing_folder(folder: Path | None, runs: Path | None) -> Path | None:
    """DIR, else --runs. Raises RunUnreadable where there is no such folder."""
    top = folder or runs
    if top is not None and not top.is_dir():
        hint = " To choose among runs, write --where data=xor." if folder else ""
        raise RunUnreadable(f"There is no folder {top}.{hint}")
    if runs is not None:
        prefer(f"nnlab runs {runs}", f"--runs {runs}")
    return top
