"""The compiled engine as training sees it."""

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any, NamedTuple, Protocol

import numpy as np

from nnlab.core.losses import Loss
from nnlab.core.network import Network
from nnlab.core.optimizers import Optimizer
from nnlab.core.types import Array, FloatArray, IntArray
from nnlab.engine import blas
from nnlab.engine.compiled.objects import function, gemm
from nnlab.engine.compiled.program import (
    RULE,
    SLOTS,
    TASK,
    Program,
    Task,
    class_weights,
    compose,
    rule_of,
    task_of,
)

# What a call may cost, in floating-point operations: some 10 ms, and hardly ever 0.5 s.
WORK = 10**9
OVERHEAD = 2_000  # operations that an update costs beside those of its products
KEPT_BYTES = 2**20
ORDER_NUMBERS = 2**18
GEMM = 11  # where the address of BLAS's product stands among the arguments


class TrainingRows(Protocol):
    """The rows to train on; `nnlab.data.batches.Part` is one."""

    inputs: Array
    rows: IntArray
    targets: Array
    lazy: bool
    shift: Array
    factor: Array


class Call(NamedTuple):
    """What one call did."""

    done: int  # updates
    losses: FloatArray  # of each update
    sums: FloatArray  # (K, S): of the epochs that ended
    weights: Array  # (K, P): the weights to evaluate after each, where there are several


class CompiledEngine:
    """Runs updates on theta (P,), the optimizer's slots and the average (P,), all in place."""

    def __init__(
        self,
        network: Network,
        loss: Loss,
        optimizer: Optimizer,
        slots: Mapping[str, Array],
        average: Array | None,
        decay: float | None,
        rows: TrainingRows,
        kind: str,
        sums: int,
        shape: tuple[int, int, int],
        shuffled: bool,
    ) -> None:
        """`shape` is B, how many batches of B rows an epoch has, and the rows of a last one or 0.

        `sums` numbers are summed over an epoch.
        """
        batch, full, rest = shape
        dtype = network.dtype
        program, rule = compose(network, loss, batch, rest), rule_of(optimizer)
        count = len(rows.rows)
        about = (sums, decay, count, rows.lazy, shuffled)
        task = task_of(program, network, loss, rule, slots, shape, kind, *about)
        self.batches = full + (rest > 0)
        self.dtype = dtype
        self.row_count = count
        self.shuffled = shuffled
        self.max_updates = max(1, WORK // cost(program, task))  # per call
        self._kept = np.empty((0, task.parameters), dtype)  # one call's weights after another
        self._held = [
            np.array(tuple(task), TASK),
            np.array(tuple(rule), RULE),
            program.ops,
            program.settings,
            *data(rows, loss, task, dtype),
            network.theta,
            *slots_of(slots, dtype),
            np.zeros(0, dtype) if average is None else average,
            *scratch(program, task, dtype),
        ]
        product = gemm(str(dtype)) if program.wants_blas else 0
        addresses = [address(array) for array in self._held]
        self._addresses = [*addresses[:GEMM], product, *addresses[GEMM:]]
        self._run = function(str(dtype))
        self._wants_blas = program.wants_blas

    @property
    def max_epochs(self) -> int:
        """How many whole epochs one call may run; 0 if not even one."""
        fitting = self.max_updates // self.batches
        if fitting > 1:
            fitting = min(fitting, max(1, KEPT_BYTES // max(1, self._kept.strides[0])))
        if self.shuffled and fitting > 1:
            fitting = min(fitting, max(1, ORDER_NUMBERS // self.row_count))
        return fitting

    def run(
        self, order: IntArray | None, rates: FloatArray, step: int, batch: int, sums: FloatArray
    ) -> Call:
        """One update for each rate, from `batch` of an epoch on; `step` updates came before.

        `order` (K, N) holds the shuffled rows of each epoch that the call touches. Fewer updates
        are done where one needs a closer look: the reference must do the next.
        """
        ended = (batch + rates.size) // self.batches
        ends = np.zeros((ended, sums.size))
        losses = np.empty(rates.size)
        if ended > len(self._kept) and ended > 1:
            self._kept = np.empty((ended, self._kept.shape[1]), self.dtype)
        if order is None:
            order = np.empty((0, 0), np.int64)
        given = (order, rates, sums, losses, ends, self._kept)
        addresses = [*self._addresses, *map(address, given)]
        with blas.turn() if self._wants_blas else nullcontext():
            done = self._run(*addresses, rates.size, step, batch, ended > 1)
        ended = (batch + done) // self.batches
        kept = self._kept[: ended if len(ends) > 1 else 0]
        return Call(done, losses[:done], ends[:ended], kept)


def cost(program: Program, task: Task) -> int:
    """What an update costs, about, in floating-point operations."""
    slots = task.first + task.second + task.velocity + (task.ema >= 0)
    return program.flops + 30 * (task.parameters * (1 + slots) + program.values) + OVERHEAD


def data(rows: TrainingRows, loss: Loss, task: Task, dtype: np.dtype[Any]) -> list[Array]:
    """What is read only, in the order of `epochs.run`."""
    none = np.zeros(0, dtype)
    return [
        class_weights(loss, task.outputs, dtype),
        none if rows.lazy else np.ascontiguousarray(rows.inputs),
        np.ascontiguousarray(rows.inputs) if rows.lazy else np.zeros(0, np.uint8),
        np.ascontiguousarray(rows.rows, np.int64),
        np.array(np.broadcast_to(rows.shift, (task.inputs,)), dtype),
        np.array(np.broadcast_to(rows.factor, (task.inputs,)), dtype),
        np.ascontiguousarray(rows.targets),
    ]


def slots_of(slots: Mapping[str, Array], dtype: np.dtype[Any]) -> list[Array]:
    """The optimizer's slots by what they hold; an empty array for one that it does not have."""
    none = np.zeros(0, dtype)
    return [
        next((slots[name] for name in names if name in slots), none) for names in SLOTS.values()
    ]


def scratch(program: Program, task: Task, dtype: np.dtype[Any]) -> list[Array]:
    """Memory that the kernels write to, in the order of `epochs.run`."""
    return [
        np.zeros(-(-task.parameters // 16) * 16, dtype),
        np.zeros(program.values, dtype),
        np.zeros(program.values, dtype),
        np.zeros(program.room, dtype),
        np.zeros(task.batch, np.int64),
        np.zeros(program.values, np.int64),
        np.zeros(task.layers, np.int64),
        np.ones(1, dtype),
    ]


def address(array: Array) -> int:
    """Where an array's numbers lie."""
    place: int = array.__array_interface__["data"][0]
    return place
