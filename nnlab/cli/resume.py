"""`nnlab resume`."""

from pathlib import Path

import click

from nnlab.api.find import find_training
from nnlab.cli import live_page, options
from nnlab.cli.terminal import print_json, print_message
from nnlab.cli.training_output import conclude_training, follow_training
from nnlab.experiment.resume import reopen


@click.command
@options.set_option(
    "Override training.epochs or training.checkpoint_every; may be repeated.", has_seed=False
)
@options.run_argument
@options.plots_option
@live_page.live_options
@options.threads_option
@options.json_option
def command(
    run: str, runs: Path | None, overrides: tuple[str, ...], plots: bool, as_json: bool,
    live: bool, port: int | None, show: bool
) -> None:  # fmt: skip
    """Continue a run that was stopped.

    On the same machine with the same versions, the result has the same bits as a run that was
    never stopped; if they differ, a message says how. Two settings can change: training.epochs,
    unless the schedule's length depends on it, and training.checkpoint_every. All others are
    refused with exit code 2. For a run that is complete there is nothing to do: exit code 0.

    \b
    nnlab resume latest
    nnlab resume latest --set training.epochs=200
    """
    folder = find_training(run, runs)
    with live_page.page_if(live, port) as page:
        with reopen(folder, overrides) as session:
            if session is not None:
                live_page.start_page(page, session, show)
                follow_training(session)
        if session is not None:
            with live_page.last_look(page):
                conclude_training(session, plots, as_json)
            return
    status = folder.status()
    if as_json:
        summary = folder.read_json("summary.json")
        print_json({"folder": str(folder.path), "status": status, "summary": summary})
    else:
        how = "stopped early, as its config asks" if status == "early_stopped" else "is complete"
        print_message(f"{folder.path} {how}: nothing to do.")
