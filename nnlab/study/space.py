"""space.yaml: which settings are searched, and where.

lr: {low: 1e-4, high: 1, log: true}       a number between two, evenly or by its logarithm
hidden: {low: 2, high: 16, step: 2}       whole numbers, where the setting takes no others
activation: [relu, tanh, sigmoid]         one of several
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnlab.config.files import decode, read_bytes
from nnlab.config.overrides import ALIASES, Setting
from nnlab.config.problems import Problem, Problems, fail, show
from nnlab.config.reader import read
from nnlab.config.schema import Config
from nnlab.config.tree import Node, Place, from_plain, plain
from nnlab.config.variants import Base
from nnlab.errors import ConfigError
from nnlab.suggest import did_you_mean

if TYPE_CHECKING:
    from optuna import Trial

RANGE = ("low", "high", "log", "step", "int")
OTHER_WORDS = {  # of other libraries -> what to write here
    **dict.fromkeys(("min", "minimum", "from", "lower", "start", "lo", "a"), "low"),
    **dict.fromkeys(("max", "maximum", "to", "upper", "stop", "end", "hi", "b"), "high"),
    **dict.fromkeys(("q", "by", "interval"), "step"),
    **dict.fromkeys(("integer", "whole"), "int"),
    **dict.fromkeys(("scale", "distribution", "dist", "prior", "sampling", "type"), "log: true"),
    **dict.fromkeys(("loguniform", "log_uniform", "logarithmic"), "low, high and log: true"),
    **dict.fromkeys(("uniform", "range", "bounds", "between", "quniform"), "low and high"),
    **dict.fromkeys(
        ("choices", "choice", "values", "options", "categorical", "grid"),
        "a list such as [relu, tanh]",
    ),
}
DISTRIBUTIONS = {  # what `type:` says elsewhere -> what to write here, if anything
    **dict.fromkeys(("int", "integer", "randint"), "int: true"),
    **dict.fromkeys(("categorical", "choice"), "a list such as [relu, tanh]"),
    **dict.fromkeys(("float", "double", "uniform", "linear"), ""),
}
LARGEST = 2**53  # of whole numbers: beyond it floats, which Optuna computes with, skip some
FORMS = "{low: 1e-4, high: 1, log: true}, {low: 2, high: 16, step: 2}, or a list [relu, tanh]"
Number = int | float


@dataclass(frozen=True)
class Choice:
    """One of several values."""

    options: tuple[Any, ...]

    def ask(self, trial: "Trial", key: str) -> Any:
        """The value that Optuna proposes."""
        return self.read(trial.suggest_categorical(key, [json.dumps(one) for one in self.options]))

    def read(self, stored: Any) -> Any:
        """The value from what Optuna keeps of it, which is text."""
        return json.loads(stored)

    def ends(self) -> tuple[Any, ...]:
        """Values that must be possible for all to be."""
        return self.options


@dataclass(frozen=True)
class Span:
    """A number between two, both included; `whole` is None until the setting's type is known."""

    low: Number
    high: Number
    log: bool
    step: Number | None
    whole: bool | None

    def ask(self, trial: "Trial", key: str) -> Any:
        """The value that Optuna proposes."""
        if self.whole:
            step = 1 if self.step is None else int(self.step)
            return trial.suggest_int(key, int(self.low), int(self.high), step=step, log=self.log)
        return trial.suggest_float(key, self.low, self.high, step=self.step, log=self.log)

    def read(self, stored: Any) -> Any:
        """Optuna keeps numbers as they are."""
        return stored

    def ends(self) -> tuple[Any, ...]:
        """Values that must be possible for all to be."""
        return (self.low, self.high)


@dataclass(frozen=True)
class Dimension:
    """A setting that is searched."""

    key: str
    place: Place
    among: Choice | Span

    def setting(self, value: Any) -> Setting:
        """The override that gives it a value."""
        return Setting(self.key, from_plain(value, self.place), self.place)


def read_space(path: Path) -> list[Dimension]:
    """The dimensions in a file. Raises ConfigError with all mistakes and their places."""
    problems = Problems()
    root = read(decode(read_bytes(path), str(path), path.resolve().parent), problems)
    problems.raise_any()
    if not root.entries:
        fail(
            [Problem(root.place, "the space is empty; it maps settings to where to search.", FORMS)]
        )
    found: list[Dimension] = []
    for key, node in root.entries.items():
        place = root.key_place(key)
        same = [one.key for one in found if _full(one.key) == _full(key)]
        if same:
            problems.add(place, f"{show(key)} is the same setting as {show(same[0])}.")
        among = (
            _choice(key, node, problems) if node.items is not None else _span(key, node, problems)
        )
        if among is not None:
            found.append(Dimension(key, place, among))
    problems.raise_any()
    return found


def check_space(dimensions: Sequence[Dimension], base: Base) -> tuple[Dimension, ...]:
    """The dimensions with the types that their settings have.

    Tries both ends of each range and every choice. Raises ConfigError with what is wrong where.
    """
    problems = Problems()
    typed = tuple(_typed(one, base, problems) for one in dimensions)
    for _ in ends(typed, base, problems):
        pass
    problems.raise_any()
    return typed


def _typed(one: Dimension, base: Base, problems: Problems) -> Dimension:
    """Whole numbers are searched where the setting takes no others, or `int: true` says so."""
    span = one.among
    if not isinstance(span, Span):
        return one
    tried = [n for n in (span.low, span.high, span.low + 0.5, span.high - 0.5) if n != int(n)]
    takes_fractions = any(base.vary([one.setting(n)], Problems()) is not None for n in tried)
    if span.whole is False and not takes_fractions:
        problems.add(one.place, f"{show(one.key)} takes no fractions, so int: false cannot be.")
    whole = bool(span.whole) or not takes_fractions
    if not whole:
        return replace(one, among=replace(span, whole=False))
    for name, value in (("low", span.low), ("high", span.high), ("step", span.step)):
        if value is not None and value != int(value):
            problems.add(
                one.place,
                f"{show(one.key)} takes whole numbers, and {name} is {value}.",
            )
            return one
    step = None if span.step is None else int(span.step)
    if max(abs(span.low), abs(span.high)) > LARGEST:
        problems.add(one.place, f"{show(one.key)}: whole numbers are searched up to {LARGEST:,}.")
        return one
    return replace(one, among=Span(int(span.low), int(span.high), span.log, step, True))


def ends(dimensions: Sequence[Dimension], base: Base, problems: Problems) -> Iterator[Config]:
    """The base with each end of a range and each choice, one at a time; without wrong ones."""
    for one in dimensions:
        for value in one.among.ends():
            found = base.vary([one.setting(value)], problems)
            if found is not None:
                yield found


def refuse_fixed(dimensions: Sequence[Dimension], overrides: Sequence[str]) -> None:
    """ConfigError for a setting that --set fixes and that is to be searched."""
    fixed = {_full(text.partition("=")[0].strip()) for text in overrides}
    for one in dimensions:
        if _full(one.key) in fixed:
            fail([Problem(one.place, f"{show(one.key)} is searched, so --set cannot fix it.")])


def as_text(value: Any) -> str:
    """A value as `--set` takes it."""
    if isinstance(value, str) and value.isidentifier() and value not in ("true", "false", "null"):
        return value
    return json.dumps(value)


def as_mapping(dimensions: Sequence[Dimension]) -> dict[str, Any]:
    """The space as plain values, to keep and to compare."""
    found: dict[str, Any] = {}
    for one in dimensions:
        among = one.among
        if isinstance(among, Choice):
            found[one.key] = list(among.options)
        else:
            found[one.key] = {"low": among.low, "high": among.high, "log": among.log}
            found[one.key] |= {"step": among.step, "int": among.whole}
    return found


def _full(key: str) -> str:
    return ALIASES.get(key, key)


def _choice(key: str, node: Node, problems: Problems) -> Choice | None:
    options = [plain(one) for one in node.items or ()]
    texts = [json.dumps(one) for one in options]
    if not options:
        problems.add(node.place, f"{show(key)} has no values to choose from.", "one or more")
    for index, text in enumerate(texts):
        if text in texts[:index]:
            place = (node.items or ())[index].place
            problems.add(place, f"{show(key)} has the value {text} twice.")
    return Choice(tuple(options))


def _span(key: str, node: Node, problems: Problems) -> Span | None:
    before = len(problems.found)
    entries = node.entries
    if entries is None:
        problems.add(node.place, f"{show(key)} is {show(plain(node))}, where to search?", FORMS)
        return None
    for name in entries:
        if name not in RANGE:
            sentence, hint = f"a range has no {show(name)}.", _hint(name, entries[name])
            problems.add(node.key_place(name), sentence, ", ".join(RANGE), hint)
    if len(problems.found) > before:
        return None
    for name in ("low", "high"):
        if name not in entries:
            problems.add(node.place, f"{show(key)} has no {name}.", FORMS)
    numbers = {n: _number(entries[n], n, problems) for n in ("low", "high", "step") if n in entries}
    flags = {n: _flag(entries[n], n, problems) for n in ("log", "int") if n in entries}
    if len(problems.found) > before:
        return None
    low, high, step = numbers["low"], numbers["high"], numbers.get("step")
    assert low is not None  # else there is a problem
    assert high is not None
    whole, log = flags.get("int"), flags.get("log", False)
    for name, problem in _misfits(low, high, step, log, whole):
        problems.add(entries[name].place, f"{show(key)}: {problem}")
    return Span(low, high, log, step, whole)


def _hint(word: str, value: Node) -> str:
    """What to write for a word that another library uses, or that is misspelled."""
    known = OTHER_WORDS.get(word.lower())
    if known == "log: true":
        known = DISTRIBUTIONS.get(str(plain(value)).lower(), known)
    return f" Did you mean '{known}'?" if known else did_you_mean(word, RANGE)


def _misfits(
    low: Number, high: Number, step: Number | None, log: bool, whole: bool | None
) -> list[tuple[str, str]]:
    """Which entry is wrong beside the others, and why."""
    found = []
    if low >= high:
        found.append(("high", f"high is {high}, which is not above low, {low}."))
    if log and low <= 0:
        found.append(("low", f"low is {low}; with log it must be above 0."))
    if step is not None and log:
        found.append(("step", "step and log cannot be had both."))
    if step is not None and not 0 < step <= high - low:
        found.append(("step", f"step is {step}; it must be above 0 and fit between low and high."))
    for name, value in (("low", low), ("high", high), ("step", step)):
        if whole and value is not None and value != int(value):
            found.append((name, f"{name} is {value}, and with int it must be a whole number."))
    return found


def _number(node: Node, name: str, problems: Problems) -> Number | None:
    value = node.value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    problems.add(node.place, f"{name} is {show(plain(node))}.", "a number")
    return None


def _flag(node: Node, name: str, problems: Problems) -> bool:
    if isinstance(node.value, bool):
        return node.value
    problems.add(node.place, f"{name} is {show(plain(node))}.", "true or false")
    return False


def settings_of(dimensions: Sequence[Dimension], base: Base, cell: Mapping[str, Any]) -> Any:
    """The config with these values. ConfigError where they do not go together."""
    problems = Problems()
    config = base.vary([one.setting(cell[one.key]) for one in dimensions], problems)
    problems.raise_any()
    if config is None:
        raise ConfigError("These settings do not go together.")
    return config
