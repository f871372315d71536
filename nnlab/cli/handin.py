"""`nnlab handin`."""

from pathlib import Path

import click

from nnlab.api.find import find_training
from nnlab.cli.options import json_option, output_option, run_argument, verbosity
from nnlab.cli.terminal import print_messages, write_output
from nnlab.show.page import report_run
from nnlab.teaching.handin import pack_handin


@click.command
@run_argument
@output_option("Where to write", "RUN.zip in the current folder")
@json_option
@verbosity
def command(run: str, runs: Path | None, output: Path | None, as_json: bool) -> None:
    """Pack a run and its report into one file.

    For a teacher, who compares it with `nnlab grade`. The zip has the files of the run and
    report.html, and nothing else of its folder. Prints the path of the file.

    \b
    nnlab handin latest
    nnlab handin latest -o ada.zip
    """
    folder = find_training(run, runs)
    report = report_run(folder)
    print_messages(report.notices, "Note: ")
    path = output or Path(f"{folder.name}.zip")
    write_output(path, pack_handin(folder, report.html.encode()), as_json)
