"""space.yaml: which settings are searched, and where.

lr: {low: 1e-4, high: 1, log: true}       a number between two, evenly or by its logarithm
hidden: {low: 2, high: 16, step: 2}       whole numbers, where the setting takes no others
activation: [relu, tanh, sigmoid]         one of several
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from nnlab.config.annotations import InWords, hints
from nnlab.config.builder import Builder
from nnlab.config.files import decode, read_bytes
from nnlab.config.load import Base, finished
from nnlab.config.overrides import ALIASES, SettingChange
from nnlab.config.problems import Problem, Problems, fail, shown_value
from nnlab.config.schema import Config
from nnlab.config.tree import Node, Place, from_plain, to_plain
from nnlab.config.yaml12 import read_yaml

if TYPE_CHECKING:
    from optuna import Trial

LARGEST = 2**53  # of whole numbers: beyond it floats, which Optuna computes with, skip some
FORMS = "{low: 1e-4, high: 1, log: true}, {low: 2, high: 16, step: 2}, or a list [relu, tanh]"
Number = int | float
End = Annotated[Number, InWords("a number")]


@dataclass(frozen=True)
class Choice:
    """A choice between several values."""

    options: tuple[Any, ...]

    def ask(self, trial: "Trial", key: str) -> Any:
        """The value that Optuna proposes."""
        return self.read(trial.suggest_categorical(key, [json.dumps(o) for o in self.options]))

    def read(self, stored: Any) -> Any:
        """The value from what Optuna stores, which is text."""
        return json.loads(stored)

    @property
    def extremes(self) -> tuple[Any, ...]:
        """Values that must be possible for all to be."""
        return self.options

    @property
    def settings(self) -> Any:
        """The entry of space.yaml as plain values."""
        return list(self.options)


@dataclass(frozen=True)
class Span:
    """A number between two, both included; `int` is None until the setting's type is known."""

    low: End
    high: End
    log: bool = False
    step: Annotated[Number | None, InWords("a number")] = None
    int: bool | None = None

    def ask(self, trial: "Trial", key: str) -> Any:
        """The value that Optuna proposes."""
        low, high, log = self.low, self.high, self.log
        if self.int:
            step = 1 if self.step is None else self.step
            return trial.suggest_int(key, low, high, step=step, log=log)  # type: ignore[arg-type]
        return trial.suggest_float(key, low, high, step=self.step, log=log)

    def read(self, stored: Any) -> Any:
        """The value from what Optuna stores, a number."""
        return stored

    @property
    def extremes(self) -> tuple[Any, ...]:
        """Values that must be possible for all to be."""
        return (self.low, self.high)

    @property
    def settings(self) -> Any:
        """The entry of space.yaml as plain values."""
        return asdict(self)

    def misfits(self) -> Iterator[tuple[str, str]]:
        """Which entry is wrong beside the others, and why."""
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

    def fractions(self) -> list[tuple[str, Number]]:
        """The entries that are not whole numbers."""
        entries = {"low": self.low, "high": self.high, "step": self.step}
        return [(k, v) for k, v in entries.items() if v is not None and not float(v).is_integer()]


@dataclass(frozen=True)
class Dimension:
    """A setting that is searched, and where."""

    key: str
    place: Place
    among: Choice | Span

    def setting(self, value: Any) -> SettingChange:
        """The override that gives the setting a value."""
        return SettingChange(self.key, from_plain(value, self.place), self.place)


def read_space(path: Path) -> list[Dimension]:
    """The dimensions in a file. Raises ConfigError with all mistakes and their places."""
    problems = Problems()
    root = read_yaml(decode(read_bytes(path), str(path), path.resolve().parent), problems)
    problems.raise_any()
    if not root.entries:
        fail(
            [Problem(root.place, "the space is empty; it maps settings to where to search.", FORMS)]
        )
    dimensions: list[Dimension] = []
    for key, node in root.entries.items():
        place = root.key_place(key)
        same = next((d.key for d in dimensions if _full(d.key) == _full(key)), None)
        if same is not None:
            problems.add(place, f"{shown_value(key)} is the same setting as {shown_value(same)}.")
        among = (_span if node.items is None else _choice)(key, node, problems)
        if among is not None:
            dimensions.append(Dimension(key, place, among))
    problems.raise_any()
    return dimensions


def check_space(dimensions: Sequence[Dimension], base: Base) -> tuple[Dimension, ...]:
    """The dimensions with the types that their settings have.

    Tries both ends of each range and every choice. Raises ConfigError with what is wrong where.
    """
    problems = Problems()
    typed = tuple(_typed(dimension, base, problems) for dimension in dimensions)
    for _ in end_configs(typed, base, problems):
        pass
    problems.raise_any()
    return typed


def _typed(dimension: Dimension, base: Base, problems: Problems) -> Dimension:
    """Whole numbers are searched where the setting takes no others, or `int: true` says so."""
    span, key, place = dimension.among, shown_value(dimension.key), dimension.place
    if not isinstance(span, Span):
        return dimension
    tried = [n for n in (span.low, span.high, span.low + 0.5, span.high - 0.5) if n != int(n)]
    takes_fractions = any(base.vary([dimension.setting(n)], Problems()) for n in tried)
    if span.int is False and not takes_fractions:
        problems.add(place, f"{key} takes no fractions, so int: false cannot be.")
    if not span.int and takes_fractions:
        return replace(dimension, among=replace(span, int=False))
    if fractions := span.fractions():
        name, value = fractions[0]
        problems.add(place, f"{key} takes whole numbers, and {name} is {value}.")
        return dimension
    if max(abs(span.low), abs(span.high)) > LARGEST:
        problems.add(place, f"{key}: whole numbers are searched up to {LARGEST:,}.")
        return dimension
    step = None if span.step is None else int(span.step)
    return replace(dimension, among=Span(int(span.low), int(span.high), span.log, step, True))


def end_configs(
    dimensions: Sequence[Dimension], base: Base, problems: Problems
) -> Iterator[Config]:
    """The base with each end of a range and each choice, one at a time; without wrong ones."""
    for dimension in dimensions:
        for value in dimension.among.extremes:
            config = base.vary([dimension.setting(value)], problems)
            if config is not None:
                yield config


def searched_config(dimensions: Sequence[Dimension], base: Base, cell: Mapping[str, Any]) -> Config:
    """The config with these values. ConfigError where they do not go together."""
    problems = Problems()
    changes = [dimension.setting(cell[dimension.key]) for dimension in dimensions]
    config: Config = finished(base.vary(changes, problems), problems)
    return config


def refuse_fixed(dimensions: Sequence[Dimension], overrides: Sequence[str]) -> None:
    """ConfigError for a setting that --set fixes and that is to be searched."""
    fixed = {_full(text.partition("=")[0].strip()) for text in overrides}
    for dimension in dimensions:
        if _full(dimension.key) in fixed:
            key = shown_value(dimension.key)
            fail([Problem(dimension.place, f"{key} is searched, so --set cannot fix it.")])


def setting_text(value: Any) -> str:
    """A value as `--set` takes it."""
    if isinstance(value, str) and value.isidentifier() and value not in ("true", "false", "null"):
        return value
    return json.dumps(value)


def space_settings(dimensions: Sequence[Dimension]) -> dict[str, Any]:
    """The space as plain values, to keep and to compare."""
    return {dimension.key: dimension.among.settings for dimension in dimensions}


def _full(key: str) -> str:
    return ALIASES.get(key, key)


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
