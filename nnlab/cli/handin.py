"""`nnlab handin`."""

from pathlib import Path

import click

from nnlab.api.find import find_training
from nnlab.api.grade import handin
from nnlab.cli.options import json_option, output_option, run_argument
from nnlab.cli.terminal import output_place, print_files, print_message


@click.command
@run_argument
@output_option("Where to write", "RUN.zip in the current folder")
@json_option
def command(run: str, runs: Path | None, output: Path | None, as_json: bool) -> None:
    """Pack a run and its report into one file.

    For a teacher, who compares it with `nnlab grade`. The zip has the files of the run and
    report.html, and nothing else of its folder. Prints the path of the file.

    \b
    nnlab handin latest
    nnlab handin latest -o ada.zip
    """
    folder = find_training(run, runs)
    with output_place(output, f"{folder.name}.zip") as place:
        path = handin(folder.path, place, see=lambda note: print_message(f"Note: {note}"))
        print_files([path], output, as_json)
