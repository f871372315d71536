"""From the short forms that people write to the full form; nothing is refused here.

    data: xor             -> {name: xor}
    dense: 256            -> {name: dense, units: 256}
    {normal: 0.1}         -> {name: normal, std: 0.1}
    {adam: {lr: 0.1}}     -> {name: adam, lr: 0.1}

What is neither short nor full stays as it is, and `builder` says what is wrong with it.
A tree in full form stays the same object.
"""

from __future__ import annotations

from typing import Any

from nnlab.config.annotations import hints, item_hint, main_setting, required_fields
from nnlab.config.families import Family, family_of, inline_parts, record_of, records_of
from nnlab.config.rewrite import names_member
from nnlab.config.tree import Node, find_node


def expand(node: Node, cls: type) -> Node:
    """The settings of a record in full form; families with a default member are filled in."""
    inline = inline_parts(cls)
    for hint in inline.values():
        node = _expanded(node, hint) if family_of(hint) else node
    entries = node.entries
    if entries is None:
        return node
    for key, hint in hints(cls).items():
        if key in inline:
            continue
        if key in entries:
            full: Node | None = _expanded(entries[key], hint)
        else:
            full = _default_part(hint, node) if key in required_fields(cls) else None
        if full is not None and full is not entries.get(key):
            node = node.with_entry(key, full)
    return node


def _default_part(hint: Any, node: Node) -> Node | None:
    """The default member of a family, or a record without required fields; else None."""
    family, record = family_of(hint), record_of(hint)
    if family is not None and family.default:
        return Node({"name": Node(family.default, node.place)}, node.place)
    if record is not None and not required_fields(record):
        return Node({}, node.place)
    return None


def _expanded(node: Node, hint: Any) -> Node:
    """The value of a field in full form."""
    family, inner = family_of(hint), item_hint(hint)
    if record := named_record(node, hint):
        return expand(node, record)
    if family is not None:
        return full_member(node, family)
    if inner is not None and node.items is not None:
        items = [_expanded(item, inner) for item in node.items]
        changed = any(new is not old for new, old in zip(items, node.items, strict=True))
        return Node(items, node.place) if changed else node
    return node


def named_record(node: Node, hint: Any) -> type[Any] | None:
    """The record that a value is, by its keys: {run: PATH}; None for a member of a family."""
    keys = set(node.entries or ())
    named = (record for record in records_of(hint) if keys & set(required_fields(record)))
    return next(named, None if family_of(hint) else record_of(hint))


def full_member(node: Node, family: Family) -> Node:
    """One choice from a family as {name: ..., setting: ...}."""
    if isinstance(node.value, str):
        node = Node({"name": node}, node.place, {"name": node.place})
    if node.entries and "name" not in node.entries:
        node = _named(node, family)
    if "name" not in (node.entries or {}):
        return node
    node = _renamed(node, family)
    cls = family.members.get(str(find_node(node, "name").value))
    return node if cls is None else expand(node, cls)


def _named(node: Node, family: Family) -> Node:
    """{dense: 5} or {dense: {units: 5}} with its name spelled out, or the default's name added."""
    entries = node.entries or {}
    key, content = next(iter(entries.items()))
    known, alone = family.member(key) is not None, len(entries) == 1
    if not (known and alone) and names_member(entries, family):
        return node
    if alone and (known or content.entries is not None or family.default is None):
        return _from_pair(node, key, content, family)
    return node if family.default is None else _with_name(node, Node(family.default, node.place))


def _from_pair(node: Node, key: str, content: Node, family: Family) -> Node:
    """The full form of a mapping with one entry, `key: content`."""
    name, cls = Node(key, node.key_place(key)), family.member(key)
    if content.entries is not None:
        return node if "name" in content.entries else _with_name(content, name)
    alone = Node({"name": name}, node.place, {"name": name.place})
    if content.value is None or cls is None:
        return alone
    # A member without settings: an entry of its own name, which `builder` refuses with a reason.
    return alone.with_entry(main_setting(cls) or key, content)


def _with_name(settings: Node, name: Node) -> Node:
    entries = {"name": name, **(settings.entries or {})}
    return Node(entries, name.place, {"name": name.place, **settings.keys})


def _renamed(node: Node, family: Family) -> Node:
    """Other names of the member and of its settings replaced by the catalogue's."""
    name = find_node(node, "name")
    if (real := family.other_names.get(str(name.value))) is not None:
        node = node.with_entry("name", Node(real, name.place))
    for key, real in family.other_keys.items():
        entries = node.entries or {}
        if key in entries and real not in entries:
            node = node.without(key).with_entry(real, entries[key], node.key_place(key))
    return node
