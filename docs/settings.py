"""The page docs/config.md, written from the dataclasses themselves so that it cannot drift."""

import dataclasses
import inspect
import re
from collections.abc import Iterator
from dataclasses import MISSING
from typing import Any

from nnlab.config import schema
from nnlab.config.annotations import allowed, hints, item_hint, main_setting, options, words_of
from nnlab.config.describe import Setting, docstring_parts, settings_in
from nnlab.config.extends import EXTENDS, MEANING
from nnlab.config.families import (
    Family,
    families_in,
    family_in,
    family_of,
    inline_parts,
    record_of,
    records_of,
)
from nnlab.config.overrides import ALIASES, RESHAPERS
from nnlab.config.problems import shown_value
from nnlab.core.metrics import METRICS, SumMetric
from nnlab.data.split import Split
from nnlab.race.config import LANDSCAPE, Race, Runner

INTRO = """\
# The configuration file

A config is YAML 1.2. A layer, an optimizer and the like are written as a name (`relu`), as a name
with its main setting (`dense: 256`), or with all settings (`{name: dense, units: 256}`). The main
setting is marked with *. A relative path starts at the folder of the config file; in `--set` it
starts at the current folder. No number may be nan or infinite. Editors with a YAML language server
complete and check a config with [config.schema.json](config.schema.json), if its first line is
`# yaml-language-server: $schema=PATH`. `nnlab init` writes this line and such a file beside the
config; `nnlab schema` prints it.
"""
BASE_EXAMPLE = """
```yaml
extends: digits_binary
network: [{dense: 64}, relu, {dense: 1}, sigmoid]
training: {epochs: 50}
```

resolved.yaml in the run folder holds all settings, and extends nothing.
"""
AUGMENT = """
For example `augment: [{shift: 2}, {rotate: 10}, flip]`. The training loss and metrics are computed
on the changed images.
"""
FROZEN = """
### Frozen layers

`freeze: true` in a dense, conv2d, batch_norm or layer_norm layer leaves its parameters as they are,
to the last bit: no update, weight decay or averaging changes them, and they are not part of the
norm that `clip_norm` limits. Their gradients by the inputs still reach the layers below. With
`init: {run: FOLDER, skip_mismatch: true}` a network takes what another one has learned, and trains
the rest:

```yaml
init: {run: runs/20260101-120000-digits, skip_mismatch: true}
network: [{name: dense, units: 64, freeze: true}, relu, {dense: 5}, softmax]
```
"""
EXPECTATIONS = """
## Expectations

For example `expect: {val_loss: "<= 0.1", parameters: "<= 200", seeds: 4/5}`. The keys are the
loss and the metrics of each part, such as `test_loss`, as the final weights have them; the `epochs`
that were trained; the `parameters` of the network; and `status`: completed, early_stopped or
diverged. A number follows one of < <= > >= =, in quotes. `seeds: 4/5` means that at least 4 of 5
seeds meet all other expectations.

`nnlab train` and `nnlab resume` compare at the end of a run, which is complete and stays: a table
shows what is met, and the exit code is 9 where something is not. `nnlab check RUN` compares again.
A sweep over seeds, such as `nnlab sweep 'seed=range(0, 5)'`, and `nnlab check SWEEP` count the
seeds that meet all of it. Expectations change no training.
"""
METRICS_INTRO = """\
The loss and the metrics of the task are computed on each part of the data: `train_loss`,
`val_loss`. The task is binary for two classes and a single output. The predicted class is the
one with the largest output, the first if several are equal; for a single output it is class 1 from
1/2 on. Metrics, tables, predictions and figures use the same rule.

`train_loss` and the other training metrics of an epoch are running means: each batch is measured
just before its update and in training mode (with dropout, with the mean of the batch in
`batch_norm`, with changed images). Row 0 of metrics.csv, before the first update, and the metrics
of all other parts are measured in evaluation mode with the weights after the epoch (with their
average if `ema` or `swa` is set).

Metrics "on request" need all rows of a part at once. They are measured after every epoch where
`training.metrics` or `training.monitor` names them (for the training part by another pass over it,
in evaluation mode), and at the end of a run for the part that it is judged by: summary.json has
them in `scores`. Those of probabilities need softmax (classes) or sigmoid (binary) as last layer.
"""
RACE_INTRO = """\
# The configuration of a race

`nnlab descend` runs a race of optimizers on a function of two numbers. Its config has other keys at
the top, and the same words for optimizers and schedules as above. An entry of `runs` may be an
optimizer alone: `[{sgd: 0.1}, adam]`. In `--set`, `lr`, `momentum` and `steps` change all runs, as
does `*` in a path (`runs.*.start`); `runs.0.steps` changes the first.
"""


def config_reference() -> str:
    """The whole page as Markdown: the config of a training, then that of a race."""
    return "\n".join("\n".join(lines).rstrip() + "\n" for lines in (_training(), _race()))


def _training() -> Iterator[str]:
    yield INTRO
    yield from settings_table(schema.Config)
    yield f"\n## Another config as the base\n\n`{EXTENDS}`: {MEANING}\n{BASE_EXAMPLE}"
    yield from record_section("## Training", schema.Training)
    yield from record_section("### early_stopping", schema.EarlyStopping)
    yield from _metrics()
    yield from record_section("## Sweeps", schema.SweepConfig)
    yield EXPECTATIONS.rstrip()
    yield "\n## Short names for --set\n"
    yield from (f"* `{key}`: {path}" for key, path in ALIASES.items())
    for key, change in RESHAPERS.items():
        summary = (inspect.getdoc(change) or "").partition("\n")[0]
        yield f"* `{key}`: {summary.partition(': ')[2]}"
    yield "\n## data: rows and scale\n"
    yield from _paragraphs(Split)
    yield from settings_table(schema.Data)
    for key, family in families_in(schema.Config).items():
        yield from family_section(f"{'training.' * (key not in hints(schema.Config))}{key}", family)
        yield FROZEN * (key == "network")
    yield AUGMENT


def _race() -> Iterator[str]:
    yield RACE_INTRO
    yield from settings_table(Race)
    yield from record_section("## runs: the runs of a race", Runner)
    yield from family_section("function", LANDSCAPE)


def record_section(title: str, cls: type[Any], main: str | None = None) -> Iterator[str]:
    """The description of a record, and the table of its settings."""
    yield f"\n{title}\n"
    yield from _paragraphs(cls)
    yield from settings_table(cls, main)


def family_section(key: str, family: Family) -> Iterator[str]:
    """The settings of every member of a family."""
    yield f"\n## {key}: {family.plural}"
    first, *rest = family.members.values()
    shared = (b for b in first.__mro__ if all(b in cls.__mro__ for cls in rest))
    for base in list(filter(dataclasses.is_dataclass, shared))[:1]:
        yield ""
        yield from _paragraphs(base)
    for name, cls in family.members.items():
        yield from record_section(f"### {name}", cls, main_setting(cls))


def _metrics() -> Iterator[str]:
    yield "\n## Metrics\n"
    yield METRICS_INTRO
    yield "| metric | in words | task | better | range | measured | meaning |"
    yield "|---|---|---|---|---|---|---|"
    for name, metric in METRICS.items():
        better = "larger" if metric.higher_is_better else "smaller"
        low, high = (f"{limit:g}" for limit in metric.range)
        meaning = " ".join((inspect.getdoc(metric.value) or "").split())
        tasks = ", ".join(metric.tasks)
        when = "always" if isinstance(metric, SumMetric) else "on request"
        span = f"{low} to {high}"
        row = (name, metric.label, tasks, better, span, when, _markdown(meaning))
        yield f"| {' | '.join(row)} |"


def settings_table(cls: type[Any], main: str | None = None) -> Iterator[str]:
    """The settings of a class; with a column of meanings where its docstring has any.

    main: the setting to mark with *.
    """
    rows = list(_rows(cls, main))
    if not rows:
        return
    columns = 4 if any(row[3] for row in rows) else 3
    titles = ("setting", "allowed", "default", "meaning")[:columns]
    yield f"| {' | '.join(titles)} |"
    yield "|" + "---|" * columns
    for row in rows:
        yield "| " + " | ".join(text.replace("|", r"\|") for text in row[:columns]) + " |"


def _rows(cls: type[Any], main: str | None = None) -> Iterator[tuple[str, str, str, str]]:
    """Setting, what is allowed, default, and meaning."""
    for setting in settings_in(cls):
        name = f"{setting.key} *" if setting.key == main else setting.key
        yield name, _allowed(setting.hint), _default(setting), _markdown(setting.meaning)


def _allowed(hint: Any) -> str:
    """What a setting allows, in words."""
    family, record, listed = family_in(hint), record_of(hint), family_of(item_hint(hint))
    is_optional = type(None) in options(hint)
    if listed is not None:
        return f"a list of {listed.plural}, see below"
    if family is None:
        return "a mapping, see below" if record and not is_optional else allowed(hint)
    words = family.choice.partition(":")[0]
    if record is not None and not inline_parts(record):
        forms = (f"{{{', '.join(hints(record))}: ...}}" for record in records_of(hint))
        words += f", or {' or '.join(forms)}"
    return f"{words}, or null" if is_optional else words


def _default(setting: Setting) -> str:
    """The default of a setting, in words."""
    value, family = setting.default, family_of(setting.hint)
    if words := words_of(setting.hint).default:
        return words
    if value is MISSING:
        default = family.default if family is not None else "{}"
        return "required" if setting.is_required else default or ""
    if family is not None and value is not None:
        return family.name_of(value)
    return _value_text(value)


def _value_text(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return shown_value(value)
    return "[]" if value == () else str(value) or '""'


def _paragraphs(cls: type[Any]) -> Iterator[str]:
    """The paragraphs of a docstring, as Markdown."""
    return (_markdown(text) + "\n" for text in docstring_parts(cls)[0])


def _markdown(text: str) -> str:
    """The text with signs escaped that Markdown would obey, but for what stands in `code`."""
    pieces = text.split("`")
    pieces[::2] = [re.sub(r"([*<])", r"\\\1", piece) for piece in pieces[::2]]
    return "`".join(pieces)
