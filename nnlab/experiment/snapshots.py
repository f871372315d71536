"""The parameters of a small network at log-spaced epochs, for figures that show it learn."""

import numpy as np

from nnlab.core.network import Network
from nnlab.core.types import Array

MOMENTS = 40
FEWEST = 4  # less shows no movement
NUMBERS = 400_000  # of all moments together: 3 MB of float64


class Snapshots:
    """Copies of theta at row 0, the first epochs, and ever rarer up to the last.

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
        self.thetas: list[Array] = []

    def take(self, epoch: int, theta: Array) -> None:
        """Copy theta (P,) if this is one of the epochs to remember."""
        if epoch in self.wanted:
            self.epochs.append(epoch)
            self.thetas.append(theta.copy())

    def arrays(self, prefix: str = "") -> dict[str, Array]:
        """epochs (k,), and theta (k, P)."""
        if not self.epochs:
            return {}
        return {
            f"{prefix}epochs": np.array(self.epochs, np.int64),
            f"{prefix}theta": np.stack(self.thetas),
        }

    def restore(self, epochs: Array, thetas: Array) -> None:
        """Go on after these."""
        self.epochs = epochs.tolist()
        self.thetas = list(thetas)
