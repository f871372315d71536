"""A network's layers, bound to the memory of one batch size."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nnlab.core.lanes import Meeting, Whole, cut
from nnlab.core.layers import Layer
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


class Room(NamedTuple):
    """What becomes of the rows of a batch: each layer's output y (B, ...), and in training more.

    dy: the loss's derivative by y. noise: what the layers that draw have drawn, by position,
    uniform in [0, 1), in float32 whatever the network's dtype.
    """

    y: Sequence[Array]
    dy: Sequence[Array | None]
    noise: Mapping[int, Array]

    def of(self, rows: slice) -> "Room":
        """Views of some rows."""
        dy = [None if one is None else one[rows] for one in self.dy]
        noise = {index: one[rows] for index, one in self.noise.items()}
        return Room([one[rows] for one in self.y], dy, noise)


class Binding:
    """All layers, bound to the memory for batches of one size, or for a lane's rows of them.

    `z` is the last output and `dz` the room for its derivative. The batch itself is passed to both
    `forward` and `backward`, so that batches can be views of a larger array. Layers before the
    first one with parameters have no backward pass.
    """

    def __init__(
        self,
        network: "Network",
        room: Room,
        values: Array,
        gradient: Array | None,
        generators: Generators,
        whole: Whole,
    ) -> None:
        """As many layers as there is `room` for; they train if there is a `gradient` (P,).

        Noise is drawn where there are `generators`.
        """
        self.train = gradient is not None
        p = network.layout.views(values[: network.layout.size])
        g = network.layout.views(gradient) if gradient is not None else p
        kept = network.kept.views(values[network.layout.size :])
        y, dy, noise = room
        layers = network.layers[: len(y)]
        first = next((i for i, layer in enumerate(layers) if vars(p[i])), len(layers))
        self.bound = []
        for i, layer in enumerate(layers):
            wanted = layer.scratch(network.shapes[i], len(y[i]))
            own = {name: one.allocate(network.dtype) for name, one in wanted.items()}
            s = Views(**vars(kept[i]), **own, whole=whole, noise=noise.get(i))
            inner = y[i - 1] if i else None
            dx = dy[i - 1] if i > first else None
            self.bound.append(Bound(layer, p[i], g[i], inner, y[i], dy[i], dx, s))
        self.z, self.dz, self._rows = y[-1], dy[-1], len(y[-1])
        self._draws = [(rng.random, noise[i]) for i, rng in generators.items() if i in noise]
        self._forward = [(b.layer.forward, b.p, b.y, b.s) for b in self.bound]
        self._backward = [
            (b.layer.backward, b.p, b.g, b.x, b.y, b.dy, b.dx, b.s)
            for b in reversed(self.bound[first:])
            if b.dy is not None
        ]

    @property
    def lanes(self) -> Sequence["Binding"]:
        """Itself."""
        return (self,)

    def forward(self, x: Array) -> Array:
        """z for the rows x (B, ...); ValueError for another number of rows."""
        if len(x) != self._rows:
            raise ValueError(f"bound for {self._rows} rows, not for {len(x)}")
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


class Lanes:
    """A binding whose rows are shared by several bindings, the lanes, which run side by side.

    Each has scratch of its own, and each but the first a gradient of its own, which is added at
    the end. What a layer draws is drawn for all of them at once.
    """

    def __init__(
        self,
        network: "Network",
        room: Room,
        values: Array,
        gradient: Array | None,
        generators: Generators,
        lanes: int,
    ) -> None:
        self.z, self.dz = room.y[-1], room.dy[-1]
        self._room, self._generators = room, generators
        self._rows = cut(len(self.z), lanes)
        self._meeting = Meeting(lanes)
        self._gradients: list[Array] = []
        self.lanes = []
        for number, rows in enumerate(self._rows):
            if gradient is not None:
                self._gradients.append(gradient if number == 0 else np.zeros_like(gradient))
            own = self._gradients[-1] if self._gradients else None
            whole = Whole(len(self.z), number, self._meeting)
            self.lanes.append(Binding(network, room.of(rows), values, own, {}, whole))

    @property
    def bound(self) -> list[Bound]:
        """Each layer with all its rows; scratch and gradient are those of the first lane."""
        y, dy = self._room.y, self._room.dy
        return [
            one._replace(
                x=y[i - 1] if i else None,
                y=y[i],
                dy=dy[i],
                dx=None if one.dx is None else dy[i - 1],
            )
            for i, one in enumerate(self.lanes[0].bound)
        ]

    def forward(self, x: Array) -> Array:
        """As a binding's."""
        if len(x) != len(self.z):
            raise ValueError(f"bound for {len(self.z)} rows, not for {len(x)}")
        for index, noise in self._room.noise.items():
            self._generators[index].random(dtype=np.float32, out=noise)
        self._run([lane.forward for lane in self.lanes], x)
        return self.z

    def backward(self, x: Array) -> None:
        """As a binding's."""
        self._run([lane.backward for lane in self.lanes], x)
        total, *others = self._gradients
        for other in others:
            np.add(total, other, total)

    def _run(self, passes: Sequence[Callable[[Array], object]], x: Array) -> None:
        self._meeting.run([
            partial(one, x[rows]) for one, rows in zip(passes, self._rows, strict=True)
        ])  # fmt: skip
