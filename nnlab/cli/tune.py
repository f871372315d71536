"""`nnlab tune`."""

import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nnlab.cli.options import (
    FILE,
    config_argument,
    json_option,
    runs_option,
    threads_option,
    use_threads,
    verbosity,
)
from nnlab.cli.terminal import say, tell, tell_json

if TYPE_CHECKING:
    from nnlab.run.sweeps import SweepFolder
    from nnlab.study.study import Study, Told
    from nnlab.study.trial import Trial
    from nnlab.study.tuning import Tuning


@click.command
@config_argument
@click.option("--search", type=FILE, required=True, metavar="FILE", help="What to search, as YAML.")
@click.option(
    "--trials",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    metavar="N",
    help="How many in all, with those of earlier calls.",
)
@click.option(
    "--prune/--no-prune",
    default=True,
    show_default=True,
    help="Stop a trial early that is worse than the median of the others.",
)
@runs_option
@click.option("--name", metavar="NAME", help="The search's folder; default: from config and space.")
@click.option(
    "--retry-failed",
    is_flag=True,
    help="Run trials again that failed, and propose anew what came after the first of them.",
)
@threads_option
@json_option
@verbosity
def command(
    config: str, overrides: tuple[str, ...], search: Path, trials: int, prune: bool,
    runs: Path | None, name: str | None, retry_failed: bool, threads: int | None, as_json: bool,
) -> None:  # fmt: skip
    """Search for good settings with Optuna.

    FILE maps settings, as --set names them, to where to search for their values.

    \b
    lr: {low: 1e-4, high: 1, log: true}   a range
    hidden: {low: 2, high: 16, step: 2}   whole numbers
    activation: [relu, tanh, sigmoid]     one of several

    What counts is the best value of what the config monitors (training.monitor). Every trial is a
    run folder like any other, in one folder with Optuna's journal. The same command again goes on
    to N trials, also after Ctrl+C, a crash or a full disk; with the same seed it proposes the same
    settings. A trial that fails costs that trial; exit code 8 says that there was one. Needs pip
    install 'nnlab[tune]'.

    \b
    nnlab tune digits_binary --search space.yaml --trials 30
    """
    use_threads(threads)
    from nnlab.cli.downloads import provide
    from nnlab.cli.kernels import provide_kernels
    from nnlab.errors import SweepFailed
    from nnlab.run.environment import versions
    from nnlab.run.names import runs_folder
    from nnlab.run.repository import git
    from nnlab.run.sweeps import SweepFolder
    from nnlab.study.study import Study, require_optuna
    from nnlab.study.tuning import register, require_same

    require_optuna()
    tuning = prepare(config, overrides, search, name, prune)
    folder = SweepFolder(runs_folder(runs) / tuning.name)
    require_same(tuning, folder)
    provide(tuning.base.config)
    provide_kernels(extremes(tuning))
    folder.create()
    with folder.lock():
        folder.tidy()
        register(tuning, folder, {**versions(), "git": git(Path())})
        study = Study(tuning, folder, retry_failed)
        for note in study.notes:
            say(note)
        before = len(study.told)
        say(f"{tuning.name}: {before:,} done, {max(trials - before, 0):,} to run")
        run_trials(study, trials)
        folder.write_summary([one.key for one in tuning.dimensions], folder.records())
        show(study, folder, as_json)
    failed = sum(one.ended == "failed" for one in study.told)
    if failed:
        raise SweepFailed(
            f"{failed:,} of {len(study.told):,} trials have no result. --retry-failed runs them "
            "again, and proposes anew what came after the first of them."
        )


def run_trials(study: "Study", trials: int) -> None:
    """Trials until there are so many. Interrupted, after all is saved, on Ctrl+C and SIGTERM."""
    from nnlab.errors import Interrupted
    from nnlab.experiment.signals import Terminated

    try:
        for told in study.go(trials):
            say(line(told, study.tuning.metric))
    except (KeyboardInterrupt, Interrupted, Terminated) as stop:
        code = 143 if isinstance(stop, Terminated) else getattr(stop, "exit_code", 130)
        raise Interrupted(
            f"Stopped: {len(study.told):,} of {trials:,} trials are done, in {study.folder.path}. "
            "The same command goes on.",
            code,
        ) from None


def prepare(
    config: str, overrides: tuple[str, ...], search: Path, name: str | None, prune: bool
) -> "Tuning":
    """Everything that can be wrong with a request is found here, before anything runs.

    Raises ConfigError, DataError, UsageError.
    """
    from nnlab.config.names import name_from_stem, name_problem
    from nnlab.config.variants import base
    from nnlab.errors import UsageError
    from nnlab.study.space import check_space, read_space, refuse_fixed
    from nnlab.study.tuning import Tuning

    dimensions = read_space(search)
    refuse_fixed(dimensions, overrides)
    found = base(config, overrides)
    for note in found.notes:
        say(note)
    typed = check_space(dimensions, found)
    if name is None:
        name = name_from_stem("-".join(["tune", found.config.name, search.stem, *overrides]))
    elif problem := name_problem(name):
        raise UsageError(f"--name: {problem}")
    argv = tuple(sys.argv)
    return Tuning(name, config, found, typed, overrides, prune, argv)


def extremes(tuning: "Tuning") -> "Iterator[Trial]":
    """Trials of the config itself, and with each end of what is searched."""
    from nnlab.config.problems import Problems
    from nnlab.study.plan import as_trial
    from nnlab.study.space import ends

    for one in (tuning.base.config, *ends(tuning.dimensions, tuning.base, Problems())):
        yield as_trial(one, {}, tuning.argv)


def line(told: "Told", metric: str) -> str:
    """A trial in a line."""
    cell = ", ".join(f"{key}={short(value)}" for key, value in told.cell.items())
    if told.value is not None:
        return f"{told.number}: {cell}: {metric} {told.value:.4g}"
    if told.reason is not None:
        return f"{told.number}: {cell}: failed: {told.reason}"
    return f"{told.number}: {cell}: {told.ended} at epoch {told.epochs:,}"


def show(study: "Study", folder: "SweepFolder", as_json: bool) -> None:
    """The trials, what mattered, and how to train the best of them again."""
    told, best, tuning = study.told, study.best(), study.tuning
    weights = study.importances()
    if as_json:
        tell_json(as_mapping(told, best, weights, tuning, folder))
        return
    tell(table(told, tuning.metric))
    if weights:
        listed = ", ".join(f"{key} {100 * share:.0f} %" for key, share in weights.items())
        tell(f"\nWhat the differences come from: {listed}")
    if best is None:
        tell("\nNo trial came to its end with a result.")
    else:
        tell(f"\nBest: trial {best.number}, {tuning.metric} {best.value:.4g}. To train it again:")
        tell(shlex.join(again(tuning, best)))
    tell(f"\nSaved in {folder.path}")


def again(tuning: "Tuning", best: "Told") -> list[str]:
    """The command that repeats a trial, for the current folder."""
    from nnlab.config.dump import mapping
    from nnlab.config.load import PATHS
    from nnlab.study.space import as_text, settings_of

    settings = mapping(settings_of(tuning.dimensions, tuning.base, best.cell))
    files = {settings[part].get(key) for part, key in PATHS}
    options = list(tuning.overrides)
    for one in tuning.dimensions:
        value = absolute(best.cell[one.key], one.place.source.folder, files)
        options.append(f"{one.key}={as_text(value)}")
    return ["nnlab", "train", tuning.config, *(part for o in options for part in ("--set", o))]


def absolute(value: Any, folder: Path, files: "set[str | None]") -> Any:
    """A value in which names that mean one of `files`, seen from `folder`, are absolute."""
    if isinstance(value, dict):
        return {key: absolute(child, folder, files) for key, child in value.items()}
    if isinstance(value, list):
        return [absolute(child, folder, files) for child in value]
    if isinstance(value, str) and (full := str(folder / os.path.expanduser(value))) in files:
        return full
    return value


def short(value: Any) -> str:
    """A setting in a table: numbers with four digits, the command below has them all."""
    from nnlab.show.words import setting_value

    return setting_value(value, digits=4)


def table(told: "Sequence[Told]", metric: str) -> str:
    """A row a trial."""
    from nnlab.cli.table import records

    return records(
        [
            {
                "trial": one.number,
                "run": one.run,
                **{key: short(value) for key, value in one.cell.items()},
                "ended": one.ended,
                "epochs": one.epochs,
                metric: one.value,
            }
            for one in told
        ]
    )


def as_mapping(
    told: "Sequence[Told]",
    best: "Told | None",
    weights: dict[str, float],
    tuning: "Tuning",
    folder: "SweepFolder",
) -> dict[str, Any]:
    """What `--json` prints."""
    from dataclasses import asdict

    return {
        "folder": str(folder.path),
        "metric": tuning.metric,
        "direction": tuning.direction,
        "trials": [asdict(one) for one in told],
        "importances": weights,
        "best": None if best is None else best.number,
        "command": None if best is None else again(tuning, best),
    }
