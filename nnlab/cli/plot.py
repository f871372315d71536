"""`nnlab plot`."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nnlab.cli.options import FOLDER, complete_run, find_run, find_sweep, runs_option, verbosity
from nnlab.cli.terminal import say, tell, terminal_width
from nnlab.errors import NnlabError, UsageError
from nnlab.suggest import did_you_mean

if TYPE_CHECKING:
    from nnlab.run.folder import RunFolder
    from nnlab.show.figures import Drawn, FigureForm, Plot, View

KINDS = ("png", "svg", "pdf")


@click.command
@click.argument("run", metavar="[RUN...]", nargs=-1, shell_complete=complete_run)
@runs_option
@click.option("--only", metavar="NAME", multiple=True, help="This figure alone; may be repeated.")
@click.option("--list", "listing", is_flag=True, help="Say which figures suit, and draw none.")
@click.option(
    "--format",
    "kinds",
    type=click.Choice(KINDS),
    multiple=True,
    default=("png",),
    show_default=True,
    help="May be repeated.",
)
@click.option("--dark", is_flag=True, help="For dark pages: NAME-dark.png.")
@click.option(
    "--scale",
    type=click.Choice(("linear", "log")),
    help="Of losses and rates; default: what shows most.",
)
@click.option("--activation", metavar="NAME", multiple=True, help="An activation; needs no RUN.")
@click.option("--out", type=FOLDER, metavar="DIR", help="Write there, not into the run.")
@verbosity
def command(
    run: tuple[str, ...],
    runs: Path | None,
    only: tuple[str, ...],
    listing: bool,
    kinds: tuple[str, ...],
    dark: bool,
    scale: str | None,
    activation: tuple[str, ...],
    out: Path | None,
) -> None:
    """Draw the figures of one or more runs.

    Several runs are drawn in one figure. The figures of one run go into its folder `figures`,
    those of several runs into the folder `compare-<hash>` beside them, and an activation into the
    current folder. Only the run's folder is read. Prints the paths of the files.

    \b
    nnlab plot latest
    nnlab plot latest --list
    nnlab plot latest --only curves --scale log --format svg
    nnlab plot 20261121-101500 20261121-101622
    nnlab plot sweep-identity8-lr
    nnlab plot --activation relu --activation gelu
    """
    if not run and not activation:
        raise click.UsageError("Missing argument 'RUN...'.")
    if (listing or only) and len(run) != 1:
        raise click.UsageError("--only and --list are for one RUN.")
    from nnlab.show.figures import FigureForm

    form = FigureForm(tuple(dict.fromkeys(kinds)), dark, scale)  # type: ignore[arg-type]  # click checked
    draw_activations(activation, form, out)
    if len(run) == 1 and (sweep := find_sweep(run[0], runs)) is not None:
        if listing or only:
            raise click.UsageError("--only and --list are for a run, not for a sweep.")
        from nnlab.show.figures.sweep_plots import draw_sweep

        sweep.read_about()  # a broken folder is an error, and not a warning a figure
        drawn = draw_sweep(sweep, form.kinds, out=out, dark=dark)
        report(drawn)
        if not drawn.paths and not drawn.warnings:
            say(f"{sweep.name}: no figure suits it.")
        return
    folders = [find_run(one, runs) for one in run]
    if listing:
        tell(listed(folders[0]))
    elif len(folders) > 1:
        from nnlab.run.names import runs_folder
        from nnlab.show.figures.overlay import draw_overlay

        report(draw_overlay(folders, runs_folder(runs), form, out))
    elif folders:
        draw(folders[0], only, form, out)


def draw_activations(names: tuple[str, ...], form: "FigureForm", out: Path | None) -> None:
    """The figures that need no run. All names are looked at before the first is drawn."""
    if names:
        from nnlab.show.figures.activation import draw_activation, require_activation

        for name in names:
            require_activation(name)
        for name in names:
            for path in draw_activation(name, form, out):
                tell(str(path))


def draw(folder: "RunFolder", only: tuple[str, ...], form: "FigureForm", out: Path | None) -> None:
    """The figures of one run; of those asked for by name, why one does not suit."""
    from nnlab.show.figures.plot import draw_each
    from nnlab.show.figures.view import view

    known = figures()
    for name in only:
        require(name, known)
    seen = view(folder)
    drawn = draw_each({name: known[name] for name in only or known}, seen, form, out)
    report(drawn)
    unsuited = [
        f"The figure {name} does not suit {folder.name}: {reason}."
        for name in dict.fromkeys(only)
        if (reason := reason_of(known[name], seen))
    ]
    if unsuited and not drawn.paths:
        raise UsageError("\n".join(unsuited))
    for sentence in unsuited:
        say(sentence)
    if not drawn.paths and not drawn.warnings:
        say(f"{folder.name}: no figure suits this run.")


def figures() -> "dict[str, Plot]":
    """The figures of trainings and of races; a figure suits runs of its own kind only."""
    from nnlab.race.figure import FIGURES as OF_RACES
    from nnlab.show.figures import FIGURES as OF_TRAININGS

    return OF_TRAININGS | OF_RACES


def require(name: str, figures: Iterable[str]) -> None:
    """Raises UsageError, with the nearest name, where there is no such figure."""
    if name not in figures:
        meant = did_you_mean(name, figures)
        raise UsageError(f"There is no figure '{name}'.{meant} There are {', '.join(figures)}.")


def reason_of(plot: "Plot", seen: "View") -> str | None:
    """Why a figure does not suit; None also where that cannot be found out, which was told."""
    try:
        return plot.why_not(seen)
    except NnlabError:
        return None


def report(drawn: "Drawn") -> None:
    """Files on stdout, warnings on stderr. Raises where there is no file for an expected reason."""
    for path in drawn.paths:
        tell(str(path))
    if drawn.unwritten is not None:
        for warning in drawn.warnings[:-1]:
            say(f"Warning: {warning}")
        raise type(drawn.unwritten)(f"{drawn.unwritten} With --out DIR figures go elsewhere.")
    if drawn.errors and not drawn.paths:
        raise type(drawn.errors[0])("\n".join(drawn.warnings))
    for warning in drawn.warnings:
        say(f"Warning: {warning}")


def listed(folder: "RunFolder") -> str:
    """A table: each figure, whether it suits, and what it is or why it does not."""
    from nnlab.cli.table import table
    from nnlab.show.figures import view

    seen, rows = view(folder), []
    for name, plot in figures().items():
        try:
            reason = plot.why_not(seen)
        except NnlabError as error:
            reason = str(error)
        rows.append((name, "no" if reason else "yes", reason or plot.title))
    return table(("figure", "suits", "what it is, or why not"), rows, terminal_width(sys.stdout))
