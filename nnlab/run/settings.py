"""The config of a finished run as plain values, without building it: to compare and to filter."""

from collections.abc import Mapping
from typing import Any

from nnlab.config.files import decode
from nnlab.config.problems import Problems
from nnlab.config.tree import to_plain
from nnlab.config.yaml12 import read_yaml
from nnlab.errors import ConfigError, RunUnreadable
from nnlab.run.folder import RESOLVED, RunFolder
from nnlab.run.text import shown


def settings(folder: RunFolder) -> dict[str, Any]:
    """resolved.yaml as nested values: also one of another version, with settings unknown here.

    Raises:
        RunUnreadable: it is missing, or not a config.
        StorageError: the system refused.
    """
    path, problems = folder.path / RESOLVED, Problems()
    try:
        found = to_plain(
            read_yaml(decode(folder.read_resolved().encode(), str(path), path.parent), problems)
        )
        problems.raise_any()
    except ConfigError as error:
        raise RunUnreadable(f"Cannot read {shown(path)}: {error}") from error
    if not isinstance(found, dict):
        raise RunUnreadable(f"Cannot read {shown(path)}: it holds no settings.")
    return found


def dotted(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Every setting by its dotted key, `optimizer.lr`, `network.0.units`, as `--set` writes it.

    Mappings, and lists of them (the layers), are entered; another list is one value.
    """
    found: dict[str, Any] = {}
    for key, inner in value.items():
        name = f"{prefix}{key}"
        if isinstance(inner, list) and inner and all(isinstance(one, Mapping) for one in inner):
            inner = {str(index): one for index, one in enumerate(inner)}
        if isinstance(inner, Mapping) and inner:
            found |= dotted(inner, f"{name}.")
        else:
            found[name] = inner
    return found
