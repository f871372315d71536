"""`nnlab train`."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nnlab.cli.options import (
    changes,
    config_argument,
    json_option,
    runs_option,
    seed_option,
    verbosity,
)
from nnlab.cli.terminal import NORMAL, VERBOSE, say, tell, tell_json

if TYPE_CHECKING:
    from nnlab.experiment.session import Session

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


@click.command
@config_argument
@runs_option
@click.option("--name", metavar="NAME", help="The run's name; default: the config's.")
@click.option("--plots/--no-plots", default=True, show_default=True, help="Draw the figures.")
@click.option(
    "--threads", type=click.IntRange(min=1), metavar="N", help="How many threads NumPy may use."
)
@seed_option
@json_option
@verbosity
def command(
    config: str,
    overrides: tuple[str, ...],
    runs: Path | None,
    name: str | None,
    plots: bool,
    threads: int | None,
    seed: int | None,
    as_json: bool,
) -> None:
    """Train a network as CONFIG says.

    Leaves a new run folder, draws its figures, and prints what the network achieved. Exit code 4
    when the numbers blew up; Ctrl+C saves the state first.

    \b
    nnlab train identity8
    nnlab train my.yaml --set lr=0.05 --set epochs=20 --runs /tmp/runs
    """
    if threads is not None:  # the BLAS reads them when NumPy is imported, which is below
        os.environ.update(dict.fromkeys(THREADS, str(threads)))
    from nnlab.cli import results
    from nnlab.cli.downloads import provide
    from nnlab.cli.progress import watch
    from nnlab.config.load import load
    from nnlab.experiment.session import begin
    from nnlab.run.names import runs_folder

    loaded = load(config, changes(overrides, seed))
    for note in loaded.notes:
        say(note)
    provide(loaded.config)
    with begin(loaded, runs_folder(runs), name=name) as session:
        say(results.title(session.built))
        if wait := results.compiling(session.built):
            say(wait)
        with watch(session) as see:
            for record in session:
                see(record)
    if plots:
        draw(session)
    if as_json:
        tell_json(results.as_mapping(session))
    else:
        tell(results.text(session))
    results.raise_if_diverged(session)


def draw(session: "Session") -> None:
    """The run's figures; what fails is a warning and nothing more."""
    from nnlab.plots import draw_all

    drawn = draw_all(session.folder)
    for warning in drawn.warnings:
        say(f"Warning: {warning}", NORMAL)
    for path in drawn.paths:
        say(str(path), VERBOSE)
