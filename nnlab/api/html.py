"""What a notebook shows of a run or a sweep: a few lines and a small curve."""

from collections.abc import Sequence
from html import escape
from itertools import cycle

import numpy as np

from nnlab.core.types import FloatArray
from nnlab.show.figures.palette import LIGHT
from nnlab.show.page.charts import Curves, chart_scales, thin

WIDTH, HEIGHT = 220, 60  # pixels
MOST_CURVES = 12


def card(head: str, lines: Sequence[str], title: str, curves: Curves) -> str:
    """A head, lines, and curves (places, values) by label, as HTML; all texts are escaped."""
    texts = "".join(f"<div>{escape(line)}</div>" for line in lines if line)
    return f"<div><b>{escape(head)}</b>{texts}{curve_svg(title, curves)}</div>"


def curve_svg(title: str, curves: Curves) -> str:
    """The curves as a small SVG with its ends in words; empty without two finite points."""
    shown = dict(list(finite_curves(curves).items())[:MOST_CURVES])
    if not shown:
        return ""
    values = np.concatenate([y for _, y in shown.values()])
    log = values.min() > 0 and chart_scales(values, False, False)[0] == "log"
    longest = max(x[-1] for x, _ in shown.values())
    lines, legend = [], []
    for (name, (x, y)), color in zip(shown.items(), cycle(LIGHT.lines), strict=False):
        chosen = thin(y)
        heights = _heights(y[chosen], values, log)
        points = zip(x[chosen] / longest * WIDTH, (1 - heights) * HEIGHT, strict=True)
        text = " ".join(f"{a:.0f},{b:.1f}" for a, b in points)
        lines.append(f'<polyline points="{text}" fill="none" stroke="{color}"/>')
        legend.append(f'<span style="color:{color}">{escape(name)}</span>')
    words = f"{escape(title)}{' (log)' if log else ''}, {values.min():.3g} to {values.max():.3g}"
    return (
        f'<svg role="img" aria-label="{words}" width="{WIDTH}" height="{HEIGHT}" '
        f'viewBox="-2 -2 {WIDTH + 4} {HEIGHT + 4}">{"".join(lines)}</svg>'
        f"<div><small>{words} {' '.join(legend)}</small></div>"
    )


def _heights(y: FloatArray, values: FloatArray, log: bool) -> FloatArray:
    """The place of y between the least and the largest of all values, 0 to 1."""
    y, values = (np.log(y), np.log(values)) if log else (y, values)
    return (y - values.min()) / (np.ptp(values) or 1.0)


def finite_curves(curves: Curves) -> Curves:
    """The finite points of those curves that have two or more."""
    finite: dict[str, tuple[FloatArray, FloatArray]] = {}
    for name, (places, values) in curves.items():
        x, y = np.asarray(places, np.float64), np.asarray(values, np.float64)
        good = np.isfinite(x) & np.isfinite(y)
        if good.sum() > 1:
            finite[name] = (x[good], y[good])
    return finite
