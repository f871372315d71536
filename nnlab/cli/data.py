"""`nnlab data`: the data sets that are downloaded, and a look at a file of the user."""

from pathlib import Path

import click

from nnlab.api.describe import describe_table
from nnlab.cli.completion import complete_words
from nnlab.cli.group import Subcommands
from nnlab.cli.options import NamedPath, json_option, output_option
from nnlab.cli.terminal import STDIO, print_data, print_json, print_message, print_result
from nnlab.data import sources
from nnlab.data.download import Collection, FileState, fetch_files, file_states
from nnlab.errors import DataError, UsageError
from nnlab.run import durable
from nnlab.show.text_tables import format_records


@click.group(cls=Subcommands)
def command() -> None:
    """Download the image data sets, and describe a CSV file.

    They are stored in $NNLAB_DATA_DIR, else in the platform's cache folder. Training downloads
    what it needs, also tables of openml.org; all other data sets need no file, or are your own
    files.

    \b
    nnlab data list
    nnlab data fetch mnist
    nnlab data describe my.csv -o my.yaml
    """


@command.command("describe")
@click.argument("file", type=NamedPath(path_type=Path))
@click.option("--target", metavar="COLUMN", show_default="a guess", help="The column to predict.")
@output_option("Where to write the proposed config alone", "below the description")
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
@json_option
def describe_file(
    file: Path, target: str | None, output: Path | None, force: bool, as_json: bool
) -> None:
    """Describe a CSV file and propose a config.

    Shows rows and columns: kind, missing cells, distinct values, range; names columns that are
    constant, ids, dates or hold other than numbers, with what to do. Proposes delimiter, decimal,
    thousands, encoding, target and a network in a config that `nnlab check` accepts: printed, or
    written with -o.

    \b
    nnlab data describe my.csv
    nnlab data describe my.csv --target price -o my.yaml
    """
    if str(output) == STDIO:
        print_data(describe_table(file, target, Path()).yaml)
        return
    if output is not None and output.exists() and not force:
        raise UsageError(f"{output} exists already; --force overwrites it.")
    table = describe_table(file, target, Path() if output is None else output.parent)
    if output is not None:
        durable.write_file(output, table.yaml)
    if as_json:
        print_json(table.to_dict())
    elif output is None:
        print_result(f"{table.text}\n\n{table.yaml.rstrip()}")
    else:
        print_result(f"{table.text}\n\n{output}")
        print_message(f"Check it with: nnlab check {output}")


@command.command("list")
@json_option
def list_(as_json: bool) -> None:
    """Show which files exist, and where.

    Does not read the files; `nnlab data verify` does.

    \b
    nnlab data list
    """
    _print_files([state for files in _collections(()) for state in file_states(files)], as_json)


@command.command()
@click.argument(
    "name",
    metavar="NAME...",
    nargs=-1,
    required=True,
    shell_complete=complete_words(lambda: sources.COLLECTIONS),
)
@click.option("--force", is_flag=True, help="Also replace damaged files.")
def fetch(name: tuple[str, ...], force: bool) -> None:
    """Download a data set and check it.

    Tries the mirrors in turn. Existing files are checked and not downloaded again. Exit code 3 if
    a file cannot be downloaded or is damaged.

    \b
    nnlab data fetch mnist fashion_mnist
    """
    files: list[FileState] = []
    for collection in _collections(name):
        print_message(f"{collection.name}: the mirrors are {', '.join(collection.mirrors)}")
        files += fetch_files(collection, force=force, report=print_message)
    _print_files(files, as_json=False)
    _refuse_damage(files)


@command.command("verify")
@click.argument(
    "name",
    metavar="[NAME...]",
    nargs=-1,
    shell_complete=complete_words(lambda: sources.COLLECTIONS),
)
@json_option
def verify_files(name: tuple[str, ...], as_json: bool) -> None:
    """Compare the files with the published SHA-256.

    Missing files are no error unless all are missing. Exit code 3 if a file is damaged, or if
    none exists.

    \b
    nnlab data verify
    """
    files = [state for files in _collections(name) for state in file_states(files, verify=True)]
    _print_files(files, as_json)
    _refuse_damage(files)
    if all(file.state == "missing" for file in files):
        raise DataError(
            f"None of these files exists. To download them: nnlab data fetch {_names(files)}"
        )


def _collections(names: tuple[str, ...]) -> list[Collection]:
    """The named collections, or all. Raises UsageError for an unknown name."""
    for name in names:
        if name.replace("-", "_") not in sources.COLLECTIONS:
            known = ", ".join(sources.COLLECTIONS)
            way = " Training downloads a table of openml.org." if name == "openml" else ""
            raise UsageError(f"There is no data set '{name}' to fetch; these can be: {known}.{way}")
    return [sources.COLLECTIONS[name.replace("-", "_")] for name in names or sources.COLLECTIONS]


def _print_files(files: list[FileState], as_json: bool) -> None:
    rows = []
    for file in files:
        row = {"data": file.collection, "file": file.file, "state": file.state}
        row |= {"path": str(file.path)} | ({"detail": file.detail} if as_json else {})
        rows.append(row)
    if as_json:
        print_json({"files": rows})
    else:
        print_result(format_records(rows))


def _names(files: list[FileState]) -> str:
    return " ".join(dict.fromkeys(file.collection for file in files))


def _refuse_damage(files: list[FileState]) -> None:
    """Raise DataError with what is wrong with each damaged file."""
    damaged = [file for file in files if file.state == "damaged"]
    if damaged:
        remedy = f"To replace damaged files: nnlab data fetch {_names(damaged)} --force"
        raise DataError("\n".join([*(file.detail for file in damaged), remedy]))
