"""A network as data, so that one set of kernels runs every network.

A `PlacedLayer` says what is computed and where its numbers lie. Values lie row by row (B, m) or,
for narrow layers and many rows, unit by unit (m, B) with B rounded up to whole vectors.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nnlab.core.layers.dense import Dense
from nnlab.core.losses import LOSSES, ClassLoss, Loss
from nnlab.core.metrics import Kind, metrics_of, sums_of
from nnlab.core.network import Network, layer_kind, trained_depth
from nnlab.core.optimizers import OPTIMIZERS, TINY, Optimizer, Sgd
from nnlab.core.types import Array
from nnlab.engine.compiled.activations import COMPILED_ACTIVATIONS
from nnlab.engine.compiled.losses import COMPILED_LOSSES
from nnlab.engine.compiled.metrics import COMPILED_METRICS, FUSED
from nnlab.engine.compiled.optimizers import COMPILED_OPTIMIZERS

DENSE = -1  # the kind of a dense layer; that of an activation is its place in the catalogue
NOTHING_TO_DO = ("linear", "flatten")
BYTES = 64
BLAS_FROM = 2**18  # multiplications of a product


class PlacedLayer(NamedTuple):
    """What a layer does, and where its numbers lie: within the values of all layers, and theta."""

    kind: int
    x: int
    y: int
    n: int
    m: int
    weight: int = -1  # none
    bias: int = -1
    pass_on: bool = False  # something before it can learn
    by_blas: bool = False
    setting: float = 0.0


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
    bounded: bool  # the guard is a bound, see `passes.backward`
    loss: int
    loss_setting: float
    mean_outputs: bool  # the loss of a row is the mean over the outputs
    fused: int  # the activation that the loss fuses
    metric: int
    scale: float  # of the gradient, for full batches
    rest_scale: float
    threads: int  # of the team
    ema: float  # below 0: no average
    tiny: float  # numbers next to the smallest are shifted by it and back


# The addresses of all arrays but theta, and what a call is to do: a record per thread.
MEMORY_FIELDS: dict[str, type] = {
    **dict.fromkeys(("class_weights", "x", "raw", "numbers", "shift", "factor", "t"), int),
    **dict.fromkeys(("slot0", "slot1", "slot2", "average", "g", "a", "d", "room", "one"), int),
    **dict.fromkeys(("picked", "inputs", "counts", "gemm", "order", "rates", "sums"), int),
    **dict.fromkeys(("place", "summands"), int),  # of the team
    "thread": int,  # whose memory this is
    "losses": int,  # per row, of each update
    "ended_sums": int,  # of each epoch that ends
    "ended_weights": int,  # the weights to evaluate after each, where `keep`
    "keep": bool,
    "updates": int,  # to do
    "step": int,  # updates before
    "batch": int,  # of the epoch, to start from
}


def record_type(fields: Mapping[str, type]) -> np.dtype[Any]:
    """A record as it lies in memory, for C and for the kernels."""
    kinds = {int: np.int64, bool: np.bool_, float: np.float64}
    return np.dtype([(name, kinds[kind]) for name, kind in fields.items()], align=True)


LAYER, TASK = record_type(PlacedLayer.__annotations__), record_type(Task.__annotations__)
MEMORY = record_type(MEMORY_FIELDS)
# What the kernels know of every optimizer, as numbers; see `rule_of`.
SHARED_SETTINGS = (
    *("shapes_gradient", "l1", "clip_norm", "clip_value", "weight_decay", "decoupled"),
)


def pointers() -> dict[str, Any]:
    """The arguments of `epochs.run_updates`, and what they point to."""
    return {"tasks": TASK, "rules": rule_type(), "memories": MEMORY, "layers": LAYER, "theta": None}


def rule_type() -> np.dtype[Any]:
    """An optimizer's entry, which of its slots exist, bit by bit, and the settings of all."""
    own = [name for entry in COMPILED_OPTIMIZERS.values() for name in entry.settings]
    whole = dict.fromkeys(("kind", "slots"), int)
    return record_type(whole | dict.fromkeys((*SHARED_SETTINGS, *own), float))


@dataclass(frozen=True)
class Program:
    """The layers for full and for shorter batches, and how much memory they need."""

    layers: NDArray[Any]  # (2, layers) records
    by_units: bool
    bounded: bool  # values of the dense layers are fewer than their weights
    values: int  # numbers of all layers' values
    room: int  # numbers for transposed copies
    flops: int  # of an update of a full batch

    @property
    def wants_blas(self) -> bool:
        """Whether a product is so large that BLAS does it."""
        return bool(self.layers["by_blas"].any())


def entry_name(catalogue: Mapping[str, type], value: object) -> str:
    """The name of an object's class in a catalogue, else of the class itself."""
    names = {kind: name for name, kind in catalogue.items()}
    return names.get(type(value), type(value).__name__.lower())


def why_not(network: Network, loss: Loss, optimizer: Optimizer, kind: Kind) -> str | None:
    """What in this training the kernels cannot do; None if they can do everything."""
    for index, layer in enumerate(network.layers[: trained_depth(network.layers, loss)]):
        name = layer_kind(layer)
        if name not in ("dense", *COMPILED_ACTIVATIONS, *NOTHING_TO_DO):
            return f"layer {index} ({name}) has no compiled form"
        if name == "softmax" and len(network.shapes[index]) != 1:
            return f"layer {index} (softmax) is compiled for flat rows only"
    if not network.layout.weights:
        return "the network has no weights"
    if (name := entry_name(LOSSES, loss)) not in COMPILED_LOSSES:
        return f"the loss {name} has no compiled form"
    if (name := entry_name(OPTIMIZERS, optimizer)) not in COMPILED_OPTIMIZERS:
        return f"the optimizer {name} has no compiled form"
    return _metrics_problem(kind)


def _metrics_problem(kind: Kind) -> str | None:
    sums = COMPILED_METRICS[kind].sums
    if sums_of(kind) == sums:
        return None
    names = [metric.name for metric in metrics_of(kind) if not set(metric.sums) <= set(sums)]
    return f"the metric {names[0]} has no compiled form" if names else "a metric is missing"


def compose(network: Network, loss: Loss, batch: int, rest: int, threads: int = 1) -> Program:
    """The program of a network for batches of `batch` rows and a last one of `rest`, or 0.

    The rows are shared by `threads`: layers, values and room are those of each.
    """
    flops = 6 * batch
    batch, rest = -(-batch // threads), -(-rest // threads)
    depth = trained_depth(network.layers, loss)
    lanes = BYTES // network.dtype.itemsize
    dense = [
        (network.shapes[i][0], la.units)
        for i, la in enumerate(network.layers[:depth])
        if isinstance(la, Dense)
    ]
    by_units = threads == 1 and _by_units(dense, batch, lanes)
    full, end = _layers(network, depth, batch, by_units, lanes, 0)
    # A shorter batch has values of its own: what pads a full one must stay 0.
    short, end = _layers(network, depth, rest or batch, by_units, lanes, end)
    return Program(
        layers=np.array([full, short], LAYER),
        by_units=by_units,
        bounded=not by_units and sum(batch * (n + m) - n * m for n, m in dense) < 0,
        values=end,
        room=_up(batch, lanes) * max(n + m for n, m in dense) + lanes,
        flops=flops * sum(n * m for n, m in dense),
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
) -> tuple[list[PlacedLayer], int]:
    """The layers, and where their values end."""
    places = {(one.layer, one.declared.name): one.start for one in network.layout.places}
    first = min(layer for layer, _ in places)
    kinds = list(COMPILED_ACTIVATIONS)

    def room(width: int) -> int:
        return _up(rows, lanes) * width if by_units else _up(rows * width, lanes)

    layers, at = [], start
    end = start + room(int(np.prod(network.inputs)))
    for index, layer in enumerate(network.layers[:depth]):
        name = layer_kind(layer)
        if name in NOTHING_TO_DO:
            continue
        n, m = (int(np.prod(network.shapes[i])) for i in (index, index + 1))
        if name == "dense":
            weight, bias = places[index, "weight"], places.get((index, "bias"), -1)
            by_blas = not by_units and rows * n * m >= BLAS_FROM
            layers.append(PlacedLayer(DENSE, at, end, n, m, weight, bias, index > first, by_blas))
        else:
            attribute = COMPILED_ACTIVATIONS[name].setting
            setting = getattr(layer, attribute) if attribute else 0.0
            layers.append(
                PlacedLayer(
                    kinds.index(name), at, end, n, m, pass_on=index > first, setting=setting
                )
            )
        at, end = end, end + room(m)
    return layers, end


def rule_of(optimizer: Optimizer) -> NDArray[Any]:
    """The optimizer as a record; a setting that is None or that it does not have is 0."""
    name = entry_name(OPTIMIZERS, optimizer)
    slots = COMPILED_OPTIMIZERS[name].slots
    numbers = {
        "kind": list(COMPILED_OPTIMIZERS).index(name),
        "slots": sum(1 << i for i, slot in enumerate(slots) if slot in optimizer.slots),
    }
    kind = rule_type()
    values = (numbers.get(name, getattr(optimizer, name, 0) or 0) for name in kind.names or ())
    return np.array(tuple(values), kind)


def task_of(
    program: Program, network: Network, loss: Loss, optimizer: Optimizer,
    shape: tuple[int, int, int], kind: Kind, **numbers: Any,
) -> Task:  # fmt: skip
    """The task of a training; `shape` is batch, full, rest, and `numbers` are fields of Task."""
    batch, full, rest = shape
    outputs = network.shapes[-1][0]
    name = entry_name(LOSSES, loss)
    setting = COMPILED_LOSSES[name].setting
    plain = isinstance(optimizer, Sgd) and not optimizer.shapes_gradient and not optimizer.slots
    return Task(
        batch=batch,
        full=full,
        rest=rest,
        inputs=int(np.prod(network.inputs)),
        outputs=outputs,
        layers=program.layers.shape[1],
        parameters=network.theta.size,
        weights=network.layout.weights,
        by_units=program.by_units,
        online=batch == 1 and plain,
        bounded=program.bounded or (batch == 1 and plain),
        loss=list(COMPILED_LOSSES).index(name),
        loss_setting=getattr(loss, setting) if setting else 0.0,
        mean_outputs=loss.reduction == "mean",
        fused=FUSED.index(loss.fuses),
        metric=list(COMPILED_METRICS).index(kind),
        scale=float(loss.bind(batch, outputs, np.float64).scale),
        rest_scale=float(loss.bind(max(rest, 1), outputs, np.float64).scale),
        tiny=TINY * float(np.finfo(network.dtype).tiny),
        **numbers,
    )


def class_weights(loss: Loss, outputs: int, dtype: DTypeLike) -> Array:
    """The factors of the classes, or ones."""
    factors = loss.weights(loss.classes(outputs)) if isinstance(loss, ClassLoss) else None
    return np.ones(max(2, outputs), dtype) if factors is None else np.array(factors, dtype)
