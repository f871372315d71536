"""Read a config: a file, a text or a mapping in, a checked Config out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

from nnlab.config.annotations import hints
from nnlab.config.builder import build_fields
from nnlab.config.checks import check_parts
from nnlab.config.defaults import rescale_added, with_defaults, with_labels, with_monitor
from nnlab.config.dump import settings_of
from nnlab.config.expectations import check_expectations
from nnlab.config.extends import with_base
from nnlab.config.families import resolve_paths
from nnlab.config.files import checked, decode, name_from_stem, read_bytes, read_config
from nnlab.config.given_rows import GivenRows, with_memory
from nnlab.config.overrides import Override, SettingChange, apply, read_overrides
from nnlab.config.problems import Problem, Problems, clean, fail
from nnlab.config.schema import Config, SweepConfig
from nnlab.config.short_forms import expand
from nnlab.config.tree import Node, Place, Source, find_node, from_plain
from nnlab.config.yaml12 import read_yaml
from nnlab.data.memory import UNNAMED
from nnlab.errors import ConfigError

ConfigForm = str | PathLike[str] | Config | Mapping[str, object]
MAX_SWEEP_NODES = 20_000  # of variants that are checked here; the rest is checked when it runs
RACE = "race of optimizers on a function"
# By command: keys that only this kind of config has, and the kind in words.
KINDS = {
    "train": ({"data", "network", "loss"}, f"trains a network, and is no {RACE}"),
    "descend": ({"function", "runs"}, f"is a {RACE}, and trains no network"),
}


@dataclass(frozen=True)
class Loaded:
    """A config and its origin.

    text: the bytes of the file. path: the file. notes: sentences about settings that were dropped.
    """

    config: Config
    text: bytes | None = None
    path: Path | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Document:
    """The tree of a config; of a file also its bytes, its path, and the name that it gives."""

    root: Node
    text: bytes | None = None
    path: Path | None = None
    name: str = ""


def read_document(
    config: ConfigForm, problems: Problems, command: str, follow: bool = True
) -> Document:
    """The tree of a config in any of its forms: a file, the name of a shipped one, or settings.

    follow: whether a file that it extends is read too. Raises ConfigError for a file that another
    command runs, and for a mapping that YAML cannot hold.
    """
    if isinstance(config, Config):
        config = settings_of(config)
    if isinstance(config, Mapping):
        return Document(plain_root(config))
    config = config if isinstance(config, str) else Path(config)
    path, text = read_config(config)
    root = read_yaml(decode(text, str(path), path.resolve().parent), problems)
    root = with_base(root, problems, (path.resolve(),)) if follow else root
    return _document(root, text, path, command, str(config))


def read_text(text: str, filename: str, problems: Problems, command: str) -> Document:
    """The tree of a text that messages call `filename`."""
    path, data = Path(filename), text.encode("utf-8", "surrogateescape")
    root = read_yaml(checked(Source(filename, text, path.absolute().parent)), problems)
    return _document(root, data, path, command, filename)


def _document(root: Node, text: bytes, path: Path, command: str, shown: str) -> Document:
    other, shown = command_of(root), clean(shown)
    if other not in (None, command):
        raise ConfigError(f"{shown} {KINDS[other][1]}: `nnlab {other} {shown}` runs it.")
    return Document(root, text, path, name_from_stem(path.stem))


def plain_root(mapping: Mapping[str, object]) -> Node:
    """The tree of a nested mapping. Raises ConfigError for what YAML cannot hold."""
    place = Place(Source("config", "", Path.cwd(), "values"))
    try:
        return from_plain(mapping, place)
    except (TypeError, ValueError) as error:
        fail([Problem(place, f"{error}")])


def load_config(
    config: ConfigForm,
    overrides: Sequence[Override] = (),
    *,
    check: bool = True,
    rows: GivenRows | None = None,
) -> Loaded:
    """Read a config in any of its forms, with the overrides applied.

    `check=False` leaves out what needs the data set and other files, for the resolved.yaml of a
    finished run. Raises ConfigError with all mistakes, DataError when the data's shape cannot be
    determined.
    """
    problems = Problems()
    file = read_document(config, problems, "train", follow=check)
    base = _base(file, overrides, problems, check, rows=rows)
    return Loaded(base.config, file.text, file.path, base.notes)


def parse_config(
    text: str,
    filename: str = "config.yaml",
    overrides: Sequence[Override] = (),
    *,
    check: bool = True,
) -> Config:
    """The config in a text; `filename` gives messages, the name and relative paths their start."""
    problems = Problems()
    return _base(read_text(text, filename, problems, "train"), overrides, problems, check).config


def from_mapping(
    mapping: Mapping[str, object], overrides: Sequence[Override] = (), *, check: bool = True
) -> Config:
    """The config that a nested mapping describes, in the words of the YAML file."""
    return load_config(mapping, overrides, check=check).config


def load_base(
    config: ConfigForm, fixed: Sequence[Override] = (), rows: GivenRows | None = None
) -> Base:
    """The config with these settings in all variants, and without its sweeps.

    Raises ConfigError with all mistakes, DataError when the data's shape cannot be determined.
    """
    problems = Problems()
    file = read_document(config, problems, "train")
    return _base(file, fixed, problems, with_sweeps=False, rows=rows)


def parse_base(text: str, filename: str, fixed: Sequence[Override] = ()) -> Base:
    """The same for a text; `filename` gives messages and the name their start."""
    problems = Problems()
    file = read_text(text, filename, problems, "train")
    return _base(file, fixed, problems, with_sweeps=False)


@dataclass(frozen=True)
class Base:
    """A checked config, and the tree that it was made from.

    `notes` are sentences about settings that were dropped. rows: of all variants.
    """

    config: Config
    root: Node
    name: str
    notes: tuple[str, ...] = ()
    rows: GivenRows | None = None

    def vary(
        self, changes: Sequence[SettingChange], problems: Problems, check: bool = True
    ) -> Config | None:
        """The config with other settings, checked; None after noting why not.

        `check=False` leaves out what needs the data set. Raises DataError when the data's shape
        cannot be determined and nothing else is wrong.
        """
        before = len(problems)
        root = apply(self.root, changes, problems, [])
        if len(problems) > before:
            return None
        return _config(resolve_paths(root, Config), self.name, problems, check, self.rows)


def _base(
    file: Document,
    overrides: Sequence[Override],
    problems: Problems,
    check: bool = True,
    with_sweeps: bool = True,
    rows: GivenRows | None = None,
) -> Base:
    """Everything after reading: full form, overrides, objects, checks.

    A config without a name gets that of its file, else that of its data.
    """
    root, notes = file.root, list[str]()
    changes = read_overrides(overrides, Path.cwd(), problems)
    own = expand(root if rows is None else with_memory(root, rows.keys), Config)
    root = resolve_paths(apply(own, changes, problems, notes), Config)
    root = root if with_sweeps and rows is None else root.without("sweeps")
    if rows is not None:
        problems.raise_any()  # a mistake of a setting comes before what is wrong with the rows
    name = file.name or (UNNAMED if rows is not None else _name_of_data(root))
    changed = (resolve_paths(own, Config), notes)
    config: Config = finished(_config(root, name, problems, check, rows, changed), problems)
    return Base(config, root, name, tuple(notes), rows)


def _config(
    root: Node,
    name: str,
    problems: Problems,
    check: bool = True,
    rows: GivenRows | None = None,
    changed: tuple[Node, list[str]] | None = None,
) -> Config | None:
    """The config, checked; None after noting why not.

    changed: the tree before settings were changed, and what takes a sentence for each sweep that
    fitted there, does not fit here and is left out.
    """
    before = len(problems)
    root = with_defaults(root, name)
    values = build_fields(Config, root, problems)
    if "data" in values:
        values["data"] = with_labels(values["data"], values.get("loss"))
        if rows is not None and len(problems) == before:
            data = values["data"]
            values["data"] = replace(data, source=rows.held_by(data.source))
    if "training" in values:
        values["training"] = with_monitor(values["training"], values.get("data"))
    values |= rescale_added(values)
    check_expectations(root, problems)
    complete = len(values) == len(hints(Config)) and len(problems) == before
    if complete:
        values["sweeps"] = _fitting(root, values["sweeps"], problems, name, changed)
    if check:
        check_parts(root, values, problems)
    return Config(**values) if complete and len(problems) == before else None


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


def _fitting(
    root: Node,
    sweeps: Mapping[str, SweepConfig],
    problems: Problems,
    stem: str,
    changed: tuple[Node, list[str]] | None,
) -> dict[str, SweepConfig]:
    """The sweeps that fit the config.

    What is wrong with another is noted, or said in a sentence where a change of another setting
    made it wrong; `stem` and `changed` as in `_config`.
    """
    fitting = {}
    budget = MAX_SWEEP_NODES // sum(1 for _ in root.without("sweeps").walk())
    for name, sweep in sweeps.items():
        node, most = find_node(root, "sweeps", name), budget
        budget = max(budget - len(sweep.values), 0)
        new = _misfits(root, node, sweep, most)
        if new.noted and changed is not None:
            own, notes = with_defaults(changed[0], stem), changed[1]
            as_it_was = find_node(own, "sweeps", name) == node
            if as_it_was and not _misfits(own, node, sweep, most).noted:
                notes.append(f"The study {name} is left out: {new.noted[0].sentence}")
                continue
        fitting[name] = sweep
        problems.add_new(new)
    return fitting


def _misfits(root: Node, node: Node, sweep: SweepConfig, most: int) -> Problems:
    """What the first values and the fixed settings of a sweep make wrong, at their places."""
    bare, fixed, problems = root.without("sweeps"), find_node(node, "set"), Problems()
    changes = [SettingChange(k, find_node(fixed, k), fixed.key_place(k)) for k in sweep.set]
    for value in (find_node(node, "values").items or [])[:most]:
        change = SettingChange(sweep.key, value, value.place)
        varied = apply(bare, [*changes, change], problems, [])
        build_fields(Config, varied, problems, known=bare)
    return problems
