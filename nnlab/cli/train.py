"""`nnlab train`."""

from pathlib import Path

import click

from nnlab.cli.options import (
    config_argument,
    json_option,
    plots_option,
    runs_option,
    seed_option,
    threads_option,
    use_threads,
    verbosity,
    with_seed,
)
from nnlab.cli.terminal import print_messages


@click.command
@config_argument
@runs_option
@click.option("--name", metavar="NAME", help="The run's name; default: the config's.")
@plots_option
@threads_option
@seed_option
@json_option
@verbosity
def command(
    config: str, overrides: tuple[str, ...], runs: Path | None, name: str | None, plots: bool,
    threads: int | None, seed: int | None, as_json: bool
) -> None:  # fmt: skip
    """Train the network of CONFIG.

    Writes a new run folder with figures, and prints the loss and metrics. Ctrl+C saves the state,
    and `nnlab resume` continues. Exit code 4 if a number became infinite.

    \b
    nnlab train identity8
    nnlab train my.yaml --set lr=0.05 --set epochs=20
    """
    use_threads(threads)
    from nnlab.cli.provide import provide_data
    from nnlab.cli.training_output import conclude_training, follow_training
    from nnlab.config.load import load
    from nnlab.experiment.session import begin
    from nnlab.run.names import runs_folder

    loaded = load(config, with_seed(overrides, seed))
    print_messages(loaded.notes)
    provide_data(loaded.config)
    with begin(loaded, runs_folder(runs), name=name) as session:
        follow_training(session)
    conclude_training(session, plots, as_json)
