"""The compiled engine as training sees it."""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any, NamedTuple, Protocol

import numpy as np

from nnlab.core.losses import Loss
from nnlab.core.memory import Generators
from nnlab.core.network import Network
from nnlab.core.optimizers import OPTIMIZERS, Optimizer
from nnlab.core.types import Array, FloatArray, IntArray, Kind
from nnlab.engine import blas
from nnlab.engine.compiled.layers import LANES, kernels_of
from nnlab.engine.compiled.objects import function, gemm, meeting_place
from nnlab.engine.compiled.optimizers import COMPILED_OPTIMIZERS
from nnlab.engine.compiled.program import (
    Program,
    class_weights,
    compose,
    entry_name,
    rule_of,
    task_of,
)
from nnlab.engine.compiled.records import MEMORY, TASK, Task
from nnlab.engine.compiled.team import SUMMANDS
from nnlab.engine.lanes import LaneGroup

# What a call may cost, in floating-point operations: some 10 ms, and hardly ever 0.5 s.
WORK = 10**9
OVERHEAD = 2_000  # operations that an update costs beside those of its products
GIVEN_NUMBERS = 2**22  # drawn for the layers of a call, or augmented for it
WEIGHT_BYTES = 2**22  # of all weights that a call stores
ORDER_NUMBERS = 2**18  # of all orders that a call gets
# A thread for each so many floating-point operations and rows of an update; with fewer, meeting
# costs more than it gains.
WORTH, LEAST_ROWS = 10**7, 16


class TrainingRows(Protocol):
    """The rows to train on; `nnlab.data.batches.Part` is one."""

    inputs: Array
    rows: IntArray
    targets: Array
    lazy: bool
    shift: Array
    factor: Array

    @property
    def augmenter(self) -> object | None:
        """What changes them in training, if anything does."""


class Call(NamedTuple):
    """What one call did."""

    done: int  # updates
    losses: FloatArray  # of each update
    sums: FloatArray  # (K, S): of the epochs that ended
    weights: Array  # (K, V): the weights to evaluate after each, where there are several


class CompiledEngine:
    """Runs updates on theta (P,), the optimizer's slots (T,) and the average (V,), in place."""

    def __init__(
        self,
        network: Network,
        loss: Loss,
        optimizer: Optimizer,
        slots: Mapping[str, Array],
        average: Array | None,
        decay: float | None,
        generators: Generators,
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
        program, threads = team_program(network, loss, batch, rest)
        task = task_of(
            *(program, network, loss, optimizer, shape, kind),
            sums=sums,
            threads=threads,
            ema=-1.0 if decay is None else decay,
            rows=len(rows.rows),
            raw=rows.lazy and rows.augmenter is None,
            changed=rows.augmenter is not None,
            shuffled=shuffled,
        )
        self.batches = full + (rest > 0)
        self.shuffled, self.row_count = shuffled, len(rows.rows)
        self.max_updates = updates_per_call(program, task, len(slots) + (average is not None))
        self._weights = np.empty((0, task.values), network.dtype)  # after each epoch of a call
        self._drawn = [(generators[i], numbers) for i, numbers in program.drawn.items()]
        self._sizes = np.array([batch] * full + [rest] * (rest > 0))
        self._wants_blas = program.wants_blas
        self._arrays = {
            "class_weights": class_weights(loss, task.outputs, network.dtype),
            **row_arrays(rows, task, network.dtype),
            **rule_arrays(optimizer, slots, average),
            **team_arrays(task, network.dtype),
        }
        self._own_arrays = [
            {**own_arrays(program, task, network.dtype), "own_shared": own}
            for own in self._arrays["shared"]
        ]
        self._records = np.array(tuple(task), TASK), rule_of(optimizer), program.layers
        self._theta, self._team = network.theta, LaneGroup()
        self._memory = np.zeros(threads, MEMORY)
        self._memory["thread"] = range(threads)
        self._memory["gemm"] = gemm(str(network.dtype)) if self._wants_blas else 0
        self._set(self._arrays, self._own_arrays)
        self._calls = self._bound_calls(function(kernels_of(network.layers, str(network.dtype))))

    def _bound_calls(self, run_updates: Callable[..., int]) -> list[Callable[[], int]]:
        """The kernels with what each thread gives them.

        Asking a record for its address takes as long as a small network takes for 100 updates.
        """
        task, rule, layers = map(address, self._records)
        memories = (address(self._memory[i:]) for i in range(len(self._memory)))
        theta = address(self._theta)
        return [partial(run_updates, task, rule, memory, layers, theta) for memory in memories]

    def _set(self, shared: Mapping[str, Array], own: Sequence[Mapping[str, Array]]) -> None:
        """Tell all threads where arrays are, and each where its own are."""
        for name, array in shared.items():
            self._memory[name] = address(array)
        for thread, arrays in enumerate(own):
            for name, array in arrays.items():
                self._memory[name][thread] = address(array)

    @property
    def max_epochs(self) -> int:
        """How many whole epochs one call may run; 0 if not even one."""
        fitting = self.max_updates // self.batches
        stored = WEIGHT_BYTES // max(1, self._weights.strides[0])
        ordered = ORDER_NUMBERS // self.row_count if self.shuffled else fitting
        return min(fitting, max(1, min(stored, ordered)))

    def run(
        self,
        order: IntArray | None,
        rates: FloatArray,
        step: int,
        batch: int,
        sums: FloatArray,
        changed: Array | None = None,
    ) -> Call:
        """One update for each rate, from `batch` of an epoch on; `step` updates came before.

        `order` (K, N) holds the shuffled rows of each epoch that the call touches, `changed` (R, n)
        the augmented rows of its updates. Fewer updates are done where one needs a closer look:
        the NumPy engine must do the next.
        """
        epochs, threads = (batch + rates.size) // self.batches, len(self._memory)
        own_sums = np.zeros((threads, sums.size))
        own_sums[0] = sums
        ended_sums = np.zeros((threads, epochs, sums.size))
        losses = np.empty((threads, rates.size))
        if epochs > len(self._weights) and epochs > 1:
            self._weights = np.empty((epochs, self._weights.shape[1]), self._weights.dtype)
        rows = self._rows(batch, rates.size)
        before = [rng.bit_generator.state for rng, _ in self._drawn]
        shared = {"noise": self._draw(rows), "rates": rates, "ended_weights": self._weights}
        shared |= {} if order is None else {"order": order}
        shared |= {} if changed is None else {"x": changed}
        own = [
            {"sums": own_sums[i], "ended_sums": ended_sums[i], "losses": losses[i]}
            for i in range(threads)
        ]
        self._set(shared, own)
        numbers = {"updates": rates.size, "step": step, "batch": batch, "noise_rows": rows}
        for name, number in numbers.items():
            self._memory[name] = number
        self._memory["keep"][0] = epochs > 1
        done = self._run()
        if done < rates.size:
            self._draw_again(before, self._rows(batch, done))
        sums[...] = own_sums.sum(axis=0)
        ended = (batch + done) // self.batches
        weights = self._weights[: ended if epochs > 1 else 0]
        return Call(done, losses[0, :done], ended_sums.sum(axis=0)[:ended], weights)

    def _rows(self, batch: int, updates: int) -> int:
        """The rows of some updates, from `batch` of an epoch on."""
        epochs, end = divmod(batch + updates, self.batches)
        return int(epochs * self._sizes.sum() + self._sizes[:end].sum() - self._sizes[:batch].sum())

    def _draw(self, rows: int) -> Array:
        """What the layers draw for so many rows, layer by layer, as the NumPy engine does."""
        drawn = np.empty(rows * sum(numbers for _, numbers in self._drawn), np.float32)
        start = 0
        for rng, numbers in self._drawn:
            end = start + rows * numbers
            rng.random(dtype=np.float32, out=drawn[start:end])
            start = end
        return drawn

    def _draw_again(self, states: Sequence[Mapping[str, Any]], rows: int) -> None:
        """Leave the generators as if only `rows` had been drawn for since they had `states`."""
        for (rng, _), state in zip(self._drawn, states, strict=True):
            rng.bit_generator.state = state
        self._draw(rows)

    def _run(self) -> int:
        """Run all threads; the number of updates that each has done."""
        if len(self._calls) == 1:
            # Products are so small then that several threads would gain nothing.
            with blas.one_thread() if self._wants_blas else nullcontext():
                return self._calls[0]()
        done: list[int] = []

        def run(call: Callable[[], int]) -> None:
            self._team.begin()
            done.append(call())

        self._team.run([partial(run, call) for call in self._calls])
        return done[0]


def team_program(network: Network, loss: Loss, batch: int, rest: int) -> tuple[Program, int]:
    """The program of the threads that share a batch, and how many these are."""
    program = compose(network, loss, batch, rest)
    threads = team_size(batch, program.flops)
    return (program if threads == 1 else compose(network, loss, batch, rest, threads)), threads


def team_size(batch: int, flops: int) -> int:
    """How many threads share a batch: what its work is worth, of those that the BLAS may use."""
    worth = min(batch // LEAST_ROWS, flops // WORTH) if os.name == "posix" else 1
    if worth <= 1:
        return 1
    with blas.turn():  # while threads run, the BLAS has one
        return min(worth, blas.threads())


def updates_per_call(program: Program, task: Task, vectors: int) -> int:
    """How many updates a call may do; beside theta the optimizer has so many `vectors` (P,)."""
    cost = program.flops + 30 * (task.parameters * (1 + vectors) + program.values) + OVERHEAD
    given = task.batch * (sum(program.drawn.values()) + task.changed * task.inputs)
    return max(1, min(WORK // cost, GIVEN_NUMBERS // max(1, given)))


def team_arrays(task: Task, dtype: np.dtype[Any]) -> dict[str, Array]:
    """What the threads of a team have in common."""
    return {
        "shared": np.zeros((task.threads, task.shared)),
        "place": meeting_place() if task.threads > 1 else np.zeros(0, np.int64),
        "summands": np.zeros(SUMMANDS * task.threads),
        "one": np.ones(1, dtype),
    }


def rule_arrays(
    optimizer: Optimizer, slots: Mapping[str, Array], average: Array | None
) -> dict[str, Array]:
    """What an update changes beside theta: the optimizer's slots, and the average."""
    names = COMPILED_OPTIMIZERS[entry_name(OPTIMIZERS, optimizer)].slots
    arrays = {f"slot{i}": slots[name] for i, name in enumerate(names) if name in slots}
    return arrays if average is None else {**arrays, "average": average}


def own_arrays(program: Program, task: Task, dtype: np.dtype[Any]) -> dict[str, Array]:
    """What each thread has for itself."""
    return {
        "g": np.zeros(task.values + LANES, dtype),
        "outputs": np.zeros(task.batch * task.outputs if task.portioned else 0, dtype),
        "position": np.zeros(1, np.int64),
        "scratch": np.zeros(program.scratch, dtype),
        "a": np.zeros(program.values, dtype),
        "d": np.zeros(program.values, dtype),
        "room": np.zeros(program.room, dtype),
        "picked": np.zeros(task.batch, np.int64),
        "inputs": np.zeros(program.values, np.int64),
        "counts": np.zeros(task.layers, np.int64),
    }


def row_arrays(rows: TrainingRows, task: Task, dtype: np.dtype[Any]) -> dict[str, Array]:
    """The rows to train on, and how pixels (uint8) become numbers; augmented, each call has its."""
    data = np.ascontiguousarray(rows.inputs)
    return {
        "x": np.zeros(0, dtype) if rows.lazy else data,
        "raw": data if rows.lazy else np.zeros(0, np.uint8),
        "numbers": np.ascontiguousarray(rows.rows, np.int64),
        "shift": np.array(np.broadcast_to(rows.shift, (task.inputs,)), dtype),
        "factor": np.array(np.broadcast_to(rows.factor, (task.inputs,)), dtype),
        "t": np.ascontiguousarray(rows.targets),
    }


def address(array: Array) -> int:
    """Where an array's numbers lie."""
    place: int = array.__array_interface__["data"][0]
    return place
