"""What a config holds once it is checked: frozen dataclasses, all defaults filled in."""

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
from nnlab.data.augment import Augmentation
from nnlab.data.dataset import DataSource
from nnlab.data.split import Split

INLINE = Inline()
Name = Annotated[str, InWords(default="the name of the file without .yaml")]
Count = Annotated[int, Ge(1)]
Seed = Annotated[int, Ge(0)]
Scale = Literal["none", "unit", "standardize", "standardize_all"]


@dataclass(frozen=True)
class Data:
    """The data set, which rows of it are for what, and how its inputs are scaled.

    source: the data set with its own settings, which stand beside these.
    split: the keys that choose rows.
    scale: how inputs are scaled, measured on the training rows. none changes nothing; unit maps to
    0..1: images by the range of a pixel, tables by the smallest and largest value of each column;
    standardize gives each column mean 0 and standard deviation 1; standardize_all uses one mean
    and one deviation for all columns. A constant column becomes 0. For example scale: standardize.
    seed: draws the rows of generated data, and the order in which rows are split.
    """

    source: Annotated[DataSource, INLINE]
    split: Annotated[Split, INLINE]
    scale: Annotated[Scale, InWords(default="unit for images that nnlab loads, else none")]
    seed: Annotated[Seed, InWords(default="the config's seed")]


@dataclass(frozen=True)
class FromRun:
    """Initial weights from the end of another run.

    run: the folder of that run.
    """

    run: Annotated[str, MinLen(1)]


@dataclass(frozen=True)
class EarlyStopping:
    """Stop when the monitored value (`training.monitor`) no longer improves.

    For example `early_stopping: {patience: 10}`.

    patience: epochs without an improvement until training stops.
    min_delta: how much better a value must be to count as an improvement.
    mode: whether smaller or larger is better; by default what is better for the monitored value.
    restore_best: whether the final weights are those of the best epoch, else of the last epoch.
    """

    patience: Count
    min_delta: Annotated[float, Ge(0)] = 0.0
    mode: Literal["min", "max"] | None = None
    restore_best: bool = True


@dataclass(frozen=True)
class Training:
    """How long, with which batches and with which engine the network is trained.

    For example `training: {epochs: 50, batch_size: 16}`.

    epochs: passes over the training rows; with 0, nothing is trained, only evaluated and drawn.
    batch_size: rows per update; 1 is online learning, full takes all training rows at once.
    shuffle: whether each epoch takes the rows in a new random order; no effect on full batches.
    drop_last: whether the last batch of an epoch is skipped if it is shorter than the others.
    dtype: the floating-point type of the network.
    engine: numpy always works; compiled is faster for small networks and needs the extra `fast`
    (numba); auto chooses compiled for long trainings of small networks, if it is installed.
    early_stopping: stops before the last epoch, see below.
    monitor: the value that decides which epoch is best and when to stop early: train_loss (the mean
    over the epoch's batches, each before its update and in training mode, see Metrics) or val_loss,
    or train_ or val_ with a metric of the task, see Metrics. By default val_loss if there is a
    validation part, else train_loss.
    checkpoint_every: epochs between two saved states; by default the state is saved every few
    seconds, and at the end.
    record_steps: whether steps.csv gets the loss of every single update.
    ema: the decay of a running average of the weights, which is then evaluated and saved; 0.99
    averages over about 100 updates. It warms up: after update t the decay is the smaller of ema and
    (1 + t) / (10 + t), so that the initial weights are soon forgotten. null keeps no average.
    augment: random changes of the training images, in the given order and anew in every epoch; see
    below. Validation and test images are not changed.
    """

    epochs: Annotated[int, Ge(0), Le(1_000_000_000)] = 10  # metrics.csv has a row for each
    batch_size: Count | Literal["full"] = 32
    shuffle: bool = True
    drop_last: bool = False
    dtype: Literal["float32", "float64"] = "float32"
    engine: Literal["auto", "numpy", "compiled"] = "auto"
    early_stopping: EarlyStopping | None = None
    monitor: str | None = None
    checkpoint_every: Count | None = None
    record_steps: bool = False
    ema: Annotated[float, Gt(0), Lt(1)] | None = None
    augment: tuple[Augmentation, ...] = ()


@dataclass(frozen=True)
class SweepConfig:
    """A named sweep: one training per value of a setting.

    For example `lr: {values: [0.01, 0.1], set: {training.epochs: 5}}`.

    key: the setting, written as for --set.
    values: the values of the setting.
    set: other settings for all of these trainings, applied first.
    caption: a sentence below the study's figures.
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

    name: becomes part of the run folder's name.
    seed: the seed of all random numbers: data, split, initial weights, batches, dropout. Each whole
    number from 0 on has streams of its own.
    data: the data set; which rows are for training, validation and testing; and the scaling.
    network: the list of layers; the first one gets the inputs.
    init: how initial weights are drawn, in all layers without an init of their own; or the final
    weights of another run. Biases start at 0.
    loss: what training minimises.
    optimizer: how a gradient changes the weights.
    schedule: how the learning rate changes during training.
    training: how long, with which batches, and when to stop.
    sweeps: named series of trainings.
    """

    name: Name
    seed: Annotated[Seed, InWords(default="0")]
    data: Data
    network: Annotated[tuple[Layer, ...], MinLen(1)]
    init: Initializer | FromRun
    loss: Loss
    optimizer: Optimizer
    schedule: Schedule
    training: Training
    sweeps: Annotated[Mapping[str, SweepConfig], InWords("NAME: {values: [...]}")] = field(
        default_factory=dict
    )
