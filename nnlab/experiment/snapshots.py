"""The parameters of a small network at log-spaced epochs, for figures that show it learn."""

from collections.abc import Mapping

import numpy as np

from nnlab.core.network import Network
from nnlab.core.types import Array

MOMENTS = 40
FEWEST = 4  # less shows no movement
NUMBERS = 400_000  # of all moments together: 3 MB of float64


class Snapshots:
    """Copies of theta and the buffers at row 0, the first epochs, and ever rarer up to the last.

    Up to 40 for a network of 10,000 parameters, fewer for larger ones, none above 100,000.
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
        """Copy values (V,) if this is one of the epochs to remember."""
        if epoch in self.wanted:
            self.epochs.append(epoch)
            self.values.append(values.copy())

    def arrays(self, prefix: str = "") -> dict[str, Array]:
        """epochs (k,), theta (k, P), and buffers (k, Q) where the network has any."""
        if not self.epochs:
            return {}
        found = {"epochs": np.array(self.epochs, np.int64), **self.blocks(np.stack(self.values))}
        return {prefix + name: array for name, array in found.items()}

    def blocks(self, values: Array) -> dict[str, Array]:
        """The last axis of `values` (..., V) in its parts."""
        size = self.network.theta.size
        found = {"theta": values[..., :size]}
        if self.network.buffers.size:
            found["buffers"] = values[..., size:]
        return found

    def restore(self, saved: Mapping[str, Array], prefix: str = "snapshot.") -> None:
        """Go on after what `arrays` gave. Raises KeyError or ValueError where it is not that."""
        names = self.blocks(self.network.values)
        self.epochs = saved[f"{prefix}epochs"].tolist()
        self.values = list(np.concatenate([saved[prefix + name] for name in names], axis=1))
