"""How the NumPy engine goes through epochs: chunk by chunk, or several small epochs at once."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from nnlab.core.metrics import Tally
from nnlab.core.random import permutation
from nnlab.core.schedules import Plateau
from nnlab.core.types import Array, FloatArray
from nnlab.data.batches import CHUNK_BATCHES, CHUNK_BYTES, Batches, Chunk
from nnlab.engine.reference import Broken, Reference
from nnlab.training.plan import Plan, State
from nnlab.training.records import Numbers


class Burst(NamedTuple):
    """Several epochs: numbers, last rate and weights (P,) of each that came to its end."""

    numbers: list[Numbers]
    lrs: list[float]
    weights: list[Array]
    more: int  # updates after the last end
    broken: Broken | None


class ByChunks:
    """Updates `state` by `plan`; `count` batches are an epoch, `most` epochs may be a burst.

    A burst needs an epoch whose chunk stays in memory: no shuffling, few rows. Its updates are
    then one run of the engine, and one tally.
    """

    def __init__(self, plan: Plan, state: State, tally: Tally) -> None:
        self.plan, self.state, self.tally = plan, state, tally
        self.batches = batches = Batches(plan.train, plan.batch_size, plan.drop_last)
        self.count = batches.count
        self.shuffled = plan.shuffle and batches.count > 1
        self.most = 1
        if not self.shuffled and batches.count == batches.per_chunk and plan.burst > 1:
            row = max(state.network.theta.nbytes, batches.x.nbytes)
            fitting = min(CHUNK_BATCHES // batches.count, CHUNK_BYTES // row, plan.burst)
            self.most = max(1, fitting)
        self.kept = np.empty((self.most, state.network.theta.size), state.network.dtype)
        room = {batches.batch: batches.per_chunk * self.most}
        if batches.rest:
            room[batches.rest] = 1
        self.engine = Reference(
            state.network,
            plan.loss,
            plan.optimizer,
            state.slots,
            state.average,
            plan.ema or 0.0,
            state.generators,
            room,
        )

    @property
    def broken(self) -> Broken | None:
        """The number that was not finite, if one was."""
        return self.engine.broken

    def epoch(self) -> Iterator[tuple[list[float], FloatArray]]:
        """The rest of the running epoch: rates and losses of the updates, chunk by chunk."""
        plan, state = self.plan, self.state
        order = permutation(plan.seed, state.epoch, len(plan.train)) if self.shuffled else None
        for chunk in self.batches.epoch(order, state.batch):
            rates = self.rates(len(chunk.xs))
            losses = self.chunk(chunk, rates)
            if len(losses):
                state.lr = rates[len(losses) - 1]
                yield rates[: len(losses)], losses
            if self.broken is not None:
                return

    def chunk(self, chunk: Chunk, rates: list[float]) -> FloatArray:
        """One update a batch, or fewer if one breaks; their losses."""
        state, batch = self.state, chunk.batch
        with np.errstate(all="ignore"):  # what is not finite is looked for, and then named
            done = self.engine.run(batch, chunk.xs, chunk.ts, rates, state.step)
            state.step += done
            state.batch += done
            if not done:
                return np.empty(0)
            z = self.engine.outputs(batch, done)
            return self.tally.add(state.sums, z, chunk.t[: len(z)], batch) / batch

    def epochs(self, count: int) -> Burst:
        """`count` whole epochs, or fewer if one breaks; the counters of the state stay."""
        (chunk,) = self.batches.epoch(None)
        batch, kept = chunk.batch, self.kept[:count]
        rates = self.rates(count * self.count)
        with np.errstate(all="ignore"):
            done = self.engine.run(
                batch, chunk.xs * count, chunk.ts * count, rates, self.state.step, kept
            )
            whole, more = divmod(done, self.count)
            z = self.engine.outputs(batch, whole * self.count)
            sums = self.tally.epochs(z, np.tile(chunk.t, (whole, 1)), batch, whole)
        return Burst(
            numbers=[self.tally.result(row) for row in sums],
            lrs=rates[self.count - 1 : done : self.count],
            weights=list(kept[:whole]),
            more=more,
            broken=self.broken,
        )

    def rates(self, updates: int) -> list[float]:
        """The learning rates of the next updates, from the current one on."""
        schedule, state, plan = self.plan.schedule, self.state, self.plan
        lr = plan.optimizer.lr
        if schedule.per == "step":
            total = plan.epochs * self.count
            return [schedule.rate(state.step + i, lr, total) for i in range(updates)]
        last = state.epoch + (state.batch + updates - 1) // self.count
        found: list[float] = []
        for epoch in range(state.epoch, last + 1):
            rate = schedule.rate(epoch, lr, plan.epochs)
            if isinstance(schedule, Plateau):
                rate = max(rate * state.patience.factor, min(rate, schedule.min))
            found += [rate] * self.count
        return found[state.batch : state.batch + updates]
