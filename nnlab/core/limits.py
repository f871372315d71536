"""The limits in a setting's annotation, held where a setting is made in Python.

`nnlab.config` checks types too and compares limits by the same `broken_limit`.
"""

import dataclasses
import operator
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Annotated, Any, get_args, get_origin, get_type_hints

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
    for field, limits in _of_class(cls):
        value = getattr(member, field)
        for limit in limits:
            if (broken := broken_limit(value, limit)) is not None:
                raise ValueError(f"{name}: {field} is {value!r}; it must be {broken}")


@cache
def _of_class(cls: type[Any]) -> tuple[tuple[str, tuple[Any, ...]], ...]:
    """The fields whose annotation, or one alternative of it, is limited."""
    if not dataclasses.is_dataclass(cls):
        return ()
    known = get_type_hints(cls, include_extras=True)
    found = [(field.name, tuple(_of(known[field.name]))) for field in dataclasses.fields(cls)]
    return tuple((name, limits) for name, limits in found if limits)


def _of(hint: Any) -> Sequence[Any]:
    if get_origin(hint) is Annotated:
        return single_limits(hint.__metadata__)
    options = [option for option in get_args(hint) if option is not type(None)]
    return _of(options[0]) if len(options) == 1 and type(None) in get_args(hint) else []


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
