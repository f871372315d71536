"""Annotations as schema: convert a value, and say in words which values are allowed.

The catalogues' dataclasses are their own schema: an annotation holds the type and its limits.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from functools import cache
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

import annotated_types

from nnlab.core.limits import RULES, broken_limit, single_limits

T = TypeVar("T")
WORDS = {float: "a number", int: "a whole number", str: "a text", bool: "true or false"}
LIMITS = (*RULES, annotated_types.MinLen, annotated_types.MaxLen)

if TYPE_CHECKING:  # mypy does not know that classes are hashable

    def cached(function: T) -> T: ...  # noqa: D103
else:
    cached = cache


class MisfitError(ValueError):
    """A value that an annotation does not allow; `path` leads to the wrong item of a list."""

    def __init__(self, path: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.path = path


@dataclass(frozen=True)
class InWords:
    """A note in an annotation: the allowed values or the default, in words.

    A field with a `default` in words is filled in from other settings when its key is missing.
    """

    allowed: str = ""
    default: str = ""


class Inline:
    """A note in an annotation: the settings of this part stand beside those of its owner."""


@cached
def hints(cls: type) -> dict[str, Any]:
    """The annotations of a dataclass's fields, in order, with their constraints."""
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


def field_default(field: dataclasses.Field[Any]) -> Any:
    """The default of a field; dataclasses.MISSING for a required field."""
    return field.default if field.default_factory is MISSING else field.default_factory()


@cached
def required_fields(cls: type) -> list[str]:
    """The fields without a default."""
    fields = dataclasses.fields(cls)
    return [field.name for field in fields if field_default(field) is MISSING]


@cached
def notes_of(hint: Any) -> list[Any]:
    """The notes of an annotation, each limit by itself."""
    notes = single_limits(hint.__metadata__) if get_origin(hint) is Annotated else []
    for note in notes:
        if isinstance(note, annotated_types.BaseMetadata) and type(note) not in LIMITS:
            raise TypeError(f"no words for the constraint {note!r}")
    return notes


def note_of_type(hint: Any, kind: type[T]) -> T | None:
    """The first note of this type in an annotation."""
    return next((note for note in notes_of(hint) if isinstance(note, kind)), None)


@cached
def words_of(hint: Any) -> InWords:
    """What the notes of an annotation say in words."""
    notes = [note for note in notes_of(hint) if isinstance(note, InWords)]
    return InWords("".join(n.allowed for n in notes), "".join(n.default for n in notes))


@cached
def options(hint: Any) -> list[Any]:
    """The alternatives of a union, without notes in words; the annotation itself if it is none."""
    if get_origin(hint) is Annotated:
        limits = [note for note in notes_of(hint) if type(note) in LIMITS]
        return [hint] if limits else options(get_args(hint)[0])
    if get_origin(hint) in (Union, types.UnionType):
        return [option for part in get_args(hint) for option in options(part)]
    return [hint]


@cached
def item_hint(hint: Any) -> Any:
    """The annotation of the items of a list or of the values of a mapping; None for others."""
    bare = _bare(hint)
    if get_origin(bare) is tuple:
        return get_args(bare)[0]
    return get_args(bare)[1] if get_origin(bare) is Mapping else None


def convert(hint: Any, value: object, path: tuple[int, ...] = ()) -> Any:
    """The value as the annotation has it (lists become tuples); raises MisfitError."""
    deepest = path
    for option in sorted(options(hint), key=lambda option: _bare(option) is not type(value)):
        try:
            return _converted(option, value, path)
        except MisfitError as error:
            deepest = max(deepest, error.path, key=len)
    raise MisfitError(deepest)


def _bare(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


def _converted(hint: Any, value: Any, path: tuple[int, ...]) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        result = convert(arguments[0], value, path)
        if any(broken_limit(result, limit) for limit in notes_of(hint)):
            raise MisfitError(path)
        return result
    if origin is tuple and isinstance(value, list | tuple):
        return tuple(convert(arguments[0], item, (*path, i)) for i, item in enumerate(value))
    if hint is float and type(value) is int:
        return float(value)
    if not _is_exactly(hint, value):
        raise MisfitError(path)
    return value


def _is_exactly(hint: Any, value: Any) -> bool:
    """Whether a value has the type that is annotated, or is a name of a Literal."""
    if get_origin(hint) is Literal:
        return any(type(name) is type(value) and name == value for name in get_args(hint))
    is_mapping = get_origin(hint) is Mapping and isinstance(value, Mapping)
    return hint is Any or type(value) is hint or is_mapping


def choices(hint: Any) -> tuple[str, ...]:
    """The words that an annotation allows: the names of a Literal, true and false."""
    words: list[str] = []
    for option in options(hint):
        if get_origin(option) is Literal:
            words += map(str, get_args(option))
        elif option is bool:
            words += ["true", "false"]
    return tuple(words)


def allowed(hint: Any) -> str:
    """The annotation in words: "a number >= 0 and < 1, or null"."""
    if words := words_of(hint).allowed:
        return words
    phrases = list(dict.fromkeys(_phrase(option) for option in options(hint)))
    phrases.sort(key=lambda phrase: phrase == "null")  # null comes last
    if len(phrases) > 1 and phrases[-1].startswith("one of "):
        phrases.insert(0, phrases.pop())
    return ", or ".join(phrases)


def _phrase(hint: Any) -> str:
    if words := words_of(hint).allowed:
        return words
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is type(None):
        return "null"
    if origin is Annotated:
        return _limited_phrase(arguments[0], notes_of(hint))
    if origin is Literal:
        names = [str(name) for name in arguments]
        return names[0] if len(names) == 1 else "one of " + ", ".join(names)
    if origin is tuple:
        return "a list of " + " or ".join(_plural(_phrase(part)) for part in options(arguments[0]))
    return WORDS.get(hint, "a mapping")


def _limited_phrase(inner: Any, notes: list[Any]) -> str:
    limits = [note for note in notes if type(note) in LIMITS]
    if inner is str or get_origin(inner) is tuple:
        return f"{allowed(inner)} ({_length(limits, inner is str)})"
    signs = (f"{RULES[type(note)][2]} {getattr(note, RULES[type(note)][0])}" for note in limits)
    return f"{allowed(inner)} {' and '.join(signs)}"


def _plural(phrase: str) -> str:
    for noun in ("number", "whole number", "text", "list"):
        if phrase.startswith(f"a {noun}"):
            return f"{noun}s" + phrase.removeprefix(f"a {noun}")
    return phrase


def _length(limits: list[Any], is_text: bool) -> str:
    """Limits on the number of characters or items: "1 or more items"."""
    least = max([0, *(n.min_length for n in limits if isinstance(n, annotated_types.MinLen))])
    most = [note.max_length for note in limits if isinstance(note, annotated_types.MaxLen)]
    unit = "character" if is_text else "item"
    if not most:
        return f"{least} or more {unit}s"
    if least != most[0]:
        return f"{least} to {most[0]} {unit}s"
    return f"exactly {least} {unit}{'s' * (least != 1)}"
