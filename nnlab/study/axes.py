"""The axes of a sweep and the cells of their grid.

An axis as the user writes it: `lr`, `lr=0.01,0.1`, `hidden=range(2, 6)`, `lr=logspace(-4, -1, 7)`.
"""

import itertools
import math
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nnlab.config.files import checked, is_config_name
from nnlab.config.overrides import ALIASES
from nnlab.config.problems import Problems, clean
from nnlab.config.schema import SweepConfig
from nnlab.config.tree import Node, Place, Source, from_plain, to_plain
from nnlab.config.yaml12 import read_yaml
from nnlab.errors import UsageError
from nnlab.suggest import did_you_mean

FOLD = "fold"  # the axis of a cross-validation
MOST = 5000  # values of all axes together
EXAMPLES = "lr=0.01,0.1 or hidden=range(2, 6) or lr=logspace(-4, -1, 7)"
CALL = re.compile(r"\s*(range|linspace|logspace)\s*\((.*)\)\s*", re.DOTALL)
NUMBER = re.compile(r"[-+]?[0-9.]+(e[-+]?[0-9]+)?", re.IGNORECASE)
DIGITS = 12  # significant, of a computed value: 0.3, not 0.30000000000000004


@dataclass(frozen=True)
class Axis:
    """A setting and the values that it takes in turn.

    place: of the key. Relative paths begin in its folder: that of the config for a study, the
    current folder for the command line.
    fixed: other settings of a study.
    caption: a sentence for the figures of a study.
    """

    key: str
    values: tuple[Node, ...]
    place: Place
    fixed: Mapping[str, Any] = field(default_factory=dict)
    caption: str = ""

    @property
    def plain(self) -> list[Any]:
        """The values as plain Python values."""
        return [to_plain(value) for value in self.values]


def parse_axes(
    texts: Sequence[str], studies: Mapping[str, SweepConfig], config: str, folder: Path
) -> list[Axis]:
    """The axes in `texts`; a bare word is one of the config's studies.

    folder: of the config's file. Raises UsageError and ConfigError.
    """
    if not texts:
        raise UsageError(f"Which axis? {clean(config)} {_offered(studies)}")
    _refuse_misread(texts, studies)
    axes = [_axis(text, studies, config, folder) for text in texts]
    keys = [canonical(axis.key) for axis in axes]
    for key in keys:
        if keys.count(key) > 1:
            raise UsageError(f"The axis {clean(key)} is given twice.")
    if sum(len(axis.values) for axis in axes) > MOST:
        raise UsageError(f"The axes have more than {MOST:,} values; that is the most.")
    return axes


def _refuse_misread(texts: Sequence[str], studies: Mapping[str, SweepConfig]) -> None:
    """UsageError with the command to write for `sweep xor lr` and for `sweep lr 0.1 0.2`."""
    for index, text in enumerate(texts):
        rest = [*texts[:index], *texts[index + 1 :]]
        if text not in studies and is_config_name(text):
            command = clean(" ".join(["nnlab sweep", *(rest or ["AXIS"]), text]))
            raise UsageError(f"{clean(text)} is a config, not an axis. Write {command}.")
    key, values = texts[0], texts[1:]
    if values and "=" not in key and all(NUMBER.fullmatch(value) for value in values):
        raise UsageError(
            f"The values of an axis follow its name. Write {clean(key)}={','.join(values)}."
        )


def _axis(text: str, studies: Mapping[str, SweepConfig], config: str, folder: Path) -> Axis:
    key, equals, written = text.partition("=")
    key = key.strip()
    if not equals:
        return _axis_of_study(key, studies, config, folder)
    if not key:
        raise UsageError(f"'{clean(text)}' names no setting. Write {EXAMPLES}.")
    call = CALL.fullmatch(written)
    values = _computed(call[1], call[2], text) if call else _listed(key, written)
    if not values:
        raise UsageError(f"The axis {clean(key)} has no values. Write {EXAMPLES}.")
    return Axis(key, tuple(values), replace(values[0].place, line=1, column=1))


def _axis_of_study(
    name: str, studies: Mapping[str, SweepConfig], config: str, folder: Path
) -> Axis:
    if name not in studies:
        hint = clean(did_you_mean(name, studies))
        raise UsageError(
            f"{clean(config)} has no study '{clean(name)}'.{hint} It {_offered(studies)}"
        )
    study = studies[name]
    place = Place(Source(f"study {name}", "", folder, "values"))
    values = tuple(from_plain(value, place) for value in study.values)
    return Axis(study.key, values, place, study.set, study.caption)


def _offered(studies: Mapping[str, SweepConfig]) -> str:
    """The studies of a config, as the end of a sentence, and how to write other axes."""
    word = "study" if len(studies) == 1 else "studies"
    known = f"the {word} {', '.join(studies)}" if studies else "no studies"
    return f"has {known}. For any other setting give values: {EXAMPLES}."


def _listed(key: str, written: str) -> list[Node]:
    """The items of a YAML flow list."""
    problems = Problems()
    source = checked(Source("axis", f"{key}=[{written}]", Path.cwd(), "set"))
    values = read_yaml(source, problems, start=len(key) + 1)
    problems.raise_any()
    return values.items or []


def _computed(name: str, written: str, text: str) -> list[Node]:
    place = Place(checked(Source("axis", text, Path.cwd(), "set")), 1, 1)
    numbers = [to_plain(node) for node in _listed(name, written)]
    try:
        values = CALLS[name](*numbers)
    except (TypeError, ValueError, OverflowError):
        raise UsageError(
            f"{clean(name)}({clean(written)}) is not a series of values. {USES[name]}"
        ) from None
    return [Node(value, place) for value in values]


def _range(*numbers: Any) -> list[int]:
    if any(type(number) is not int for number in numbers):
        raise TypeError
    return list(range(*numbers)[: MOST + 1])


def _series(first: Any, last: Any, count: Any) -> list[float]:
    if not all(type(number) in (int, float) for number in (first, last)) or type(count) is not int:
        raise TypeError
    if not 1 <= count <= MOST + 1:
        raise ValueError
    step = (last - first) / max(count - 1, 1)
    return [first + step * i for i in range(count)]


CALLS: dict[str, Callable[..., Sequence[int | float]]] = {
    "range": _range,
    "linspace": lambda *ends: list(map(_rounded, _series(*ends))),
    "logspace": lambda *ends: [_rounded(10.0**exponent) for exponent in _series(*ends)],
}
USES = {
    "range": "Write range(STOP), range(START, STOP) or range(START, STOP, STEP) with whole "
    "numbers; STOP is not one of the values.",
    "linspace": "Write linspace(FIRST, LAST, COUNT): COUNT values at equal distances.",
    "logspace": "Write logspace(A, B, COUNT): COUNT values from 10^A to 10^B at equal ratios.",
}


def _rounded(value: float) -> int | float:
    """Rounded to DIGITS; a whole number as int, so that it can be a count."""
    value = float(f"{value:.{DIGITS}g}")
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def canonical(key: str) -> str:
    """The full name of a setting: `optimizer.lr` for `lr`."""
    return ALIASES.get(key, key)


def grid_size(axes: Sequence[Axis]) -> int:
    """How many cells the grid has."""
    return math.prod(len(axis.values) for axis in axes)


def grid_cells(
    axes: Sequence[Axis], sample: int | None = None, seed: int = 0
) -> Iterator[list[Node]]:
    """One value of each axis per cell, the last axis fastest; or `sample` different cells.

    The first cells of a larger sample from the same grid are those of a smaller sample.
    """
    total = grid_size(axes)
    if sample is None or sample >= total:
        yield from map(list, itertools.product(*(axis.values for axis in axes)))
        return
    draw = random.Random(f"nnlab sweep {seed}")
    numbers: dict[int, None] = {}
    while len(numbers) < sample:
        numbers[draw.randrange(total)] = None
    for number in numbers:
        cell = []
        for axis in reversed(axes):
            number, index = divmod(number, len(axis.values))
            cell.append(axis.values[index])
        yield cell[::-1]
