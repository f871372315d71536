"""The two kinds of config, a training and a race, and the command for each."""

from __future__ import annotations

from pathlib import Path

from nnlab.config.files import decode, read_bytes
from nnlab.config.problems import Problems, clean
from nnlab.config.reader import read
from nnlab.config.schema import REQUIRED
from nnlab.config.tree import Node
from nnlab.errors import ConfigError

# By command: keys that only this kind has, and the kind in words.
KINDS = {
    "train": (REQUIRED, "trains a network, and is no race of optimizers on a function"),
    "descend": (
        ("function", "runs"),
        "is a race of optimizers on a function, and trains no network",
    ),
}


def command_of(root: Node) -> str | None:
    """The command that runs a config; None for keys of both kinds or of neither."""
    keys = set(root.entries or ())
    commands = [command for command, (own, _) in KINDS.items() if not keys.isdisjoint(own)]
    return commands[0] if len(commands) == 1 else None


def describes_race(path: Path) -> bool:
    """Whether a file is the config of a race; False for a file that cannot be read."""
    try:
        root = read(decode(read_bytes(path), str(path), path.parent), Problems())
    except ConfigError:
        return False
    return command_of(root) == "descend"


def refuse_other_kind(root: Node, shown: str, command: str) -> None:
    """Raise ConfigError for a config that another command runs."""
    other = command_of(root)
    if other not in (None, command):
        path = clean(shown)
        raise ConfigError(f"{path} {KINDS[other][1]}: `nnlab {other} {path}` runs it.")
