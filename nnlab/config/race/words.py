"""Short forms in the config of a race, and the short names for `--set`.

function: himmelblau       -> {name: himmelblau}
function: {quadratic: 50}  -> {name: quadratic, condition: 50}
runs: [{sgd: 0.1}]         -> [{optimizer: {name: sgd, lr: 0.1}, schedule: {name: constant}}]
"""

from __future__ import annotations

from collections.abc import Callable

from nnlab.config.expand import member
from nnlab.config.families import LANDSCAPE, OPTIMIZER, SCHEDULE
from nnlab.config.overrides import Grammar
from nnlab.config.race.schema import KEYS
from nnlab.config.reshape import UnfitError
from nnlab.config.tree import Node

PARTS = {"optimizer": OPTIMIZER, "schedule": SCHEDULE}


def expand(root: Node) -> Node:
    """The tree in full form; what is neither short nor full stays as it is."""
    entries = root.entries or {}
    if "function" in entries:
        chosen = member(entries["function"], LANDSCAPE)
        root = root.with_entry("function", chosen, root.key_place("function"))
    runs = entries.get("runs")
    if runs is not None and runs.items is not None:
        full = Node([_runner(item) for item in runs.items], runs.place)
        root = root.with_entry("runs", full, root.key_place("runs"))
    return root


def _runner(item: Node) -> Node:
    """One entry of `runs` with its optimizer and its schedule spelled out."""
    if isinstance(item.value, str) or _names_optimizer(item):
        item = Node({"optimizer": item}, item.place, {"optimizer": item.place})
    if not item.entries:
        return item
    for key, family in PARTS.items():
        if key in item.entries:
            item = item.with_entry(key, member(item.entries[key], family), item.key_place(key))
        else:
            chosen = Node({"name": Node(family.default, item.place)}, item.place)
            item = item.with_entry(key, chosen, item.place)
    return item


def _names_optimizer(item: Node) -> bool:
    """Whether the item is `{adam: 0.1}` or `{adam: {lr: 0.1}}`."""
    keys = list(item.entries or {})
    return len(keys) == 1 and keys[0] in OPTIMIZER.members


def every(*path: str) -> Callable[[Node, Node], Node]:
    """A change of one setting in all runs."""

    def change(root: Node, value: Node) -> Node:
        runs = (root.entries or {}).get("runs")
        if runs is None or not runs.items:
            raise UnfitError("the config has no runs to change.")
        items = [_put(item, path, value) for item in runs.items]
        return root.with_entry("runs", Node(items, runs.place), root.key_place("runs"))

    return change


def _put(node: Node, path: tuple[str, ...], value: Node) -> Node:
    if not path:
        return value
    if node.entries is None:  # a mistake that is told already
        return node
    below = node.entries.get(path[0], Node({}, node.place))
    return node.with_entry(path[0], _put(below, path[1:], value), value.place)


GRAMMAR = Grammar(
    keys=KEYS,
    aliases={},
    reshapers={
        "lr": every("optimizer", "lr"),
        "learning_rate": every("optimizer", "lr"),
        "momentum": every("optimizer", "momentum"),
        "steps": every("steps"),
    },
    families={**PARTS, "function": LANDSCAPE},
    swapped={},
    expand=expand,
    homes={},
)
"""Every short name changes all runs; `runs.0.optimizer.lr` is a single one's."""
