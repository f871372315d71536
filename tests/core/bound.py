"""One layer with memory of its own, for the tests of kernels."""

from typing import Any

import numpy as np

from nnlab.core.layers import Layer
from nnlab.core.random import Purpose, generator
from nnlab.core.types import Array, Shape, Views

BATCH = 5


class Bound:
    """One layer with memory of its own. All that a kernel must overwrite starts as nan."""

    def __init__(self, layer: Layer, shape: Shape, dtype: Any, batch: int = BATCH) -> None:
        draw = np.random.default_rng(1)
        self.layer = layer
        x = draw.normal(size=(batch, *shape))
        self.x = (x + np.copysign(0.1, x)).astype(dtype)  # no kink within reach of a difference
        rows = (batch, *layer.output_shape(shape))
        self.y, self.dx = np.full(rows, np.nan, dtype), np.full(x.shape, np.nan, dtype)
        self.dy = draw.normal(size=rows).astype(dtype)
        declared, kept = layer.parameters(shape), layer.buffers(shape)
        self.p = Views(**{one.name: draw.normal(size=one.shape).astype(dtype) for one in declared})
        self.g = Views(**{one.name: np.full(one.shape, np.nan, dtype) for one in declared})
        self.s = layer.scratch(shape, batch, dtype)
        for array in (self.x, self.dy, *vars(self.p).values()):
            array.setflags(write=False)
        for one in kept:
            setattr(self.p, one.name, np.full(one.shape, one.value or 0.0, dtype))

    def forward(self, train: bool) -> Array:
        """Evaluation gets no generator, so a draw would be an error."""
        if train and self.layer.random:
            self.s.noise = generator(3, Purpose.DROPOUT, 0).random(self.y.shape, np.float32)
        self.layer.forward(self.p, self.x, self.y, self.s, train)
        return self.y

    def backward(self, dx: Array | None) -> None:
        self.layer.backward(self.p, self.g, self.x, self.y, self.dy, dx, self.s)

    def gradients(self) -> dict[str, Array]:
        """By the name of what the derivative is taken of, after both passes."""
        self.forward(train=True)
        self.backward(self.dx)
        return {"x": self.dx, **vars(self.g)}
