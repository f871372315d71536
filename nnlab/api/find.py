"""Runs and sweeps by name, and the forms in which functions take configs and settings."""

import json
from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from nnlab.config.dump import in_words
from nnlab.config.given_rows import GivenRows, rows_in_memory
from nnlab.config.load import ConfigForm, Loaded, load_config
from nnlab.config.schema import Config
from nnlab.data.dataset import DataSource
from nnlab.errors import RunUnreadable, UsageError
from nnlab.race.folder import is_race
from nnlab.run.folder import RunFolder
from nnlab.run.names import runs_folder
from nnlab.run.run import Run
from nnlab.run.sweeps import SweepFolder
from nnlab.run.text import json_value

AnyPath = str | PathLike[str]
AnyConfig = ConfigForm | Run
AnyRun = Run | AnyPath
RUN_WORDS = "a run is a Run, a folder, a name, or a unique beginning of a name"


def read_request(
    config: AnyConfig, data: Any, overrides: Mapping[str, object]
) -> tuple[ConfigForm, GivenRows | None, dict[str, object]]:
    """The config, the rows that `data` holds, and the overrides of a call.

    A run stands for its config. A data set in words is an override. Raises TypeError, DataError.
    """
    form: ConfigForm
    if isinstance(config, Run):
        form = config.config
    elif isinstance(config, Mapping):
        form = in_words(config)
    elif isinstance(config, Config):
        form = config
    else:
        words = "a config is a path, the name of a shipped config, a mapping, a Config or a Run"
        form = require_path(config, words)
    data = in_words(data) if isinstance(data, DataSource) else data
    parts = data.values() if isinstance(data, Mapping) else ()
    if isinstance(data, str | Mapping) and not any(hasattr(p, "__array__") for p in parts):
        return form, None, {**overrides, "data": data}
    return form, rows_in_memory(data), dict(overrides)


def load_request(
    config: AnyConfig, data: Any, overrides: Mapping[str, object], *changes: tuple[str, object]
) -> Loaded:
    """The config of a call with its rows and overrides, and `changes` after these.

    Raises as `read_request`, and ConfigError.
    """
    form, rows, settings = read_request(config, data, overrides)
    return load_config(form, [*as_overrides(settings), *changes], rows=rows)


def as_overrides(settings: Mapping[str, object]) -> list[tuple[str, object]]:
    """Keyword arguments as overrides: `training__batch_size` is training.batch_size."""
    return [(name.replace("__", "."), in_words(value)) for name, value in settings.items()]


def as_texts(settings: Mapping[str, object]) -> list[str]:
    """Keyword arguments as texts of --set: a value in JSON is one in YAML."""
    return [
        f"{key}={value if isinstance(value, str) else json.dumps(json_value(value))}"
        for key, value in as_overrides(settings)
    ]


def as_axes(axes: object) -> list[str]:
    """Texts of axes, or settings with their values, as texts of the command.

    Raises UsageError for a single value, TypeError.
    """
    if isinstance(axes, str):
        return [axes]
    if not isinstance(axes, Mapping):
        texts = list(axes) if isinstance(axes, Iterable) else [axes]
        words = 'axes are a mapping such as {"lr": [0.1, 1]}, or texts such as "lr=0.1,1"'
        return [str(require_path(text, words)) for text in texts]
    for key, values in axes.items():
        if isinstance(values, str) or not isinstance(values, Iterable):
            raise UsageError(f"The values of {key} are a list, such as {[values]!r:.60}.")
    return [
        f"{key}={json.dumps(json_value(in_words(list(axes[name]))))[1:-1]}"
        for name, key in ((name, name.replace("__", ".")) for name in axes)
    ]


def require_path(value: object, words: str) -> AnyPath:
    """A path or a name; TypeError, with what is wanted in words, for any other value."""
    if not isinstance(value, str | PathLike):
        raise TypeError(f"{words}, and not {type(value).__name__}.")
    return value


def find_run(run: AnyPath, runs: AnyPath | None = None) -> RunFolder:
    """The run folder of a path, a name, the beginning of a name, or "latest".

    Raises RunUnreadable without such a run, UsageError for several runs and for a sweep.
    """
    require_path(run, RUN_WORDS)
    try:
        if isinstance(run, str):
            return RunFolder.find(run, runs_folder(runs))
        return RunFolder.open(Path(run))
    except RunUnreadable:
        sweep = find_sweep(str(run), runs)
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


def find_trained(run: AnyRun, runs: AnyPath | None = None) -> Run:
    """A run, or the run that `find_training` finds."""
    return run if isinstance(run, Run) else Run(find_training(run, runs).path)
