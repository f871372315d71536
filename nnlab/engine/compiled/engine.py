"""The compiled engine as training sees it."""

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any, NamedTuple, Protocol

import numpy as np

from nnlab.core.losses import Loss
from nnlab.core.metrics import Kind
from nnlab.core.network import Network
from nnlab.core.optimizers import Optimizer
from nnlab.core.types import Array, FloatArray, IntArray
from nnlab.engine import blas
from nnlab.engine.compiled.objects import function, gemm
from nnlab.engine.compiled.program import (
    ARGUMENTS,
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
WEIGHT_BYTES = 2**20  # of all weights that a call stores
ORDER_NUMBERS = 2**18  # of all orders that a call gets


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
        kind: Kind,
        sums: int,
        shape: tuple[int, int, int],
        shuffled: bool,
    ) -> None:
        """`shape`: the batch size B, the full batches of an epoch, the rows of a last one or 0.

        `sums` numbers are summed over an epoch.
        """
        batch, full, rest = shape
        dtype = network.dtype
        program, rule = compose(network, loss, batch, rest), rule_of(optimizer)
        task = task_of(
            *(program, network, loss, rule, slots, shape, kind),
            sums=sums,
            ema=-1.0 if decay is None else decay,
            rows=len(rows.rows),
            raw=rows.lazy,
            shuffled=shuffled,
        )
        self.batches = full + (rest > 0)
        self.shuffled, self.row_count = shuffled, len(rows.rows)
        self.max_updates = max(1, WORK // update_cost(program, task))  # per call
        self._weights = np.empty((0, task.parameters), dtype)  # after each epoch of a call
        none = np.zeros(0, dtype)
        self._arrays = {
            "tasks": np.array(tuple(task), TASK),
            "rules": np.array(tuple(rule), RULE),
            "ops": program.ops,
            "settings": program.settings,
            "class_weights": class_weights(loss, task.outputs, dtype),
            **row_arrays(rows, task.inputs, dtype),
            "theta": network.theta,
            **{
                role: next((slots[name] for name in names if name in slots), none)
                for role, names in SLOTS.items()
            },
            "average": none if average is None else average,
            "g": np.zeros(-(-task.parameters // 16) * 16, dtype),
            "a": np.zeros(program.values, dtype),
            "d": np.zeros(program.values, dtype),
            "room": np.zeros(program.room, dtype),
            "picked": np.zeros(task.batch, np.int64),
            "inputs": np.zeros(program.values, np.int64),
            "counts": np.zeros(task.layers, np.int64),
            "ones": np.ones(1, dtype),
        }
        addresses = {name: address(array) for name, array in self._arrays.items()}
        addresses["gemm"] = gemm(str(dtype)) if program.wants_blas else 0
        self._addresses = [addresses[name] for name in ARGUMENTS if name in addresses]
        self._run_updates = function(str(dtype))
        self._wants_blas = program.wants_blas

    @property
    def max_epochs(self) -> int:
        """How many whole epochs one call may run; 0 if not even one."""
        fitting = self.max_updates // self.batches
        if fitting > 1:
            fitting = min(fitting, max(1, WEIGHT_BYTES // max(1, self._weights.strides[0])))
        if self.shuffled and fitting > 1:
            fitting = min(fitting, max(1, ORDER_NUMBERS // self.row_count))
        return fitting

    def run(
        self, order: IntArray | None, rates: FloatArray, step: int, batch: int, sums: FloatArray
    ) -> Call:
        """One update for each rate, from `batch` of an epoch on; `step` updates came before.

        `order` (K, N) holds the shuffled rows of each epoch that the call touches. Fewer updates
        are done where one needs a closer look: the NumPy engine must do the next.
        """
        epochs = (batch + rates.size) // self.batches
        ended_sums = np.zeros((epochs, sums.size))
        losses = np.empty(rates.size)
        if epochs > len(self._weights) and epochs > 1:
            self._weights = np.empty((epochs, self._weights.shape[1]), self._weights.dtype)
        if order is None:
            order = np.empty((0, 0), np.int64)
        # The last addresses of ARGUMENTS.
        arrays = (order, rates, sums, losses, ended_sums, self._weights)
        addresses = [*self._addresses, *map(address, arrays)]
        with blas.turn() if self._wants_blas else nullcontext():
            done = self._run_updates(*addresses, rates.size, step, batch, epochs > 1)
        ended = (batch + done) // self.batches
        weights = self._weights[: ended if epochs > 1 else 0]
        return Call(done, losses[:done], ended_sums[:ended], weights)


def update_cost(program: Program, task: Task) -> int:
    """About how many floating-point operations an update costs."""
    slots = task.first + task.second + task.velocity + (task.ema >= 0)
    return program.flops + 30 * (task.parameters * (1 + slots) + program.values) + OVERHEAD


def row_arrays(rows: TrainingRows, inputs: int, dtype: np.dtype[Any]) -> dict[str, Array]:
    """The rows to train on, and how pixels (uint8) become numbers."""
    data = np.ascontiguousarray(rows.inputs)
    return {
        "x": np.zeros(0, dtype) if rows.lazy else data,
        "raw": data if rows.lazy else np.zeros(0, np.uint8),
        "numbers": np.ascontiguousarray(rows.rows, np.int64),
        "shift": np.array(np.broadcast_to(rows.shift, (inputs,)), dtype),
        "factor": np.array(np.broadcast_to(rows.factor, (inputs,)), dtype),
        "t": np.ascontiguousarray(rows.targets),
    }


def address(array: Array) -> int:
    """Where an array's numbers lie."""
    place: int = array.__array_interface__["data"][0]
    return place
