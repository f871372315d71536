"""`--set a.b=c`: changes to a tree in full form, and the short names for the usual settings.

A path leads through the full form: `optimizer.lr=0.1`, `network.0.units=5`. The name of a member
stands for its main setting (`network.0.dense=5`), a path that ends at a member replaces it
(`network.1=relu`), and `*` stands for every item of a list (`runs.*.steps=50`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nnlab.config.annotations import MisfitError, convert, hints, main_setting
from nnlab.config.families import LAYER, OPTIMIZER, SOURCE, Family, families_in, homes, own_keys
from nnlab.config.files import checked
from nnlab.config.problems import Problem, Problems, shown_value
from nnlab.config.schema import Config, Data
from nnlab.config.short_forms import expand, named_record
from nnlab.config.tree import BAD, Node, Place, Source, find_node, from_plain, to_plain
from nnlab.config.yaml12 import read_yaml
from nnlab.core.layers.activations import Activation
from nnlab.core.optimizers import Optimizer
from nnlab.errors import ConfigError
from nnlab.suggest import did_you_mean

Override = str | tuple[str, object]  # "a.b=c" as typed, or a key and a value from Python
Reshaper = Callable[[list[Node], Node], list[Node]]  # layers and a value -> other layers
MAX_LAYERS = 1000
ALIASES = {
    "lr": "optimizer.lr",
    "learning_rate": "optimizer.lr",
    "momentum": "optimizer.momentum",
    "batch_size": "training.batch_size",
    "epochs": "training.epochs",
    "fold": "data.fold",
}
# The keys that hold a single member of a family.
TOP_FAMILIES = {
    key: family
    for key, family in families_in(Config).items()
    if key in hints(Config) and key != "network"
}


@dataclass
class UnfitError(Exception):
    """An override that cannot be applied, with the fields of a Problem."""

    sentence: str
    allowed: str = ""
    hint: str = ""
    place: Place | None = None


@dataclass(frozen=True, eq=False)
class Grammar:
    """The keys of `--set` for one kind of config.

    schema: the class of the whole config. aliases: short names for paths. reshapers: short names
    for changes of all layers. swapped: keys whose new member takes over the settings of the old.
    """

    schema: type
    aliases: Mapping[str, str]
    expand: Callable[[Node], Node]
    reshapers: Mapping[str, Reshaper] = field(default_factory=dict)
    swapped: Mapping[str, Family] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that a key can begin with."""
        return tuple(dict.fromkeys((*hints(self.schema), *self.aliases, *self.reshapers)))


@dataclass(frozen=True)
class SettingChange:
    """An override: the key as written, its value, and its place."""

    key: str
    value: Node
    place: Place


def read_overrides(
    overrides: Sequence[Override], folder: Path, problems: Problems
) -> list[SettingChange]:
    """The overrides as trees; an unreadable override becomes a problem."""
    changes = [
        _parse_override(override, folder, problems)
        if isinstance(override, str)
        else _override_of_pair(override, folder, problems)
        for override in overrides
    ]
    return [change for change in changes if change is not None]


def apply(
    root: Node,
    changes: Sequence[SettingChange],
    problems: Problems,
    notes: list[str],
    grammar: Grammar | None = None,
) -> Node:
    """The tree with all changes, in their order, in full form; `notes` says what was dropped."""
    grammar = grammar or TRAINING
    for change in changes:
        try:
            root = grammar.expand(_apply(root, change, notes, grammar))
        except UnfitError as unfit:
            place = unfit.place or change.place
            problems.add(place, unfit.sentence, unfit.allowed, unfit.hint)
    return root


def _parse_override(text: str, folder: Path, problems: Problems) -> SettingChange | None:
    source = Source("--set", text, folder, "set")
    key, equals, _ = text.partition("=")
    place = Place(source, 1, 1)
    if not equals or not key.strip():
        problems.add(place, "a setting is written as key=value.")
        return None
    try:
        value = read_yaml(checked(source), problems, start=len(key) + 1)
    except ConfigError as error:
        problems.noted.extend(p for p in error.problems if isinstance(p, Problem))
        return None
    return SettingChange(key.strip(), value, place)


def _override_of_pair(
    pair: tuple[str, object], folder: Path, problems: Problems
) -> SettingChange | None:
    key, value = pair
    place = Place(Source(key, "", folder, "values"))
    try:
        node = from_plain(value, place)
    except (TypeError, ValueError) as error:
        problems.add(place, f"{error}")
        return None
    return SettingChange(key, node, place)


def _apply(root: Node, change: SettingChange, notes: list[str], grammar: Grammar) -> Node:
    key = grammar.aliases.get(change.key, change.key)
    if key in grammar.reshapers:
        return _reshape(root, grammar.reshapers[key], change.value)
    part = key.removesuffix(".name")
    if isinstance(change.value.value, str) and part in grammar.swapped:
        return _swap(root, part, grammar.swapped[part], change.value, notes)
    path, names = key.split("."), grammar.names
    if path[0] not in hints(grammar.schema):
        unknown = key if path[0] in names else path[0]  # `hidden.x`: a short name leads nowhere
        raise UnfitError(
            f"there is no setting {shown_value(unknown)}.",
            ", ".join(names),
            did_you_mean(path[0], names, "setting", homes(grammar.schema)),
        )
    node = (root.entries or {}).get(path[0])
    hint = hints(grammar.schema)[path[0]]
    if node is not None and path[1:] and _begins_anew(node, path[1], hint):
        root = root.with_entry(path[0], Node({}, change.place))
    return _Put(change, families_in(grammar.schema)).into(root, path, None)


def _begins_anew(node: Node, key: str, hint: Any) -> bool:
    """Whether the key belongs to another form of a value: {run: R} beside {name: normal, std: 1}.

    The settings of the form so far would not fit beside it.
    """
    record = named_record(Node({key: node}, node.place), hint)
    return record is not named_record(node, hint) and (record is not None or key == "name")


@dataclass(frozen=True)
class _Put:
    """Puts the value of a change where its path leads."""

    change: SettingChange
    families: Mapping[str, Family]

    def into(self, node: Node, path: list[str], family: Family | None) -> Node:
        """A copy of `node` with the new value; `family` is that of the node or of its items."""
        step, rest = path[0], path[1:]
        if node.value is BAD:
            return node
        if node.items is not None or step == "*":
            items = list(node.items or ())
            for index in _indices(step, items):
                items[index] = self._below(items[index], rest, family)
            return Node(items, node.place)
        if node.entries is None:  # null or a bare value gives way to a mapping
            node = Node({}, self.change.place)
        step = _main(node, step, family)
        below = (node.entries or {}).get(step, Node({}, self.change.place))
        place = node.keys.get(step, self.change.place) if rest else self.change.place
        return node.with_entry(step, self._below(below, rest, self.families.get(step)), place)

    def _below(self, node: Node, rest: list[str], family: Family | None) -> Node:
        return self.into(node, rest, family) if rest else self.change.value


def _indices(step: str, items: list[Node]) -> list[int]:
    """The item that a step names; for `*` all that are mappings."""
    if step == "*" and items:
        return [index for index, item in enumerate(items) if item.entries is not None]
    if step == "*":
        raise UnfitError("there is no list whose items it could change.")
    if step.isascii() and step.isdigit() and len(step) < 10 and int(step) < len(items):
        return [int(step)]
    last = len(items) - 1
    raise UnfitError(
        f"{shown_value(step)} is no place in this list.", f"0 to {last}" if items else ""
    )


def _main(node: Node, step: str, family: Family | None) -> str:
    """The main setting if `step` is the name of the member that stands here."""
    name = (node.entries or {}).get("name")
    if family is None or name is None or name.value != step or step not in family.members:
        return step
    return main_setting(family.members[step]) or step


def _swap(root: Node, part: str, family: Family, name: Node, notes: list[str]) -> Node:
    """Another member of the family, with those settings of the old member that fit it."""
    old = (root.entries or {}).get(part)
    shown = str(name.value)
    cls = family.member(shown)
    if old is None or old.entries is None or cls is None:
        return root.with_entry(part, name)
    entries = {"name": name}
    alike = _searches(cls) == _searches(family.member(str(find_node(old, "name").value)))
    for key, value in old.entries.items():
        if key == "name":
            continue
        about_rows = family is SOURCE and key in own_keys(Data)
        reason = _unfit_rows(cls, key, old) if about_rows else _unfit(cls, key, value, alike)
        if reason is None:
            entries[key] = value
        else:
            notes.append(f"{part}={shown} drops {key}, which {shown} {reason}.")
    keys = {**old.keys, "name": name.place}
    return root.with_entry(part, Node(entries, name.place, keys))


def _searches(cls: type[Any] | None) -> bool:
    """Whether it is an optimizer that compares losses."""
    return cls is not None and issubclass(cls, Optimizer) and cls.searches


def _unfit(cls: type[Any], key: str, value: Node, alike: bool) -> str | None:
    """Why `cls` cannot have a setting, as the end of a sentence; None if it can.

    alike: whether lr, l1 and clipping mean the same there as for the old member.
    """
    if key not in hints(cls):
        return "does not have"
    if not alike and key != "weight_decay":
        return "understands otherwise"
    if value.is_bad():  # noted already
        return None
    try:
        convert(hints(cls)[key], to_plain(value))
    except MisfitError:
        return f"does not have with the value {shown_value(to_plain(value))}"
    return None


def _unfit_rows(cls: type[Any], key: str, data: Node) -> str | None:
    """The same for the keys of `data` that choose rows."""
    official = cls.files is not None
    pooled = find_node(data, "pool").value is True
    if key == "pool" and pooled and not official:
        return "has no official test part for"
    if key == "test" and official and not pooled:
        return "has an official test part for"
    return None


# Changes of all layers: hidden, depth and activation.


def set_hidden(layers: list[Node], value: Node) -> list[Node]:
    """`hidden=5`: the units of every dense layer but the last."""
    hidden = [index for index, layer in enumerate(layers) if _name(layer) == "dense"][:-1]
    if not hidden:
        raise UnfitError("the network has no hidden dense layer.")
    for index in hidden:
        layers[index] = layers[index].with_entry("units", value)
    return layers


def set_depth(layers: list[Node], value: Node) -> list[Node]:
    """`depth=3`: the layers before the output's dense layer three times, 0 for none of them."""
    last, depth = _last_dense(layers), value.value
    if last == 0:
        raise UnfitError("the network has no hidden layers to repeat.")
    most = MAX_LAYERS // last
    if not isinstance(depth, int) or isinstance(depth, bool) or not 0 <= depth <= most:
        raise UnfitError(
            f"depth is {shown_value(depth)}.", f"a whole number from 0 to {most}", "", value.place
        )
    return layers[:last] * depth + layers[last:]


def set_activation(layers: list[Node], value: Node) -> list[Node]:
    """`activation=relu`: every activation before the output's dense layer."""
    classes = [LAYER.members.get(str(_name(layer)), object) for layer in layers]
    hidden = [i for i in range(_last_dense(layers)) if issubclass(classes[i], Activation)]
    if not hidden:
        raise UnfitError("the network has no hidden activation to replace.")
    for index in hidden:
        layers[index] = value
    return layers


def _reshape(root: Node, change: Reshaper, value: Node) -> Node:
    network = (root.entries or {}).get("network")
    if network is None or not network.items:
        raise UnfitError("the config has no network to change.")
    return root.with_entry("network", Node(change(list(network.items), value), network.place))


def _name(layer: Node) -> object:
    return find_node(layer, "name").value


def _last_dense(layers: list[Node]) -> int:
    """The index of the output's dense layer; UnfitError without one."""
    dense = [index for index, layer in enumerate(layers) if _name(layer) == "dense"]
    if not dense:
        raise UnfitError("the network has no dense layer.")
    return dense[-1]


RESHAPERS: dict[str, Reshaper] = {
    "hidden": set_hidden,
    "depth": set_depth,
    "activation": set_activation,
}
TRAINING = Grammar(
    schema=Config,
    aliases=ALIASES,
    reshapers=RESHAPERS,
    swapped={"optimizer": OPTIMIZER, "data": SOURCE},
    expand=lambda root: expand(root, Config),
)
