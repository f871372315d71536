"""The training loop: a generator that yields records of what was done, and nothing else.

It reads no config, writes no file, prints nothing and looks at no clock. The caller decides what
to do with the records, and may stop between any two bursts: `State` then holds everything that is
needed to continue with the same numbers.
"""

from collections.abc import Iterator, Sequence
from itertools import repeat
from math import inf

import numpy as np

from nnlab.core import columns
from nnlab.core.schedules import Plateau
from nnlab.core.types import Array
from nnlab.engine.numpy_engine import NonFinite
from nnlab.status import Status
from nnlab.training.drivers import NO_PROGRESS, EndedEpochs, EngineProgress, engine_driver
from nnlab.training.evaluation import Evaluation, Tally, non_finite
from nnlab.training.plan import Plan, State, Stopping
from nnlab.training.records import Epoch, Failure, Numbers, Record, Steps
from nnlab.training.swa import WeightAverage


def run_training(plan: Plan, state: State) -> Iterator[Record]:
    """Train `state` to its end by `plan`, yielding records.

    With `plan.burst` 1, its default, the state belongs to each record; else see `run_bursts`.
    """
    for records in run_bursts(plan, state):
        yield from records


def run_bursts(plan: Plan, state: State) -> Iterator[list[Record]]:
    """The same records in lists; the state belongs to the last record of each.

    Epochs of a few small batches cost less than the work between them. So up to `plan.burst`
    epochs are done at once where nothing must be decided after each.
    """
    tally = Tally.of(plan.kind, plan.loss, plan.train.targets, plan.train.weights)
    driver = engine_driver(plan, state, tally)
    book = EpochBook(plan, state, tally, driver.count)
    if state.best.epoch < 0 and state.status == Status.RUNNING:
        yield book.untrained(float(driver.rates(1)[0]))
    while state.epoch < plan.epochs and state.status == Status.RUNNING:
        # Gather rows, forward, loss, backward, update, tally: once per batch. A training that was
        # stopped before it closed an epoch has nothing more to do in it.
        progress = NO_PROGRESS
        if state.batch < driver.count:
            progress = driver.advance(epochs_until_decision(plan, state, driver.max_epochs))
        if steps := steps_record(plan, state, driver.count, progress):
            yield [steps]
        ended = driver.end_epoch() if state.batch == driver.count else progress.ended
        if records := book.close(ended, progress.failure):
            yield records
    if state.status == Status.RUNNING:
        state.status = Status.COMPLETED


def steps_record(plan: Plan, state: State, count: int, progress: EngineProgress) -> Steps | None:
    """The record of some updates; of the last ones of an epoch only if it was asked for."""
    rates, losses = progress.rates, progress.losses
    if not rates or (state.batch == count and not plan.record_steps):
        return None
    return Steps(state.epoch + 1, state.step, state.batch, count, rates, losses)


def epochs_until_decision(plan: Plan, state: State, most: int) -> int:
    """How many whole epochs, at most `most`, may be done before something is decided or saved."""
    watched = plan.validation is not None or plan.stopping is not None or plan.record_steps
    if most == 1 or watched or isinstance(plan.schedule, Plateau) or state.batch:
        return 1
    if plan.row_metrics(columns.TRAIN, state.network):
        return 1
    end = min((mark for mark in plan.marks if mark > state.epoch), default=plan.epochs)
    if plan.mark_every is not None:
        end = min(end, state.epoch - state.epoch % plan.mark_every + plan.mark_every)
    return min(plan.burst, end - state.epoch, most)


class EpochBook:
    """Turns epochs that ended into records, and decides what follows from their numbers."""

    def __init__(self, plan: Plan, state: State, tally: Tally, count: int) -> None:
        """`count` batches make an epoch."""
        self.plan, self.state, self.tally, self.count = plan, state, tally, count
        self.validation: Evaluation | None = None
        if plan.validation is not None:
            metrics = plan.row_metrics(columns.VAL, state.network)
            self.validation = Evaluation(
                plan.kind, plan.loss, state.network, plan.validation, metrics
            )
        # Other metrics of training are running means; metrics of rows need the weights afterwards.
        self.row_metrics = plan.row_metrics(columns.TRAIN, state.network)
        self.training = self._training_evaluation() if self.row_metrics else None
        self.average = None if plan.swa is None else WeightAverage(plan, state, plan.swa)
        part, self.quantity = columns.split(plan.monitor)
        self.monitors_validation = part == columns.VAL and self.validation is not None
        self.sign = -1.0 if plan.higher_is_better else 1.0  # a value times this is to fall

    def untrained(self, lr: float) -> list[Record]:
        """Row 0: both parts evaluated before the first update."""
        state = self.state
        train = (self.training or self._training_evaluation())(state.weights)
        wrong = non_finite(train)
        return self._records(0, [train] if wrong is None else [], wrong, state.weights[None], [lr])

    def _training_evaluation(self) -> Evaluation:
        plan, network = self.plan, self.state.network
        return Evaluation(plan.kind, plan.loss, network, plan.train, self.row_metrics)

    def close(self, ended: EndedEpochs | None, failure: NonFinite | None) -> list[Record]:
        """The records of epochs, up to the first non-finite number, and of a failed update."""
        state, records = self.state, []
        if ended is not None and ended.rates:
            state.batch -= self.count * len(ended.rates)
            train, wrong = self.tally.results(ended.sums)
            weights = ended.weights if self.average is None else self.average.follow(ended.weights)
            if self.training is not None and train:  # there is only one epoch
                train = [train[0] | self.training.row_numbers(weights[0])]
            records = self._records(state.epoch + 1, train, wrong, weights, ended.rates)
        if failure is not None and state.status == Status.RUNNING:
            state.status = Status.DIVERGED
            records.append(Failure(state.epoch + 1, state.step + 1, str(failure)))
        return records

    def _records(
        self,
        first: int,
        train: list[Numbers],
        wrong: str | None,
        weights: Array,
        rates: Sequence[float],
    ) -> list[Record]:
        """Those of the epochs from `first` on; with validation there is only one.

        wrong: the number of the epoch after these that is not finite, if there was such.
        weights: (K, V), after each epoch.
        """
        state, validation = self.state, None
        failure = None if wrong is None else f"training {wrong}"
        monitored = train
        if self.validation is not None and train:
            validation = self.validation(weights[0])
            if (wrong := non_finite(validation)) is not None:
                train, failure = [], f"validation {wrong}"
            monitored = [validation] if self.monitors_validation and train else train
        last = first + len(train) - 1
        state.epoch = last if failure is None else last + 1
        is_best = self._follow(first, [numbers[self.quantity] for numbers in monitored], weights)
        steps = range(first * self.count, last * self.count + 1, self.count)
        rows = zip(range(first, last + 1), steps, rates, train, repeat(validation), is_best)
        # `Epoch._make` is a function of Python, and takes three times as long.
        records: list[Record] = list(map(tuple.__new__, repeat(Epoch), rows))
        if failure is not None:  # go back to the end of that epoch
            state.status = Status.DIVERGED
            state.step, state.batch = state.epoch * self.count, 0
            state.weights[...] = weights[len(train)]
            records.append(Failure(state.epoch, state.step, failure))
        return records

    def _follow(self, first: int, values: list[float], weights: Array) -> list[bool]:
        """Keep the best weights; whether each monitored value is the best so far.

        Plateau schedule and early stopping see a value too; there is one with either.
        """
        plan, best = self.plan, self.state.best
        before = inf if best.epoch < 0 else self.sign * best.value
        is_best = improvements([self.sign * value for value in values], before)
        if True in is_best:
            index = len(is_best) - 1 - is_best[::-1].index(True)
            best.epoch, best.value = first + index, values[index]
            best.values[...] = weights[index]
        if plan.stopping is not None or isinstance(plan.schedule, Plateau):
            for value in values:
                self._adapt(first, value)
        return is_best

    def _adapt(self, epoch: int, value: float) -> None:
        """Show the monitored value to the plateau schedule and to early stopping."""
        plan, state = self.plan, self.state
        if isinstance(plan.schedule, Plateau) and epoch > 0:
            state.patience = plan.schedule.observe(state.patience, value, plan.higher_is_better)
        if plan.stopping is not None:
            self._stop_early(plan.stopping, value)

    def _stop_early(self, stopping: Stopping, value: float) -> None:
        """End the training where the value has not improved for too long."""
        state, sign = self.state, self.sign
        # The reference is nan before the first value.
        if not sign * value >= sign * state.reference - stopping.min_delta:
            state.improved, state.reference = state.epoch, value
        if state.epoch - state.improved >= stopping.patience:
            state.status = Status.EARLY_STOPPED


def improvements(values: list[float], before: float) -> list[bool]:
    """Whether each value is smaller than `before` and all values before it."""
    if len(values) == 1:  # arrays of one number would take longer
        return [values[0] < before]
    lowest = np.minimum.accumulate([before, *values])
    return (lowest[1:] < lowest[:-1]).tolist()
