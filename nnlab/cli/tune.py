"""`nnlab tune`."""

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from nnlab.cli import options
from nnlab.cli.terminal import print_json, print_message, print_messages, print_result
from nnlab.errors import SweepFailed
from nnlab.experiment.provide import provide_data, provide_kernels
from nnlab.run.names import runs_folder
from nnlab.run.sweeps import SweepFolder
from nnlab.show.text_tables import format_records
from nnlab.show.words import percent, setting_value
from nnlab.study.plan import open_folder, report_stop, require_own
from nnlab.study.search import Search
from nnlab.study.space import prepare_tuning


@click.command
@options.config_argument
@click.option(
    "--search", type=options.FILE, required=True, metavar="FILE", help="The search space, as YAML."
)
@click.option(
    "--trials",
    type=options.WHOLE,
    default=20,
    show_default=True,
    metavar="N",
    help="How many trials in all, including those of earlier calls.",
)
@click.option(
    "--prune/--no-prune",
    default=True,
    show_default=True,
    help="Stop a trial early that is worse than the median of the trials before it.",
)
@options.runs_option
@click.option(
    "--name", metavar="NAME", help="The search's folder; default: made of the config and the space."
)
@click.option(
    "--retry-failed",
    is_flag=True,
    help="Run failed trials again, and propose all trials after the first of them anew.",
)
@options.threads_option
@options.json_option
@options.verbosity
def command(
    config: str, overrides: tuple[str, ...], search: Path, trials: int, prune: bool,
    runs: Path | None, name: str | None, retry_failed: bool, as_json: bool
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
    require_own(folder, tuning.about)
    provide_data(tuning.base.config, print_message)
    provide_kernels(tuning.end_configs(), print_message)
    with open_folder(folder, tuning.about):
        study = Search(tuning, folder, retry_failed)
        print_messages(study.notes)
        done = len(study.records)
        print_message(f"{tuning.name}: {done:,} done, {max(trials - done, 0):,} to run")
        with report_stop(folder, trials, lambda: len(study.records)):
            for row in study.run(trials):
                print_message(_trial_line(row, tuning.metric))
        folder.write_summary([axis.key for axis in tuning.dimensions], folder.records())
        results = study.results()
    if as_json:
        print_json(results)
    else:
        _print_results(results)
    failed = sum(row["ended"] == "failed" for row in results["trials"])
    if failed:
        raise SweepFailed(
            f"{failed:,} of {len(study.records):,} trials have no result. --retry-failed runs them "
            "again, and proposes all trials after the first of them anew."
        )


def _trial_line(row: Mapping[str, Any], metric: str) -> str:
    cell = ", ".join(f"{key}={setting_value(value, 4)}" for key, value in row["cell"].items())
    if row["value"] is not None:
        result = f"{metric} {row['value']:.4g}"
    elif row["reason"] is not None:
        result = f"failed: {row['reason']}"
    else:
        result = f"{row['ended']} at epoch {row['epochs']:,}"
    return f"{row['number']}: {cell}: {result}"


def _print_results(results: Mapping[str, Any]) -> None:
    """Print the trials, the importances, and how to train the best trial again."""
    metric, rows, best = results["metric"], results["trials"], results["best"]
    table = [
        {
            "trial": row["number"],
            "run": row["run"],
            **{key: setting_value(value, 4) for key, value in row["cell"].items()},
            "ended": row["ended"],
            "epochs": row["epochs"],
            metric: row["value"],
        }
        for row in rows
    ]
    print_result(format_records(table))
    if importances := results["importances"]:
        shares = ", ".join(f"{key} {percent(share)}" for key, share in importances.items())
        print_result(f"\nShare of the differences explained by each setting: {shares}")
    if best is None:
        print_result("\nNo trial ended with a result.")
    else:
        value = rows[best - 1]["value"]
        print_result(f"\nBest: trial {best}, {metric} {value:.4g}. To repeat it:")
        print_result(shlex.join(results["command"]))
    print_result(f"\nSaved in {results['folder']}")
