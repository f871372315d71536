"""The search for a step along a direction, one evaluation after the other."""

from dataclasses import dataclass
from math import inf, isfinite, nan, sqrt
from typing import NamedTuple, Self

from nnlab.core.types import FloatArray

DECREASE, CURVATURE = 1e-4, 0.9  # c1 and c2 of the strong Wolfe conditions
MOST_TRIALS = 25  # of a search
NUMBERS = 13  # of a search's vector


class Point(NamedTuple):
    """A step along the direction, with the objective there and its derivative by the step."""

    step: float
    value: float
    slope: float


@dataclass
class LineSearch:
    """A search for a step that meets the strong Wolfe conditions.

    value(step) <= value(0) + c1 step slope(0) and |slope(step)| <= c2 |slope(0)| (Nocedal and
    Wright, 2006, algorithms 3.5 and 3.6; the trials are minima of cubics, as in PyTorch). The
    caller evaluates `step` and calls `advance`, until that accepts it. `low` is the best point so
    far; `other` the other end of the interval or, before there is one, the point before low.
    """

    start: Point
    low: Point
    other: Point
    step: float  # the trial; 0: there is none
    trials: float = 0  # that were evaluated
    bracketed: float = False  # whether a good step lies between low and other
    slow: float = False  # whether the last trial was next to an end of the interval

    @classmethod
    def of(cls, vector: FloatArray) -> Self:
        """The search that `vector` (13,) describes."""
        start, low, other = map(Point._make, vector[:9].reshape(3, 3).tolist())
        return cls(start, low, other, *vector[9:].tolist())

    @property
    def vector(self) -> list[float]:
        """All numbers of the search."""
        ends = (*self.start, *self.low, *self.other)
        return [*ends, self.step, self.trials, self.bracketed, self.slow]

    def advance(self, value: float, slope: float) -> bool:
        """Take the answer at `step`; whether it is accepted. If not, `step` is the next trial.

        After 25 trials the best of them comes once more, and is accepted; without any that is
        better than the start, the step is 0.
        """
        self.trials += 1
        start, trial = self.start, Point(self.step, value, slope)
        limit = start.value + DECREASE * self.step * start.slope
        too_high = value > limit or (self.trials > 1 and value >= self.low.value)
        good = not too_high and abs(slope) <= CURVATURE * abs(start.slope)
        if good or self.trials > MOST_TRIALS:
            return True
        self._narrow(trial, too_high)
        self.step = self.low.step if self.trials == MOST_TRIALS else self._next()
        return False

    def _narrow(self, trial: Point, too_high: bool) -> None:
        """Put the trial in the place of low or other."""
        if too_high:
            self.other = trial
        elif not self.bracketed or trial.slope * (self.other.step - self.low.step) >= 0:
            self.low, self.other = trial, self.low
        else:
            self.low = trial
        self.bracketed = self.bracketed or too_high or trial.slope >= 0

    def _next(self) -> float:
        """A trial beyond low or, inside the interval, a tenth from its ends if that is slow."""
        low, other = self.low, self.other
        if not self.bracketed:
            least = low.step + 0.01 * (low.step - other.step)
            return cubic_minimum(other, low, least, 10 * low.step)
        least, most = sorted((low.step, other.step))
        step, margin = cubic_minimum(low, other, least, most), 0.1 * (most - least)
        near_end = min(most - step, step - least) < margin
        moved = near_end and (bool(self.slow) or not least < step < most)
        self.slow = near_end and not moved
        return max(least + margin, min(step, most - margin)) if moved else step


def cubic_minimum(a: Point, b: Point, least: float, most: float) -> float:
    """The minimum of the cubic through a and b, held to least..most; without one their middle."""
    left, right = sorted((a, b))
    width, step = right.step - left.step, nan
    d1 = left.slope + right.slope - 3 * (right.value - left.value) / (width or 1.0)
    square = d1 * d1 - left.slope * right.slope
    if 0 <= square < inf:
        d2 = sqrt(square)
        share = (right.slope + d2 - d1) / ((right.slope - left.slope + 2 * d2) or 1.0)
        step = right.step - width * share
    return min(max(step, least), most) if isfinite(step) else (least + most) / 2
