"""What a config expects of its run: `expect: {val_accuracy: ">= 0.95", seeds: 4/5}`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from nnlab.config.problems import Problems, shown_value
from nnlab.config.tree import Node, find_node
from nnlab.core import columns
from nnlab.core.metrics import better_when
from nnlab.errors import ConfigError
from nnlab.status import Status
from nnlab.suggest import did_you_mean

SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
}
NUMBER = re.compile(r"(<=|>=|<|>|=)\s*([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)", re.ASCII)
SHARE = re.compile(r"([0-9]{1,4})\s*/\s*([0-9]{1,4})", re.ASCII)
STATUS, SEEDS = "status", "seeds"
FACTS = ("epochs", "parameters")  # numbers of a run that belong to no part of the data


class Seeds(NamedTuple):
    """How many of so many seeds must meet all other expectations."""

    least: int
    of: int


@dataclass(frozen=True)
class Expectation:
    """A key, a sign and a limit, such as val_accuracy >= 0.95."""

    key: str
    sign: str
    limit: float | str

    def __str__(self) -> str:
        limit = self.limit if isinstance(self.limit, str) else f"{self.limit:.15g}"
        return f"{self.key} {self.sign} {limit}"

    def holds(self, value: Any) -> bool:
        """Whether a run with this value meets it; False for a missing value, and no number."""
        kinds = str if isinstance(self.limit, str) else (int, float)
        return isinstance(value, kinds) and bool(SIGNS[self.sign](value, self.limit))


def expectations(expect: Mapping[str, Any]) -> tuple[list[Expectation], Seeds]:
    """What the key `expect` of a config means; by default a single seed counts.

    Raises ConfigError for an entry without a meaning.
    """
    meant, seeds = list[Expectation](), Seeds(1, 1)
    for key, text in expect.items():
        read = _read(key, text)
        if isinstance(read, Expectation):
            meant.append(read)
        elif read is not None:
            seeds = read
        else:
            sentence = f"expect.{shown_value(key)} is {shown_value(text)}; allowed: {_allowed(key)}"
            raise ConfigError(f"{sentence}.")
    return meant, seeds


def _read(key: str, text: object) -> Expectation | Seeds | None:
    """The meaning of an entry; None where it has none."""
    word = text.strip() if isinstance(text, str) else ""
    if key == SEEDS:
        share = SHARE.fullmatch(word)
        seeds = Seeds(*map(int, share.groups())) if share else Seeds(0, 0)
        return seeds if 1 <= seeds.least <= seeds.of else None
    if key == STATUS:
        return Expectation(key, "=", word) if Status.of(word).ended else None
    match = NUMBER.fullmatch(word)
    return Expectation(key, match[1], float(match[2])) if match else None


def check_expectations(root: Node, problems: Problems, known: Sequence[str] | None = None) -> None:
    """Note entries of `expect` without a meaning, and keys that are not `known`."""
    expect = find_node(root, "expect")
    for key, node in (expect.entries or {}).items() if "expect" in (root.entries or {}) else ():
        if known is not None and key not in known:
            hint = did_you_mean(key, known, "metric", likeness=0.8)
            sentence = f"this run has no value {shown_value(key)} to expect."
            problems.add(expect.key_place(key), sentence, ", ".join(known), hint)
        elif _read(key, node.value) is None and not node.is_bad():
            sentence = f"expect.{key} is {shown_value(node.value)}."
            problems.add(node.place, sentence, _allowed(key), _hint(key, node))


def expected_values(
    parts: Sequence[str], always: Sequence[str], watched: Sequence[str], last: Sequence[str]
) -> list[str]:
    """The keys that `expect` may have.

    parts: of the data, from train to test. Quantities: those of all parts, those that are also
    measured after every epoch, and those of the last part at the end.
    """
    more = {part: watched if part in columns.WATCHED else () for part in parts}
    more[parts[-1]] = last
    names = [columns.name(part, name) for part in parts for name in (*always, *more[part])]
    return [*names, *FACTS, STATUS, SEEDS]


def _allowed(key: str) -> str:
    if key == SEEDS:
        return "a share of seeds such as 4/5"
    if key == STATUS:
        return ", ".join(status for status in Status if status.ended)
    return "one of < <= > >= = and a number, in quotes"


def _hint(key: str, node: Node) -> str:
    """The sentence " Write `val_accuracy: '>= 0.95'`." for a number without a sign, or ""."""
    value, better = str(node.value).strip(), better_when(key)
    if key in (SEEDS, STATUS) or not NUMBER.fullmatch(f"={value}"):
        return ""
    return f" Write `{key}: '{'>=' if better == 'max' else '<='} {value}'`."
