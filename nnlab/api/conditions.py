"""Conditions on runs: `optimizer.lr<0.1`, `data=xor`."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nnlab.config.annotations import main_setting
from nnlab.config.expectations import SIGNS
from nnlab.config.families import LAYER, file_settings
from nnlab.config.files import checked
from nnlab.config.overrides import ALIASES, TOP_FAMILIES
from nnlab.config.problems import Problems, shown_value
from nnlab.config.schema import Config
from nnlab.config.short_forms import full_member
from nnlab.config.tree import Node, Source, to_plain
from nnlab.config.yaml12 import read_yaml
from nnlab.errors import ConfigError, UsageError
from nnlab.run.labels import SEPARATOR
from nnlab.run.settings import dotted
from nnlab.suggest import certain_name, did_you_mean

PATTERN = re.compile(r"\s*([^\s=!<>]+)\s*(==|!=|<=|>=|=|<|>)(.*)", re.DOTALL)
TAGS = "tags"  # the column of all tags of a run; it equals each of them
ORDERS = {sign: holds for sign, holds in SIGNS.items() if sign != "="}


@dataclass(frozen=True)
class Condition:
    """A key, an operator and a value.

    settings: what the value means as a short form: `data=csv` is data.name csv.
    """

    key: str
    sign: str
    value: str | int | float | bool | None
    settings: Mapping[str, Any] = field(default_factory=dict)

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether a run with these values meets the condition; False without the key.

        Numbers compare with numbers and text with text, in the order of the alphabet; other values
        are only equal or not.
        """
        if self.key not in values:
            return False
        value = values[self.key]
        if self.sign in ORDERS:
            return _comparable(value, self.value) and ORDERS[self.sign](value, self.value)
        equal = self._equals(value) or (
            bool(self.settings)
            and all(key in values and _same(values[key], v) for key, v in self.settings.items())
        )
        return equal == (self.sign != "!=")

    def _equals(self, value: Any) -> bool:
        # data.path, or data for short
        files = (key for path in file_settings(Config) for key in (path[0], ".".join(path)))
        if self.key in files and isinstance(value, str) and isinstance(self.value, str):
            return value == self.value or value.endswith("/" + self.value.removeprefix("./"))
        if self.key == TAGS:
            return str(self.value) in str(value).split(SEPARATOR)
        return _same(value, self.value)

    def nearest(self, runs: Iterable[Mapping[str, Any]]) -> str:
        """The question " Did you mean ...?" for a value that no run has, or ''."""
        if self.sign not in ("=", "==") or not isinstance(self.value, str):
            return ""
        values = {run.get(key) for run in runs for key in (self.key, f"{self.key}.name")}
        names = sorted(value for value in values if isinstance(value, str))
        family = TOP_FAMILIES.get(self.key)
        name = "" if family is None else certain_name(self.value, names, family.word)
        return f" Did you mean '{name}'?" if name else did_you_mean(self.value, names)


def parse_condition(text: str) -> Condition:
    """Parse a condition. Raises UsageError that shows how to write one."""
    match = PATTERN.fullmatch(text)
    if match is None or not match[3].strip():
        raise UsageError(
            f"{shown_value(text)} is not a condition. Write KEY, one of = != < <= > >=, "
            "and a value: 'optimizer.lr<0.1'."
        )
    key, sign, right = match.groups()
    node = _value_node(text, right)
    settings = {} if sign in ORDERS else _short_form(key, node)
    value = None if settings and node.entries else node.value
    if value is not None and not isinstance(value, str | int | float | bool):
        raise UsageError(f"{shown_value(text)}: the value must be a single value, not a list.")
    return Condition(key, sign, value, settings)


def _value_node(text: str, right: str) -> Node:
    """The value, read by the rules of YAML 1.2: 1e-3 is a number, adam is text."""
    problems, written = Problems(), right.strip()
    try:
        node = read_yaml(checked(Source("--where", written, Path(), "set")), problems)
        problems.raise_any()
    except ConfigError:
        raise UsageError(
            f"{shown_value(text)}: {shown_value(written)} is not a value in YAML; "
            "put text with brackets or colons in quotes of its own."
        ) from None
    return node


def _short_form(key: str, node: Node) -> dict[str, Any]:
    """The settings that a short form means, by dotted key; empty for other values."""
    family = LAYER if re.fullmatch(r"network\.[0-9]+", key) else TOP_FAMILIES.get(key)
    if family is None or not (isinstance(node.value, str) or node.entries):
        return {}
    settings = to_plain(full_member(node, family))
    return dotted(settings, f"{key}.") if isinstance(settings, dict) else {}


def condition_values(columns: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a run that conditions can name: settings by dotted key, short names, columns.

    A key with a mapping that has a name (`optimizer`) stands for that name. A column comes before a
    setting of the same name: `epochs` counts those that were trained.
    """
    values = dict(settings)
    for key, value in settings.items():
        if key.endswith(".name"):
            path = key.removesuffix(".name")
            values.setdefault(path, value)
            cls = TOP_FAMILIES.get(path.partition(".")[0], LAYER).members.get(str(value))
            main = None if cls is None else main_setting(cls)
            if f"{path}.{main}" in settings:
                values.setdefault(f"{path}.{value}", settings[f"{path}.{main}"])
    values |= {short: values[key] for short, key in ALIASES.items() if key in values}
    values |= _hidden_layers(settings)
    return values | {key: value for key, value in columns.items() if value is not None}


def _hidden_layers(settings: Mapping[str, Any]) -> dict[str, Any]:
    """`hidden` and `activation`, where all hidden layers have the same."""
    from nnlab.core.layers import LAYERS
    from nnlab.core.layers.activations import Activation

    names: list[str] = []
    while (key := f"network.{len(names)}.name") in settings:
        names.append(str(settings[key]))
    dense = [index for index, name in enumerate(names) if name == "dense"]
    before = names[: dense[-1]] if dense else []
    same: dict[str, set[Any]] = {
        "hidden": {settings.get(f"network.{index}.units") for index in dense[:-1]},
        "activation": {name for name in before if issubclass(LAYERS.get(name, int), Activation)},
    }
    return {name: values.pop() for name, values in same.items() if len(values) == 1}


def _same(value: Any, other: Any) -> bool:
    """Whether two values are equal; 1 equals 1.0, but not true."""
    return isinstance(value, bool) == isinstance(other, bool) and bool(value == other)


def _comparable(value: Any, other: Any) -> bool:
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in (value, other))
    return numbers or (isinstance(value, str) and isinstance(other, str))
