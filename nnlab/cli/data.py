"""`nnlab data`: the data sets that are downloaded."""

from typing import TYPE_CHECKING

import click

from nnlab.cli.group import Parts
from nnlab.cli.options import json_option, verbosity
from nnlab.cli.terminal import say, tell, tell_json
from nnlab.errors import DataError, UsageError

if TYPE_CHECKING:
    from nnlab.data.download import Collection, FileState


@click.group(cls=Parts)
def command() -> None:
    """List, download and check the image data sets.

    They are kept in $NNLAB_DATA_DIR, else in the platform's cache folder. Training downloads what
    it needs by itself; all other data sets need no file, or are files of your own.

    \b
    nnlab data list
    nnlab data fetch mnist
    """


@command.command("list")
@json_option
@verbosity
def list_(as_json: bool) -> None:
    """Show which files exist, and where.

    Does not read the files; `nnlab data verify` does.

    \b
    nnlab data list
    """
    from nnlab.data.download import file_states

    show([state for one in collections(()) for state in file_states(one)], as_json)


@command.command()
@click.argument("name", metavar="NAME...", nargs=-1, required=True)
@click.option("--force", is_flag=True, help="Also replace files that are damaged.")
@verbosity
def fetch(name: tuple[str, ...], force: bool) -> None:
    """Download a data set and check it.

    Tries one mirror after the other. Files that exist are checked and kept. Exit code 3 if a file
    cannot be downloaded or is damaged.

    \b
    nnlab data fetch mnist fashion_mnist
    """
    from nnlab.data import download

    found: list[FileState] = []
    for one in collections(name):
        say(f"{one.name}: the mirrors are {', '.join(one.mirrors)}")
        found += download.fetch_files(one, force=force, report=say)
    show(found, as_json=False)
    refuse_damage(found)


@command.command()
@click.argument("name", metavar="[NAME]...", nargs=-1)
@json_option
@verbosity
def verify(name: tuple[str, ...], as_json: bool) -> None:
    """Compare the files with the published SHA-256.

    Exit code 3 if a file is damaged, or if no file exists.

    \b
    nnlab data verify
    """
    from nnlab.data.download import file_states

    found = [state for one in collections(name) for state in file_states(one, verify=True)]
    show(found, as_json)
    refuse_damage(found)
    if all(one.state == "missing" for one in found):
        names = " ".join(dict.fromkeys(one.collection for one in found))
        raise DataError(f"None of these files is there. To download them: nnlab data fetch {names}")


def collections(names: tuple[str, ...]) -> "list[Collection]":
    """The named collections, all without names; UsageError for an unknown one."""
    from nnlab.data.images import COLLECTIONS

    known = " and ".join(COLLECTIONS)
    for name in names:
        if name.replace("-", "_") not in COLLECTIONS:
            raise UsageError(f"There is no data set '{name}' to fetch; there is {known}.")
    return [COLLECTIONS[name.replace("-", "_")] for name in names or COLLECTIONS]


def show(found: "list[FileState]", as_json: bool) -> None:
    """The files as a table."""
    from nnlab.cli.table import records

    rows = [
        {"data": one.collection, "file": one.file, "state": one.state, "path": str(one.path)}
        for one in found
    ]
    if as_json:
        details = [one.detail for one in found]
        files = [{**row, "detail": text} for row, text in zip(rows, details, strict=True)]
        tell_json({"files": files})
    else:
        tell(records(rows))


def refuse_damage(found: "list[FileState]") -> None:
    """DataError with what is wrong with each damaged file."""
    damaged = [one for one in found if one.state == "damaged"]
    if damaged:
        lines = [one.detail for one in damaged]
        names = " ".join(dict.fromkeys(one.collection for one in damaged))
        lines.append(f"To replace what is damaged: nnlab data fetch {names} --force")
        raise DataError("\n".join(lines))
