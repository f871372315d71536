"""`nnlab plot`."""

from pathlib import Path

import click

from nnlab.cli.options import complete_run, find_run, runs_option, verbosity
from nnlab.cli.terminal import say, tell

KINDS = ("png", "svg", "pdf")


@click.command
@click.argument("run", metavar="RUN...", nargs=-1, required=True, shell_complete=complete_run)
@runs_option
@click.option(
    "--format",
    "kinds",
    type=click.Choice(KINDS),
    multiple=True,
    default=("png",),
    show_default=True,
    help="May be repeated.",
)
@verbosity
def command(run: tuple[str, ...], runs: Path | None, kinds: tuple[str, ...]) -> None:
    """Draw the figures of each RUN again, or those of a sweep.

    Everything comes from the run's folder, so that a folder copied from another machine gives the
    same figures. Prints the files.

    \b
    nnlab plot latest
    nnlab plot latest --format svg --format pdf
    nnlab plot sweep-identity8-lr
    """
    from nnlab.plots import draw_all, draw_sweep
    from nnlab.run.names import runs_folder
    from nnlab.run.sweeps import SweepFolder

    where = runs_folder(runs)
    for folder in [SweepFolder.find(one, where) or find_run(one, runs) for one in run]:
        if isinstance(folder, SweepFolder):
            folder.read_about()  # a broken folder is an error, and not a warning a figure
            kind, drawn = "sweep", draw_sweep(folder, kinds)
        else:
            kind, drawn = "run", draw_all(folder, kinds)
        for warning in drawn.warnings:
            say(f"Warning: {warning}")
        for path in drawn.paths:
            tell(str(path))
        if not drawn.paths and not drawn.warnings:
            say(f"{folder.name}: no figure suits this {kind}.")
