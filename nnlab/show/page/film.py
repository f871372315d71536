"""Moments of a small network, recorded in a run folder or taken while it trains."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from nnlab.core.losses import Loss
from nnlab.core.network import Network
from nnlab.core.types import Array, FloatArray, IntArray, cached_property
from nnlab.data.scale import Scaling
from nnlab.diagnosis.moments import Moment, moment
from nnlab.run.data_facts import DataFacts
from nnlab.show.figures.view import View, one_per_output

MOMENTS = 60  # that a page shows; nnlab records about 40
POINTS = 400  # training rows that are drawn
LOOKED_AT = 128  # training rows that the layers and the gradient are looked at with


@dataclass(frozen=True, eq=False)
class Film:
    """Moments of a network: epochs (k,) and values (k, V), with training rows of its data.

    network: its form; nobody else uses it, since looking changes its own values. data: the content
    of data.json. inputs (N, n) and targets, (N,) or (N, m), are as in the data set. before: the
    values (V,) of the moment before the first, if there is one.
    """

    epochs: IntArray
    values: Array
    network: Network
    data: DataFacts
    scaling: Scaling
    inputs: FloatArray
    targets: Array
    loss: Loss
    before: Array | None = None

    @classmethod
    def of_run(cls, run: View) -> Self:
        """The recorded moments of a run, at most MOMENTS, and its saved training rows."""
        epochs, values = run.snapshots
        which = np.unique(np.linspace(0, len(epochs) - 1, min(len(epochs), MOMENTS)).astype(int))
        network, (inputs, targets) = run.untrained(), run.training_rows
        inputs = np.asarray(inputs, np.float64)
        data = (run.data, run.scaling, inputs, targets)
        return cls(epochs[which], values[which], network, *data, run.loss)

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

    def outputs(self, rows: Array) -> FloatArray:
        """Outputs (k, B, m) for rows (B, n)."""
        return self.layer_outputs(rows, [len(self.network.layers)])[0]

    def layer_outputs(self, rows: Array, depths: Sequence[int]) -> list[FloatArray]:
        """Outputs (k, B, m) of the first `depth` layers, for each of `depths` and rows (B, n)."""
        x, moments = self.scaled(rows), []
        with np.errstate(all="ignore"):  # a run that diverged may overflow
            for values in self.values:
                binding = self.network.bind(len(x), depth=max(depths), values=values)
                binding.forward(x)
                moments.append([binding.bound[depth - 1].y for depth in depths])
        return [np.stack(outputs).astype(np.float64) for outputs in zip(*moments, strict=True)]

    @cached_property
    def moments(self) -> list[Moment]:
        """The layers and the gradient at each moment, on some of the rows; none without rows."""
        rows = self.some_rows(LOOKED_AT)
        if not rows:
            return []
        network = self.network
        x, width = self.scaled(self.inputs[rows]), network.shapes[-1][0]
        targets = one_per_output(self.targets[rows], self.data.kind, width)
        t = self.loss.encode(targets.astype(network.dtype))
        numbered = zip(self.epochs.tolist(), self.values, strict=True)
        return [moment(network, self.loss, values, x, t, epoch) for epoch, values in numbered]

    @property
    def changes(self) -> list[Array]:
        """What each moment's parameters (P,) changed since the moment before; first maybe 0."""
        size = self.network.theta.size
        first = self.values[0] if self.before is None else self.before
        return list(np.diff(np.vstack([first[None], self.values]), axis=0)[:, :size])

    def scaled(self, rows: Array) -> Array:
        """Rows (B, n) as the network takes them."""
        x = self.scaling.apply(rows).astype(self.network.dtype)
        return x.reshape(len(x), *self.network.inputs)

    def some_rows(self, most: int = POINTS) -> list[int]:
        """Row numbers, evenly spread where there are too many."""
        count = len(self.inputs)
        return sorted({int(row) for row in np.linspace(0, count - 1, min(count, most))})

    def parameters(self) -> list[Any]:
        """The weights of each layer as named views, moment by moment."""
        size = self.network.theta.size
        return [self.network.layout.views(values[:size]) for values in self.values]
