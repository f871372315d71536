"""Loss and metrics of a part that is not being trained on."""

from collections.abc import Iterator

import numpy as np

from nnlab.core.losses import Loss
from nnlab.core.metrics import Kind
from nnlab.core.network import Network, trained_depth
from nnlab.core.types import Array
from nnlab.data.batches import Batches, Part
from nnlab.engine import blas
from nnlab.training.records import Numbers
from nnlab.training.tally import Tally


class Evaluation:
    """Loss and metrics of a part in evaluation mode, in large batches."""

    def __init__(self, kind: Kind, loss: Loss, network: Network, part: Part) -> None:
        self.tally = Tally.of(kind, loss, part.targets)
        self.batches = Batches(part, evaluation_batch(network, len(part)))
        self.values = network.values.copy()
        depth = trained_depth(network.layers, loss)
        self.bound = {
            size: network.bind(size, depth=depth, values=self.values)
            for size in {self.batches.batch, self.batches.rest} - {0}
        }

    def logits(self, weights: Array) -> Iterator[tuple[Array, Array]]:
        """z and t (B, m) of each batch with weights (V,); the next batch overwrites z."""
        self.values[...] = weights
        for chunk in self.batches.epoch(None):
            for x, t in zip(chunk.xs, chunk.ts, strict=True):
                with np.errstate(all="ignore"):
                    yield self.bound[chunk.batch].forward(x), t

    def __call__(self, weights: Array) -> Numbers:
        """{"loss": ..., metric: ...} with weights (V,)."""
        sums = self.tally.zero()
        with blas.turn(), np.errstate(all="ignore"):
            for z, t in self.logits(weights):
                self.tally.add(sums, z, t, len(z))
        return self.tally.result(sums)


def evaluation_batch(network: Network, rows: int) -> int:
    """As many rows as keep the widest layer's output below a million numbers, at most 1,024."""
    widest = max(int(np.prod(row)) for row in network.shapes)
    return max(1, min(rows, 1024, 2**20 // widest))
