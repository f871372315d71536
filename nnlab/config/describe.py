"""What the dataclasses of a config say of their settings, for a page, a schema, and a form."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterator
from dataclasses import MISSING, dataclass
from typing import Any

from nnlab.config.annotations import field_default, hints, required_fields, words_of
from nnlab.config.families import family_of, inline_parts, record_of


@dataclass(frozen=True)
class Setting:
    """A setting of a class: its key, annotation, default (or MISSING), and meaning."""

    key: str
    hint: Any
    default: Any
    meaning: str

    @property
    def is_required(self) -> bool:
        """Whether a config without this setting is refused."""
        family, record = family_of(self.hint), record_of(self.hint)
        if self.default is not MISSING or words_of(self.hint).default:
            return False
        if family is not None:
            return family.default is None
        return record is None or bool(required_fields(record))


def settings_in(cls: type[Any]) -> Iterator[Setting]:
    """The settings of a class, those of its inline records included."""
    meanings: dict[str, str] = {}
    for base in filter(dataclasses.is_dataclass, reversed(cls.__mro__)):
        meanings |= docstring_parts(base)[1]
    for field in dataclasses.fields(cls):
        key, hint = field.name, hints(cls)[field.name]
        record = record_of(hint)
        if key not in inline_parts(cls):
            yield Setting(key, hint, field_default(field), meanings.get(key, ""))
        elif record is not None:
            yield from settings_in(record)


def docstring_parts(cls: type[Any]) -> tuple[list[str], dict[str, str]]:
    """A docstring's paragraphs, and what its lines `setting: ...` say of settings.

    Such a line and those below it, up to the next one or to an empty line, are one meaning.
    """
    names = {field.name for field in dataclasses.fields(cls)}
    paragraphs: list[str] = []
    meanings: dict[str, str] = {}
    for block in (inspect.getdoc(cls) or "").split("\n\n"):
        parts = re.split(r"^(\w+): ", block, flags=re.MULTILINE)
        if len(parts) > 1 and not parts[0] and set(parts[1::2]) <= names:
            pairs = zip(parts[1::2], parts[2::2], strict=True)
            meanings |= {name: " ".join(text.split()) for name, text in pairs}
        else:
            paragraphs.append(block)
    return paragraphs, meanings
