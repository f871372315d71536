"""Run a race: every optimizer from its start to its last step, and one run folder.

result = run_race(load_race("landscape"), Path("runs"))
result.folder, result.descents, result.summary

A race takes a few seconds at most, so it runs as a whole and cannot be resumed.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from nnlab.config.files import require_name
from nnlab.core.optimizers import bind
from nnlab.core.schedules import Patience, Plateau
from nnlab.core.types import FloatArray
from nnlab.experiment import describe
from nnlab.race.config import LANDSCAPE, LoadedRace, Race, Runner, dump_race, load_race
from nnlab.race.folder import KIND, read_paths
from nnlab.race.landscapes import Landscape, Point
from nnlab.run import environment, records
from nnlab.run.folder import CONFIG, PATHS, RESOLVED, RUN, SUMMARY, RunFolder
from nnlab.run.text import json_value


@dataclass(frozen=True)
class Stop:
    """The point after `step` steps; `lr` is the learning rate of the last step."""

    step: int
    x: float
    y: float
    value: float
    gradient_norm: float
    lr: float | None


@dataclass(frozen=True)
class Descent:
    """The finite stops of a run from its start on.

    `diverged` is the step after which a number was not finite, else None.
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
    """Run one optimizer from `start` until its steps are done or a number is not finite.

    Each step uses the exact gradient, so a step is an update and an epoch: t of the schedule
    counts steps from 0, and a plateau schedule sees the value after each step.
    """
    optimizer, schedule, steps = runner.optimizer, runner.schedule, runner.steps
    theta = np.array(start, np.float64)
    o = bind(optimizer, theta, theta.size, optimizer.new_slots(theta), np.zeros_like(theta))
    patience = Patience()
    with np.errstate(all="ignore"):  # a number that is not finite ends the descent
        stop, gradient = examine(function, theta, 0, None)
        stops = [stop]
        for t in range(steps):
            rate = schedule.rate(t, optimizer.lr, steps)
            if isinstance(schedule, Plateau):
                rate = schedule.lowered(rate, patience)
            o.g[...], o.loss = gradient, stop.value
            if optimizer.shapes_gradient:
                optimizer.shape_gradient(o)
            optimizer.update(o, rate, t + 1)
            stop, gradient = examine(function, theta, t + 1, rate)
            if not np.isfinite([stop.x, stop.y, stop.value, stop.gradient_norm]).all():
                return Descent(runner, tuple(stops), diverged=t + 1)
            stops.append(stop)
            if isinstance(schedule, Plateau):
                patience = schedule.observe(patience, stop.value, higher_is_better=False)
    return Descent(runner, tuple(stops), diverged=None)


def examine(
    function: Landscape, theta: FloatArray, step: int, lr: float | None
) -> tuple[Stop, tuple[Any, Any]]:
    """The stop at a point, and the gradient there."""
    x, y = theta
    gradient = function.gradient(x, y)
    value, norm = float(function.value(x, y)), float(np.hypot(*gradient))
    return Stop(step, float(x), float(y), value, norm, lr), gradient


def run_race(loaded: LoadedRace, parent: Path, *, name: str | None = None) -> Result:
    """Run a race in a new folder in `parent`.

    A run that diverges does not end the others; the status is `diverged` if all runs diverged.
    Raises UsageError for an invalid name, StorageError.
    """
    require_name(name)
    race = replace(loaded.race, name=name) if name else loaded.race
    # Before the lock: this starts git, which would hold the lock for a moment after a kill.
    machine = environment.describe()
    function = LANDSCAPE.name_of(race.function)
    about = {"format": 1, "kind": KIND, "status": "running", "name": race.name}
    about |= {"function": function, "started": environment.now(), "ended": None}
    about |= {"seconds": None, **machine}
    folder = RunFolder.create(parent, race.name)
    began = perf_counter()
    with folder.lock():
        resolved = dump_race(race)
        folder.save_text(CONFIG, resolved if loaded.text is None else loaded.text)
        folder.save_text(RESOLVED, resolved)
        folder.write_json(RUN, about)
        try:
            descents = walk_all(race)
            records.append_rows(folder.path / PATHS, rows(descents), sync=True)
            summary = summarize(race.function, descents)
            folder.write_json(SUMMARY, summary)
            status = "diverged" if all(run.diverged for run in descents) else "completed"
            seconds = perf_counter() - began
            folder.update_status(status, ended=environment.now(), seconds=seconds)
        except BaseException as error:
            describe.record_failure(folder, error)
            raise
    return Result(folder, race, descents, summary, status, seconds)


def walk_all(race: Race) -> tuple[Descent, ...]:
    """The descents of all runs, in the order of the config."""
    return tuple(walk(race.function, race.start_of(run), run) for run in race.runs)


def rows(descents: Sequence[Descent]) -> list[dict[str, Any]]:
    """paths.csv: a row per stop of each run; runs are numbered from 0, as in the config."""
    return [
        {"run": number, **asdict(stop)}
        for number, descent in enumerate(descents)
        for stop in descent.stops
    ]


def summarize(function: Landscape, descents: Sequence[Descent]) -> dict[str, Any]:
    """summary.json: the end of each run, its lowest value, and the nearest minimum."""
    return {"lowest": function.lowest, "runs": [_end(function, run) for run in descents]}


def _end(function: Landscape, descent: Descent) -> dict[str, Any]:
    last = descent.stops[-1]
    best = min(descent.stops, key=lambda stop: stop.value)
    minimum = None
    if (nearest := function.nearest(last.x, last.y)) is not None:
        x, y = nearest
        distance, value = float(np.hypot(last.x - x, last.y - y)), float(function.value(x, y))
        minimum = {"x": x, "y": y, "value": value, "distance": distance}
    return {
        "name": descent.runner.name,
        "diverged": descent.diverged,
        "final": asdict(last),
        "best": {"step": best.step, "value": best.value},
        "minimum": minimum,
    }


def race_differences(folder: RunFolder) -> list[str]:
    """Run a race again; a sentence for each difference from its folder, bit for bit.

    Raises ConfigError or RunUnreadable for a file that cannot be read.
    """
    race = load_race(folder.config_path()).race
    descents = walk_all(race)
    problems, table, again = [], read_paths(folder, strict=True), rows(descents)
    count = len(table["run"])
    if count != len(again):
        problems.append(f"paths.csv has {count:,} rows, and {len(again):,} came out now")
    for number, row in enumerate(again[:count]):
        cells = {name: table[name][number] for name in row}
        wrong = [name for name in row if not records.same_cell(cells[name], row[name])]
        if wrong:
            problems.append(f"{wrong[0]} in row {number + 2:,} of paths.csv came out otherwise")
            break
    if folder.read_json(SUMMARY) != json_value(summarize(race.function, descents)):
        problems.append("summary.json does not say what came out")
    return problems
