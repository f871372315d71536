"""The compiled engine as training sees it."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import DTypeLike

from nnlab.core.losses import Loss
from nnlab.core.network import Network
from nnlab.core.optimizers import TINY, Optimizer
from nnlab.core.types import Array, FloatArray, IntArray
from nnlab.engine.compiled import cache
from nnlab.engine.compiled.program import (
    SLOTS,
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


class Rows(Protocol):
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
    ends: FloatArray  # (K, S) sums of the epochs that ended
    weights: Array  # (K, P): the weights to evaluate after each, where there are several


class Compiled:
    """Runs updates on theta (P,), the optimizer's slots and the average (P,), all in place."""

    def __init__(
        self,
        network: Network,
        loss: Loss,
        optimizer: Optimizer,
        slots: Mapping[str, Array],
        average: Array | None,
        decay: float,
        rows: Rows,
        kind: str,
        batch: int,
        full: int,
        rest: int,
        shuffled: bool,
    ) -> None:
        """`full` batches of `batch` rows and one of `rest`, if that is not 0, are an epoch."""
        dtype = network.dtype
        outputs = rows.targets.shape[1]
        program = compose(network, loss, batch, rest)
        rule = rule_of(optimizer)
        none = np.zeros(0, dtype)
        held = {
            role: next((slots[name] for name in names if name in slots), none)
            for role, names in SLOTS.items()
        }
        averaged = none if average is None else average
        self.batches = full + (rest > 0)
        self.dtype = dtype
        self.row_count = len(rows.rows)
        self.shuffled = shuffled
        changing = network.theta.size + averaged.size + sum(one.size for one in held.values())
        cost = program.flops + 30 * changing + 30 * program.values + OVERHEAD
        self.updates = max(1, WORK // cost)
        shape = batch, full, rest
        task = task_of(program, network, loss, outputs, rows.lazy, kind, shape, shuffled)
        if average is not None:
            task = task._replace(ema=decay)
        online = batch == 1 and not slots and not rule.shaped and rule.kind == 0
        task = task._replace(online=online)
        padded = -(-network.theta.size // 16) * 16
        self._given: tuple[Any, ...] = (
            task,
            rule,
            program.ops,
            program.settings,
            class_weights(loss, outputs, dtype),
            _fixed(np.empty((0, 0), dtype) if rows.lazy else rows.inputs),
            _fixed(rows.inputs if rows.lazy else np.empty((0, 0), np.uint8)),
            _fixed(np.asarray(rows.rows, np.int64)),
            _wide(rows.shift, task.inputs, dtype),
            _wide(rows.factor, task.inputs, dtype),
            _fixed(rows.targets.reshape(-1)),
        )
        self._memory: tuple[Any, ...] = (
            network.theta,
            *held.values(),
            averaged,
            dtype.type(TINY * np.finfo(dtype).tiny),
            np.zeros(padded, dtype),
            np.zeros(program.values, dtype),
            np.zeros(program.values, dtype),
            np.zeros(program.room, dtype),
            np.zeros(batch, np.int64),
            np.zeros(program.values, np.int64),
            np.zeros(task.layers, np.int64),
            np.ones(1, dtype),
        )
        self._kept = np.empty((0, network.theta.size), dtype)  # one call's weights after another
        self._run, self._noted = _kernel(), False

    def epochs(self) -> int:
        """How many whole epochs one call may run; 0 if not even one."""
        fitting = self.updates // self.batches
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
        kept = self._kept if ended > 1 else self._kept[:0]
        if order is None:
            order = np.empty((0, 0), np.int64)
        done = self._run(
            *self._given, order, *self._memory, rates, step, batch, sums, losses, ends, kept
        )
        if not self._noted:
            cache.note(str(self.dtype))
            self._noted = True
        ended = (batch + done) // self.batches
        return Call(done, losses[:done], ends[:ended], kept[:ended])


def _wide(numbers: Array, width: int, dtype: DTypeLike) -> Array:
    """One number a column."""
    return np.array(np.broadcast_to(numbers, (width,)), dtype)


def _fixed(array: Array) -> Array:
    """A view that cannot be written to: kernels are compiled for such, and data may be."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


def _kernel() -> Any:
    """The compiled function; its first call for a dtype compiles or loads it."""
    import numba

    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(cache.folder())
    try:
        from nnlab.engine.compiled.epochs import run
    finally:
        numba.config.CACHE_DIR = before
    return run
