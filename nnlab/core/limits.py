"""The limits in a setting's annotation, held where a setting is made in Python.

`nnlab.config` checks types too and compares limits by the same `broken_limit`.
"""

import dataclasses
import operator
from collections.abc import Iterable
from functools import cache
from typing import Any, get_args, get_type_hints

import annotated_types as at

RULES = {
    at.Gt: ("gt", operator.gt, ">"),
    at.Ge: ("ge", operator.ge, ">="),
    at.Lt: ("lt", operator.lt, "<"),
    at.Le: ("le", operator.le, "<="),
}


def require_limits(member: Any, name: str) -> None:
    """Raise ValueError where a field of the dataclass instance is outside its limits."""
    cls: type = type(member)
    for field, limits in _limits_of(cls):
        value = getattr(member, field)
        for limit in limits:
            if (broken := broken_limit(value, limit)) is not None:
                raise ValueError(f"{name}: {field} is {value!r}; it must be {broken}")


@cache
def _limits_of(cls: type[Any]) -> list[tuple[str, list[Any]]]:
    """The limits of each field whose annotation, or that beside None, has some."""
    if not dataclasses.is_dataclass(cls):
        return []
    limits = []
    for name, hint in get_type_hints(cls, include_extras=True).items():
        options = get_args(hint)
        if type(None) in options and len(options) == 2:
            hint = next(option for option in options if option is not type(None))
        limits.append((name, single_limits(getattr(hint, "__metadata__", ()))))
    return limits


def single_limits(notes: Iterable[Any]) -> list[Any]:
    """The notes of an annotation one by one: Interval and Len hold several."""
    return [
        part
        for note in notes
        for part in (note if isinstance(note, at.GroupedMetadata) else [note])
    ]


def broken_limit(value: Any, limit: Any) -> str | None:
    """What the value must be and is not; None where it is, or where the limit is not for it."""
    if isinstance(value, int | float) and type(limit) in RULES:
        name, holds, sign = RULES[type(limit)]
        bound = getattr(limit, name)
        return None if holds(value, bound) else f"{sign} {bound}"
    if isinstance(value, tuple | str):
        unit = "characters" if isinstance(value, str) else "items"
        if isinstance(limit, at.MinLen) and len(value) < limit.min_length:
            return f"{limit.min_length} or more {unit} long"
        if isinstance(limit, at.MaxLen) and len(value) > limit.max_length:
            return f"at most {limit.max_length} {unit} long"
    return None
