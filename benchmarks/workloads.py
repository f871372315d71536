"""The six training jobs that are timed (W1 to W6), and what each of them must reach.

A `Workload` says what is trained; `problem` adds the rows, the start weights and the
order of the rows. Every engine gets the same `Problem`, so all of them do the same updates and
`loss(problem, parameters)`, computed here for all in float64, must come out the same.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks import rows
from nnlab.core.random import permutation
from nnlab.core.types import Array

Parameters = list[tuple[Array, Array | None]]
"""For each dense layer its weight (in, out) and its bias (out,), or None."""


@dataclass(frozen=True)
class Target:
    """`engine` takes at most `ratio` times as long as `against`."""

    engine: str
    against: str
    ratio: float


@dataclass(frozen=True)
class Workload:
    """One network, how it is trained, and on what: `make_rows(n)` gives at most n rows.

    `loss` and `reduction` fix the gradient's scale as in nnlab: mean is over all elements,
    batch_mean sums over the outputs, sum adds up the whole batch. `updates` is the length of one
    timed round. `check` is after how many updates the losses are compared: few enough that
    rounding, which every update enlarges, has not yet driven equal computations apart.
    """

    name: str
    title: str
    make_rows: Callable[[int], rows.Rows]
    widths: tuple[int, ...]
    hidden: Literal["sigmoid", "relu"]
    output: Literal["sigmoid", "softmax", "linear"]
    loss: Literal["mse", "bce", "cross_entropy"]
    reduction: Literal["mean", "batch_mean", "sum"]
    batch: int
    dtype: Literal["float32", "float64"]
    lr: float
    updates: int
    check: int
    targets: tuple[Target, ...]
    optimizer: Literal["sgd", "momentum", "adam"] = "sgd"
    momentum: float = 0.0
    bias: bool = True
    shuffle: bool = False


@dataclass(frozen=True, eq=False)
class Problem:
    """A workload with its arrays, which no engine may change.

    `order` (updates, batch) holds the row numbers of each update of a round, which is a whole
    number of epochs; all rounds repeat it. Without shuffling its rows are consecutive numbers.
    `pixels` (N, 784) are the uint8 images behind `inputs`, where there are any.
    """

    workload: Workload
    inputs: Array
    targets: Array
    pixels: Array | None
    order: NDArray[np.int64]
    start: Parameters
    note: str


@dataclass(frozen=True, eq=False)
class Session:
    """An engine that is ready to train: `train()` does one round more and goes on where it was.

    `comparable` is false where it cannot do exactly the workload; then `note` says what differs.
    """

    train: Callable[[], None]
    parameters: Callable[[], Parameters]
    note: str = ""
    comparable: bool = True


NUMPY_NEAR_SKETCH = Target("nnlab numpy", "sketch", 1.25)
COMPILED_AHEAD_OF_JAX = Target("nnlab compiled", "jax", 0.8)

WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload(
            name="W1",
            title="identity 8-3-8, online, float64",
            make_rows=rows.identity,
            widths=(8, 3, 8),
            hidden="sigmoid",
            output="sigmoid",
            loss="mse",
            reduction="batch_mean",
            batch=1,
            dtype="float64",
            lr=0.1,
            updates=8_000,
            check=8_000,
            targets=(NUMPY_NEAR_SKETCH, Target("nnlab compiled", "jax", 1.0)),
        ),
        Workload(
            name="W2",
            title="xor 2-3-3-1, 21 points full batch, float64",
            make_rows=rows.xor,
            widths=(2, 3, 3, 1),
            hidden="sigmoid",
            output="sigmoid",
            loss="mse",
            reduction="sum",
            batch=21,
            dtype="float64",
            lr=0.1,
            updates=3_000,
            check=300,
            targets=(NUMPY_NEAR_SKETCH, COMPILED_AHEAD_OF_JAX),
            bias=False,
        ),
        Workload(
            name="W3",
            title="digits 64-32-1, batch 15, float32",
            make_rows=rows.digits,
            widths=(64, 32, 1),
            hidden="relu",
            output="sigmoid",
            loss="bce",
            reduction="sum",
            batch=15,
            dtype="float32",
            lr=0.01,
            updates=1_180,  # 20 epochs
            check=1_180,
            targets=(COMPILED_AHEAD_OF_JAX,),
        ),
        Workload(
            name="W4",
            title="mnist 784-32-32-10, online, float32",
            make_rows=rows.mnist,
            widths=(784, 32, 32, 10),
            hidden="sigmoid",
            output="softmax",
            loss="cross_entropy",
            reduction="batch_mean",
            batch=1,
            dtype="float32",
            lr=0.003,
            updates=2_000,
            check=2_000,
            targets=(COMPILED_AHEAD_OF_JAX,),
        ),
        Workload(
            name="W5",
            title="fashion 784-256-128-64-10, Adam, batch 128, float32",
            make_rows=rows.fashion_mnist,
            widths=(784, 256, 128, 64, 10),
            hidden="relu",
            output="softmax",
            loss="cross_entropy",
            reduction="batch_mean",
            optimizer="adam",
            batch=128,
            dtype="float32",
            lr=0.001,
            updates=100,
            check=10,
            targets=(
                Target("nnlab numpy", "floor", 1.5),
                Target("nnlab compiled", "floor", 1.15),
                Target("nnlab compiled", "torch", 0.5),
                Target("nnlab compiled", "jax", 0.95),
            ),
            shuffle=True,
        ),
        Workload(
            name="W6",
            title="textbook 10-100-100-5, momentum, batch 10, float32",
            make_rows=rows.textbook,
            widths=(10, 100, 100, 5),
            hidden="relu",
            output="linear",
            loss="mse",
            reduction="mean",
            optimizer="momentum",
            momentum=0.6,
            batch=10,
            dtype="float32",
            lr=0.03,  # not the seeds' 0.3: dead units would leave velocities that are subnormal
            updates=1_000,
            check=100,
            targets=(Target("nnlab numpy", "sketch", 1.22), COMPILED_AHEAD_OF_JAX),
            shuffle=True,
        ),
    )
}


def problem(workload: Workload, updates: int) -> Problem:
    """As many rows as `updates` updates visit, the start weights (normal, He or LeCun), the order.

    The order is that of nnlab with seed 0.
    """
    made = workload.make_rows(updates * workload.batch)
    images = made.inputs.dtype == np.uint8
    inputs = made.inputs * np.float32(1 / 255) if images else made.inputs
    rng = np.random.default_rng(0)
    gain = 2.0 if workload.hidden == "relu" else 1.0
    start: Parameters = []
    for n, m in pairwise(workload.widths):
        weight = rng.normal(0.0, np.sqrt(gain / n), (n, m)).astype(workload.dtype)
        start.append((weight, np.zeros(m, workload.dtype) if workload.bias else None))
    return Problem(
        workload=workload,
        inputs=inputs.astype(workload.dtype),
        targets=made.targets.astype(workload.dtype),
        pixels=made.inputs if images else None,
        order=_order(workload, len(inputs), updates),
        start=start,
        note=made.note,
    )


def _order(workload: Workload, count: int, updates: int) -> NDArray[np.int64]:
    """The row numbers (updates, batch) of a round: whole epochs, short last batches left out."""
    per_epoch = count // workload.batch
    if updates % per_epoch:
        raise ValueError(f"{updates} updates are not whole epochs of {per_epoch}")
    epochs = []
    for epoch in range(updates // per_epoch):
        numbers = permutation(0, epoch, count) if workload.shuffle else np.arange(count)
        epochs.append(numbers[: per_epoch * workload.batch].reshape(per_epoch, workload.batch))
    return np.concatenate(epochs)


def loss(given: Problem, parameters: Parameters) -> float:
    """The loss per sample over all rows, in float64, as nnlab reports it."""
    workload = given.workload
    x, t = given.inputs.astype(float), given.targets.astype(float)
    last = len(parameters) - 1
    for index, (weight, bias) in enumerate(parameters):
        z = x @ weight.astype(float)
        if bias is not None:
            z += bias
        x = _hidden(workload, z) if index < last else z
    if workload.loss == "cross_entropy":
        peak = z.max(axis=1, keepdims=True)
        log_sum = peak[:, 0] + np.log(np.exp(z - peak).sum(axis=1))
        return float(np.mean(log_sum - (z * t).sum(axis=1)))
    if workload.loss == "bce":
        return float(np.mean((np.logaddexp(0.0, z) - z * t).sum(axis=1)))
    y = _sigmoid(z) if workload.output == "sigmoid" else z
    squares = (y - t) ** 2
    return float(squares.mean() if workload.reduction == "mean" else squares.sum(axis=1).mean())


def _hidden(workload: Workload, z: Array) -> Array:
    return np.maximum(z, 0.0) if workload.hidden == "relu" else _sigmoid(z)


def _sigmoid(z: Array) -> Array:
    return np.asarray(0.5 * np.tanh(0.5 * z) + 0.5)
