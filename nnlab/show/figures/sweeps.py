"""The figures of a sweep.

A new figure is a painter, a function that says whether it suits a study, and an entry here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nnlab.show.figures import sweep_curves, sweep_finals
from nnlab.show.figures.study import Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class SweepPlot:
    """A kind of figure of a sweep.

    captions: a sentence for a study with one run per setting, and for one with several seeds.
    """

    title: str
    captions: tuple[str, str]
    suits: Callable[[Study], bool]
    painter: Callable[[Study], "Figure"]

    def caption(self, study: Study) -> str:
        """What the figure shows of this study."""
        return self.captions[study.several]


SWEEP_FIGURES: dict[str, SweepPlot] = {
    "curves": SweepPlot(
        "Curves",
        (
            "Each line is the run of one setting.",
            "Each line is the median over the seeds of one setting, its band the quartiles.",
        ),
        sweep_curves.suits,
        sweep_curves.draw,
    ),
    "final": SweepPlot(
        "Final values",
        (
            "Each marker is the end of one run.",
            "Each dot is the end of one run, each bar the median over the seeds.",
        ),
        sweep_finals.suits,
        sweep_finals.draw,
    ),
    "map": SweepPlot(
        "Both settings",
        (
            "Each cell is the end of one run; dark is good.",
            "Each cell is the median over the seeds; dark is good.",
        ),
        sweep_finals.suits_map,
        sweep_finals.draw_map,
    ),
}
