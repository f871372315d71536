"""A search that a user asks for: its space.yaml, checked, and the base config.

lr: {low: 1e-4, high: 1, log: true}       a number between two, evenly or by its logarithm
hidden: {low: 2, high: 16, step: 2}       whole numbers, for a setting without fractions
activation: [relu, tanh, sigmoid]         a choice of values
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from nnlab.config.annotations import InWords, hints
from nnlab.config.builder import Builder
from nnlab.config.dump import settings_of
from nnlab.config.families import file_settings
from nnlab.config.files import decode, name_from_stem, read_bytes, require_name
from nnlab.config.given_rows import GivenRows
from nnlab.config.load import Base, ConfigForm, finished, load_base
from nnlab.config.overrides import SettingChange
from nnlab.config.problems import Problem, Problems, fail, shown_value
from nnlab.config.schema import Config
from nnlab.config.tree import Node, Place, Source, from_plain, to_plain
from nnlab.config.yaml12 import read_yaml
from nnlab.core.metrics import better_when
from nnlab.errors import require_package
from nnlab.run.settings import dotted
from nnlab.study.axes import canonical
from nnlab.study.plan import config_words, describe_study
from nnlab.study.trial import Trial

if TYPE_CHECKING:
    import optuna

LARGEST = 2**53  # of whole numbers: beyond it floats, which Optuna computes with, skip some
FORMS = "{low: 1e-4, high: 1, log: true}, {low: 2, high: 16, step: 2}, or a list [relu, tanh]"
Number = int | float
End = Annotated[Number, InWords("a number")]


@dataclass(frozen=True)
class Choice:
    """A choice between several values.

    Choice and Span: `ask` gives the value that Optuna proposes, `read` a value from the text or
    number that Optuna stores; `extremes` are values that must be possible for all to be;
    `settings` is the entry of space.yaml as plain values.
    """

    options: tuple[Any, ...]

    def ask(self, trial: "optuna.Trial", key: str) -> Any:
        return self.read(trial.suggest_categorical(key, [json.dumps(o) for o in self.options]))

    def read(self, stored: Any) -> Any:
        return json.loads(stored)

    @property
    def extremes(self) -> tuple[Any, ...]:
        return self.options

    @property
    def settings(self) -> Any:
        return list(self.options)


@dataclass(frozen=True)
class Span:
    """A range of numbers with both ends; `int` is None until the setting's type is known."""

    low: End
    high: End
    log: bool = False
    step: Annotated[Number | None, InWords("a number")] = None
    int: bool | None = None

    def ask(self, trial: "optuna.Trial", key: str) -> Any:
        low, high, log = self.low, self.high, self.log
        if self.int:
            step = 1 if self.step is None else self.step
            return trial.suggest_int(key, low, high, step=step, log=log)  # type: ignore[arg-type]
        return trial.suggest_float(key, low, high, step=self.step, log=log)

    def read(self, stored: Any) -> Any:
        return stored

    @property
    def extremes(self) -> tuple[Any, ...]:
        return (self.low, self.high)

    @property
    def settings(self) -> Any:
        return asdict(self)

    def misfits(self) -> Iterator[tuple[str, str]]:
        """The entries that contradict another entry, and why."""
        low, high, step = self.low, self.high, self.step
        if low >= high:
            yield "high", f"high is {high}, which is not above low, {low}."
        if self.log and low <= 0:
            yield "low", f"low is {low}; with log it must be above 0."
        if step is not None and self.log:
            yield "step", "step and log exclude each other."
        if step is not None and not 0 < step <= high - low:
            yield "step", f"step is {step}; it must be above 0 and fit between low and high."
        if self.int:
            for name, value in self.fractions():
                yield name, f"{name} is {value}, and with int it must be a whole number."

    def whole(self) -> "Span":
        """The same range, of whole numbers."""
        step = None if self.step is None else round(self.step)
        return Span(round(self.low), round(self.high), self.log, step, True)

    def fractions(self) -> list[tuple[str, Number]]:
        """The entries that are not whole numbers."""
        entries = {"low": self.low, "high": self.high, "step": self.step}
        return [(k, v) for k, v in entries.items() if v is not None and not float(v).is_integer()]


@dataclass(frozen=True)
class Dimension:
    """A setting that is searched, and its range or choice."""

    key: str
    place: Place
    among: Choice | Span

    def change(self, value: Any) -> SettingChange:
        """The change that gives the setting a value."""
        return SettingChange(self.key, from_plain(value, self.place), self.place)


@dataclass(frozen=True)
class Tuning:
    """What is to be tuned: a checked config and the settings that vary."""

    name: str
    config: str
    base: Base
    dimensions: tuple[Dimension, ...]
    overrides: tuple[str, ...] = ()
    prune: bool = True
    argv: tuple[str, ...] = ()

    @property
    def metric(self) -> str:
        """What the config monitors; its best value counts."""
        return str(self.base.config.training.monitor)

    @property
    def direction(self) -> Literal["minimize", "maximize"]:
        """Which way the metric gets better, in Optuna's words."""
        return "maximize" if better_when(self.metric) == "max" else "minimize"

    @property
    def about(self) -> dict[str, Any]:
        """The content of sweep.yaml."""
        space = {dimension.key: dimension.among.settings for dimension in self.dimensions}
        axes: dict[str, list[Any]] = {key: [] for key in space}
        return describe_study(self.config, self.base.config, axes, search=space, metric=self.metric)

    def trial(self, cell: Mapping[str, Any]) -> Trial:
        """The trial with these settings. ConfigError where they do not go together."""
        return Trial.of(self.config_with(cell), dict(cell), self.argv)

    def config_with(self, cell: Mapping[str, Any]) -> Config:
        """The config with these settings. ConfigError where they do not go together."""
        problems = Problems()
        changes = [dimension.change(cell[dimension.key]) for dimension in self.dimensions]
        config: Config = finished(self.base.vary(changes, problems), problems)
        return config

    def end_configs(self) -> Iterator[Config]:
        """The config itself, and with each end of a range and each choice."""
        yield self.base.config
        yield from end_configs(self.dimensions, self.base, Problems())

    def command(self, cell: Mapping[str, Any]) -> list[str]:
        """The command that trains with these settings, for the current folder."""
        settings = dotted(settings_of(self.config_with(cell)))
        files = {settings.get(".".join(path)) for path in file_settings(Config)}
        options = list(self.overrides)
        for dimension in self.dimensions:
            folder = dimension.place.source.folder
            value = _with_absolute_paths(cell[dimension.key], folder, files)
            options.append(f"{dimension.key}={setting_text(value)}")
        return ["nnlab", "train", self.config, *(part for o in options for part in ("--set", o))]


def prepare_tuning(
    config: ConfigForm,
    overrides: tuple[str, ...],
    space: Path | Mapping[str, object],
    name: str | None = None,
    prune: bool = True,
    argv: tuple[str, ...] = (),
    rows: GivenRows | None = None,
) -> Tuning:
    """The checked request. Raises ConfigError, DataError, UsageError before anything runs."""
    require_package("Tuning", "optuna", "tune", "Optuna")
    dimensions = read_space(space)
    refuse_fixed(dimensions, overrides)
    base = load_base(config, overrides, rows)
    stem = space.stem if isinstance(space, Path) else "-".join(space)
    typed = check_space(dimensions, base)
    if name is None:
        name = name_from_stem("-".join(["tune", base.config.name, stem, *overrides]))
    require_name(name)
    return Tuning(name, config_words(config, base.config), base, typed, overrides, prune, argv)


def read_space(space: Path | Mapping[str, object]) -> list[Dimension]:
    """The dimensions in a file or a mapping. Raises ConfigError with all mistakes."""
    problems = Problems()
    if isinstance(space, Path):
        source = decode(read_bytes(space), str(space), space.resolve().parent)
        root = read_yaml(source, problems)
    else:
        root = from_plain(space, Place(Source("search", "", Path.cwd(), "values")))
    problems.raise_any()
    if not root.entries:
        fail(
            [Problem(root.place, "the space is empty; it maps settings to where to search.", FORMS)]
        )
    dimensions: list[Dimension] = []
    for key, node in root.entries.items():
        place = root.key_place(key)
        for other in dimensions:
            if canonical(other.key) == canonical(key):
                same = shown_value(other.key)
                problems.add(place, f"{shown_value(key)} is the same setting as {same}.")
        among = (_span if node.items is None else _choice)(key, node, problems)
        if among is not None:
            dimensions.append(Dimension(key, place, among))
    problems.raise_any()
    return dimensions


def check_space(dimensions: Sequence[Dimension], base: Base) -> tuple[Dimension, ...]:
    """The dimensions with the types that their settings have.

    Tries both ends of each range and every choice. Raises ConfigError with all mistakes.
    """
    problems = Problems()
    typed = tuple(_typed(dimension, base, problems) for dimension in dimensions)
    for _ in end_configs(typed, base, problems):
        pass
    problems.raise_any()
    return typed


def _typed(dimension: Dimension, base: Base, problems: Problems) -> Dimension:
    """Search whole numbers if the setting takes no fractions, or with `int: true`."""
    span, key, place = dimension.among, shown_value(dimension.key), dimension.place
    if not isinstance(span, Span):
        return dimension
    tried = [n for n in (span.low, span.high, span.low + 0.5, span.high - 0.5) if n != int(n)]
    takes_fractions = any(base.vary([dimension.change(n)], Problems()) for n in tried)
    if takes_fractions and not span.int:
        return replace(dimension, among=replace(span, int=False))
    if span.int is False:
        problems.add(place, f"{key} takes no fractions, so int: false cannot be.")
    fractions = span.fractions()
    for name, value in fractions[:1]:
        problems.add(place, f"{key} takes whole numbers, and {name} is {value}.")
    if fractions:
        return dimension
    if max(abs(span.low), abs(span.high)) > LARGEST:
        problems.add(place, f"{key}: whole numbers are searched up to {LARGEST:,}.")
        return dimension
    return replace(dimension, among=span.whole())


def end_configs(
    dimensions: Sequence[Dimension], base: Base, problems: Problems
) -> Iterator[Config]:
    """The base with each end of a range and each choice in turn; skips invalid configs."""
    for dimension in dimensions:
        for value in dimension.among.extremes:
            config = base.vary([dimension.change(value)], problems)
            if config is not None:
                yield config


def refuse_fixed(dimensions: Sequence[Dimension], overrides: Sequence[str]) -> None:
    """ConfigError for a setting that --set fixes and that is to be searched."""
    fixed = {canonical(text.partition("=")[0].strip()) for text in overrides}
    for dimension in dimensions:
        if canonical(dimension.key) in fixed:
            key = shown_value(dimension.key)
            fail([Problem(dimension.place, f"{key} is searched, so it cannot be set.")])


def _choice(key: str, node: Node, problems: Problems) -> Choice:
    options = [to_plain(item) for item in node.items or ()]
    texts = [json.dumps(option) for option in options]
    if not options:
        problems.add(node.place, f"{shown_value(key)} has no values to choose from.", "1 or more")
    for index, text in enumerate(texts):
        if text in texts[:index]:
            place = (node.items or ())[index].place
            problems.add(place, f"{shown_value(key)} has the value {text} twice.")
    return Choice(tuple(options))


def _span(key: str, node: Node, problems: Problems) -> Span | None:
    before = len(problems)
    if node.entries is None:
        value = shown_value(to_plain(node))
        problems.add(node.place, f"{shown_value(key)} is {value}, where to search?", FORMS)
        return None
    builder = Builder(problems, {}, "range")
    builder.known(node, hints(Span), key)
    if len(problems) > before:
        return None
    span: Span | None = builder.attempt(builder.build, Span, node, key, key)
    for name, problem in span.misfits() if span is not None else ():
        problems.add(node.entries[name].place, f"{shown_value(key)}: {problem}")
    return span


def setting_text(value: Any) -> str:
    """A value as `--set` takes it."""
    if isinstance(value, str) and value.isidentifier() and value not in ("true", "false", "null"):
        return value
    return json.dumps(value)


def _with_absolute_paths(value: Any, folder: Path, files: set[str | None]) -> Any:
    """The value with absolute paths for names of `files`, which are relative to `folder`."""
    if isinstance(value, dict):
        return {key: _with_absolute_paths(inner, folder, files) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_absolute_paths(inner, folder, files) for inner in value]
    if isinstance(value, str) and (full := str(folder / os.path.expanduser(value))) in files:
        return full
    return value
