"""`nnlab resume`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nnlab.cli.options import (
    find_training,
    json_option,
    plots_option,
    run_argument,
    set_option,
    threads_option,
    use_threads,
    verbosity,
)
from nnlab.cli.terminal import say, tell_json

if TYPE_CHECKING:
    from nnlab.run.folder import RunFolder


@click.command
@run_argument
@set_option("More epochs, or how often to save: training.epochs=N, training.checkpoint_every=N.")
@plots_option
@threads_option
@json_option
@verbosity
def command(
    run: str,
    runs: Path | None,
    overrides: tuple[str, ...],
    plots: bool,
    threads: int | None,
    as_json: bool,
) -> None:
    """Continue a run that was stopped.

    On the same machine with the same versions, the result has the same bits as a run that was
    never stopped; if they differ, a message says how. Two settings can change: training.epochs,
    unless the schedule's length depends on it, and training.checkpoint_every. All others are
    refused with exit code 2. For a run that is complete there is nothing to do: exit code 0.

    \b
    nnlab resume latest
    nnlab resume latest --set training.epochs=200
    """
    use_threads(threads)
    from nnlab.cli.follow import conclude, follow
    from nnlab.experiment.resume import resume

    folder = find_training(run, runs)
    with resume(folder, overrides) as session:
        if session is not None:
            follow(session)
    if session is None:
        nothing(folder, as_json)
    else:
        conclude(session, plots, as_json)


def nothing(folder: "RunFolder", as_json: bool) -> None:
    """Say that the run has come to its end."""
    status = folder.status()
    if as_json:
        summary = folder.read_json("summary.json")
        tell_json({"folder": str(folder.path), "status": status, "summary": summary})
        return
    how = "stopped early, as its config asks" if status == "early_stopped" else "is complete"
    say(f"{folder.path} {how}: nothing to do.")
