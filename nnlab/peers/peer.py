"""What a library does in a cross-check: the same updates on the same batches."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import NamedTuple

from nnlab.core.types import Array


class PeerRows(NamedTuple):
    """Rows x (B, ...) with targets t (B, m)."""

    x: Array
    t: Array


class Peer(ABC):
    """Another library with the same network, at the same initial weights, in float64.

    Losses are sums over rows of the loss that nnlab reports, without regularisation; None where the
    library does not compute it to the last digits.
    """

    title: str  # with the version: "PyTorch 2.13.0"

    @abstractmethod
    def loss(self, rows: PeerRows) -> float | None:
        """The loss of rows in evaluation."""

    @abstractmethod
    def update(self, rows: PeerRows, rate: float) -> float | None:
        """Does one update with this learning rate; the loss of the rows before it."""

    @abstractmethod
    def end_epoch(self, epoch: int) -> None:
        """Does what follows the last update of an epoch."""

    @abstractmethod
    def arrays(self) -> Mapping[str, Array]:
        """All weights by nnlab's names and shapes."""
