"""A network's layers, bound to the memory of one batch size."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nnlab.core.layers import Layer
from nnlab.core.memory import allocate
from nnlab.core.types import Array, Views

if TYPE_CHECKING:
    from nnlab.core.network import Network

Generators = Mapping[int, np.random.Generator]  # of the layers that draw, by position


class Bound(NamedTuple):
    """A layer with its memory. x is None where the batch itself is the input."""

    layer: Layer
    p: Views
    g: Views
    x: Array | None
    y: Array
    dy: Array | None
    dx: Array | None
    s: Views


class Activations(NamedTuple):
    """Per layer the output y (B, ...) and, in training, the loss's derivative dy by it.

    dx: the derivative by the inputs, where it is wanted. noise: what the layers that draw have
    drawn, by position, uniform in [0, 1), in float32 whatever the network's dtype.
    """

    y: Sequence[Array]
    dy: Sequence[Array | None]
    dx: Array | None
    noise: Mapping[int, Array]

    def of(self, rows: slice) -> "Activations":
        """Views of some rows."""
        y, dx = [array[rows] for array in self.y], None if self.dx is None else self.dx[rows]
        dy = [None if array is None else array[rows] for array in self.dy]
        return Activations(y, dy, dx, {i: array[rows] for i, array in self.noise.items()})


class Binding:
    """All layers, bound to the memory for batches of one size.

    `z` is the last output and `dz` the memory for its derivative. The batch itself is passed to
    both `forward` and `backward`, so that batches can be views of a larger array. Layers before
    the first with parameters have no backward pass, unless the inputs' derivative is wanted.
    """

    def __init__(
        self,
        network: "Network",
        rows: Activations,
        values: Array,
        gradient: Array | None,
        generators: Generators,
    ) -> None:
        """As many layers as `rows` has outputs for; they train if there is a `gradient` (P,)."""
        self.train = gradient is not None
        p = network.layout.views(values[: network.layout.size])
        g = network.layout.views(gradient) if gradient is not None else p
        buffers = network.buffer_layout.views(values[network.layout.size :])
        y, dy, noise = rows.y, rows.dy, rows.noise
        layers = network.kernels[: len(y)]
        first = _first_with_parameters(p[: len(y)]) if rows.dx is None else 0
        xs = [None, *y]  # of each layer; the first takes the batch itself
        dxs = [rows.dx, *(array if i >= first else None for i, array in enumerate(dy))]
        self.bound: list[Bound] = []
        for i, layer in enumerate(layers):
            scratch = allocate(layer.scratch(network.shapes[i], len(y[i])), network.dtype)
            s = Views(**vars(buffers[i]), **scratch, noise=noise.get(i))
            self.bound.append(Bound(layer, p[i], g[i], xs[i], y[i], dy[i], dxs[i], s))
        self.z, self.dz = y[-1], dy[-1]
        self._draws = [(rng.random, noise[i]) for i, rng in generators.items() if i in noise]
        self._forward = [(b.layer.forward, b.p, b.y, b.s) for b in self.bound]
        self._backward = [
            (b.layer.backward, b.p, b.g, b.x, b.y, b.dy, b.dx, b.s)
            for b in reversed(self.bound[first:])
            if b.dy is not None
        ]

    def forward(self, x: Array) -> Array:
        """z for the rows x (B, ...); ValueError for another number of rows."""
        if len(x) != len(self.z):
            raise ValueError(f"bound for {len(self.z)} rows, not for {len(x)}")
        for draw, noise in self._draws:
            draw(dtype=np.float32, out=noise)
        train = self.train
        for forward, p, y, s in self._forward:
            forward(p, x, y, s, train)
            x = y
        return x

    def backward(self, x: Array) -> None:
        """Fill the gradient from `dz`, after `forward` with the same x."""
        for backward, p, g, inner, y, dy, dx, s in self._backward:
            backward(p, g, x if inner is None else inner, y, dy, dx, s)


def _first_with_parameters(parameters: Sequence[Views]) -> int:
    return next((i for i, own in enumerate(parameters) if vars(own)), len(parameters))
