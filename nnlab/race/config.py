"""A race of optimizers: its settings, and a YAML text to a checked Race and back.

Three short forms beside those of a training:

function: {quadratic: 50}  -> {name: quadratic, condition: 50}
runs: [{sgd: 0.1}]         -> [{optimizer: {name: sgd, lr: 0.1}, schedule: {name: constant}}]
runs: [adam]               -> [{optimizer: {name: adam}, schedule: {name: constant}}]
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import count
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Le, Len

from nnlab.config.annotations import InWords, field_default, hints
from nnlab.config.builder import build_fields
from nnlab.config.defaults import with_missing
from nnlab.config.dump import settings_of, to_yaml
from nnlab.config.families import OPTIMIZER, SCHEDULE, Family
from nnlab.config.files import name_from_stem
from nnlab.config.load import Document, finished, read_document, read_text
from nnlab.config.overrides import Grammar, Override, apply, read_overrides
from nnlab.config.problems import Problems, shown_value
from nnlab.config.rewrite import names_member, rewritten
from nnlab.config.schema import Name
from nnlab.config.short_forms import expand
from nnlab.config.tree import BAD, Node, find_node
from nnlab.core.optimizers import Optimizer
from nnlab.core.schedules import ConstantSchedule, Schedule
from nnlab.race.landscapes import LANDSCAPES, Landscape, Point

LANDSCAPE = Family("function", LANDSCAPES)
MOST_STEPS = 10_000
MOST_RUNS = 20  # more paths than a reader can tell apart in one figure
LONGEST = 50  # characters of a generated name, without its number

EXAMPLE = "a list of runs, such as [{sgd: 0.1}, {adam: 0.5}]"

Pair = Annotated[tuple[float, ...], Len(2, 2), InWords("two numbers, [x, y]")]


@dataclass(frozen=True, kw_only=True)
class Runner:
    """One run of a race.

    name: its name in tables and figures.
    optimizer: how a gradient changes the point. x and y count as weights, so weight_decay and l1
    pull both towards 0.
    schedule: how the learning rate changes; its time counts steps, whatever `per` says.
    steps: the number of steps.
    start: its own start, if it differs from the start of the race.
    """

    name: Annotated[str, Len(1, 60), InWords(default="its optimizer and schedule")] = ""
    optimizer: Optimizer
    schedule: Schedule = field(default_factory=ConstantSchedule)
    steps: Annotated[int, Ge(1), Le(MOST_STEPS)] = 100
    start: Pair | None = None


@dataclass(frozen=True, kw_only=True)
class Race:
    """Optimizers on a function of two numbers.

    name: becomes part of the run folder's name.
    function: the function to minimize.
    start: the point where all runs begin, [x, y].
    runs: the runs, 1 to 20.
    """

    name: Name
    function: Annotated[Landscape, LANDSCAPE]
    start: Annotated[Pair, InWords(default="the usual start of the function")]
    runs: Annotated[tuple[Runner, ...], Len(1, MOST_RUNS), InWords(EXAMPLE)]

    def start_of(self, runner: Runner) -> Point:
        """The point where a run begins."""
        x, y = self.start if runner.start is None else runner.start
        return x, y


@dataclass(frozen=True)
class LoadedRace:
    """A race, and its file byte for byte; None where there is no file."""

    race: Race
    text: bytes | None = None


def load_race(
    config: str | Path | Mapping[str, object], overrides: Sequence[Override] = ()
) -> LoadedRace:
    """Read a file, the shipped config of that name, or a mapping, with the overrides applied.

    Raises ConfigError with all mistakes.
    """
    problems = Problems()
    file = read_document(config, problems, "descend")
    return LoadedRace(_finish(file, overrides, problems), file.text)


def parse_race(
    text: str, filename: str = "config.yaml", overrides: Sequence[Override] = ()
) -> Race:
    """The race in a text; messages call the text `filename`."""
    problems = Problems()
    return _finish(read_text(text, filename, problems, "descend"), overrides, problems)


def dump_race(race: Race) -> str:
    """The text of resolved.yaml, all defaults written out; reading it gives an equal race."""
    return to_yaml(settings_of(race))


def _finish(file: Document, overrides: Sequence[Override], problems: Problems) -> Race:
    changes = read_overrides(overrides, Path.cwd(), problems)
    root = apply(expand_race(file.root), changes, problems, [], GRAMMAR)
    function = find_node(root, "function", "name").value  # names a race without a file
    name = file.name or name_from_stem(function if isinstance(function, str) else "")
    race: Race = finished(_race(root, name, problems), problems)
    return race


# Short forms.


def expand_race(root: Node) -> Node:
    """The tree in full form; what is neither short nor full stays as it is."""
    runs = (root.entries or {}).get("runs")
    if runs is not None and runs.items is not None:
        root = root.with_entry("runs", Node([*map(_full_run, runs.items)], runs.place))
    return expand(root, Race)


def _full_run(item: Node) -> Node:
    """An entry of `runs` with a key for its optimizer: {adam: 0.1}, {adam: {lr: 0.1}} or adam."""
    keys = list(item.entries or {})
    if isinstance(item.value, str) or (len(keys) == 1 and keys[0] in OPTIMIZER.members):
        return Node({"optimizer": item}, item.place, {"optimizer": item.place})
    return item


# Every short name changes all runs; `runs.0.optimizer.lr` changes the first.
GRAMMAR = Grammar(
    schema=Race,
    aliases={
        "lr": "runs.*.optimizer.lr",
        "learning_rate": "runs.*.optimizer.lr",
        "momentum": "runs.*.optimizer.momentum",
        "steps": "runs.*.steps",
    },
    expand=expand_race,
)


# From the full form to a Race.


def _race(root: Node, stem: str, problems: Problems) -> Race | None:
    """The race that a full tree describes; None where a problem was noted."""
    before = len(problems)
    root = with_missing(root, "name", stem)
    runs = (root.entries or {}).get("runs")
    if runs is not None and runs.items:
        items = [_readable_run(item, i, problems) for i, item in enumerate(runs.items)]
        root = root.with_entry("runs", Node(items, runs.place))
    function = LANDSCAPE.members.get(str(find_node(root, "function", "name").value))
    if function is not None:
        root = with_missing(root, "start", [Node(x, root.place) for x in function.start])
    values = build_fields(Race, root, problems)
    _check_names(values.get("runs", ()), root, problems)
    if len(values) < len(hints(Race)) or len(problems) > before:
        return None
    race = Race(**values | {"runs": with_names(values["runs"])})
    _check_starts(race, root, problems)
    return race


def _readable_run(node: Node, index: int, problems: Problems) -> Node:
    """The run; BAD for {adam: 0.1, weight_decay: 0.01}, after noting how to write it."""
    own = hints(Runner)
    unknown = {key: part for key, part in (node.entries or {}).items() if key not in own}
    if not names_member(unknown, OPTIMIZER):
        return node
    hint = rewritten(Node(unknown, node.place), OPTIMIZER, f"runs.{index}.optimizer")
    problems.add(node.place, f"runs.{index} names no optimizer.", ", ".join(own), hint)
    return Node(BAD, node.place)


def _check_names(runs: Sequence[Runner], root: Node, problems: Problems) -> None:
    """Note each name that two runs have."""
    names = [run.name for run in runs]
    for index, name in enumerate(names):
        if name and name in names[:index]:
            place = find_node(root, "runs", index, "name").place
            problems.add(
                place, f"runs.{index}.name: {shown_value(name)} is the name of another run."
            )


def _check_starts(race: Race, root: Node, problems: Problems) -> None:
    """Note each start where the function or its gradient is not finite."""
    for index, runner in enumerate(race.runs):
        x, y = np.array(race.start_of(runner), np.float64)
        with np.errstate(all="ignore"):
            numbers = [race.function.value(x, y), *race.function.gradient(x, y)]
        if not np.isfinite(numbers).all():
            own = ("runs", index, "start") if runner.start is not None else ("start",)
            name = LANDSCAPE.name_of(race.function)
            sentence = f"{name} or its gradient is not finite at ({x:g}, {y:g})."
            problems.add(find_node(root, *own).place, sentence, "a start nearer to 0")


# Names of runs.


def with_names(runs: Sequence[Runner]) -> tuple[Runner, ...]:
    """All runs with names that differ; a name from the config stays."""
    alike = Counter(run_label(run) for run in runs)
    taken = {run.name for run in runs}
    named: list[Runner] = []
    for run in runs:
        name = run.name or _unused_name(run_label(run, alike[run_label(run)] > 1), taken)
        taken.add(name)
        named.append(replace(run, name=name))
    return tuple(named)


def run_label(run: Runner, with_start: bool = False) -> str:
    """sgd lr 0.2, exponential gamma 0.8; `with_start` adds the run's own start."""
    parts = [member_words(OPTIMIZER, run.optimizer)]
    if (schedule := member_words(SCHEDULE, run.schedule)) != "constant":
        parts.append(schedule)
    if with_start and run.start is not None:
        parts.append(f"from ({run.start[0]:g}, {run.start[1]:g})")
    return ", ".join(parts)


def member_words(family: Family, member: Any) -> str:
    """A member's name, its rate, and its settings that differ from their defaults."""
    texts = [family.name_of(member)]
    for setting in fields(member):
        value = getattr(member, setting.name)
        if value is True and field_default(setting) is not True:
            texts.append(setting.name)
        elif setting.name == "lr" or value != field_default(setting):
            number = f"{value:g}" if isinstance(value, float) else value
            texts.append(f"{setting.name} {number}")
    return " ".join(texts)


def _unused_name(name: str, taken: set[str]) -> str:
    """The name, followed by the first free number if it is taken."""
    name = name if len(name) <= LONGEST else f"{name[: LONGEST - 3]}..."
    names = (f"{name} ({number})" if number > 1 else name for number in count(1))
    return next(free for free in names if free not in taken)
