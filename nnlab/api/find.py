"""Runs and sweeps by name, and the forms in which functions take configs and settings."""

import json
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from nnlab.config.given_rows import GivenRows, rows_in_memory
from nnlab.config.schema import Config
from nnlab.errors import RunUnreadable, UsageError
from nnlab.race.folder import is_race
from nnlab.run.folder import RunFolder
from nnlab.run.names import runs_folder
from nnlab.run.run import Run
from nnlab.run.sweeps import SweepFolder
from nnlab.run.text import json_value

AnyConfig = str | PathLike[str] | Config | Mapping[str, object]
AnyRun = Run | str | PathLike[str]
AnyPath = str | PathLike[str]


def as_overrides(settings: Mapping[str, object]) -> list[tuple[str, object]]:
    """Keyword arguments as overrides: `training__batch_size` is training.batch_size."""
    return [(name.replace("__", "."), value) for name, value in settings.items()]


def rows_or_overrides(
    data: Any, overrides: Mapping[str, object]
) -> tuple[GivenRows | None, dict[str, object]]:
    """The rows that `data` holds, and the overrides: a data set in words is one of them."""
    if isinstance(data, str | Mapping):
        return None, {**overrides, "data": data}
    return rows_in_memory(data), dict(overrides)


def as_texts(settings: Mapping[str, object], listed: bool = False) -> list[str]:
    """Keyword arguments as texts of --set, or as axes: a value in JSON is one in YAML."""

    def text(value: object) -> str:
        return value if isinstance(value, str) else json.dumps(json_value(value))

    return [
        f"{key}={text(value)[1:-1] if listed else text(value)}"
        for key, value in as_overrides({k: list(v) if listed else v for k, v in settings.items()})  # type: ignore[call-overload]
    ]


def find_run(run: AnyPath, runs: AnyPath | None = None) -> RunFolder:
    """The run folder of a path, a name, the beginning of a name, or "latest".

    Raises RunUnreadable without such a run, UsageError for several runs and for a sweep.
    """
    if not isinstance(run, str):
        return RunFolder.open(Path(run))
    try:
        return RunFolder.find(run, runs_folder(runs))
    except RunUnreadable:
        sweep = find_sweep(run, runs)
        if sweep is None:
            raise
        trial = next(iter(sweep.trials()), "TRIAL")
        raise UsageError(
            f"{sweep.path} is a sweep, not a run: name one of its trials, for example "
            f"{sweep.path / trial}. To continue the sweep, repeat its command."
        ) from None


def find_training(run: AnyPath, runs: AnyPath | None = None) -> RunFolder:
    """The folder of a run that trained a network. Raises UsageError for a race."""
    folder = find_run(run, runs)
    if is_race(folder):
        raise UsageError(
            f"{folder.path} is a race of optimizers on a function, and has no network. "
            f"`nnlab descend {folder.path / 'resolved.yaml'}` runs it again."
        )
    return folder


def find_sweep(sweep: str, runs: AnyPath | None = None) -> SweepFolder | None:
    """The sweep folder of a path or a name, if any."""
    return SweepFolder.find(sweep, runs_folder(runs))


def find_trained(run: AnyRun) -> Run:
    """A run, or the run that `find_training` finds."""
    return run if isinstance(run, Run) else Run(find_training(run).path)
