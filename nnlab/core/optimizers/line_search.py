"""The search for a step along a direction, one evaluation after the other.

The caller evaluates the objective at `step` and calls `advance` with the answer, until that says
that the step is good. Between two evaluations a search is a vector of numbers.
"""

from dataclasses import dataclass
from math import isfinite, sqrt
from typing import NamedTuple, Self

from nnlab.core.types import FloatArray

DECREASE, CURVATURE = 1e-4, 0.9  # c1 and c2 of the strong Wolfe conditions
MOST_TRIALS = 25  # of a search
NUMBERS = 13  # of a search's vector


class Point(NamedTuple):
    """A step along the direction, with the objective and its derivative by the step."""

    step: float
    value: float
    slope: float


@dataclass
class LineSearch:
    """A search for a step that meets the strong Wolfe conditions.

    value(step) <= value(0) + c1 step slope(0) and |slope(step)| <= c2 |slope(0)| (Nocedal and
    Wright, 2006, algorithms 3.5 and 3.6; the trials are minima of cubics, as in PyTorch). `low` is
    the best point so far. `other` is the other end of the interval or, until one is found, the
    point before low.
    """

    start: Point
    low: Point
    other: Point
    step: float  # the trial; 0: there is none
    trials: float = 0  # that were evaluated
    bracketed: float = False  # whether a good step lies between low and other
    slow: float = False  # whether the last trial was next to an end of the interval

    @classmethod
    def along(cls, value: float, slope: float, step: float) -> Self:
        """The search with a first trial, from a point with this value and slope."""
        start = Point(0.0, value, slope)
        return cls(start, start, start, step)

    @classmethod
    def of(cls, vector: FloatArray) -> Self:
        """The search that `vector` (13,) describes."""
        numbers = vector.tolist()
        points = (Point(*numbers[i : i + 3]) for i in (0, 3, 6))
        return cls(*points, *numbers[9:])

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
        if self.trials > MOST_TRIALS:
            return True
        start, trial = self.start, Point(self.step, value, slope)
        too_high = value > start.value + DECREASE * self.step * start.slope or (
            self.trials > 1 and value >= self.low.value
        )
        if not too_high and abs(slope) <= CURVATURE * abs(start.slope):
            return True
        if too_high:
            self.other, self.bracketed = trial, True
        else:
            if not self.bracketed or slope * (self.other.step - self.low.step) >= 0:
                self.other = self.low
            self.low, self.bracketed = trial, self.bracketed or slope >= 0
        if self.trials == MOST_TRIALS:
            self.step = self.low.step
        elif self.bracketed:
            self._divide()
        else:
            last, before = self.low, self.other
            least = last.step + 0.01 * (last.step - before.step)
            self.step = cubic_minimum(before, last, least, 10 * last.step)
        return False

    def _divide(self) -> None:
        """A trial inside the interval, a tenth away from its ends where the cubic is slow."""
        least, most = sorted((self.low.step, self.other.step))
        step, margin = cubic_minimum(self.low, self.other, least, most), 0.1 * (most - least)
        near_end = min(most - step, step - least) < margin
        if near_end and (self.slow or not least < step < most):
            step = most - margin if most - step < step - least else least + margin
            near_end = False
        self.step, self.slow = step, near_end


def cubic_minimum(a: Point, b: Point, least: float, most: float) -> float:
    """The step at the minimum of the cubic through a and b, from `least` to `most`.

    Their middle where it has none.
    """
    left, right = sorted((a, b))
    width = right.step - left.step
    d1 = left.slope + right.slope - 3 * (right.value - left.value) / width if width else 0.0
    square = d1 * d1 - left.slope * right.slope
    if not 0 <= square < float("inf"):
        return (least + most) / 2
    d2 = sqrt(square)
    divisor = right.slope - left.slope + 2 * d2
    step = right.step - width * ((right.slope + d2 - d1) / divisor) if divisor else right.step
    return min(max(step, least), most) if isfinite(step) else (least + most) / 2
