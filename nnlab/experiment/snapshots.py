"""The parameters of a small network at log-spaced epochs, for figures that show it learn."""

from collections.abc import Mapping

import numpy as np

from nnlab.core.network import Network
from nnlab.core.types import Array

MOMENTS = 40
FEWEST = 4  # less shows no movement
NUMBERS = 400_000  # of all moments together: 3 MB of float64


class Snapshots:
    """Copies of theta and the buffers before training and at log-spaced epochs.

    Up to 40 for a network of 10,000 parameters, fewer for larger networks, none above 100,000.
    """

    def __init__(self, network: Network, epochs: int) -> None:
        self.network = network
        self.wanted: frozenset[int] = frozenset()
        moments = min(MOMENTS, NUMBERS // max(network.theta.size, 1))
        if moments >= FEWEST:
            spaced = np.geomspace(1, max(epochs, 1), moments).round().astype(int)
            self.wanted = frozenset([0, *spaced.tolist()])
        self.epochs: list[int] = []
        self.values: list[Array] = []

    def take(self, epoch: int, values: Array) -> None:
        """Copies values (V,) if the epoch is wanted."""
        if epoch in self.wanted:
            self.epochs.append(epoch)
            self.values.append(values.copy())

    def arrays(self, prefix: str = "") -> dict[str, Array]:
        """epochs (k,), theta (k, P), and buffers (k, Q) where the network has any."""
        if not self.epochs:
            return {}
        arrays = {"epochs": np.array(self.epochs, np.int64), **self.blocks(np.stack(self.values))}
        return {prefix + name: array for name, array in arrays.items()}

    def blocks(self, values: Array) -> dict[str, Array]:
        """`values` (..., V) split into theta (..., P) and, if there are any, buffers (..., Q)."""
        size = self.network.theta.size
        theta = {"theta": values[..., :size]}
        return theta | {"buffers": values[..., size:]} if self.network.buffers.size else theta

    def restore(self, saved: Mapping[str, Array], prefix: str = "snapshot.") -> None:
        """Takes the result of `arrays`. Raises KeyError or ValueError if it is not that."""
        names = self.blocks(self.network.values)
        self.epochs = saved[f"{prefix}epochs"].tolist()
        self.values = list(np.concatenate([saved[prefix + name] for name in names], axis=1))
