"""The tree between text and settings: plain values, each with its place in the text."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Final, Literal

Scalar = str | int | float | bool | None


class Bad(Enum):
    """Stands for a value that was refused already, so that it is not reported again."""

    BAD = "bad"


BAD: Final = Bad.BAD
BLANK: Final = "???"  # a value that a template leaves open


@dataclass(frozen=True)
class Source:
    """A text that settings come from: a file, one `--set`, or values from Python."""

    name: str  # for messages: the file's path as the user wrote it, or "--set"
    text: str
    folder: Path  # relative paths in the text start here
    kind: Literal["file", "set", "values"] = "file"


@dataclass(frozen=True)
class Place:
    """A position in a source; line and column count from 1, and line 0 means: no position."""

    source: Source
    line: int = 0
    column: int = 0


@dataclass(frozen=True)
class Node:
    """A value and its place; a mapping also has the place of each of its keys."""

    value: Scalar | Bad | dict[str, Node] | list[Node]
    place: Place
    keys: Mapping[str, Place] = field(default_factory=dict)

    @property
    def entries(self) -> dict[str, Node] | None:
        """The entries of a mapping, else None."""
        return self.value if isinstance(self.value, dict) else None

    @property
    def items(self) -> list[Node] | None:
        """The items of a list, else None."""
        return self.value if isinstance(self.value, list) else None

    def key_place(self, key: str) -> Place:
        """Where `key` stands; the mapping's own place for a key that was filled in."""
        return self.keys.get(key, self.place)

    def with_entry(self, key: str, node: Node, place: Place | None = None) -> Node:
        """A copy of this mapping in which `key` is `node`; a new key comes last.

        place: of the key; by default its place so far, for a new key the place of `node`.
        """
        keys = {**self.keys, key: place or self.keys.get(key, node.place)}
        return Node({**(self.entries or {}), key: node}, self.place, keys)

    def without(self, key: str) -> Node:
        """A copy of this mapping without `key`."""
        entries = {name: node for name, node in (self.entries or {}).items() if name != key}
        return Node(entries, self.place, {k: p for k, p in self.keys.items() if k != key})

    def walk(self) -> Iterator[Node]:
        """The node itself and every node below it."""
        yield self
        for _, child in self.pairs():
            yield from child.walk()

    def pairs(self) -> Iterable[tuple[str | int, Node]]:
        """The nodes directly below, with their keys or indices."""
        if isinstance(self.value, dict):
            return self.value.items()
        return enumerate(self.value if isinstance(self.value, list) else ())

    def is_bad(self) -> bool:
        """Whether a value in here was refused while it was read."""
        return any(node.value is BAD for node in self.walk())


def find_node(node: Node, *path: str | int) -> Node:
    """The node at `path`, or the deepest existing node on the way."""
    for step in path:
        if isinstance(step, int) and node.items is not None and step < len(node.items):
            node = node.items[step]
        elif isinstance(step, str) and node.entries is not None and step in node.entries:
            node = node.entries[step]
        else:
            break
    return node


def to_plain(node: Node) -> object:
    """The tree as dicts, lists and scalars."""
    if isinstance(node.value, dict):
        return {key: to_plain(child) for key, child in node.value.items()}
    if isinstance(node.value, list):
        return [to_plain(child) for child in node.value]
    return node.value


def from_plain(value: object, place: Place) -> Node:
    """A tree of Python values, all at one place.

    Raises TypeError or ValueError for a value that YAML cannot hold: a set, an object, a key that
    is no text, nan.
    """
    if isinstance(value, Node):
        return value
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"a key must be text, not {key!r:.60}")
        entries = {str(key): from_plain(child, place) for key, child in value.items()}
        return Node(entries, place, dict.fromkeys(entries, place))
    if isinstance(value, list | tuple):
        return Node([from_plain(child, place) for child in value], place)
    return Node(_scalar(value), place)


def _scalar(value: object) -> Scalar:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, numbers.Integral):  # also NumPy's
        return finite(int(value))
    if isinstance(value, numbers.Real):
        return finite(float(value))
    if isinstance(value, Path):
        return str(value)
    raise TypeError(
        f"a setting is a number, a text, a list or a mapping, not {type(value).__name__}"
    )


def finite(value: int | float) -> int | float:
    """The same number; raises ValueError for nan, inf and whole numbers beyond 64 bits."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("nan and inf are no values for a setting, nor is more than 1.8e308.")
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError("this whole number does not fit into 64 bits.")
    return value
