"""The network of users, commands and runs, whose predictions take turns with trainings."""

from contextlib import AbstractContextManager

from numpy.typing import ArrayLike

from nnlab.core.network import Network
from nnlab.core.types import Array
from nnlab.engine import blas

IMAGE_AXES = 3  # height, width, channels


def turn_of(network: Network) -> AbstractContextManager[object]:
    """The turn to compute, with all threads of the BLAS; with one for a network of images.

    A batch of images is many small products: threads that wait for the next one keep a processor
    busy, and beside other work an update took eight times as long. The number of threads decides
    the last bits of a product; see `engine.blas`.
    """
    return blas.one_thread() if has_images(network) else blas.turn()


def has_images(network: Network) -> bool:
    """Whether a layer takes or makes images."""
    return any(len(shape) == IMAGE_AXES for shape in network.shapes)


class EngineNetwork(Network):
    """A network whose predictions take their turn, also while another network trains."""

    def predict(self, x: ArrayLike, batch: int = 1024, depth: int | None = None) -> Array:
        with turn_of(self):
            return super().predict(x, batch, depth)
