"""From a tree in full form to a Race: every key known, every value allowed, or a problem noted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnlab.config.construct import name_of
from nnlab.config.families import LANDSCAPE, OPTIMIZER
from nnlab.config.hints import hints
from nnlab.config.problems import Problems, show
from nnlab.config.race.labels import named
from nnlab.config.race.schema import KEYS, MOST_RUNS, Pair, Race, Runner
from nnlab.config.rewrite import names_member, rewritten
from nnlab.config.settings import RefusedError, Settings
from nnlab.config.tree import BAD, Node, find, plain

# Where a setting belongs that stands elsewhere.
HOMES = {
    "optimizer": "runs.0.optimizer",
    "schedule": "runs.0.schedule",
    "steps": "runs.0.steps",
    "lr": "runs.0.optimizer.lr",
    "momentum": "runs.0.optimizer.momentum",
}

FIELDS = tuple(hints(Runner))
PAIR = "two numbers, [x, y]"


def construct(root: Node, problems: Problems, name: str) -> Race | None:
    """The race that a full tree describes; None where a problem was noted.

    `name` is the race's if the tree gives none.
    """
    settings = Settings(problems, HOMES)
    try:
        entries = settings.mapping(root, "the config", KEYS)
    except RefusedError:
        return None
    return _Builder(settings, problems, entries, root).race(name)


@dataclass(frozen=True)
class _Builder:
    settings: Settings
    problems: Problems
    entries: Mapping[str, Node]
    root: Node

    def race(self, stem: str) -> Race | None:
        """Each part is looked at, whatever is wrong with the others."""
        for key in ("function", "runs"):
            if key not in self.entries:
                self.problems.add(self.root.place, f"the key '{key}' is missing.")
        before = len(self.problems.found)
        read, entries = self.settings, self.entries
        name = read.attempt(name_of, read, entries.get("name"), stem)
        function = self._one("function", read.member, LANDSCAPE)
        start = self._one("start", self._start)
        runs = self._one("runs", self._runs)
        if function is None or runs is None or name is None or len(self.problems.found) > before:
            return None
        race = Race(name=name, function=function, start=start or function.start, runs=named(runs))
        self._finite_starts(race)
        return race

    def _one(self, key: str, build: Any, *before: Any) -> Any:
        """The part of one key, or None."""
        if key not in self.entries:
            return None
        return self.settings.attempt(build, *before, self.entries[key], key)

    def _start(self, node: Node, path: str) -> tuple[float, ...]:
        if node.value is BAD:
            raise RefusedError
        if node.items is None or len(node.items) != 2:
            found = show(plain(node)) if not node.items else f"a list of {len(node.items)}"
            self.settings.refuse(node, f"{path} is {found}.", PAIR)
        pair: tuple[float, ...] = self.settings.value(Pair, node, path)
        return pair

    def _runs(self, node: Node, path: str) -> list[Runner]:
        if node.value is BAD:
            raise RefusedError
        if not node.items:
            found = "empty" if node.value is None else show(node.value)
            example = "a list of runs, such as [{sgd: 0.1}, {adam: 0.5}]"
            self.settings.refuse(node, f"{path} is {found}.", example)
        if len(node.items) > MOST_RUNS:
            self.settings.refuse(
                node, f"{path} has {len(node.items)} entries.", f"1 to {MOST_RUNS}"
            )
        runs = [
            self.settings.attempt(self._runner, item, f"{path}.{index}")
            for index, item in enumerate(node.items)
        ]
        found_all = [run for run in runs if run is not None]
        if len(found_all) < len(runs):
            raise RefusedError
        self._different_names(found_all)
        return found_all

    def _runner(self, node: Node, path: str) -> Runner:
        others = {key: part for key, part in (node.entries or {}).items() if key not in FIELDS}
        if names_member(others, OPTIMIZER):  # {adam: 0.1, weight_decay: 0.01}
            hint = rewritten(Node(others, node.place), OPTIMIZER, f"{path}.optimizer")
            self.settings.refuse(node, f"{path} names no optimizer.", ", ".join(FIELDS), hint)
        entries = self.settings.mapping(node, path, FIELDS)
        start, attempt = entries.get("start", Node(None, node.place)), self.settings.attempt
        if start.value is not None and attempt(self._start, start, f"{path}.start") is None:
            node = node.with_entry("start", Node(BAD, start.place))  # told; the rest goes on
        runner: Runner = self.settings.build(Runner, node, path, path)
        return runner

    def _different_names(self, runs: list[Runner]) -> None:
        for index, run in enumerate(runs):
            if run.name and any(run.name == other.name for other in runs[:index]):
                place = find(self.root, "runs", index, "name").place
                sentence = f"runs.{index}.name: {show(run.name)} is the name of another run."
                self.problems.add(place, sentence)

    def _finite_starts(self, race: Race) -> None:
        """The function and its slope must be numbers where a run begins."""
        for index, runner in enumerate(race.runs):
            x, y = np.array(race.start_of(runner), np.float64)
            with np.errstate(all="ignore"):
                numbers = [race.function.value(x, y), *race.function.gradient(x, y)]
            if not np.isfinite(numbers).all():
                own = ("runs", index, "start") if runner.start is not None else ("start",)
                name = LANDSCAPE.name_of(race.function)
                sentence = f"{name} or its gradient is not finite at ({x:g}, {y:g})."
                self.problems.add(find(self.root, *own).place, sentence, "a start nearer to 0")
