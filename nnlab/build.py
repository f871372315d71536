"""From a config to the objects that train: the one place where the two meet."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Literal

import numpy as np

from nnlab.config.schema import Config, FromRun
from nnlab.core.losses import ClassLoss, Loss
from nnlab.core.metrics import Kind, better_when, kind_of
from nnlab.core.network import Network, flops
from nnlab.core.types import Array, FloatArray, IntArray
from nnlab.data.augment import Augmenter
from nnlab.data.batches import Part
from nnlab.data.dataset import Dataset
from nnlab.data.scale import Scaling, fit_scaling
from nnlab.data.split import PartRows, split_rows
from nnlab.data.warnings import absent_classes, absent_words, data_warnings
from nnlab.engine.compiled.program import why_not
from nnlab.engine.images.network import TunedNetwork
from nnlab.errors import ConfigError
from nnlab.training import Plan, Stopping

SHORT = 0.4  # seconds of NumPy on a machine of 2026; to load the kernels takes 0.1 s
SHARED = 0.1  # the same where many trainings share that loading
WIDE = 10**7  # operations an update


@dataclass(frozen=True, eq=False)
class Built:
    """An experiment ready to run. `parts` holds row numbers of `dataset`.

    warnings: what is suspicious in the data, in sentences.
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


def build(config: Config, short: float = SHORT) -> Built:
    """Load the data, split and scale it, make the network and the plan.

    `engine: auto` is NumPy for what NumPy does in `short` seconds.

    Raises DataError when the data cannot be had, ConfigError when a part would be empty or the
    engine is not available.
    """
    dataset = config.data.source.load(config.data.seed)
    parts = split_rows(config.data.split, dataset.rows, dataset.test_rows, config.data.seed)
    scaling = fit_scaling(
        config.data.scale,
        dataset.inputs,
        parts.train,
        dataset.input_range,
        fills=dataset.fills,
    )
    dtype = config.training.dtype
    init = None if isinstance(config.init, FromRun) else config.init
    width = dataset.inputs.shape[1]
    network = TunedNetwork(config.network, width, seed=config.seed, init=init, dtype=dtype)
    kind, targets = encode(dataset, network.shapes[-1][0])
    loss = prepared(config.loss, dataset, parts.train)
    chosen = engine(config, network, loss, kind, len(parts.train), short)
    config = replace(config, training=replace(config.training, engine=chosen))
    coded = loss.encode(targets)

    def part(rows: IntArray | None, changes: Augmenter | None = None) -> Part | None:
        if rows is None:
            return None
        return Part(dataset.inputs, rows, scaling, coded[rows], dtype, changes)

    train = part(parts.train, augmenter(config, dataset, scaling))
    assert train is not None
    plan = make_plan(config, loss, train, part(parts.validation), kind)
    suspicions = data_warnings(dataset, parts, config.data.scale, config.data.split)
    return Built(config, dataset, parts, scaling, kind, network, plan, part(parts.test), suspicions)


def augmenter(config: Config, dataset: Dataset, scaling: Scaling) -> Augmenter | None:
    """What changes the training pictures; ConfigError where they cannot be changed."""
    steps, image = config.training.augment, dataset.image_shape
    if not steps:
        return None
    if image is None:
        raise ConfigError("training.augment changes pictures, and this data has none.")
    if scaling.shift.size > 1:
        raise ConfigError(
            f"training.augment cannot move pixels that data.scale: {scaling.kind} gave a scale of "
            "their own each. Use standardize_all, or none."
        )
    blank = float((0.0 - scaling.shift) * scaling.factor)
    shape = image if len(image) == 3 else (*image, 1)
    return Augmenter(steps, shape, blank, config.seed)


def make_plan(config: Config, loss: Loss, train: Part, validation: Part | None, kind: Kind) -> Plan:
    """The plan that the section `training` describes."""
    wanted = config.training
    stopping, monitor = wanted.early_stopping, str(wanted.monitor)
    return Plan(
        loss=loss,
        optimizer=config.optimizer,
        schedule=config.schedule,
        train=train,
        validation=validation,
        kind=kind,
        epochs=wanted.epochs,
        batch_size=len(train) if wanted.batch_size == "full" else wanted.batch_size,
        seed=config.seed,
        shuffle=wanted.shuffle,
        drop_last=wanted.drop_last,
        monitor=monitor,
        higher_is_better=better_when(monitor) == "max",
        stopping=None
        if stopping is None
        else Stopping(stopping.patience, stopping.min_delta, stopping.restore_best),
        ema=wanted.ema,
        record_steps=wanted.record_steps,
        engine="compiled" if wanted.engine == "compiled" else "numpy",
    )


def foreseen(config: Config, short: float = SHORT) -> Literal["numpy", "compiled"]:
    """The engine that `build` would choose, found out without loading the data.

    Raises as `build`.
    """
    network, rows, kind = outline(config)
    return engine(config, network, config.loss, kind, rows, short)


def outline(config: Config) -> tuple[Network, int, Kind]:
    """Network, number of training rows and kind of task, without loading the data."""
    data = config.data
    shape = data.source.signature(data.seed)
    rows = len(split_rows(data.split, shape.rows, shape.test_rows, data.seed).train)
    init = None if isinstance(config.init, FromRun) else config.init
    network = Network(config.network, shape.inputs, init=init)
    return network, rows, kind_of(shape.task, network.shapes[-1][0])


def engine(
    config: Config, network: Network, loss: Loss, kind: Kind, rows: int, short: float = SHORT
) -> Literal["numpy", "compiled"]:
    """The engine that runs this config on so many training rows.

    "auto" is compiled where that can be and is worth loading, else NumPy: a matter of the config,
    the data and what is installed, never of a clock. Raises ConfigError when the compiled engine
    is asked for by name and cannot run this.
    """
    wanted = config.training.engine
    if wanted == "numpy" or (
        wanted == "auto" and not worth_compiling(config, network, rows, short)
    ):
        return "numpy"
    reason = why_not(network, loss, config.optimizer, kind)
    if config.training.augment:
        reason = "training.augment has no compiled form"
    if reason is None and find_spec("numba") is None:
        reason = "numba is not installed (pip install 'nnlab[fast]')"
    if reason is None:
        return "compiled"
    if wanted == "compiled":
        raise ConfigError(
            f"training.engine: compiled is not possible: {reason}. Use numpy, or auto."
        )
    return "numpy"


def worth_compiling(config: Config, network: Network, rows: int, short: float = SHORT) -> bool:
    """Whether the training is long, and its updates consist of more than large matrix products.

    Those are the BLAS's in both engines, and NumPy's has both cores.
    """
    small = _products(config, network, rows) < WIDE
    return small and numpy_seconds(config, network, rows) > short


def numpy_seconds(config: Config, network: Network, rows: int) -> float:
    """About how long NumPy would train on so many rows, on a machine of 2026."""
    update = 20e-6 + _products(config, network, rows) / 100e9 + 1.5e-9 * network.theta.size
    return config.training.epochs * -(-rows // _batch(config, rows)) * update


def _products(config: Config, network: Network, rows: int) -> int:
    """Operations of an update: forward, and backward for x and for W."""
    return 3 * _batch(config, rows) * sum(flops(network))


def _batch(config: Config, rows: int) -> int:
    size = config.training.batch_size
    return rows if size == "full" else min(size, rows)


def encode(dataset: Dataset, outputs: int) -> tuple[Kind, FloatArray]:
    """Targets (N, m) for a network with m outputs, and how they are judged.

    Two classes become one column of 0 and 1 for a single output; else classes become one-hot
    rows. The identity's targets are one-hot already.
    """
    kind = kind_of(dataset.task, outputs)
    if dataset.task != "classes":
        return kind, dataset.targets
    if kind == "binary":
        return kind, dataset.targets[:, None].astype(np.float64)
    return kind, np.eye(outputs)[dataset.targets]


def prepared(loss: Loss, dataset: Dataset, rows: IntArray) -> Loss:
    """The loss with balanced class weights worked out from the training rows.

    Raises ConfigError where a class has none.
    """
    if dataset.task != "classes":
        return loss
    balanced = isinstance(loss, ClassLoss) and loss.class_weight == "balanced"
    if balanced and (names := absent_classes(dataset, rows)):
        raise ConfigError(
            f"loss.class_weight: balanced has no weight for a class without rows. "
            f"{absent_words(names, 'training')}. Set data.split: shuffled, another data.seed, "
            "or class_weight to a list."
        )
    return loss.prepare(dataset.targets[rows], dataset.outputs)


def load_weights(network: Network, arrays: Mapping[str, Array], what: str) -> None:
    """Set all parameters and buffers; ConfigError, and none is set, where one does not fit."""
    own = network.arrays
    for name in sorted(own.keys() ^ arrays.keys()):
        where = "the network has no" if name in arrays else f"{what} has no"
        raise ConfigError(f"init: {where} {name}; both networks must have the same layers.")
    for name, array in own.items():
        if array.shape != arrays[name].shape:
            raise ConfigError(
                f"init: {name} has shape {arrays[name].shape} in {what}, "
                f"but {array.shape} in this network."
            )
    for name, array in own.items():
        array[...] = arrays[name]
