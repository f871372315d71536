"""Figures of a run: each sees a run folder and nothing else, and draws what suits it.

A new figure is one module here with `suits` and `draw`, and one line in FIGURES. matplotlib is
imported when the first figure is drawn, not before.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nnlab.plots import curves, study, sweeps
from nnlab.plots.style import encode, style
from nnlab.run.folder import RunFolder
from nnlab.run.sweeps import SweepFolder

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Plot:
    """A kind of figure: whether it says anything about a run, and how it is drawn."""

    suits: Callable[[RunFolder], bool]
    draw: Callable[[RunFolder], "Figure"]


FIGURES: dict[str, Plot] = {
    "curves": Plot(curves.suits, curves.draw),
    "steps": Plot(curves.suits_steps, curves.draw_steps),
}


@dataclass(frozen=True)
class Drawn:
    """What drawing left: the files, and a sentence for each figure that failed."""

    paths: tuple[Path, ...]
    warnings: tuple[str, ...]


def draw_all(run: RunFolder, kinds: Iterable[str] = ("png",)) -> Drawn:
    """Draw every figure that suits `run` into its folder, as png, svg or pdf.

    A figure that fails costs a warning, never the run: all that matters is already saved.
    """
    paths, warnings = [], []
    for name, plot in FIGURES.items():
        try:
            if plot.suits(run):
                paths += _draw(run, name, plot, kinds)
        except Exception as error:
            kind = type(error).__name__
            warnings.append(f"The figure {name} could not be drawn ({kind}: {error}).")
    return Drawn(tuple(paths), tuple(warnings))


def draw_sweep(folder: SweepFolder, kinds: Iterable[str] = ("png",)) -> Drawn:
    """Draw every figure that suits a sweep into its folder, as `draw_all` does for a run."""
    paths, warnings = [], []
    seen = study.Study(folder)
    for name, (suits, draw) in sweeps.SWEEP_FIGURES.items():
        try:
            if suits(seen):
                with style():
                    figure = draw(seen)
                    for kind in kinds:
                        data = encode(figure, kind)
                        paths.append(folder.write_figure(f"{name}.{kind}", data))
        except Exception as error:
            kind = type(error).__name__
            warnings.append(f"The figure {name} could not be drawn ({kind}: {error}).")
    return Drawn(tuple(paths), tuple(warnings))


def _draw(run: RunFolder, name: str, plot: Plot, kinds: Iterable[str]) -> list[Path]:
    with style():
        figure = plot.draw(run)
        return [run.write_figure(f"{name}.{kind}", encode(figure, kind)) for kind in kinds]
