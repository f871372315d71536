"""docs/config.md, written from the dataclasses themselves so that it cannot drift."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any

from nnlab.config import schema
from nnlab.config.annotations import (
    allowed,
    field_default,
    hints,
    item_hint,
    main_setting,
    options,
    required_fields,
    words_of,
)
from nnlab.config.families import Family, families_in, family_in, family_of, inline_parts, record_of
from nnlab.config.overrides import ALIASES, RESHAPERS
from nnlab.core.metrics import METRICS
from nnlab.data.split import Split

INTRO = """\
# The configuration file

YAML with the meanings of YAML 1.2. A member of a family is written as its name (`relu`), as one
key with its main setting (`dense: 256`), or as a mapping (`{name: dense, units: 256}`). The main
setting is the one marked with *. A relative path starts at the folder of the file it stands in, one
that is typed in `--set` at the current folder. Nothing may be nan or infinite.
"""
AUGMENT = """
For example `augment: [{shift: 2}, {rotate: 10}, flip]`. The training loss and metrics are those of
the changed images.
"""
METRICS_INTRO = """\
Each part of the data is measured by the loss and by the metrics of its task: `train_loss`,
`val_loss`. The task is binary for two classes and a single output. A row counts as the class with
the largest output (the first of equal ones), for a single output as class 1 from 1/2 on. This is
decided from the outputs as they are saved and printed, in metrics, tables, predictions and
figures alike.

`train_loss` and the other training figures of an epoch are running means: every batch is measured
just before its update, with the weights of that moment and in training mode (dropout is at work,
`batch_norm` takes the batch's own mean, pictures are changed). Row 0 of metrics.csv, before the
first update, and all figures of the other parts are measured in evaluation mode with the weights
after the epoch (their average where `ema` is set).
"""


def config_reference() -> str:
    """The whole page as Markdown."""
    return "\n".join(_lines()).rstrip() + "\n"


def _lines() -> Iterator[str]:
    yield INTRO
    yield from settings_table(schema.Config)
    yield from record_section("## Training", schema.Training)
    yield from record_section("### early_stopping", schema.EarlyStopping)
    yield from _metrics()
    yield from record_section("## Sweeps", schema.SweepConfig)
    yield "\n## Short names for --set\n"
    short = ALIASES | {key: _summary(change).split(": ", 1)[1] for key, change in RESHAPERS.items()}
    yield from (f"* `{key}`: {meaning}" for key, meaning in short.items())
    yield "\n## data: rows and scale\n"
    yield from docstring_parts(Split)[0]
    yield from settings_table(schema.Data)
    for key, family in families_in(schema.Config).items():
        yield from family_section(f"{'training.' * (key not in hints(schema.Config))}{key}", family)
    yield AUGMENT


def record_section(title: str, cls: type[Any], main: str | None = None) -> Iterator[str]:
    """The description of a record, and the table of its settings."""
    yield f"\n{title}\n"
    yield from docstring_parts(cls)[0]
    yield from settings_table(cls, main)


def family_section(key: str, family: Family) -> Iterator[str]:
    """The settings of every member of a family."""
    yield f"\n## {key}: {family.plural}"
    shared = _shared(family)
    if shared is not None:
        yield ""
        yield from docstring_parts(shared)[0]
    for name, cls in family.members.items():
        yield from record_section(f"### {name}", cls, main_setting(cls))


def _metrics() -> Iterator[str]:
    yield "\n## Metrics\n"
    yield METRICS_INTRO
    yield "| metric | in words | task | better | range | meaning |"
    yield "|---|---|---|---|---|---|"
    for name, metric in METRICS.items():
        better = "larger" if metric.higher_is_better else "smaller"
        low, high = (f"{limit:g}" for limit in metric.range)
        meaning = " ".join((inspect.getdoc(metric.value) or "").split())
        tasks = ", ".join(metric.tasks)
        row = (name, metric.label, tasks, better, f"{low} to {high}", _markdown(meaning))
        yield f"| {' | '.join(row)} |"


def settings_table(cls: type[Any], main: str | None = None) -> Iterator[str]:
    """The settings of a class; with a column of meanings where its docstring has any.

    main: the setting to mark with *.
    """
    meanings: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        meanings |= docstring_parts(base)[1] if dataclasses.is_dataclass(base) else {}
    rows = list(_rows(cls, meanings, main))
    if not rows:
        return
    columns = 4 if any(row[3] for row in rows) else 3
    titles = ("setting", "allowed", "default", "meaning")[:columns]
    yield f"| {' | '.join(titles)} |"
    yield "|" + "---|" * columns
    for row in rows:
        yield "| " + " | ".join(text.replace("|", r"\|") for text in row[:columns]) + " |"


def _rows(
    cls: type[Any], meanings: Mapping[str, str], main: str | None
) -> Iterator[tuple[str, str, str, str]]:
    """Setting, what is allowed, default, and meaning."""
    for field in dataclasses.fields(cls):
        key, hint = field.name, hints(cls)[field.name]
        record = record_of(hint)
        if key in inline_parts(cls):
            if record is not None:
                yield from _rows(record, docstring_parts(record)[1], None)
            continue
        name = f"{key} *" if key == main else key
        yield name, _allowed(hint), _default(field, hint), _markdown(meanings.get(key, ""))


def _allowed(hint: Any) -> str:
    """What a setting allows, in words."""
    family, record, inner = family_in(hint), record_of(hint), item_hint(hint)
    listed = family_of(inner)
    if listed is not None:
        return f"a list of {listed.plural}, see below"
    if family is None:
        return "a mapping, see below" if record and not _is_optional(hint) else allowed(hint)
    words = f"{'an' if family.word[0] in 'aeiou' else 'a'} {family.word}"
    if record is not None and not inline_parts(record):
        words += f", or {{{', '.join(hints(record))}: ...}}"
    return f"{words}, or null" if _is_optional(hint) else words


def _is_optional(hint: Any) -> bool:
    return type(None) in options(hint)


def _default(field: dataclasses.Field[Any], hint: Any) -> str:
    """The default of a setting, in words."""
    value = field_default(field)
    family, record = family_of(hint), record_of(hint)
    if words := words_of(hint).default:
        return words
    if value is dataclasses.MISSING:
        if family is not None and family.default:
            return family.default
        return "{}" if record is not None and not required_fields(record) else "required"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if family is not None:
        return family.name_of(value)
    return str(value) or '""' if value != () else "[]"


def docstring_parts(cls: type[Any]) -> tuple[list[str], dict[str, str]]:
    """A docstring's paragraphs as Markdown, and what its lines `setting: ...` say of settings.

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
            paragraphs.append(_markdown(block) + "\n")
    return paragraphs, meanings


def _shared(family: Family) -> type[Any] | None:
    """The dataclass that all members of the family extend, if there is one."""
    first, *rest = family.members.values()
    common = [base for base in first.__mro__ if all(base in cls.__mro__ for cls in rest)]
    return next(filter(dataclasses.is_dataclass, common), None)


def _markdown(text: str) -> str:
    """The text with signs escaped that Markdown would obey, but for what stands in `code`."""
    pieces = text.split("`")
    pieces[::2] = [re.sub(r"([*<])", r"\\\1", piece) for piece in pieces[::2]]
    return "`".join(pieces)


def _summary(thing: Any) -> str:
    return (inspect.getdoc(thing) or "").partition("\n")[0]
