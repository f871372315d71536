"""`nnlab train`."""

from pathlib import Path

import click

from nnlab.cli import live_page, options
from nnlab.cli.terminal import print_message, print_messages


@click.command
@options.config_argument
@options.runs_option
@options.name_option
@options.plots_option
@live_page.live_options
@options.threads_option
@options.json_option
def command(
    config: str, overrides: tuple[str, ...], runs: Path | None, name: str | None, plots: bool,
    as_json: bool, live: bool, port: int | None, show: bool
) -> None:  # fmt: skip
    """Train the network of CONFIG.

    CONFIG is a YAML file, - for stdin, or the name of a shipped config: `nnlab init` lists them.
    Writes a new run folder with figures, and prints the loss and metrics. Ctrl+C saves the state,
    and `nnlab resume` continues. Exit code 4 if the training diverges.

    \b
    nnlab train identity8
    nnlab train my.yaml --set lr=0.05 --set epochs=20
    nnlab train xor --live
    cat my.yaml | nnlab train -
    """
    # Here and not at the top: `nnlab train --help` is fast without them.
    from nnlab.cli.training_output import conclude_training, follow_training
    from nnlab.config.load import load_config
    from nnlab.experiment.provide import provide_data
    from nnlab.experiment.session import begin
    from nnlab.run.names import runs_folder

    loaded = load_config(config, overrides)
    print_messages(loaded.notes)
    provide_data(loaded.config, print_message)
    with live_page.page_if(live, port) as page:
        with begin(loaded, runs_folder(runs), name=name) as session:
            live_page.start_page(page, session, show)
            follow_training(session)
        with live_page.last_look(page):
            conclude_training(session, plots, as_json)
