"""The training state as arrays and plain values, for a checkpoint, and back."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from nnlab.core.schedules import Patience
from nnlab.core.types import Array
from nnlab.errors import RunUnreadable
from nnlab.run.text import json_value
from nnlab.status import Status
from nnlab.training import State

COUNTERS = ("epoch", "batch", "step", "improved")
FINITE = ("theta", "buffers", "best", "average")  # the others may overflow without harm
DENSE = 32  # epochs that are all hashed; after them four while the number doubles


def arrays(state: State) -> dict[str, Array]:
    """The state's own arrays by name."""
    found = {f"slot.{name}": slot for name, slot in state.slots.items()}
    found |= {"theta": state.network.theta, "buffers": state.network.buffers}
    found |= {"sums": state.sums, "best": state.best.values}
    if state.average is not None:
        found["average"] = state.average
    return found


def digest(state: State) -> str:
    """SHA-256 of what the next update starts from: parameters, average, buffers and slots."""
    total = hashlib.sha256()
    for name, array in sorted(arrays(state).items()):
        if name not in ("sums", "best"):
            total.update(f"{name} {array.dtype.str} {array.shape} ".encode())
            total.update(array.tobytes())
    return total.hexdigest()


def hashed_epochs(most: int) -> Iterator[int]:
    """The epochs after which the digest is kept, for `nnlab verify`: all up to 32, then rarer."""
    yield from range(min(most, DENSE) + 1)
    start = DENSE
    while start <= most:
        yield from range(start + start // 4, min(2 * start, most) + 1, start // 4)
        start *= 2


def freeze(state: State) -> tuple[dict[str, Array], dict[str, Any]]:
    """Everything in `state`: arrays by name, and what JSON can hold."""
    meta: dict[str, Any] = {name: getattr(state, name) for name in COUNTERS}
    meta |= {"lr": state.lr, "reference": state.reference, "status": state.status}
    meta["best"] = {"epoch": state.best.epoch, "value": state.best.value}
    meta["patience"] = state.patience._asdict()
    meta["generators"] = {
        str(index): rng.bit_generator.state for index, rng in state.generators.items()
    }
    return arrays(state), meta


def thaw(state: State, values: Mapping[str, Array], meta: Mapping[str, Any]) -> None:
    """Put what `freeze` gave into a state that was started from the same config.

    Raises RunUnreadable when it is not what `freeze` gives for this network.
    """
    try:
        _check(state, values, meta)
        for name, array in arrays(state).items():
            array[...] = values[name]
        for name in COUNTERS:
            setattr(state, name, meta[name])
        state.lr, state.reference = float(meta["lr"]), float(meta["reference"])
        state.status = Status.of(meta["status"])
        state.best.epoch = int(meta["best"]["epoch"])
        state.best.value = float(meta["best"]["value"])
        state.patience = _patience(meta["patience"])
        for index, rng in state.generators.items():
            rng.bit_generator.state = meta["generators"][str(index)]
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise RunUnreadable(
            f"The checkpoint does not fit the config beside it ({error}), so nothing can go on "
            "from it."
        ) from error


def _check(state: State, values: Mapping[str, Array], meta: Mapping[str, Any]) -> None:
    for name, array in arrays(state).items():
        found = values[name]
        if found.shape != array.shape or found.dtype != array.dtype:
            raise ValueError(
                f"{name} is {found.dtype} {found.shape}, not {array.dtype} {array.shape}"
            )
        if name in FINITE and not np.isfinite(found).all():
            raise ValueError(f"{name} holds numbers that are not finite")
    for name in COUNTERS:
        if type(meta[name]) is not int or not 0 <= meta[name] < 2**63:
            raise ValueError(f"{name} is {meta[name]!r:.40}")
    status = Status.of(meta["status"])
    if not status.finished and status not in (Status.RUNNING, Status.DIVERGED):
        raise ValueError(f"the status is {meta['status']!r:.40}")


def _patience(saved: Mapping[str, Any]) -> Patience:
    best = saved["best"]
    return Patience(
        float(saved["factor"]),
        None if best is None else float(best),
        int(saved["bad"]),
        int(saved["rest"]),
    )


def same(one: State, other: State) -> list[str]:
    """What differs between two states, bit for bit: names of arrays and counters."""
    mine, theirs = arrays(one), arrays(other)
    found = [
        name
        for name in sorted(mine.keys() | theirs.keys())
        if name not in mine or name not in theirs or mine[name].tobytes() != theirs[name].tobytes()
    ]
    ones, others = freeze(one)[1], freeze(other)[1]
    return found + [name for name in ones if _text(ones[name]) != _text(others[name])]


def _text(value: Any) -> str:
    return json.dumps(json_value(value, finite=False))
