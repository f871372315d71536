"""Figures of a run: each sees a run folder and nothing else, and draws what suits it.

A new figure is one module here that makes a `Plot`, and one line in FIGURES. matplotlib is
imported when the first figure is drawn, not before.
"""

from collections.abc import Iterable
from pathlib import Path

from nnlab.plots import curves, updates
from nnlab.plots.drawing import Drawn, draw_each
from nnlab.plots.plot import Plot
from nnlab.plots.style import Scale, encode, style
from nnlab.plots.view import View, view
from nnlab.run.folder import RunFolder

FIGURES: dict[str, Plot] = {
    "curves": curves.CURVES,
    "steps": updates.STEPS,
    "lr": updates.RATE,
}


def draw_all(
    run: RunFolder | View,
    kinds: Iterable[str] = ("png",),
    *,
    only: Iterable[str] | None = None,
    out: Path | None = None,
    dark: bool = False,
    scale: Scale | None = None,
) -> Drawn:
    """Draw every figure that suits `run`, or those named in `only`; see `draw_each`."""
    chosen = FIGURES if only is None else {name: FIGURES[name] for name in only}
    return draw_each(chosen, run, kinds, out=out, dark=dark, scale=scale)


__all__ = ["FIGURES", "Drawn", "Plot", "View", "draw_all", "encode", "style", "view"]
