"""`nnlab handin`."""

from pathlib import Path

import click

from nnlab.api.find import find_training
from nnlab.api.grade import handin
from nnlab.cli.options import FILE, output_option, run_argument, verbosity
from nnlab.cli.terminal import print_message, print_result


@click.command
@run_argument
@output_option(FILE, "FILE", "Where to write; default RUN.zip in the current folder.")
@verbosity
def command(run: str, runs: Path | None, output: Path | None) -> None:
    """Pack a run and its report into one file.

    For a teacher, who compares it with `nnlab grade`. The zip has the files of the run and
    report.html, and nothing else of its folder. Prints the path of the file.

    \b
    nnlab handin latest
    nnlab handin latest -o ada.zip
    """
    folder = find_training(run, runs)
    path = handin(folder.path, output, see=lambda note: print_message(f"Note: {note}"))
    print_result(str(path))
