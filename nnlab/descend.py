"""Optimizers on a function of two numbers: one race, one finished run folder.

result = descend(load_race("landscape"), Path("runs"))
result.folder, result.descents, result.summary

A race takes a few seconds at most, so it is run whole and never resumed.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from nnlab.config.families import LANDSCAPE
from nnlab.config.names import name_problem
from nnlab.config.race.load import LoadedRace, dump_race, load_race
from nnlab.config.race.schema import Race, Runner
from nnlab.core.landscapes import Landscape, Point
from nnlab.core.optimizers import bind
from nnlab.core.schedules import Patience, Plateau
from nnlab.core.types import FloatArray
from nnlab.errors import ConfigError, NnlabError
from nnlab.experiment.signals import Terminated
from nnlab.run import environment
from nnlab.run.environment import now
from nnlab.run.folder import RACE, RESOLVED, RunFolder
from nnlab.run.text import plain


@dataclass(frozen=True)
class Stop:
    """Where a descent is after `step` steps; `lr` is the rate of the step that led there."""

    step: int
    x: float
    y: float
    value: float
    gradient_norm: float
    lr: float | None


@dataclass(frozen=True)
class Descent:
    """The way of one run: all its finite stops, the first of them its start.

    `diverged` is the step that led to a number that is not finite, None if none did.
    """

    runner: Runner
    stops: tuple[Stop, ...]
    diverged: int | None


@dataclass(frozen=True)
class Result:
    """A finished race, and its folder."""

    folder: RunFolder
    race: Race
    descents: tuple[Descent, ...]
    summary: dict[str, Any]
    status: str
    seconds: float


def walk(function: Landscape, start: Point, runner: Runner) -> Descent:
    """Let one optimizer go down from `start`, until its steps are done or the numbers blow up.

    Each step has the gradient of the function itself, so a step is an update and an epoch: t of
    the schedule counts steps from 0, and a plateau looks at the value after each.
    """
    optimizer, schedule, steps = runner.optimizer, runner.schedule, runner.steps
    theta = np.array(start, np.float64)
    slots = {name: np.zeros_like(theta) for name in optimizer.slots}
    o = bind(optimizer, theta, theta.size, slots, np.zeros_like(theta))
    patience = Patience()
    with np.errstate(all="ignore"):  # what is not finite ends the descent
        stop, gradient = look(function, theta, 0, None)
        stops = [stop]
        for t in range(steps):
            rate = schedule.rate(t, optimizer.lr, steps)
            if isinstance(schedule, Plateau):
                rate = schedule.lowered(rate, patience)
            o.g[...] = gradient
            if optimizer.shapes_gradient:
                optimizer.shape_gradient(o)
            optimizer.update(o, rate, t + 1)
            stop, gradient = look(function, theta, t + 1, rate)
            if not np.isfinite([stop.x, stop.y, stop.value, stop.gradient_norm]).all():
                return Descent(runner, tuple(stops), diverged=t + 1)
            stops.append(stop)
            if isinstance(schedule, Plateau):
                patience = schedule.observe(patience, stop.value, higher_is_better=False)
    return Descent(runner, tuple(stops), diverged=None)


def look(
    function: Landscape, theta: FloatArray, step: int, lr: float | None
) -> tuple[Stop, tuple[Any, Any]]:
    """What there is to say of a point, and the gradient there."""
    x, y = theta
    gradient = function.gradient(x, y)
    value, norm = float(function.value(x, y)), float(np.hypot(*gradient))
    return Stop(step, float(x), float(y), value, norm, lr), gradient


def descend(
    loaded: LoadedRace,
    parent: Path,
    *,
    name: str | None = None,
    argv: Sequence[str] | None = None,
) -> Result:
    """Run a race in a new folder in `parent`.

    A descent that diverges leaves the others alone; the status is `diverged` if all did. Raises
    ConfigError for a name that cannot be used, StorageError.
    """
    if name is not None and (problem := name_problem(name)):
        raise ConfigError(f"--name: {problem}")
    race = replace(loaded.race, name=name) if name else loaded.race
    about = described(race, environment.describe(argv))
    folder = RunFolder.create(parent, race.name)
    began = perf_counter()
    with folder.lock():
        folder.write_config(loaded.text)
        folder.write_resolved(dump_race(race))
        folder.write_run(about)
        with told_if_it_fails(folder):
            descents = tuple(walk(race.function, race.start_of(one), one) for one in race.runs)
            folder.append_paths(rows(descents), sync=True)
            summary = summarize(race.function, descents)
            folder.write_summary(summary)
            status = "diverged" if all(one.diverged for one in descents) else "completed"
            seconds = perf_counter() - began
            folder.update_status(status, ended=now(), seconds=seconds)
    return Result(folder, race, descents, summary, status, seconds)


@contextmanager
def told_if_it_fails(folder: RunFolder) -> Iterator[None]:
    """What goes wrong inside is written into run.json, if it can be."""
    try:
        yield
    except BaseException as error:
        ended = isinstance(error, KeyboardInterrupt | Terminated)
        status, text = "interrupted" if ended else "failed", f"{type(error).__name__}: {error}"
        with suppress(NnlabError):
            folder.update_status(status, ended=now(), error=text)
        raise


def described(race: Race, machine: dict[str, Any]) -> dict[str, Any]:
    """The beginning of run.json."""
    return {
        "format": 1,
        "kind": RACE,
        "status": "running",
        "name": race.name,
        "function": LANDSCAPE.name_of(race.function),
        "started": now(),
        "ended": None,
        "seconds": None,
        **machine,
    }


def rows(descents: Sequence[Descent]) -> list[dict[str, Any]]:
    """paths.csv: a row for each stop of each run; runs are numbered from 0, as in the config."""
    return [
        {"run": number, **asdict(stop)}
        for number, descent in enumerate(descents)
        for stop in descent.stops
    ]


def summarize(function: Landscape, descents: Sequence[Descent]) -> dict[str, Any]:
    """summary.json: where each run ended, its lowest value, and the minimum that is nearest."""
    return {"lowest": function.lowest, "runs": [ended(function, one) for one in descents]}


def ended(function: Landscape, descent: Descent) -> dict[str, Any]:
    """The end of one run."""
    last = descent.stops[-1]
    best = min(descent.stops, key=lambda stop: stop.value)
    nearest = function.nearest(last.x, last.y)
    minimum = None
    if nearest is not None:
        distance = float(np.hypot(last.x - nearest[0], last.y - nearest[1]))
        value = float(function.value(*nearest))
        minimum = {"x": nearest[0], "y": nearest[1], "value": value, "distance": distance}
    return {
        "name": descent.runner.name,
        "diverged": descent.diverged,
        "final": asdict(last),
        "best": {"step": best.step, "value": best.value},
        "minimum": minimum,
    }


def differences(folder: RunFolder) -> list[str]:
    """Runs a race again and says what in its folder is not the same, bit for bit.

    Raises ConfigError or RunUnreadable for what cannot be read.
    """
    race = load_race(folder.path / RESOLVED).race
    descents = tuple(walk(race.function, race.start_of(one), one) for one in race.runs)
    found, table = [], folder.read_paths(strict=True)
    wanted = rows(descents)
    if len(table["run"]) != len(wanted):
        found.append(f"paths.csv has {len(table['run']):,} rows, and {len(wanted):,} came out now")
    for number, row in enumerate(wanted[: len(table["run"])]):
        wrong = [name for name, value in row.items() if not same(table[name][number], value)]
        if wrong:
            found.append(f"{wrong[0]} in row {number + 2:,} of paths.csv came out otherwise")
            break
    if folder.read_summary() != plain(summarize(race.function, descents)):
        found.append("summary.json does not say what came out")
    return found


def same(cell: Any, value: float | None) -> bool:
    """Whether a cell that was read holds this number; None is an empty one."""
    return bool(np.isnan(cell)) if value is None else bool(cell == value)
