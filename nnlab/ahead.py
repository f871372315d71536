"""The compiled engine under the training loop: it runs ahead, records follow epoch by epoch.

One call does many tiny epochs, one epoch, or a part of a long one; which depends on the network and
the data alone. Where it does several, it leaves a trail: everything that changes, as it was after
each of them. So training may stop at any record, although the engine is already further.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nnlab.core.random import permutation
from nnlab.core.schedules import Plateau
from nnlab.core.types import Array, FloatArray, IntArray
from nnlab.data.batches import Batches
from nnlab.engine.compiled.engine import Call, Compiled

if TYPE_CHECKING:
    from nnlab.training import Plan, State


class Trail(NamedTuple):
    """The changing arrays after each epoch of a call, one after the other in a row of `rows`."""

    arrays: list[Array]
    rows: Array  # (K, D)
    first: int  # the epoch that ended with row 0
    weights: slice  # the weights to evaluate within a row

    def weights_after(self, epoch: int) -> Array:
        """The weights to evaluate, a view (P,)."""
        return self.rows[epoch - self.first, self.weights]

    def restore(self, epoch: int) -> None:
        """Put the arrays to where they were after `epoch`."""
        row, start = self.rows[epoch - self.first], 0
        for array in self.arrays:
            array[...] = row[start : start + array.size]
            start += array.size


class Ahead:
    """Calls the compiled engine on the arrays of a state."""

    def __init__(self, plan: "Plan", state: "State", batches: Batches) -> None:
        self.plan, self.state, self.batches = plan, state, batches
        self.shuffled = plan.shuffle and batches.count > 1
        self.engine = Compiled(
            state.network,
            plan.loss,
            plan.optimizer,
            state.slots,
            state.average,
            plan.ema or 0.0,
            plan.train,
            plan.kind,
            batches.batch,
            batches.full,
            batches.rest,
            self.shuffled,
        )
        alone = plan.record_steps or isinstance(plan.schedule, Plateau)
        self.epochs = min(self.engine.epochs(), 1 if alone else plan.epochs)

    def updates(self) -> int:
        """How many updates the next call may do: to the end of an epoch, if it can."""
        state, batches = self.state, self.batches
        rest = batches.count - state.batch
        if not self.epochs:
            return min(rest, self.engine.updates)
        if state.batch:
            return rest
        return batches.count * min(self.epochs, self.plan.epochs - state.epoch)

    def __call__(self, rates: FloatArray) -> Call:
        """One update for each rate; the arrays are then those after the last one."""
        state, order = self.state, self._order(len(rates))
        return self.engine.run(order, rates, state.step, state.batch, state.sums)

    def trail(self, call: Call) -> Trail | None:
        """What the call left behind, where it ended several epochs."""
        if call.trail is None:
            return None
        theta = self.state.network.theta.size
        width = call.trail.shape[1]
        weights = slice(0, theta) if self.state.average is None else slice(width - theta, width)
        return Trail(self.engine.arrays, call.trail, self.state.epoch + 1, weights)

    def _order(self, updates: int) -> IntArray | None:
        if not self.shuffled:
            return None
        state, rows = self.state, len(self.plan.train)
        touched = -(-(state.batch + updates) // self.batches.count)
        epochs = range(state.epoch, state.epoch + touched)
        return np.stack([permutation(self.plan.seed, epoch, rows) for epoch in epochs])
