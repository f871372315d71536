"""The figures of a sweep.

A new one is two functions, whether it suits a study and how it is drawn, and one line here.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from nnlab.plots import sweep_curves, sweep_finals
from nnlab.plots.study import Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SWEEP_FIGURES: dict[str, tuple[Callable[[Study], bool], Callable[[Study], "Figure"]]] = {
    "curves": (sweep_curves.suits, sweep_curves.draw),
    "final": (sweep_finals.suits, sweep_finals.draw),
    "map": (sweep_finals.suits_map, sweep_finals.draw_map),
}
