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


def gain_of_more(losses: Any) -> float:
    """How much three times the epochs would lower a loss, if it goes on as it fell.

    The falls between the last three quarters of the epochs, taken for a geometric series.
    """
    epochs = len(losses) - 1
    if epochs < 4:
        return float(losses[-1]) if fall_of(losses) > 0 else 0.0
    quarter = epochs // 4
    ends = (len(losses) - quarter * place for place in range(3))
    last, before, first = (losses[end - quarter : end].mean() for end in ends)
    if last >= before:
        return 0.0
    ratio = min(float((before - last) / (first - before)), 1.0) if before < first else 1.0
    quarters = np.arange(1, 9)
    return float(min((before - last) * (ratio**quarters).sum(), losses[-1]))


def median_of_end(losses: Any) -> float:
    """The median of the last epochs: a single one may be an accident."""
    return median(losses[-max(3, len(losses) // 20) :])


def median(values: Any) -> float:
    """The median of finite numbers; NumPy's imports the masked arrays, which takes 20 ms."""
    last = len(values) - 1
    return float(np.sort(values)[last // 2 : (last + 1) // 2 + 1].mean())


def jumps(losses: Any, rises: float) -> bool:
    """Whether a loss goes up and down, with the share of epochs in which it rises.

    In the second half one is far above the rest, and not small; or all vary by more than a tenth,
    apart from their trend.
    """
    tail = losses[1 + len(losses) // 2 :]
    spikes = tail.max() > max(3 * median(tail), 0.1 * losses[0])
    noise = np.diff(tail).std() / np.sqrt(2) if len(tail) > 2 else 0.0
    return bool(spikes or (rises > 0.25 and noise > 0.1 * tail.mean()))
