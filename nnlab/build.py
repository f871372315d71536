"""From a config to the objects that train: data, network, plan, engine."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from math import isfinite
from typing import Literal

import numpy as np

from nnlab.config.schema import Config, SavedWeights
from nnlab.core import columns
from nnlab.core.layers import Layer
from nnlab.core.layers.dense import Rescale
from nnlab.core.losses import ClassLoss, Loss
from nnlab.core.losses.scaled import fitted_rescale, in_units
from nnlab.core.metrics import kind_of
from nnlab.core.network import Network, flops
from nnlab.core.types import Array, FloatArray, IntArray, Kind, size
from nnlab.data.augment import Augmenter
from nnlab.data.batches import Part
from nnlab.data.dataset import Dataset, Task
from nnlab.data.scale import Scaling, fit_scaling
from nnlab.data.split import PartRows, split_dataset, split_rows
from nnlab.data.warnings import absent_classes, absent_words, data_warnings
from nnlab.engine.compiled.program import why_not
from nnlab.engine.network import EngineNetwork
from nnlab.errors import ConfigError
from nnlab.show.words import first_few
from nnlab.training import Plan, Stopping, row_numbers

NUMPY_IS_FAST_ENOUGH_S = 0.4  # on a machine of 2026; loading the kernels takes 0.1 s
MOST_DIFFERENCES = 6  # that a message names
SHARED = 0.1  # seconds; the same where many trainings share that loading
Engine = Literal["numpy", "compiled"]


@dataclass(frozen=True, eq=False)
class Built:
    """An experiment that is ready to run.

    parts: row numbers of `dataset`. warnings: what is suspicious in the data, in sentences.
    """

    config: Config  # with the engine that was chosen
    dataset: Dataset
    parts: PartRows
    scaling: Scaling
    kind: Kind
    network: Network
    plan: Plan
    test: Part | None
    warnings: tuple[str, ...]


def build(
    config: Config,
    fast_enough: float = NUMPY_IS_FAST_ENOUGH_S,
    scaling: Scaling | None = None,
    rescale: Rescale | None = None,
) -> Built:
    """Load the data, split and scale it, make the network and the plan.

    `engine: auto` is NumPy for what NumPy does in `fast_enough` seconds. `scaling` and `rescale`
    are fitted, unless a network that continues on these rows has those of earlier ones.

    Raises DataError when the data cannot be loaded, ConfigError when a part would be empty or the
    engine is not available.
    """
    data, dtype = config.data, config.training.dtype
    dataset = data.load()
    rows = split_dataset(data.split, dataset, data.seed)
    if scaling is None:
        given = data.scale, dataset.inputs, rows.train, dataset.input_range
        scaling = fit_scaling(*given, filling=dataset.filling, weights=dataset.weights)
    config = replace(config, network=with_units(config, dataset, rows.train, rescale))
    init = None if isinstance(config.init, SavedWeights) else config.init
    width = dataset.inputs.shape[1]
    network = EngineNetwork(config.network, width, seed=config.seed, init=init, dtype=dtype)
    kind, targets = encode(dataset, network.shapes[-1][0])
    loss = in_units(prepare_loss(config.loss, dataset, rows.train), config.network[-1])
    weighted = dataset.weights is not None
    engine = choose_engine(config, network, loss, kind, len(rows.train), fast_enough, weighted)
    config = replace(config, training=replace(config.training, engine=engine))
    coded = loss.encode(targets)

    def part(rows: IntArray, changes: Augmenter | None = None) -> Part:
        weights = row_weights(dataset, rows, loss)
        return Part(dataset.inputs, rows, scaling, coded[rows], dtype, changes, weights)

    validation = None if rows.validation is None else part(rows.validation)
    test = None if rows.test is None else part(rows.test)
    train = part(rows.train, augmenter(config, dataset, scaling))
    plan = make_plan(config, loss, train, validation, kind)
    require_defined_metrics(plan, network)
    warnings = data_warnings(dataset, rows, data.scale, data.split, data.scale_target)
    return Built(config, dataset, rows, scaling, kind, network, plan, test, warnings)


def with_units(
    config: Config, dataset: Dataset, rows: IntArray, earlier: Rescale | None
) -> tuple[Layer, ...]:
    """The layers; of scaled targets the last one returns to the units of the training targets."""
    if config.data.scale_target == "none":
        return config.network
    weights = None if dataset.weights is None else dataset.weights[rows]
    last = earlier or fitted_rescale(config.loss, dataset.targets[rows], weights)
    return (*config.network[:-1], last)


def augmenter(config: Config, dataset: Dataset, scaling: Scaling) -> Augmenter | None:
    """What changes the training images; ConfigError where they cannot be changed."""
    steps, image = config.training.augment, dataset.image_shape
    if not steps:
        return None
    if image is None:
        raise ConfigError("training.augment changes images, and this data has none.")
    if scaling.shift.size > 1:
        raise ConfigError(
            f"training.augment cannot move pixels that data.scale: {scaling.kind} gave a scale of "
            "their own each. Use standardize_all, or none."
        )
    blank = float((0.0 - scaling.shift) * scaling.factor)
    shape = image if len(image) == 3 else (*image, 1)
    return Augmenter(steps, shape, blank, config.seed)


def require_defined_metrics(plan: Plan, network: Network) -> None:
    """Raises ConfigError where the targets of a part leave a metric that is asked for undefined."""
    for name, part in ((columns.TRAIN, plan.train), (columns.VAL, plan.validation)):
        metrics = [] if part is None else plan.row_metrics(name, network)
        if part is None or not metrics:
            continue
        for metric, value in row_numbers(metrics, plan.kind, plan.loss, part.targets, part).items():
            if not isfinite(value):
                key = "monitor" if plan.monitor == columns.name(name, metric) else "metrics"
                raise ConfigError(
                    f"training.{key}: {metric} needs rows of two classes, and the "
                    f"{columns.row_names({})[name]} rows have only one. Change the split or the "
                    "metric."
                )


def make_plan(config: Config, loss: Loss, train: Part, validation: Part | None, kind: Kind) -> Plan:
    """The plan that the section `training` describes."""
    training = config.training
    stopping = training.early_stopping
    return Plan(
        loss=loss,
        optimizer=config.optimizer,
        schedule=config.schedule,
        train=train,
        validation=validation,
        kind=kind,
        epochs=training.epochs,
        batch_size=len(train) if training.batch_size == "full" else training.batch_size,
        seed=config.seed,
        shuffle=training.shuffle,
        drop_last=training.drop_last,
        monitor=str(training.monitor),
        metrics=training.metrics,
        stopping=None
        if stopping is None
        else Stopping(stopping.patience, stopping.min_delta, stopping.restore_best),
        ema=training.ema,
        swa=training.swa,
        record_steps=training.record_steps,
        engine="compiled" if training.engine == "compiled" else "numpy",
    )


# The choice of the engine.


def predicted_engine(config: Config, fast_enough: float = NUMPY_IS_FAST_ENOUGH_S) -> Engine:
    """The engine that `build` would choose, found out without loading the data.

    Raises as `build`.
    """
    network, rows, kind = outline(config)
    return choose_engine(config, network, config.loss, kind, rows, fast_enough)


def outline(config: Config) -> tuple[Network, int, Kind]:
    """Network, number of training rows and kind of task, without loading the data."""
    data = config.data
    shape = data.signature()
    rows = len(split_rows(data.split, shape.rows, shape.test_rows, data.seed).train)
    init = None if isinstance(config.init, SavedWeights) else config.init
    network = Network(config.network, shape.inputs, init=init)
    return network, rows, kind_of(shape.task, network.shapes[-1][0])


def choose_engine(
    config: Config,
    network: Network,
    loss: Loss,
    kind: Kind,
    rows: int,
    fast_enough: float,
    weighted: bool = False,
) -> Engine:
    """The engine that runs this config on this number of training rows.

    "auto" is compiled where that is possible and worth loading: where NumPy takes long. It depends
    on the config, the data and what is installed, never on a clock. Raises ConfigError when the
    compiled engine is named and cannot run this.
    """
    wanted = config.training.engine
    if wanted == "auto":
        if numpy_seconds(config, network, rows) <= fast_enough:
            return "numpy"
    elif wanted == "numpy":
        return "numpy"
    reason = _uncompiled(config, weighted) or why_not(network, loss, config.optimizer, kind)
    if reason is None and find_spec("numba") is None:
        reason = "numba is not installed (pip install 'nnlab[fast]')"
    if reason is None:
        return "compiled"
    if wanted == "auto":
        return "numpy"
    raise ConfigError(f"training.engine: compiled is not possible: {reason}. Use numpy, or auto.")


def _uncompiled(config: Config, weighted: bool) -> str | None:
    """What of the batches and targets has no compiled form."""
    if config.data.scale_target != "none":
        return "data.scale_target has no compiled form"
    return "weights of rows have no compiled form" if weighted else None


def numpy_seconds(config: Config, network: Network, rows: int) -> float:
    """About how long NumPy would train on this number of rows, on a machine of 2026.

    A product has little to do per value; activations, windows and the like take the rest.
    """
    batch = _batch_rows(config, rows)
    flops_time = _update_flops(config, network, rows) / 100e9
    values_time = 5e-9 * batch * sum(map(size, network.shapes[1:]))
    updates = config.training.epochs * -(-rows // batch)
    return updates * (20e-6 + flops_time + values_time + 1.5e-9 * network.theta.size)


def _update_flops(config: Config, network: Network, rows: int) -> int:
    """Floating-point operations per update: forward, and backward for x and for W."""
    return 3 * _batch_rows(config, rows) * sum(flops(network))


def _batch_rows(config: Config, rows: int) -> int:
    wanted = config.training.batch_size
    return rows if wanted == "full" else min(wanted, rows)


# Pieces of `build` that are also used alone.


def encode(dataset: Dataset, outputs: int) -> tuple[Kind, FloatArray]:
    """The kind of task, and targets (N, m) for a network with m outputs.

    Two classes become one column of 0 and 1 for a single output; else classes become one-hot rows.
    The identity's targets are one-hot already.
    """
    kind = kind_of(dataset.task, outputs)
    return kind, encoded_targets(dataset.task, kind, dataset.targets, outputs)


def encoded_targets(task: Task, kind: Kind, targets: Array, outputs: int) -> FloatArray:
    """Targets (N, m) of labels (N,) or rows (N, m), for a network with m outputs."""
    if task != "classes":
        return targets
    if kind == "binary":
        return targets[:, None].astype(np.float64)
    return np.eye(outputs)[targets]


def prepare_loss(loss: Loss, dataset: Dataset, rows: IntArray) -> Loss:
    """The loss with balanced class weights computed from the training rows.

    Raises ConfigError where a class has none, or where the loss is not for these targets.
    """
    if reason := loss.refusal(dataset.targets):
        raise ConfigError(f"loss: {reason}.")
    if dataset.task != "classes":
        return loss
    balanced = isinstance(loss, ClassLoss) and loss.class_weight == "balanced"
    if balanced and (names := absent_classes(dataset, rows)):
        raise ConfigError(
            f"loss.class_weight: balanced has no weight for a class without rows. "
            f"{absent_words(names, 'training')}. Set data.split: shuffled, another data.seed, "
            "or class_weight to a list."
        )
    weights = None if dataset.weights is None else dataset.weights[rows]
    return loss.prepare(dataset.targets[rows], dataset.outputs, weights)


def row_weights(dataset: Dataset, rows: IntArray, loss: Loss) -> FloatArray | None:
    """The weights of a part's rows (N,), with mean 1 where the loss is a mean over rows."""
    if dataset.weights is None:
        return None
    weights = dataset.weights[rows]
    return weights if loss.reduction == "sum" else weights * (len(weights) / weights.sum())


def load_weights(
    network: Network, arrays: Mapping[str, Array], what: str, skip_mismatch: bool = False
) -> str:
    """Set all parameters and buffers by name and shape; what differs, in words.

    With `skip_mismatch`, a layer with an array that differs is left as it is. Raises ConfigError,
    which names each difference, and sets nothing, where one does not fit or is not finite; with
    `skip_mismatch` only where no layer fits, or where a frozen one does not.
    """
    own, differences = network.arrays, _differences(network.arrays, arrays)
    words = first_few([*differences.values()], MOST_DIFFERENCES, "; ")
    skipped = set(map(_layer_of, differences))
    taken = {name: array for name, array in own.items() if _layer_of(name) not in skipped}
    if differences and not (skip_mismatch and taken):
        raise ConfigError(f"{what}: its weights do not fit this network: {words}.")
    layout = network.layout
    if lost := [p.key for p in layout.places[len(layout.changed) :] if p.key in differences]:
        raise ConfigError(f"{what}: a frozen layer cannot be drawn: {differences[lost[0]]}.")
    wrong = next((name for name in taken if not np.isfinite(arrays[name]).all()), None)
    if wrong is not None:
        raise ConfigError(f"{what}: {wrong} holds a number that is not finite.")
    for name, array in taken.items():
        array[...] = arrays[name]
    return words


def _differences(own: Mapping[str, Array], arrays: Mapping[str, Array]) -> dict[str, str]:
    return {
        name: f"{name} is {_shape_words(arrays, name)} there and {_shape_words(own, name)} here"
        for name in [*own, *sorted(arrays.keys() - own.keys())]
        if _shape_words(arrays, name) != _shape_words(own, name)
    }


def _layer_of(name: str) -> str:
    """0.dense of 0.dense.weight."""
    return name.rpartition(".")[0]


def _shape_words(arrays: Mapping[str, Array], name: str) -> str:
    return str(arrays[name].shape) if name in arrays else "missing"
