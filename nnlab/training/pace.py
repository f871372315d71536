"""What both engines share on their way through epochs: the order of rows, the rates."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import NamedTuple

from nnlab.core.metrics import Tally
from nnlab.core.random import permutation
from nnlab.core.schedules import Constant, Plateau
from nnlab.core.types import Array, FloatArray, IntArray
from nnlab.data.batches import Batches
from nnlab.engine.reference import Broken
from nnlab.training.plan import Plan, State


class Burst(NamedTuple):
    """Several epochs: sums (K, S), last rate and weights (K, P) of each that came to its end."""

    sums: FloatArray
    lrs: list[float]
    weights: Array
    more: int  # updates after the last end
    broken: Broken | None


class Pace(ABC):
    """Updates `state` by `plan`. `count` batches are an epoch."""

    def __init__(self, plan: Plan, state: State, tally: Tally) -> None:
        self.plan, self.state, self.tally = plan, state, tally
        self.batches = Batches(plan.train, plan.batch_size, plan.drop_last)
        self.count = self.batches.count
        self.shuffled = plan.shuffle and self.count > 1

    @property
    @abstractmethod
    def most(self) -> int:
        """How many epochs a burst may have; 1 where there is none."""

    @property
    @abstractmethod
    def broken(self) -> Broken | None:
        """The number that was not finite, if one was."""

    @abstractmethod
    def epoch(self) -> Iterator[tuple[list[float], FloatArray]]:
        """The rest of the running epoch: rates and losses of the updates, part by part."""

    @abstractmethod
    def epochs(self, count: int) -> Burst:
        """`count` whole epochs, or fewer; the counters of the state stay."""

    def order(self, epoch: int) -> IntArray | None:
        """In which order an epoch visits the rows, if not in their own."""
        if not self.shuffled:
            return None
        return permutation(self.plan.seed, epoch, len(self.plan.train))

    def rates(self, updates: int) -> list[float]:
        """The learning rates of the next updates, from the current one on."""
        schedule, state, plan = self.plan.schedule, self.state, self.plan
        lr = plan.optimizer.lr
        if schedule.per == "step":
            total = plan.epochs * self.count
            return [schedule.rate(state.step + i, lr, total) for i in range(updates)]
        if isinstance(schedule, Constant) and not schedule.warmup:
            return [lr] * updates
        last = state.epoch + (state.batch + updates - 1) // self.count
        found: list[float] = []
        for epoch in range(state.epoch, last + 1):
            rate = schedule.rate(epoch, lr, plan.epochs)
            if isinstance(schedule, Plateau):
                rate = schedule.lowered(rate, state.patience)
            found += [rate] * self.count
        return found[state.batch : state.batch + updates]
