"""How the compiled engine goes through epochs: many in a call, or a long one in several calls."""

from collections.abc import Iterator
from functools import cached_property

import numpy as np

from nnlab.core.metrics import Tally
from nnlab.core.types import FloatArray, IntArray
from nnlab.engine.compiled.engine import Call, Compiled
from nnlab.engine.reference import Broken
from nnlab.training.chunks import ByChunks
from nnlab.training.pace import Burst, Pace
from nnlab.training.plan import Plan, State


class ByCalls(Pace):
    """The kernel stops before an update that wants a closer look; NumPy does that one.

    What a call may do depends on the network and the data alone, never on the clock.
    """

    def __init__(self, plan: Plan, state: State, tally: Tally) -> None:
        Pace.__init__(self, plan, state, tally)
        batches = self.batches
        self.engine = Compiled(
            state.network,
            plan.loss,
            plan.optimizer,
            state.slots,
            state.average,
            plan.ema,
            plan.train,
            plan.kind,
            len(state.sums),
            (batches.batch, batches.full, batches.rest),
            self.shuffled,
        )
        self.limit = self.engine.updates  # of a call; less after an update that it would not do
        self._shuffle = (-1, np.empty((0, 0), np.int64))  # an epoch and its order

    @cached_property
    def closer(self) -> ByChunks:
        """The NumPy engine on the same state."""
        return ByChunks(self.plan, self.state, self.tally)

    @property
    def most(self) -> int:
        """As many as a call may do; 1 for a while after an update that it would not do."""
        return 1 if self.limit < self.engine.updates else max(1, self.engine.epochs())

    @property
    def broken(self) -> Broken | None:
        """As the NumPy engine says, where it was asked."""
        return self.closer.broken if "closer" in vars(self) else None

    def epochs(self, count: int) -> Burst:
        """One call, which leaves the weights after each epoch."""
        state = self.state
        epochs = range(state.epoch, state.epoch + count)
        orders = [self.order(epoch) for epoch in epochs] if self.shuffled else None
        rates = self.rates(count * self.count)
        call = self.call(None if orders is None else np.array(orders), rates)
        more = call.done % self.count
        lrs = rates[self.count - 1 : call.done : self.count]
        return Burst(call.ends, lrs, call.weights, more, None)

    def epoch(self) -> Iterator[tuple[list[float], FloatArray]]:
        """Call by call."""
        state, batches = self.state, self.batches
        while state.batch < self.count:
            rates = self.rates(min(self.count - state.batch, self.limit))
            call = self.call(self.running(), rates)
            state.step += call.done
            state.batch += call.done
            if len(call.ends):
                state.sums[...] = call.ends[0]
            if call.done:
                state.lr = rates[call.done - 1]
                yield rates[: call.done], call.losses
            if call.done < len(rates):
                order = self.order(state.epoch)
                yield from self.closer.one(batches.single(order, state.batch))
                if self.broken is not None:
                    return

    def call(self, order: IntArray | None, rates: list[float]) -> Call:
        """One call of the engine; the counters of the state stay."""
        state = self.state
        given = np.array(rates)
        call = self.engine.run(order, given, state.step, state.batch, state.sums)
        stopped = call.done < len(rates)
        self.limit = 1 if stopped else min(2 * self.limit, self.engine.updates)
        return call

    def running(self) -> IntArray | None:
        """The order of the running epoch (1, N), made once for all its calls."""
        order = None
        if self.shuffled:
            if self._shuffle[0] != self.state.epoch:
                self._shuffle = (self.state.epoch, np.array([self.order(self.state.epoch)]))
            order = self._shuffle[1]
        return order
