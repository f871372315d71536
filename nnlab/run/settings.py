"""YAML files of run folders as plain values, to compare, filter and show."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from nnlab.config.files import decode
from nnlab.config.problems import Problems
from nnlab.config.tree import to_plain
from nnlab.config.yaml12 import read_yaml
from nnlab.errors import ConfigError, RunUnreadable
from nnlab.run import durable
from nnlab.run.text import shown, unreadable

BESIDE_TRAINING: Final = ("sweeps", "expect")  # keys of a config that change no training


def training_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a config without those that change no training."""
    return {key: value for key, value in settings.items() if key not in BESIDE_TRAINING}


def read_settings(path: Path) -> dict[str, Any]:
    """A YAML file as nested values, also with unknown settings.

    Raises RunUnreadable if it is missing or holds no mapping.
    """
    problems = Problems()
    try:
        source = decode(durable.read_file(path), str(path), path.parent)
        content = to_plain(read_yaml(source, problems))
        problems.raise_any()
    except ConfigError as error:
        raise RunUnreadable(f"Cannot read {shown(path)}: {error}") from error
    if not isinstance(content, dict):
        raise unreadable(path, "it holds no settings")
    return content


def dotted(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Every setting by its key in `--set`: `optimizer.lr`, `network.0.units`.

    A list of anything but mappings (layers) is a single value.
    """
    flat: dict[str, Any] = {}
    for key, inner in value.items():
        name = f"{prefix}{key}"
        if isinstance(inner, list) and inner and all(isinstance(item, Mapping) for item in inner):
            inner = {str(index): item for index, item in enumerate(inner)}
        if isinstance(inner, Mapping) and inner:
            flat |= dotted(inner, f"{name}.")
        else:
            flat[name] = inner
    return flat
