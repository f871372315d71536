"""Every setting of a run, and whether a person wrote it or it is the default."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import reduce
from typing import Any, Literal

from nnlab.config.dump import settings_of
from nnlab.config.load import parse_config
from nnlab.config.problems import Problems
from nnlab.config.schema import Config
from nnlab.config.short_forms import expand
from nnlab.config.tree import Node, Source, to_plain
from nnlab.config.yaml12 import read_yaml
from nnlab.errors import NnlabError
from nnlab.run import durable
from nnlab.run.folder import CONFIG, RESOLVED
from nnlab.run.text import mapping_or_empty
from nnlab.show.figures.view import View
from nnlab.show.words import setting_value, shorten

# given: written in config.yaml; changed: neither written nor the default, so it came with --set or
# was chosen when the run began.
State = Literal["given", "default", "changed"]
Path = tuple[str | int, ...]
InFull = Callable[[str, str, Node], tuple[dict[str, Any], Any]]
_NOTHING: Any = object()


@dataclass(frozen=True)
class SettingText:
    """A setting as text."""

    key: str
    value: str
    state: State


@dataclass(frozen=True)
class SettingsOverview:
    """The settings by section, one line per layer or run, and the two files.

    intro: the paragraphs of the comment at the top, and whether each is an item of a list.
    compared: whether given and default could be told apart.
    """

    sections: dict[str, list[list[SettingText]]]
    intro: list[tuple[str, bool]]
    config: str
    resolved: str
    compared: bool

    @property
    def changed(self) -> bool:
        """Whether a setting is neither as written nor the default."""
        lines = (line for lines in self.sections.values() for line in lines)
        return any(setting.state == "changed" for line in lines for setting in line)


def training_in_full(text: str, filename: str, tree: Node) -> tuple[dict[str, Any], Any]:
    """The config of a training with all defaults, and what is written in it in full form."""
    return settings_of(parse_config(text, filename, check=False)), to_plain(expand(tree, Config))


def explain_settings(run: View, in_full: InFull = training_in_full) -> SettingsOverview:
    """All settings, from resolved.yaml and config.yaml; `in_full` reads config.yaml.

    Raises ConfigError when resolved.yaml is not YAML.
    """
    config = ""
    with suppress(NnlabError):  # resolved.yaml says all that matters
        config = durable.read_file(run.path / CONFIG).decode("utf-8", "replace")
    base, written = _defaults(config, run, in_full)

    def text(key: str, path: Path, value: Any) -> SettingText:
        default, entry = (reduce(_entry, path, tree) for tree in (base, written))
        state = "given" if base is None else _state(value, default, entry)
        return SettingText(key, shorten(setting_value(value)), state)

    sections = {
        name: [[text(*leaf) for leaf in _leaves("", *line)] for line in _lines(name, value)]
        for name, value in run.settings.items()
        if name != "sweeps"
    }
    sweeps = mapping_or_empty(run.settings.get("sweeps"))
    if sweeps:
        sections["sweeps"] = [
            [SettingText(key, _sweep_text(sweep), "given") for key, sweep in sweeps.items()]
        ]
    resolved = run.folder.read_text(RESOLVED)
    return SettingsOverview(
        sections, intro_paragraphs(config), config, resolved, compared=base is not None
    )


def intro_paragraphs(config: str) -> list[tuple[str, bool]]:
    """The comment lines at the top of a config, as paragraphs; a line with * begins a new one."""
    paragraphs: list[str] = []
    fresh = True
    for line in config.lstrip("\N{BOM}").splitlines():
        if not line.startswith("#"):
            break
        words = line.lstrip("#").strip()
        if fresh or words.startswith("* "):
            paragraphs.append("")
        paragraphs[-1] = f"{paragraphs[-1]} {words}".strip()
        fresh = not words
    return [(text.removeprefix("* "), text.startswith("* ")) for text in paragraphs if text]


def _defaults(
    config: str, run: View, in_full: InFull
) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """The config without overrides and with all defaults; and what was written in full form."""
    if not config:
        return None, {}
    path = str(run.folder.path / "config.yaml")
    try:
        tree = read_yaml(Source("config.yaml", config, run.folder.path), Problems())
        base, full = in_full(config, path, tree)
    except NnlabError:  # of a newer version, or complete only with its overrides
        return None, {}
    # Expanding also fills in whole sections that were not written.
    written = full.items() if isinstance(full, dict) else ()
    return base, {key: value for key, value in written if key in (tree.entries or {})}


def _lines(name: str, value: Any) -> Iterator[tuple[Path, Any]]:
    """A section as lines: one per item of a list of layers or runs."""
    if isinstance(value, list) and all(isinstance(item, Mapping) for item in value):
        yield from (((name, index), item) for index, item in enumerate(value))
    else:
        yield (name,), value


def _leaves(key: str, path: Path, value: Any) -> Iterator[tuple[str, Path, Any]]:
    """Key, path and value of each setting in `value`; a member has the key of its place."""
    if not isinstance(value, Mapping):
        yield key, path, value
        return
    prefix = f"{key}." if key and "name" not in value else ""
    for inner, part in value.items():
        yield from _leaves(key if inner == "name" else f"{prefix}{inner}", (*path, inner), part)


def _state(value: Any, default: Any, entry: Any) -> State:
    written = entry is not _NOTHING
    path = written and isinstance(value, str) and value.endswith(str(entry).removeprefix("./"))
    if value == default or path:  # a relative path was made absolute
        return "given" if written else "default"
    return "changed"


def _entry(values: Any, key: str | int) -> Any:
    """An entry of a mapping or list; the name of a member that is written as its name alone."""
    if isinstance(values, Mapping):
        return values.get(key, _NOTHING)
    if isinstance(values, list) and isinstance(key, int):
        return values[key] if key < len(values) else _NOTHING
    return values if key == "name" and isinstance(values, str) else _NOTHING


def _sweep_text(sweep: Any) -> str:
    values = sweep.get("values") if isinstance(sweep, dict) else None
    return shorten(setting_value(values if values is not None else sweep))
