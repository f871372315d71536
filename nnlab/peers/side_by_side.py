"""nnlab and another library train side by side; their differences after each epoch.

Both begin with the same weights and use the same batches and learning rates, in float64, so they
differ by rounding alone. In most trainings that stays near 1e-15; in some it grows from update to
update, until two correct programs have nothing in common. Where the differences pass the
tolerance, nnlab therefore trains once more, from initial weights whose last bits are changed.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from nnlab.build import Built
from nnlab.core import columns
from nnlab.core.network import Network
from nnlab.core.schedules import Plateau
from nnlab.core.types import Array
from nnlab.data.batches import Batches
from nnlab.engine.network import EngineNetwork
from nnlab.errors import Diverged, UsageError, require_package
from nnlab.peers.peer import Peer, PeerRows
from nnlab.peers.sklearn_peer import SklearnPeer
from nnlab.peers.torch_peer import TorchPeer
from nnlab.suggest import did_you_mean
from nnlab.training import Epoch, Failure, Plan, Steps, run_training, start
from nnlab.training.drivers import row_order
from nnlab.training.evaluation import evaluation_batch

DEFAULT_TOLERANCE = 1e-9
MARGIN = 1000.0  # times what a last bit of the initial weights changes: the most that is rounding


class TrainedEpoch(NamedTuple):
    """An epoch of nnlab: the rates of its updates, the loss, and the weights after it by name."""

    epoch: int
    rates: list[float]
    loss: float
    arrays: Mapping[str, Array]


@dataclass(frozen=True)
class EpochDifference:
    """The largest differences after an epoch; of epoch 0, before the first update.

    loss_difference: None where the library does not compute the loss to the last digits.
    array: the weights that differ most. relative: the larger of both differences, as a part of the
    largest weight and of the largest loss so far. rounding: the same between two trainings of
    nnlab whose initial weights differ in the last bit; measured where `relative` is too large.
    """

    epoch: int
    updates: int
    loss: float
    loss_difference: float | None
    weight_difference: float
    array: str
    relative: float
    rounding: float | None = None

    @property
    def is_rounding(self) -> bool:
        """Whether rounding explains a difference that is too large."""
        return self.rounding is not None and self.relative <= MARGIN * self.rounding


def compare_epochs(built: Built, peer: Peer, tolerance: float) -> Iterator[EpochDifference]:
    """The differences after each epoch, up to the first that is above the tolerance.

    Raises Diverged where nnlab's training diverges.
    """
    plan, network = _followed(built.plan), built.network
    if plan.train.weights is not None:
        raise UsageError("The other library does not get the weights of rows (data.weight).")
    batches = Batches(plan.train, plan.batch_size, plan.drop_last)
    first, largest, updates = network.values.copy(), 0.0, 0
    for ours in trained_epochs(plan, network):
        if ours.epoch:
            loss = _train_peer(peer, plan, batches, ours)
        else:
            loss = _untrained_loss(peer, built)
        updates, largest = updates + len(ours.rates), max(largest, abs(ours.loss))
        row = difference(ours, loss, peer.arrays(), updates, largest)
        if row.relative <= tolerance:
            yield row
            continue
        twin = _twin_epoch(built, plan, first, ours.epoch)
        rounding = difference(ours, twin.loss, twin.arrays, updates, largest).relative
        yield replace(row, rounding=rounding)
        return


def trained_epochs(plan: Plan, network: Network) -> Iterator[TrainedEpoch]:
    """nnlab's own training, epoch by epoch; the arrays change with the next. Raises Diverged."""
    state, rates = start(plan, network), list[float]()
    for record in run_training(plan, state):
        match record:
            case Steps():
                rates.extend(record.rates)
            case Epoch():
                arrays = network.named(network.values)
                if state.average is not None:
                    average = network.named(state.average)
                    arrays |= {f"{name} (average)": array for name, array in average.items()}
                yield TrainedEpoch(record.epoch, rates, record.train[columns.LOSS], arrays)
                rates = []
            case Failure():
                raise Diverged(
                    f"The training diverges in epoch {record.epoch:,}, at update {record.step:,}: "
                    f"the {record.what} is not finite. The comparison ends there."
                )


def difference(
    ours: TrainedEpoch,
    loss: float | None,
    arrays: Mapping[str, Array],
    updates: int,
    largest: float,
) -> EpochDifference:
    """How far loss and arrays are from ours; `largest` is the largest loss so far."""
    by_array = {
        name: float(np.abs(array - arrays[name]).max(initial=0.0))
        for name, array in ours.arrays.items()
    }
    # A difference that is nan counts as the largest.
    worst = max(by_array, key=lambda name: np.nan_to_num(by_array[name], nan=np.inf), default="")
    weights = by_array.get(worst, 0.0)
    scale = max(
        (float(np.abs(array).max(initial=0.0)) for array in ours.arrays.values()), default=0
    )
    tiny = np.finfo(np.float64).tiny
    of_loss = None if loss is None else abs(ours.loss - loss)
    relative = float(np.max([(of_loss or 0.0) / max(largest, tiny), weights / max(scale, tiny)]))
    return EpochDifference(ours.epoch, updates, ours.loss, of_loss, weights, worst, relative)


def _followed(plan: Plan) -> Plan:
    """The plan with a record of each update; validation only where the training depends on it."""
    plan = replace(plan, record_steps=True, burst=1)
    needed = isinstance(plan.schedule, Plateau) or plan.stopping is not None
    return plan if needed else replace(plan, validation=None)


def _train_peer(peer: Peer, plan: Plan, batches: Batches, ours: TrainedEpoch) -> float | None:
    """The same epoch by the peer; its loss per row."""
    losses, rows, rates = list[float | None](), 0, iter(ours.rates)
    order = row_order(plan, batches.count, ours.epoch - 1)
    for chunk in batches.epoch(order, 0, ours.epoch - 1):
        for batch in map(PeerRows, chunk.xs, chunk.ts):
            losses.append(peer.update(batch, next(rates)))
            rows += len(batch.x)
    peer.end_epoch(ours.epoch)
    return mean_loss(losses, rows)


def _untrained_loss(peer: Peer, built: Built) -> float | None:
    """The peer's loss per training row, before the first update."""
    part = built.plan.train
    batches = Batches(part, evaluation_batch(built.network, len(part)))
    rows = (rows for chunk in batches.epoch(None) for rows in map(PeerRows, chunk.xs, chunk.ts))
    return mean_loss([*map(peer.loss, rows)], len(part))


def mean_loss(losses: Sequence[float | None], rows: int) -> float | None:
    """The loss per row from sums over batches; None where a batch has none."""
    known = [loss for loss in losses if loss is not None]
    return sum(known) / rows if len(known) == len(losses) else None


def _twin_epoch(built: Built, plan: Plan, first: Array, epoch: int) -> TrainedEpoch:
    """The epoch of a training whose initial weights are those in `first` with other last bits."""
    config, shape = built.config, built.network.inputs
    network = EngineNetwork(config.network, shape, dtype=config.training.dtype)
    network.values[...] = first
    np.nextafter(network.theta, np.inf, out=network.theta)
    return next(own for own in trained_epochs(plan, network) if own.epoch == epoch)


def require_library(library: str) -> None:
    """Raises UsageError for a library that is unknown or not installed."""
    if library not in PEERS:
        hint = did_you_mean(library, PEERS, "library")
        raise UsageError(
            f"There is no cross-check against '{library}'; there are {', '.join(PEERS)}.{hint}"
        )
    require_package(f"A cross-check against {library}", library, "torch")


# By the name of the package.
PEERS: dict[str, Callable[[Built], Peer]] = {"torch": TorchPeer, "sklearn": SklearnPeer}
