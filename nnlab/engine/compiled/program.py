"""A network as data, so that one set of kernels runs every network.

A record per layer says what is computed and where its numbers lie. Values lie row by row (B, m) or,
for narrow layers and many rows, unit by unit (m, B) with B rounded up to whole vectors.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nnlab.core.layers import Layer
from nnlab.core.layers.dense import Dense
from nnlab.core.losses import LOSSES, ClassLoss, Loss
from nnlab.core.metrics import metrics_of, sums_of
from nnlab.core.network import Network, flops, layer_kind, trained_depth
from nnlab.core.optimizers import OPTIMIZERS, TINY, Optimizer, Sgd
from nnlab.core.types import Array, Kind, size
from nnlab.engine.compiled.layer import CompiledLayer
from nnlab.engine.compiled.layers import COMPILED_LAYERS, NOTHING_TO_DO
from nnlab.engine.compiled.losses import COMPILED_LOSSES
from nnlab.engine.compiled.metrics import COMPILED_METRICS, FUSED
from nnlab.engine.compiled.optimizers import COMPILED_OPTIMIZERS
from nnlab.engine.compiled.primitives import LAYOUT_BYTES
from nnlab.engine.compiled.records import Task, layer_type, rule_type

BLAS_FROM = 2**18  # multiplications of a product
CACHE_BYTES = 2**20  # of values and slopes of the images that go through the layers together

Steps = Sequence[tuple[int, Layer, CompiledLayer]]  # position in the network, layer, its entry


@dataclass(frozen=True)
class Program:
    """The layers for full and for shorter batches, and how much memory they need."""

    layers: NDArray[Any]  # (2, layers) records
    portion: int  # rows that go through the layers together
    by_units: bool
    bounded: bool  # all layers with weights are dense and have more of them than values
    values: int  # numbers of all layers' values
    room: int  # numbers that any layer may write
    scratch: int  # numbers that are a layer's own
    shared: int  # numbers that each thread shows to the others
    drawn: Mapping[int, int]  # by layer: numbers of a row that are drawn before an update
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
        if name not in (*COMPILED_LAYERS, *NOTHING_TO_DO):
            return f"layer {index} ({name}) has no compiled form"
        if layer.freeze and COMPILED_LAYERS[name].by_batch:
            return f"a frozen {name} (layer {index}) has no compiled form"
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

    The rows are shared by `threads`: layers, values and memory are those of each.
    """
    depth, shapes = trained_depth(network.layers, loss), network.shapes
    steps = _steps(network.layers[:depth])
    dense = [(shapes[i][0], layer.units) for i, layer, _ in steps if isinstance(layer, Dense)]
    most = -(-batch // threads)
    flat = all(entry.any_layout for _, _, entry in steps)
    by_units = flat and _by_units(dense, batch, threads, network.dtype)
    portion = _portion(network, steps, most)
    full, sizes = _layers(network, steps, portion, portion, by_units, 0)
    short, end = full, sizes["values"]
    if by_units or portion == most:
        # A shorter batch has values of its own: what pads a full one must stay 0.
        rows = -(-(rest or batch) // threads)
        short, shorter = _layers(network, steps, rows, portion, by_units, end)
        end = shorter["values"]
    return Program(
        layers=_records([(batch, full), (rest, short)]),
        portion=portion,
        by_units=by_units,
        bounded=flat and not by_units and _bounded(dense, portion),
        **{**sizes, "values": end},
        drawn={i: size(shapes[i]) for i, _, entry in steps if entry.draws},
        flops=3 * batch * sum(flops(network)[:depth]),
    )


def _steps(layers: Sequence[Layer]) -> Steps:
    """The layers that compute something."""
    return [
        (i, layer, COMPILED_LAYERS[name])
        for i, layer in enumerate(layers)
        if (name := layer_kind(layer)) not in NOTHING_TO_DO
    ]


def _records(programs: Sequence[tuple[int, Sequence[Mapping[str, float]]]]) -> NDArray[Any]:
    """The layers of each batch size as records; an array that a layer lacks is at -1."""
    kind = layer_type()
    arrays = {name for entry in COMPILED_LAYERS.values() for name in entry.arrays}
    blank = {name: -1 if name in arrays else 0 for name in kind.names or ()}
    rows = [
        [tuple({**blank, **numbers, "batch": batch}.values()) for numbers in layers]
        for batch, layers in programs
    ]
    return np.array(rows, kind)


def _up(count: int, dtype: np.dtype[Any]) -> int:
    """`count` rounded up to whole vectors."""
    lanes = LAYOUT_BYTES // dtype.itemsize
    return -(-count // lanes) * lanes


def _by_units(
    dense: Sequence[tuple[int, int]], batch: int, threads: int, dtype: np.dtype[Any]
) -> bool:
    """Whether products along the batch need far fewer vectors than products along the units.

    dense: the inputs and outputs of each dense layer.
    """
    if batch == 1 or threads > 1:
        return False
    along_units = sum(batch * n * _up(m, dtype) for n, m in dense)
    along_batch = sum(n * m * _up(batch, dtype) for n, m in dense)
    return 2 * along_batch < along_units


def _bounded(dense: Sequence[tuple[int, int]], rows: int) -> bool:
    """Whether the dense layers have more weights than values of so many rows."""
    return sum(rows * (n + m) - n * m for n, m in dense) < 0


def _portion(network: Network, steps: Steps, rows: int) -> int:
    """The rows that go through the layers together: images as many as stay in the cache."""
    if all(entry.any_layout for _, _, entry in steps) or any(e.by_batch for _, _, e in steps):
        return rows
    numbers = 2 * sum(size(network.shapes[index + 1]) for index, _, _ in steps)
    fitting = max(1, CACHE_BYTES // (numbers * network.dtype.itemsize))
    return -(-rows // -(-rows // fitting))


def _layers(
    network: Network, steps: Steps, rows: int, most: int, by_units: bool, start: int
) -> tuple[list[dict[str, float]], dict[str, int]]:
    """What the layers' records hold for so many rows, and how many numbers all layers have.

    Their values begin at `start`; in these numbers, too. A layer's own numbers are where they are
    for `most` rows: what a layer leaves at 0 stays 0.
    """
    layout, dtype, kinds = network.layout, network.dtype, list(COMPILED_LAYERS)
    places = {(p.layer, p.declared.name): p.start for p in (*layout.places, *layout.buffers)}
    first = min(place.layer for place in layout.changed)

    def numbers(width: int) -> int:
        return _up(rows, dtype) * width if by_units else _up(rows * width, dtype)

    records: list[dict[str, float]] = []
    at, end = start, start + numbers(size(network.inputs))
    room, noise = 0, 0
    own = {"scratch": 0, "shared": 0}  # numbers of the layers so far
    for index, layer, entry in steps:
        shape = network.shapes[index]
        n, m = size(shape), size(network.shapes[index + 1])
        products = rows * n * m if isinstance(layer, Dense) and not by_units else 0
        record = {
            "kind": kinds.index(layer_kind(layer)),
            "place": len(records),
            "x": at,
            "y": end,
            "n": n,
            "m": m,
            "learns": index >= first,
            "pass_on": index > first,
            "by_blas": products >= BLAS_FROM,
            "noise": noise,
            **own,
            **{name: places[index, name] for name in entry.arrays if (index, name) in places},
            **entry.describe(layer, shape),
        }
        records.append(record)
        own["scratch"] += entry.scratch(layer, shape, most)
        own["shared"] += entry.shared(layer, shape)
        noise += n if entry.draws else 0
        room = max(room, entry.room(layer, shape, rows))
        at, end = end, end + numbers(m)
    return records, {**own, "room": room, "values": end}


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
    dense = all(isinstance(network.layers[p.layer], Dense) for p in network.layout.places)
    online = batch == 1 and plain and dense and network.layout.trained == network.layout.size
    return Task(
        batch=batch,
        full=full,
        rest=rest,
        inputs=size(network.inputs),
        outputs=outputs,
        layers=program.layers.shape[1],
        parameters=network.trained.size,
        values=network.values.size,
        weights=network.layout.weights,
        shared=program.shared,
        portion=program.portion,
        portioned=program.portion * numbers["threads"] < batch,
        by_units=program.by_units,
        online=online,
        bounded=program.bounded or online,
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
