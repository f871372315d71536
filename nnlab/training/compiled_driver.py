"""How the compiled engine goes through epochs. Importing it loads the code that links kernels."""

from functools import cached_property

import numpy as np

from nnlab.core.types import IntArray
from nnlab.engine.compiled.engine import CompiledEngine
from nnlab.training.drivers import NO_LOSSES, EndedEpochs, EngineDriver, EngineProgress, NumpyDriver
from nnlab.training.plan import Plan, State
from nnlab.training.tally import Tally


class CompiledDriver(EngineDriver):
    """Does many epochs per call, or a long epoch in several calls.

    The kernels stop before an update that needs a closer look, and NumPy does that update. How
    much a call does depends on the network and the data alone, never on the clock.
    """

    def __init__(self, plan: Plan, state: State, tally: Tally) -> None:
        super().__init__(plan, state, tally)
        batches = self.batches
        self.engine = CompiledEngine(
            *(state.network, plan.loss, plan.optimizer, state.slots, state.average, plan.ema),
            *(plan.train, plan.kind, len(state.sums)),
            *((batches.batch, batches.full, batches.rest), self.shuffled),
        )
        self._max_updates = self.engine.max_updates  # per call; fewer after a refused update
        self._refused = False  # the next update is NumPy's
        self._order = (-1, np.empty((0, 0), np.int64))  # an epoch and its order

    @cached_property
    def _numpy(self) -> NumpyDriver:
        """The NumPy engine on the same state."""
        return NumpyDriver(self.plan, self.state, self.tally)

    @property
    def max_epochs(self) -> int:
        return 1 if self._max_updates < self.engine.max_updates else max(1, self.engine.max_epochs)

    def advance(self, epochs: int) -> EngineProgress:
        state = self.state
        if self._refused:
            self._refused = False
            return self._numpy.update_chunk(
                self.batches.single(self.order(state.epoch), state.batch)
            )
        updates = epochs * self.count
        if epochs == 1:
            updates = min(self.count - state.batch, self._max_updates)
        rates = self.rates(updates)
        call = self.engine.run(
            self._orders(epochs), np.array(rates), state.step, state.batch, state.sums
        )
        self._refused = call.done < updates
        self._max_updates = (
            1 if self._refused else min(2 * self._max_updates, self.engine.max_updates)
        )
        self.count_updates(rates[: call.done])
        if epochs > 1:
            last_rates = rates[self.count - 1 : call.done : self.count]
            ended = EndedEpochs(call.sums, call.weights, last_rates)
            return EngineProgress([], NO_LOSSES, ended, None)
        if len(call.sums):
            state.sums[...] = call.sums[0]
        return EngineProgress(rates[: call.done], call.losses, None, None)

    def _orders(self, epochs: int) -> IntArray | None:
        """The orders (K, N) of the next epochs; that of the running epoch is made once."""
        if not self.shuffled:
            return None
        epoch = self.state.epoch
        if epochs > 1:
            return np.array([self.order(each) for each in range(epoch, epoch + epochs)])
        if self._order[0] != epoch:
            self._order = (epoch, np.array([self.order(epoch)]))
        return self._order[1]
