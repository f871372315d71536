"""The limits in a setting's annotation, held where a setting is made in Python.

A config is checked by `nnlab.config`, which also checks types; here only what annotated_types says
of a number or of a length is compared, so that building a network costs next to nothing.
"""

import dataclasses
import operator
from collections.abc import Sequence
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
            if (broken := _broken(value, limit)) is not None:
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
        return [part for note in hint.__metadata__ for part in _parts(note)]
    options = [one for one in get_args(hint) if one is not type(None)]
    return _of(options[0]) if len(options) == 1 and type(None) in get_args(hint) else []


def _parts(note: Any) -> Sequence[Any]:
    return list(note) if isinstance(note, at.GroupedMetadata) else [note]


def _broken(value: Any, limit: Any) -> str | None:
    """What the value must be and is not; None where it is, or where the limit is not for it."""
    if isinstance(value, int | float) and type(limit) in RULES:
        name, holds, sign = RULES[type(limit)]
        bound = getattr(limit, name)
        return None if holds(value, bound) else f"{sign} {bound}"
    if isinstance(value, tuple) and isinstance(limit, at.MinLen) and len(value) < limit.min_length:
        return f"{limit.min_length} or more items long"
    return None
