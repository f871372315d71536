"""The family of losses: a loss is an entry in LOSSES."""

from nnlab.core.losses.base import Loss
from nnlab.core.losses.classes import Bce, ClassLoss, CrossEntropy, Hinge
from nnlab.core.losses.numbers import Huber, LogCosh, Mae, Mse, Poisson, Quantile
from nnlab.core.types import Kind


def losses_for(kind: Kind) -> list[str]:
    """The losses for a kind of task whose targets or outputs need nothing special."""
    return [name for name, loss in LOSSES.items() if kind in loss.kinds and loss.fuses is None]


LOSSES: dict[str, type[Loss]] = {
    "mse": Mse,
    "mae": Mae,
    "huber": Huber,
    "log_cosh": LogCosh,
    "poisson": Poisson,
    "quantile": Quantile,
    "bce": Bce,
    "cross_entropy": CrossEntropy,
    "hinge": Hinge,
}

__all__ = [
    "LOSSES",
    "Bce",
    "ClassLoss",
    "CrossEntropy",
    "Hinge",
    "Huber",
    "LogCosh",
    "Loss",
    "Mae",
    "Mse",
    "Poisson",
    "Quantile",
    "losses_for",
]
