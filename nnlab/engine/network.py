"""The network that users, commands and runs have: it computes in turn with what trains."""

from numpy.typing import ArrayLike

from nnlab.core.network import Network
from nnlab.core.types import Array
from nnlab.engine import blas


class EngineNetwork(Network):
    """A network whose predictions have all threads of the BLAS, also while another trains.

    The number of threads decides the last bits of a product; see `engine.blas`.
    """

    def predict(self, x: ArrayLike, batch: int = 1024, depth: int | None = None) -> Array:
        with blas.turn():
            return super().predict(x, batch, depth)
