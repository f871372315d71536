"""Rows of a Python program in place of the data set that a config names."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from nnlab.config.annotations import hints
from nnlab.config.families import SOURCE
from nnlab.config.schema import Config, Data
from nnlab.config.short_forms import expand
from nnlab.config.tree import Node, find_node
from nnlab.data.dataset import DataSource
from nnlab.data.memory import Memory
from nnlab.data.split import Split

# The keys of `data` that are about any rows.
ABOUT_DATA = ("name", *hints(Split), *hints(Data))
SCALES = tuple(key for key in hints(Data) if key not in ("source", "split"))


@dataclass(frozen=True)
class GivenRows:
    """Rows that take the place of the data set which a config names.

    held_by: the data set that holds them, from the config's `memory`; any other stays. keys: what
    else of the config's section `data` stays.
    """

    held_by: Callable[[DataSource], DataSource]
    keys: Sequence[str]


def rows_in_memory(data: Any) -> GivenRows | None:
    """The rows (x, y), or of a data frame, for a config; None without data."""

    @cache  # all trials of a sweep have the same rows
    def hold(source: DataSource) -> DataSource:
        return source.reading(data) if isinstance(source, Memory) else source

    of_split = (key for key in hints(Split) if key != "pool")  # which is about an official part
    keys = (*of_split, *SCALES, "learn", *hints(Memory))
    return None if data is None else GivenRows(hold, keys)


def given_memory(config: Config) -> Memory | None:
    """The data set of a config that holds its rows; None for any other."""
    return config.data.source if isinstance(config.data.source, Memory) else None


def with_memory(root: Node, keys: Sequence[str]) -> Node:
    """The tree with the data set `memory`; these keys of `data` stay, also without a name."""
    if root.entries is None:
        return root
    data = root.entries.get("data", Node({}, root.place))
    full = (expand(root, Config).entries or {}).get("data", data)
    if SOURCE.member(str(find_node(full, "name").value)):  # {csv: {test: 0.2}}, not {test: 0.2}
        data = full
    entries = {
        key: node
        for key, node in (data.entries or {}).items()
        if key in keys or not (key in ABOUT_DATA or SOURCE.owners(key))  # a mistake stays
    }
    if find_node(data, "validation").value == "test" and "test" not in keys:
        entries.pop("validation")
    entries["name"] = Node("memory", data.place)
    return root.with_entry("data", Node(entries, data.place, data.keys), data.place)
