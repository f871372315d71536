"""What `import nnlab` offers to notebooks and scripts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Literal, Self, TypeVar, get_args

import numpy as np
from numpy.typing import ArrayLike

from nnlab.config.dump import mapping
from nnlab.config.load import Loaded, from_mapping
from nnlab.config.load import load as load_config
from nnlab.config.schema import Config
from nnlab.core.gradcheck import Checked, check_gradients
from nnlab.core.limits import require_limits
from nnlab.core.losses import LOSSES, Loss
from nnlab.core.metrics import Kind
from nnlab.core.network import Network, layer_kind
from nnlab.core.optimizers import OPTIMIZERS, Optimizer
from nnlab.core.schedules import SCHEDULES, Schedule
from nnlab.core.types import FloatArray
from nnlab.data.batches import Part
from nnlab.data.scale import Scaling
from nnlab.experiment.session import begin
from nnlab.run.names import runs_folder
from nnlab.run.run import Run
from nnlab.show.figures import draw_all
from nnlab.training import Epoch, Failure, Plan, run_training, start
from nnlab.training.targets import checked_pairs

M = TypeVar("M")

KINDS: dict[str | None, Kind] = {"softmax": "classes", "sigmoid": "binary", None: "regression"}


def train(
    config: str | PathLike[str] | Config | Mapping[str, object],
    *,
    runs: str | PathLike[str] | None = None,
    plots: bool = False,
    **overrides: object,
) -> Run:
    """Train a config and return its run; a diverged run is returned too, see its `status`.

    `config` is a path, the name of a shipped config, a mapping in the words of the YAML file, or
    a Config. Overrides are settings by alias (`lr=0.1, epochs=5`) or, with two underscores for a
    dot, by key (`training__batch_size=8`). `runs` is where the folder goes, as for the command.
    Raises ConfigError, DataError, StorageError.
    """
    changes = [(name.replace("__", "."), value) for name, value in overrides.items()]
    with begin(loaded(config, changes), runs_folder(runs)) as session:
        for _ in session:
            pass
    if plots:
        draw_all(session.folder)
    return Run(session.folder.path)


def loaded(
    config: str | PathLike[str] | Config | Mapping[str, object],
    changes: Sequence[tuple[str, object]],
) -> Loaded:
    """The config in any of its forms, with the overrides applied."""
    if isinstance(config, Config):
        config = mapping(config)
    if isinstance(config, Mapping):
        return Loaded(from_mapping(config, changes))
    return load_config(Path(config) if not isinstance(config, str) else config, changes)


def load(run: str | PathLike[str], runs: str | PathLike[str] | None = None) -> Run:
    """A run by its folder, its name, a unique beginning of that, or "latest".

    `runs` is where names are looked up, as for the command. Raises RunUnreadable when there is no
    such run, UsageError for the beginning of several.
    """
    if isinstance(run, str):
        return Run.find(run, runs_folder(runs))
    return Run.open(Path(run))


@dataclass(frozen=True)
class History:
    """What `fit` did: one number an epoch, the first before training."""

    loss: FloatArray
    metrics: dict[str, FloatArray]
    failure: str | None = None

    @classmethod
    def of(cls, records: Sequence[Epoch], failure: str | None) -> Self:
        """The columns of these records."""
        columns = {
            name: np.array([record.train[name] for record in records])
            for name in (records[0].train if records else ())
        }
        return cls(columns.pop("loss", np.empty(0)), columns, failure)


def fit(
    network: Network,
    x: ArrayLike,
    t: ArrayLike,
    loss: Loss | str,
    optimizer: Optimizer | str = "sgd",
    *,
    epochs: int = 10,
    batch_size: int | Literal["full"] = 32,
    schedule: Schedule | str = "constant",
    shuffle: bool = True,
    seed: int = 0,
    kind: Kind | None = None,
) -> History:
    """Train a network in memory on rows x (B, n) with targets t (B, m), without any file.

    loss, optimizer and schedule are members of their catalogues, or names for one as it is by
    default. kind says how outputs are judged; by default cross_entropy means "classes", bce
    "binary", and any other loss "regression". Classes are labels (B,) from 0, one-hot rows or rows
    of probabilities; binary targets are 0, 1 or shares between. For a single output t may be (B,)
    as well. The network's parameters change in place; after a
    divergence they are the last finite ones and `failure` says what broke. Raises ValueError for
    arrays and settings that do not fit, TypeError for what is no member of a catalogue.
    """
    loss = member(loss, LOSSES, Loss, "loss")
    judged = kind or KINDS[loss.fuses]
    require_trainable(network, loss, judged, epochs, batch_size, seed)
    inputs, targets, loss = checked_pairs(network, x, t, loss, judged)
    none = Scaling("none", np.zeros(()), np.ones(()))
    part = Part(inputs, np.arange(len(inputs)), none, targets, network.dtype)
    plan = Plan(
        loss=loss,
        optimizer=member(optimizer, OPTIMIZERS, Optimizer, "optimizer"),
        schedule=member(schedule, SCHEDULES, Schedule, "schedule"),
        train=part,
        validation=None,
        kind=judged,
        epochs=epochs,
        batch_size=len(inputs) if batch_size == "full" else batch_size,
        seed=seed,
        shuffle=shuffle,
    )
    records = list(run_training(plan, start(plan, network)))
    failure = next((one.what for one in records if isinstance(one, Failure)), None)
    return History.of([one for one in records if isinstance(one, Epoch)], failure)


def gradcheck(network: Network, x: ArrayLike, t: ArrayLike, loss: Loss | str) -> list[Checked]:
    """Compare every gradient with central differences; see `nnlab.core.gradcheck`."""
    loss = member(loss, LOSSES, Loss, "loss")
    inputs, targets, loss = checked_pairs(network, x, t, loss, KINDS[loss.fuses])
    return check_gradients(network, loss, inputs, targets)


def member(given: object, catalogue: Mapping[str, type[M]], family: Any, word: str) -> M:
    """A member of a catalogue by its name, or the given one after its settings were checked.

    Raises ValueError for an unknown name or a setting out of its range, TypeError for anything
    else.
    """
    if isinstance(given, str):
        if given not in catalogue:
            raise ValueError(f"there is no {word} '{given}'; there are {', '.join(catalogue)}")
        return catalogue[given]()
    if not isinstance(given, family):
        shown = given.__name__ if isinstance(given, type) else repr(given)
        raise TypeError(f"{word} must be a name, or made by a catalogue; it is {shown}")
    require_limits(given, word)
    found: M = given
    return found


def require_trainable(
    network: Network, loss: Loss, kind: str, epochs: object, batch_size: object, seed: object
) -> None:
    """Raise ValueError where the network cannot be trained in this way."""
    if kind not in get_args(Kind):
        raise ValueError(f"there is no kind '{kind}'; there are {', '.join(get_args(Kind))}")
    if type(epochs) is not int or epochs < 0:
        raise ValueError(f"epochs must be a whole number, 0 or more, not {epochs!r}")
    if batch_size != "full" and (type(batch_size) is not int or batch_size < 1):
        raise ValueError(
            f"batch_size must be a whole number, 1 or more, or 'full', not {batch_size!r}"
        )
    if type(seed) is bool or not isinstance(seed, int | np.integer) or seed < 0:
        raise ValueError(f"seed must be a whole number, 0 or more, not {seed!r}")
    if loss.fuses is not None and kind == "regression":
        raise ValueError(f"a loss that needs {loss.fuses} is for classes, not for a regression")
    if loss.fuses == "softmax" and kind == "binary":
        raise ValueError("cross_entropy is for kind 'classes'; bce is for 'binary'")
    if kind == "classes" and network.shapes[-1] == (1,):
        raise ValueError("kind 'classes' needs an output for each class; a single one is 'binary'")
    for index, layer in enumerate(network.layers):
        if epochs and not layer.differentiable:
            raise ValueError(
                f"layer {index} ({layer_kind(layer)}) has no useful derivative, so it cannot be "
                "trained"
            )
