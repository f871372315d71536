"""The training state as arrays and plain values, for a checkpoint, and back."""

from collections.abc import Mapping
from typing import Any

from nnlab.core.schedules import Patience
from nnlab.core.types import Array
from nnlab.training import State

COUNTERS = ("epoch", "batch", "step", "status")


def arrays(state: State) -> dict[str, Array]:
    """The state's own arrays by name."""
    found = {f"slot.{name}": slot for name, slot in state.slots.items()}
    found |= {"theta": state.network.theta, "buffers": state.network.buffers}
    found |= {"sums": state.sums, "best": state.best.theta}
    if state.average is not None:
        found["average"] = state.average
    return found


def freeze(state: State) -> tuple[dict[str, Array], dict[str, Any]]:
    """Everything in `state`: arrays by name, and what JSON can hold."""
    state.sync()
    meta: dict[str, Any] = {name: getattr(state, name) for name in COUNTERS}
    meta["best"] = {"epoch": state.best.epoch, "value": state.best.value}
    meta["patience"] = state.patience._asdict()
    meta["generators"] = {
        str(index): rng.bit_generator.state for index, rng in state.generators.items()
    }
    return arrays(state), meta


def thaw(state: State, values: Mapping[str, Array], meta: Mapping[str, Any]) -> None:
    """Put what `freeze` gave into a state that was started from the same config.

    Raises KeyError or ValueError when the arrays are not those of this network.
    """
    for name, array in arrays(state).items():
        array[...] = values[name]
    for name in COUNTERS:
        setattr(state, name, meta[name])
    state.best.epoch, state.best.value = meta["best"]["epoch"], meta["best"]["value"]
    state.patience = Patience(**meta["patience"])
    for index, rng in state.generators.items():
        rng.bit_generator.state = meta["generators"][str(index)]
