"""Values of dataclass fields from nodes of the tree; what does not fit is noted with its place."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass
from typing import Any, NoReturn, TypeVar

from nnlab.config.dump import flow
from nnlab.config.families import LAYER, Family, family_of, family_of_items
from nnlab.config.hints import MisfitError, allowed, choices, convert, default, hints, options
from nnlab.config.problems import Problems, show
from nnlab.config.rewrite import (
    NAMING,
    called,
    is_small,
    named_word,
    names_member,
    own_layer,
    rewritten,
    unlisted,
)
from nnlab.config.tree import BAD, Node, find, plain
from nnlab.suggest import did_you_mean, lookup, meant

T = TypeVar("T")
NUMBER = re.compile(r"([-+]?[0-9][0-9_]*(?:[.,][0-9]+)?(?:e[-+]?[0-9]+)?)\s*(%?)", re.ASCII)
LONGEST = 60  # characters of a value that a message repeats


class RefusedError(Exception):
    """A value cannot be had; the reason was noted where it was found."""


@dataclass(frozen=True)
class Settings:
    """Reads nodes as settings. Every method raises RefusedError after it noted why.

    homes: settings -> their paths, for one that stands elsewhere.
    """

    problems: Problems
    homes: Mapping[str, str]

    def attempt(self, build: Callable[..., T], *arguments: Any) -> T | None:
        """What `build(*arguments)` returns, or None if it was refused."""
        try:
            return build(*arguments)
        except RefusedError:
            return None

    def refuse(self, node: Node, sentence: str, allowed: str = "", hint: str = "") -> NoReturn:
        """Note a problem and give up on the value."""
        self.problems.add(node.place, sentence, allowed, hint)
        raise RefusedError

    def mapping(
        self, node: Node, path: str, keys: Iterable[str], hint: str = ""
    ) -> dict[str, Node]:
        """The entries of a mapping with known keys only; `hint` is for what is no mapping."""
        if node.value is BAD:
            raise RefusedError
        names = tuple(keys)
        if node.entries is None:
            found = "empty" if node.value is None else show(node.value)
            self.refuse(node, f"{path} is {found}.", f"a mapping with {', '.join(names)}", hint)
        self.known(node, names, path, path)
        return node.entries

    def known(self, node: Node, names: Iterable[str], owner: str, path: str = "") -> None:
        """Note every key that is not among `names`; this one does not give up."""
        names = tuple(names)
        for key, value in (node.entries or {}).items():
            if key not in names:
                hint = self._hint(key, value, names, path)
                sentence = f"{owner} has no setting {show(key)}."
                self.problems.add(node.key_place(key), sentence, ", ".join(names), hint)

    def _hint(self, key: str, value: Node, names: tuple[str, ...], path: str) -> str:
        """What to write for a key of the mapping at `path` that is not among `names`."""
        homes = {name: home for name, home in self.homes.items() if _parent(home) != path}
        return did_you_mean(key, names, "setting", homes, _written(value))

    def value(self, hint: Any, node: Node, path: str) -> Any:
        """The value of one field with the annotation `hint`."""
        if node.is_bad():
            raise RefusedError
        if node.value is None and type(None) in options(hint):
            return None
        if family := family_of(hint):
            return self.member(family, node, path)
        if family := family_of_items(hint):
            return self.members(family, node, path)
        nested: list[Any] = [one for one in options(hint) if dataclasses.is_dataclass(one)]
        if nested:
            first, scalar = next(iter(hints(nested[0]))), node.value
            written = "10" if scalar is True else _written(node)
            example = f" Write `{path.rpartition('.')[2]}: {{{first}: {written}}}`."
            example = example if isinstance(scalar, int | float) else ""
            self.mapping(node, path, hints(nested[0]), example)
            return self.build(nested[0], node, path, path)
        return self._plain(hint, node, path)

    def _plain(self, hint: Any, node: Node, path: str) -> Any:
        try:
            return convert(hint, plain(node))
        except MisfitError as misfit:
            wrong = find(node, *misfit.path)
            where = ".".join([path, *map(str, misfit.path)])
            word = wrong.value if isinstance(wrong.value, str) else ""
            near = did_you_mean(word, choices(hint), "value") or as_number(word)
            self.refuse(wrong, f"{where} is {show(plain(wrong))}.", allowed(hint), near)

    def members(self, family: Family, node: Node, path: str) -> tuple[Any, ...]:
        """A list of members, in order; all mistakes in it are noted."""
        if node.value is BAD:
            raise RefusedError
        if node.items is None:
            hint, wanted = rewritten(node, family, f"{path}.0"), f"a list of {family.word}s"
            self.refuse(node, f"{path} is {show(plain(node))}.", wanted, hint)
        found_all = [
            self.attempt(self.member, family, item, f"{path}.{index}")
            for index, item in enumerate(node.items)
        ]
        if None in found_all:
            raise RefusedError
        return tuple(found_all)

    def member(self, family: Family, node: Node, path: str) -> Any:
        """An instance of the member of `family` that the node names."""
        name, cls = self.choice(family, node, path)
        names = tuple(hints(cls))
        for key, value in (node.entries or {}).items():
            if key not in ("name", *names):
                wrong = "takes no value" if key == name else f"has no setting {show(key)}"
                hint = self._member_hint(family, name, key, value, path)
                listed = ", ".join(names) or "no settings"
                self.problems.add(node.key_place(key), f"{name} {wrong}.", listed, hint)
        return self.build(cls, node, path, name)

    def _member_hint(self, family: Family, name: str, key: str, value: Node, path: str) -> str:
        """The same for a setting that the member `name` of a family does not have."""
        names, word = family.settings(name), family.word
        if key == name or (meant(key, names, "setting") and key not in family.members):
            others = names if key != name else [one for one in family.members if one != name]
            return did_you_mean(key, others, "setting" if key != name else word, likeness=1)
        if key in NAMING and (other := meant(str(value.value), family.members, word)):
            return f" Write `name: {other}`."
        owners = [one for one in family.members if key in family.settings(one)]
        if 0 < len(owners) < 4:
            return f" It is a setting of {' and '.join(owners)}."
        row = lookup(key, family.members, word)
        hint = own_layer(key, value) if family is LAYER else ""
        hint = hint or self._hint(key, value, names, path)
        return hint or (f" {row.advice}" if row is not None and not row.name else "")

    def choice(
        self, family: Family, node: Node, path: str, more: Iterable[str] = ()
    ) -> tuple[str, type[Any]]:
        """The name that the node gives and its class in the catalogue.

        more: settings beside the member's own, for the message.
        """
        names = ", ".join(family.members)
        if node.value is BAD:
            raise RefusedError
        if not node.entries:
            found = "empty" if node.value in (None, {}) else show(node.value)
            self.refuse(node, f"{path} is {found}.", family.choice, unlisted(node, family, path))
        if "name" not in node.entries:
            hint = rewritten(node, family, path, more)
            word = named_word(node.entries, family)
            hint = hint or did_you_mean(word, family.members, family.word)
            self.refuse(node, f"{path} names no {family.word}.", f"name: {names}", hint)
        named = node.entries["name"]
        if named.value is BAD:
            raise RefusedError
        if not isinstance(named.value, str) or named.value not in family.members:
            rest = {key: entry for key, entry in node.entries.items() if key != "name"}
            hint = called(str(named.value), family, path)
            if names_member(rest, family):  # {dense: 2, name: hidden}
                hint = f"{rewritten(Node(rest, node.place), family, path, more)} It has no name."
            hint = hint or did_you_mean(str(named.value), family.members, family.word)
            self.refuse(named, f"there is no {family.word} {show(named.value)}.", names, hint)
        return named.value, family.members[named.value]

    def build(
        self,
        cls: type[Any],
        node: Node,
        path: str,
        owner: str,
        spelled: Mapping[str, str] | None = None,
    ) -> Any:
        """An instance of a dataclass from those entries that are its fields.

        `spelled` gives the keys of fields that are called otherwise in the file.
        """
        entries, wanted = node.entries or {}, hints(cls)
        settings: dict[str, Any] = {}
        before = len(self.problems.found)
        complete = True
        for field in dataclasses.fields(cls):
            key = (spelled or {}).get(field.name, field.name)
            if key in entries:
                try:
                    hint = wanted[field.name]
                    settings[field.name] = self.value(hint, entries[key], f"{path}.{key}")
                except RefusedError:
                    complete = False
            elif default(field) is MISSING:
                family = family_of(wanted[field.name])
                choice = allowed(wanted[field.name]) if family is None else family.choice
                self.problems.add(node.place, f"{owner} needs '{key}'.", choice)
        if not complete or len(self.problems.found) > before:
            raise RefusedError
        try:
            return cls(**settings)
        except ValueError as error:  # the class compares its settings with each other
            self.refuse(node, f"{path}: {error}.")


def _written(node: Node) -> str:
    """The value as YAML on one line, for a message; empty if it is long or was refused."""
    text = flow(plain(node)) if is_small(node) else ""
    return text if len(text) <= LONGEST else ""


def _parent(path: str) -> str:
    return path.rpartition(".")[0]


def as_number(word: str) -> str:
    """The sentence for a text that is a number in another spelling; empty for any other text."""
    match = NUMBER.fullmatch(word.strip())
    if match is None or len(word) > LONGEST:
        return ""
    number = match[1].replace("_", "").replace(",", ".")
    if match[2]:
        number = f"{float(number) / 100:g}"
    return f" Write {number}, without quotes." if number == word.strip() else f" Write {number}."
