"""L-BFGS: directions from the last gradients, and a search for the step along each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge, Gt, Le

from nnlab.core.optimizers.base import Optimizer
from nnlab.core.optimizers.line_search import NUMBERS, LineSearch, Point
from nnlab.core.types import Array, Views

HISTORY, DECAY, LOWEST, PAIRS = range(4)  # the places in the slot `counts`
FLATTEST = 1e-16  # s y / y y of a pair that is remembered


@dataclass(frozen=True, kw_only=True)
class Lbfgs(Optimizer):
    """Limited-memory BFGS, for all rows in every update: theta = base - step H g(base).

    H approximates the inverse of the Hessian by the last `history` pairs of s, the change of theta,
    and y, that of the gradient (Nocedal and Wright, 2006, algorithms 7.4 and 7.5, with
    H = s y / (y y) before the oldest pair). The step meets the strong Wolfe conditions.

    An update is one evaluation, of which a search needs one or more: theta is a point to try, and
    an epoch's training loss may rise. What is evaluated and saved is the point with the lowest loss
    (with the penalty of weight_decay) so far. A trial without a finite loss is repeated nearer, in
    the same update. `lr` times the usual first trial is the first trial of each search: 1 is a
    Newton step, min(1, 1 / sum |g|) without pairs. It needs `training.batch_size: full`, and has
    no l1 and no clipping; dropout, batch_norm, augment, ema and swa are refused.
    """

    lr: Annotated[float, Gt(0)] = 1.0
    history: Annotated[int, Ge(1), Le(1000)] = 10

    searches: ClassVar[bool] = True
    slots = ("base", "gradient", "direction", "steps", "changes", "search", "counts")

    def __post_init__(self) -> None:
        for name in ("l1", "clip_norm", "clip_value"):
            if getattr(self, name):
                raise ValueError(f"lbfgs needs the gradient of a smooth loss, without {name}")

    def new_slots(self, theta: Array) -> dict[str, Array]:
        """Three vectors (P,), the pairs (history, P), and numbers in float64."""
        base, gradient, direction = np.zeros((3, theta.size), theta.dtype)
        steps, changes = np.zeros((2, self.history, theta.size), theta.dtype)
        slots = base, gradient, direction, steps, changes, np.zeros(NUMBERS), np.zeros(4)
        return dict(zip(self.slots, slots, strict=True))

    def state(self, slots: Mapping[str, Array]) -> Mapping[str, Array]:
        """Those with a number for each parameter."""
        return {name: slots[name] for name in self.slots[:3]}

    def is_lowest(self, o: Views) -> bool:
        return not self._has_begun(o) or self._objective(o) < o.counts[LOWEST]

    def retreat(self, o: Views) -> bool:
        search, before = LineSearch.of(o.search), o.theta.copy()
        search.step = search.low.step + 0.1 * (search.step - search.low.step)
        if not self._has_begun(o):
            return False
        return not np.array_equal(before, self._place(o, search), equal_nan=True)

    def update(self, o: Views, lr: float, t: int) -> None:
        search, value = LineSearch.of(o.search), self._objective(o)
        if not self._has_begun(o):
            o.counts[...] = self.history, self.weight_decay, value, 0
        elif search.step == 0:  # a minimum, but for rounding
            return
        else:
            o.counts[LOWEST] = min(value, o.counts[LOWEST])
            if not search.advance(value, float(o.g.dot(o.direction))):
                if search.step == 0 and o.counts[PAIRS]:  # the pairs mislead: forget them
                    o.counts[PAIRS] = 0
                    search = self._search(o, search.start.value, lr)
                self._place(o, search)
                return
            self._remember(o, search.step)
        o.base[...], o.gradient[...] = o.theta, o.g
        self._place(o, self._search(o, value, lr))

    def _has_begun(self, o: Views) -> bool:
        """Whether the slots belong to the present objective and history."""
        return bool(o.counts[HISTORY] == self.history and o.counts[DECAY] == self.weight_decay)

    def _objective(self, o: Views) -> float:
        return float(o.loss + 0.5 * self.weight_decay * np.square(o.w, dtype=np.float64).sum())

    def _place(self, o: Views, search: LineSearch) -> Array:
        """Move theta to the search's trial, and store the search."""
        o.search[...] = search.vector
        np.multiply(o.direction, search.step, o.tmp)
        return np.add(o.base, o.tmp, o.theta)

    def _remember(self, o: Views, step: float) -> None:
        """Store s and y in place of the oldest pair, unless the curvature is not positive."""
        y = np.subtract(o.g, o.gradient, o.tmp)
        square = float(y.dot(y))
        if square > o.tiny and step * float(y.dot(o.direction)) > FLATTEST * square:
            place = int(o.counts[PAIRS]) % self.history
            np.multiply(o.direction, step, o.steps[place])
            o.changes[place] = y
            o.counts[PAIRS] += 1

    def _search(self, o: Views, value: float, lr: float) -> LineSearch:
        """The search from the base, along a new direction."""
        self._turn(o)
        slope = float(o.gradient.dot(o.direction))
        if not slope < 0 and o.counts[PAIRS]:
            o.counts[PAIRS] = 0
            self._turn(o)
            slope = float(o.gradient.dot(o.direction))
        first = 1.0 if o.counts[PAIRS] else 1 / max(1.0, float(np.abs(o.gradient).sum()))
        start = Point(0.0, value, slope)
        return LineSearch(start, start, start, lr * first if slope < 0 else 0.0)

    def _turn(self, o: Views) -> None:
        """Fill the direction -H g by two loops over the pairs."""
        d, count = np.negative(o.gradient, o.direction), int(o.counts[PAIRS])
        newest = [(count - 1 - i) % self.history for i in range(min(count, self.history))]
        pairs = [(o.steps[i], o.changes[i], float(o.steps[i].dot(o.changes[i]))) for i in newest]
        pairs = [pair for pair in pairs if pair[2] > 0]  # `settle` may have made s and y 0
        shares = []
        for s, y, curvature in pairs:
            shares.append(float(s.dot(d)) / curvature)
            d -= np.multiply(y, shares[-1], o.tmp)
        for _, y, curvature in pairs[:1]:
            d *= curvature / float(y.dot(y))
        for (s, y, curvature), share in reversed([*zip(pairs, shares, strict=True)]):
            d += np.multiply(s, share - float(y.dot(d)) / curvature, o.tmp)
