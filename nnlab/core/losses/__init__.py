"""The family of losses. A new loss is one class here, and one line in LOSSES."""

from nnlab.core.losses.base import Loss, Reduction
from nnlab.core.losses.classification import Bce, CrossEntropy
from nnlab.core.losses.regression import Huber, Mae, Mse

LOSSES: dict[str, type[Loss]] = {
    "mse": Mse,
    "mae": Mae,
    "huber": Huber,
    "bce": Bce,
    "cross_entropy": CrossEntropy,
}

__all__ = ["LOSSES", "Loss", "Reduction", "plain_losses"]


def plain_losses() -> list[str]:
    """The losses that compare outputs, not logits, with targets."""
    return [name for name, loss in LOSSES.items() if loss.fuses is None]
