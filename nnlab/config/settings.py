"""Values of dataclass fields from nodes of the tree; what does not fit is noted with its place."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass
from typing import Any, NoReturn, TypeVar

from nnlab.config.families import Family, family_of, family_of_items
from nnlab.config.hints import MisfitError, allowed, convert, default, hints, options
from nnlab.config.problems import Problems, show, suggest
from nnlab.config.tree import BAD, Node, find, plain

T = TypeVar("T")


class RefusedError(Exception):
    """A value cannot be had; the reason was noted where it was found."""


@dataclass(frozen=True)
class Settings:
    """Reads nodes as settings. Every method raises RefusedError after it noted why."""

    problems: Problems

    def attempt(self, build: Callable[..., T], *arguments: Any) -> T | None:
        """What `build(*arguments)` returns, or None if it was refused."""
        try:
            return build(*arguments)
        except RefusedError:
            return None

    def refuse(self, node: Node, sentence: str, allowed: str = "", nearest: str = "") -> NoReturn:
        """Note a problem and give up on the value."""
        self.problems.add(node.place, sentence, allowed, nearest)
        raise RefusedError

    def mapping(self, node: Node, path: str, keys: Iterable[str]) -> dict[str, Node]:
        """The entries of a mapping with known keys only."""
        if node.value is BAD:
            raise RefusedError
        names = tuple(keys)
        if node.entries is None:
            found = "empty" if node.value is None else show(node.value)
            self.refuse(node, f"{path} is {found}.", f"a mapping with {', '.join(names)}")
        self.known(node, names, path)
        return node.entries

    def known(self, node: Node, names: Iterable[str], owner: str, listed: str = "") -> None:
        """Note every key that is not among `names`; this one does not give up."""
        names = tuple(names)
        for key in node.entries or {}:
            if key not in names:
                sentence = f"{owner} has no setting {show(key)}."
                shown = listed or ", ".join(names) or "no settings"
                self.problems.add(node.key_place(key), sentence, shown, suggest(key, names))

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
            self.mapping(node, path, hints(nested[0]))
            return self.build(nested[0], node, path, path)
        return self._plain(hint, node, path)

    def _plain(self, hint: Any, node: Node, path: str) -> Any:
        try:
            return convert(hint, plain(node))
        except MisfitError as misfit:
            wrong = find(node, *misfit.path)
            where = ".".join([path, *map(str, misfit.path)])
            self.refuse(wrong, f"{where} is {show(plain(wrong))}.", allowed(hint))

    def members(self, family: Family, node: Node, path: str) -> tuple[Any, ...]:
        """A list of members, in order; all mistakes in it are noted."""
        if node.value is BAD:
            raise RefusedError
        if node.items is None:
            self.refuse(node, f"{path} is {show(plain(node))}.", f"a list of {family.word}s")
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
        self.known(node, ("name", *hints(cls)), name, ", ".join(hints(cls)) or "no settings")
        return self.build(cls, node, path, name)

    def choice(self, family: Family, node: Node, path: str) -> tuple[str, type[Any]]:
        """The name that the node gives and its class in the catalogue."""
        names = ", ".join(family.members)
        if node.value is BAD:
            raise RefusedError
        if not node.entries:
            found = "empty" if node.value in (None, {}) else show(node.value)
            self.refuse(node, f"{path} is {found}.", family.choice)
        if "name" not in node.entries:
            only = next(iter(node.entries)) if len(node.entries) == 1 else ""
            if only in family.members:
                self.refuse(node, f"{only} takes no value.", "no settings")
            nearest = suggest(only, family.members)
            self.refuse(node, f"{path} names no {family.word}.", f"name: {names}", nearest)
        named = node.entries["name"]
        if named.value is BAD:
            raise RefusedError
        if not isinstance(named.value, str) or named.value not in family.members:
            nearest = suggest(str(named.value), family.members)
            self.refuse(named, f"there is no {family.word} {show(named.value)}.", names, nearest)
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
