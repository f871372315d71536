"""Layers that change the shape of rows and nothing else."""

from dataclasses import dataclass

import numpy as np

from nnlab.core.layers.base import Layer
from nnlab.core.types import Array, Shape, Views, size


@dataclass(frozen=True)
class Flatten(Layer):
    """Rows of any shape become flat: (B, h, w, c) -> (B, h w c), last axis fastest."""

    def output_shape(self, shape: Shape) -> Shape:
        """(number of elements,)."""
        return (size(shape),)

    def flops(self, shape: Shape) -> int:
        """None."""
        return 0

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        """Copy, in the same order."""
        np.copyto(y, x.reshape(y.shape))

    def backward(
        self, p: Views, g: Views, x: Array, y: Array, dy: Array, dx: Array | None, s: Views
    ) -> None:
        """Copy back."""
        if dx is not None:
            np.copyto(dx, dy.reshape(dx.shape))
