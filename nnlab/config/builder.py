"""From a tree in full form to frozen dataclasses: every problem is noted at its place.

A record's annotations say what each key holds: a plain value, a member of a family, another record,
or a list or mapping of these. A part with a mistake is left out and the others are still built, so
that one look at the file shows all mistakes.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import MISSING, dataclass
from typing import Any, NoReturn, TypeVar, get_origin

from annotated_types import MaxLen, MinLen

from nnlab.config.annotations import (
    MisfitError,
    allowed,
    choices,
    convert,
    field_default,
    hints,
    item_hint,
    note_of_type,
    options,
    required_fields,
    words_of,
)
from nnlab.config.dump import flow
from nnlab.config.families import Family, family_of, homes, inline_parts, own_keys, record_of
from nnlab.config.files import name_problem
from nnlab.config.problems import Problems, shown_value
from nnlab.config.rewrite import (
    NAMING,
    called,
    is_small,
    members_allowed,
    named_word,
    names_member,
    own_layer,
    rewritten,
    unlisted,
)
from nnlab.config.short_forms import named_record
from nnlab.config.tree import BAD, BLANK, Node, find_node, to_plain
from nnlab.suggest import certain_name, did_you_mean, lookup

T = TypeVar("T")
NUMBER = re.compile(r"([-+]?[0-9][0-9_]*(?:[.,][0-9]+)?(?:e[-+]?[0-9]+)?)\s*(%?)", re.ASCII)
LONGEST = 60  # characters of a value that a message repeats


class RefusedError(Exception):
    """A value cannot be built; the reason was noted as a problem."""


def build_fields(
    cls: type[Any], root: Node, problems: Problems, known: Node | None = None
) -> dict[str, Any]:
    """What could be built of the fields of a whole config.

    known: a tree without mistakes; of `root`, only entries are built that are not among its own.
    """
    builder = Builder(problems, homes(cls))
    try:
        builder.require_mapping(root, "the config", own_keys(cls))
    except RefusedError:
        return {}
    if known is None:
        builder.known(root, own_keys(cls), "the config")
        values = builder.fields(cls, root, "", "")
    else:
        values = {
            key: builder.attempt(builder.value, hints(cls)[key], node, key)
            for key, node in (root.entries or {}).items()
            if node is not (known.entries or {}).get(key)
        }
    name = values.get("name")
    if name is not None and (sentence := name_problem(name)):
        problems.add(find_node(root, "name").place, sentence)
    return values


@dataclass(frozen=True)
class Builder:
    """Builds values from nodes. Every method raises RefusedError after it noted why.

    homes: settings -> their paths, for a setting in the wrong mapping. vocabulary: the kind of
    words that the table of synonyms knows for the keys. ignores_unknown: whether unknown keys are
    ignored, which a newer version may have written.
    """

    problems: Problems
    homes: Mapping[str, str]
    vocabulary: str = "setting"
    ignores_unknown: bool = False

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

    def value(self, hint: Any, node: Node, path: str) -> Any:
        """The value of one field with the annotation `hint`."""
        if node.value is BAD:
            raise RefusedError
        if node.value is None and type(None) in options(hint):
            return None
        family, inner = family_of(hint), item_hint(hint)
        if node.value == BLANK:
            self._refuse_blank(node, path, members_allowed(hint) or allowed(hint))
        if record := named_record(node, hint):
            return self.record(record, node, path)
        if family is not None:
            return self.member(family, node, path)
        if family_of(inner) or record_of(inner):
            return self._collection(hint, node, path)
        return self._plain(hint, node, path)

    def _refuse_blank(self, node: Node, path: str, allowed: str) -> None:
        for blank in (inner for inner in node.walk() if inner.value == BLANK):
            sentence = f"{path} is a blank; write a value in its place."
            self.problems.add(blank.place, sentence, allowed, is_blank=True)
            raise RefusedError

    def _plain(self, hint: Any, node: Node, path: str) -> Any:
        if node.is_bad():
            raise RefusedError
        self._refuse_blank(node, path, allowed(hint))
        try:
            return convert(hint, to_plain(node))
        except MisfitError as misfit:
            wrong = find_node(node, *misfit.path)
            where = ".".join([path, *map(str, misfit.path)])
            word = wrong.value if isinstance(wrong.value, str) else ""
            near = did_you_mean(word, choices(hint), "value") or as_number(word)
            value = shown_value(to_plain(wrong))
            limited = (item_hint(o) and note_of_type(o, MaxLen) for o in options(hint))
            if wrong is node and wrong.items and any(limited):
                value = f"a list of {len(wrong.items)}"
            self.refuse(wrong, f"{where} is {value}.", allowed(hint), near)

    # Lists and mappings of members or records.

    def _collection(self, hint: Any, node: Node, path: str) -> Any:
        """A tuple or a dict; all mistakes in it are noted."""
        inner, is_mapping = item_hint(hint), get_origin(options(hint)[0]) is Mapping
        parts = node.entries if is_mapping else node.items
        most = note_of_type(hint, MaxLen)
        if parts is None or (not parts and note_of_type(hint, MinLen) is not None):
            self._refuse_collection(hint, node, path)
        if most is not None and len(parts) > most.max_length:
            self.refuse(node, f"{path} has {len(parts)} entries.", f"1 to {most.max_length}")
        built = {k: self.attempt(self.value, inner, n, f"{path}.{k}") for k, n in node.pairs()}
        if None in built.values():
            raise RefusedError
        return built if is_mapping else tuple(built.values())

    def _refuse_collection(self, hint: Any, node: Node, path: str) -> NoReturn:
        """Refuse what is no list or mapping, or an empty list where an item is needed."""
        family = family_of(item_hint(hint))
        empty = node.value is None and (family is None or note_of_type(hint, MinLen) is not None)
        sentence = f"{path} is {'empty' if empty else shown_value(to_plain(node))}."
        if family is None:
            self.refuse(node, sentence, allowed(hint))
        example = rewritten(node, family, f"{path}.0")
        self.refuse(node, sentence, f"a list of {family.plural}", example)

    # Records.

    def record(self, cls: type[Any], node: Node, path: str) -> Any:
        """An instance of a dataclass from the entries of a mapping with known keys only."""
        owner, keys = path, own_keys(cls)
        for hint in inline_parts(cls).values():
            if family := family_of(hint):
                owner, member = self.choice(family, node, path, keys)
                keys = (*hints(member), *keys)
        self.require_mapping(node, path, keys, cls)
        self.known(node, keys, owner, path)
        return self.build(cls, node, path, path)

    def require_mapping(
        self, node: Node, path: str, keys: Iterable[str], cls: type[Any] | None = None
    ) -> None:
        """Refuse what is no mapping; for a class, with an example of one."""
        if node.value is BAD:
            raise RefusedError
        if node.entries is None:
            value = "empty" if node.value is None else shown_value(node.value)
            example = "" if cls is None else _example(cls, node, path)
            self.refuse(node, f"{path} is {value}.", f"a mapping with {', '.join(keys)}", example)

    def known(self, node: Node, names: Iterable[str], owner: str, path: str = "") -> None:
        """Note every key that is not among `names`; the value is built all the same."""
        names = tuple(names)
        for key, value in {} if self.ignores_unknown else (node.entries or {}).items():
            if key not in names:
                hint = self._hint(key, value, names, path)
                sentence = f"{owner} has no setting {shown_value(key)}."
                self.problems.add(node.key_place(key), sentence, ", ".join(names), hint)

    def _hint(self, key: str, value: Node, names: tuple[str, ...], path: str) -> str:
        """What to write for a key of the mapping at `path` that is not among `names`."""
        elsewhere = {k: home for k, home in self.homes.items() if home.rpartition(".")[0] != path}
        text = flow(to_plain(value)) if is_small(value) else ""
        short = text if len(text) <= LONGEST else ""
        return did_you_mean(key, names, self.vocabulary, elsewhere, short)

    def build(self, cls: type[Any], node: Node, path: str, owner: str) -> Any:
        """An instance of a dataclass from those entries that are its fields."""
        before = len(self.problems)
        values = self.fields(cls, node, path, owner)
        if len(values) < len(hints(cls)) or len(self.problems) > before:
            raise RefusedError
        try:
            return cls(**values)
        except ValueError as error:  # the class compares its settings with each other
            self.refuse(node, f"{path}: {error}.")

    def fields(self, cls: type[Any], node: Node, path: str, owner: str) -> dict[str, Any]:
        """The values of all fields that could be built, defaults included."""
        entries, values = node.entries or {}, {}
        prefix = f"{path}." if path else ""
        for field in dataclasses.fields(cls):
            name, hint = field.name, hints(cls)[field.name]
            try:
                if name in inline_parts(cls):
                    values[name] = self._inline(hint, node, path)
                elif name in entries:
                    values[name] = self.value(hint, entries[name], prefix + name)
                elif field_default(field) is not MISSING:
                    values[name] = field_default(field)
                elif not words_of(hint).default:
                    self._missing(hint, node, name, owner)
            except RefusedError:
                continue
        return values

    def _inline(self, hint: Any, node: Node, path: str) -> Any:
        """The part of a record whose settings stand beside the record's own."""
        family, record = family_of(hint), record_of(hint)
        if family is None:
            return self.build(record or object, node, path, path)
        name, cls = self.choice(family, node, path)
        return self.build(cls, node, path, name)

    def _missing(self, hint: Any, node: Node, name: str, owner: str) -> NoReturn:
        if not owner:  # the top of the config
            self.refuse(node, f"the key '{name}' is missing.")
        self.refuse(node, f"{owner} needs '{name}'.", members_allowed(hint) or allowed(hint))

    # Members of families.

    def member(self, family: Family, node: Node, path: str) -> Any:
        """An instance of the member of `family` that the node names."""
        name, cls = self.choice(family, node, path)
        names = tuple(hints(cls))
        for key, value in (node.entries or {}).items():
            if key not in ("name", *names):
                if key == name:
                    wrong, others = "takes no value", family.members.keys() - {name}
                    hint = did_you_mean(key, others, family.word, likeness=1)
                else:
                    wrong = f"has no setting {shown_value(key)}"
                    hint = self._member_hint(family, name, key, value, path)
                listed = ", ".join(names) or "no settings"
                self.problems.add(node.key_place(key), f"{name} {wrong}.", listed, hint)
        return self.build(cls, node, path, name)

    def _member_hint(self, family: Family, name: str, key: str, value: Node, path: str) -> str:
        """What to write for a setting that the member `name` of a family does not have."""
        names, word = family.settings(name), family.word
        if certain_name(key, names, "setting") and key not in family.members:
            return did_you_mean(key, names, "setting", likeness=1)
        if key in NAMING and (other := certain_name(str(value.value), family.members, word)):
            return f" Write `name: {other}`."
        if 0 < len(owners := family.owners(key)) < 4:
            return f" It is a setting of {' and '.join(owners)}."
        hint = own_layer(family, key, value) or self._hint(key, value, names, path)
        row = lookup(key, family.members, word)
        return hint or (f" {row.advice}" if row is not None and not row.name else "")

    def choice(
        self, family: Family, node: Node, path: str, more: Iterable[str] = ()
    ) -> tuple[str, type[Any]]:
        """The name that the node gives and its class in the catalogue.

        more: settings beside the member's own, for the message.
        """
        if node.value is BAD:
            raise RefusedError
        if not node.entries:
            value = "empty" if node.value in (None, {}) else shown_value(node.value)
            self.refuse(node, f"{path} is {value}.", family.choice, unlisted(node, family, path))
        names = ", ".join(family.members)
        if "name" not in node.entries:
            hint = rewritten(node, family, path, more)
            word = named_word(node.entries, family)
            hint = hint or did_you_mean(word, family.members, family.word)
            self.refuse(node, f"{path} names no {family.word}.", f"name: {names}", hint)
        name = node.entries["name"]
        if name.value is BAD:
            raise RefusedError
        self._refuse_blank(name, path, family.choice)
        if not isinstance(name.value, str) or name.value not in family.members:
            sentence = f"there is no {family.word} {shown_value(name.value)}."
            self.refuse(name, sentence, names, _name_hint(family, node, path, more))
        return name.value, family.members[name.value]


def _name_hint(family: Family, node: Node, path: str, more: Iterable[str]) -> str:
    """What to write for a member with a name that is not in the catalogue."""
    name, settings = str(find_node(node, "name").value), node.without("name")
    if names_member(settings.entries or {}, family):  # {dense: 2, name: hidden}
        return f"{rewritten(settings, family, path, more)} It has no name."
    return called(name, family, path) or did_you_mean(name, family.members, family.word)


def _example(cls: type[Any], node: Node, path: str) -> str:
    """The sentence " Write `early_stopping: {patience: 10}`." for a bare 10, or ""."""
    value = to_plain(node)
    required = [key for key in required_fields(cls) if not words_of(hints(cls)[key]).default]
    value = 10 if value is True and required else value
    for key in required if isinstance(value, int | list) and is_small(node) else ():
        with suppress(MisfitError):
            convert(hints(cls)[key], value)
            return f" Write `{path.rpartition('.')[2]}: {flow({key: value})}`."
    return ""


def as_number(word: str) -> str:
    """The sentence for a text that is a number in another spelling; empty for any other text."""
    match = NUMBER.fullmatch(word.strip())
    if match is None or len(word) > LONGEST:
        return ""
    number = match[1].replace("_", "").replace(",", ".")
    if match[2]:
        number = f"{float(number) / 100:g}"
    return f" Write {number}, without quotes." if number == word.strip() else f" Write {number}."
