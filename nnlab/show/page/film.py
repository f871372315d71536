"""A small network through its training: the recorded moments and the rows it learned from."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from nnlab.core.network import Network
from nnlab.core.types import Array, FloatArray, IntArray
from nnlab.run.run import Run
from nnlab.show.figures.view import View

MOMENTS = 60  # that a page shows; nnlab records about 40


@dataclass(frozen=True, eq=False)
class Film:
    """Moments: epochs (k,) and values (k, V). Rows: inputs (N, n) as in the data set, targets."""

    network: Network
    saved: Run
    epochs: IntArray
    values: Array
    inputs: Array
    targets: Array

    @property
    def thetas(self) -> Array:
        """The parameters (k, P) among the values."""
        return self.values[:, : self.network.theta.size]

    @property
    def data(self) -> dict[str, Any]:
        """data.json."""
        return self.saved.data

    @property
    def regression(self) -> bool:
        """Whether the outputs are numbers and no classes."""
        return bool(self.data["kind"] == "regression")

    def answers(self, rows: Array, depth: int | None = None) -> FloatArray:
        """What the first `depth` layers (default all) make of rows (B, n): (k, B, ...)."""
        x = self.saved.scaling.apply(rows).astype(self.network.dtype)
        x = x.reshape(len(x), *self.network.inputs)
        found = []
        with np.errstate(all="ignore"):  # a run that diverged may overflow
            for values in self.values:
                bound = self.network.bind(len(x), depth=depth, values=values)
                found.append(bound.forward(x).astype(np.float64))
        return np.stack(found)


def film(seen: View) -> Film | None:
    """The film of a run; None where nothing was recorded, or what is no number.

    Raises RunUnreadable or ConfigError when the files do not fit each other.
    """
    epochs, values = seen.snapshots
    if not len(epochs) or not np.isfinite(values).all():
        return None
    which = np.unique(np.linspace(0, len(epochs) - 1, min(len(epochs), MOMENTS)).astype(int))
    network = seen.run.untrained()
    rows = seen.parts.get("train")
    inputs = np.empty((0, int(np.prod(network.inputs)))) if rows is None else rows.inputs
    targets = np.empty(0) if rows is None else rows.targets
    return Film(network, seen.run, epochs[which], values[which], inputs, targets)
