"""`nnlab report`."""

from pathlib import Path

import click

from nnlab.api.find import find_run, find_sweep
from nnlab.cli.completion import complete_run
from nnlab.cli.options import json_option, output_option, runs_option
from nnlab.cli.terminal import STDIO, print_messages, write_output
from nnlab.errors import RunUnreadable, StorageError
from nnlab.race.folder import is_race
from nnlab.race.page import report_race
from nnlab.run import durable
from nnlab.run.names import runs_folder
from nnlab.show.figures.overlay import comparison_folder
from nnlab.show.page import Report, report_run, report_runs, report_sweep

NAME = "report.html"


@click.command
@click.argument("run", metavar="RUN...", nargs=-1, required=True, shell_complete=complete_run)
@runs_option
@output_option("Where to write the page", f"{NAME} in the run's folder")
@click.option(
    "--all",
    "with_slow",
    is_flag=True,
    help="Also draw the figures that take longer, as the loss along the path of training.",
)
@click.option("--open", "show", is_flag=True, help="Show the page in the browser.")
@json_option
def command(
    run: tuple[str, ...], runs: Path | None, output: Path | None, with_slow: bool, show: bool,
    as_json: bool
) -> None:  # fmt: skip
    """Write an HTML page about runs or a sweep.

    The page shows the settings, the metrics, what the network learned, and the command that
    repeats the run. It is one file that works offline. For small networks it has a slider through
    the epochs. Several runs are shown side by side, in a page in a folder compare-... beside
    them. Prints the path of the file.

    \b
    nnlab report latest
    nnlab report latest --open
    nnlab report sweep-identity8-lr
    nnlab report 20261120-18 20261120-19 -o both.html
    """
    if show and str(output) == STDIO:
        raise click.UsageError("-o - and --open exclude each other.")
    report, path = _make_report(run, runs, output, with_slow)
    print_messages(report.notices, "Note: ")
    try:
        if output is None:
            durable.make_folder(path.parent)
        write_output(path, report.html, as_json)
    except (RunUnreadable, StorageError) as error:
        hint = "" if output is not None else " Use -o FILE to write the page elsewhere."
        raise type(error)(f"{error}{hint}") from error
    if show:
        import webbrowser

        webbrowser.open(path.resolve().as_uri())


def _make_report(
    run: tuple[str, ...], runs: Path | None, output: Path | None, with_slow: bool
) -> tuple[Report, Path]:
    """The page of a sweep, a run, a race, or several runs, and its path."""
    if len(run) == 1 and (sweep := find_sweep(run[0], runs)) is not None:
        path = output or sweep.path / NAME
        return report_sweep(sweep, path), path
    folders = [find_run(name, runs) for name in run]
    if len(folders) == 1:
        folder = folders[0]
        page = report_race(folder) if is_race(folder) else report_run(folder, with_slow)
        return page, output or folder.path / NAME
    # `nnlab plot` draws several runs into the same folder.
    path = output or comparison_folder(folders, runs_folder(runs)) / NAME
    return report_runs(folders, path), path
