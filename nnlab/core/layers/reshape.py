"""Layers that change the shape of rows and nothing else."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge, MinLen

from nnlab.core.layers.base import Layer
from nnlab.core.types import Array, Shape, Views, size


class SameNumbers(Layer):
    """Rows of another shape with the same numbers in the same order, last axis fastest."""

    operations: ClassVar[int] = 0

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        np.copyto(y, x.reshape(y.shape))

    def derivative(self, x: Array, y: Array, dy: Array, dx: Array, s: Views) -> None:
        np.copyto(dx, dy.reshape(dx.shape))


@dataclass(frozen=True)
class Flatten(SameNumbers):
    """Rows of any shape become flat: (B, h, w, c) -> (B, h w c), last axis fastest."""

    def output_shape(self, shape: Shape) -> Shape:
        return (size(shape),)


@dataclass(frozen=True)
class Reshape(SameNumbers):
    """Rows get another shape, the numbers in the same order: (784,) -> (28, 28, 1).

    shape: of a row, such as [height, width, channels].
    """

    shape: Annotated[tuple[Annotated[int, Ge(1)], ...], MinLen(1)]

    def output_shape(self, shape: Shape) -> Shape:
        if size(self.shape) != size(shape):
            raise ValueError(
                f"{' x '.join(map(str, self.shape))} makes {size(self.shape)} numbers, "
                f"and a row has {size(shape)}"
            )
        return tuple(self.shape)
