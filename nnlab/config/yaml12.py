"""YAML text to a tree of nodes, with the meanings of YAML 1.2 and none of YAML's dangers.

PyYAML reads YAML 1.1, where `1e-3` is text, `no` is false, `010` is eight, and the last of two
equal keys wins in silence. Here its scanner and parser only deliver events; which tag a word has,
what a mapping is and when to stop is decided below, in one pass over them.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any, NoReturn

import yaml
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)
from yaml.scanner import ScannerError

from nnlab.config.problems import LINE_BREAK, Problem, Problems, fail, shown_value
from nnlab.config.tree import BAD, Bad, Node, Place, Scalar, Source

MAX_DEPTH = 32
MAX_DIGITS = 100
MAX_ALIASES = 100
MAX_NODES = 10_000  # after every alias is written out
MAX_LINES = 50_000  # half a million empty lines take PyYAML a second
CORE = {"map", "seq", "str", "int", "float", "bool", "null"}
# What an escape in double quotes can make: control characters, and halves of surrogate pairs.
# U+DC80 to U+DCFF may stay: Python's form of bytes in file names that are not UTF-8.
UNUSABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\ud800-\udc7f\udd00-\udfff]")
TAG = "tag:yaml.org,2002:"


def read_yaml(source: Source, problems: Problems, start: int = 0) -> Node:
    """The tree of a text that holds, from `start` on, one YAML document.

    Mistakes in single values are added to `problems`, and the value becomes BAD. A text that is
    not YAML at all, or that passes a limit, raises ConfigError.
    """
    if len(LINE_BREAK.findall(source.text)) > MAX_LINES:
        fail([Problem(Place(source), f"the text has more than {MAX_LINES} lines.")])
    loader = None
    try:
        loader = CoreLoader(" " * start + source.text[start:])
        return _Composer(loader, source, problems).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = error.problem or error.context
        fail([Problem(_place(source, mark), f"this is not valid YAML: {reason}.")])
    except (yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError, OverflowError):
        # PyYAML's own slips on damaged text: chr() out of range, int('') and the like.
        mark = loader.get_mark() if loader is not None else None
        fail([Problem(_place(source, mark), "this is not valid YAML.")])


@dataclass
class _Anchor:
    """A finished anchored node, how many nodes it has written out, and how deep it is."""

    node: Node
    size: int
    height: int


@dataclass
class _Composer:
    """Builds nodes from a loader's events and keeps count of what they would grow to."""

    loader: Any  # CoreLoader, whose methods have no types
    source: Source
    problems: Problems
    anchors: dict[str, _Anchor] = field(default_factory=dict)
    aliases: int = 0
    size: int = 0
    deepest: int = 0

    def document(self) -> Node:
        self._next(StreamStartEvent)
        if self._peek(StreamEndEvent):
            return Node(None, Place(self.source, 1, 1))
        self._next(DocumentStartEvent)
        node = self._node(1)
        self._next(DocumentEndEvent)
        if not self._peek(StreamEndEvent):
            event = self._next(Event)
            self._stop(event, "a second document begins here; a config is one document.")
        return node

    def _node(self, depth: int) -> Node:
        event = self._next(NodeEvent)
        if isinstance(event, AliasEvent):
            return self._alias(event, depth)
        self.size += 1
        if self.size > MAX_NODES:
            self._stop(event, f"the text holds more than {MAX_NODES} values.")
        if depth > MAX_DEPTH:
            self._stop(event, f"values are nested more than {MAX_DEPTH} deep.")
        if event.anchor is not None and event.anchor in self.anchors:
            self._stop(event, f"the anchor {shown_value(event.anchor)} is defined twice.")
        start, outer, self.deepest = self.size - 1, self.deepest, depth
        node = self._content(event, depth)
        if event.anchor is not None:
            height = self.deepest - depth + 1
            self.anchors[event.anchor] = _Anchor(node, self.size - start, height)
        self.deepest = max(outer, self.deepest)
        return node

    def _alias(self, event: AliasEvent, depth: int) -> Node:
        anchor = self.anchors.get(str(event.anchor))
        if anchor is None:
            self._stop(
                event, f"the alias {shown_value(event.anchor)} has no finished anchor before it."
            )
        self.aliases += 1
        self.size += anchor.size
        self.deepest = max(self.deepest, depth + anchor.height - 1)
        if self.aliases > MAX_ALIASES:
            self._stop(event, f"the text uses more than {MAX_ALIASES} aliases.")
        if self.size > MAX_NODES:
            self._stop(
                event, f"with its aliases written out, the text holds more than {MAX_NODES} values."
            )
        if self.deepest > MAX_DEPTH:
            self._stop(event, f"values are nested more than {MAX_DEPTH} deep.")
        return anchor.node

    def _content(self, event: Event, depth: int) -> Node:
        place = _place(self.source, event.start_mark)
        if isinstance(event, ScalarEvent):
            return Node(self._scalar(event, place), place)
        known = self._known_tag(event, place)
        if isinstance(event, SequenceStartEvent):
            node = self._sequence(place, depth)
        else:
            node = self._mapping(place, depth)
        return node if known else Node(BAD, place)

    def _sequence(self, place: Place, depth: int) -> Node:
        items: list[Node] = []
        while not self._peek(SequenceEndEvent):
            items.append(self._node(depth + 1))
        self._next(SequenceEndEvent)
        return Node(items, place)

    def _mapping(self, place: Place, depth: int) -> Node:
        entries: dict[str, Node] = {}
        keys: dict[str, Place] = {}
        while not self._peek(MappingEndEvent):
            where = _place(self.source, self.loader.peek_event().start_mark)
            key, value = self._node(depth + 1), self._node(depth + 1)
            name = self._key(key, keys, where)
            if name is not None:
                entries[name], keys[name] = value, where
        self._next(MappingEndEvent)
        return Node(entries, place, keys)

    def _key(self, node: Node, seen: dict[str, Place], place: Place) -> str | None:
        """The name of an entry, or None after the reason against it was noted."""
        name = node.value
        if name is BAD:
            return None
        if not isinstance(name, str):
            found = shown_value(name)
            self.problems.add(
                place, f"the key {found} is not a name; write it in quotes if you mean text."
            )
        elif name == "<<":
            self.problems.add(
                place, "merge keys (<<) are not part of YAML 1.2; write the settings out."
            )
        elif name in seen:
            first = seen[name].line
            self.problems.add(
                place,
                f"the key {shown_value(name)} stands here again; "
                f"it was first given in line {first}.",
            )
        else:
            return name
        return None

    def _scalar(self, event: ScalarEvent, place: Place) -> Scalar | Bad:
        text = event.value
        if bad := UNUSABLE.search(text):
            self.problems.add(place, f"this text holds the character U+{ord(bad[0]):04X}.")
            return BAD
        tag = event.tag
        if tag == "!":  # "not resolved": text, whatever it looks like
            return text
        if tag is None:
            tag = self.loader.resolve(yaml.ScalarNode, text, event.implicit)
        elif not self._known_tag(event, place):
            return BAD
        return self._value(tag.removeprefix(TAG), text, place)

    def _value(self, tag: str, text: str, place: Place) -> Scalar | Bad:
        if tag == "str":
            return text
        if tag == "null" and text in ("~", "null", "Null", "NULL", ""):
            return None
        if tag == "bool" and text.lower() in ("true", "false"):
            return text.lower() == "true"
        try:
            if tag in ("int", "float"):
                return number(text, tag)
            sentence = f"{shown_value(text)} is not a value of the type !!{tag}."
        except ValueError as error:
            sentence = str(error)
        self.problems.add(place, sentence)
        return BAD

    def _known_tag(self, event: Any, place: Place) -> bool:
        tag = event.tag
        kinds = {
            ScalarEvent: CORE - {"map", "seq"},
            SequenceStartEvent: {"seq"},
            MappingStartEvent: {"map"},
        }
        if tag is None or tag == "!" or tag.removeprefix(TAG) in kinds[type(event)]:
            return True
        shown = f"!!{tag.removeprefix(TAG)}" if tag.startswith(TAG) else tag
        self.problems.add(
            place, f"the tag {shown_value(shown)} is not allowed; a config holds plain values."
        )
        return False

    def _peek(self, kind: type[Event]) -> bool:
        return bool(self.loader.check_event(kind))

    def _next(self, kind: type[Event]) -> Any:
        event = self.loader.get_event()
        assert isinstance(event, kind)  # the parser's grammar
        return event

    def _stop(self, event: Event, sentence: str) -> NoReturn:
        fail([Problem(_place(self.source, event.start_mark), sentence)])


def _place(source: Source, mark: Any) -> Place:
    return Place(source) if mark is None else Place(source, mark.line + 1, mark.column + 1)


# Which value a word stands for: the core schema of YAML 1.2.


class CoreLoader(yaml.SafeLoader):
    """SafeLoader with the resolvers of YAML 1.2's core schema instead of YAML 1.1's."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - the base class has no ClassVar either

    def check_printable(self, data: str) -> None:
        """Nothing: `files.checked` did it, and lets bytes of file names pass."""

    def fetch_flow_collection_start(self, TokenClass: type) -> None:
        """Stop at too many open brackets: looking ahead over them takes quadratic time."""
        if self.flow_level >= MAX_DEPTH:
            raise ScannerError(None, None, f"more than {MAX_DEPTH} open brackets", self.get_mark())
        yaml.SafeLoader.fetch_flow_collection_start(self, TokenClass)


for _tag, _pattern, _first in (
    ("null", r"(?:~|null|Null|NULL|)", ["~", "n", "N", ""]),
    ("bool", r"(?:true|True|TRUE|false|False|FALSE)", list("tTfF")),
    ("int", r"(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)", list("-+0123456789")),
    (
        "float",
        r"(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))",
        list("-+.0123456789"),
    ),
):
    CoreLoader.add_implicit_resolver(TAG + _tag, re.compile(rf"\A{_pattern}\Z"), _first)


def number(text: str, tag: str) -> int | float:
    """The value of a number's text; raises ValueError with a sentence for one that is no use."""
    if len(text) > MAX_DIGITS:
        raise ValueError(f"this number has {len(text)} characters; at most {MAX_DIGITS} are read.")
    try:
        if tag == "float":
            value: int | float = float(re.sub(r"\.(?=[in])", "", text.lower()))
        else:
            value = int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
    except ValueError:
        raise ValueError(f"{shown_value(text)} is not a number.") from None
    return finite(value)


def finite(value: int | float) -> int | float:
    """The same number; raises ValueError for nan, inf and whole numbers beyond 64 bits."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("nan and inf are no values for a setting, nor is more than 1.8e308.")
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError("this whole number does not fit into 64 bits.")
    return value
