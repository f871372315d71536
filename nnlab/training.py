"""Training: a generator that yields a record of what it has done, and nothing else.

It reads no config, writes no file, prints nothing and looks at no clock. Whoever iterates decides
what to do with the records, and may stop between any two of them: `State` then holds everything
that is needed to go on with the same numbers.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import isfinite
from typing import Literal, NamedTuple

import numpy as np

from nnlab.core.losses import Loss
from nnlab.core.metrics import HIGHER_IS_BETTER, Kind, Tally
from nnlab.core.network import Generators, Network, trained_depth
from nnlab.core.optimizers import Optimizer
from nnlab.core.random import permutation
from nnlab.core.schedules import Patience, Plateau, Schedule
from nnlab.core.types import Array, FloatArray, IntArray
from nnlab.data.batches import Batches, Chunk, Part
from nnlab.engine.reference import Reference

Status = Literal["running", "completed", "early_stopped", "diverged"]
Numbers = dict[str, float]


@dataclass(frozen=True)
class Stopping:
    """When to end early: no improvement by `min_delta` for `patience` epochs."""

    patience: int
    min_delta: float = 0.0
    restore_best: bool = True


@dataclass(frozen=True)
class Plan:
    """What is trained on what, and how; the state is apart."""

    loss: Loss
    optimizer: Optimizer
    schedule: Schedule
    train: Part
    validation: Part | None
    kind: Kind
    epochs: int
    batch_size: int
    seed: int = 0
    shuffle: bool = True
    drop_last: bool = False
    monitor: str = "train_loss"
    higher_is_better: bool = False
    stopping: Stopping | None = None
    ema: float | None = None
    record_steps: bool = False


@dataclass
class Best:
    """The best epoch so far by the monitored value; the earlier one of equals."""

    epoch: int = -1
    value: float = float("nan")
    theta: Array = field(default_factory=lambda: np.empty(0))


@dataclass
class State:
    """Everything that changes while training. Arrays are changed in place."""

    network: Network
    slots: dict[str, Array]
    average: Array | None  # the EMA of theta
    generators: Generators
    sums: FloatArray  # the running epoch's tally
    best: Best
    epoch: int = 0  # epochs finished
    batch: int = 0  # batches of the running epoch that are done
    step: int = 0  # updates done
    patience: Patience = field(default_factory=Patience)
    status: Status = "running"

    @property
    def weights(self) -> Array:
        """The parameters to evaluate: the average where one is kept, else theta."""
        return self.network.theta if self.average is None else self.average


class Steps(NamedTuple):
    """Some updates are done: `batch` of the epoch's `batches`. One rate and loss an update."""

    epoch: int
    step: int
    batch: int
    batches: int
    rates: list[float]
    losses: FloatArray


class Epoch(NamedTuple):
    """An epoch is done; number 0 is the state before training."""

    epoch: int
    step: int
    lr: float
    train: Numbers
    validation: Numbers | None
    is_best: bool


class Failure(NamedTuple):
    """A number became non-finite; theta is as it was before that update."""

    epoch: int
    step: int
    what: str


Record = Steps | Epoch | Failure


def start(plan: Plan, network: Network) -> State:
    """The state before the first update."""
    theta = network.theta
    return State(
        network=network,
        slots={name: np.zeros_like(theta) for name in plan.optimizer.slots},
        average=theta.copy() if plan.ema is not None else None,
        generators=network.generators(plan.seed),
        sums=tally(plan, plan.train).zero(),
        best=Best(theta=theta.copy()),
    )


def tally(plan: Plan, part: Part) -> Tally:
    """What sums up losses and metrics of a part."""
    return Tally.of(plan.kind, plan.loss, part.targets)


def train(plan: Plan, state: State) -> Iterator[Record]:
    """Train `state` to its end by `plan`, yielding a record for row 0, every epoch and chunk.

    The schedule is asked before each epoch or update; the plateau schedule, the best weights and
    early stopping look at the monitored value after each epoch.
    """
    run = Run(plan, state)
    if state.best.epoch < 0 and state.status == "running":  # no row yet
        yield run.initial()
    while state.epoch < plan.epochs and state.status == "running":
        yield from run.epoch()
    if state.status == "running":
        state.status = "completed"
    if state.status != "diverged" and plan.stopping is not None and plan.stopping.restore_best:
        state.weights[...] = state.best.theta


class Run:
    """The objects that `train` builds once: batches, engine, evaluation."""

    def __init__(self, plan: Plan, state: State) -> None:
        self.plan, self.state = plan, state
        self.tally = tally(plan, plan.train)
        self.batches = Batches(plan.train, plan.batch_size, plan.drop_last)
        room = {self.batches.batch: self.batches.per_chunk}
        if self.batches.rest:
            room[self.batches.rest] = 1
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
        self.validation = None
        if plan.validation is not None:
            self.validation = Evaluation(plan, state.network, plan.validation)

    def initial(self) -> Record:
        """Row 0: both parts evaluated before the first update."""
        evaluation = Evaluation(self.plan, self.state.network, self.plan.train)
        return self.finished(evaluation(self.state.weights), self.rates(1)[0])

    def epoch(self) -> Iterator[Record]:
        """The rest of the running epoch."""
        plan, state = self.plan, self.state
        shuffled = plan.shuffle and self.batches.count > 1
        order = permutation(plan.seed, state.epoch, len(plan.train)) if shuffled else None
        for chunk in self.batches.epoch(order, state.batch):
            rates = self.rates(len(chunk.xs))
            losses = self.updates(chunk, rates)
            if self.engine.broken is not None:
                yield self.failed(str(self.engine.broken))
                return
            if plan.record_steps or state.batch < self.batches.count:
                yield self.steps(rates, losses / chunk.batch)
        train, lr = self.tally.result(state.sums), self.last_rate()
        state.epoch += 1
        state.batch = 0
        state.sums[...] = 0.0
        yield self.finished(train, lr)

    def updates(self, chunk: Chunk, rates: list[float]) -> FloatArray:
        """One update a batch of the chunk; their losses."""
        state = self.state
        done = self.engine.run(chunk.batch, chunk.xs, chunk.ts, rates, state.step)
        state.step += done
        state.batch += done
        if self.engine.broken is not None:
            return np.empty(0)
        z = self.engine.outputs(chunk.batch, done)
        with np.errstate(all="ignore"):  # sums that overflow are found after the epoch
            return self.tally.add(state.sums, z, chunk.t, chunk.batch)

    def rates(self, updates: int) -> list[float]:
        """The learning rates of the next updates."""
        schedule, state = self.plan.schedule, self.state
        lr = self.plan.optimizer.lr
        if schedule.per == "step":
            total = self.plan.epochs * self.batches.count
            return [schedule.rate(state.step + i, lr, total) for i in range(updates)]
        rate = schedule.rate(state.epoch, lr, self.plan.epochs)
        if isinstance(schedule, Plateau):
            rate = max(rate * state.patience.factor, min(rate, schedule.min))
        return [rate] * updates

    def last_rate(self) -> float:
        """The learning rate of the last update of the epoch, also if another process did it."""
        schedule, total = self.plan.schedule, self.plan.epochs * self.batches.count
        if schedule.per == "step":
            return schedule.rate(self.state.step - 1, self.plan.optimizer.lr, total)
        return self.rates(1)[0]

    def steps(self, rates: list[float], losses: FloatArray) -> Steps:
        """The record of a chunk."""
        state = self.state
        return Steps(state.epoch + 1, state.step, state.batch, self.batches.count, rates, losses)

    def failed(self, what: str) -> Failure:
        """Ends the training as diverged."""
        self.state.status = "diverged"
        return Failure(self.state.epoch + 1, self.state.step, what)

    def finished(self, train: Numbers, lr: float) -> Record:
        """The record of a finished epoch, after everything that looks at the monitored value."""
        state = self.state
        validation = self.validation(state.weights) if self.validation is not None else None
        if not isfinite(train["loss"]):
            return self.failed("the training loss")
        if validation is not None and not isfinite(validation["loss"]):
            return self.failed("the validation loss")
        part, _, name = self.plan.monitor.partition("_")
        monitored = validation if part == "val" and validation is not None else train
        is_best = self.judge(monitored[name])
        return Epoch(state.epoch, state.step, lr, train, validation, is_best)

    def judge(self, value: float) -> bool:
        """Best weights, plateau and early stopping; whether the monitored value is the best."""
        plan, state = self.plan, self.state
        sign = -1.0 if plan.higher_is_better else 1.0
        margin = plan.stopping.min_delta if plan.stopping is not None else 0.0
        best = state.best
        is_best = best.epoch < 0 or sign * value < sign * best.value - margin
        if is_best:
            best.epoch, best.value = state.epoch, value
            best.theta[...] = state.weights
        if isinstance(plan.schedule, Plateau) and state.epoch > 0:
            state.patience = plan.schedule.observe(state.patience, value, plan.higher_is_better)
        if plan.stopping is not None and state.epoch - best.epoch >= plan.stopping.patience:
            state.status = "early_stopped"
        return is_best


class Evaluation:
    """Loss and metrics of a part in evaluation mode, in large batches."""

    def __init__(self, plan: Plan, network: Network, part: Part) -> None:
        self.tally = tally(plan, part)
        self.batches = Batches(part, evaluation_batch(network, len(part)))
        self.depth = trained_depth(network.layers, plan.loss)
        self.theta = network.theta.copy()
        sizes = {self.batches.batch, self.batches.rest} - {0}
        self.bound = {
            size: network.bind(size, depth=self.depth, theta=self.theta) for size in sizes
        }

    def logits(self, weights: Array) -> Iterator[tuple[Array, Array]]:
        """z and t of batch after batch with these parameters (P,); z is overwritten by the next."""
        self.theta[...] = weights
        for chunk in self.batches.epoch(None):
            for x, t in zip(chunk.xs, chunk.ts, strict=True):
                with np.errstate(all="ignore"):
                    yield self.bound[chunk.batch].forward(x), t

    def __call__(self, weights: Array) -> Numbers:
        """{"loss": ..., metric: ...} with these parameters (P,)."""
        sums = self.tally.zero()
        with np.errstate(all="ignore"):
            for z, t in self.logits(weights):
                self.tally.add(sums, z, t, len(z))
        return self.tally.result(sums)


def evaluation_batch(network: Network, rows: int) -> int:
    """As many rows as keep the widest layer's output below a million numbers, at most 1,024."""
    widest = max(int(np.prod(row)) for row in network.shapes)
    return max(1, min(rows, 1024, 2**20 // widest))


def is_higher_better(monitor: str) -> bool:
    """Whether a monitored value like "val_accuracy" should grow."""
    return monitor.partition("_")[2] in HIGHER_IS_BETTER


def labels_of(targets: Array) -> IntArray:
    """Class numbers (N,) from one-hot rows (N, C), or from one column of 0 and 1."""
    found: IntArray = targets.argmax(1) if targets.shape[1] > 1 else (targets[:, 0] > 0.5) * 1
    return found
