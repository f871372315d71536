"""`extends: base.yaml`: a config that holds only what differs from another one."""

from __future__ import annotations

from pathlib import Path

from nnlab.config.files import decode, locate, read_bytes
from nnlab.config.problems import Problems, fail
from nnlab.config.schema import Data
from nnlab.config.short_forms import expand
from nnlab.config.tree import Node
from nnlab.config.yaml12 import read_yaml
from nnlab.data.sources import ALIASES, SOURCES
from nnlab.errors import ConfigError

EXTENDS = "extends"
KNOWN = "\n    shipped: "  # before the names in a message of `locate`
MEANING = (
    "another config file, or the name of a shipped one, whose settings hold where this file has "
    "none. data, training, expect and sweeps are completed key by key; every other key, and data "
    "with a name of its own, replaces that of the other file. Each relative path starts at the "
    "folder of the file in which it stands."
)
MOST = 20  # files in a row
COMPLETED = ("data", "training", "expect", "sweeps")


def with_base(root: Node, problems: Problems, files: tuple[Path, ...]) -> Node:
    """The tree of a config, completed by the config that it extends, and so on.

    files: the resolved paths that led here, the config itself last. Every node keeps its place, so
    a message names the file in which the mistake stands. Raises ConfigError without that file.
    """
    node = (root.entries or {}).get(EXTENDS)
    if node is None:
        return root
    own, word = root.without(EXTENDS), node.value if isinstance(node.value, str) else ""
    try:
        if not word:
            raise ConfigError(f"{EXTENDS} names no file.{KNOWN}the path of a config, or a name")
        file = files[-1].parent / word
        is_name = not (file.exists() or file.suffix)  # xor.yaml is never the shipped one
        path = locate(word if is_name else file)
        if path.resolve() in files:
            raise ConfigError(f"{path} leads back to itself by {EXTENDS}.")
        if len(files) > MOST:
            raise ConfigError(f"More than {MOST} files in a row have {EXTENDS}.")
        source = decode(read_bytes(path), str(path), path.resolve().parent)
    except ConfigError as error:
        sentence, _, known = str(error).partition(KNOWN)
        problems.add(node.place, sentence, known)
        fail(problems.noted)  # without the file, each of its keys would seem to be missing
    base = with_base(read_yaml(source, problems), problems, (*files, path.resolve()))
    return _completed(own, base.without("name"))


def _completed(own: Node, base: Node) -> Node:
    """The entries of `base`, replaced or completed by those of `own`."""
    sections = base.entries or {}
    for key, node in (own.entries or {}).items():
        if key in sections and _is_completed(key, node):
            earlier = sections[key]
            node = _updated(expand(earlier, Data) if key == "data" else earlier, node)
        own = own.with_entry(key, node)
    return _updated(base, own)


def _updated(base: Node, own: Node) -> Node:
    for key, node in (own.entries or {}).items():
        base = base.with_entry(key, node, own.key_place(key))
    return base


def _is_completed(key: str, node: Node) -> bool:
    if key not in COMPLETED or node.entries is None:
        return False
    return key != "data" or {"name", *SOURCES, *ALIASES}.isdisjoint(node.entries)
