"""What is trained and how, and the state that changes while training."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from nnlab.core import columns
from nnlab.core.losses import Loss
from nnlab.core.memory import Generators
from nnlab.core.metrics import RowMetric, better_when, row_metrics_of
from nnlab.core.network import Network, search_obstacles
from nnlab.core.optimizers import Optimizer
from nnlab.core.schedules import Patience, Schedule
from nnlab.core.types import Array, FloatArray, Kind
from nnlab.data.batches import Part
from nnlab.status import Status
from nnlab.training.evaluation import Tally


@dataclass(frozen=True)
class Stopping:
    """When to end early: no improvement by more than `min_delta` for `patience` epochs.

    Which epoch is best does not depend on min_delta.
    """

    patience: int
    min_delta: float = 0.0
    restore_best: bool = True


@dataclass(frozen=True)
class Plan:
    """What is trained on what, and how. It does not change."""

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
    monitor: str = columns.name(columns.TRAIN, columns.LOSS)
    metrics: tuple[str, ...] = ()  # metrics of rows, measured after every epoch
    stopping: Stopping | None = None
    ema: float | None = None
    swa: int | None = None  # the first epoch whose weights the equal average takes
    record_steps: bool = False
    burst: int = 1  # epochs that may be done at once, where nothing must be decided between them
    marks: tuple[int, ...] = ()  # epochs, rising, after which a burst must end
    mark_every: int | None = None  # a burst also ends after every n epochs
    engine: Literal["numpy", "compiled"] = "numpy"
    chunk: int | None = None  # the most updates at a time; None: as many as is fast

    @property
    def higher_is_better(self) -> bool:
        """Whether the monitored value gets better as it rises."""
        return better_when(self.monitor) == "max"

    @property
    def evaluates_others(self) -> bool:
        """Whether other weights are evaluated than those that are updated."""
        return (self.ema, self.swa) != (None, None) or self.optimizer.searches

    def shuffles(self, batches: int) -> bool:
        """Whether epochs of so many batches visit the rows in orders of their own."""
        return self.shuffle and batches > 1

    def row_metrics(self, part: str, network: Network) -> list[RowMetric]:
        """The metrics of rows that are asked for of a part: train, val or test."""
        own, quantity = columns.split(self.monitor)
        known = row_metrics_of(self.kind, network.layers)
        wanted = {*self.metrics, *([quantity] if own == part or part == columns.TEST else [])}
        return [metric for name, metric in known.items() if name in wanted]


@dataclass
class Best:
    """The best epoch so far by the monitored value; of equal ones the first."""

    epoch: int = -1
    value: float = float("nan")
    values: Array = field(default_factory=lambda: np.empty(0))


@dataclass
class State:
    """Everything that changes while training. Arrays are changed in place."""

    network: Network
    slots: dict[str, Array]
    average: Array | None  # (V,): of the values, by ema or swa, or the best that were tried
    generators: Generators
    sums: FloatArray  # (S,): the running epoch's tally
    best: Best
    epoch: int = 0  # epochs finished
    batch: int = 0  # batches of the running epoch that are done
    step: int = 0  # updates done
    lr: float = 0.0  # of the last update
    patience: Patience = field(default_factory=Patience)
    improved: int = 0  # the last epoch that was better than `reference` by min_delta
    reference: float = float("nan")
    status: Status = Status.RUNNING  # or COMPLETED, EARLY_STOPPED, DIVERGED

    @property
    def weights(self) -> Array:
        """Parameters and buffers (V,) to evaluate: the average, if there is one."""
        return self.network.values if self.average is None else self.average


def start(plan: Plan, network: Network) -> State:
    """The state before the first update.

    Raises ValueError where something forbids that the optimizer compares losses.
    """
    train, averaged = plan.train, {"ema": plan.ema, "swa": plan.swa}
    given = plan.batch_size >= len(train), train.augmenter is not None, averaged
    for reason in search_obstacles(network.layers, *given).values():
        if plan.optimizer.searches:
            raise ValueError(f"the optimizer compares losses, {reason}")
    return State(
        network=network,
        slots=plan.optimizer.new_slots(network.trained),
        average=network.values.copy() if plan.evaluates_others else None,
        generators=network.generators(plan.seed),
        sums=Tally.of(plan.kind, plan.loss, plan.train.targets, plan.train.weights).zero(),
        best=Best(values=network.values.copy()),
    )


def final_weights(plan: Plan, state: State) -> Array:
    """The final parameters and buffers (V,): the best where early stopping restores them.

    They are not put into the state, which could otherwise not continue for more epochs.
    """
    return state.best.values if restores_best(plan, state) else state.weights


def restores_best(plan: Plan, state: State) -> bool:
    """Whether the final weights are those of the best epoch; never where training diverged."""
    wanted = plan.stopping is not None and plan.stopping.restore_best
    return wanted and state.status != Status.DIVERGED
