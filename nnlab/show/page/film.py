"""Moments of a small network, recorded in a run folder or taken while it trains."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from nnlab.core.network import Network
from nnlab.core.types import Array, FloatArray, IntArray
from nnlab.data.scale import Scaling
from nnlab.run.data_facts import DataFacts
from nnlab.show.figures import View

MOMENTS = 60  # that a page shows; nnlab records about 40
POINTS = 400  # training rows that are drawn


@dataclass(frozen=True, eq=False)
class Film:
    """Moments of a network: epochs (k,) and values (k, V), with training rows of its data.

    network: its form; its own values are not looked at. data: the content of data.json. inputs
    (N, n) and targets, (N,) or (N, m), are as in the data set.
    """

    epochs: IntArray
    values: Array
    network: Network
    data: DataFacts
    scaling: Scaling
    inputs: FloatArray
    targets: Array

    @classmethod
    def of_run(cls, run: View) -> Self:
        """The recorded moments of a run, at most MOMENTS, and its saved training rows."""
        epochs, values = run.snapshots
        which = np.unique(np.linspace(0, len(epochs) - 1, min(len(epochs), MOMENTS)).astype(int))
        network, (inputs, targets) = run.untrained(), run.training_rows
        inputs = np.asarray(inputs, np.float64)
        return cls(epochs[which], values[which], network, run.data, run.scaling, inputs, targets)

    @property
    def layers(self) -> list[int]:
        """The places of the layers with parameters."""
        return sorted({place.layer for place in self.network.layout.places})

    @property
    def flat(self) -> bool:
        """Whether all layers work on rows of numbers."""
        return all(len(shape) == 1 for shape in self.network.shapes)

    @property
    def classes(self) -> list[str]:
        """The names of the classes; none for a regression."""
        return list(self.data.class_names)

    def outputs(self, rows: Array, depth: int | None = None) -> FloatArray:
        """Outputs (k, B, m) of the first `depth` layers (default all) for rows (B, n)."""
        x = self.scaling.apply(rows).astype(self.network.dtype)
        x = x.reshape(len(x), *self.network.inputs)
        with np.errstate(all="ignore"):  # a run that diverged may overflow
            bindings = (self.network.bind(len(x), depth=depth, values=v) for v in self.values)
            return np.stack([binding.forward(x).astype(np.float64) for binding in bindings])

    def some_rows(self) -> list[int]:
        """Row numbers, evenly spread where there are too many."""
        count = len(self.inputs)
        return sorted({int(row) for row in np.linspace(0, count - 1, min(count, POINTS))})

    def parameters(self) -> list[Any]:
        """The weights of each layer as named views, moment by moment."""
        size = self.network.theta.size
        return [self.network.layout.views(values[:size]) for values in self.values]
