"""What was asked: every setting of a run, and whether a person wrote it or it is the default."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from nnlab.config.dump import mapping
from nnlab.config.expand import expand
from nnlab.config.load import parse
from nnlab.config.problems import Problems
from nnlab.config.reader import read
from nnlab.config.tree import Node, Source, plain
from nnlab.errors import NnlabError
from nnlab.run import durable
from nnlab.show.figures.view import View
from nnlab.show.page.numbers import as_yaml, shorter

# given: written in config.yaml; default: nobody wrote it; changed: neither, so it came with --set
# or was chosen when the run began.
State = Literal["given", "default", "changed"]
InFull = Callable[[str, str, Node], tuple[dict[str, Any], Any]]
_NOTHING: Any = object()


@dataclass(frozen=True)
class Setting:
    """One setting as text."""

    key: str
    value: str
    state: State


@dataclass(frozen=True)
class Section:
    """A section of the config: one line of settings, or one a layer."""

    name: str
    lines: tuple[tuple[Setting, ...], ...]


@dataclass(frozen=True)
class Asked:
    """The settings by section, the comment that the config begins with, and the two files."""

    sections: tuple[Section, ...]
    intro: tuple[tuple[str, bool], ...]  # paragraphs, and whether each is an item of a list
    config: str
    resolved: str
    compared: bool  # whether given and default could be told apart

    @property
    def changed(self) -> bool:
        """Whether something is neither as written nor the default."""
        lines = (line for section in self.sections for line in section.lines)
        return any(one.state == "changed" for line in lines for one in line)


def training_in_full(text: str, filename: str, tree: Node) -> tuple[dict[str, Any], Any]:
    """The config of a training with all defaults, and what is written in it in full form."""
    return mapping(parse(text, filename, check=False)), plain(expand(tree))


def asked(seen: View, in_full: InFull = training_in_full) -> Asked:
    """All of it from resolved.yaml and config.yaml; `in_full` reads config.yaml.

    Raises ConfigError when resolved.yaml is no YAML.
    """
    config = _text(seen)
    base, given = _defaults(config, seen, in_full)
    sections = []
    for name, value in seen.settings.items():
        known = base.get(name, _NOTHING) if base is not None else value
        section = _section(name, value, known, given.get(name, _NOTHING), base is None)
        if section.lines:
            sections.append(section)
    return Asked(
        tuple(sections),
        intro(config),
        config,
        seen.folder.read_text("resolved.yaml"),
        base is not None,
    )


def intro(config: str) -> tuple[tuple[str, bool], ...]:
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
    return tuple((one.removeprefix("* "), one.startswith("* ")) for one in paragraphs if one)


def _text(seen: View) -> str:
    """config.yaml, or nothing where it cannot be had: resolved.yaml says all that matters."""
    try:
        return durable.read_file(seen.folder.path / "config.yaml").decode("utf-8", "replace")
    except NnlabError:
        return ""


def _defaults(
    config: str, seen: View, in_full: InFull
) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """The config without overrides and with all defaults; and what was written in full form."""
    if not config:
        return None, {}
    path = str(seen.folder.path / "config.yaml")
    try:
        tree = read(Source("config.yaml", config, seen.folder.path), Problems())
        base, full = in_full(config, path, tree)
    except NnlabError:  # of a newer version, or meant for overrides that made it whole
        return None, {}
    # Expanding fills in whole sections: those nobody wrote.
    written = full.items() if isinstance(full, dict) else ()
    return base, {key: one for key, one in written if key in (tree.entries or {})}


def _section(name: str, value: Any, base: Any, given: Any, blind: bool) -> Section:
    if name == "sweeps":
        studies = value if isinstance(value, dict) else {}
        line = tuple(Setting(key, _study(one), "given") for key, one in studies.items())
        return Section(name, (line,) if line else ())
    if isinstance(value, list) and all(isinstance(item, Mapping) for item in value):
        lines = tuple(
            _line(item, _at(base, index), _at(given, index), blind)
            for index, item in enumerate(value)
        )
        return Section(name, lines)
    return Section(name, (_line(value, base, given, blind),))


def _line(value: Any, base: Any, given: Any, blind: bool) -> tuple[Setting, ...]:
    """The settings of a mapping, or of a value that stands alone."""
    return tuple(_settings("", value, base, given, blind))


def _settings(at: str, value: Any, base: Any, given: Any, blind: bool) -> Iterator[Setting]:
    """One setting; of a mapping all that is in it, a member's name in place of the member."""
    if not isinstance(value, Mapping):
        yield Setting(at, _shown(value), _state(value, base, given, blind))
        return
    dotted = f"{at}." if at and "name" not in value else ""
    for key, one in value.items():
        name = at if key == "name" else f"{dotted}{key}"
        yield from _settings(name, one, _under(base, key), _under(given, key), blind)


def _state(value: Any, base: Any, given: Any, blind: bool) -> State:
    if blind:
        return "given"
    written = given is not _NOTHING
    path = written and isinstance(value, str) and value.endswith(str(given).removeprefix("./"))
    if value == base or path:  # a relative path was made absolute
        return "given" if written else "default"
    return "changed"


def _under(values: Any, key: str) -> Any:
    if isinstance(values, Mapping):
        return values.get(key, _NOTHING)
    return values if key == "name" and isinstance(values, str) else _NOTHING


def _at(values: Any, index: int) -> Any:
    return values[index] if isinstance(values, list) and index < len(values) else _NOTHING


def _shown(value: Any) -> str:
    """In one line."""
    return shorter(as_yaml(value))


def _study(study: Any) -> str:
    values = study.get("values") if isinstance(study, dict) else None
    return _shown(values if values is not None else study)
