"""Dropout."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge, Lt

from nnlab.core.layers.base import Layer
from nnlab.core.memory import Scratch
from nnlab.core.types import Array, Shape, Views


@dataclass(frozen=True)
class Dropout(Layer):
    """Inverted dropout: an input becomes 0 with probability `rate`, else x / (1 - rate).

    Evaluation changes nothing (Srivastava et al., 2014, scale in evaluation instead).
    """

    # `s.noise` comes from the layer's own stream, in float32 whatever the network's dtype, so that
    # a check in float64 drops the same inputs.

    random: ClassVar[bool] = True
    rate: Annotated[float, Ge(0), Lt(1)] = 0.5

    def scratch(self, shape: Shape, batch: int) -> Mapping[str, Scratch]:
        rows = (batch, *shape)
        return {
            "stays": Scratch(rows, dtype=np.bool_),
            "mask": Scratch(rows),
            "factor": Scratch(fill=1.0 / (1.0 - self.rate)),
        }

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        """y = x mask in training, y = x in evaluation."""
        if not train:
            np.copyto(y, x)
            return
        np.greater_equal(s.noise, self.rate, out=s.stays)
        np.multiply(s.stays, s.factor, s.mask)
        np.multiply(x, s.mask, y)

    def derivative(self, x: Array, y: Array, dy: Array, dx: Array, s: Views) -> None:
        np.multiply(dy, s.mask, dx)
