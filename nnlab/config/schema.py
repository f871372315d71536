"""What a config holds once it is checked: frozen dataclasses, all defaults filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Lt, MinLen

from nnlab.core.initializers import Initializer
from nnlab.core.layers import Layer
from nnlab.core.losses import Loss
from nnlab.core.optimizers import Optimizer
from nnlab.core.schedules import Schedule
from nnlab.data.dataset import Source
from nnlab.data.split import Split

Count = Annotated[int, Ge(1)]
Seed = Annotated[int, Ge(0)]
Scale = Literal["none", "unit", "standardize", "standardize_all"]


@dataclass(frozen=True)
class Data:
    """The data set, which rows of it are for what, and how its inputs are scaled."""

    source: Source
    split: Split
    scale: Scale
    seed: Seed


@dataclass(frozen=True)
class FromRun:
    """Weights that start where another run ended."""

    run: Annotated[str, MinLen(1)]


@dataclass(frozen=True)
class EarlyStopping:
    """Stop when the monitored value has not improved by `min_delta` for `patience` epochs."""

    patience: Count
    min_delta: Annotated[float, Ge(0)] = 0.0
    mode: Literal["min", "max"] | None = None
    restore_best: bool = True


@dataclass(frozen=True)
class Training:
    """How long, in what portions and with which engine the network is trained.

    `ema` is the decay of a running average of the weights, which is then what is evaluated.
    """

    epochs: Annotated[int, Ge(0)] = 10
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


@dataclass(frozen=True)
class Study:
    """A named sweep: the setting `key` takes each of `values`, after `set` was applied."""

    key: str
    values: tuple[Any, ...]
    set: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Config:
    """One experiment."""

    name: str
    seed: Seed
    data: Data
    network: tuple[Layer, ...]
    init: Initializer | FromRun
    loss: Loss
    optimizer: Optimizer
    schedule: Schedule
    training: Training
    sweeps: Mapping[str, Study] = field(default_factory=dict)


REQUIRED = ("data", "network", "loss")
KEYS = tuple(field.name for field in fields(Config))
IMAGES = ("digits", "mnist", "fashion_mnist")  # scaled to 0..1 unless the config says otherwise
