"""The door to configurations: a file, a text or a mapping in, a checked Config out."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nnlab.config import checks, studies
from nnlab.config.construct import construct
from nnlab.config.expand import expand
from nnlab.config.files import checked, decode, read_bytes
from nnlab.config.kinds import refuse_other_kind
from nnlab.config.locate import locate
from nnlab.config.names import name_from_stem
from nnlab.config.overrides import Override, apply, settings
from nnlab.config.problems import Problem, Problems, fail
from nnlab.config.reader import read
from nnlab.config.schema import Config
from nnlab.config.tree import Node, Place, Source, find, from_plain
from nnlab.config.yaml12 import finite

PATHS = (("data", "path"), ("init", "run"))  # settings that name files


@dataclass(frozen=True)
class Loaded:
    """A config and where it came from.

    `text` is the file's content byte for byte (None for a mapping), `path` the file; `notes` are
    sentences about settings that were dropped.
    """

    config: Config
    text: bytes | None = None
    path: Path | None = None
    notes: tuple[str, ...] = ()


def load(config: str | Path, overrides: Sequence[Override] = (), *, check: bool = True) -> Loaded:
    """Read a file, or the shipped config of that name, with the overrides applied.

    `check=False` leaves out what needs the data set, for the resolved.yaml of a finished run.
    Raises ConfigError with all mistakes, DataError when the data's shape cannot be found out.
    """
    path = locate(config)
    data = read_bytes(path)
    source = decode(data, str(path), path.resolve().parent)
    problems = Problems()
    root = read(source, problems)
    refuse_other_kind(root, str(config), "train")
    built, notes = _finish(root, overrides, name_from_stem(path.stem), problems, check)
    return Loaded(built, data, path, notes)


def parse(
    text: str,
    filename: str = "config.yaml",
    overrides: Sequence[Override] = (),
    *,
    check: bool = True,
) -> Config:
    """The config in a text; `filename` gives messages, the name and relative paths their start."""
    path = Path(filename)
    source = checked(Source(filename, text, path.absolute().parent))
    problems = Problems()
    root = read(source, problems)
    refuse_other_kind(root, filename, "train")
    return _finish(root, overrides, name_from_stem(path.stem), problems, check)[0]


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
    changes = settings(overrides, Path.cwd(), problems)
    root = apply(expand(root), changes, problems, notes)
    root = absolute(root, PATHS)
    parts = construct(root, problems, name or _name_of_data(root))
    if parts.config is not None:
        studies.check(root, parts.config, problems)
    if check:
        checks.check(root, parts, problems)
    problems.raise_any()
    assert parts.config is not None  # else there is a problem
    return parts.config, tuple(notes)


def _name_of_data(root: Node) -> str:
    """A name for a config without a file: that of the data set, or of the file it is in."""
    path, source = find(root, "data", "path").value, find(root, "data", "name").value
    word = Path(path).stem if isinstance(path, str) else source
    return name_from_stem(word if isinstance(word, str) else "")


def absolute(root: Node, paths: Iterable[tuple[str, str]]) -> Node:
    """The tree with relative file names resolved against the folder of the text they stand in."""
    for outer, inner in paths:
        node, holder = find(root, outer, inner), find(root, outer)
        if holder.entries is None or inner not in holder.entries or not isinstance(node.value, str):
            continue
        if node.value:
            full = str(node.place.source.folder / os.path.expanduser(node.value))
            changed = holder.with_entry(inner, Node(full, node.place), holder.key_place(inner))
            root = root.with_entry(outer, changed, root.key_place(outer))
    return root
