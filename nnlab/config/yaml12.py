"""YAML text to a tree of nodes, with the meanings of YAML 1.2 and none of YAML's dangers.

PyYAML reads YAML 1.1, where `1e-3` is text, `no` is false, `010` is eight, and the last of two
equal keys wins in silence. Here it only parses and follows aliases, within limits; which value a
word has and which keys and tags are allowed is decided below.
"""

from __future__ import annotations

import re
from typing import Any, NoReturn

import yaml
from yaml.composer import ComposerError
from yaml.events import AliasEvent, ScalarEvent
from yaml.scanner import ScannerError

from nnlab.config.problems import LINE_BREAK, Problem, Problems, fail, shown_value
from nnlab.config.tree import BAD, Bad, Node, Place, Scalar, Source, finite

MAX_DEPTH = 32
MAX_DIGITS = 100
MAX_ALIASES = 100
MAX_NODES = 10_000  # after every alias is written out
MAX_LINES = 50_000  # half a million empty lines take PyYAML a second
# What an escape in double quotes can make: control characters, and halves of surrogate pairs.
# U+DC80 to U+DCFF may stay: Python's form of bytes in file names that are not UTF-8.
UNUSABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\ud800-\udc7f\udd00-\udfff]")
UNQUOTED = re.compile(r"[:=]\s*(>=?\s*[0-9.]+)")  # YAML takes > for the start of a block of text
TAG = "tag:yaml.org,2002:"
TAGS = {
    yaml.ScalarNode: {"str", "int", "float", "bool", "null"},
    yaml.SequenceNode: {"seq"},
    yaml.MappingNode: {"map"},
}


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
        document = loader.get_single_node()
    except ComposerError as error:
        second = "a second document begins here; a config is one document."
        sentence = second if error.context else str(error.problem)
        fail([Problem(_place(source, error.problem_mark), sentence)])
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason, place = error.problem or error.context, _place(source, mark)
        fail([Problem(place, f"this is not valid YAML: {reason}.", hint=_quotes(place))])
    except (yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError, OverflowError):
        # PyYAML's own errors on damaged text: chr() out of range, int('') and the like.
        mark = loader.get_mark() if loader is not None else None
        fail([Problem(_place(source, mark), "this is not valid YAML.")])
    if document is None:
        return Node(None, Place(source, 1, 1))
    return _converted(document, source, problems)


def _converted(node: yaml.Node, source: Source, problems: Problems) -> Node:
    """The node with values, places and keys of our own; BAD where a problem was noted."""
    place = _place(source, node.start_mark)
    if isinstance(node, yaml.MappingNode):
        result = _mapping(node, place, problems)
    elif isinstance(node, yaml.SequenceNode):
        result = Node([_converted(item, source, problems) for item in node.value], place)
    else:
        result = Node(_scalar(node, place, problems), place)
    tag = node.tag.removeprefix(TAG)
    if tag in TAGS[type(node)]:
        return result
    shown = f"!!{tag}" if node.tag.startswith(TAG) else tag
    sentence = f"the tag {shown_value(shown)} is not allowed; a config holds plain values."
    problems.add(place, sentence)
    return Node(BAD, place)


def _mapping(node: yaml.MappingNode, place: Place, problems: Problems) -> Node:
    entries: dict[str, Node] = {}
    keys: dict[str, Place] = {}
    for key_node, value_node in node.value:
        key = _converted(key_node, place.source, problems)
        value = _converted(value_node, place.source, problems)
        name = key.value
        if name is BAD:
            continue
        if not isinstance(name, str):
            shown = shown_value(name)
            sentence = f"the key {shown} is not a name; write it in quotes if you mean text."
        elif name == "<<":
            sentence = "merge keys (<<) are not part of YAML 1.2; write the settings out."
        elif name in keys:
            shown, first = shown_value(name), keys[name].line
            sentence = f"the key {shown} stands here again; it was first given in line {first}."
        else:
            entries[name], keys[name] = value, key.place
            continue
        problems.add(key.place, sentence)
    return Node(entries, place, keys)


def _scalar(node: yaml.Node, place: Place, problems: Problems) -> Scalar | Bad:
    tag, text = node.tag.removeprefix(TAG), str(node.value)
    if bad := UNUSABLE.search(text):
        sentence = f"this text holds the character U+{ord(bad[0]):04X}."
    elif tag == "null" and text in ("~", "null", "Null", "NULL", ""):
        return None
    elif tag == "bool" and text.lower() in ("true", "false"):
        return text.lower() == "true"
    elif tag in ("int", "float"):
        try:
            return number(text, tag)
        except ValueError as error:
            sentence = str(error)
    elif tag in ("null", "bool"):
        sentence = f"{shown_value(text)} is not a value of the type !!{tag}."
    else:
        return text
    problems.add(place, sentence)
    return BAD


def _quotes(place: Place) -> str:
    """The sentence " Write '>= 0.95' in quotes." where a line holds a bare > and a number."""
    lines = LINE_BREAK.split(place.source.text)
    bare = UNQUOTED.search(lines[place.line - 1]) if 0 < place.line <= len(lines) else None
    return f" Write '{bare[1]}' in quotes." if bare else ""


def _place(source: Source, mark: Any) -> Place:
    return Place(source) if mark is None else Place(source, mark.line + 1, mark.column + 1)


# Which value a word stands for: the core schema of YAML 1.2.


class CoreLoader(yaml.SafeLoader):
    """SafeLoader with the resolvers of YAML 1.2's core schema instead of YAML 1.1's."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - the base class has no ClassVar either
    aliases = 0
    size = 0  # nodes so far, with aliases written out
    depth = deepest = 0  # of the node that is read, and of what is below it

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.extents: dict[str, tuple[int, int]] = {}  # anchor -> its nodes, and their levels

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """PyYAML's own, within the limits; an alias stands behind its whole anchor."""
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        anchor, is_alias = event.anchor, isinstance(event, AliasEvent)
        if is_alias and anchor not in self.extents:
            self._stop(event, f"the alias {shown_value(anchor)} has no finished anchor before it.")
        if not is_alias and anchor in self.anchors:
            self._stop(event, f"the anchor {shown_value(anchor)} is defined twice.")
        if isinstance(event, ScalarEvent) and event.tag == "!":  # "not resolved": a text
            event.tag = f"{TAG}str"
        size, levels = self.extents[anchor] if is_alias else (1, 1)
        start, outer = self.size, self.deepest
        self.aliases += is_alias
        self.size += size
        self.depth += 1
        self.deepest = self.depth + levels - 1
        self._check_limits(event)
        node = super().compose_node(parent, index)
        self.extents[anchor] = self.size - start, self.deepest - self.depth + 1
        self.deepest = max(outer, self.deepest)
        self.depth -= 1
        return node

    def _check_limits(self, event: Any) -> None:
        if self.aliases > MAX_ALIASES:
            self._stop(event, f"the text uses more than {MAX_ALIASES} aliases.")
        if self.size > MAX_NODES:
            written = "with its aliases written out, " if self.aliases else ""
            self._stop(event, f"{written}the text holds more than {MAX_NODES} values.")
        if self.deepest > MAX_DEPTH:
            self._stop(event, f"values are nested more than {MAX_DEPTH} deep.")

    def _stop(self, event: Any, sentence: str) -> NoReturn:
        raise ComposerError(None, None, sentence, event.start_mark)

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
    """The value of a number's text; raises ValueError with a sentence for one that is unusable."""
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
