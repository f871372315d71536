"""The door to configurations: a file, a text or a mapping in, a checked Config out."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nnlab.config.annotations import hints
from nnlab.config.build import Builder, RefusedError
from nnlab.config.checks import Parts, check_parts
from nnlab.config.families import SOURCE
from nnlab.config.files import checked, decode, locate, name_from_stem, name_problem, read_bytes
from nnlab.config.overrides import HOMES, Override, SettingChange, apply, read_overrides
from nnlab.config.problems import Problem, Problems, clean, fail
from nnlab.config.schema import Config
from nnlab.config.short_forms import expand
from nnlab.config.tree import Node, Place, Source, find_node, from_plain
from nnlab.config.yaml12 import finite, read_yaml
from nnlab.core import columns
from nnlab.core.metrics import better_when
from nnlab.data.user_csv import Csv
from nnlab.errors import ConfigError

PATHS = (("data", "path"), ("init", "run"))  # settings that name files
MAX_SWEEP_NODES = 20_000  # that are built to check sweeps; others are checked when they run
# By command: keys that only this kind of config has, and the kind in words.
KINDS = {
    "train": (
        ("data", "network", "loss"),
        "trains a network, and is no race of optimizers on a function",
    ),
    "descend": (
        ("function", "runs"),
        "is a race of optimizers on a function, and trains no network",
    ),
}


@dataclass(frozen=True)
class Loaded:
    """A config and where it came from.

    `text` is the file's content byte for byte, `path` the file; `notes` are sentences about
    settings that were dropped.
    """

    config: Config
    text: bytes | None = None
    path: Path | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Document:
    """A config as it was read: its tree, its bytes, and the name that its file gives."""

    root: Node
    text: bytes
    path: Path
    name: str


def read_document(config: str | Path, problems: Problems, command: str) -> Document:
    """The tree of a file, or of the shipped config of that name.

    Raises ConfigError for a config that another command runs.
    """
    path = locate(config)
    text = read_bytes(path)
    root = read_yaml(decode(text, str(path), path.resolve().parent), problems)
    refuse_other_kind(root, str(config), command)
    return Document(root, text, path, name_from_stem(path.stem))


def read_text(text: str, filename: str, problems: Problems, command: str) -> Document:
    """The tree of a text that messages call `filename`."""
    path = Path(filename)
    root = read_yaml(checked(Source(filename, text, path.absolute().parent)), problems)
    refuse_other_kind(root, filename, command)
    return Document(root, text.encode("utf-8", "surrogateescape"), path, name_from_stem(path.stem))


def load_config(
    config: str | Path, overrides: Sequence[Override] = (), *, check: bool = True
) -> Loaded:
    """Read a file, or the shipped config of that name, with the overrides applied.

    `check=False` leaves out what needs the data set, for the resolved.yaml of a finished run.
    Raises ConfigError with all mistakes, DataError when the data's shape cannot be determined.
    """
    problems = Problems()
    file = read_document(config, problems, "train")
    built, notes = _finish(file.root, overrides, file.name, problems, check)
    return Loaded(built, file.text, file.path, notes)


def parse_config(
    text: str,
    filename: str = "config.yaml",
    overrides: Sequence[Override] = (),
    *,
    check: bool = True,
) -> Config:
    """The config in a text; `filename` gives messages, the name and relative paths their start."""
    problems = Problems()
    file = read_text(text, filename, problems, "train")
    return _finish(file.root, overrides, file.name, problems, check)[0]


def from_mapping(
    mapping: Mapping[str, object], overrides: Sequence[Override] = (), *, check: bool = True
) -> Config:
    """The config that a nested mapping describes, in the words of the YAML file."""
    place = Place(Source("config", "", Path.cwd(), "values"))
    try:
        root = from_plain(mapping, place)
        for node in root.walk():
            if isinstance(node.value, int | float):
                finite(node.value)
    except (TypeError, ValueError) as error:
        fail([Problem(place, f"{error}")])
    return _finish(root, overrides, None, Problems(), check)[0]


def _finish(
    root: Node, overrides: Sequence[Override], name: str | None, problems: Problems, check: bool
) -> tuple[Config, tuple[str, ...]]:
    """Everything after reading: full form, overrides, objects, checks.

    `name` is for a config that has none; by default that of its data.
    """
    notes: list[str] = []
    changes = read_overrides(overrides, Path.cwd(), problems)
    root = apply(expand(root, Config), changes, problems, notes)
    root = resolve_paths(root, PATHS)
    parts = construct(root, name or _name_of_data(root), problems)
    if parts.config is not None:
        _check_sweeps(root, parts.config, problems)
    if check:
        check_parts(root, parts, problems)
    return finished(parts.config, problems), tuple(notes)


def finished(config: Any, problems: Problems) -> Any:
    """The config; raises ConfigError with all problems, if there are any."""
    problems.raise_any()
    if config is None:
        raise ConfigError("These settings do not go together.")
    return config


def _name_of_data(root: Node) -> str:
    """A name for a config without a file: that of the data set, or of the file it is in."""
    path, source = find_node(root, "data", "path").value, find_node(root, "data", "name").value
    word = Path(path).stem if isinstance(path, str) else source
    return name_from_stem(word if isinstance(word, str) else "")


def resolve_paths(root: Node, paths: Iterable[tuple[str, str]]) -> Node:
    """The tree with relative file names resolved against the folder of the text they stand in."""
    for outer, inner in paths:
        node, holder = find_node(root, outer, inner), find_node(root, outer)
        if holder.entries is None or inner not in holder.entries or not isinstance(node.value, str):
            continue
        if node.value:
            full = str(node.place.source.folder / os.path.expanduser(node.value))
            changed = holder.with_entry(inner, Node(full, node.place), holder.key_place(inner))
            root = root.with_entry(outer, changed, root.key_place(outer))
    return root


# The two kinds of config.


def command_of(root: Node) -> str | None:
    """The command that runs a config; None for keys of both kinds or of neither."""
    keys = set(root.entries or ())
    commands = [command for command, (own, _) in KINDS.items() if not keys.isdisjoint(own)]
    return commands[0] if len(commands) == 1 else None


def describes_race(path: Path) -> bool:
    """Whether a file is the config of a race; False for a file that cannot be read."""
    try:
        root = read_yaml(decode(read_bytes(path), str(path), path.parent), Problems())
    except ConfigError:
        return False
    return command_of(root) == "descend"


def refuse_other_kind(root: Node, shown: str, command: str) -> None:
    """Raise ConfigError for a config that another command runs."""
    other = command_of(root)
    if other not in (None, command):
        path = clean(shown)
        raise ConfigError(f"{path} {KINDS[other][1]}: `nnlab {other} {path}` runs it.")


# From the full form to objects.


def construct(root: Node, stem: str, problems: Problems) -> Parts:
    """Build what can be built of a full tree; `stem` names a config without a name."""
    before = len(problems.found)
    root = _with_defaults(root, stem)
    try:
        values = Builder(problems, HOMES).top(Config, root)
    except RefusedError:
        return Parts()
    note_bad_name(values, root, problems)
    parts = Parts(**{key: values.get(key) for key in ("data", "network", "loss", "training")})
    parts.data = values["data"] = _with_labels(parts)
    parts.training = values["training"] = _with_monitor(parts)
    if len(values) == len(hints(Config)) and len(problems.found) == before:
        parts.config = Config(**values)
    return parts


def note_bad_name(values: Mapping[str, Any], root: Node, problems: Problems) -> None:
    """Note a name that cannot be part of a folder's name."""
    if "name" in values and (sentence := name_problem(values["name"])):
        problems.add(find_node(root, "name").place, sentence)


def with_missing(node: Node, key: str, value: str | int) -> Node:
    """The mapping with a value for a key that it does not have."""
    if node.entries is None or key in node.entries:
        return node
    return node.with_entry(key, Node(value, node.place), node.place)


def _with_defaults(root: Node, stem: str) -> Node:
    """The tree with the defaults that follow from other settings."""
    root = with_missing(with_missing(root, "name", stem), "seed", 0)
    entries = root.entries or {}
    data, sweeps = entries.get("data"), entries.get("sweeps")
    if data is not None and str(find_node(data, "name").value) in SOURCE.members:
        source = SOURCE.members[str(find_node(data, "name").value)]
        data = with_missing(data, "scale", source.default_scale)
        seed = entries["seed"].value
        data = with_missing(data, "seed", seed if type(seed) is int and seed > 0 else 0)
        root = root.with_entry("data", data, root.key_place("data"))
    if sweeps is not None and sweeps.entries is not None:
        named = {name: with_missing(node, "key", name) for name, node in sweeps.entries.items()}
        root = root.with_entry("sweeps", Node(named, sweeps.place, sweeps.keys))
    return root


def _with_labels(parts: Parts) -> Any:
    """Several target columns with a loss that ends in sigmoids are labels, not a regression."""
    data, loss = parts.data, parts.loss
    source = None if data is None else data.source
    if data is None or not isinstance(source, Csv) or loss is None or loss.fuses != "sigmoid":
        return data
    if source.task != "auto" or len(source.targets) == 1:
        return data
    return replace(data, source=replace(source, task="multilabel"))


def _with_monitor(parts: Parts) -> Any:
    """`training` with the monitored value, and with the side on which that is better."""
    data, training = parts.data, parts.training
    if training is None:
        return None
    validated = data is not None and data.split.validation is not None
    part = columns.VAL if validated else columns.TRAIN
    monitor = training.monitor or columns.name(part, columns.LOSS)
    stopping = training.early_stopping
    if stopping is not None and stopping.mode is None:
        stopping = replace(stopping, mode=better_when(monitor))
    return replace(training, monitor=monitor, early_stopping=stopping)


def _check_sweeps(root: Node, config: Config, problems: Problems) -> None:
    """Note what a value or a fixed setting of a sweep makes wrong, at the place where it stands."""
    bare = root.without("sweeps")
    budget = MAX_SWEEP_NODES // sum(1 for _ in bare.walk())
    for name, sweep in config.sweeps.items():
        node = find_node(root, "sweeps", name)
        fixed = find_node(node, "set") if sweep.set else Node({}, node.place)
        changes = [
            SettingChange(key, value, fixed.key_place(key))
            for key, value in (fixed.entries or {}).items()
        ]
        values = (find_node(node, "values").items or [])[:budget]
        budget -= len(values)
        for value in values:
            new = Problems()
            change = SettingChange(sweep.key, value, value.place)
            construct(apply(bare, [*changes, change], new, []), config.name, new)
            problems.add_new(new)


# One config with other settings, many times: the file is read once, a variant takes less than 1 ms.


@dataclass(frozen=True)
class Base:
    """A checked config without its sweeps, and the tree that it was made from.

    `notes` are sentences about settings that were dropped.
    """

    config: Config
    root: Node
    name: str
    notes: tuple[str, ...] = ()

    def vary(self, changes: Sequence[SettingChange], problems: Problems) -> Config | None:
        """The config with these settings, in full form and checked; None after noting why not.

        Raises DataError when the data's shape cannot be determined and nothing else is wrong.
        """
        before = len(problems.found)
        root = apply(self.root, changes, problems, [])
        if len(problems.found) > before:
            return None
        return _checked(resolve_paths(root, PATHS), self.name, problems)


def load_base(config: str | Path, fixed: Sequence[Override] = ()) -> Base:
    """The config with these settings in all variants.

    Raises ConfigError with all mistakes, DataError when the data's shape cannot be determined.
    """
    problems, notes = Problems(), list[str]()
    file = read_document(config, problems, "train")
    changes = read_overrides(fixed, Path.cwd(), problems)
    root = apply(expand(file.root, Config), changes, problems, notes)
    root = resolve_paths(root, PATHS).without("sweeps")
    built = finished(_checked(root, file.name, problems), problems)
    return Base(built, root, file.name, tuple(notes))


def _checked(root: Node, name: str, problems: Problems) -> Config | None:
    before = len(problems.found)
    parts = construct(root, name, problems)
    check_parts(root, parts, problems)
    return parts.config if len(problems.found) == before else None
