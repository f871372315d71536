"""Mistakes in a configuration: collected first, then shown all at once, each with its place.

bad.yaml:4:12: optimizer.lr is -1.
    optimizer: {name: sgd, lr: -1}
                               ^
    allowed: a number > 0
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NoReturn

from nnlab.config.tree import Node, Place, find_node
from nnlab.errors import ConfigError

SHOWN = 50  # problems in one message
MOST = 500  # problems until reading stops; a text with more is no config, and costs time
WINDOW = 100  # characters of a source line around the caret
LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # what PyYAML counts as one


@dataclass(frozen=True)
class Problem:
    """One mistake: a sentence about the value that stands there, and what is allowed.

    hint: further sentences, each after a space, as `suggest.did_you_mean` makes them. is_blank:
    whether a template leaves the value open, which is no mistake of the template.
    """

    place: Place
    sentence: str
    allowed: str = ""
    hint: str = ""
    is_blank: bool = False

    def __str__(self) -> str:
        head = f"{_where(self.place)}{clean(self.sentence)}{clean(self.hint)}"
        lines = [head, *_excerpt(self.place)]
        if self.allowed:
            lines.append(f"    allowed: {clean(self.allowed)}")
        return "\n".join(lines)


@dataclass
class Problems:
    """The mistakes that were noted while a configuration is read."""

    noted: list[Problem] = field(default_factory=list)

    def add(
        self, place: Place, sentence: str, allowed: str = "", hint: str = "", is_blank: bool = False
    ) -> None:
        """Note a problem; raises ConfigError at the 500th."""
        self.noted.append(Problem(place, sentence, allowed, hint, is_blank))
        if len(self.noted) >= MOST:
            fail(self.noted)

    def add_new(self, problems: Problems) -> None:
        """Note those problems that were not noted before."""
        for problem in problems.noted:
            if problem not in self.noted:
                self.add(problem.place, problem.sentence, problem.allowed, problem.hint)

    def __len__(self) -> int:
        return len(self.noted)

    def raise_any(self) -> None:
        """Raises ConfigError with all problems so far, if there are any."""
        if self.noted:
            fail(self.noted)


@dataclass(frozen=True)
class Notes:
    """Problems in the tree of a config."""

    root: Node
    problems: Problems

    def note(
        self, path: tuple[str | int, ...], sentence: str, allowed: str = "", hint: str = ""
    ) -> None:
        """Note a problem where the value at `path` stands, or what is nearest above it."""
        self.problems.add(find_node(self.root, *path).place, sentence, allowed, hint)


def fail(problems: Iterable[Problem]) -> NoReturn:
    """Raises ConfigError with all `problems`, each once, in the order of their places."""
    different: dict[tuple[Place, str], Problem] = {}
    for problem in problems:
        different.setdefault(_identity(problem), problem)
    ordered = tuple(sorted(different.values(), key=_order))
    texts = [str(problem) for problem in ordered[:SHOWN]]
    if len(ordered) > SHOWN:
        texts.append(f"... and {len(ordered) - SHOWN} more mistakes.")
    raise ConfigError("\n".join(texts), ordered)


def shown_value(value: object) -> str:
    """A value as a message shows it: YAML's spelling, short, without control characters."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list" if value else "an empty list"
    text = f"'{value}'" if isinstance(value, str) else repr(value)
    return clean(text if len(text) <= 60 else f"{text[:40]}... ({len(text)} characters)")


def clean(text: str) -> str:
    """The text with control characters escaped, safe to print in a terminal."""
    return "".join(map(_visible, text))


def _visible(char: str) -> str:
    if char == "\t":
        return " "
    return char if char.isprintable() else char.encode("unicode_escape").decode("ascii")


def _where(place: Place) -> str:
    name = clean(place.source.name)
    if place.line == 0 or place.source.kind == "set":
        return f"{name}: "
    return f"{name}:{place.line}:{place.column}: "


def _excerpt(place: Place) -> list[str]:
    """The source line and a caret below it, cut to a window where the line is long."""
    if place.line == 0:
        return []
    lines = LINE_BREAK.split(place.source.text)
    line = lines[place.line - 1] if place.line <= len(lines) else ""
    at = min(place.column - 1, len(line))
    start = max(0, at - WINDOW // 2) if len(line) > WINDOW else 0
    before, after = clean(line[start:at]), clean(line[at : start + WINDOW])
    prefix = f"{clean(place.source.name)} " if place.source.kind == "set" else ""
    prefix += "..." if start else ""
    dots = "..." if start + WINDOW < len(line) else ""
    return [f"    {prefix}{before}{after}{dots}", " " * (4 + _width(prefix + before)) + "^"]


def _width(text: str) -> int:
    """Columns that a terminal uses for the text."""
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    joined = sum(unicodedata.combining(char) != 0 for char in text)
    return len(text) + wide - joined


def _identity(problem: Problem) -> tuple[Place, str]:
    """Equal for two problems that are the same mistake.

    One value of --set can stand at many places of the tree: `hidden=0` is network.0.units and
    network.2.units.
    """
    place, sentence = problem.place, problem.sentence
    return place, re.sub(r"\.\d+\.", ".", sentence) if place.source.kind == "set" else sentence


def _order(problem: Problem) -> tuple[bool, int, int]:
    place = problem.place
    return (place.source.kind != "file", place.line, place.column)
