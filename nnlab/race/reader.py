"""A YAML text to a checked Race, and a Race to YAML.

It uses the machinery for the config of a training, with these short forms of its own:

function: himmelblau       -> {name: himmelblau}
function: {quadratic: 50}  -> {name: quadratic, condition: 50}
runs: [{sgd: 0.1}]         -> [{optimizer: {name: sgd, lr: 0.1}, schedule: {name: constant}}]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nnlab.config.construct import name_of
from nnlab.config.dump import settings_of, to_yaml
from nnlab.config.expand import member
from nnlab.config.families import OPTIMIZER, SCHEDULE
from nnlab.config.files import checked, decode, read_bytes
from nnlab.config.hints import hints
from nnlab.config.kinds import refuse_other_kind
from nnlab.config.locate import locate
from nnlab.config.names import name_from_stem
from nnlab.config.overrides import Grammar, Override, apply, settings
from nnlab.config.problems import Problems, show
from nnlab.config.reader import read
from nnlab.config.reshape import UnfitError
from nnlab.config.rewrite import names_member, rewritten
from nnlab.config.settings import RefusedError, Settings
from nnlab.config.tree import BAD, Node, Source, find, plain
from nnlab.race.config import KEYS, LANDSCAPE, MOST_RUNS, Pair, Race, Runner, with_names

PARTS = {"optimizer": OPTIMIZER, "schedule": SCHEDULE}
FIELDS = tuple(hints(Runner))
# Settings of a run that somebody may write at the top.
HOMES = {
    **{key: f"runs.0.{key}" for key in ("optimizer", "schedule", "steps")},
    **{key: f"runs.0.optimizer.{key}" for key in ("lr", "momentum")},
}


@dataclass(frozen=True)
class LoadedRace:
    """A race, and the file's content byte for byte."""

    race: Race
    text: bytes


def load_race(config: str | Path, overrides: Sequence[Override] = ()) -> LoadedRace:
    """Read a file, or the shipped config of that name, with the overrides applied.

    Raises ConfigError with all mistakes.
    """
    path = locate(config)
    data = read_bytes(path)
    source = decode(data, str(path), path.resolve().parent)
    return LoadedRace(_finish(source, overrides, path.stem, str(config)), data)


def parse_race(
    text: str, filename: str = "config.yaml", overrides: Sequence[Override] = ()
) -> Race:
    """The race in a text; messages call the text `filename`."""
    path = Path(filename)
    source = checked(Source(filename, text, path.absolute().parent))
    return _finish(source, overrides, path.stem, filename)


def dump_race(race: Race) -> str:
    """The text of resolved.yaml, all defaults written out; reading it gives an equal race."""
    return to_yaml(race_mapping(race))


def race_mapping(race: Race) -> dict[str, Any]:
    """The same as nested dicts, lists and scalars."""
    function = {"name": LANDSCAPE.name_of(race.function), **settings_of(race.function)}
    runs = [settings_of(run) for run in race.runs]
    return {**settings_of(race), "function": function, "runs": runs}


def _finish(source: Source, overrides: Sequence[Override], stem: str, shown: str) -> Race:
    problems = Problems()
    root = read(source, problems)
    refuse_other_kind(root, shown, "descend")
    changes = settings(overrides, Path.cwd(), problems)
    root = apply(expand(root), changes, problems, [], GRAMMAR)
    race = _race(root, Settings(problems, HOMES), name_from_stem(stem))
    problems.raise_any()
    assert race is not None  # else there is a problem
    return race


# Short forms.


def expand(root: Node) -> Node:
    """The tree in full form; what is neither short nor full stays as it is."""
    entries = root.entries or {}
    if "function" in entries:
        chosen = member(entries["function"], LANDSCAPE)
        root = root.with_entry("function", chosen, root.key_place("function"))
    runs = entries.get("runs")
    if runs is not None and runs.items is not None:
        full = Node([_full_run(item) for item in runs.items], runs.place)
        root = root.with_entry("runs", full, root.key_place("runs"))
    return root


def _full_run(item: Node) -> Node:
    """An entry of `runs` with its optimizer and its schedule spelled out."""
    keys = list(item.entries or {})
    alone = len(keys) == 1 and keys[0] in OPTIMIZER.members  # {adam: 0.1} or {adam: {lr: 0.1}}
    if alone or isinstance(item.value, str):
        item = Node({"optimizer": item}, item.place, {"optimizer": item.place})
    if not item.entries:
        return item
    for key, family in PARTS.items():
        if key in item.entries:
            item = item.with_entry(key, member(item.entries[key], family), item.key_place(key))
        else:
            chosen = Node({"name": Node(family.default, item.place)}, item.place)
            item = item.with_entry(key, chosen, item.place)
    return item


def every(*path: str) -> Callable[[Node, Node], Node]:
    """A change of one setting in all runs."""

    def change(root: Node, value: Node) -> Node:
        runs = (root.entries or {}).get("runs")
        if runs is None or not runs.items:
            raise UnfitError("the config has no runs to change.")
        items = [_put(item, path, value) for item in runs.items]
        return root.with_entry("runs", Node(items, runs.place), root.key_place("runs"))

    return change


def _put(node: Node, path: tuple[str, ...], value: Node) -> Node:
    if not path:
        return value
    if node.entries is None:  # a mistake that has a message already
        return node
    below = node.entries.get(path[0], Node({}, node.place))
    return node.with_entry(path[0], _put(below, path[1:], value), value.place)


GRAMMAR = Grammar(
    keys=KEYS,
    aliases={},
    reshapers={
        "lr": every("optimizer", "lr"),
        "learning_rate": every("optimizer", "lr"),
        "momentum": every("optimizer", "momentum"),
        "steps": every("steps"),
    },
    families={**PARTS, "function": LANDSCAPE},
    swapped={},
    expand=expand,
    homes={},
)
"""Every short name changes all runs; `runs.0.optimizer.lr` changes the first."""


# From the full form to objects. What does not fit is noted, and refused where it stands.


def _race(root: Node, read: Settings, stem: str) -> Race | None:
    """The race that a full tree describes; None where a problem was noted."""
    before = len(read.problems.found)
    entries = read.attempt(read.mapping, root, "the config", KEYS)
    if entries is None:
        return None
    for key in ("function", "runs"):
        if key not in entries:
            read.problems.add(root.place, f"the key '{key}' is missing.")

    def part(key: str, build: Callable[..., Any], *first: Any) -> Any:
        return read.attempt(build, *first, entries[key], key) if key in entries else None

    name = read.attempt(name_of, read, entries.get("name"), stem)
    function = part("function", read.member, LANDSCAPE)
    start = part("start", _start, read)
    runs = part("runs", _runs, read)
    if function is None or runs is None or name is None or len(read.problems.found) > before:
        return None
    race = Race(name=name, function=function, start=start or function.start, runs=with_names(runs))
    _check_starts(race, root, read.problems)
    return race


def _start(read: Settings, node: Node, path: str) -> tuple[float, ...]:
    if node.value is BAD:
        raise RefusedError
    if node.items is None or len(node.items) != 2:
        shown = f"a list of {len(node.items)}" if node.items else show(plain(node))
        read.refuse(node, f"{path} is {shown}.", "two numbers, [x, y]")
    pair: tuple[float, ...] = read.value(Pair, node, path)
    return pair


def _runs(read: Settings, node: Node, path: str) -> list[Runner]:
    if node.value is BAD:
        raise RefusedError
    if not node.items:
        shown = "empty" if node.value is None else show(node.value)
        example = "a list of runs, such as [{sgd: 0.1}, {adam: 0.5}]"
        read.refuse(node, f"{path} is {shown}.", example)
    if len(node.items) > MOST_RUNS:
        read.refuse(node, f"{path} has {len(node.items)} entries.", f"1 to {MOST_RUNS}")
    attempts = [
        read.attempt(_runner, read, item, f"{path}.{index}")
        for index, item in enumerate(node.items)
    ]
    runs = [run for run in attempts if run is not None]
    if len(runs) < len(attempts):
        raise RefusedError
    for index, run in enumerate(runs):
        if run.name and any(run.name == before.name for before in runs[:index]):
            place = (node.items[index].entries or {})["name"].place
            sentence = f"{path}.{index}.name: {show(run.name)} is the name of another run."
            read.problems.add(place, sentence)
    return runs


def _runner(read: Settings, node: Node, path: str) -> Runner:
    unknown = {key: part for key, part in (node.entries or {}).items() if key not in FIELDS}
    if names_member(unknown, OPTIMIZER):  # {adam: 0.1, weight_decay: 0.01}
        hint = rewritten(Node(unknown, node.place), OPTIMIZER, f"{path}.optimizer")
        read.refuse(node, f"{path} names no optimizer.", ", ".join(FIELDS), hint)
    start = read.mapping(node, path, FIELDS).get("start", Node(None, node.place))
    if start.value is not None and read.attempt(_start, read, start, f"{path}.start") is None:
        node = node.with_entry("start", Node(BAD, start.place))  # noted; the rest is still read
    runner: Runner = read.build(Runner, node, path, path)
    return runner


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
            problems.add(find(root, *own).place, sentence, "a start nearer to 0")
