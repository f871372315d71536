"""Schedules: the learning rate as a pure function of time.

t = 0, 1, ... counts epochs (`per: epoch`) or updates (`per: step`), and a rate holds from the
start of its epoch or update; `total` is their number. With `warmup: W` the rate first climbs
linearly, lr / W at t = 0 up to lr at t = W - 1; then the schedule begins at its own t = 0 with
total - W left. Definitions equal PyTorch's schedulers of the same names.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import cos, pi
from typing import Annotated, Literal, NamedTuple

from annotated_types import Ge, Gt, Le, Len, Lt

Per = Literal["epoch", "step"]
Factor = Annotated[float, Gt(0), Le(1)]
Count = Annotated[int, Ge(1)]


@dataclass(frozen=True, kw_only=True)
class Schedule(ABC):
    """A rule for the learning rate, from the time t = 0, 1, ...

    warmup: for so many epochs or updates the rate climbs linearly up to lr; then the rule starts
    at its own t = 0.
    per: whether t counts epochs or updates (step).
    """

    warmup: Annotated[int, Ge(0)] = 0
    per: Per = "epoch"

    def rate(self, t: int, lr: float, total: int) -> float:
        """The learning rate at time t of `total`, for the base rate `lr`."""
        if t < self.warmup:
            return lr * (t + 1) / self.warmup
        return self.after_warmup(t - self.warmup, lr, max(total - self.warmup, 1))

    @property
    def is_constant(self) -> bool:
        """Whether all updates have the same rate."""
        return False

    @property
    def formula(self) -> str:
        """`after_warmup` in the language of explanation/formula.py; empty where there is none.

        Its names are lr, t, total and the settings; a `length` of None is total.
        """
        return ""

    @abstractmethod
    def after_warmup(self, t: int, lr: float, total: int) -> float:
        """The rule itself."""


@dataclass(frozen=True, kw_only=True)
class ConstantSchedule(Schedule):
    """lr for ever."""

    formula = "lr"

    @property
    def is_constant(self) -> bool:
        return not self.warmup

    def after_warmup(self, t: int, lr: float, total: int) -> float:
        return lr


@dataclass(frozen=True, kw_only=True)
class Exponential(Schedule):
    """lr gamma^t."""

    gamma: Factor = 0.95

    formula = "lr * gamma**t"

    def after_warmup(self, t: int, lr: float, total: int) -> float:
        return lr * self.gamma**t


@dataclass(frozen=True, kw_only=True)
class StepSchedule(Schedule):
    """lr gamma^floor(t / every)."""

    every: Count = 10
    gamma: Factor = 0.5

    formula = "lr * gamma ** floor(t / every)"

    def after_warmup(self, t: int, lr: float, total: int) -> float:
        return lr * self.gamma ** (t // self.every)


@dataclass(frozen=True, kw_only=True)
class Multistep(Schedule):
    """lr gamma^k after k of the `milestones` have been reached (t >= milestone)."""

    milestones: Annotated[tuple[Count, ...], Len(1)]
    gamma: Factor = 0.1

    formula = "lr * gamma ** sum(t >= milestones)"

    def after_warmup(self, t: int, lr: float, total: int) -> float:
        return lr * self.gamma ** sum(t >= milestone for milestone in self.milestones)


@dataclass(frozen=True, kw_only=True)
class LinearSchedule(Schedule):
    """From lr `start` to lr `end` over `length` times (default: all), then lr `end`."""

    start: Annotated[float, Ge(0)] = 1.0
    end: Annotated[float, Ge(0)] = 0.0
    length: Count | None = None

    formula = "lr * (start + (end - start) * min(t, length) / length)"

    def after_warmup(self, t: int, lr: float, total: int) -> float:
        """Reaches lr `end` at t = length, one after the last time of a full-length schedule."""
        length = self.length or total
        return lr * (self.start + (self.end - self.start) * min(t, length) / length)


@dataclass(frozen=True, kw_only=True)
class Cosine(Schedule):
    """Half a cosine from lr to `min` over `length` times (default: all), then `min`.

    min + (lr - min) (1 + cos(pi t / length)) / 2 (Loshchilov and Hutter, 2017, without restarts).
    """

    min: Annotated[float, Ge(0)] = 0.0
    length: Count | None = None

    formula = "min + (lr - min) * (1 + cos(pi * min(t, length) / length)) / 2"

    def after_warmup(self, t: int, lr: float, total: int) -> float:
        """Reaches `min` at t = length, one after the last time of a full-length schedule."""
        length = self.length or total
        return self.min + (lr - self.min) * (1 + cos(pi * min(t, length) / length)) / 2


@dataclass(frozen=True, kw_only=True)
class OneCycle(Schedule):
    """Up from lr / div to lr, then down to lr / (div final_div), both along half a cosine.

    The peak is at t = rise total - 1 and the end at t = total - 1, so both are reached (Smith and
    Topin, 2018, in the two-phase form). lr is the peak. Momentum is not cycled.
    """

    per: Per = "step"
    rise: Annotated[float, Gt(0), Lt(1)] = 0.3
    div: Annotated[float, Ge(1)] = 25.0
    final_div: Annotated[float, Ge(1)] = 1e4
    length: Count | None = None

    def after_warmup(self, t: int, lr: float, total: int) -> float:
        length = self.length or total
        peak = self.rise * length - 1.0
        last = length - 1.0
        low, end = lr / self.div, lr / (self.div * self.final_div)
        if t <= peak:
            return arc(low, lr, t / peak if peak > 0 else 1.0)
        return arc(lr, end, min((t - peak) / (last - peak), 1.0) if last > peak else 1.0)


def arc(start: float, end: float, part: float) -> float:
    """From `start` (part 0) to `end` (part 1) along half a cosine."""
    return end + (start - end) * (1 + cos(pi * part)) / 2


class Patience(NamedTuple):
    """The memory of a plateau schedule."""

    factor: float = 1.0
    best: float | None = None
    bad: int = 0
    rest: int = 0


@dataclass(frozen=True, kw_only=True)
class Plateau(Schedule):
    """Multiplies the rate by `factor` when the monitored value stops improving.

    After more than `patience` epochs in a row without an improvement by the relative `threshold`
    the rate falls, but never below `min`; then `cooldown` epochs do not count. The one schedule
    that looks at a metric: training carries its `Patience` along.
    """

    per: Literal["epoch"] = "epoch"
    factor: Annotated[float, Gt(0), Lt(1)] = 0.1
    patience: Annotated[int, Ge(0)] = 10
    threshold: Annotated[float, Ge(0)] = 1e-4
    cooldown: Annotated[int, Ge(0)] = 0
    min: Annotated[float, Ge(0)] = 0.0

    def after_warmup(self, t: int, lr: float, total: int) -> float:
        """lr; the training, which carries the `Patience`, asks `lowered` for the rate."""
        return lr

    def lowered(self, rate: float, now: Patience) -> float:
        """The rate by the factor that was reached, but not below `min`."""
        return max(rate * now.factor, min(rate, self.min))

    def observe(self, now: Patience, value: float, higher_is_better: bool) -> Patience:
        """The state after an epoch that ended with `value`; a nan is no improvement."""
        best = now.best
        if best is None or value != value:
            better = value == value
        elif higher_is_better:
            better = value > best * (1 + self.threshold)
        else:
            better = value < best * (1 - self.threshold)
        best, bad = (value, 0) if better else (best, now.bad + 1)
        rest = now.rest
        if rest > 0:
            rest, bad = rest - 1, 0
        if bad > self.patience:
            return Patience(now.factor * self.factor, best, 0, self.cooldown)
        return Patience(now.factor, best, bad, rest)


SCHEDULES: dict[str, type[Schedule]] = {
    "constant": ConstantSchedule,
    "exponential": Exponential,
    "step": StepSchedule,
    "multistep": Multistep,
    "linear": LinearSchedule,
    "cosine": Cosine,
    "one_cycle": OneCycle,
    "plateau": Plateau,
}
