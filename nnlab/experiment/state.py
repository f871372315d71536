"""The training state as arrays and plain values, and back; snapshots."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nnlab.build import Built, load_weights
from nnlab.config.schema import FromFile, FromRun
from nnlab.core.network import Network
from nnlab.core.schedules import Patience
from nnlab.core.types import Array
from nnlab.errors import RunUnreadable
from nnlab.run import durable, names
from nnlab.run.folder import RunFolder, weights_file
from nnlab.run.weights import read_weights
from nnlab.status import Status
from nnlab.training import State

COUNTERS = ("epoch", "batch", "step", "improved")
NUMBERS = ("lr", "reference")
FINITE = ("theta", "buffers", "best", "average")  # the others may overflow without harm
DENSE = 32  # epochs that are all hashed; after them four per doubling
MOMENTS = 40  # snapshots of a small network
FEWEST = 4  # snapshots; fewer show no movement
NUMBERS_IN_SNAPSHOTS = 400_000  # 3 MB of float64


def start_file(init: object) -> Path | None:
    """The file of initial weights that a config's `init` names; None for a distribution."""
    if isinstance(init, FromRun):
        return names.present(Path(init.run)) / weights_file("final")
    return Path(init.file) if isinstance(init, FromFile) else None


def start_weights(built: Built) -> dict[str, str] | None:
    """Loads the weights of another run or of a file, if `init` names one.

    Name and SHA-256 of the file that was read, and a sentence about layers that it does not fit,
    for run.json.
    """
    init, path = built.config.init, start_file(built.config.init)
    if path is None or not isinstance(init, FromRun | FromFile):
        return None
    if isinstance(init, FromRun):
        what, saved = init.run, RunFolder.open(Path(init.run)).read_arrays(weights_file("final"))
    else:
        what, saved = init.file, read_weights(path)
    differences = load_weights(built.network, saved, f"init: {what}", init.skip_mismatch)
    about = {"name": path.name, "sha256": file_hash(path)}
    if not differences:
        return about
    return about | {"skipped": f"init: {what} fits but for layers that are drawn: {differences}."}


def file_hash(path: Path) -> str:
    """SHA-256 of a file. Raises RunUnreadable, StorageError."""
    return hashlib.sha256(durable.read_file(path)).hexdigest()


def arrays(state: State) -> dict[str, Array]:
    """The state's own arrays by name."""
    named = {f"slot.{name}": slot for name, slot in state.slots.items()}
    named |= {"theta": state.network.theta, "buffers": state.network.buffers}
    named |= {"sums": state.sums, "best": state.best.values}
    return named if state.average is None else named | {"average": state.average}


def digest(state: State) -> str:
    """SHA-256 of what the next update starts from: parameters, average, buffers and slots."""
    total = hashlib.sha256()
    for name, array in sorted(arrays(state).items()):
        if name not in ("sums", "best"):
            total.update(f"{name} {array.dtype.str} {array.shape} ".encode())
            total.update(array.tobytes())
    return total.hexdigest()


def hashed_epochs(most: int) -> Iterator[int]:
    """The epochs whose digest `nnlab verify` compares: all up to 32, then fewer."""
    yield from range(min(most, DENSE) + 1)
    start = DENSE
    while start <= most:
        yield from range(start + start // 4, min(2 * start, most) + 1, start // 4)
        start *= 2


def freeze(state: State) -> tuple[dict[str, Array], dict[str, Any]]:
    """Everything in `state`: arrays by name, and values for JSON."""
    meta: dict[str, Any] = {name: getattr(state, name) for name in (*COUNTERS, *NUMBERS)}
    meta["status"] = state.status
    meta["best"] = {"epoch": state.best.epoch, "value": state.best.value}
    meta["patience"] = state.patience._asdict()
    meta["generators"] = {
        str(index): rng.bit_generator.state for index, rng in state.generators.items()
    }
    return arrays(state), meta


def thaw(state: State, values: Mapping[str, Array], meta: Mapping[str, Any]) -> None:
    """Copies the result of `freeze` into a state of the same config.

    Raises RunUnreadable when it does not fit this network.
    """
    try:
        _check_arrays(state, values)
        _check_counters(meta)
        for name, array in arrays(state).items():
            array[...] = values[name]
        for name in COUNTERS:
            setattr(state, name, meta[name])
        for name in NUMBERS:
            setattr(state, name, float(meta[name]))
        state.status = Status.of(meta["status"])
        best, patience = meta["best"], meta["patience"]
        state.best.epoch, state.best.value = int(best["epoch"]), float(best["value"])
        state.patience = Patience(
            factor=float(patience["factor"]),
            best=None if patience["best"] is None else float(patience["best"]),
            bad=int(patience["bad"]),
            rest=int(patience["rest"]),
        )
        for index, rng in state.generators.items():
            rng.bit_generator.state = meta["generators"][str(index)]
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise RunUnreadable(
            f"The checkpoint does not fit the config beside it ({error}), so the run cannot "
            "continue from it."
        ) from error


def _check_arrays(state: State, values: Mapping[str, Array]) -> None:
    for name, array in arrays(state).items():
        value = values[name]
        if value.shape != array.shape or value.dtype != array.dtype:
            raise ValueError(
                f"{name} is {value.dtype} {value.shape}, not {array.dtype} {array.shape}"
            )
        if name in FINITE and not np.isfinite(value).all():
            raise ValueError(f"{name} holds numbers that are not finite")


def _check_counters(meta: Mapping[str, Any]) -> None:
    for name in COUNTERS:
        if type(meta[name]) is not int or not 0 <= meta[name] < 2**63:
            raise ValueError(f"{name} is {meta[name]!r:.40}")
    status = Status.of(meta["status"])
    if not status.ended and status is not Status.RUNNING:
        raise ValueError(f"the status is {meta['status']!r:.40}")


def state_differences(state: State, other: State) -> list[str]:
    """Names of the arrays and values that differ in two states."""
    (blocks, meta), (other_blocks, other_meta) = freeze(state), freeze(other)
    names = [name for name in blocks if blocks[name].tobytes() != other_blocks[name].tobytes()]
    # As text, so that nan equals nan.
    return names + [name for name in meta if json.dumps(meta[name]) != json.dumps(other_meta[name])]


class Snapshots:
    """Copies of theta and the buffers before training and at log-spaced epochs.

    Up to 40 for a network of 10,000 parameters, fewer for larger networks, none above 100,000.
    """

    def __init__(self, network: Network, epochs: int) -> None:
        self.network = network
        self.wanted: frozenset[int] = frozenset()
        moments = min(MOMENTS, NUMBERS_IN_SNAPSHOTS // max(network.theta.size, 1))
        if moments >= FEWEST:
            spaced = np.geomspace(1, max(epochs, 1), moments).round().astype(int)
            self.wanted = frozenset([0, *spaced.tolist()])
        self.epochs: list[int] = []
        self.values: list[Array] = []

    def take(self, epoch: int, values: Array) -> None:
        """Copies values (V,) if the epoch is wanted."""
        if epoch in self.wanted:
            self.add(epoch, values)

    def add(self, epoch: int, values: Array) -> None:
        """Copies values (V,)."""
        self.epochs.append(epoch)
        self.values.append(values.copy())

    def arrays(self, prefix: str = "") -> dict[str, Array]:
        """epochs (k,), theta (k, P), and buffers (k, Q) where the network has any."""
        if not self.epochs:
            return {}
        arrays = {"epochs": np.array(self.epochs, np.int64), **self.blocks(np.stack(self.values))}
        return {prefix + name: array for name, array in arrays.items()}

    def blocks(self, values: Array) -> dict[str, Array]:
        """`values` (..., V) split into theta (..., P) and, if there are any, buffers (..., Q)."""
        size = self.network.theta.size
        theta = {"theta": values[..., :size]}
        return theta | {"buffers": values[..., size:]} if self.network.buffers.size else theta

    def restore(self, saved: Mapping[str, Array]) -> None:
        """Takes `arrays("snapshot.")`. Raises KeyError or ValueError if it is not that."""
        blocks = [saved[f"snapshot.{name}"] for name in self.blocks(self.network.values)]
        self.epochs = saved["snapshot.epochs"].tolist()
        self.values = list(np.concatenate(blocks, axis=1))
