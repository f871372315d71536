"""Where configs are: a path, or the name of one that ships with nnlab."""

from __future__ import annotations

from pathlib import Path

import nnlab
from nnlab.config.problems import clean
from nnlab.errors import ConfigError
from nnlab.suggest import did_you_mean


def shipped_folder() -> Path:
    """nnlab/configs in an installed package, configs/ beside nnlab/ in a checkout."""
    package = Path(nnlab.__path__[0])
    inside = package / "configs"
    return inside if inside.is_dir() else package.parent / "configs"


def shipped() -> dict[str, Path]:
    """The shipped configs by name, sorted."""
    return {path.stem: path for path in sorted(shipped_folder().glob("*.yaml"))}


def locate(config: str | Path) -> Path:
    """The file that is meant: an existing path first, else a shipped name, with - for _ allowed.

    Raises ConfigError that names the nearest shipped config.
    """
    path = Path(config)
    if str(config) == "-":
        raise ConfigError("Standard input is not read: a config is a file, or shipped.")
    try:
        if path.exists() and not path.is_dir():
            return path
    except (OSError, ValueError):
        raise ConfigError(f"{clean(str(config))} is no usable path.") from None
    known = shipped()
    name = str(config).removesuffix(".yaml").replace("-", "_")
    if name in known:
        return known[name]
    if path.is_dir():
        raise ConfigError(f"{clean(str(config))} is a folder; a config is a YAML file.")
    sentence = f"There is no file {clean(str(config))}, and no shipped config of that name."
    hint = did_you_mean(path.stem, known)
    raise ConfigError(f"{sentence}{hint}\n    shipped: {', '.join(known)}")
