"""`nnlab runs`: the table of runs, and what a user does with a run as a folder."""

from pathlib import Path
from typing import Any

import click

from nnlab.api.find import find_run
from nnlab.api.runs import STATUSES
from nnlab.api.runs import runs as list_of_runs
from nnlab.cli import options
from nnlab.cli.completion import (
    columns_and_settings,
    complete_run,
    complete_setting,
    complete_words,
)
from nnlab.cli.group import Subcommands
from nnlab.cli.terminal import print_message, print_outcome, print_result
from nnlab.errors import RunUnreadable, UsageError
from nnlab.run.labels import change_labels, removable, remove_run, rename_run
from nnlab.run.text import shown
from nnlab.show.words import count


class ListCommand(Subcommands):
    """A table of a folder, and commands; a folder may have the name of a command."""

    allow_extra_args = False
    allow_interspersed_args = True

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None,
        **extra: Any
    ) -> click.Context:  # fmt: skip
        """The context of the command that the first words name, else that of the table."""
        named = args[0] if args and args[0] in self.commands else None
        followed = len(args) > 1 and not args[1].startswith("-")
        if named and (followed or not Path(named).is_dir()):
            path = f"{info_name} {named}"
            return self.commands[named].make_context(path, args[1:], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)


class TableArgument(click.Argument):
    """An argument of the table, which click would name in the usage of the commands below too."""

    def get_usage_pieces(self, ctx: click.Context) -> list[str]:
        """The argument, where it can be written."""
        return super().get_usage_pieces(ctx) if self in ctx.command.params else []


@click.group(
    cls=ListCommand, invoke_without_command=True, no_args_is_help=False, subcommand_metavar=""
)
@click.argument("folder", cls=TableArgument, metavar="[DIR]", type=options.FOLDER, required=False)
@click.option("--runs", type=options.FOLDER, hidden=True)  # the older spelling of DIR
@click.option(
    "--sort",
    metavar="KEY",
    shell_complete=complete_words(columns_and_settings),
    show_default="newest first",
    help="Sort by a column or setting.",
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
    callback=options.comma_list,
    shell_complete=complete_words(columns_and_settings),
    help="Show these columns and settings beside the run.",
)
@options.number_option("--limit", text="List only the first N runs.")
@options.table_options
def command(
    folder: Path | None, runs: Path | None, sort: str | None, reverse: bool, status: str | None,
    texts: tuple[str, ...], columns: list[str], limit: int | None, as_csv: bool, as_json: bool
) -> None:  # fmt: skip
    """List the runs in DIR, newest first.

    Includes runs in folders up to three levels below DIR. Shows the status of each run, its last
    losses, and its metrics on the test part, else on validation rows, else on training rows. Sweeps
    come below, a line each.

    --sort takes a column or a setting. Losses, errors, names and times are sorted in ascending
    order, metrics and epochs in descending order.

    --where takes KEY, one of = != < <= > >=, and a value. KEY is a column, a setting as in --set,
    or a short name such as lr. Values can be short forms, as in a config: data=csv. Settings that
    --where and --sort name become columns. --columns names all columns, and settings among them.

    A folder that has the name of a command below is written ./tag.

    \b
    nnlab runs
    nnlab runs --sort accuracy --status completed
    nnlab runs --where 'lr<0.1' --where data=xor --sort lr
    nnlab runs tag latest good
    nnlab runs --where tags=good
    """
    top = _existing_folder(folder, runs)
    listed = list_of_runs(
        top, status=status, where=texts, sort=sort, reverse=reverse, columns=columns,
        limit=limit
    )  # fmt: skip
    is_empty = not listed.rows and (as_csv or not listed.sweeps)
    if is_empty and not as_json:
        print_message(listed.nothing)
    if as_json or as_csv or not is_empty:
        print_outcome(listed, as_json, as_csv)


def _existing_folder(folder: Path | None, runs: Path | None) -> Path | None:
    """DIR, else --runs. Raises RunUnreadable where there is no such folder."""
    top = folder or runs
    if top is not None and not top.is_dir():
        hint = " To choose among runs, write --where data=xor." if folder else ""
        raise RunUnreadable(f"There is no folder {top}.{hint}")
    if runs is not None:
        options.prefer(f"nnlab runs {runs}", f"--runs {runs}")
    return top


@command.command
@options.run_argument
@click.argument("words", metavar="TAG...", nargs=-1, required=True)
@click.option("--remove", is_flag=True, help="Remove these tags from the run.")
def tag(run: str, runs: Path | None, words: tuple[str, ...], remove: bool) -> None:
    """Put tags on a run.

    A tag is a word. `nnlab runs` shows tags, and with --where tags=good only runs that have one.
    Tags are in labels.json in the run's folder, which no training and no check reads.

    \b
    nnlab runs tag latest good baseline
    nnlab runs tag latest good --remove
    """
    folder = find_run(run, runs)
    print_result(": ".join([folder.name, *change_labels(folder, words, remove).lines]))


@command.command("note")
@options.run_argument
@click.argument("text", metavar="TEXT")
def write_note(run: str, runs: Path | None, text: str) -> None:
    """Write a note on a run.

    `nnlab runs` and the report show it. It takes the place of the note before; an empty TEXT
    removes that.

    \b
    nnlab runs note latest "the first with the new data"
    """
    folder = find_run(run, runs)
    print_result(": ".join([folder.name, *change_labels(folder, note=text).lines]))


@command.command
@options.run_argument
@click.argument("name", metavar="NAME")
def rename(run: str, runs: Path | None, name: str) -> None:
    """Give a run another name.

    It stands between the date and the last digits of the folder's name, which stay: commands and
    configs find the run by its old name, too. Prints the new path.

    \b
    nnlab runs rename latest baseline
    """
    print_result(str(rename_run(find_run(run, runs), name)))


@command.command
@click.argument("run", metavar="RUN...", nargs=-1, required=True, shell_complete=complete_run)
@options.runs_option
@click.option("--yes", is_flag=True, help="Do not ask.")
def rm(run: tuple[str, ...], runs: Path | None, yes: bool) -> None:
    """Remove runs for ever.

    Asks first, and prints the paths. Refuses a run into which a program writes, and a folder with
    files that no run has; then it removes nothing. What a link in the folder leads to stays.

    \b
    nnlab runs rm latest
    nnlab runs rm 20261127-1907 20261127-1912 --yes
    """
    paths = list(dict.fromkeys(removable(find_run(name, runs)) for name in run))
    listed = "\n".join(map(shown, paths))
    if not yes and not _confirm(f"{listed}\nRemove {count(len(paths), 'run')} for ever?"):
        raise UsageError("Nothing was removed; with --yes, nothing is asked.")
    for path in paths:
        remove_run(path)
        print_result(str(path))


def _confirm(question: str) -> bool:
    """The answer on the terminal; no where there is none to answer."""
    try:
        return click.confirm(question, err=True)
    except click.Abort as error:
        if isinstance(error.__context__, EOFError):
            return False
        raise
