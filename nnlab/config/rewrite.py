"""The YAML to write in place of a choice in a wrong form, for the message that refuses it.

{adam: 0.01, weight_decay: 0.1}  ->  {name: adam, lr: 0.01, weight_decay: 0.1}
{type: adam}                     ->  adam
{dense: 2, activation: relu}     ->  dense: 2, and relu as a layer of its own
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from nnlab.config.annotations import (
    MisfitError,
    convert,
    hints,
    item_hint,
    main_setting,
    required_fields,
)
from nnlab.config.dump import flow
from nnlab.config.families import LAYER, Family, family_of
from nnlab.config.tree import Node, Place, Source, to_plain
from nnlab.suggest import certain_name, lookup, squeezed

NAMING = ("type", "kind", "class", "class_name", "cls", "algorithm", "method", "func", "_target_")
ACTIVATING = ("activation", "act", "nonlinearity", "activation_function")
CALL = re.compile(r"([A-Za-z_.0-9]*[A-Za-z_][0-9]?d?)[ :=(]+([0-9]{1,9}(?:\.[0-9]+)?)\)?")
MOST = 50  # values below a node that a message repeats
LONGEST = 200  # characters of YAML in a message


@dataclass(frozen=True)
class _Guess:
    """The member that an entry means, with its settings."""

    name: str
    cls: type[Any]
    settings: dict[str, Node]

    @property
    def is_complete(self) -> bool:
        return self.settings.keys() >= set(required_fields(self.cls))

    def text(self, listed: bool = True) -> str:
        """The shortest form: `relu`, `dense: 2` or `{name: dense, units: 2, ...}`."""
        settings = {key: _as_written(node) for key, node in self.settings.items()}
        if not settings:
            return self.name
        if list(settings) == [main_setting(self.cls)]:
            pair = flow({self.name: next(iter(settings.values()))})
            return pair[1:-1] if listed else pair
        return flow({"name": self.name, **settings})


def names_member(entries: Mapping[str, Node], family: Family) -> bool:
    """Whether a mapping without `name` names a member of the family, or tries to."""
    return bool(named_word(entries, family)) or _head(entries, family) is not None


def named_word(entries: Mapping[str, Node], family: Family) -> str:
    """The word that `type`, `kind` and the like name; empty if there is none."""
    words = (node.value for key, node in entries.items() if _is_naming(key, family))
    return next((word for word in words if isinstance(word, str)), "")


def rewritten(node: Node, family: Family, path: str, more: Iterable[str] = ()) -> str:
    """The sentence " Write `...`." for a mapping in a wrong form; empty if no form is certain.

    more: settings beside the member's own.
    """
    entries = node.entries or {}
    if not is_small(node):
        return ""
    head = _head(entries, family)
    if head is None:
        return _write(_only_owner(entries, family, more), path)
    guesses, remarks = _guesses(entries, head, family, more)
    sentence = _write(guesses, path)
    return sentence and sentence + remarks


def _write(guesses: list[_Guess], path: str) -> str:
    last = path.rpartition(".")[2]
    listed = last.isdigit()
    prefix = "- " if listed else f"{last}: "
    texts = [f"`{prefix}{guess.text(listed)}`" for guess in guesses if guess.is_complete]
    possible = 0 < len(texts) == len(guesses) and (listed or len(texts) == 1)
    if not possible or sum(map(len, texts)) > LONGEST:
        return ""
    return f" Write {' and '.join(texts)}{', each on a line of its own' * (len(texts) > 1)}."


def called(text: str, family: Family, path: str) -> str:
    """The same for `dense 10`, `dense:10` and `Dense(10)`."""
    match = CALL.fullmatch(text)
    if match is None or not certain_name(match[1], family.members, family.word):
        return ""
    place = Place(Source("", "", Path()))
    value = Node(float(match[2]) if "." in match[2] else int(match[2]), place)
    return rewritten(Node({match[1]: value}, place), family, path)


def unlisted(node: Node, family: Family, path: str) -> str:
    """The same for [adam], and for a number in place of a layer."""
    value = node.items[0] if node.items is not None and len(node.items) == 1 else node
    if value is not node and isinstance(value.value, str):
        value = Node({"type": value}, value.place)
    elif family is LAYER and type(value.value) is int:
        value = Node({"dense": value}, value.place)
    return rewritten(value, family, path) if value.entries else ""


def own_layer(family: Family, key: str, value: Node) -> str:
    """The sentence for a layer that is written as a setting of another one; empty if it is none."""
    guess = _guess(key, value, family) if family is LAYER else None
    if guess is None or not is_small(value):
        return ""
    return f" It is a layer of its own: write `- {guess.text()}` below."


def is_small(node: Node) -> bool:
    """Whether a value is whole and short enough to be repeated in a message."""
    return len(list(islice(node.walk(), MOST + 1))) <= MOST and not node.is_bad()


def _is_naming(key: str, family: Family) -> bool:
    if key in NAMING or squeezed(key) == squeezed(family.word.replace(" ", "")):
        return True
    row = lookup(key, (), "setting")  # {solver: adam}
    return row is not None and row.name == family.word


def _is_named_by_value(key: str, family: Family) -> bool:
    """Whether the value of this key is a member's name; else the key itself may be one."""
    return _is_naming(key, family) or (family is LAYER and key in ACTIVATING)


def _head(entries: Mapping[str, Node], family: Family) -> str | None:
    """The key that names the member."""
    own = {*family.settings(family.default or ""), *family.other_keys}
    keys = [key for key in entries if key not in own]
    keys.sort(key=lambda key: (not _is_naming(key, family), key not in family.members))
    return next((key for key in keys if _guess(key, entries[key], family)), None)


def _guess(key: str, value: Node, family: Family) -> _Guess | None:
    """The member that an entry means; None if it means none."""
    settings = dict(value.entries or {})
    by_value = _is_named_by_value(key, family)
    word = settings.pop("name", value).value if by_value else key  # {activation: {name: relu}}
    known = (*family.members, *family.other_names)
    name = certain_name(word, known, family.word) if isinstance(word, str) else ""
    cls = family.member(name)
    if cls is None:
        return None
    if not by_value and value.entries is None:
        settings = _main_setting(name, cls, value, certain=key == name)
    return _Guess(name, cls, settings)


def _main_setting(name: str, cls: type[Any], value: Node, certain: bool) -> dict[str, Node]:
    """The main setting with this value, if it can have it: BatchNorm1d: 8 counts features."""
    pair = value.items or ()  # Linear: [2, 3] has 2 inputs
    value = pair[1] if name == "dense" and len(pair) == 2 else value
    main = main_setting(cls)
    if main is None or value.value is None:
        return {}
    try:
        convert(hints(cls)[main], to_plain(value))
    except MisfitError:
        return {main: value} if certain else {}
    return {main: value}


def _guesses(
    entries: Mapping[str, Node], head: str, family: Family, more: Iterable[str]
) -> tuple[list[_Guess], str]:
    """The members that the entries mean, in their order, and remarks about single words."""
    first = _guess(head, entries[head], family)
    if first is None:
        return [], ""
    allowed = (*hints(first.cls), *more, *family.other_keys)
    guesses, remarks = [_Guess(first.name, first.cls, {})], ""
    others = {key: node for key, node in entries.items() if key != head}
    for key, node in {**first.settings, **others}.items():
        row = lookup(key, allowed, "setting")  # one with advice is not the same thing
        setting = "" if row is not None and row.advice else certain_name(key, allowed, "setting")
        if setting:
            guesses[0].settings[setting] = node
        elif guess := _guess(key, node, family):
            guesses.append(guess)
        else:
            remarks += f" {first.name} has no setting '{key}'."
    return guesses, remarks + _advice(head, entries[head], family)


def _advice(head: str, value: Node, family: Family) -> str:
    """What the table of synonyms adds about the word that names the member."""
    word = str(value.value) if _is_named_by_value(head, family) else head
    row = None if word in family.members else lookup(word, family.members, family.word)
    return f" {row.advice}" if row and row.advice and not row.advice.startswith("Write") else ""


def _only_owner(entries: Mapping[str, Node], family: Family, more: Iterable[str]) -> list[_Guess]:
    """The only member that has all these settings, if there is one."""
    owners = [
        _Guess(name, cls, dict(entries))
        for name, cls in family.members.items()
        if entries.keys() & set(hints(cls)) and entries.keys() <= {*hints(cls), *more}
    ]
    return owners if len(owners) == 1 else []


def _as_written(node: Node) -> object:
    """The value as the text had it: a path was made absolute since."""
    if isinstance(node.value, str):
        return node.value.removeprefix(f"{node.place.source.folder}{os.sep}")
    return to_plain(node)


def members_allowed(hint: Any) -> str:
    """A member of which family, or a list of which members, a field takes; '' for other fields."""
    family, listed = family_of(hint), family_of(item_hint(hint))
    return family.choice if family else f"a list of {listed.plural}" if listed else ""
