"""How the NumPy engine goes through epochs: chunk by chunk, or several small epochs at once."""

from collections.abc import Iterator

import numpy as np

from nnlab.core.metrics import Tally
from nnlab.core.types import FloatArray
from nnlab.data.batches import CHUNK_BATCHES, CHUNK_BYTES, Chunk
from nnlab.engine import blas
from nnlab.engine.reference import Broken, Reference
from nnlab.training.pace import Burst, Pace
from nnlab.training.plan import Plan, State


class ByChunks(Pace):
    """A burst needs an epoch whose chunk stays in memory: no shuffling, few rows.

    Its updates are then one run of the engine, and one tally.
    """

    def __init__(self, plan: Plan, state: State, tally: Tally) -> None:
        Pace.__init__(self, plan, state, tally)
        batches, values = self.batches, state.network.values
        self._most = 1
        same = not self.shuffled and plan.train.augmenter is None
        if same and batches.count == batches.per_chunk and plan.burst > 1:
            row = max(values.nbytes, batches.x.nbytes)
            fitting = min(CHUNK_BATCHES // batches.count, CHUNK_BYTES // row, plan.burst)
            self._most = max(1, fitting)
        self.kept = np.empty((self._most, values.size), values.dtype)
        room = {batches.batch: batches.per_chunk * self._most}
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
    def most(self) -> int:
        """As many as fit into the memory of a chunk."""
        return self._most

    @property
    def broken(self) -> Broken | None:
        """As the engine says."""
        return self.engine.broken

    def epoch(self) -> Iterator[tuple[list[float], FloatArray]]:
        """Chunk by chunk."""
        state = self.state
        order = self.order(state.epoch)
        for chunk in self.batches.epoch(order, state.batch, state.epoch):
            yield from self.one(chunk)
            if self.broken is not None:
                return

    def one(self, chunk: Chunk) -> Iterator[tuple[list[float], FloatArray]]:
        """The updates of a chunk, unless the first one breaks."""
        rates = self.rates(len(chunk.xs))
        losses = self.chunk(chunk, rates)
        if len(losses):
            self.state.lr = rates[len(losses) - 1]
            yield rates[: len(losses)], losses

    def chunk(self, chunk: Chunk, rates: list[float]) -> FloatArray:
        """One update a batch, or fewer if one breaks; their losses."""
        state, batch = self.state, chunk.batch
        # What is not finite is looked for, and then named.
        with blas.turn(), np.errstate(all="ignore"):
            done = self.engine.run(batch, chunk.xs, chunk.ts, rates, state.step)
            state.step += done
            state.batch += done
            if not done:
                return np.empty(0)
            z = self.engine.outputs(batch, done)
            return self.tally.add(state.sums, z, chunk.t[: len(z)], batch) / batch

    def epochs(self, count: int) -> Burst:
        """All updates in one run, of which the engine keeps the weights after each epoch."""
        (chunk,) = self.batches.epoch(None)
        batch, kept = chunk.batch, self.kept[:count]
        rates = self.rates(count * self.count)
        with blas.turn(), np.errstate(all="ignore"):
            done = self.engine.run(
                batch, chunk.xs * count, chunk.ts * count, rates, self.state.step, kept
            )
            whole, more = divmod(done, self.count)
            z = self.engine.outputs(batch, whole * self.count)
            sums = self.tally.epochs(z, np.tile(chunk.t, (whole, 1)), batch, whole)
        return Burst(
            sums=sums,
            lrs=rates[self.count - 1 : done : self.count],
            weights=kept[:whole],
            more=more,
            broken=self.broken,
        )
