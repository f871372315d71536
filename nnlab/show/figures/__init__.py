"""Figures of a run, drawn from its folder alone; each draws what suits it.

A new figure is one `Plot` in FIGURES at the foot of its module, here or in a module of its own.
matplotlib is imported when the first figure is drawn, not before.
"""

from nnlab.run.folder import RunFolder
from nnlab.show.figures import (
    autoencoder,
    cells,
    curves,
    gradient_flow,
    hidden_maps,
    histograms,
    images,
    importance,
    loss_path,
    maps,
    network,
    occlusion,
    plane,
    scores,
    targets,
)
from nnlab.show.figures.plot import Drawn, FigureForm, Plot, draw_each
from nnlab.show.figures.view import View, view

MODULES = (
    *(curves, network, cells, targets, plane, images, autoencoder, maps, histograms),
    *(gradient_flow, loss_path, hidden_maps, importance, occlusion, scores),
)
FIGURES: dict[str, Plot] = {
    name: plot for module in MODULES for name, plot in module.FIGURES.items()
}


def draw_all(run: RunFolder | View) -> Drawn:
    """Draw all figures that suit `run` and are not drawn on request alone; see `draw_each`."""
    return draw_each({name: plot for name, plot in FIGURES.items() if not plot.on_request}, run)


__all__ = ["FIGURES", "Drawn", "FigureForm", "Plot", "View", "draw_all", "view"]
