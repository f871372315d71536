"""The two kinds of config, and a plain word when one is given where the other is meant."""

from __future__ import annotations

from pathlib import Path

from nnlab.config.files import decode, read_bytes
from nnlab.config.problems import Problems, clean
from nnlab.config.reader import read
from nnlab.config.schema import REQUIRED
from nnlab.config.tree import Node
from nnlab.errors import ConfigError

RACE = ("function", "runs")


def is_race(root: Node) -> bool:
    """Whether a tree has keys of a race, and none that only a training has."""
    keys = set(root.entries or ())
    return not keys.isdisjoint(RACE) and keys.isdisjoint(REQUIRED)


def describes_race(path: Path) -> bool:
    """Whether a file is the config of a race; False for what cannot be read at all."""
    try:
        return is_race(read(decode(read_bytes(path), str(path), path.parent), Problems()))
    except ConfigError:
        return False


def refuse_race(root: Node, shown: str) -> None:
    """Raises ConfigError for a race, where a training is expected."""
    if is_race(root):
        raise ConfigError(
            f"{clean(shown)} is a race of optimizers on a function, and trains no network: "
            f"`nnlab descend {clean(shown)}` runs it."
        )


def refuse_training(root: Node, shown: str) -> None:
    """Raises ConfigError for a training, where a race is expected."""
    keys = set(root.entries or ())
    if keys.isdisjoint(RACE) and not keys.isdisjoint(REQUIRED):
        raise ConfigError(
            f"{clean(shown)} trains a network, and is no race of optimizers on a function: "
            f"`nnlab train {clean(shown)}` runs it."
        )
