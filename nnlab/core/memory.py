"""One block of memory for all parameters, and the layers bound to it for a batch size.

A layer declares its arrays; `Layout` gives each a place in a vector `values` of length V: first
the weights, then the biases, then all of frozen layers, together P parameters, then the buffers.
The gradients have the places of the parameters. An optimizer and its slots see the first T of them,
`theta[:layout.trained]`, without what is frozen; weight decay is a slice,
`theta[:layout.weights]`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from nnlab.core.layers.base import Layer, Parameter
from nnlab.core.types import Array, Shape, Views, size

if TYPE_CHECKING:
    from nnlab.core.network import Network

Generators = Mapping[int, np.random.Generator]  # of the layers that draw, by position


class ArrayPlace(NamedTuple):
    """The place of an array in the block: elements `start` up to `stop`."""

    layer: int
    key: str  # "<index>.<layer>.<name>", as in the weights files: "0.dense.weight"
    declared: Parameter
    start: int
    stop: int

    def of(self, block: Array) -> Array:
        """The array, as a view of the block (V,)."""
        return block[self.start : self.stop].reshape(self.declared.shape)


@dataclass(frozen=True)
class Layout:
    """The places of all arrays of a network, in the order of the block."""

    places: tuple[ArrayPlace, ...]  # of the parameters
    buffers: tuple[ArrayPlace, ...]  # behind them
    layers: int
    weights: int  # elements that decay; they come first
    trained: int  # T, elements that an optimizer changes
    size: int  # P
    values: int  # V

    @classmethod
    def of(cls, names: Sequence[str], layers: Sequence[Layer], shapes: Sequence[Shape]) -> Self:
        """Lay out the arrays of layers, given with their names and the shapes of their inputs."""
        rows = list(zip(layers, shapes, strict=False))
        parameters = [(i, a) for i, (layer, row) in enumerate(rows) for a in layer.parameters(row)]
        buffers = [(i, a) for i, (layer, row) in enumerate(rows) for a in layer.buffers(row)]
        # Stable: layer by layer.
        parameters.sort(key=lambda entry: (layers[entry[0]].freeze, not entry[1].decays))
        places: list[ArrayPlace] = []
        start = 0
        for index, array in (*parameters, *buffers):
            stop = start + size(array.shape)
            places.append(ArrayPlace(index, f"{names[index]}.{array.name}", array, start, stop))
            start = stop
        own, buffered = places[: len(parameters)], places[len(parameters) :]
        changed = [array for i, array in parameters if not layers[i].freeze]
        decaying = numbers_in(array for array in changed if array.decays)
        sizes = decaying, numbers_in(changed), numbers_in(array for _, array in parameters)
        return cls(tuple(own), tuple(buffered), len(layers), *sizes, start)

    def places_in(self, block: Array) -> tuple[ArrayPlace, ...]:
        """The places in a block, which is (V,) or, for the parameters alone, (P,)."""
        return self.places + self.buffers if len(block) > self.size else self.places

    @property
    def changed(self) -> tuple[ArrayPlace, ...]:
        """The places of the parameters that an optimizer changes."""
        return tuple(place for place in self.places if place.stop <= self.trained)

    @property
    def weighted(self) -> tuple[int, ...]:
        """The positions of the layers with weights that an optimizer changes."""
        return tuple(sorted({place.layer for place in self.changed if place.declared.decays}))

    def views(self, block: Array) -> list[Views]:
        """For each layer its arrays in `block`, (V,) or (P,), by name."""
        views = [Views() for _ in range(self.layers)]
        for place in self.places_in(block):
            setattr(views[place.layer], place.declared.name, place.of(block))
        return views

    def named(self, block: Array) -> dict[str, Array]:
        """The arrays in `block`, (V,) or (P,), by full name, layer by layer; buffers at the end."""
        places = sorted(self.places_in(block), key=lambda p: (p.start >= self.size, p.layer))
        return {place.key: place.of(block) for place in places}


def numbers_in(arrays: Iterable[Parameter]) -> int:
    """How many numbers some arrays hold together."""
    return sum(size(array.shape) for array in arrays)


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


class Binding:
    """Layers bound to the memory for batches of one size.

    `z` is the last output and `dz` the memory for its derivative. The batch itself is passed to
    both `forward` and `backward`, so that batches can be views of a larger array. Layers before
    the first that learns have no backward pass, unless the inputs' derivative is wanted.
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
        p = network.layout.views(values)
        g = p if gradient is None else network.layout.views(gradient)
        y, dy, noise = rows.y, rows.dy, rows.noise
        first = 0  # the first layer that passes back
        if rows.dx is None:
            first = min((place.layer for place in network.layout.changed), default=len(y))
        xs = [None, *y]  # of each layer; the first takes the batch itself
        dxs = [rows.dx, *(array if i >= first else None for i, array in enumerate(dy))]
        self.bound: list[Bound] = []
        for i, layer in enumerate(network.layers[: len(y)]):
            s = layer.scratch(network.shapes[i], len(y[i]), network.dtype)
            s.noise = noise.get(i)
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
