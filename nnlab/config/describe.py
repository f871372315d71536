"""docs/config.md, written from the dataclasses themselves so that it cannot drift."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any

from nnlab.config import schema
from nnlab.config.construct import ROW_KEYS
from nnlab.config.families import (
    AUGMENTATION,
    INITIALIZER,
    LAYER,
    LOSS,
    OPTIMIZER,
    SCHEDULE,
    SOURCE,
    Family,
    family_of,
    family_of_items,
)
from nnlab.config.hints import allowed, default, hints, main_setting
from nnlab.config.overrides import ALIASES
from nnlab.config.reshape import RESHAPERS
from nnlab.core.metrics import METRICS
from nnlab.data.split import Split

# What a table of types cannot say: (allowed, default) of the keys with a meaning of their own.
TOP = {
    "name": ("a text", "the file's stem"),
    "seed": (allowed(schema.Seed), "0"),
    "data": ("a data set, see below", "required"),
    "network": ("a list of layers, see below", "required"),
    "init": ("an initializer, see below, or {run: PATH}", "xavier_uniform"),
    "loss": ("a loss, see below", "required"),
    "optimizer": ("an optimizer, see below", "sgd"),
    "schedule": ("a schedule, see below", "constant"),
    "training": ("a mapping, see below", "{}"),
    "sweeps": ("NAME: {key, values, set, caption}, see below", "{}"),
}
ROWS = {
    "scale": (allowed(schema.Scale), "unit for " + ", ".join(schema.IMAGES) + "; else none"),
    "seed": (allowed(schema.Seed), "the config's seed"),
}
STUDY = {
    "key": ("a text", "the study's name"),
    "values": ("a list", "required"),
    "set": ("a mapping", "{}"),
    "caption": ("a text", "none"),
}
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
SWEEPS = """\
For example `lr: {values: [0.01, 0.1], set: {training.epochs: 5}}`.
"""


def config_reference() -> str:
    """The whole page as Markdown."""
    return "\n".join(_lines()).rstrip() + "\n"


def _lines() -> Iterator[str]:
    yield INTRO
    yield from settings_table(TOP, told(schema.Config)[1])
    yield "\n## Training\n"
    yield from paragraphs_of(schema.Training)
    yield from _settings(schema.Training)
    yield "\n### early_stopping\n"
    yield from paragraphs_of(schema.EarlyStopping)
    yield from _settings(schema.EarlyStopping)
    yield from _metrics()
    yield "\n## Sweeps\n"
    yield from paragraphs_of(schema.Study)
    yield SWEEPS
    yield from settings_table(STUDY, told(schema.Study)[1])
    yield "\n## Short names for --set\n"
    short = {key: (path, "") for key, path in ALIASES.items()}
    short |= {key: (_summary(change).split(": ", 1)[1], "") for key, change in RESHAPERS.items()}
    yield from (f"* `{key}`: {meaning}" for key, (meaning, _) in short.items())
    yield "\n## data: rows and scale\n"
    yield from paragraphs_of(Split)
    rows = {ROW_KEYS.get(key, key): row for key, row in rows_of(Split).items()}
    meanings = {ROW_KEYS.get(key, key): meaning for key, meaning in told(Split)[1].items()}
    yield from settings_table(
        rows | ROWS, meanings | told(schema.Data)[1] | {"split": meanings["split"]}
    )
    yield from family_section("data: data sets", SOURCE)
    yield from family_section("network: layers", LAYER)
    yield from family_section("init: initializers", INITIALIZER)
    yield from family_section("loss: losses", LOSS)
    yield from family_section("optimizer: optimizers", OPTIMIZER)
    yield from family_section("schedule: schedules", SCHEDULE)
    yield from family_section("training.augment: augmentations", AUGMENTATION)
    yield AUGMENT


def family_section(title: str, family: Family) -> Iterator[str]:
    """The settings of every member of a family."""
    yield f"\n## {title}"
    shared = _shared(family)
    if shared is not None:
        yield ""
        yield from paragraphs_of(shared)
    for name, cls in family.members.items():
        yield f"\n### {name}\n"
        yield from paragraphs_of(cls)
        yield from _settings(cls)


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


def _settings(cls: type[Any]) -> Iterator[str]:
    rows = rows_of(cls)
    main = main_setting(cls)
    if cls.__module__ == schema.__name__:
        main = None
    meanings: dict[str, str] = {}
    for one in reversed(cls.__mro__):
        meanings |= told(one)[1] if dataclasses.is_dataclass(one) else {}
    return settings_table(rows, meanings, main)


def rows_of(cls: type[Any]) -> dict[str, tuple[str, str]]:
    """What is allowed and the default, by setting."""
    wanted = hints(cls)
    return {
        field.name: (_allowed(wanted[field.name]), _default(field))
        for field in dataclasses.fields(cls)
    }


def _allowed(hint: Any) -> str:
    family, listed = family_of(hint), family_of_items(hint)
    if listed is not None:
        return f"a list of {listed.word}s, see below"
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


def settings_table(
    rows: dict[str, tuple[str, str]], meanings: Mapping[str, str], main: str | None = None
) -> Iterator[str]:
    """The settings; with a column of meanings where any is told apart from the description."""
    if not rows:
        return
    told_apart = any(key in meanings for key in rows)
    yield "| setting | allowed | default |" + " meaning |" * told_apart
    yield "|---|---|---|" + "---|" * told_apart
    for key, (what, value) in rows.items():
        texts = [f"{key} *" if key == main else key, what, value]
        texts += [_markdown(meanings.get(key, ""))] * told_apart
        yield "| " + " | ".join(text.replace("|", r"\|") for text in texts) + " |"


def paragraphs_of(cls: type[Any]) -> Iterator[str]:
    """The docstring but for the meanings of single settings, paragraph by paragraph."""
    for paragraph in told(cls)[0]:
        yield _markdown(paragraph) + "\n"


def told(cls: type[Any]) -> tuple[list[str], dict[str, str]]:
    """A docstring's paragraphs, and what its lines `setting: ...` say of single settings.

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


def _shared(family: Family) -> type[Any] | None:
    """The dataclass that all members of the family extend, if there is one."""
    ways = [
        [one for one in cls.__mro__ if dataclasses.is_dataclass(one)]
        for cls in family.members.values()
    ]
    common = [one for one in ways[0] if all(one in way for way in ways)]
    return common[0] if common else None


def _markdown(text: str) -> str:
    """The text with signs escaped that Markdown would obey, but for what stands in `code`."""
    pieces = text.split("`")
    pieces[::2] = [re.sub(r"([*<])", r"\\\1", piece) for piece in pieces[::2]]
    return "`".join(pieces)


def _summary(thing: Any) -> str:
    return (inspect.getdoc(thing) or "").partition("\n")[0]
