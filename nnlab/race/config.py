"""The settings of a race: frozen dataclasses with all defaults filled in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Annotated, Any

from annotated_types import Ge, Le, Len

from nnlab.config.families import OPTIMIZER, SCHEDULE, Family
from nnlab.config.hints import default
from nnlab.core.optimizers import Optimizer
from nnlab.core.schedules import ConstantSchedule, Schedule
from nnlab.race.landscapes import LANDSCAPES, Landscape, Point

LANDSCAPE = Family("function", LANDSCAPES)
MOST_STEPS = 10_000
MOST_RUNS = 20  # more paths than a reader can tell apart in one figure
LONGEST = 50  # characters of a generated name, without its number

Pair = Annotated[tuple[float, ...], Len(2, 2)]


@dataclass(frozen=True, kw_only=True)
class Runner:
    """One run of a race.

    name: its name in tables and figures; by default its optimizer and schedule in words.
    optimizer: how a gradient changes the point. x and y count as weights, so weight_decay and l1
    pull both towards 0.
    schedule: how the learning rate changes; its time counts steps, whatever `per` says.
    steps: the number of steps.
    start: its own start, if it differs from the start of the race.
    """

    name: Annotated[str, Len(1, 60)] = ""
    optimizer: Optimizer
    schedule: Schedule = field(default_factory=ConstantSchedule)
    steps: Annotated[int, Ge(1), Le(MOST_STEPS)] = 100
    start: Pair | None = None


@dataclass(frozen=True, kw_only=True)
class Race:
    """Optimizers on a function of two numbers.

    name: becomes part of the run folder's name; by default the name of the file.
    function: the function to minimize.
    start: where all runs begin, [x, y]; by default the usual start of the function.
    runs: the runs, at most 20.
    """

    name: str
    function: Landscape
    start: Pair
    runs: tuple[Runner, ...]

    def start_of(self, runner: Runner) -> Point:
        """The point where a run begins."""
        x, y = self.start if runner.start is None else runner.start
        return x, y


KEYS = tuple(key.name for key in fields(Race))


def with_names(runs: Sequence[Runner]) -> tuple[Runner, ...]:
    """All runs with names that differ; a name from the config stays."""
    alike = Counter(label(run) for run in runs)
    taken = {run.name for run in runs}
    named: list[Runner] = []
    for run in runs:
        name = run.name or unused(label(run, alike[label(run)] > 1), taken)
        taken.add(name)
        named.append(replace(run, name=name))
    return tuple(named)


def label(run: Runner, with_start: bool = False) -> str:
    """sgd lr 0.2, exponential gamma 0.8; `with_start` adds the run's own start."""
    parts = [words(OPTIMIZER, run.optimizer)]
    if (schedule := words(SCHEDULE, run.schedule)) != "constant":
        parts.append(schedule)
    if with_start and run.start is not None:
        parts.append(f"from ({run.start[0]:g}, {run.start[1]:g})")
    return ", ".join(parts)


def words(family: Family, member: Any) -> str:
    """A member's name, its rate, and its settings that differ from their defaults."""
    texts = [family.name_of(member)]
    for setting in fields(member):
        value = getattr(member, setting.name)
        if value is True and default(setting) is not True:
            texts.append(setting.name)
        elif setting.name == "lr" or value != default(setting):
            number = f"{value:g}" if isinstance(value, float) else value
            texts.append(f"{setting.name} {number}")
    return " ".join(texts)


def unused(name: str, taken: set[str]) -> str:
    """The name, with the first free number behind it where it is taken."""
    name = name if len(name) <= LONGEST else f"{name[: LONGEST - 3]}..."
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name} ({number})"
    return free
