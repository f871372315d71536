"""`nnlab tune`."""

import os
import shlex
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from nnlab.cli import options
from nnlab.cli.provide import provide_data, provide_kernels
from nnlab.cli.sweep import stopped_error
from nnlab.cli.tables import draw_records
from nnlab.cli.terminal import print_json, print_message, print_messages, print_result
from nnlab.config.dump import mapping
from nnlab.config.load import PATHS
from nnlab.config.names import name_from_stem, name_problem
from nnlab.config.problems import Problems
from nnlab.config.variants import base
from nnlab.errors import Interrupted, SweepFailed, UsageError
from nnlab.experiment.signals import Terminated
from nnlab.run.environment import versions
from nnlab.run.names import runs_folder
from nnlab.run.repository import git
from nnlab.run.sweeps import SweepFolder
from nnlab.show.words import percent, setting_value
from nnlab.study.plan import as_trial
from nnlab.study.space import as_text, check_space, ends, read_space, refuse_fixed, settings_of
from nnlab.study.study import Study, Told, require_optuna
from nnlab.study.trial import Trial
from nnlab.study.tuning import Tuning, register, require_same


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
    require_optuna()
    tuning = _prepare(config, overrides, search, name, prune)
    folder = SweepFolder(runs_folder(runs) / tuning.name)
    require_same(tuning, folder)
    provide_data(tuning.base.config)
    provide_kernels(_extreme_trials(tuning))
    folder.create()
    with folder.lock():
        folder.tidy()
        register(tuning, folder, {**versions(), "git": git(Path())})
        study = Study(tuning, folder, retry_failed)
        print_messages(study.notes)
        done = len(study.told)
        print_message(f"{tuning.name}: {done:,} done, {max(trials - done, 0):,} to run")
        try:
            for result in study.go(trials):
                print_message(_trial_line(result, tuning.metric))
        except (KeyboardInterrupt, Interrupted, Terminated) as stop:
            raise stopped_error(stop, len(study.told), trials, folder) from None
        folder.write_summary([axis.key for axis in tuning.dimensions], folder.records())
        _print_study(study, as_json)
    failed = sum(result.ended == "failed" for result in study.told)
    if failed:
        raise SweepFailed(
            f"{failed:,} of {len(study.told):,} trials have no result. --retry-failed runs them "
            "again, and proposes all trials after the first of them anew."
        )


def _prepare(
    config: str, overrides: tuple[str, ...], search: Path, name: str | None, prune: bool
) -> Tuning:
    """The checked search. Raises ConfigError, DataError, UsageError before anything runs."""
    dimensions = read_space(search)
    refuse_fixed(dimensions, overrides)
    start = base(config, overrides)
    print_messages(start.notes)
    typed = check_space(dimensions, start)
    if name is None:
        name = name_from_stem("-".join(["tune", start.config.name, search.stem, *overrides]))
    elif problem := name_problem(name):
        raise UsageError(f"--name: {problem}")
    return Tuning(name, config, start, typed, overrides, prune, tuple(sys.argv))


def _extreme_trials(tuning: Tuning) -> Iterator[Trial]:
    """Trials of the config itself, and with the ends of each range."""
    for config in (tuning.base.config, *ends(tuning.dimensions, tuning.base, Problems())):
        yield as_trial(config, {}, tuning.argv)


def _trial_line(trial: Told, metric: str) -> str:
    cell = ", ".join(f"{key}={setting_value(value, 4)}" for key, value in trial.cell.items())
    if trial.value is not None:
        result = f"{metric} {trial.value:.4g}"
    elif trial.reason is not None:
        result = f"failed: {trial.reason}"
    else:
        result = f"{trial.ended} at epoch {trial.epochs:,}"
    return f"{trial.number}: {cell}: {result}"


def _print_study(study: Study, as_json: bool) -> None:
    """Print the trials, the importances, and how to train the best trial again."""
    best, tuning, folder = study.best(), study.tuning, study.folder
    importances = study.importances()
    if as_json:
        print_json(
            {
                "folder": str(folder.path),
                "metric": tuning.metric,
                "direction": tuning.direction,
                "trials": [asdict(trial) for trial in study.told],
                "importances": importances,
                "best": None if best is None else best.number,
                "command": None if best is None else _repeat_command(tuning, best),
            }
        )
        return
    rows = [
        {
            "trial": trial.number,
            "run": trial.run,
            **{key: setting_value(value, 4) for key, value in trial.cell.items()},
            "ended": trial.ended,
            "epochs": trial.epochs,
            tuning.metric: trial.value,
        }
        for trial in study.told
    ]
    print_result(draw_records(rows))
    if importances:
        shares = ", ".join(f"{key} {percent(share)}" for key, share in importances.items())
        print_result(f"\nShare of the differences explained by each setting: {shares}")
    if best is None:
        print_result("\nNo trial ended with a result.")
    else:
        print_result(
            f"\nBest: trial {best.number}, {tuning.metric} {best.value:.4g}. To repeat it:"
        )
        print_result(shlex.join(_repeat_command(tuning, best)))
    print_result(f"\nSaved in {folder.path}")


def _repeat_command(tuning: Tuning, best: Told) -> list[str]:
    """The command that repeats a trial, for the current folder."""
    settings = mapping(settings_of(tuning.dimensions, tuning.base, best.cell))
    files = {settings[part].get(key) for part, key in PATHS}
    options = list(tuning.overrides)
    for axis in tuning.dimensions:
        value = _with_absolute_paths(best.cell[axis.key], axis.place.source.folder, files)
        options.append(f"{axis.key}={as_text(value)}")
    return ["nnlab", "train", tuning.config, *(part for o in options for part in ("--set", o))]


def _with_absolute_paths(value: Any, folder: Path, files: set[str | None]) -> Any:
    """A value whose names of `files`, seen from `folder`, are made absolute."""
    if isinstance(value, dict):
        return {key: _with_absolute_paths(inner, folder, files) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_absolute_paths(inner, folder, files) for inner in value]
    if isinstance(value, str) and (full := str(folder / os.path.expanduser(value))) in files:
        return full
    return value
