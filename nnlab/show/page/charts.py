"""Curves over the epochs as the numbers of an SVG; the template draws them, `chart.js` reads them.

A chart has the same shape on every screen (a small multiple), so that its letters stay readable
on a telephone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from nnlab.core.types import FloatArray, IntArray
from nnlab.show.figures.scales import is_log, is_log_rate, smoothed, window
from nnlab.show.page import ticks
from nnlab.show.page.numbers import text

WIDTH, HEIGHT = 360, 224
LEFT, RIGHT, TOP, BOTTOM = 54, 12, 10, 36
LARGEST = 1e100  # what a run that diverges passes; no axis shows it
BUCKETS = 120  # of a long curve the lowest and highest point in each are drawn


@dataclass(frozen=True)
class Series:
    """One curve: its name, its colour (a class of the style sheet), and a value an epoch."""

    label: str
    colour: str
    epochs: FloatArray
    values: FloatArray


@dataclass(frozen=True)
class Mark:
    """A circle on an epoch that has a meaning."""

    label: str
    epoch: float
    value: float


@dataclass(frozen=True)
class Scale:
    """The same curves on one kind of axis."""

    name: str
    ticks: list[tuple[float, str]]
    paths: list[tuple[str, str]]  # colour, and what to draw
    pale: list[tuple[str, str]]  # the values of those paths that are running means
    mark: tuple[float, float] | None


@dataclass(frozen=True)
class Chart:
    """A whole chart. `data` is what the script needs to answer a pointer; `alt` says it all."""

    name: str
    title: str
    x_label: str
    alt: str
    series: list[tuple[str, str]]  # label, colour
    x_ticks: list[tuple[float, str]]
    scales: list[Scale]  # the first is shown
    mark: str  # what the circle means
    pale: str  # what pale lines mean
    limit: tuple[float, str] | None  # a vertical line and what it means
    data: dict[str, Any]

    width, height = WIDTH, HEIGHT
    left, right, top, bottom = LEFT, WIDTH - RIGHT, TOP, HEIGHT - BOTTOM


def chart(
    name: str,
    title: str,
    series: Sequence[Series],
    mark: Mark | None = None,
    limit: tuple[float, str] | None = None,
    share: bool = False,
    rate: bool = False,
    x_label: str = "epoch",
) -> Chart | None:
    """The chart of some curves; None where there is nothing to see.

    `share` is for values that end at 1, such as an accuracy; `rate` for learning rates. `limit` is
    an epoch and its meaning.
    """
    shown = [_cleaned(one) for one in series]
    shown = [one for one in shown if np.isfinite(one.values).any()]
    if not shown:
        return None
    epochs = np.concatenate([one.epochs for one in shown])
    last = float(max(epochs.max(), 0 if limit is None else limit[0]))
    x = ticks.Axis(float(epochs.min()), last, LEFT, WIDTH - RIGHT)
    kept = [_thinned(one, mark) for one in shown]
    scales = [_scale(axis, x, shown, mark) for axis in _axes(shown, share, rate)]
    return Chart(
        name=name,
        title=title,
        x_label=x_label,
        alt=_alt(title, shown, x_label),
        series=[(one.label, one.colour) for one in shown],
        x_ticks=x.ticks(5, whole=True),
        scales=scales,
        pale=_pale(shown, scales),
        mark="" if mark is None or scales[0].mark is None else mark.label,
        limit=None if limit is None else (x.at(limit[0]), limit[1]),
        data=_data(kept, x),
    )


def column(values: Any, length: int) -> FloatArray:
    """A column of metrics.csv as floats, nan where no axis can show it."""
    try:
        found = np.asarray(values, np.float64)
    except (TypeError, ValueError):  # a column of text
        return np.full(length, np.nan)
    return np.where(np.abs(found) < LARGEST, found, np.nan)


def thin(values: FloatArray, buckets: int = BUCKETS) -> IntArray:
    """Which points of a long curve are drawn: of each bucket the lowest and the highest."""
    count = len(values)
    if count <= 2 * buckets:
        return np.arange(count)
    edges = np.linspace(0, count, buckets + 1).astype(np.int64)
    chosen = {0, count - 1}
    for start, stop in pairwise(edges.tolist()):
        part = values[start:stop]
        if np.isfinite(part).any():
            chosen |= {int(start + np.nanargmin(part)), int(start + np.nanargmax(part))}
    return np.array(sorted(chosen), np.int64)


def _cleaned(series: Series) -> Series:
    count = min(len(series.epochs), len(series.values))
    epochs = series.epochs[:count]
    finite = np.isfinite(epochs)
    return Series(series.label, series.colour, epochs[finite], series.values[:count][finite])


def _thinned(series: Series, mark: Mark | None) -> Series:
    which = set(thin(series.values).tolist())
    if mark is not None:
        which |= set(np.flatnonzero(series.epochs == mark.epoch).tolist())
    rows = np.array(sorted(which), np.int64)
    return Series(series.label, series.colour, series.epochs[rows], series.values[rows])


def _axes(series: Sequence[Series], share: bool, rate: bool) -> list[ticks.Axis]:
    """The axes that suit, the best first."""
    values = np.concatenate([one.values for one in series])
    finite = values[np.isfinite(values)].tolist()
    start, stop = float(HEIGHT - BOTTOM), float(TOP)
    if share:
        low = max(-1.0, min(finite))
        room = 0.05 * (1 - min(low, 0.95))
        return [ticks.Axis(min(low, 0.95) - room, 1 + room, start, stop)]
    straight = ticks.linear(finite, start, stop, zero=True)
    if min(finite) <= 0 or len(set(finite)) == 1:
        return [straight]
    found = [straight, ticks.logarithmic(finite, start, stop)]
    return found[::-1] if (is_log_rate if rate else is_log)(values) else found


def _scale(y: ticks.Axis, x: ticks.Axis, series: list[Series], mark: Mark | None) -> Scale:
    """The curves on one axis; noisy ones as running means, with their values pale behind them."""
    seen = mark is not None and np.isfinite(mark.value) and mark.value >= y.low
    means = [smoothed(one.values, y.low, y.high, y.log) for one in series]
    strong = [
        one if mean is None else replace(one, values=mean)
        for one, mean in zip(series, means, strict=True)
    ]
    behind = [one for one, mean in zip(series, means, strict=True) if mean is not None]
    return Scale(
        "log" if y.log else "linear",
        y.ticks(4),
        [(one.colour, _path(_thinned(one, mark), x, y)) for one in strong],
        [(one.colour, _path(_thinned(one, None), x, y)) for one in behind],
        (x.at(mark.epoch), y.at(mark.value)) if mark is not None and seen else None,
    )


def _pale(series: list[Series], scales: list[Scale]) -> str:
    """What pale lines are, where there are any."""
    if not any(scale.pale for scale in scales):
        return ""
    return f"pale: every epoch; strong: mean of {window(len(series[0].values))}"


def _path(series: Series, x: ticks.Axis, y: ticks.Axis) -> str:
    """Straight lines from point to point, broken where a value is missing; one point is a dash."""
    found, command = [], "M"
    for epoch, value in zip(series.epochs.tolist(), series.values.tolist(), strict=True):
        if not np.isfinite(value):
            command = "M"
            continue
        dot = "h0" if command == "M" else ""
        found.append(f"{command}{x.at(epoch):g} {y.at(value):g}{dot}")
        command = "L"
    return "".join(found)


def _data(series: list[Series], x: ticks.Axis) -> dict[str, Any]:
    """For the script: every epoch that is drawn, its place, and each curve's value as text."""
    epochs = np.unique(np.concatenate([one.epochs for one in series]))
    values = []
    for one in series:
        known = dict(zip(one.epochs.tolist(), one.values.tolist(), strict=True))
        values.append([text(known.get(epoch)) for epoch in epochs.tolist()])
    return {
        "epochs": [int(epoch) for epoch in epochs.tolist()],
        "places": [x.at(epoch) for epoch in epochs.tolist()],
        "labels": [one.label for one in series],
        "values": values,
    }


def _alt(title: str, series: list[Series], x_label: str) -> str:
    """The chart in words: where each curve begins and ends."""
    parts = []
    for one in series:
        rows = np.flatnonzero(np.isfinite(one.values))
        first, last = rows[0], rows[-1]
        parts.append(
            f"{one.label} goes from {text(float(one.values[first]))} at {x_label} "
            f"{int(one.epochs[first]):,} to {text(float(one.values[last]))} at {x_label} "
            f"{int(one.epochs[last]):,}"
        )
    return f"{title} over the {x_label}s: {'; '.join(parts)}."
