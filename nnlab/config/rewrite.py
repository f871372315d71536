"""The YAML to write in place of a choice in a wrong form, for the message that refuses it.

{adam: 0.01, weight_decay: 0.1}  ->  {name: adam, lr: 0.01, weight_decay: 0.1}
{type: adam}                     ->  adam
{dense: 2, activation: relu}     ->  dense: 2, and relu as a layer of its own
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from nnlab.config.annotations import MisfitError, convert, hints, main_setting, required_fields
from nnlab.config.dump import flow
from nnlab.config.families import LAYER, Family
from nnlab.config.tree import Node, Place, Source, to_plain
from nnlab.suggest import certain_name, lookup, squeezed

NAMING = ("type", "kind", "class", "class_name", "cls", "algorithm", "method", "func", "_target_")
ACTIVATING = ("activation", "act", "nonlinearity", "activation_function")
CALL = re.compile(r"([A-Za-z_.0-9]*[A-Za-z_][0-9]?d?)[ :=(]+([0-9]{1,9}(?:\.[0-9]+)?)\)?")
MOST = 50  # values below a node that a message repeats
LONGEST = 200  # characters of YAML in a message


def names_member(entries: Mapping[str, Node], family: Family) -> bool:
    """Whether a mapping without `name` names a member of the family, or tries to."""
    tries = any(_naming(key, family) and isinstance(entries[key].value, str) for key in entries)
    return tries or _head(entries, family) is not None


def named_word(entries: Mapping[str, Node], family: Family) -> str:
    """The word that `type`, `kind` and the like name; empty if there is none."""
    words = (node.value for key, node in entries.items() if _naming(key, family))
    return next((word for word in words if isinstance(word, str)), "")


def _naming(key: str, family: Family) -> bool:
    if key in NAMING or squeezed(key) == squeezed(family.word.replace(" ", "")):
        return True
    row = lookup(key, (), "setting")  # {solver: adam}
    return row is not None and row.name == family.word


def rewritten(node: Node, family: Family, path: str, more: Iterable[str] = ()) -> str:
    """The sentence " Write `...`." for a mapping in a wrong form; empty if no form is certain.

    more: settings beside the member's own.
    """
    entries = node.entries or {}
    if not is_small(node):
        return ""
    head = _head(entries, family)
    if head is None:
        dropped: list[str] = []
        members = _fitting(entries, family, tuple(more))
    else:
        members, dropped = _members(entries, head, family, tuple(more))
    if not members or any(_lacks(*member, family) for member in members):
        return ""
    last = path.rpartition(".")[2]
    listed = last.isdigit()
    prefix = "- " if listed else f"{last}: "
    texts = [f"`{prefix}{_short(name, settings, family, listed)}`" for name, settings in members]
    if sum(map(len, texts)) > LONGEST or (len(members) > 1 and not listed):
        return ""
    lines = ", each on a line of its own" if len(texts) > 1 else ""
    unknown = "".join(f" {members[0][0]} has no setting '{key}'." for key in dropped)
    advice = "" if head is None else _advice(entries[head], head, family)
    return f" Write {' and '.join(texts)}{lines}.{unknown}{advice}"


def called(text: str, family: Family, path: str) -> str:
    """The same for `dense 10`, `dense:10` and `Dense(10)`, which are names without a blank."""
    match = CALL.fullmatch(text)
    place = Place(Source("", "", Path()))
    if match is None or not certain_name(match[1], family.members, family.word):
        return ""
    value = Node(float(match[2]) if "." in match[2] else int(match[2]), place)
    return rewritten(Node({match[1]: value}, place), family, path)


def unlisted(node: Node, family: Family, path: str) -> str:
    """The same for [adam], and for a number in place of a layer."""
    value = node.items[0] if node.items is not None and len(node.items) == 1 else node
    number = isinstance(value.value, int) and not isinstance(value.value, bool)
    if value is not node and isinstance(value.value, str):
        value = Node({"type": value}, value.place)
    elif family is LAYER and number:
        value = Node({"dense": value}, value.place)
    return rewritten(value, family, path) if value.entries else ""


def is_small(node: Node) -> bool:
    """Whether a value is whole and short enough to be repeated in a message."""
    parts = list(islice(node.walk(), MOST + 1))
    return len(parts) <= MOST and not node.is_bad()


def own_layer(key: str, value: Node) -> str:
    """The sentence for a layer that is written as a setting of another one; empty if it is none."""
    found = _member(key, value, LAYER)
    if found is None or not is_small(value):
        return ""
    return f" It is a layer of its own: write `- {_short(*found, LAYER)}` below."


def _head(entries: Mapping[str, Node], family: Family) -> str | None:
    """The key that names the member."""
    own = {*family.settings(family.default or ""), *family.other_keys}
    keys = [key for key in entries if key not in own]
    certain = [key for key in keys if _naming(key, family)] + [
        key for key in keys if key in family.members
    ]
    return next((key for key in [*certain, *keys] if _member(key, entries[key], family)), None)


def _member(key: str, value: Node, family: Family) -> tuple[str, dict[str, object]] | None:
    """The member and its settings that one entry means; None if it means none."""
    known = (*family.members, *family.other_names)
    if _naming(key, family) or (family is LAYER and key in ACTIVATING):
        inner = (value.entries or {}).get("name", value)  # {activation: {name: relu}}
        name = certain_name(inner.value, known, family.word) if isinstance(inner.value, str) else ""
        return (name, {}) if name else None
    name = certain_name(key, known, family.word)
    if not name:
        return None
    cls = family.members[family.other_names.get(name, name)]
    if value.entries is not None:
        return name, {inner: _written(node) for inner, node in value.entries.items()}
    main = main_setting(cls)
    value = _units(name, value)
    fits = key == name or _fits(cls, main, value)  # BatchNorm1d: 8 is a number of features
    return name, {main: _written(value)} if main and fits and value.value is not None else {}


def _units(name: str, value: Node) -> Node:
    """The second number of `Linear: [2, 3]`, whose first says how many inputs there are."""
    pair = value.items or ()
    return pair[1] if name == "dense" and len(pair) == 2 else value


def _fits(cls: type[Any], main: str | None, value: Node) -> bool:
    try:
        convert(hints(cls)[main or ""], to_plain(value))
    except (KeyError, MisfitError):
        return False
    return True


def _members(
    entries: Mapping[str, Node], head: str, family: Family, more: tuple[str, ...]
) -> tuple[list[tuple[str, dict[str, object]]], list[str]]:
    """The members that the entries mean, in their order, and the keys that mean nothing."""
    first = _member(head, entries[head], family)
    assert first is not None  # the head names one
    name, inner = first
    cls = family.members[family.other_names.get(name, name)]
    allowed = (*hints(cls), *more, *family.other_keys)
    others = {key: node for key, node in entries.items() if key != head}
    below = dict(entries[head].entries or dict.fromkeys(inner, _units(name, entries[head])))
    if _naming(head, family) or head in ACTIVATING:  # {activation: {name: relu}}
        below.pop("name", None)
    settings: dict[str, object] = {}
    members, dropped = [(name, settings)], []
    for key, node in {**below, **others}.items():
        member = _member(key, node, family)
        row = lookup(key, allowed, "setting")  # one with advice is not the same thing
        setting = "" if row is not None and row.advice else certain_name(key, allowed, "setting")
        if setting:
            settings[setting] = _written(node)
        elif member is not None:
            members.append(member)
        else:
            dropped.append(key)
    return members, dropped


def _fitting(
    entries: Mapping[str, Node], family: Family, more: tuple[str, ...]
) -> list[tuple[str, dict[str, object]]]:
    """The only member that has all these settings, if there is one."""
    settings = {key: _written(node) for key, node in entries.items()}
    fitting = [
        name
        for name, cls in family.members.items()
        if settings.keys() & set(hints(cls)) and settings.keys() <= {*hints(cls), *more}
    ]
    return [(fitting[0], settings)] if len(fitting) == 1 else []


def _written(node: Node) -> object:
    """The value as the text had it: a path was made absolute since."""
    if isinstance(node.value, str):
        return node.value.removeprefix(f"{node.place.source.folder}{os.sep}")
    return to_plain(node)


def _lacks(name: str, settings: Mapping[str, object], family: Family) -> bool:
    """Whether a member needs a setting that is not there, as the units of `dense`."""
    cls = family.members[family.other_names.get(name, name)]
    return not settings.keys() >= set(required_fields(cls))


def _short(name: str, settings: Mapping[str, object], family: Family, listed: bool = True) -> str:
    """A member in its shortest form: `relu`, `dense: 2` or `{name: dense, units: 2, ...}`."""
    cls = family.members[family.other_names.get(name, name)]
    if not settings:
        return name
    if list(settings) == [main_setting(cls)]:
        pair = flow({name: next(iter(settings.values()))})
        return pair[1:-1] if listed else pair
    return flow({"name": name, **settings})


def _advice(value: Node, head: str, family: Family) -> str:
    """What the table of synonyms says about the word that was used."""
    word = str(value.value) if _naming(head, family) or head in ACTIVATING else head
    row = None if word in family.members else lookup(word, family.members, family.word)
    return f" {row.advice}" if row and row.advice and not row.advice.startswith("Write") else ""
