"""The families that a config chooses from: a name is looked up in a catalogue."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_origin

from nnlab.config.annotations import (
    Inline,
    cached,
    choices,
    hints,
    item_hint,
    note_of_type,
    options,
)
from nnlab.config.tree import BLANK, Node
from nnlab.core.initializers import INITIALIZERS, Initializer
from nnlab.core.layers import LAYERS, Layer
from nnlab.core.losses import LOSSES, Loss
from nnlab.core.optimizers import OPTIMIZERS, Optimizer
from nnlab.core.schedules import SCHEDULES, Schedule
from nnlab.core.types import NamesFile
from nnlab.data.augment import AUGMENTATIONS, Augmentation
from nnlab.data.dataset import DataSource
from nnlab.data.sources import ALIASES, SOURCES


@dataclass(frozen=True, eq=False)
class Family:
    """A catalogue of classes by name, and the word for a member in messages."""

    word: str
    members: Mapping[str, type[Any]]
    default: str | None = None  # the member where the config names none
    other_names: Mapping[str, str] = field(default_factory=dict)
    other_keys: Mapping[str, str] = field(default_factory=dict)

    @property
    def choice(self) -> str:
        """The allowed names, in words: "an optimizer: sgd, adagrad, ..."."""
        article = "an" if self.word[0] in "aeiou" else "a"
        return f"{article} {self.word}: {', '.join(self.members)}"

    @property
    def plural(self) -> str:
        return self.word + ("es" if self.word.endswith("s") else "s")

    def name_of(self, member: object) -> str:
        """The catalogue name of an instance."""
        for name, cls in self.members.items():
            if type(member) is cls:
                return name
        raise TypeError(f"{type(member).__name__} is not in the catalogue of {self.word} names")

    def member(self, name: str) -> type[Any] | None:
        """The member of a name, also of one of the other names."""
        return self.members.get(self.other_names.get(name, name))

    def settings(self, name: str) -> tuple[str, ...]:
        """The field names of a member; none for an unknown name."""
        cls = self.members.get(name)
        return () if cls is None else tuple(hints(cls))

    def owners(self, setting: str) -> list[str]:
        """The members that have a setting of this name."""
        return [name for name in self.members if setting in self.settings(name)]


SOURCE = Family("data set", SOURCES, other_names=ALIASES)
LAYER = Family("layer", LAYERS)
INITIALIZER = Family("initializer", INITIALIZERS, default="xavier_uniform")
LOSS = Family("loss", LOSSES)
OPTIMIZER = Family("optimizer", OPTIMIZERS, "sgd", other_keys={"learning_rate": "lr"})
SCHEDULE = Family("schedule", SCHEDULES, default="constant")
AUGMENTATION = Family("augmentation", AUGMENTATIONS)
FAMILIES = (SOURCE, LAYER, INITIALIZER, LOSS, OPTIMIZER, SCHEDULE, AUGMENTATION)

# By the class that annotations name. A race's family of functions is a note in the annotation.
_BY_BASE: dict[type[Any], Family] = {
    DataSource: SOURCE,
    Initializer: INITIALIZER,
    Layer: LAYER,
    Loss: LOSS,
    Augmentation: AUGMENTATION,
    Optimizer: OPTIMIZER,
    Schedule: SCHEDULE,
}


@cached
def family_of(hint: Any) -> Family | None:
    """The family whose members a field holds (`init: Initializer | None`), if any."""
    known = (_BY_BASE.get(option) for option in options(hint) if isinstance(option, type))
    return note_of_type(hint, Family) or next(filter(None, known), None)


@cached
def records_of(hint: Any) -> tuple[type[Any], ...]:
    """The dataclasses with settings of their own, no members of a family, that a field may hold."""
    if note_of_type(hint, Family) is not None:
        return ()
    classes = (option for option in options(hint) if isinstance(option, type))
    return tuple(c for c in classes if dataclasses.is_dataclass(c) and c not in _BY_BASE)


def record_of(hint: Any) -> type[Any] | None:
    """The first of them; None where there is none."""
    return next(iter(records_of(hint)), None)


def family_in(hint: Any) -> Family | None:
    """The family whose members a field holds, also beside the settings of a record."""
    record = record_of(hint)
    inline = map(family_of, inline_parts(record).values()) if record is not None else ()
    return family_of(hint) or next(filter(None, inline), None)


def families_in(cls: type) -> dict[str, Family]:
    """The family of each key that a record holds, those of its nested records included."""
    families: dict[str, Family] = {}
    for key, hint in hints(cls).items():
        if key in inline_parts(cls):
            continue
        item = item_hint(hint)
        records, family = records_of(hint) or records_of(item), family_in(hint) or family_of(item)
        for record in records:
            families |= families_in(record)
        families |= {} if family is None else {key: family}
    return families


@cached
def inline_parts(cls: type) -> dict[str, Any]:
    """The annotations of those parts of a record whose settings stand beside its own."""
    return {name: hint for name, hint in hints(cls).items() if note_of_type(hint, Inline)}


def own_keys(cls: type) -> tuple[str, ...]:
    """The keys of a record, but for the settings of the member that it names."""
    inline = inline_parts(cls)
    named = ["name" for hint in inline.values() if family_of(hint)]
    records = [record for hint in inline.values() if (record := record_of(hint))]
    spread = [key for record in records for key in hints(record)]
    return (*named, *spread, *(key for key in hints(cls) if key not in inline))


@cached
def homes(cls: type) -> dict[str, str]:
    """The path of each setting by its name; of several with one name, the path highest up.

    A family has the settings of its default member, else of all members; a list of records has
    those of the first.
    """
    inline = inline_parts(cls)
    paths = {key: key for key in hints(cls) if key not in inline}
    for key, hint in hints(cls).items():
        for name, path in _homes_below(hint, "" if key in inline else f"{key}.").items():
            if name not in paths or path.count(".") < paths[name].count("."):
                paths[name] = path
    return paths


@cached
def words_by_path(cls: type) -> dict[str, tuple[str, ...]]:
    """The words that each setting may have, by its path; () for numbers and free text."""
    words: dict[str, tuple[str, ...]] = {}
    for key, hint in hints(cls).items():
        outer = () if key in inline_parts(cls) else (key,)
        family = family_of(hint) or family_in(hint)
        if outer:
            words[key] = tuple(family.members) if family else choices(hint)
        for part in [*(family.members.values() if family else ()), *records_of(hint)]:
            for inner, allowed in words_by_path(part).items():
                words.setdefault(".".join((*outer, inner)), allowed)
    return words


@cached
def file_settings(cls: type) -> tuple[tuple[str, ...], ...]:
    """The paths of the settings that name files: ("data", "path")."""
    paths: list[tuple[str, ...]] = []
    for key, hint in hints(cls).items():
        outer = () if key in inline_parts(cls) else (key,)
        if any(note_of_type(option, NamesFile) for option in (hint, *options(hint))):
            paths.append(outer)
        family = family_of(hint)
        parts = [*(family.members.values() if family else ()), *records_of(hint)]
        paths += [(*outer, *inner) for part in parts for inner in file_settings(part)]
    return tuple(dict.fromkeys(paths))


def _homes_below(hint: Any, prefix: str) -> dict[str, str]:
    if (family := family_of(hint)) is not None:
        members = (family.default,) if family.default else tuple(family.members)
        return {name: prefix + name for member in members for name in family.settings(member)}
    record = record_of(hint)
    if record is None and get_origin(options(hint)[0]) is not Mapping:
        record, prefix = record_of(item_hint(hint)), f"{prefix}0."
    return {} if record is None else {n: prefix + path for n, path in homes(record).items()}


def resolve_paths(root: Node, cls: type) -> Node:
    """The tree with relative file names resolved against the folder of the text they stand in."""
    for path in file_settings(cls):
        root = _with_full_path(root, path)
    return root


def _with_full_path(node: Node, path: Sequence[str]) -> Node:
    """The tree in which the setting at `path`, if there is one, is an absolute file name."""
    if not path:
        if not isinstance(node.value, str) or node.value in ("", BLANK):
            return node
        return Node(str(node.place.source.folder / os.path.expanduser(node.value)), node.place)
    child = (node.entries or {}).get(path[0])
    return node if child is None else node.with_entry(path[0], _with_full_path(child, path[1:]))
