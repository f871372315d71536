"""What a race holds once it is checked: frozen dataclasses, all defaults filled in."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Annotated

from annotated_types import Ge, Le, Len

from nnlab.core.landscapes import Landscape, Point
from nnlab.core.optimizers import Optimizer
from nnlab.core.schedules import Constant, Schedule

MOST_STEPS = 10_000
MOST_RUNS = 20  # more paths in one picture than anybody can tell apart

Pair = Annotated[tuple[float, ...], Len(2, 2)]


@dataclass(frozen=True, kw_only=True)
class Runner:
    """One of those that race.

    name: what tables and figures call it; by default its optimizer and schedule in words.
    optimizer: how a gradient changes the point. x and y count as weights, so weight_decay and l1
    pull both towards 0.
    schedule: how the learning rate changes; its time counts steps, whatever `per` says.
    steps: how many it makes.
    start: where it begins, if not where the others do.
    """

    name: Annotated[str, Len(1, 60)] = ""
    optimizer: Optimizer
    schedule: Schedule = field(default_factory=Constant)
    steps: Annotated[int, Ge(1), Le(MOST_STEPS)] = 100
    start: Pair | None = None


@dataclass(frozen=True, kw_only=True)
class Race:
    """Optimizers on a function of two numbers.

    name: becomes part of the run folder's name; by default the name of the file.
    function: what is made small.
    start: where all runs begin, [x, y]; by default where one usually begins on the function.
    runs: those that race, at most 20.
    """

    name: str
    function: Landscape
    start: Pair
    runs: tuple[Runner, ...]

    def start_of(self, runner: Runner) -> Point:
        """Where this one begins."""
        x, y = self.start if runner.start is None else runner.start
        return x, y


KEYS = tuple(one.name for one in fields(Race))
