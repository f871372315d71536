"""`--where 'optimizer.lr<0.1'`: a condition on a column of the table or a setting of the config."""

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nnlab.config.annotations import main_setting
from nnlab.config.families import LAYER
from nnlab.config.files import checked
from nnlab.config.overrides import ALIASES, TOP_FAMILIES
from nnlab.config.problems import Problems, shown_value
from nnlab.config.short_forms import full_member
from nnlab.config.tree import Node, Source, to_plain
from nnlab.config.yaml12 import read_yaml
from nnlab.errors import ConfigError, UsageError
from nnlab.run.settings import dotted
from nnlab.suggest import certain_name, did_you_mean

PATTERN = re.compile(r"\s*([^\s=!<>]+)\s*(==|!=|<=|>=|=|<|>)(.*)", re.DOTALL)
OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
EQUALITIES = ("=", "==", "!=")
PATHS = ("data", "data.path", "init.run")  # keys whose values can be files
Value = str | int | float | bool | None


@dataclass(frozen=True)
class Condition:
    """A key, an operator and a value.

    choice: the settings that the value means as a short form: `data=csv` is data.name csv.
    """

    key: str
    sign: str
    value: Value
    choice: Mapping[str, Any] = field(default_factory=dict)

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether the run with these values meets it; one without the key does not.

        Numbers compare with numbers and text with text, in the order of the alphabet; anything
        else is only ever equal or not.
        """
        if self.key not in values:
            return False
        found = values[self.key]
        if self.sign in EQUALITIES:
            return (self._chosen(values) or self._equal(found)) == (self.sign != "!=")
        if not (_ordered(found, self.value)):
            return False
        return OPERATORS[self.sign](found, self.value)

    def _chosen(self, values: Mapping[str, Any]) -> bool:
        return bool(self.choice) and all(
            key in values and _kind(values[key], value) == _kind(value, values[key])
            for key, value in self.choice.items()
        )

    def _equal(self, found: Any) -> bool:
        if self.key in PATHS and isinstance(found, str) and isinstance(self.value, str):
            return found == self.value or found.endswith("/" + self.value.removeprefix("./"))
        return bool(_kind(found, self.value) == _kind(self.value, found))

    def nearest(self, runs: Iterable[Mapping[str, Any]]) -> str:
        """The question " Did you mean ...?" for a value that no run has, or nothing."""
        if self.sign not in ("=", "==") or not isinstance(self.value, str):
            return ""
        known = {values.get(key) for values in runs for key in (self.key, f"{self.key}.name")}
        names = sorted(value for value in known if isinstance(value, str))
        family = TOP_FAMILIES.get(self.key)
        name = "" if family is None else certain_name(self.value, names, family.word)
        return f" Did you mean '{name}'?" if name else did_you_mean(self.value, names)


def parse(text: str) -> Condition:
    """The condition in a text. Raises UsageError with how one is written."""
    match = PATTERN.fullmatch(text)
    if match is None or not match[3].strip():
        raise UsageError(
            f"--where {shown_value(text)} is no condition. Write KEY, one of = != < <= > >=, and a "
            "value: 'optimizer.lr<0.1'."
        )
    key, sign, right = match.groups()
    node = _node(text, right)
    choice = _choice(key, node) if sign in EQUALITIES else {}
    value = None if choice and node.entries else node.value
    if value is not None and not isinstance(value, str | int | float | bool):
        raise UsageError(
            f"--where {shown_value(text)}: the value must be a single one, not a list."
        )
    return Condition(key, sign, value, choice)


def values_of(columns: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """What a condition can ask of a run: settings by dotted key, short names, columns.

    A key that holds a mapping with a name (`optimizer`) stands for that name. A column comes before
    a setting of the same name: `epochs` is how many were done.
    """
    found = dict(settings)
    for key, value in settings.items():
        if key.endswith(".name"):
            path = key.removesuffix(".name")
            found.setdefault(path, value)
            cls = TOP_FAMILIES.get(path.partition(".")[0], LAYER).members.get(str(value))
            main = None if cls is None else main_setting(cls)
            if f"{path}.{main}" in settings:
                found.setdefault(f"{path}.{value}", settings[f"{path}.{main}"])
    found |= {short: found[key] for short, key in ALIASES.items() if key in found}
    found |= hidden(settings)
    return found | {key: value for key, value in columns.items() if value is not None}


def hidden(settings: Mapping[str, Any]) -> dict[str, Any]:
    """`hidden` and `activation`, where all hidden layers have the same."""
    from nnlab.core.layers import LAYERS
    from nnlab.core.layers.activations import Activation

    kinds: dict[int, str] = {}
    while f"network.{len(kinds)}.name" in settings:
        kinds[len(kinds)] = str(settings[f"network.{len(kinds)}.name"])
    dense = [index for index, kind in kinds.items() if kind == "dense"]
    before = range(dense[-1] if dense else 0)
    found: dict[str, set[Any]] = {
        "hidden": {settings.get(f"network.{index}.units") for index in dense[:-1]},
        "activation": {
            kinds[index]
            for index in before
            if issubclass(LAYERS.get(kinds[index], int), Activation)
        },
    }
    return {name: values.pop() for name, values in found.items() if len(values) == 1}


def refuse_unknown(keys: Iterable[str], columns: Iterable[str], known: Iterable[str]) -> None:
    """UsageError for a key that no run has, with the nearest that there is."""
    columns = tuple(columns)
    names = list(dict.fromkeys([*columns, *known]))
    for key in keys:
        if key not in names:
            hint = did_you_mean(key, names, "setting")
            raise UsageError(
                f"No run has a column or a setting {shown_value(key)}.{hint} The columns are "
                f"{', '.join(columns)}; a setting is named as in --set: optimizer.lr."
            )


def _choice(key: str, node: Node) -> dict[str, Any]:
    """The settings that a short form means, by dotted key; none for any other value."""
    layer = re.fullmatch(r"network\.[0-9]+", key)
    family = LAYER if layer else TOP_FAMILIES.get(key)
    if family is None or not (isinstance(node.value, str) or node.entries):
        return {}
    settings = to_plain(full_member(node, family))
    return dotted(settings, f"{key}.") if isinstance(settings, dict) else {}


def _node(text: str, right: str) -> Node:
    """The value as YAML 1.2 reads it: 1e-3 is a number, adam is text."""
    problems, written = Problems(), right.strip()
    try:
        node = read_yaml(checked(Source("--where", written, Path(), "set")), problems)
        problems.raise_any()
    except ConfigError:
        raise UsageError(
            f"--where {shown_value(text)}: {shown_value(written)} is no value as YAML writes it; "
            "text with brackets or colons goes in quotes of its own."
        ) from None
    return node


def _kind(value: Any, other: Any) -> Any:
    """1 and 1.0 are equal, 1 and true are not."""
    return (isinstance(value, bool), value) if isinstance(other, bool) else value


def _ordered(found: Any, value: Any) -> bool:
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in (found, value))
    return numbers or (isinstance(found, str) and isinstance(value, str))
