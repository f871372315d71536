"""How an engine goes through epochs: the order of rows, the learning rates, chunks and bursts."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from nnlab.core.random import permutation
from nnlab.core.schedules import Plateau
from nnlab.core.types import Array, FloatArray, IntArray, cached_property
from nnlab.data.batches import CHUNK_BATCHES, CHUNK_BYTES, Batches, Chunk
from nnlab.engine.network import turn_of
from nnlab.engine.numpy_engine import NonFinite, NumpyEngine
from nnlab.training.evaluation import Tally
from nnlab.training.plan import Plan, State

NO_LOSSES = np.empty(0)


class EndedEpochs(NamedTuple):
    """K epochs that ended."""

    sums: FloatArray  # (K, S): the tally of each
    weights: Array  # (K, V): the weights after each, or their moving average
    rates: list[float]  # (K,): the last learning rate of each


class EngineProgress(NamedTuple):
    """Updates of the running epoch or whole epochs that ended, and what stopped them."""

    rates: list[float]
    losses: FloatArray  # per row, one for each rate
    ended: EndedEpochs | None
    failure: NonFinite | None


NO_PROGRESS = EngineProgress([], NO_LOSSES, None, None)


class EngineDriver(ABC):
    """Updates `state` by `plan` with one engine."""

    def __init__(self, plan: Plan, state: State, tally: Tally) -> None:
        self.plan, self.state, self.tally = plan, state, tally
        self.batches = Batches(plan.train, plan.batch_size, plan.drop_last, plan.chunk)
        self.count = self.batches.count  # batches per epoch
        self.shuffled = plan.shuffles(self.count)
        self.max_epochs = 1  # that one call of `advance` may do
        self.average = state.average if plan.swa is None else None  # that the engine moves
        self._order: tuple[int, IntArray | None] = (-1, None)  # of the last epoch asked for

    @abstractmethod
    def advance(self, epochs: int) -> EngineProgress:
        """Do the next updates of the running epoch or, with `epochs` > 1, as many whole epochs.

        `state.batch` counts all updates since the last epoch that was closed.
        """

    def end_epoch(self) -> EndedEpochs:
        """The running epoch, all of whose batches are done."""
        state = self.state
        weights = state.network.values if self.average is None else self.average
        ended = EndedEpochs(state.sums[None].copy(), weights[None], [state.lr])
        state.sums[...] = 0.0
        return ended

    def order(self, epoch: int) -> IntArray | None:
        """The order (N,) in which an epoch visits the rows; None for their own order."""
        if self._order[0] != epoch:
            self._order = (epoch, row_order(self.plan, self.count, epoch))
        return self._order[1]

    def orders(self, epochs: int) -> list[IntArray | None]:
        """Those of the running epoch and the next ones."""
        if not self.shuffled:  # of a small network, to ask takes a tenth of an epoch
            return [None] * epochs
        return [self.order(self.state.epoch + i) for i in range(epochs)]

    def rates(self, updates: int) -> FloatArray:
        """The learning rates of the next updates."""
        schedule, state, plan = self.plan.schedule, self.state, self.plan
        lr = plan.optimizer.lr
        if schedule.per == "step":
            total = plan.epochs * self.count
            return np.array([schedule.rate(state.step + i, lr, total) for i in range(updates)])
        if schedule.is_constant:
            return np.full(updates, lr)
        last = state.epoch + (state.batch + updates - 1) // self.count
        rates = [schedule.rate(epoch, lr, plan.epochs) for epoch in range(state.epoch, last + 1)]
        if isinstance(schedule, Plateau):
            rates = [schedule.lowered(rate, state.patience) for rate in rates]
        return np.repeat(rates, self.count)[state.batch : state.batch + updates]

    def count_updates(self, rates: Sequence[float] | FloatArray) -> None:
        """Count the updates that were done with these rates."""
        self.state.step += len(rates)
        self.state.batch += len(rates)
        if len(rates):
            self.state.lr = float(rates[-1])


class NumpyDriver(EngineDriver):
    """Goes chunk by chunk, or does several epochs at once where their rows stay in one chunk."""

    def __init__(self, plan: Plan, state: State, tally: Tally) -> None:
        super().__init__(plan, state, tally)
        batches, values = self.batches, state.network.values
        train = plan.train
        resident = not self.shuffled and train.augmenter is None and train.weights is None
        if resident and batches.count == batches.per_chunk:
            row = max(values.nbytes, batches.x.nbytes)
            fitting = min(CHUNK_BATCHES // batches.count, CHUNK_BYTES // row, plan.burst)
            self.max_epochs = max(1, fitting)
        self._weights = np.empty((self.max_epochs, values.size), values.dtype)
        batches_per_run = {batches.batch: batches.per_chunk * self.max_epochs}
        if batches.rest:
            batches_per_run[batches.rest] = 1
        self.engine = NumpyEngine(
            *(state.network, plan.loss, plan.optimizer, state.slots, self.average),
            *(plan.ema or 0.0, state.generators, batches_per_run),
        )
        self._chunks: Iterator[Chunk] | None = None  # of the running epoch

    def advance(self, epochs: int) -> EngineProgress:
        if epochs > 1:
            return self._several_epochs(epochs)
        state = self.state
        if self._chunks is None or state.batch == 0:
            self._chunks = self.batches.epoch(self.order(state.epoch), state.batch, state.epoch)
        return self.update_chunk(next(self._chunks))

    def update_chunk(self, chunk: Chunk) -> EngineProgress:
        """One update per batch, up to the first that meets a non-finite number."""
        state, size = self.state, chunk.batch
        rates = self.rates(len(chunk.xs)).tolist()
        losses = NO_LOSSES
        # NumPy would warn of numbers that the engine looks for and names.
        with turn_of(state.network), np.errstate(all="ignore"):
            done = self.engine.run(
                size, chunk.xs, chunk.ts, rates, state.step, row_weights=chunk.ws
            )
            if done:
                z, ws = self.engine.outputs(size, done), chunk.ws[:done]
                losses = self.tally.add(state.sums, z, chunk.t[: len(z)], size, ws) / size
        self.count_updates(rates[:done])
        return EngineProgress(rates[:done], losses, None, self.engine.failure)

    def _several_epochs(self, epochs: int) -> EngineProgress:
        """All updates in one run, which keeps the weights after each epoch."""
        (chunk,) = self.batches.epoch(None)
        size, weights = chunk.batch, self._weights[:epochs]
        xs, ts = chunk.xs * epochs, chunk.ts * epochs
        rates = self.rates(len(xs)).tolist()
        with turn_of(self.state.network), np.errstate(all="ignore"):
            done = self.engine.run(size, xs, ts, rates, self.state.step, weights)
            whole, more = divmod(done, self.count)
            z, t = self.engine.outputs(size, done), np.tile(chunk.t, (whole, 1))
            sums = self.tally.epochs(z[: len(t)], t, size, whole)
            if more:
                self.tally.add(self.state.sums, z[len(t) :], chunk.t[: more * size], size)
        self.count_updates(rates[:done])
        ended = EndedEpochs(sums, weights[:whole], rates[self.count - 1 : done : self.count])
        return EngineProgress([], NO_LOSSES, ended, self.engine.failure)


class CompiledDriver(EngineDriver):
    """Does many epochs per call of compiled code, or a long epoch in several calls.

    The kernels stop before an update that needs a closer look, and NumPy does that update. How
    much a call does depends on the network and the data alone, never on the clock.
    """

    def __init__(self, plan: Plan, state: State, tally: Tally) -> None:
        from nnlab.engine.compiled.engine import CompiledEngine  # loads what links the kernels

        super().__init__(plan, state, tally)
        batches = self.batches
        self.engine = CompiledEngine(
            *(state.network, plan.loss, plan.optimizer, state.slots, self.average, plan.ema),
            *(state.generators, plan.train, plan.kind, len(state.sums)),
            *((batches.batch, batches.full, batches.rest), self.shuffled),
        )
        self._most = min(self.engine.max_updates, plan.chunk or self.engine.max_updates)
        self._max_updates = self._most  # per call; fewer after a refused update
        self._refused = False  # the next update is NumPy's
        self.max_epochs = self._most_epochs

    @property
    def _most_epochs(self) -> int:
        """Whole epochs per call, at least one: a long one takes several calls."""
        return max(1, min(self.engine.max_epochs, self._most // self.count))

    @cached_property
    def _numpy(self) -> NumpyDriver:
        """The NumPy engine on the same state."""
        return NumpyDriver(self.plan, self.state, self.tally)

    def advance(self, epochs: int) -> EngineProgress:
        state = self.state
        if self._refused:
            self._refused = False
            return self._numpy.update_chunk(
                self.batches.single(self.order(state.epoch), state.batch, state.epoch)
            )
        updates = epochs * self.count
        if epochs == 1:
            updates = min(self.count - state.batch, self._max_updates)
        rates, changed = self.rates(updates), None
        orders = self.orders(epochs)
        if self.plan.train.augmenter is not None:
            changed = self.batches.changed(orders, state.batch, state.epoch, updates)
        order = np.array(orders) if self.shuffled else None  # (K, N)
        call = self.engine.run(order, rates, state.step, state.batch, state.sums, changed)
        self._refused = call.done < updates
        self._max_updates = 1 if self._refused else min(2 * self._max_updates, self._most)
        self.max_epochs = 1 if self._max_updates < self._most else self._most_epochs
        rates = rates[: call.done]
        self.count_updates(rates)
        if epochs > 1:
            last_rates = rates[self.count - 1 :: self.count].tolist()
            ended = EndedEpochs(call.sums, call.weights, last_rates)
            return EngineProgress([], NO_LOSSES, ended, None)
        if len(call.sums):
            state.sums[...] = call.sums[0]
        return EngineProgress(rates.tolist(), call.losses, None, None)


def row_order(plan: Plan, count: int, epoch: int) -> IntArray | None:
    """The order (N,) in which an epoch of `count` batches visits the rows; None for their own."""
    return permutation(plan.seed, epoch, len(plan.train)) if plan.shuffles(count) else None


def engine_driver(plan: Plan, state: State, tally: Tally) -> EngineDriver:
    """The driver of the plan's engine."""
    kind = CompiledDriver if plan.engine == "compiled" else NumpyDriver
    return kind(plan, state, tally)
