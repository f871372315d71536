"""What a field's annotation allows: checked by pydantic, told in words.

The catalogues' dataclasses are their own schema. Each annotation gets one TypeAdapter, built when
a config first uses the field: building them all would cost more than training a small network.
"""

from __future__ import annotations

import dataclasses
import json
import types
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import annotated_types

WORDS = {float: "a number", int: "a whole number", str: "a text", bool: "true or false"}


class MisfitError(ValueError):
    """A value that an annotation does not allow; `path` leads to the list item that is wrong."""

    def __init__(self, path: tuple[int, ...]) -> None:
        super().__init__()
        self.path = path


def hints(cls: type) -> dict[str, Any]:
    """The annotations of a dataclass's fields, in order, with their constraints."""
    return _hints(cls)


@cache
def _hints(cls: type) -> dict[str, Any]:
    known = get_type_hints(cls, include_extras=True)
    return {field.name: known[field.name] for field in dataclasses.fields(cls)}


def main_setting(cls: type) -> str | None:
    """The field that `name: value` sets.

    lr where there is one; else the first field that the member has beyond its family's, so that
    `step: 10` means every 10; else the first of all.
    """
    names = list(hints(cls))
    if "lr" in names:
        return "lr"
    shared = {name for base in cls.__mro__[1:] for name in vars(base).get("__annotations__", {})}
    return next(iter([*(name for name in names if name not in shared), *names]), None)


def default(field: dataclasses.Field[Any]) -> Any:
    """A field's default; dataclasses.MISSING for a required one."""
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def convert(hint: Any, value: object) -> Any:
    """The value as the annotation has it (lists become tuples); raises MisfitError."""
    from pydantic import ValidationError

    try:
        # Strict mode refuses a list for a tuple, except in JSON, which has no tuples.
        if hint is str and isinstance(value, str):  # pydantic refuses names that are not UTF-8
            return value
        return _adapter(hint).validate_json(json.dumps(value), strict=True)
    except ValidationError as error:
        paths = (entry["loc"] for entry in error.errors(include_url=False, include_context=False))
        steps = [tuple(step for step in path if isinstance(step, int)) for path in paths]
        raise MisfitError(max(steps, key=len) if isinstance(value, list) else ()) from None


@cache
def _adapter(hint: Any) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(hint)


def options(hint: Any) -> Iterator[Any]:
    """The alternatives of a union; the hint itself if it is none."""
    if get_origin(hint) in (Union, types.UnionType):
        for option in get_args(hint):
            yield from options(option)
    else:
        yield hint


def choices(hint: Any) -> tuple[str, ...]:
    """The words that an annotation allows: the names of a Literal, true and false."""
    found: list[str] = []
    for option in options(hint):
        if get_origin(option) is Literal:
            found += map(str, get_args(option))
        elif option is bool:
            found += ["true", "false"]
    return tuple(found)


def allowed(hint: Any) -> str:
    """The annotation in words: "a number >= 0 and < 1, or null"."""
    phrases = list(dict.fromkeys(_phrase(option) for option in options(hint)))
    phrases.sort(key=lambda phrase: phrase == "null")  # null comes last
    if len(phrases) > 1 and phrases[-1].startswith("one of "):
        phrases.insert(0, phrases.pop())
    return ", or ".join(phrases)


def _phrase(hint: Any) -> str:
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is type(None):
        return "null"
    if origin is Annotated:
        inner, notes = arguments[0], [part for note in arguments[1:] for part in _parts(note)]
        if inner is str or get_origin(inner) is tuple:
            return f"{allowed(inner)} ({_length(notes, inner is str)})"
        return f"{allowed(inner)} {' and '.join(_limit(note) for note in notes)}"
    if origin is Literal:
        names = [str(name) for name in arguments]
        return names[0] if len(names) == 1 else "one of " + ", ".join(names)
    if origin is tuple:
        return "a list of " + " or ".join(_plural(_phrase(one)) for one in options(arguments[0]))
    return WORDS.get(hint, "a mapping")


def _plural(phrase: str) -> str:
    for noun in ("number", "whole number", "text", "list"):
        if phrase.startswith(f"a {noun}"):
            return f"{noun}s" + phrase.removeprefix(f"a {noun}")
    return phrase


def _parts(note: object) -> Iterable[object]:
    """Constraints one by one: Interval and Len hold several."""
    return note if isinstance(note, annotated_types.GroupedMetadata) else [note]


def _limit(note: object) -> str:
    match note:
        case annotated_types.Gt(gt=limit):
            return f"> {limit}"
        case annotated_types.Ge(ge=limit):
            return f">= {limit}"
        case annotated_types.Lt(lt=limit):
            return f"< {limit}"
        case annotated_types.Le(le=limit):
            return f"<= {limit}"
    raise TypeError(f"no words for the constraint {note!r}")


def _length(notes: Iterable[object], text: bool) -> str:
    """Limits on the number of characters or items: "1 or more items"."""
    least: int = 0
    most: int | None = None
    for note in notes:
        if isinstance(note, annotated_types.MinLen):
            least = note.min_length
        elif isinstance(note, annotated_types.MaxLen):
            most = note.max_length
        else:
            raise TypeError(f"no words for the constraint {note!r}")
    unit = "character" if text else "item"
    if most is None:
        return f"{least} or more {unit}s"
    if least != most:
        return f"{least} to {most} {unit}s"
    return f"exactly {most} {unit}{'s' * (most != 1)}"
