"""The recorded moments of a small network."""

import numpy as np

from nnlab.core.types import Array, FloatArray
from nnlab.show.figures import View

MOMENTS = 60  # that a page shows; nnlab records about 40
POINTS = 400  # training rows that are drawn


class Film:
    """The recorded moments of a run: epochs (k,) and values (k, V), and its training rows."""

    def __init__(self, run: View) -> None:
        epochs, values = run.snapshots
        which = np.unique(np.linspace(0, len(epochs) - 1, min(len(epochs), MOMENTS)).astype(int))
        self.run, self.epochs, self.values = run, epochs[which], values[which]
        self.network = run.untrained()
        rows = run.rows.get("train")
        self.inputs = np.empty((0, int(np.prod(self.network.inputs))))
        self.inputs = np.asarray(self.inputs if rows is None else rows.inputs, np.float64)
        self.targets = np.empty(0) if rows is None else np.asarray(rows.targets)

    def outputs(self, rows: Array, depth: int | None = None) -> FloatArray:
        """Outputs (k, B, m) of the first `depth` layers (default all) for rows (B, n)."""
        x = self.run.scaling.apply(rows).astype(self.network.dtype)
        x = x.reshape(len(x), *self.network.inputs)
        with np.errstate(all="ignore"):  # a run that diverged may overflow
            return np.stack(
                [
                    self.network.bind(len(x), depth=depth, values=values)
                    .forward(x)
                    .astype(np.float64)
                    for values in self.values
                ]
            )

    def some_rows(self) -> list[int]:
        """Row numbers, evenly spread where there are too many."""
        count = len(self.inputs)
        return sorted({int(row) for row in np.linspace(0, count - 1, min(count, POINTS))})
