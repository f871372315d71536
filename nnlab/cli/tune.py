"""`nnlab tune`."""

import sys
from pathlib import Path
from typing import Any

import click

from nnlab.api.tune import FinishedSearch, run_search
from nnlab.cli import options
from nnlab.cli.terminal import print_message, print_messages, print_outcome
from nnlab.errors import SweepFailed
from nnlab.run.names import runs_folder
from nnlab.run.sweeps import SweepFolder
from nnlab.show.words import count
from nnlab.study.space import prepare_tuning


@click.command
@options.config_argument
@click.option(
    "--search",
    type=options.InputPath(".yaml", dir_okay=False),
    required=True,
    metavar="FILE",
    help="The search space as YAML; - is stdin.",
)
@options.number_option(
    "--trials", text="The number of trials in all, including those of earlier calls.", default=20
)
@click.option(
    "--prune/--no-prune",
    default=True,
    show_default=True,
    help="Stop a trial early that is worse than the median of the trials before it.",
)
@options.runs_option
@options.name_option
@click.option(
    "--retry-failed",
    is_flag=True,
    help="Run failed trials again, and propose all trials after the first of them anew.",
)
@options.dry_run_option
@options.threads_option
@options.json_option
def command(
    config: str, overrides: tuple[str, ...], search: Path, trials: int, prune: bool,
    runs: Path | None, name: str | None, retry_failed: bool, dry_run: bool, as_json: bool
) -> None:  # fmt: skip
    """Search for good settings with Optuna.

    FILE maps settings, named as for --set, to the values to search.

    \b
    lr: {low: 1e-4, high: 1, log: true}   a range
    hidden: {low: 2, high: 16, step: 2}   whole numbers
    activation: [relu, tanh, sigmoid]     a choice

    The search improves the best value of the metric that the config monitors
    (training.monitor). Every trial is a run folder, in one folder with Optuna's journal. The same
    command continues up to N trials, also after Ctrl+C, a crash or a full disk; with the same
    seed it proposes the same settings. A failed trial does not stop the search; exit code 8
    reports it. Needs pip install 'nnlab[tune]'.

    \b
    nnlab tune digits_binary --search space.yaml --trials 30
    """
    tuning = prepare_tuning(config, overrides, search, name, prune, tuple(sys.argv))
    print_messages(tuning.base.notes)
    folder = SweepFolder(runs_folder(runs) / tuning.name)
    if dry_run:
        there = len(folder.trials()) if folder.path.is_dir() else 0
        todo = f"{there:,} there, {max(trials - there, 0):,} to run"
        print_message(f"{tuning.name}: {count(trials, 'trial')}: {todo}")
        return
    done: list[dict[str, Any]] = []
    run_search(tuning, folder, trials, retry_failed, print_message, done.append)
    search_done = FinishedSearch(done[0])
    print_outcome(search_done, as_json)
    if failed := search_done.failed:
        raise SweepFailed(
            f"{failed:,} of {len(search_done.trials):,} trials have no result. --retry-failed runs "
            "them again, and proposes all trials after the first of them anew."
        )
