"""Where the ticks of an axis stand, and what they say."""

import math
from dataclasses import dataclass

from nnlab.show.page import numbers

_STEPS = (1, 2, 2.5, 5, 10)
MOST_DECADES = 5


@dataclass(frozen=True)
class Axis:
    """A straight or logarithmic axis from `low` to `high`, drawn from `start` to `stop`."""

    low: float
    high: float
    start: float
    stop: float
    log: bool = False

    def at(self, value: float) -> float:
        """The place of `value`, at the nearer end where it lies outside."""
        low, high, here = self.low, self.high, min(max(value, self.low), self.high)
        if self.log:
            low, high, here = math.log10(low), math.log10(high), math.log10(here)
        share = (here - low) / (high - low) if high > low else 0.5
        return round(self.start + share * (self.stop - self.start), 2)

    def ticks(self, most: int = 5, whole: bool = False) -> list[tuple[float, str]]:
        """Places and labels, at most about `most`; `whole` allows whole numbers alone."""
        if self.log:
            return [(self.at(value), label) for value, label in self._decades()]
        step = _step((self.high - self.low) / most, whole)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        values = [number * step for number in range(first, last + 1)]
        return [(self.at(value), numbers.tick(value, step)) for value in values]

    def _decades(self) -> list[tuple[float, str]]:
        low = math.ceil(math.log10(self.low) - 1e-9)
        high = math.floor(math.log10(self.high) + 1e-9)
        if high - low < 1:  # a single power of ten is no scale
            exponents = range(low - 2, high + 2)
            values = [float(f"{m}e{n}") for n in exponents for m in (1, 2, 5)]
            return [(v, numbers.tick(v, v)) for v in values if self.low <= v <= self.high]
        every = max(1, math.ceil((high - low + 1) / MOST_DECADES))
        return [(10.0**n, _decade(n)) for n in range(low, high + 1) if n % every == 0]


def linear(values: list[float], start: float, stop: float, zero: bool = False) -> Axis:
    """A straight axis around the values; from 0 where none is below it and `zero` is wanted."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    if zero and low >= 0:
        low = 0.0
    room = 0.04 * (high - low) or 0.5 * (abs(high) or 1.0)
    return Axis(low if zero and low == 0 else low - room, high + room, start, stop)


def logarithmic(values: list[float], start: float, stop: float) -> Axis:
    """A logarithmic axis around positive values, over one power of ten at least."""
    low, high = math.log10(min(values)), math.log10(max(values))
    room = max(0.04 * (high - low), (1 - (high - low)) / 2)
    return Axis(10.0 ** max(low - room, -307.0), 10.0 ** min(high + room, 308.0), start, stop, True)


def _step(wanted: float, whole: bool) -> float:
    """The next round number: 1, 2, 2.5 or 5 times a power of ten."""
    if whole and wanted <= 1:
        return 1.0
    scale = 10.0 ** math.floor(math.log10(wanted))
    steps = [one for one in _STEPS if not (whole and one * scale % 1)]
    return next((one * scale for one in steps if one * scale >= wanted), 10 * scale)


def _decade(exponent: int) -> str:
    if -4 < exponent < 0:
        return f"{10.0**exponent:.{-exponent}f}"
    return f"{10**exponent:,}" if 0 <= exponent < 5 else numbers.power(exponent)
