"""From the short forms that people write to the one full form; nothing is refused here.

    data: xor             -> {name: xor}
    dense: 256            -> {name: dense, units: 256}
    {normal: 0.1}         -> {name: normal, std: 0.1}
    {adam: {lr: 0.1}}     -> {name: adam, lr: 0.1}

What is neither short nor full stays as it is, and `construct` says what is wrong with it.
Expanding twice changes nothing.
"""

from __future__ import annotations

from nnlab.config.families import (
    AUGMENTATION,
    INITIALIZER,
    LAYER,
    LOSS,
    OPTIMIZER,
    SCHEDULE,
    SOURCE,
    Family,
    family_of,
)
from nnlab.config.hints import hints, main_setting
from nnlab.config.rewrite import names_member
from nnlab.config.tree import Node

TOP = {
    "data": SOURCE,
    "init": INITIALIZER,
    "loss": LOSS,
    "optimizer": OPTIMIZER,
    "schedule": SCHEDULE,
}


def expand(root: Node) -> Node:
    """The tree in full form; the families with a default member are filled in."""
    if root.entries is None:
        return root
    for key, family in TOP.items():
        node = root.entries.get(key)
        if node is not None:
            root = root.with_entry(key, member(node, family), root.key_place(key))
        elif family.default is not None:
            chosen = Node({"name": Node(family.default, root.place)}, root.place)
            root = root.with_entry(key, chosen, root.place)
    root = _with_list(root, "network", LAYER)
    training = (root.entries or {}).get("training")
    if training is not None and training.entries is not None:
        training = _with_list(training, "augment", AUGMENTATION)
        root = root.with_entry("training", training, root.key_place("training"))
    return root


def _with_list(node: Node, key: str, family: Family) -> Node:
    """The mapping with each item of the list at `key` in full form."""
    listed = (node.entries or {}).get(key)
    if listed is None or listed.items is None:
        return node
    full = Node([member(item, family) for item in listed.items], listed.place)
    return node.with_entry(key, full, node.key_place(key))


def member(node: Node, family: Family) -> Node:
    """One choice from a family as {name: ..., setting: ...}."""
    if isinstance(node.value, str):
        node = Node({"name": node}, node.place, {"name": node.place})
    if not node.entries or (family is INITIALIZER and "run" in node.entries):
        return node
    if "name" not in node.entries:
        node = _named(node, family)
    if "name" not in (node.entries or {}):
        return node
    return _nested(_renamed(node, family), family)


def _named(node: Node, family: Family) -> Node:
    """{dense: 5} or {dense: {units: 5}} with its name spelled out, or the default's name added."""
    entries = node.entries or {}
    key, content = next(iter(entries.items()))
    known, alone = key in family.members or key in family.other_names, len(entries) == 1
    if not (known and alone) and names_member(entries, family):
        return node
    if alone and (known or content.entries is not None or family.default is None):
        return _from_pair(node, key, content, family)
    if family.default is None:
        return node
    return _with_name(node, Node(family.default, node.place))


def _from_pair(node: Node, key: str, content: Node, family: Family) -> Node:
    """The full form of a mapping with one entry, `key: content`."""
    name = Node(key, node.key_place(key))
    if content.entries is not None:
        return node if "name" in content.entries else _with_name(content, name)
    cls = family.members.get(family.other_names.get(key, key))
    main = None if cls is None else main_setting(cls)
    alone = Node({"name": name}, node.place, {"name": name.place})
    if content.value is None or cls is None:
        return alone
    # A member without settings: an entry of its own name, which construct refuses with a reason.
    return alone.with_entry(main or key, content)


def _with_name(settings: Node, name: Node) -> Node:
    entries = {"name": name, **(settings.entries or {})}
    return Node(entries, name.place, {"name": name.place, **settings.keys})


def _renamed(node: Node, family: Family) -> Node:
    """Other names of the member and of its settings replaced by the catalogue's."""
    entries = dict(node.entries or {})
    name = entries["name"]
    if isinstance(name.value, str) and name.value in family.other_names:
        entries["name"] = Node(family.other_names[name.value], name.place)
    keys = dict(node.keys)
    for other, real in family.other_keys.items():
        if other in entries and real not in entries:
            entries[real] = entries.pop(other)
            keys[real] = keys.pop(other, node.place)
    return Node(entries, node.place, keys)


def _nested(node: Node, family: Family) -> Node:
    """Settings that are members of a family themselves: the `init` of a layer."""
    entries = node.entries or {}
    cls = family.members.get(str(entries["name"].value))
    for key, hint in ({} if cls is None else hints(cls)).items():
        inner = family_of(hint)
        if inner is not None and key in entries:
            node = node.with_entry(key, member(entries[key], inner), node.key_place(key))
    return node
