"""`--set a.b=c`: changes to a tree in full form, and the short names for the usual ones.

A path leads through the full form: `optimizer.lr=0.1`, `network.0.units=5`. The name of a member
stands for its main setting (`network.0.dense=5`), and a path that ends at a member replaces it
(`network.1=relu`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnlab.config.construct import DATA_KEYS, HOMES
from nnlab.config.expand import TOP, expand
from nnlab.config.families import LAYER, OPTIMIZER, SOURCE, Family
from nnlab.config.files import checked
from nnlab.config.hints import MisfitError, convert, hints, main_setting
from nnlab.config.problems import Problem, Problems, show
from nnlab.config.reader import read
from nnlab.config.reshape import RESHAPERS, UnfitError
from nnlab.config.schema import KEYS
from nnlab.config.tree import BAD, Node, Place, Source, find, from_plain, plain
from nnlab.config.yaml12 import finite
from nnlab.errors import ConfigError
from nnlab.suggest import did_you_mean

Override = str | tuple[str, object]  # "a.b=c" as typed, or a key and a value from Python
ALIASES = {
    "lr": "optimizer.lr",
    "learning_rate": "optimizer.lr",
    "momentum": "optimizer.momentum",
    "batch_size": "training.batch_size",
    "epochs": "training.epochs",
}


@dataclass(frozen=True, eq=False)
class Grammar:
    """The words of one kind of config: what a key of `--set` can be, and what stands where.

    keys: those at the top. aliases: short names for paths. reshapers: short names for changes at
    several places. families: the key under which a member stands -> its family. swapped: keys at
    the top whose member gives way to another one and hands its settings on. homes: settings below
    the top -> their paths.
    """

    keys: tuple[str, ...]
    aliases: Mapping[str, str]
    reshapers: Mapping[str, Callable[[Node, Node], Node]]
    families: Mapping[str, Family]
    swapped: Mapping[str, Family]
    expand: Callable[[Node], Node]
    homes: Mapping[str, str]

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that a key can begin with."""
        return tuple(dict.fromkeys((*self.keys, *self.aliases, *self.reshapers)))


TRAINING = Grammar(
    keys=KEYS,
    aliases=ALIASES,
    reshapers=RESHAPERS,
    families={**TOP, "network": LAYER},
    swapped={"optimizer": OPTIMIZER, "data": SOURCE},
    expand=expand,
    homes=HOMES,
)


@dataclass(frozen=True)
class Setting:
    """One override: the key as written, its value, and where it stands."""

    key: str
    value: Node
    place: Place


def settings(overrides: Sequence[Override], folder: Path, problems: Problems) -> list[Setting]:
    """The overrides as read by the same loader; unreadable ones become problems."""
    found = [
        _typed(one, folder, problems) if isinstance(one, str) else _given(one, folder, problems)
        for one in overrides
    ]
    return [setting for setting in found if setting is not None]


def apply(
    root: Node,
    changes: Sequence[Setting],
    problems: Problems,
    notes: list[str],
    grammar: Grammar = TRAINING,
) -> Node:
    """The tree with all changes, in their order, in full form; `notes` says what was dropped."""
    for change in changes:
        try:
            root = grammar.expand(_apply(root, change, notes, grammar))
        except UnfitError as unfit:
            place = unfit.place or change.place
            problems.add(place, unfit.sentence, unfit.allowed, unfit.hint)
    return root


def _typed(text: str, folder: Path, problems: Problems) -> Setting | None:
    source = Source("--set", text, folder, "set")
    key, equals, _ = text.partition("=")
    place = Place(source, 1, 1)
    if not equals or not key.strip():
        problems.add(place, "a setting is written as key=value.")
        return None
    try:
        value = read(checked(source), problems, start=len(key) + 1)
    except ConfigError as error:
        problems.found.extend(one for one in error.problems if isinstance(one, Problem))
        return None
    return Setting(key.strip(), value, place)


def _given(pair: tuple[str, object], folder: Path, problems: Problems) -> Setting | None:
    key, value = pair
    place = Place(Source(key, "", folder, "values"))
    try:
        node = from_plain(value, place)
        for part in node.walk():
            if isinstance(part.value, int | float):
                finite(part.value)
    except (TypeError, ValueError) as error:
        problems.add(place, f"{error}")
        return None
    return Setting(key, node, place)


def _apply(root: Node, change: Setting, notes: list[str], grammar: Grammar) -> Node:
    key = grammar.aliases.get(change.key, change.key)
    if key in grammar.reshapers:
        return grammar.reshapers[key](root, change.value)
    part = key.removesuffix(".name")
    if isinstance(change.value.value, str) and part in grammar.swapped:
        return _swap(root, part, grammar.swapped[part], change.value, notes)
    path, names = key.split("."), grammar.names
    if path[0] not in grammar.keys:
        unknown = key if path[0] in names else path[0]  # `hidden.x`: a short name leads nowhere
        raise UnfitError(
            f"there is no setting {show(unknown)}.",
            ", ".join(names),
            did_you_mean(path[0], names, "setting", grammar.homes),
        )
    return _Put(change, grammar.families).into(root, path, None)


@dataclass(frozen=True)
class _Put:
    """Puts the value of a change where its path leads."""

    change: Setting
    families: Mapping[str, Family]

    def into(self, node: Node, path: list[str], family: Family | None) -> Node:
        """A copy of `node` with the new value; `family` is that of the node or of its items."""
        step, rest = path[0], path[1:]
        if node.value is BAD:
            return node
        if node.items is not None:
            index = _index(step, node.items)
            child = self._below(node.items[index], rest, family)
            return Node([*node.items[:index], child, *node.items[index + 1 :]], node.place)
        if node.entries is None:  # null or a bare value gives way to a mapping
            node = Node({}, self.change.place)
        step = _main(node, step, family)
        below = (node.entries or {}).get(step, Node({}, self.change.place))
        place = node.keys.get(step, self.change.place) if rest else self.change.place
        return node.with_entry(step, self._below(below, rest, self.families.get(step)), place)

    def _below(self, node: Node, rest: list[str], family: Family | None) -> Node:
        return self.into(node, rest, family) if rest else self.change.value


def _index(step: str, items: list[Node]) -> int:
    if step.isascii() and step.isdigit() and len(step) < 10 and int(step) < len(items):
        return int(step)
    last = len(items) - 1
    raise UnfitError(f"{show(step)} is no place in this list.", f"0 to {last}" if items else "")


def _main(node: Node, step: str, family: Family | None) -> str:
    """The main setting if `step` is the name of the member that stands here."""
    name = (node.entries or {}).get("name")
    if family is None or name is None or name.value != step or step not in family.members:
        return step
    return main_setting(family.members[step]) or step


def _swap(root: Node, part: str, family: Family, name: Node, notes: list[str]) -> Node:
    """Another member of the family with those of the old one's settings that fit it as well."""
    old = (root.entries or {}).get(part)
    shown = str(name.value)
    cls = family.members.get(family.other_names.get(shown, shown))
    if old is None or old.entries is None or cls is None:
        return root.with_entry(part, name)
    entries = {"name": name}
    for key, value in old.entries.items():
        if key == "name":
            continue
        about_rows = family is SOURCE and key in DATA_KEYS
        reason = _unfit_rows(cls, key, old) if about_rows else _unfit(cls, key, value)
        if reason is None:
            entries[key] = value
        else:
            notes.append(f"{part}={shown} drops {key}, which {shown} {reason}.")
    keys = {**old.keys, "name": name.place}
    return root.with_entry(part, Node(entries, name.place, keys))


def _unfit(cls: type[Any], key: str, value: Node) -> str | None:
    """Why `cls` cannot have a setting, as the end of a sentence; None if it can."""
    if key not in hints(cls):
        return "does not have"
    if value.is_bad():  # noted already
        return None
    try:
        convert(hints(cls)[key], plain(value))
    except MisfitError:
        return f"does not have with the value {show(plain(value))}"
    return None


def _unfit_rows(cls: type[Any], key: str, data: Node) -> str | None:
    """The same for the settings of `data` that choose rows."""
    official = cls.files is not None
    pooled = find(data, "pool").value is True
    if key == "pool" and pooled and not official:
        return "has no official test part for"
    if key == "test" and official and not pooled:
        return "has an official test part for"
    return None
