"""What a run of a race is called that has no name of its own: its settings in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

from nnlab.config.families import OPTIMIZER, SCHEDULE, Family
from nnlab.config.hints import default
from nnlab.config.race.schema import Runner

LONGEST = 50  # characters, without a number behind


def named(runs: Sequence[Runner]) -> tuple[Runner, ...]:
    """All runs with names that differ; those that were given stay."""
    alike = Counter(label(run) for run in runs)
    taken = {run.name for run in runs}
    found: list[Runner] = []
    for run in runs:
        name = run.name or unused(label(run, alike[label(run)] > 1), taken)
        taken.add(name)
        found.append(replace(run, name=name))
    return tuple(found)


def label(run: Runner, with_start: bool = False) -> str:
    """sgd lr 0.2, exponential gamma 0.8; with a start of its own behind where that is wanted."""
    parts = [words(OPTIMIZER, run.optimizer)]
    if (schedule := words(SCHEDULE, run.schedule)) != "constant":
        parts.append(schedule)
    if with_start and run.start is not None:
        parts.append(f"from ({run.start[0]:g}, {run.start[1]:g})")
    return ", ".join(parts)


def words(family: Family, member: Any) -> str:
    """The name of a member with its rate, and with what it sets otherwise than by default."""
    texts = [family.name_of(member)]
    for field in fields(member):
        value = getattr(member, field.name)
        if field.name == "lr" or value != default(field):
            texts.append(_setting(field.name, value))
    return " ".join(texts)


def unused(name: str, taken: set[str]) -> str:
    """The name, with the first number behind it that nobody has, if need be."""
    name = name if len(name) <= LONGEST else f"{name[: LONGEST - 3]}..."
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{name} ({number})"
    return found


def _setting(key: str, value: object) -> str:
    if value is True:
        return key
    return f"{key} {value:g}" if isinstance(value, float) else f"{key} {value}"
