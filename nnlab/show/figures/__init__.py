"""Figures of a run: each sees a run folder and nothing else, and draws what suits it.

A new figure is one module here that makes a `Plot`, and one line in FIGURES. matplotlib is
imported when the first figure is drawn, not before.
"""

from collections.abc import Iterable
from pathlib import Path

from nnlab.run.folder import RunFolder
from nnlab.run.sweeps import FIGURES as FOLDER
from nnlab.run.sweeps import SweepFolder
from nnlab.show.figures import (
    confusion,
    curves,
    filters,
    forward,
    hidden,
    histograms,
    images,
    maps,
    network,
    plane,
    sweeps,
    targets,
    updates,
    weighted,
)
from nnlab.show.figures.drawing import Drawn, Form, draw_each, files, save
from nnlab.show.figures.palette import Scale
from nnlab.show.figures.plot import Plot
from nnlab.show.figures.study import Study
from nnlab.show.figures.view import View, view

FIGURES: dict[str, Plot] = {
    "curves": curves.CURVES,
    "steps": updates.STEPS,
    "lr": updates.RATE,
    "network": network.NETWORK,
    "weights": weighted.WEIGHTS,
    "activations": hidden.ACTIVATIONS,
    "codes": hidden.CODES,
    "outputs": targets.TABLE,
    "scatter": plane.SCATTER,
    "boundary": plane.BOUNDARY,
    "boundary_epochs": plane.STRIP,
    "targets": targets.TARGETS,
    "fit": targets.FIT,
    "forward": forward.FORWARD,
    "confusion": confusion.CONFUSION,
    "samples": images.SAMPLE_IMAGES,
    "mistakes": images.WORST,
    "filters": filters.FILTERS,
    "feature_maps": maps.FEATURE_MAPS,
    "histograms": histograms.HISTOGRAMS,
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
    return draw_each(chosen, run, Form(tuple(kinds), dark, scale), out)


def draw_sweep(
    folder: SweepFolder,
    kinds: Iterable[str] = ("png",),
    *,
    out: Path | None = None,
    dark: bool = False,
) -> Drawn:
    """Draw every figure that suits a sweep into its folder, as `draw_all` does for a run."""
    paths, warnings = [], []
    study = Study(folder)
    for name, plot in sweeps.SWEEP_FIGURES.items():
        try:
            if plot.suits(study):
                form = Form(tuple(kinds), dark)
                made = files(name, lambda plot=plot: plot.painter(study), form)  # type: ignore[misc]
                place = out or folder.path / FOLDER
                paths += [save(None, file, data, place) for file, data in made]
        except Exception as error:
            kind = type(error).__name__
            warnings.append(f"The figure {name} could not be drawn ({kind}: {error}).")
    return Drawn(tuple(paths), tuple(warnings))


__all__ = ["FIGURES", "Drawn", "Form", "Plot", "View", "draw_all", "draw_sweep", "view"]
