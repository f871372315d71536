"""docs/config.md, written from the dataclasses themselves so that it cannot drift."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator
from typing import Any

from nnlab.config import schema
from nnlab.config.construct import ROW_KEYS
from nnlab.config.families import (
    INITIALIZER,
    LAYER,
    LOSS,
    OPTIMIZER,
    SCHEDULE,
    SOURCE,
    Family,
    family_of,
)
from nnlab.config.hints import allowed, default, hints, main_setting
from nnlab.config.overrides import ALIASES
from nnlab.config.reshape import RESHAPERS
from nnlab.data.split import Split

# What a table of types cannot say: (allowed, default) of the keys with a meaning of their own.
TOP = {
    "name": ("a text; part of the run folder's name", "the file's stem"),
    "seed": (allowed(schema.Seed), "0"),
    "data": ("a data set, see below", "required"),
    "network": ("a list of layers, in order, see below", "required"),
    "init": ("an initializer for all weights, see below, or {run: PATH}", "xavier_uniform"),
    "loss": ("a loss, see below", "required"),
    "optimizer": ("an optimizer, see below", "sgd"),
    "schedule": ("a schedule of the learning rate, see below", "constant"),
    "training": ("a mapping, see below", "{}"),
    "sweeps": ("NAME: {key, values, set}, see below", "{}"),
}
ROWS = {
    "scale": (allowed(schema.Scale), "unit for " + ", ".join(schema.IMAGES) + "; else none"),
    "seed": (allowed(schema.Seed), "the config's seed"),
}
INTRO = """\
# The configuration file

YAML with the meanings of YAML 1.2. A member of a family is written as its name (`relu`), as one
key with its main setting (`dense: 256`), or as a mapping (`{name: dense, units: 256}`). The main
setting is the one marked with *. Nothing may be nan or infinite.
"""
SWEEPS = """\
A study tries each of `values` as the setting `key` (default: the study's name), after the settings
in `set`: `lr: {values: [0.01, 0.1], set: {training.epochs: 5}}`.
"""


def config_reference() -> str:
    """The whole page as Markdown."""
    return "\n".join(_lines()).rstrip() + "\n"


def _lines() -> Iterator[str]:
    yield INTRO
    yield from _table(TOP)
    yield "\n## Training\n"
    yield _told(schema.Training)
    yield from _settings(schema.Training)
    yield "\n### early_stopping\n"
    yield _told(schema.EarlyStopping)
    yield from _settings(schema.EarlyStopping)
    yield "\n## Sweeps\n"
    yield SWEEPS
    yield "\n## Short names for --set\n"
    short = {key: (path, "") for key, path in ALIASES.items()}
    short |= {key: (_summary(change).split(": ", 1)[1], "") for key, change in RESHAPERS.items()}
    yield from (f"* `{key}`: {meaning}" for key, (meaning, _) in short.items())
    yield "\n## data: rows and scale\n"
    rows = {ROW_KEYS.get(key, key): row for key, row in _rows(Split).items()}
    yield from _table(rows | ROWS)
    yield from _family("data: data sets", SOURCE)
    yield from _family("network: layers", LAYER)
    yield from _family("init: initializers", INITIALIZER)
    yield from _family("loss: losses", LOSS)
    yield from _family("optimizer: optimizers", OPTIMIZER)
    yield from _family("schedule: schedules", SCHEDULE)


def _family(title: str, family: Family) -> Iterator[str]:
    yield f"\n## {title}"
    for name, cls in family.members.items():
        yield f"\n### {name}\n"
        yield _told(cls)
        yield from _settings(cls)


def _settings(cls: type[Any]) -> Iterator[str]:
    rows = _rows(cls)
    main = main_setting(cls)
    named = {f"{key} *" if key == main else key: row for key, row in rows.items()}
    return _table(named if cls.__module__ != schema.__name__ else rows)


def _rows(cls: type[Any]) -> dict[str, tuple[str, str]]:
    wanted = hints(cls)
    return {
        field.name: (_allowed(wanted[field.name]), _default(field))
        for field in dataclasses.fields(cls)
    }


def _allowed(hint: Any) -> str:
    family = family_of(hint)
    if family is not None:
        return f"an {family.word}, or null" if family is INITIALIZER else f"a {family.word}"
    return allowed(hint)


def _default(field: dataclasses.Field[Any]) -> str:
    value = default(field)
    if value is dataclasses.MISSING:
        return "required"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return "[]" if value == () else str(value)


def _table(rows: dict[str, tuple[str, str]]) -> Iterator[str]:
    if not rows:
        return
    yield "| setting | allowed | default |"
    yield "|---|---|---|"
    for key, (what, value) in rows.items():
        cells = (cell.replace("|", r"\|") for cell in (key, what, value))
        yield "| " + " | ".join(cells) + " |"


def _told(cls: type[Any]) -> str:
    """The first line of the docstring, with what HTML would read as a tag kept as it is."""
    return f"`{_summary(cls)}`\n" if "<" in _summary(cls) else f"{_summary(cls)}\n"


def _summary(thing: Any) -> str:
    return (inspect.getdoc(thing) or "").partition("\n")[0]
