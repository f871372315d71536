"""What is not the same in several runs: settings, environment, and the epoch where curves part."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nnlab.core import columns
from nnlab.run.records import Column
from nnlab.run.settings import dotted
from nnlab.study.facts import Facts


class Missing:
    """Stands for a setting that a run does not have: another optimizer's, say."""

    def __repr__(self) -> str:
        return "-"


MISSING = Missing()


def setting_rows(runs: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Dotted key -> the value in each run (MISSING where it has none), for those that differ.

    The named studies of a config do not touch the run. Networks whose layers are of other kinds
    are one row, `network`: place by place, their settings have nothing to do with each other.
    """
    flat = [dotted(_comparable(run)) for run in runs]
    if all(map(_data_seed_follows, flat)):  # its default: the row above says it already
        flat = [{k: v for k, v in one.items() if k != "data.seed"} for one in flat]
    if len({_kinds(run) for run in runs}) > 1:
        flat = [
            {k: v for k, v in one.items() if not k.startswith("network.")}
            | {"network": in_words(run.get("network"))}
            for one, run in zip(flat, runs, strict=True)
        ]
    keys = sorted({key for one in flat for key in one}, key=_place([list(one) for one in flat]))
    rows = {key: [one.get(key, MISSING) for one in flat] for key in keys}
    return {key: row for key, row in rows.items() if not _all_equal(row)}


def environment_rows(runs: Sequence[Facts]) -> dict[str, list[str | None]]:
    """What decides about the last bits, and the commit, for those that differ."""
    names = list(dict.fromkeys(name for run in runs for name in run.environment))
    rows = {name: [run.environment.get(name) for run in runs] for name in names}
    return {name: row for name, row in rows.items() if not _all_equal(row)}


def parting(first: Mapping[str, Column], second: Mapping[str, Column]) -> int | None:
    """The first epoch in which a loss or metric that both have differs by a bit.

    None when they agree as far as both go. nan is equal to nan. `seconds`, and the plan (epoch,
    step, lr), are no part of the curves.
    """
    shared = [k for k in first if k in second and columns.split(k)[0]]
    apart: list[int] = []
    for name in shared:
        a, b = (np.asarray(table[name]) for table in (first, second))
        rows = min(len(a), len(b))
        a, b = a[:rows], b[:rows]
        differs = (a != b) & ~((a != a) & (b != b))
        if differs.any():
            apart.append(int(np.argmax(differs)))
    if not apart:
        return None
    row, epochs = min(apart), first.get("epoch")
    return row if epochs is None else int(epochs[row])


def shared_epochs(first: Mapping[str, Column], second: Mapping[str, Column]) -> int:
    """The last epoch that both have; -1 when one has none."""
    return min(len(table.get("epoch", ())) for table in (first, second)) - 1


def in_words(network: Any) -> str:
    """The layers in a line: dense 3, sigmoid, dense 1, sigmoid."""
    if not isinstance(network, list):
        return str(network)
    return ", ".join(_layer(one) for one in network)


def _layer(layer: Any) -> str:
    if not isinstance(layer, Mapping):
        return str(layer)
    name, *rest = layer.values()
    main = rest[0] if rest and not isinstance(rest[0], bool | Mapping | list) else None
    return str(name) if main is None else f"{name} {main}"


def _comparable(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key != "sweeps"}


def _data_seed_follows(run: Mapping[str, Any]) -> bool:
    return run.get("seed") is not None and run.get("data.seed") == run["seed"]


def _kinds(settings: Mapping[str, Any]) -> tuple[Any, ...]:
    layers = settings.get("network")
    if not isinstance(layers, list):
        return ()
    return tuple(one.get("name") if isinstance(one, Mapping) else one for one in layers)


def _place(orders: Sequence[list[str]]) -> Any:
    """A sort key: where a name stands in the first config that has it."""
    place: dict[str, tuple[str, int]] = {}
    tops = list(dict.fromkeys(name.split(".")[0] for order in orders for name in order))
    for order in orders:
        for index, name in enumerate(order):
            place.setdefault(name, (name.split(".")[0], index))
    return lambda name: (tops.index(place[name][0]), place[name][1])


def _all_equal(row: Sequence[Any]) -> bool:
    """1 and 1.0 and true are three values: a config means something else by each."""
    return all(type(value) is type(row[0]) and value == row[0] for value in row)
