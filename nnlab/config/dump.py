"""A Config as YAML text in full form, all defaults written out: the content of resolved.yaml.

Reading the text gives an equal Config: floats are written by repr, so their bits survive, and a
text that YAML 1.1 or 1.2 would take for something else is quoted.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import yaml

from nnlab.config.annotations import hints, item_hint
from nnlab.config.families import FAMILIES, Family, family_of, inline_parts
from nnlab.config.files import MAX_BYTES
from nnlab.config.schema import Config, EarlyStopping
from nnlab.config.yaml12 import MAX_DEPTH, MAX_LINES, MAX_NODES, UNUSABLE, CoreLoader
from nnlab.errors import ConfigError

WIDTH = 88  # of resolved.yaml
SECTIONS = 32  # the last texts that are remembered
LONGEST_SECTION = 10_000  # characters of JSON; more are not remembered


class _Dumper(yaml.SafeDumper):
    """Without aliases, and with YAML 1.2's resolvers beside YAML 1.1's to decide on quotes."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """Double quotes with escapes for a text with line breaks, of which YAML 1.1 knows five."""
    style = None if text.isprintable() else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _text)
for _first, _resolvers in CoreLoader.yaml_implicit_resolvers.items():
    for _tag, _pattern in _resolvers:
        _Dumper.add_implicit_resolver(_tag, _pattern, [_first])


def dump(config: Config, width: int = WIDTH) -> str:
    """The text of resolved.yaml; keys in the order of the schema. Raises as `to_yaml`."""
    settings = settings_of(config)

    def text() -> str:
        parts = [(name, json.dumps(value)) for name, value in settings.items()]
        long = any(len(value) > LONGEST_SECTION for _, value in parts)
        section = _section.__wrapped__ if long else _section
        return "".join(section(name, value, width) for name, value in parts)

    return _checked(settings, text)


def to_yaml(content: Mapping[str, Any], width: int = WIDTH) -> str:
    """Nested dicts, lists and scalars as YAML with one meaning in YAML 1.1 and 1.2.

    width: the column after which a line ends, at the end of the current item.

    Raises ConfigError for content that `read_yaml` would refuse.
    """
    return _checked(content, lambda: _yaml_text(content, width, None))


@lru_cache(SECTIONS)
def _section(name: str, value: str, width: int) -> str:
    """A section of a config, its value in JSON, as YAML: trials of a sweep share most sections."""
    content = json.loads(value)
    return _yaml_text({name: content}, width, None if isinstance(content, dict | list) else False)


def _checked(content: Mapping[str, Any], text_of: Callable[[], str]) -> str:
    """The text; ConfigError where `content` or the text is too large to be read again."""
    if (values := _size(content)) > MAX_NODES:
        raise ConfigError(
            f"This config holds {values:,} values, and a config has at most {MAX_NODES:,}, so it "
            f"could not be read again. {_most_values(content)}"
        )
    text = text_of()
    lines = text.count("\n")
    if len(text.encode()) > MAX_BYTES or lines > MAX_LINES:
        raise ConfigError(
            f"This config takes {len(text):,} characters in {lines:,} lines, and a config has at "
            f"most 1 MiB in {MAX_LINES:,}, so it could not be read again. {_most_values(content)}"
        )
    return text


def flow(value: object) -> str:
    """A value on one line, as messages show it: {name: sgd, lr: 0.1}."""
    return _yaml_text(value, float("inf"), True).removesuffix("\n").removesuffix("\n...")


def _yaml_text(content: object, width: float, flow_style: bool | None) -> str:
    text: str = yaml.dump(
        content,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=width,
        default_flow_style=flow_style,
    )
    return text


def _size(value: Any, key: str = "", depth: int = 1) -> int:
    """The number of values and keys; ConfigError for a value that `read_yaml` would refuse."""
    if depth > MAX_DEPTH:
        raise ConfigError(f"{key} is nested more than {MAX_DEPTH} deep: no config can hold it.")
    if isinstance(value, str) and (bad := UNUSABLE.search(value)):
        raise ConfigError(
            f"{key} holds the character U+{ord(bad[0]):04X}, which no config can hold."
        )
    names = sum(_size(name, key, depth + 1) for name in value) if isinstance(value, Mapping) else 0
    return 1 + names + sum(_size(inner, name, depth + 1) for name, inner in _below(value, key))


def _below(value: Any, key: str) -> list[tuple[str, Any]]:
    """The values directly below, by their dotted keys."""
    items: list[tuple[Any, Any]] = []
    if isinstance(value, Mapping):
        items = list(value.items())
    elif isinstance(value, list | tuple):
        items = list(enumerate(value))
    return [(f"{key}.{name}" if key else str(name), inner) for name, inner in items]


def _most_values(content: Any) -> str:
    """Where most of the values stand, and what to do."""
    key, value = "", content
    while isinstance(value, Mapping):
        key, value = max(_below(value, key), key=lambda item: _size(item[1]))
        if isinstance(value, list | tuple) and value and isinstance(value[0], Mapping):
            key, value = max(_below(value, key), key=lambda item: _size(item[1]))
    return (
        f"Most of it is {key}. Such a large number of weights can come from another run: "
        "init: {run: FOLDER}."
    )


def settings_of(record: Any) -> dict[str, Any]:
    """The settings of a dataclass as nested dicts, lists and scalars, which reading takes back."""
    settings: dict[str, Any] = {}
    inline = inline_parts(type(record))
    for name, hint in hints(type(record)).items():
        value = _plain_value(getattr(record, name), hint)
        settings |= value if name in inline else {name: value}
    return settings


def _plain_value(value: Any, hint: Any) -> Any:
    family: Family | None = family_of(hint)
    if dataclasses.is_dataclass(value):
        is_member = family is not None and type(value) in family.members.values()
        name = {"name": family.name_of(value)} if family is not None and is_member else {}
        return name | settings_of(value)
    if isinstance(value, Mapping):
        return {key: _plain_value(inner, item_hint(hint)) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain_value(inner, item_hint(hint)) for inner in value]
    return value


def in_words(value: Any) -> Any:
    """A value as a config has it: a member of a catalogue as a mapping with its name."""
    if isinstance(value, EarlyStopping):
        return settings_of(value)
    for family in FAMILIES:
        if type(value) in family.members.values():
            return {"name": family.name_of(value), **settings_of(value)}
    if isinstance(value, Mapping):
        return {key: in_words(inner) for key, inner in value.items()}
    if isinstance(value, np.ndarray):
        return value.tolist()
    return [in_words(inner) for inner in value] if isinstance(value, list | tuple) else value
