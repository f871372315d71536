"""The training loop: a generator that yields records of what it has done, and nothing else.

It reads no config, writes no file, prints nothing and looks at no clock. Whoever iterates decides
what to do with the records, and may stop between any two bursts: `State` then holds everything
that is needed to go on with the same numbers.
"""

from collections.abc import Iterator
from itertools import repeat
from math import isfinite

import numpy as np

from nnlab.core import columns
from nnlab.core.metrics import Tally
from nnlab.core.schedules import Plateau
from nnlab.core.types import Array
from nnlab.data.batches import Part
from nnlab.training.chunks import ByChunks
from nnlab.training.evaluation import Evaluation, tally
from nnlab.training.pace import Burst, Pace
from nnlab.training.plan import Plan, State
from nnlab.training.records import Epoch, Failure, Numbers, Record, Steps


def train(plan: Plan, state: State) -> Iterator[Record]:
    """Train `state` to its end by `plan`, yielding a record for row 0, every epoch and chunk.

    The schedule is asked before each epoch or update; the plateau schedule, the best weights and
    early stopping look at the monitored value after each epoch. With `plan.burst` 1, its default,
    the state belongs to the record; else see `bursts`.
    """
    for records in bursts(plan, state):
        yield from records


def bursts(plan: Plan, state: State) -> Iterator[list[Record]]:
    """The same records in lists; the state belongs to the last of each.

    Epochs of a few small batches cost less than what is done between them. So up to `plan.burst`
    of them are done in one go where nothing must be decided after each: no validation part, no
    early stopping, no plateau. A burst ends at the epochs that the plan marks.
    """
    run = Run(plan, state)
    if state.best.epoch < 0 and state.status == "running":
        yield [run.initial()]
    while state.epoch < plan.epochs and state.status == "running":
        count = run.reach()
        if count > 1 and (records := run.epochs(count)):
            yield records
        else:
            for record in run.epoch():
                yield [record]
    if state.status == "running":
        state.status = "completed"


def pace(plan: Plan, state: State, tally: Tally) -> Pace:
    """The engine of the plan at work; numba takes 0.3 s to import, so only where it is wanted."""
    if plan.engine == "compiled":
        from nnlab.training.calls import ByCalls

        return ByCalls(plan, state, tally)
    return ByChunks(plan, state, tally)


class Run:
    """The objects that `train` builds once, and what happens between their updates."""

    def __init__(self, plan: Plan, state: State) -> None:
        self.plan, self.state = plan, state
        self.tally = tally(plan.kind, plan.loss, plan.train)
        self.pace = pace(plan, state, self.tally)
        self.validation = self.evaluation(plan.validation)

    def evaluation(self, part: Part | None) -> Evaluation | None:
        """What evaluates a part, if there is one."""
        if part is None:
            return None
        return Evaluation(self.plan.kind, self.plan.loss, self.state.network, part)

    def initial(self) -> Record:
        """Row 0: both parts evaluated before the first update."""
        evaluation = self.evaluation(self.plan.train)
        assert evaluation is not None
        train = evaluation(self.state.weights)
        return self.finished(train, self.pace.rates(1)[0], self.state.weights)

    def reach(self) -> int:
        """How many whole epochs may be done before something must be decided or looked at."""
        plan, state = self.plan, self.state
        watched = self.validation is not None or plan.stopping is not None or plan.record_steps
        if watched or isinstance(plan.schedule, Plateau) or state.batch:
            return 1
        end = min((mark for mark in plan.marks if mark > state.epoch), default=plan.epochs)
        if plan.mark_every is not None:
            end = min(end, state.epoch - state.epoch % plan.mark_every + plan.mark_every)
        return min(plan.burst, end - state.epoch, self.pace.most)

    def epochs(self, count: int) -> list[Record]:
        """Several whole epochs; fewer, and perhaps a failure, if one does not come to its end."""
        state = self.state
        burst = self.pace.epochs(count)
        records: list[Record] = []
        if np.isfinite(burst.sums).all():
            records += self.plain(burst)
        else:
            for row, lr, weights in zip(burst.sums, burst.lrs, burst.weights, strict=True):
                state.epoch += 1
                state.step += self.pace.count
                state.lr = lr
                records.append(self.finished(self.tally.result(row), lr, weights))
                if state.status != "running":
                    state.weights[...] = weights
                    return records
        state.step += burst.more
        state.batch = burst.more
        if burst.broken is not None:
            records.append(self.failed(str(burst.broken), state.epoch + 1, state.step + 1))
        return records

    def plain(self, burst: Burst) -> list[Epoch]:
        """What `finished` says of epochs whose numbers are finite, all at once."""
        state, best, count = self.state, self.state.best, self.pace.count
        numbers = self.tally.results(burst.sums)
        name = columns.split(self.plan.monitor)[1]
        signed = np.array([best.value, *(one[name] for one in numbers)])
        if self.plan.higher_is_better:
            np.negative(signed, signed)
        better = (signed[1:] < np.minimum.accumulate(signed)[:-1]).tolist()
        ends = range(state.epoch + 1, state.epoch + 1 + len(numbers))
        steps = range(state.step + count, state.step + count * len(numbers) + 1, count)
        rows = zip(ends, steps, burst.lrs, numbers, repeat(None), better)
        records = list(map(Epoch._make, rows))
        if records:
            last = records[-1]
            state.epoch, state.step, state.lr = last.epoch, last.step, last.lr
        if True in better:
            index = len(better) - 1 - better[::-1].index(True)
            best.epoch, best.value = records[index].epoch, numbers[index][name]
            best.values[...] = burst.weights[index]
        return records

    def epoch(self) -> Iterator[Record]:
        """The rest of the running epoch."""
        plan, state, pace = self.plan, self.state, self.pace
        for rates, losses in pace.epoch():
            if plan.record_steps or state.batch < pace.count:
                epoch = state.epoch + 1
                yield Steps(epoch, state.step, state.batch, pace.count, rates, losses)
        if pace.broken is not None:
            yield self.failed(str(pace.broken), state.epoch + 1, state.step + 1)
            return
        train = self.tally.result(state.sums)
        state.epoch += 1
        state.batch = 0
        state.sums[...] = 0.0
        yield self.finished(train, state.lr, state.weights)

    def failed(self, what: str, epoch: int, step: int) -> Failure:
        """Ends the training as diverged."""
        self.state.status = "diverged"
        return Failure(epoch, step, what)

    def finished(self, train: Numbers, lr: float, weights: Array) -> Record:
        """The record of a finished epoch, after everything that looks at the monitored value."""
        state = self.state
        validation = self.validation(weights) if self.validation is not None else None
        for part, numbers in (("training", train), ("validation", validation or {})):
            for name, value in numbers.items():
                if not isfinite(value):
                    return self.failed(f"{part} {name}", state.epoch, state.step)
        part, name = columns.split(self.plan.monitor)
        monitored = validation if part == columns.VAL and validation is not None else train
        is_best = self.judge(monitored[name], weights)
        return Epoch(state.epoch, state.step, lr, train, validation, is_best)

    def judge(self, value: float, weights: Array) -> bool:
        """Best weights, plateau and early stopping; whether the monitored value is the best."""
        plan, state = self.plan, self.state
        sign = -1.0 if plan.higher_is_better else 1.0
        best = state.best
        first = best.epoch < 0
        is_best = first or sign * value < sign * best.value
        if is_best:
            best.epoch, best.value = state.epoch, value
            best.values[...] = weights
        if isinstance(plan.schedule, Plateau) and state.epoch > 0:
            state.patience = plan.schedule.observe(state.patience, value, plan.higher_is_better)
        if plan.stopping is not None:
            margin = plan.stopping.min_delta
            if first or sign * value < sign * state.reference - margin:
                state.improved, state.reference = state.epoch, value
            if state.epoch - state.improved >= plan.stopping.patience:
                state.status = "early_stopped"
        return is_best
