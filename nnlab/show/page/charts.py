"""Curves as records: what page.js draws, in a report and while a network trains."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from nnlab.core import columns
from nnlab.core.losses import LOSSES
from nnlab.core.metrics import METRICS, is_share
from nnlab.core.types import FloatArray, IntArray
from nnlab.run.text import mapping_or_empty
from nnlab.show.figures import View, curves
from nnlab.show.figures.axes import (
    is_log,
    is_log_rate,
    quantity_words,
    smoothed,
    window,
)
from nnlab.show.figures.palette import Scale
from nnlab.show.words import format_number

BUCKETS = 120  # of a long curve the lowest and highest point of each are drawn
DIGITS = 8  # of a number in a record
RATE_NOTE = "The factor of the step that an update takes: w ← w − lr · direction."
Curves = Mapping[str, tuple[FloatArray, FloatArray]]  # places and values by label
Rates = tuple[str, FloatArray, FloatArray]  # the unit of the places, the places, and the rates
Marks = Sequence[tuple[str, int]]  # what a line at a place stands for, and the place


def chart_record(
    title: str,
    shown: Curves,
    *,
    share: bool = False,
    rate: bool = False,
    unit: str = "epoch",
    note: str = "",
    marks: Marks = (),
) -> dict[str, Any] | None:
    """A chart as page.js draws it; None without a finite value.

    share: values that end at 1, such as an accuracy. rate: learning rates. note: what is shown, and
    its formula. A long curve is thinned; a noisy one has its running mean beside it.
    """
    drawn = {name: (x, y) for name, (x, y) in shown.items() if len(x) and np.isfinite(y).any()}
    if not drawn:
        return None
    values = np.concatenate([values for _, values in drawn.values()])
    scales = chart_scales(values, share, rate)
    smoothing = next((window(len(y)) for _, y in drawn.values()), 0)
    lines = [_line(label, *curve, scales[0] == "log") for label, curve in drawn.items()]
    return {
        "title": title,
        "unit": unit,
        "scales": scales,
        "share": share,
        "stepped": rate,
        "alt": chart_in_words(title, drawn, unit),
        "note": note,
        "smoothing": smoothing if any("mean" in line for line in lines) else 0,
        "curves": lines,
        "marks": [{"label": label, "place": place} for label, place in marks],
    }


def run_charts(run: View) -> list[dict[str, Any]]:
    """The charts of a run: one for each quantity, and one of the learning rate where it changed."""
    if curves.no_epoch(run):
        return []
    rates = None if curves.no_rates(run) else curves.learning_rates(run)
    best = mapping_or_empty(run.summary.get("best")).get("epoch")
    failed = mapping_or_empty(run.about.get("failure")).get("epoch")
    marks = [(word, at) for word, at in (("best", best), ("diverged", failed)) if type(at) is int]
    return charts_of_table(run.metrics, run.settings, rates, marks)


def charts_of_table(
    table: Mapping[str, Any], settings: Mapping[str, Any], rates: Rates | None, marks: Marks = ()
) -> list[dict[str, Any]]:
    """A chart for each quantity in the columns of metrics.csv, and one of `rates`."""
    names, records = columns.row_names(settings), []
    for quantity in columns.quantities(table):
        shown = {names[part]: curve for part, curve in curves.part_curves(table, quantity).items()}
        title, share = quantity_words(quantity, settings), is_share(quantity)
        text = note(quantity, settings)
        record = chart_record(title, shown, share=share, marks=marks, note=text)
        records.append(record and record | {"quantity": quantity})
    if rates is not None:
        unit, *curve = rates
        shown = {"learning rate": (curve[0], curve[1])}
        record = chart_record("learning rate", shown, rate=True, unit=unit, note=RATE_NOTE)
        records.append(record and record | {"quantity": ""})
    return [record for record in records if record]


def note(quantity: str, settings: Mapping[str, Any]) -> str:
    """What a quantity is, in the words and the formula of its definition."""
    if quantity in METRICS:
        return first_line(METRICS[quantity].value)
    loss = settings.get("loss")
    name = loss.get("name") if isinstance(loss, Mapping) else loss
    return first_line(LOSSES.get(str(name)))


def first_line(definition: object) -> str:
    """The first line of a docstring; empty without one."""
    return next(iter((definition.__doc__ or "").splitlines()), "") if definition else ""


def chart_scales(values: FloatArray, share: bool, rate: bool) -> list[Scale]:
    """The scales that suit, the best first."""
    finite = values[np.isfinite(values)]
    if share or finite.min() <= 0 or finite.min() == finite.max():
        return ["linear"]
    log = (is_log_rate if rate else is_log)(values)
    return ["log", "linear"] if log else ["linear", "log"]


def thin(values: FloatArray) -> IntArray:
    """Which points of a long curve are drawn: of each bucket the lowest and the highest."""
    count = len(values)
    if count <= 2 * BUCKETS:
        return np.arange(count)
    edges = np.linspace(0, count, BUCKETS + 1).astype(np.int64)
    finite = np.isfinite(values)
    low, high = np.where(finite, values, np.inf), np.where(finite, values, -np.inf)
    chosen = {0, count - 1}
    for start, stop in pairwise(edges.tolist()):
        chosen |= {start + int(low[start:stop].argmin()), start + int(high[start:stop].argmax())}
    return np.array(sorted(chosen), np.int64)


def chart_in_words(title: str, shown: Curves, unit: str) -> str:
    """The chart in words: where each curve begins and ends."""
    parts = []
    for label, (x, y) in shown.items():
        rows = np.flatnonzero(np.isfinite(y) & np.isfinite(x))
        if len(rows):
            first, last = (
                f"{format_number(float(y[row]))} at {unit} {int(x[row]):,}" for row in rows[[0, -1]]
            )
            parts.append(f"{label} goes from {first} to {last}")
    return f"{title} over the {unit}s: {'; '.join(parts)}."


def _line(label: str, x: FloatArray, y: FloatArray, log: bool) -> dict[str, Any]:
    """A curve, thinned; `mean` where it is noisy."""
    chosen = thin(y)
    chosen = chosen[np.isfinite(x[chosen])]
    line = {"label": label, "x": _short(x[chosen]), "y": _short(y[chosen])}
    finite = y[np.isfinite(y)]
    mean = smoothed(y, float(finite.min()), float(finite.max()), log)
    return line if mean is None else line | {"mean": _short(mean[chosen])}


def _short(values: FloatArray) -> list[float | int | None]:
    """Numbers with few digits; whole ones without a point."""
    return [_short_number(value) if np.isfinite(value) else None for value in values.tolist()]


def _short_number(value: float) -> float | int:
    short = float(f"{value:.{DIGITS}g}")
    return int(short) if short.is_integer() and abs(short) < 1e15 else short
