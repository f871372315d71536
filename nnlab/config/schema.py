"""What a checked config holds: frozen dataclasses with all defaults filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Lt, MinLen

from nnlab.config.annotations import Inline, InWords
from nnlab.core.initializers import Initializer
from nnlab.core.layers import Layer
from nnlab.core.losses import Loss
from nnlab.core.optimizers import Optimizer
from nnlab.core.schedules import Schedule
from nnlab.core.types import FilePath
from nnlab.data.augment import Augmentation
from nnlab.data.dataset import Dataset, DataSource, Learned, Signature
from nnlab.data.scale import ScaleKind, TargetScale
from nnlab.data.split import Split

INLINE = Inline()
Name = Annotated[str, InWords(default="the name of the file without .yaml")]
Count = Annotated[int, Ge(1)]
Seed = Annotated[int, Ge(0)]


@dataclass(frozen=True)
class Data:
    """The data set, its parts, and how its inputs are scaled.

    For example `data: {name: moons, test: 0.2, scale: standardize}`.

    source: the data set with its own settings, which stand beside these.
    split: the keys that choose rows.
    scale: how inputs are scaled. unit maps them to 0..1: images by the range of a pixel, tables by
    the smallest and largest value of each column in the training rows; standardize gives each
    column mean 0 and standard deviation 1 over the training rows; standardize_all uses one mean and
    one standard deviation for all columns. A constant column becomes 0. none changes nothing.
    seed: the seed of generated rows and of the order in which rows are split.
    scale_target: standardize trains on targets with mean 0 and standard deviation 1 over the
    training rows; the layer `rescale` behind the network returns to their units. The loss is that
    of the scaled targets; outputs and all metrics are in the units of the data.
    learn: inputs makes an autoencoder, whose targets are its own inputs: of an image the pixels
    from 0 to 1, of a table the columns in their units. Classes then only colour figures.
    """

    source: Annotated[DataSource, INLINE]
    split: Annotated[Split, INLINE]
    scale: Annotated[ScaleKind, InWords(default="unit for images that nnlab loads, else none")]
    seed: Annotated[Seed, InWords(default="the config's seed")]
    scale_target: TargetScale = "none"
    learn: Learned = "targets"

    def signature(self) -> Signature:
        """The shape of the data as the network learns it. Raises DataError."""
        signature = self.source.signature(self.seed)
        return signature.learning_inputs() if self.learn == "inputs" else signature

    def load(self) -> Dataset:
        """All rows, with the targets that the network learns. Raises DataError."""
        dataset = self.source.load(self.seed)
        return dataset.learning_inputs() if self.learn == "inputs" else dataset


class SavedWeights:
    """Weights from elsewhere as initial weights."""


@dataclass(frozen=True)
class FromRun(SavedWeights):
    """The final weights of another run as initial weights.

    For example `init: {run: runs/20260101-120000-xor}`.

    run: the folder of that run.
    skip_mismatch: true takes the layers whose arrays have the names and shapes of this network's,
    draws the others and names them, so that another task may have outputs of its own; false refuses
    weights that do not fit.
    """

    run: Annotated[FilePath, MinLen(1)]
    skip_mismatch: bool = False


@dataclass(frozen=True)
class FromFile(SavedWeights):
    """The arrays of a .safetensors or .npz file as initial weights, by name and shape.

    For example `init: {file: weights.safetensors}`. The names and shapes are those of a run's
    weights/final.npz and of `nnlab export --to safetensors`: "0.dense.weight" (inputs, units). A
    `weight` of PyTorch's Linear is its transpose.

    file: the path of the file.
    skip_mismatch: as for `run`.
    """

    file: Annotated[FilePath, MinLen(1)]
    skip_mismatch: bool = False


@dataclass(frozen=True)
class EarlyStopping:
    """Stop when the monitored value (`training.monitor`) no longer improves.

    For example `early_stopping: {patience: 10}`.

    patience: epochs without an improvement until training stops.
    min_delta: how much better a value must be to count as an improvement.
    mode: whether a smaller (min) or a larger (max) value is better. It follows from the monitored
    value and need not be set.
    restore_best: true takes the weights of the best epoch as the final weights, false those of the
    last epoch.
    """

    patience: Count
    min_delta: Annotated[float, Ge(0)] = 0.0
    mode: Literal["min", "max"] | None = None
    restore_best: bool = True


@dataclass(frozen=True)
class Training:
    """How long, with which batches and with which engine the network is trained.

    For example `training: {epochs: 50, batch_size: 16}`.

    epochs: passes over the training rows. 0 trains nothing: the initial network is evaluated and
    drawn.
    batch_size: rows per update; 1 is online learning, full takes all training rows at once.
    shuffle: whether each epoch takes the rows in a new random order; no effect on full batches.
    drop_last: whether the last batch of an epoch is skipped if it is shorter than the others.
    dtype: the floating-point type of the network.
    engine: what computes the updates. numpy always works; compiled is faster and needs the extra
    `fast` (numba); auto chooses compiled where it can be and where NumPy would take more than about
    half a second, if numba is installed.
    early_stopping: stops training before the last epoch, see below.
    monitor: the value that decides which epoch is best and when to stop early: train_loss or
    val_loss, or train_ or val_ with a metric of the task, such as val_accuracy; see Metrics. By
    default val_loss if there is a validation part, else train_loss.
    metrics: metrics on request, such as auc, to measure after every epoch; see Metrics. For the
    training part this takes another pass over its rows.
    checkpoint_every: epochs between two saved states; by default the state is saved every few
    seconds, and at the end.
    record_steps: whether steps.csv records the loss of every update.
    ema: the decay of an exponential moving average of the weights, which is then evaluated and
    saved; 0.99 averages over about 100 updates. After update t the decay is at most
    (1 + t) / (10 + t), so that the initial weights lose their influence early. null keeps no
    average.
    swa: the first epoch of stochastic weight averaging (Izmailov et al., 2018): from it on, the
    equal mean of the weights after each epoch is evaluated and saved; before it the weights
    themselves. The running statistics of a batch_norm are measured anew for the averaged weights,
    by another pass over the training rows per epoch. null keeps no such average.
    augment: random changes of the training images, new in every epoch and in the order of the list;
    see below. Validation and test images are not changed.
    """

    epochs: Annotated[int, Ge(0), Le(1_000_000_000)] = 10  # metrics.csv has a row for each
    batch_size: Count | Literal["full"] = 32
    shuffle: bool = True
    drop_last: bool = False
    dtype: Literal["float32", "float64"] = "float32"
    engine: Literal["auto", "numpy", "compiled"] = "auto"
    early_stopping: EarlyStopping | None = None
    monitor: str | None = None
    metrics: tuple[str, ...] = ()
    checkpoint_every: Count | None = None
    record_steps: bool = False
    ema: Annotated[float, Gt(0), Lt(1)] | None = None
    swa: Count | None = None
    augment: tuple[Augmentation, ...] = ()


@dataclass(frozen=True)
class SweepConfig:
    """A named sweep: one training per value of a setting.

    For example `sweeps: {lr: {values: [0.01, 0.1], set: {training.epochs: 5}}}`.

    key: the setting, written as for --set.
    values: the values of the setting.
    set: other settings for all trainings of the sweep.
    caption: a sentence below the figures of the sweep.
    """

    key: Annotated[str, InWords(default="the name of the sweep")]
    values: Annotated[tuple[Any, ...], MinLen(1), InWords("a list of 1 or more values")]
    set: Annotated[Mapping[str, Any], InWords("a mapping such as {training.epochs: 5}")] = field(
        default_factory=dict
    )
    caption: str = ""


@dataclass(frozen=True)
class Config:
    """One experiment.

    name: a part of the run folder's name.
    seed: the seed of all random numbers: data, split, initial weights, batches, dropout. The same
    seed gives the same training again.
    data: the data set, its division into training, validation and test rows, and the scaling.
    network: the layers in order; the first layer gets the inputs.
    init: the distribution of initial weights, in all layers without an init of their own; or the
    final weights of another run, or the weights in a file. Drawn biases start at 0.
    loss: what training minimises.
    optimizer: how a gradient changes the weights.
    schedule: how the learning rate changes during training.
    training: how long, with which batches, and when to stop.
    sweeps: named series of trainings.
    expect: what the results should be, for example `{val_accuracy: ">= 0.95"}`; see Expectations.
    """

    name: Name
    seed: Annotated[Seed, InWords(default="0")]
    data: Data
    network: Annotated[tuple[Layer, ...], MinLen(1)]
    init: Initializer | FromRun | FromFile
    loss: Loss
    optimizer: Optimizer
    schedule: Schedule
    training: Training
    sweeps: Annotated[Mapping[str, SweepConfig], InWords("NAME: {values: [...]}")] = field(
        default_factory=dict
    )
    expect: Annotated[Mapping[str, Any], InWords("a mapping such as {epochs: '<= 50'}")] = field(
        default_factory=dict
    )
