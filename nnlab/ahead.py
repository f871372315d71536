"""The compiled engine under the training loop: it runs ahead, records follow epoch by epoch.

One call does many tiny epochs, one epoch, or a part of a long one; which depends on the network and
the data alone. Where it does several, it leaves a trail: everything that changes, as it was after
each of them. So training may stop at any record, although the engine is already further.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nnlab.core.random import permutation
from nnlab.core.schedules import Constant, Plateau
from nnlab.core.types import Array, FloatArray, IntArray
from nnlab.engine.compiled.engine import Call, Compiled

if TYPE_CHECKING:
    from nnlab.training import Epoch, Record, Run


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
    """Does for `training.Run` with the compiled engine what its `epoch` does with NumPy."""

    def __init__(self, run: "Run") -> None:
        self.run = run
        plan, state, batches = run.plan, run.state, run.batches
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
        self._epochs = range(0)  # whose orders of rows are at hand
        self._orders: IntArray | None = None
        self.limit = self.engine.updates  # of a call; less after an update that it would not do

    def call(self) -> "Iterator[Record]":
        """What one call of the compiled engine does: some epochs, or a part of one."""
        state = self.state
        if state.batch == self.batches.count:  # stopped just before the end of an epoch
            yield self.run.end()
            return
        rates = self.rates(self.updates())
        call = self.advance(rates)
        trail = self.trail(call)
        if trail is None:
            state.batch += call.done
            state.step += call.done
            if len(call.ends):
                state.sums[...] = call.ends[0]
            if call.done:
                yield from self.run.progress(rates[: call.done].tolist(), call.losses)
            if state.batch == self.batches.count:
                yield self.run.end()
        else:
            last = self.batches.count - 1
            yield from self.follow(call, trail, rates[last :: last + 1].tolist())
        if state.status == "running" and call.done < len(rates):
            yield from self.run.chunks([self.batches.single(self.run.order(), state.batch)])

    def updates(self) -> int:
        """How many updates the next call may do: to the end of an epoch, if it can."""
        state, batches = self.state, self.batches
        epochs = min(self.epochs, self.limit // batches.count, self.plan.epochs - state.epoch)
        if state.batch or not epochs:
            return min(batches.count - state.batch, self.limit)
        return batches.count * epochs

    def advance(self, rates: FloatArray) -> Call:
        """One update for each rate; the arrays are then those after the last one."""
        state, order = self.state, self._order(len(rates))
        call = self.engine.run(order, rates, state.step, state.batch, state.sums)
        stopped = call.done < len(rates)
        self.limit = 1 if stopped else min(2 * self.limit, self.engine.updates)
        return call

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
        if epochs == self._epochs and self._orders is not None:  # the next part of a long epoch
            return self._orders
        orders = np.stack([permutation(self.plan.seed, epoch, rows) for epoch in epochs])
        self._epochs, self._orders = epochs, orders
        return orders

    def rates(self, updates: int) -> FloatArray:
        """The learning rates of the next updates, also beyond the running epoch."""
        schedule, state, count = self.plan.schedule, self.state, self.batches.count
        if isinstance(schedule, Constant) and not schedule.warmup:
            return np.full(updates, self.plan.optimizer.lr)
        if schedule.per == "step":
            return np.array(self.run.rates(updates))
        epochs = range(state.epoch, state.epoch - (-(state.batch + updates) // count))
        rates = np.repeat([self.run.rate(t) for t in epochs], count)
        return rates[state.batch : state.batch + updates]

    def follow(self, call: Call, trail: Trail, lrs: list[float]) -> "Iterator[Record]":
        """The records of several epochs that are over, with their learning rates."""
        state = self.state
        begun = call.done % self.batches.count  # updates of an epoch that is not over
        now = [array.copy() for array in trail.arrays] if begun else []
        sums = state.sums.copy()
        state.sums[...] = 0.0
        state.trail = trail
        simple = self.run.validation is None and self.plan.stopping is None
        if simple and np.isfinite(call.ends).all():
            yield from self.plain_epochs(call.ends, lrs)
        else:
            for train, lr in zip(self.run.tally.results(call.ends)[0], lrs, strict=False):
                state.epoch += 1
                state.step += self.batches.count
                yield self.run.finished(train, lr)
                if state.status != "running":
                    break
        state.sync()
        state.trail = None
        if begun and state.status == "running":
            for array, value in zip(trail.arrays, now, strict=True):
                array[...] = value
            state.sums[...] = sums
            state.batch = begun
            state.step += begun

    def plain_epochs(self, ends: FloatArray, lrs: list[float]) -> "Iterator[Epoch]":
        """What `finished` does, for epochs after which there is nothing to decide.

        An epoch of 8-3-8 takes 2 us: so all are judged at once, and records cost 0.4 us.
        """
        state, best, count = self.state, self.state.best, self.batches.count
        from nnlab.training import Epoch

        name = self.plan.monitor.partition("_")[2]
        trains, losses = self.run.tally.results(ends)
        if name == "loss":
            values = losses.tolist()
        else:
            values = [train[name] for train in self.run.tally.results(ends)[0]]
        signed = np.array([best.value, *values]) * (-1.0 if self.plan.higher_is_better else 1.0)
        if best.epoch < 0:
            signed[0] = np.inf
        improved = signed[1:] < np.minimum.accumulate(signed)[:-1]
        epoch, step, make = state.epoch, state.step, tuple.__new__
        judged = zip(trains, lrs, values, improved.tolist(), strict=False)
        for train, lr, value, is_best in judged:
            state.epoch = epoch = epoch + 1
            state.step = step = step + count
            if is_best:
                best.epoch, best.value = epoch, value
            yield make(Epoch, (epoch, step, lr, train, None, is_best))
