"""A network as data, so that one set of kernels runs every network.

A row of `ops` describes a layer: what it does and where its numbers lie: its input and output
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
from nnlab.core.losses import ClassLoss, Huber, Loss
from nnlab.core.metrics import ABSOLUTE, RIGHT, SQUARES, Kind, Sum, metrics_of, sums_of
from nnlab.core.network import Network, layer_kind, trained_depth
from nnlab.core.optimizers import TINY, Optimizer
from nnlab.core.types import Array, FloatArray, IntArray


def _codes(*names: str, start: int = 0) -> dict[str, int]:
    return {name: code for code, name in enumerate(names, start)}


DENSE = 0
ACTIVATIONS = _codes(
    *("sigmoid", "tanh", "relu", "leaky_relu", "elu", "gelu", "silu", "softplus", "softmax"),
    *("square",),
    start=1,
)
NOTHING_TO_DO = ("linear", "flatten")
LOSS_CODES = _codes("Mse", "Mae", "Huber", "Bce", "CrossEntropy")
METRIC_CODES = _codes("classes", "binary", "regression")
# What the kernels add up behind rows and loss, in this order.
SUMS: dict[Kind, tuple[Sum, ...]] = {
    "classes": (RIGHT,),
    "binary": (RIGHT,),
    "regression": (ABSOLUTE, SQUARES),
}
OPTIMIZER_CODES = _codes("Sgd", "Adagrad", "Rmsprop", "Adam") | {"Adamw": 3}
# The kernels' names for an optimizer's slots: the running mean of the gradient, that of its square
# (or the sum of squares), the velocity.
SLOTS = {
    "first": ("m", "mean"),
    "second": ("v", "squares", "square"),
    "velocity": ("velocity",),
}
# The arguments of `epochs.run_updates` that are addresses, in order, and what lies there: numbers
# of the network's dtype are "real". Four whole numbers follow.
ARGUMENTS = {
    "tasks": "task",
    "rules": "rule",
    "ops": "int64",
    "settings": "float64",
    "class_weights": "real",
    "x": "real",
    "raw": "uint8",
    "numbers": "int64",
    "shift": "real",
    "factor": "real",
    "t": "real",
    "gemm": "function",
    **dict.fromkeys(("theta", *SLOTS, "average", "g", "a", "d", "room"), "real"),
    "picked": "int64",
    "inputs": "int64",
    "counts": "int64",
    "ones": "real",
    "order": "int64",
    "rates": "float64",
    "sums": "float64",
    "losses": "float64",
    "ended_sums": "float64",
    "ended_weights": "real",
}
WHOLE_NUMBERS = 4

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
    """The optimizer's settings by their names there; 0 for one that it does not have."""

    kind: int
    momentum: float
    nesterov: bool
    beta1: float
    beta2: float
    alpha: float
    eps: float
    centered: bool
    l1: float
    clip_norm: float
    clip_value: float
    weight_decay: float
    decoupled: bool
    shapes_gradient: bool


def _struct(record: type[Task | Rule]) -> np.dtype[Any]:
    """A record as it lies in memory, for C and for the kernels."""
    kinds = {int: np.int64, bool: np.bool_, float: np.float64}
    fields = [(name, kinds[kind]) for name, kind in record.__annotations__.items()]
    return np.dtype(fields, align=True)


TASK, RULE = _struct(Task), _struct(Rule)


@dataclass(frozen=True)
class Program:
    """The layers for full and for shorter batches, and how much memory they need."""

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
    """What in this training the kernels cannot do; None if they can do everything."""
    for index, layer in enumerate(network.layers[: trained_depth(network.layers, loss)]):
        name = layer_kind(layer)
        if name not in ("dense", *ACTIVATIONS, *NOTHING_TO_DO):
            return f"layer {index} ({name}) has no compiled form"
        if name == "softmax" and len(network.shapes[index]) != 1:
            return f"layer {index} (softmax) is compiled for flat rows only"
    if not network.layout.weights:
        return "the network has no weights"
    if type(loss).__name__ not in LOSS_CODES:
        return f"the loss {type(loss).__name__.lower()} has no compiled form"
    if type(optimizer).__name__ not in OPTIMIZER_CODES:
        return f"the optimizer {type(optimizer).__name__.lower()} has no compiled form"
    return None if sums_of(kind) == SUMS[kind] else _metrics_problem(kind)


def _metrics_problem(kind: Kind) -> str:
    names = [metric.name for metric in metrics_of(kind) if not set(metric.sums) <= set(SUMS[kind])]
    return f"the metric {names[0]} has no compiled form" if names else "a metric is missing"


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
    settings: dict[str, Any] = {name: getattr(optimizer, name, 0) or 0 for name in Rule._fields}
    return Rule(**settings | {"kind": OPTIMIZER_CODES[type(optimizer).__name__]})


def task_of(
    program: Program, network: Network, loss: Loss, rule: Rule, slots: Iterable[str],
    shape: tuple[int, int, int], kind: Kind, **numbers: Any,
) -> Task:  # fmt: skip
    """The task of a training; `shape` is batch, full, rest, and `numbers` are fields of Task."""
    batch, full, rest = shape
    outputs = network.shapes[-1][0]
    roles = {role: not set(names).isdisjoint(slots) for role, names in SLOTS.items()}
    plain = rule.kind == OPTIMIZER_CODES["Sgd"] and not rule.shapes_gradient
    return Task(
        batch=batch,
        full=full,
        rest=rest,
        inputs=int(np.prod(network.inputs)),
        outputs=outputs,
        layers=program.ops.shape[1],
        parameters=network.theta.size,
        weights=network.layout.weights,
        by_units=program.by_units,
        online=batch == 1 and plain and not any(roles.values()),
        weighted=isinstance(loss, ClassLoss) and loss.class_weight is not None,
        loss=LOSS_CODES[type(loss).__name__],
        metric=METRIC_CODES[kind],
        mean_outputs=loss.reduction == "mean",
        delta=float(loss.delta) if isinstance(loss, Huber) else 0.0,
        scale=float(loss.bind(batch, outputs, np.float64).scale),
        rest_scale=float(loss.bind(max(rest, 1), outputs, np.float64).scale),
        tiny=TINY * float(np.finfo(network.dtype).tiny),
        **roles,
        **numbers,
    )


def class_weights(loss: Loss, outputs: int, dtype: DTypeLike) -> Array:
    """The factors of the classes, or an empty array."""
    if not isinstance(loss, ClassLoss) or loss.class_weight is None:
        return np.empty(0, dtype)
    classes = 2 if type(loss).__name__ == "Bce" else outputs
    return np.array(loss.weights(classes), dtype)
