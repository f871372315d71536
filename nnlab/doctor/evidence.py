"""What a training shows: its curves, and its network looked at closely at some epochs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from typing import Any

import numpy as np

from nnlab.build import Built, build, numpy_seconds
from nnlab.config.schema import Config
from nnlab.core import columns
from nnlab.core.losses import Loss
from nnlab.core.metrics import ACCURACY, R2, decisions
from nnlab.core.network import Network, layer_kind, trained_depth
from nnlab.core.types import Array, FloatArray
from nnlab.experiment.measure import rebuilt
from nnlab.experiment.rows import epoch_row
from nnlab.experiment.session import start_weights
from nnlab.run.run import Run
from nnlab.run.text import mapping_or_empty
from nnlab.status import Status
from nnlab.training import Epoch, Failure, final_weights, run_bursts, start

ROWS = 512  # of the training part that a network is looked at with
MOMENTS = 5  # epochs at which it is looked at
PROBE_SECONDS = 3.0  # of NumPy's work, by its estimate, that a probe of a config trains
NEIGHBOUR_ROWS = 1000  # of which the nearest others are looked for
LEARNED = 0.6  # of the loss of the best constant answer
FLAT = 0.05  # of the steepest slope of an activation: below it a unit hardly learns


@dataclass(frozen=True)
class LayerHealth:
    """A layer on some training rows.

    spread: root mean square over units of each unit's deviation over rows. weight, gradient: root
    mean squares; 0 without weights. dead: share of units that no row gives a slope. flat: share of
    outputs whose slope is below 5 % of the activation's steepest. equal: whether all units compute
    the same. weighted: whether it is dense or a convolution.
    """

    index: int
    name: str
    units: int
    spread: float
    weight: float
    gradient: float
    dead: float
    flat: float
    equal: bool
    weighted: bool

    @property
    def title(self) -> str:
        """The layer as messages name it."""
        return f"layer {self.index} ({self.name})"


@dataclass(frozen=True, eq=False)
class Moment:
    """The network after `epoch` epochs: its layers, and its outputs (B, m) for the rows."""

    epoch: int
    layers: tuple[LayerHealth, ...]
    outputs: FloatArray
    values: Array  # (V,)


@dataclass(frozen=True, eq=False)
class Evidence:
    """Everything the rules may look at.

    history: the columns of metrics.csv; row 0 is before training. moments: in the order of epochs,
    the first before training. failure: where training met a non-finite number. epochs: how many
    the config asks for; a probe may have done fewer.
    """

    built: Built
    history: Mapping[str, FloatArray]
    moments: tuple[Moment, ...]
    failure: Mapping[str, Any] | None
    status: Status

    @property
    def config(self) -> Config:
        return self.built.config

    @cached_property
    def first(self) -> Moment:
        """Before training."""
        return self.moments[0]

    @cached_property
    def last(self) -> Moment:
        """At the end of what was trained."""
        return self.moments[-1]

    @property
    def epochs(self) -> int:
        """The epochs that were trained."""
        return len(self.train_loss) - 1

    @cached_property
    def train_loss(self) -> FloatArray:
        """By epoch, (E + 1,)."""
        return self.column(columns.TRAIN, columns.LOSS)

    @cached_property
    def val_loss(self) -> FloatArray:
        """By epoch, (E + 1,); empty without a validation part."""
        return self.column(columns.VAL, columns.LOSS)

    def column(self, part: str, quantity: str) -> FloatArray:
        """A column of the history; empty where there is none."""
        return np.asarray(self.history.get(columns.name(part, quantity), ()), np.float64)

    @cached_property
    def targets(self) -> Array:
        """Of the training rows (N, m), as the loss takes them."""
        return self.built.plan.train.targets

    @cached_property
    def is_classes(self) -> bool:
        """Whether rows belong to classes."""
        return self.built.kind != "regression"

    @cached_property
    def class_counts(self) -> Array:
        """Training rows per class (C,); empty for a regression."""
        dataset, rows = self.built.dataset, self.built.parts.train
        if dataset.task != "classes":
            return np.zeros(0, np.int64)
        return np.bincount(dataset.targets[rows], minlength=dataset.outputs)

    @cached_property
    def trivial_loss(self) -> float:
        """The loss of the best constant answer, nan where it is unknown.

        Classes: the entropy of their shares, for losses with logits; squared error: the variance.
        """
        t = self.targets.astype(np.float64)
        name = loss_name(self.built.plan.loss)
        scale = 1.0 if self.built.plan.loss.reduction == "mean" else t.shape[1]
        mean = np.clip(t.mean(0), 1e-12, 1)
        if name == "cross_entropy":
            return float(-(mean * np.log(mean)).sum())
        if name == "bce":
            other = np.clip(1 - mean, 1e-12, 1)
            return float(-(mean * np.log(mean) + other * np.log(other)).mean() * scale)
        if name == "mse":
            return float(t.var(0).mean() * scale)
        if name == "mae":
            return float(np.abs(t - np.median(t, 0)).mean() * scale)
        return float("nan")

    @cached_property
    def learned(self) -> float:
        """The share of the loss of a constant answer that training removed; 1: a perfect fit."""
        base, last = self.trivial_loss, float(self.train_loss[-1])
        if not isfinite(base) or base <= 0:
            base = float(self.train_loss[0])
        return 1 - last / base if isfinite(last) and base > 0 else -1.0

    def has_learned(self, share: float = LEARNED) -> bool:
        """Whether training removed so much of the loss, and stayed finite."""
        return self.failure is None and self.learned >= share

    @property
    def accuracy(self) -> float:
        """The training accuracy of the last epoch; 0 without classes."""
        column = self.column(columns.TRAIN, ACCURACY.name)
        return float(column[-1]) if len(column) else 0.0

    @property
    def quality(self) -> float:
        """The training accuracy, or the share of the targets' variance that is explained."""
        if self.is_classes:
            return self.accuracy
        return float(self.column(columns.TRAIN, R2.name)[-1])

    @property
    def excellent(self) -> bool:
        """Whether hardly anything is left to learn."""
        return self.learned > 0.95 or self.accuracy > 0.97

    def weighted(self, moment: Moment) -> list[LayerHealth]:
        """The layers with weights."""
        return [health for health in moment.layers if health.weighted]

    def hidden(self, moment: Moment) -> list[LayerHealth]:
        """The layers before the last one with weights."""
        return [
            health for health in moment.layers if health.index < self.weighted(moment)[-1].index
        ]

    @cached_property
    def neighbours(self) -> float:
        """Accuracy or r2 of the five nearest other training rows: what the inputs tell at least."""
        from sklearn.neighbors import NearestNeighbors

        count = min(len(self.built.plan.train), NEIGHBOUR_ROWS)
        if count < 20:
            return float("nan")
        rows = np.linspace(0, len(self.built.plan.train) - 1, count).astype(np.int64)
        x, t = self.built.plan.train.some(rows)
        x = x.reshape(count, -1)
        near = NearestNeighbors(n_neighbors=6).fit(x).kneighbors(return_distance=False)[:, :5]
        t = t.astype(np.float64)
        guess = t[near].mean(1)
        if self.is_classes:
            right = decisions(self.built.kind, guess) == decisions(self.built.kind, t)
            return float(right.mean())
        return float(1 - ((guess - t) ** 2).sum() / ((t - t.mean(0)) ** 2).sum())

    @cached_property
    def answers(self) -> Array:
        """What the last outputs mean: class numbers, or the outputs themselves."""
        outputs = self.last.outputs
        return decisions(self.built.kind, outputs) if self.is_classes else outputs


def loss_name(loss: Loss) -> str:
    """The name in the catalogue."""
    from nnlab.core.losses import LOSSES

    return next(name for name, kind in LOSSES.items() if type(loss) is kind)


def evidence_of_run(run: Run) -> Evidence:
    """From a run folder. Raises DataError where its data cannot be had, RunUnreadable."""
    built = rebuilt(run)
    failure = mapping_or_empty(run.about.get("failure")) or None
    epochs, values = run.snapshots
    history = {name: np.asarray(column) for name, column in run.metrics.items()}
    done = len(next(iter(history.values()))) - 1
    stored = {int(epoch): block for epoch, block in zip(epochs, values, strict=True)}
    network, last = run.latest
    stored.setdefault(done if last is None else min(last, done), network.values.copy())
    stored.setdefault(0, run.network("initial").values.copy())
    return Evidence(built, history, tuple(_moments(built, stored)), failure, run.status)


def evidence_of_config(config: Config) -> Evidence:
    """From a probe: the config trained in memory for some seconds' work."""
    built = build(config)
    start_weights(built)
    per_epoch = numpy_seconds(config, built.network, len(built.parts.train)) / max(
        1, config.training.epochs
    )
    most = max(1, min(config.training.epochs, int(PROBE_SECONDS / per_epoch)))
    return probe(built, most)


def probe(built: Built, epochs: int) -> Evidence:
    """The first `epochs` epochs of a training, in memory."""
    marks = sorted({round(epochs * k / (MOMENTS - 1)) for k in range(MOMENTS)})
    plan = built.plan
    plan = type(plan)(**{**vars(plan), "burst": 1024, "marks": tuple(marks)})
    state = start(plan, built.network)
    rows: list[dict[str, Any]] = []
    stored = {0: state.network.values.copy()}
    failure: dict[str, Any] | None = None
    for records in run_bursts(plan, state):
        for record in records:
            if isinstance(record, Epoch):
                rows.append(epoch_row(record, 0.0))
            elif isinstance(record, Failure):
                failure = {"epoch": record.epoch, "step": record.step, "what": record.what}
        if state.batch == 0 and (state.epoch in marks or state.status.ended):
            stored[state.epoch] = state.weights.copy()
        if state.epoch >= epochs:
            break
    last = state.epoch if failure is None else max(1, failure["epoch"])
    stored[last] = final_weights(plan, state).copy()
    history = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    return Evidence(built, history, tuple(_moments(built, stored)), failure, state.status)


def _moments(built: Built, stored: Mapping[int, Array]) -> Iterator[Moment]:
    """The network at up to MOMENTS of the stored epochs, evenly spaced."""
    known = sorted(stored)
    places = np.linspace(0, len(known) - 1, min(MOMENTS, len(known))).round().astype(int)
    rows = np.linspace(0, len(built.plan.train) - 1, min(ROWS, len(built.plan.train)))
    x, t = built.plan.train.some(np.unique(rows.astype(np.int64)))
    network = Network(built.config.network, built.network.inputs, dtype=built.network.dtype)
    for epoch in (known[place] for place in places):
        yield moment(network, built.plan.loss, stored[epoch], x, t, epoch)


def moment(network: Network, loss: Loss, values: Array, x: Array, t: Array, epoch: int) -> Moment:
    """A network with these values (V,), looked at on rows x (B, ...) with targets t (B, m)."""
    network.values[...] = values
    depth = trained_depth(network.layers, loss)
    gradient = np.zeros_like(network.theta)
    binding = network.bind(len(x), depth=depth, gradient=gradient, generators=network.generators(0))
    with np.errstate(all="ignore"):
        z = binding.forward(x)
        memory = loss.bind(len(x), z.shape[1], network.dtype)
        if binding.dz is None:
            raise RuntimeError("a binding for training has no room for dz")
        loss.gradient(z, t, binding.dz, memory)
        binding.backward(x)
        layers = tuple(_healths(network, binding.bound, x))
        network.values[...] = values  # training moved the buffers
        outputs = network.predict(x).astype(np.float64)
    return Moment(epoch, layers, outputs, values)


def _healths(network: Network, bound: Sequence[Any], x: Array) -> Iterator[LayerHealth]:
    for index, layer in enumerate(bound):
        y = layer.y.reshape(len(layer.y), -1).astype(np.float64)
        slope = _slopes(layer, x)
        dead = flat = 0.0
        if slope is not None:
            dead = float((slope == 0).all(0).mean())
            flat = float((slope < FLAT * max(slope.max(), 1e-30)).mean())
        weights = [array for array in vars(layer.p).values() if array.ndim > 1]
        gradients = [vars(layer.g)[name] for name, a in vars(layer.p).items() if a.ndim > 1]
        yield LayerHealth(
            index,
            layer_kind(network.layers[index]),
            y.shape[1],
            float(np.sqrt(y.var(0).mean())),
            root_mean_square(*weights),
            root_mean_square(*gradients),
            dead,
            flat,
            bool(weights) and _same_columns(weights[0], gradients[0]),
            is_weighted(network.layers[index]),
        )


def _slopes(layer: Any, x: Array) -> Array | None:
    """|f'| (B, units) of an activation that has a slope of its own at each number."""
    from nnlab.core.layers.activations import Activation

    if not isinstance(layer.layer, Activation) or layer.x is None or layer.dx is None:
        return None
    ones, slope = np.ones_like(layer.y), np.empty_like(layer.y)
    try:
        layer.layer.derivative(layer.x, layer.y, ones, slope, layer.s)
    except TypeError:
        return None
    return np.abs(slope.reshape(len(slope), -1)).astype(np.float64)


def root_mean_square(*arrays: Array) -> float:
    """Of all numbers in some arrays; 0 without any."""
    if not arrays:
        return 0.0
    numbers = np.concatenate([array.ravel() for array in arrays]).astype(np.float64)
    return float(np.sqrt(np.mean(numbers**2)))


def is_weighted(layer: object) -> bool:
    """Whether a layer is dense or a convolution."""
    return hasattr(layer, "units") or hasattr(layer, "filters")


def _same_columns(weight: Array, gradient: Array) -> bool:
    """Whether every unit has the weights of the first and moves as it does."""
    if weight.shape[-1] < 2:
        return False
    return all(np.allclose(a, a[..., :1], rtol=1e-6, atol=1e-12) for a in (weight, gradient))
