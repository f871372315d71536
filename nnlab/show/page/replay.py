"""A slider through the recorded epochs of a small network."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnlab.core import columns
from nnlab.core.metrics import label_of
from nnlab.core.types import FloatArray
from nnlab.errors import NnlabError
from nnlab.show.figures import FIGURES, View, curves
from nnlab.show.page.film import Film
from nnlab.show.page.pictures import Album, Picture, Scripted, plot_drawing
from nnlab.show.page.scenes import SCENES, make_scenes
from nnlab.show.words import format_number


@dataclass(frozen=True)
class Replay:
    """The moments (epochs, and metrics as text) and the scenes."""

    epochs: list[int]
    labels: list[str]
    scenes: list[Scripted]

    @property
    def data(self) -> dict[str, Any]:
        """The JSON for page.js."""
        scenes = [scene.data for scene in self.scenes]
        return {"epochs": self.epochs, "labels": self.labels, "scenes": scenes}


def make_replay(run: View, album: Album) -> Replay | None:
    """The slider of a run; None where nothing was recorded or no scene suits."""
    epochs, values = run.snapshots
    if len(epochs) < 2 or not np.isfinite(values).all():
        return None
    film = Film.of_run(run)
    scenes = [
        Scripted(data, _still(run, SCENES[data["kind"]].figures, album))
        for data in make_scenes(film)
    ]
    if not scenes:
        return None
    shown = [int(epoch) for epoch in film.epochs]
    return Replay(shown, moment_labels(run, shown), scenes)


def _still(run: View, figures: Iterable[str], album: Album) -> Picture | None:
    """The first figure that suits; None where files that it needs are lost."""
    with suppress(NnlabError):  # the scenes have weights of their own
        for name in figures:
            if FIGURES[name].suits(run):
                return album.add(plot_drawing(name, FIGURES[name], run, has_dark=False))
    return None


def moment_labels(run: View, epochs: list[int]) -> list[str]:
    """The metrics of each epoch: training loss 0.024, training accuracy 1.000."""
    epoch_rows: dict[float, int] = {}
    measured: dict[str, FloatArray] = {}
    with suppress(NnlabError):  # the curves say that metrics.csv cannot be read
        names = columns.row_names(run.settings)
        for quantity in columns.quantities(run.metrics):
            for part, (numbers, values) in curves.part_curves(run.metrics, quantity).items():
                measured[f"{names[part]} {label_of(quantity)}"] = values
                wanted = np.flatnonzero(np.isin(numbers, epochs)).tolist()
                epoch_rows = {numbers[row].item(): row for row in wanted}

    def label(row: int) -> str:
        texts = (f"{name} {format_number(values[row].item())}" for name, values in measured.items())
        return ", ".join(texts)

    return [label(epoch_rows[epoch]) if epoch in epoch_rows else "" for epoch in epochs]
