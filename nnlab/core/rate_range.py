"""The curve of a learning-rate range test, and the rates that stand out on it.

The rate rises geometrically from update to update (Smith, 2015, "Cyclical learning rates for
training neural networks"); the loss of an update is that of its batch, before the update.
"""

from dataclasses import dataclass

import numpy as np

from nnlab.core.types import FloatArray, cached_property

DECAY = 0.9
WINDOW = 10  # updates that the average reaches back
LEAST = 0.01  # of the loss before training: a smaller fall is none
ENDED = 1e100  # stands for the loss of a training that has ended
STEEPEST, VALLEY, LOWEST, EDGE = "steepest fall", "valley", "lowest loss", "edge of divergence"


@dataclass(frozen=True, eq=False)
class RateCurve:
    """Losses of S trainings over the same U rising rates.

    rates (U,). losses (S, U): of each update, per row; nan once a training has diverged.
    starts (S,): the loss of all training rows before the first update.
    """

    rates: FloatArray
    losses: FloatArray
    starts: FloatArray

    @property
    def start(self) -> float:
        """The median loss before the first update."""
        return float(np.median(self.starts))

    @cached_property
    def smoothed(self) -> FloatArray:
        """The exponential averages (S, U) of the losses."""
        return np.array([exponential_average(losses, DECAY) for losses in self.losses])

    @cached_property
    def quartiles(self) -> FloatArray:
        """Lower quartile, median and upper quartile (3, U) of the averages.

        A training that has diverged counts as one of the highest losses; inf where that decides.
        """
        losses = np.where(self.smoothed < ENDED, self.smoothed, ENDED)  # nan becomes ENDED
        quartiles = np.percentile(losses, [25, 50, 75], axis=0)
        return np.where(quartiles < ENDED / 10, quartiles, np.inf)

    @cached_property
    def marks(self) -> dict[str, int]:
        """The update of each mark on the median; none where the loss does not fall.

        steepest fall: the middle of the 20 updates over which the loss falls most.
        valley: the middle of the longest falling subsequence of losses, as in fastai's lr_find.
        edge of divergence: where, past the lowest loss, half of the fall is lost again.
        """
        median = self.quartiles[1]
        lowest = WINDOW + int(median[WINDOW:].argmin())  # before, the average is of few losses
        fall = self.start - median[lowest]
        if not LEAST * abs(self.start) < fall < np.inf:
            return {}
        known = median[WINDOW : lowest + 1]
        first, last = longest_fall(known)
        marks = {LOWEST: lowest, VALLEY: WINDOW + (first + last) // 2}
        if len(known) > 2 * WINDOW:
            changes = known[2 * WINDOW :] - known[: -2 * WINDOW]
            marks[STEEPEST] = 2 * WINDOW + int(changes.argmin())
        lost = median[lowest:] > self.start - fall / 2
        if lost.any():
            marks[EDGE] = lowest + int(lost.argmax())
        return {name: marks[name] for name in (STEEPEST, VALLEY, LOWEST, EDGE) if name in marks}


def exponential_average(values: FloatArray, decay: float) -> FloatArray:
    """The exponential moving average (N,) of values (N,), without a pull towards 0 at the start.

    m_t = decay m_{t-1} + (1 - decay) x_t from m_0 = 0, divided by 1 - decay^t, as in Adam (Kingma
    and Ba, 2015). Values that are not finite count as absent, and stay nan.
    """
    averages, mean, weight = np.full(len(values), np.nan), 0.0, 0.0
    for i in np.flatnonzero(np.isfinite(values)):
        mean = decay * mean + (1 - decay) * values[i]
        weight = decay * weight + (1 - decay)
        averages[i] = mean / weight
    return averages


def longest_fall(values: FloatArray) -> tuple[int, int]:
    """First and last place of the longest falling subsequence of values (N,), N > 0."""
    lengths, firsts = np.ones(len(values), int), np.arange(len(values))
    for i in range(1, len(values)):
        before = np.where(values[:i] > values[i], lengths[:i], 0)
        best = int(np.flatnonzero(before == before.max())[-1])  # a plateau before is no part of it
        if before[best]:
            lengths[i], firsts[i] = before[best] + 1, firsts[best]
    last = int(lengths.argmax())
    return int(firsts[last]), last
