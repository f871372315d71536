"""A network that trains and predicts with tuned kernels, its batches of images in lanes."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from nnlab.core.layers import Layer
from nnlab.core.layers.images import Conv2d, MaxPool
from nnlab.core.layers.norm import BatchNorm
from nnlab.core.memory import Activations, Binding, Generators
from nnlab.core.network import Network
from nnlab.core.types import Array, size
from nnlab.engine import blas
from nnlab.engine.images.convolution import TunedConv2d
from nnlab.engine.images.normalisation import TunedBatchNorm
from nnlab.engine.images.pooling import TunedMaxPool
from nnlab.engine.lanes import BatchInfo, LaneGroup, cut, worthwhile

TUNED: dict[type[Layer], type[Any]] = {
    Conv2d: TunedConv2d,
    MaxPool: TunedMaxPool,
    BatchNorm: TunedBatchNorm,
}


def tuned(layer: Layer) -> Layer:
    """The layer with its tuned kernels; itself where there are none."""
    kind = TUNED.get(type(layer))
    return layer if kind is None else kind(**vars(layer))


class TunedNetwork(Network):
    """A network whose layers compute by their tuned kernels where there are some.

    Its bindings share their rows among lanes where that pays; see `engine.lanes`.
    """

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.kernels = tuple(map(tuned, self.layers))
        self.lanes: int | None = None  # of every batch; None: what a batch is worth

    def binding(
        self, rows: Activations, values: Array, gradient: Array | None, generators: Generators
    ) -> Binding:
        batch = len(rows.y[-1])
        lanes = lanes_for(self, batch) if self.lanes is None else self.lanes
        if lanes > 1:
            return Lanes(self, rows, values, gradient, generators, lanes)
        return _informed(Binding(self, rows, values, gradient, generators), BatchInfo(batch))

    def predict(self, x: ArrayLike, batch: int = 1024, depth: int | None = None) -> Array:
        with blas.turn():
            return super().predict(x, batch, depth)


def lanes_for(network: Network, batch: int) -> int:
    """The number of lanes for a batch; one but for images, whose products are small."""
    images = any(len(row) == 3 for row in network.shapes)
    return worthwhile(batch, sum(map(size, network.shapes))) if images else 1


def _informed(binding: Binding, info: BatchInfo) -> Binding:
    """The binding, whose layers find the whole batch in `s.batch`."""
    for bound in binding.bound:
        bound.s.batch = info
    return binding


class Lanes(Binding):
    """A binding whose rows are shared by several bindings, the lanes, which run side by side.

    Each has scratch of its own, and each but the first a gradient of its own, which is added at
    the end. What a layer draws is drawn for all of them at once.
    """

    def __init__(
        self,
        network: Network,
        rows: Activations,
        values: Array,
        gradient: Array | None,
        generators: Generators,
        lanes: int,
    ) -> None:
        self.z, self.dz = rows.y[-1], rows.dy[-1]
        self._draws = [
            (rng.random, rows.noise[i]) for i, rng in generators.items() if i in rows.noise
        ]
        self._slices = cut(len(self.z), lanes)
        self._group = LaneGroup(lanes)
        self._gradients: list[Array] = []
        self.lanes: list[Binding] = []
        for number, part in enumerate(self._slices):
            if gradient is not None:
                self._gradients.append(gradient if number == 0 else np.zeros_like(gradient))
            own = self._gradients[-1] if self._gradients else None
            lane = Binding(network, rows.of(part), values, own, {})
            self.lanes.append(_informed(lane, BatchInfo(len(self.z), number, self._group)))
        # Each layer with all its rows; scratch and gradient are those of the first lane.
        xs, dxs = [None, *rows.y], [rows.dx, *rows.dy]
        self.bound = [
            b._replace(x=xs[i], y=rows.y[i], dy=rows.dy[i], dx=None if b.dx is None else dxs[i])
            for i, b in enumerate(self.lanes[0].bound)
        ]

    def forward(self, x: Array) -> Array:
        if len(x) != len(self.z):
            raise ValueError(f"bound for {len(self.z)} rows, not for {len(x)}")
        for draw, noise in self._draws:
            draw(dtype=np.float32, out=noise)
        self._run([lane.forward for lane in self.lanes], x)
        return self.z

    def backward(self, x: Array) -> None:
        self._run([lane.backward for lane in self.lanes], x)
        total, *others = self._gradients
        for other in others:
            np.add(total, other, total)

    def _run(self, passes: Sequence[Callable[[Array], object]], x: Array) -> None:
        tasks = zip(passes, self._slices, strict=True)
        self._group.run([partial(task, x[rows]) for task, rows in tasks])
