"""Training of a network in memory, without a config and without a file."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_args

import numpy as np
from numpy.typing import ArrayLike

from nnlab.core.limits import require_limits
from nnlab.core.losses import LOSSES, Loss
from nnlab.core.network import Network, layer_kind
from nnlab.core.optimizers import OPTIMIZERS, Optimizer
from nnlab.core.schedules import SCHEDULES, Schedule
from nnlab.core.types import FloatArray, Kind
from nnlab.data.batches import Part
from nnlab.data.scale import Scaling
from nnlab.training import Epoch, Failure, Plan, run_training, start
from nnlab.training.targets import checked_pairs

M = TypeVar("M")


@dataclass(frozen=True)
class History:
    """The result of `fit`: one number per epoch, the first before training."""

    loss: FloatArray
    metrics: dict[str, FloatArray]
    failure: str | None = None


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

    loss, optimizer and schedule are members of their catalogues, or names of members with default
    settings. kind is how outputs are judged; by default cross_entropy and hinge mean "classes",
    bce "binary", and any other loss "regression". Classes are labels (B,) from 0, one-hot rows or
    rows of probabilities; binary targets are 0, 1 or probabilities. For a single output, t may be
    (B,) as well. The network's parameters change in place; after a divergence they are the last
    finite ones, and `failure` names the number that is not finite. Raises ValueError for arrays and
    settings that do not fit, TypeError for objects that are not members of a catalogue.
    """
    loss = member(loss, LOSSES, Loss, "loss")
    judged = kind or loss.kinds[-1]
    require_trainable(network, loss, judged, epochs, batch_size, seed)
    part, loss = as_part(network, x, t, loss, judged)
    plan = Plan(
        loss=loss,
        optimizer=member(optimizer, OPTIMIZERS, Optimizer, "optimizer"),
        schedule=member(schedule, SCHEDULES, Schedule, "schedule"),
        train=part,
        validation=None,
        kind=judged,
        epochs=epochs,
        batch_size=len(part) if batch_size == "full" else batch_size,
        seed=seed,
        shuffle=shuffle,
    )
    records = list(run_training(plan, start(plan, network)))
    epoch_numbers = [record.train for record in records if isinstance(record, Epoch)]
    names = epoch_numbers[0] if epoch_numbers else ()
    columns = {name: np.array([numbers[name] for numbers in epoch_numbers]) for name in names}
    failure = next((record.what for record in records if isinstance(record, Failure)), None)
    return History(columns.pop("loss", np.empty(0)), columns, failure)


def as_part(
    network: Network, x: ArrayLike, t: ArrayLike, loss: Loss, kind: Kind
) -> tuple[Part, Loss]:
    """Rows and targets for the loop, and the loss with its class weights. Raises ValueError."""
    inputs, targets, loss = checked_pairs(network, x, t, loss, kind)
    none = Scaling("none", np.zeros(()), np.ones(()))
    return Part(inputs, np.arange(len(inputs)), none, targets, network.dtype), loss


def member(value: object, catalogue: Mapping[str, type[M]], family: Any, word: str) -> M:
    """A member of a catalogue by its name, or `value` after its settings were checked.

    Raises ValueError for an unknown name or a setting out of its range, TypeError for anything
    else.
    """
    if isinstance(value, str):
        if value not in catalogue:
            raise ValueError(f"there is no {word} '{value}'; there are {', '.join(catalogue)}")
        return catalogue[value]()
    if not isinstance(value, family):
        text = value.__name__ if isinstance(value, type) else repr(value)
        raise TypeError(f"{word} must be a name, or made by a catalogue; it is {text}")
    require_limits(value, word)
    checked: M = value
    return checked


def require_trainable(
    network: Network, loss: Loss, kind: str, epochs: object, batch_size: object, seed: object
) -> None:
    """Raises ValueError if the network cannot be trained in this way."""
    require_whole_number("epochs", epochs, 0)
    if batch_size != "full":
        require_whole_number("batch_size", batch_size, 1, ", or 'full'")
    require_whole_number("seed", seed, 0)
    require_kind(network, loss, kind)
    flat = [layer for layer in network.layers if not layer.differentiable]
    if epochs and flat:
        raise ValueError(
            f"layer {network.layers.index(flat[0])} ({layer_kind(flat[0])}) has no useful "
            "derivative, so it cannot be trained"
        )


def require_kind(network: Network, loss: Loss, kind: str) -> None:
    """Raises ValueError if `kind` does not fit the network and the loss."""
    if kind not in get_args(Kind):
        raise ValueError(f"there is no kind '{kind}'; there are {', '.join(get_args(Kind))}")
    if kind not in loss.kinds:
        name = next((n for n, own in LOSSES.items() if own is type(loss)), "the loss")
        wanted = " or ".join(f"'{own}'" for own in loss.kinds)
        raise ValueError(f"{name} is for kind {wanted}, not '{kind}'")
    if kind == "classes" and network.shapes[-1] == (1,):
        raise ValueError("kind 'classes' needs an output for each class; a single one is 'binary'")


def require_whole_number(name: str, value: object, least: int, also: str = "") -> None:
    """Raises ValueError unless `value` is a whole number that is not below `least`."""
    if type(value) is bool or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{name} must be a whole number, {least} or more{also}, not {value!r}")
