"""How a loss went from epoch to epoch: numbers that several rules look at."""

from typing import Any

import numpy as np


def fall_of(losses: Any) -> float:
    """The relative fall of a loss in the last quarter of its epochs."""
    if len(losses) < 5:
        return 1.0 - float(losses[-1] / losses[-2]) if len(losses) > 2 else 0.0
    window = max(1, len(losses) // 10)
    last, before = losses[-window:].mean(), losses[-len(losses) // 4 :][:window].mean()
    return float(1 - last / before) if before else 0.0


def median_of_end(losses: Any) -> float:
    """The median of the last epochs: a single one may be an accident."""
    return float(np.median(losses[-max(3, len(losses) // 20) :]))


def jumps(losses: Any, rises: float) -> bool:
    """Whether a loss goes up and down, with the share of epochs in which it rises."""
    return _spikes(losses) or (rises > 0.25 and _is_noisy(losses))


def _spikes(losses: Any) -> bool:
    """Whether a loss of the second half is far above the rest, and not small."""
    tail = losses[1 + len(losses) // 2 :]
    return bool(tail.max() > max(3 * np.median(tail), 0.1 * losses[0]))


def _is_noisy(losses: Any) -> bool:
    """Whether the losses of the second half vary by more than a tenth."""
    tail = losses[1 + len(losses) // 2 :]
    return bool(tail.std() > 0.1 * tail.mean())
