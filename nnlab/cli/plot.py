"""`nnlab plot`."""

import sys
from pathlib import Path

import click

from nnlab.api.find import find_run, find_sweep
from nnlab.cli.completion import complete_run, complete_words
from nnlab.cli.options import OUTPUT_FOLDER, NumberRange, json_option, output_option, runs_option
from nnlab.cli.terminal import (
    output_place,
    print_files,
    print_json,
    print_message,
    print_messages,
    print_result,
    print_warnings,
    terminal_width,
)
from nnlab.core.layers.activations import ACTIVATIONS
from nnlab.errors import NnlabError, UsageError
from nnlab.race.figure import FIGURES as RACE_FIGURES
from nnlab.run.folder import RunFolder
from nnlab.run.names import runs_folder
from nnlab.run.sweeps import SweepFolder
from nnlab.show.figures import FIGURES, Drawn, Plot, View
from nnlab.show.figures.activation import draw_activation, require_activation
from nnlab.show.figures.overlay import draw_overlay
from nnlab.show.figures.plot import FigureForm, draw_each, require_known
from nnlab.show.figures.sweep_plots import draw_sweep
from nnlab.show.figures.view import view
from nnlab.show.text_tables import format_table


@click.command
@click.argument("run", metavar="[RUN...]", nargs=-1, shell_complete=complete_run)
@runs_option
@click.option(
    "--only",
    metavar="NAME",
    multiple=True,
    shell_complete=complete_words(lambda: [*FIGURES, *RACE_FIGURES]),
    help="Draw only this figure; may be repeated.",
)
@click.option(
    "--list", "listing", is_flag=True, help="List the figures, and which suit; draw none."
)
@click.option(
    "--format",
    "kinds",
    type=click.Choice(("png", "svg", "pdf")),
    multiple=True,
    default=("png",),
    show_default=True,
    help="The format of the files; may be repeated.",
)
@click.option("--dark", is_flag=True, help="Draw for dark pages: NAME-dark.png.")
@click.option(
    "--scale",
    type=click.Choice(("linear", "log")),
    show_default="chosen from the values",
    help="The axis of losses and rates.",
)
@click.option(
    "--smooth",
    type=NumberRange(0, 1, min_open=True, max_open=True),
    metavar="DECAY",
    show_default="means of noisy curves",
    help="Draw exponential moving averages over pale curves, 0.9 over about 10 values.",
)
@click.option(
    "--activation",
    metavar="NAME",
    multiple=True,
    shell_complete=complete_words(lambda: ACTIVATIONS),
    help="Draw this activation, without a RUN; may be repeated.",
)
@output_option("Where to write", "in the run's folder", OUTPUT_FOLDER)
@json_option
def command(
    run: tuple[str, ...], runs: Path | None, only: tuple[str, ...], listing: bool,
    kinds: tuple[str, ...], dark: bool, scale: str | None, smooth: float | None,
    activation: tuple[str, ...], output: Path | None, as_json: bool
) -> None:  # fmt: skip
    """Draw the figures of one or more runs.

    Several runs are drawn in one figure. The figures of one run go into its folder `figures`,
    those of several runs into the folder `compare-<hash>` beside them, and an activation into the
    current folder. Only the run's folder is read. Prints the paths of the files.

    `train` leaves out figures that take long or that few need, which --list marks; `plot` and
    `report --all` draw them too.

    \b
    nnlab plot latest
    nnlab plot latest --list
    nnlab plot latest --only curves --scale log --format svg
    nnlab plot latest --only steps --smooth 0.98
    nnlab plot 20261121-101500 20261121-101622
    nnlab plot sweep-identity8-lr
    nnlab plot --activation relu --activation gelu
    """
    if not run and not activation:
        raise click.UsageError("Missing argument 'RUN...'.")
    sweep, folders = _find(run, runs, alone=listing or bool(only))
    if listing:
        _print_figures(folders[0], as_json)
        return
    form = FigureForm(tuple(dict.fromkeys(kinds)), dark, scale, smooth)  # type: ignore[arg-type]
    with output_place(output) as place:
        paths, drawn = _draw_activations(activation, form, place), Drawn((), ())
        if sweep is not None:
            sweep.read_about()  # a broken folder is one error, not a warning per figure
            drawn = draw_sweep(sweep, form, place)
        elif folders:
            drawn = _draw_runs(folders, only, form, place, runs)
        print_files([*paths, *drawn.paths], output, as_json)
    _print_problems(drawn, "" if only or not run else f"{run[0]}: no figure suits it.")


def _find(
    run: tuple[str, ...], runs: Path | None, alone: bool
) -> tuple[SweepFolder | None, list[RunFolder]]:
    """The sweep or the runs of these names. `alone`: only a single run is allowed."""
    sweep = find_sweep(run[0], runs) if len(run) == 1 else None
    if alone and (sweep is not None or len(run) != 1):
        raise click.UsageError("--only and --list are for one RUN, and no sweep.")
    return sweep, [] if sweep is not None else [find_run(name, runs) for name in run]


def _draw_activations(names: tuple[str, ...], form: FigureForm, output: Path | None) -> list[Path]:
    """Draw the figures that need no run, after a check of all names."""
    for name in names:
        require_activation(name)
    return [path for name in names for path in draw_activation(name, form, output)]


def _draw_runs(
    folders: list[RunFolder], only: tuple[str, ...], form: FigureForm, output: Path | None,
    runs: Path | None
) -> Drawn:  # fmt: skip
    """Draw several runs, or the figures of one; print why one named by --only does not suit."""
    if len(folders) > 1:
        return draw_overlay(folders, runs_folder(runs), form, output)
    folder = folders[0]
    figures, data = _chosen_figures(only), view(folder)
    drawn = draw_each(figures, data, form, output)
    unsuited = [
        f"The figure {name} does not suit {folder.name}: {reason}."
        for name in dict.fromkeys(only)
        if (reason := _why_unsuited(figures[name], data)) and not isinstance(reason, NnlabError)
    ]
    if unsuited and not drawn.paths and not drawn.warnings:
        raise UsageError("\n".join(unsuited))
    print_messages(unsuited)
    return drawn


def _chosen_figures(only: tuple[str, ...]) -> dict[str, Plot]:
    """The figures named by --only, else those of trainings and races. Raises UsageError."""
    figures = FIGURES | RACE_FIGURES
    for name in only:
        require_known(name, figures)
    return {name: figures[name] for name in only or figures}


def _why_unsuited(plot: Plot, data: View) -> str | NnlabError | None:
    """Why a figure does not suit a run; the error where the run cannot be read."""
    try:
        return plot.why_not(data)
    except NnlabError as error:
        return error


def _print_problems(drawn: Drawn, none: str) -> None:
    """Print why figures are missing, and `none` where there is no figure at all.

    Raises the error of a file that could not be written, or of a run that could not be read.
    """
    if drawn.unwritten is not None:
        print_warnings(drawn.warnings[:-1])
        raise type(drawn.unwritten)(f"{drawn.unwritten} Use -o DIR to write figures elsewhere.")
    if drawn.errors and not drawn.paths:
        raise type(drawn.errors[0])("\n".join(drawn.warnings))
    print_warnings(drawn.warnings)
    if none and not drawn.paths and not drawn.warnings:
        print_message(none)


def _print_figures(folder: RunFolder, as_json: bool) -> None:
    """Each figure, whether it suits, and what it is or why it does not."""
    data, rows = view(folder), []
    for name, plot in _chosen_figures(()).items():
        reason = _why_unsuited(plot, data)
        title = f"{plot.title} (not drawn by train)" if plot.on_request else plot.title
        rows.append((name, not reason, str(reason or title)))
    if as_json:
        keys = ("name", "suits", "text")
        print_json({"figures": [dict(zip(keys, row, strict=True)) for row in rows]})
        return
    cells = [(name, "yes" if suits else "no", text) for name, suits, text in rows]
    header = ("figure", "suits", "what it is, or why not")
    print_result(format_table(header, cells, terminal_width(sys.stdout)))
