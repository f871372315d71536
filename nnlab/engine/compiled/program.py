"""A network as data: what the kernels are told instead of being compiled for it.

A row of `ops` says for one layer what it does and where its numbers lie: its input and output
within the values of all layers, its weights within theta. Values lie row by row (B, m) or, for
narrow layers and many rows, unit by unit (m, B) with B rounded up to whole vectors.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from nnlab.core.layers.activations import Elu, LeakyRelu
from nnlab.core.layers.dense import Dense
from nnlab.core.losses import Loss
from nnlab.core.losses.classification import ClassLoss
from nnlab.core.losses.regression import Huber
from nnlab.core.metrics import ABSOLUTE, RIGHT, SQUARES, Kind, Sum, metrics_of, sums_of
from nnlab.core.network import Network, layer_kind, trained_depth
from nnlab.core.optimizers import TINY, Adagrad, Adam, Optimizer, Rmsprop, Sgd
from nnlab.core.types import Array, FloatArray, IntArray

DENSE = 0
ACTIVATIONS = {
    "sigmoid": 1,
    "tanh": 2,
    "relu": 3,
    "leaky_relu": 4,
    "elu": 5,
    "gelu": 6,
    "silu": 7,
    "softplus": 8,
    "softmax": 9,
    "square": 10,
}
NOTHING_TO_DO = ("linear", "flatten")
LOSS_CODES = {"Mse": 0, "Mae": 1, "Huber": 2, "Bce": 3, "CrossEntropy": 4}
METRIC_CODES = {"classes": 0, "binary": 1, "regression": 2}
# What the kernels add up behind rows and loss, in this order.
SUMS: dict[Kind, tuple[Sum, ...]] = {
    "classes": (RIGHT,),
    "binary": (RIGHT,),
    "regression": (ABSOLUTE, SQUARES),
}
OPTIMIZER_CODES = {"Sgd": 0, "Adagrad": 1, "Rmsprop": 2, "Adam": 3, "Adamw": 3}
# What the kernels call an optimizer's slots.
SLOTS = {
    "first": ("m", "mean"),
    "second": ("v", "squares", "square"),
    "velocity": ("velocity",),
}

# The columns of `ops`.
KIND, INPUT, OUTPUT, N, M, WEIGHT, BIAS, PASS_ON, BY_BLAS, FIELDS = range(10)

BYTES = 64
BLAS_FROM = 2**18  # multiplications of a product


class Task(NamedTuple):
    """The numbers that stay the same for a training."""

    batch: int
    full: int  # batches of `batch` rows in an epoch
    rest: int  # rows of the last, shorter batch, or 0
    inputs: int  # n
    outputs: int  # m
    layers: int
    rows: int  # N, of the training part
    parameters: int  # P
    weights: int  # of theta decay
    sums: int  # S, numbers that an epoch is judged by
    by_units: bool  # values lie unit by unit
    shuffled: bool
    raw: bool  # inputs are uint8
    online: bool  # one row and plain gradient descent: the gradient is never written down
    weighted: bool  # classes count differently
    first: bool  # which slots the optimizer has
    second: bool
    velocity: bool
    loss: int
    metric: int
    mean_outputs: bool  # the loss of a row is the mean over the outputs
    delta: float
    scale: float  # of the gradient, for full batches
    rest_scale: float
    ema: float  # below 0: no average
    tiny: float  # numbers next to the smallest are shifted by it and back


class Rule(NamedTuple):
    """The optimizer; a limit of 0 is none."""

    kind: int
    momentum: float
    nesterov: bool
    beta1: float
    beta2: float
    eps: float
    centered: bool
    l1: float
    clip_norm: float
    clip_value: float
    decay: float
    decoupled: bool
    shaped: bool


def _struct(record: type[Task | Rule]) -> np.dtype[Any]:
    """A record as it lies in memory, for C and for the kernels."""
    kinds = {int: np.int64, bool: np.bool_, float: np.float64}
    fields = [(name, kinds[kind]) for name, kind in record.__annotations__.items()]
    return np.dtype(fields, align=True)


TASK, RULE = _struct(Task), _struct(Rule)


@dataclass(frozen=True)
class Program:
    """The layers for full and for shorter batches, and how much memory they want."""

    ops: IntArray  # (2, layers, columns)
    settings: FloatArray  # (layers,)
    by_units: bool
    values: int  # numbers of all layers' values
    room: int  # numbers for transposed copies
    flops: int  # of an update of a full batch

    @property
    def wants_blas(self) -> bool:
        """Whether a product is so large that BLAS does it."""
        return bool(self.ops[:, :, BY_BLAS].any())


def why_not(network: Network, loss: Loss, optimizer: Optimizer, kind: Kind) -> str | None:
    """What of this training the kernels do not know; None if they know everything."""
    for index, layer in enumerate(network.layers[: trained_depth(network.layers, loss)]):
        name = layer_kind(layer)
        if name != "dense" and name not in ACTIVATIONS and name not in NOTHING_TO_DO:
            return f"layer {index} ({name}) has no compiled form"
        if name == "softmax" and len(network.shapes[index]) != 1:
            return f"layer {index} (softmax) is compiled for flat rows only"
    if type(loss).__name__ not in LOSS_CODES:
        return f"the loss {type(loss).__name__.lower()} has no compiled form"
    if type(optimizer).__name__ not in OPTIMIZER_CODES:
        return f"the optimizer {type(optimizer).__name__.lower()} has no compiled form"
    if not network.layout.weights:
        return "the network has no weights"
    if sums_of(kind) != SUMS[kind]:
        names = [one.name for one in metrics_of(kind) if not set(one.sums) <= set(SUMS[kind])]
        return f"the metric {names[0]} has no compiled form" if names else "a metric is missing"
    return None


def compose(network: Network, loss: Loss, batch: int, rest: int) -> Program:
    """The program of a network for batches of `batch` rows and a last one of `rest`, or 0."""
    depth = trained_depth(network.layers, loss)
    lanes = BYTES // network.dtype.itemsize
    dense = [
        (network.shapes[i][0], la.units)
        for i, la in enumerate(network.layers[:depth])
        if isinstance(la, Dense)
    ]
    by_units = _by_units(dense, batch, lanes)
    full, indices, end = _layers(network, depth, batch, by_units, lanes, 0)
    # A shorter batch has values of its own: what pads a full one must stay 0.
    short, _, end = _layers(network, depth, rest or batch, by_units, lanes, end)
    wide = _up(batch, lanes)
    return Program(
        ops=np.array([full, short], np.int64),
        settings=np.array([_setting(network.layers[index]) for index in indices]),
        by_units=by_units,
        values=end,
        room=wide * max(n + m for n, m in dense) + lanes,
        flops=6 * batch * sum(n * m for n, m in dense),
    )


def _up(count: int, lanes: int) -> int:
    """`count` rounded up to whole vectors."""
    return -(-count // lanes) * lanes


def _by_units(dense: list[tuple[int, int]], batch: int, lanes: int) -> bool:
    """Whether products along the batch need far fewer vectors than products along the units."""
    if batch == 1:
        return False
    along_units = sum(batch * n * -(-m // lanes) for n, m in dense)
    along_batch = sum(n * m * -(-batch // lanes) for n, m in dense)
    return 2 * along_batch < along_units


def _layers(
    network: Network, depth: int, rows: int, by_units: bool, lanes: int, start: int
) -> tuple[list[list[int]], list[int], int]:
    """The rows of `ops`, the numbers of their layers, and where their values end."""
    places = {(one.layer, one.declared.name): one.start for one in network.layout.places}
    first = min(layer for layer, _ in places)

    def room(width: int) -> int:
        return _up(rows, lanes) * width if by_units else _up(rows * width, lanes)

    ops, numbers, at = [], [], start
    end = start + room(int(np.prod(network.inputs)))
    for index, layer in enumerate(network.layers[:depth]):
        name = layer_kind(layer)
        if name in NOTHING_TO_DO:
            continue
        n, m = (int(np.prod(network.shapes[i])) for i in (index, index + 1))
        weight = places.get((index, "weight"), -1)
        bias = places.get((index, "bias"), -1)
        blas = int(not by_units and rows * n * m >= BLAS_FROM)
        kind = DENSE if name == "dense" else ACTIVATIONS[name]
        ops.append([kind, at, end, n, m, weight, bias, int(index > first), blas])
        numbers.append(index)
        at, end = end, end + room(m)
    return ops, numbers, end


def _setting(layer: object) -> float:
    if isinstance(layer, LeakyRelu):
        return layer.slope
    return layer.alpha if isinstance(layer, Elu) else 0.0


def rule_of(optimizer: Optimizer) -> Rule:
    """The optimizer as numbers."""
    adam = optimizer if isinstance(optimizer, Adam) else None
    rms = optimizer if isinstance(optimizer, Rmsprop) else None
    return Rule(
        kind=OPTIMIZER_CODES[type(optimizer).__name__],
        momentum=optimizer.momentum if isinstance(optimizer, Sgd | Rmsprop) else 0.0,
        nesterov=isinstance(optimizer, Sgd) and optimizer.nesterov,
        beta1=adam.beta1 if adam else 0.0,
        beta2=adam.beta2 if adam else rms.alpha if rms else 0.0,
        eps=optimizer.eps if isinstance(optimizer, Adagrad | Rmsprop | Adam) else 0.0,
        centered=rms is not None and rms.centered,
        l1=float(optimizer.l1),
        clip_norm=float(optimizer.clip_norm or 0.0),
        clip_value=float(optimizer.clip_value or 0.0),
        decay=float(optimizer.weight_decay),
        decoupled=optimizer.decoupled,
        shaped=optimizer.shapes_gradient,
    )


def task_of(
    program: Program,
    network: Network,
    loss: Loss,
    rule: Rule,
    slots: Iterable[str],
    shape: tuple[int, int, int],
    kind: str,
    sums: int,
    ema: float | None,
    rows: int,
    raw: bool,
    shuffled: bool,
) -> Task:
    """The task of a training; `shape` is batch, full, rest."""
    batch, full, rest = shape
    outputs = network.shapes[-1][0]
    held = {role for role, names in SLOTS.items() if not set(names).isdisjoint(slots)}
    plain = rule.kind == OPTIMIZER_CODES["Sgd"] and not rule.shaped and not held
    return Task(
        batch=batch,
        full=full,
        rest=rest,
        inputs=int(np.prod(network.inputs)),
        outputs=outputs,
        layers=program.ops.shape[1],
        rows=rows,
        parameters=network.theta.size,
        weights=network.layout.weights,
        sums=sums,
        by_units=program.by_units,
        shuffled=shuffled,
        raw=raw,
        online=batch == 1 and plain,
        weighted=isinstance(loss, ClassLoss) and loss.class_weight is not None,
        first="first" in held,
        second="second" in held,
        velocity="velocity" in held,
        loss=LOSS_CODES[type(loss).__name__],
        metric=METRIC_CODES[kind],
        mean_outputs=loss.reduction == "mean",
        delta=float(loss.delta) if isinstance(loss, Huber) else 0.0,
        scale=float(loss.bind(batch, outputs, np.float64).scale),
        rest_scale=float(loss.bind(max(rest, 1), outputs, np.float64).scale),
        ema=-1.0 if ema is None else ema,
        tiny=TINY * float(np.finfo(network.dtype).tiny),
    )


def class_weights(loss: Loss, outputs: int, dtype: DTypeLike) -> Array:
    """The factors of the classes, or an empty array."""
    if not isinstance(loss, ClassLoss) or loss.class_weight is None:
        return np.empty(0, dtype)
    classes = 2 if type(loss).__name__ == "Bce" else outputs
    return np.array(loss.weights(classes), dtype)
