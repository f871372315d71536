"""A network: layers in order, and the memory they work in.

`Network` owns the parameters; `bind` gives its layers everything they need for a batch size. Any
number of bindings share the same parameters: one for full batches, one for a shorter last batch,
one for evaluation.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from nnlab.core import blas
from nnlab.core.binding import Binding, Generators, Lanes, Room
from nnlab.core.initializers import Initializer, XavierUniform
from nnlab.core.lanes import Whole, worthwhile
from nnlab.core.layers import LAYERS, Layer
from nnlab.core.limits import check
from nnlab.core.losses import Loss
from nnlab.core.memory import Layout
from nnlab.core.random import Purpose, generator
from nnlab.core.types import Array, Shape, size

NAMES: Mapping[type[Layer], str] = {layer: name for name, layer in LAYERS.items()}


def name_of(layer: Layer) -> str:
    """A layer's name in LAYERS; one that is not listed there goes by its class."""
    return NAMES.get(type(layer), type(layer).__name__.lower())


def layer_name(layers: Sequence[Layer], index: int) -> str:
    """A layer of a network in words: its place, counted from 0, and its name: 0.dense.

    The same as in the weights files, in `nnlab check` and in `--set network.0.units=5`.
    """
    return f"{index}.{name_of(layers[index])}"


class Network:
    """Layers for rows of shape `inputs`, and their parameters `theta` (P,).

    `values` (V,) is theta and behind it the `buffers`: all that evaluation needs.

    Weights are drawn by their layer's own initializer or by `init` (default Xavier uniform), each
    layer from its own stream of `seed`; biases start at 0. Raises ValueError, naming the layer,
    when one cannot take the output of the one before, or when a setting is out of its range.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        inputs: int | Shape,
        *,
        seed: int = 0,
        init: Initializer | None = None,
        dtype: DTypeLike = np.float64,
    ) -> None:
        if not layers:
            raise ValueError("a network needs at least one layer")
        self.layers = tuple(layers)
        for index, layer in enumerate(self.layers):
            check(layer, f"layer {index} ({name_of(layer)})")
        self.inputs: Shape = (inputs,) if isinstance(inputs, int) else tuple(inputs)
        self.dtype = np.dtype(dtype)
        self.shapes = shapes(self.layers, self.inputs)
        self.layout, self.kept = layouts(self.layers, self.shapes)
        rule = init or XavierUniform()
        blocks = [initial(layout, seed, rule) for layout in (self.layout, self.kept)]
        self.values = np.concatenate(blocks).astype(self.dtype)
        self.theta = self.values[: self.layout.size]
        self.buffers = self.values[self.layout.size :]

    @property
    def parameters(self) -> dict[str, Array]:
        """All parameters by name ("0.dense.weight"), as views: writing to them changes theta."""
        return self.layout.named(self.theta)

    @property
    def arrays(self) -> dict[str, Array]:
        """Parameters and buffers by name, as views."""
        return self.named(self.values)

    def named(self, values: Array) -> dict[str, Array]:
        """Parameters and buffers in `values` (V,) by name, as the weights files have them."""
        size = self.layout.size
        return self.layout.named(values[:size]) | self.kept.named(values[size:])

    def generators(self, seed: int) -> Generators:
        """A stream for each layer that draws in training."""
        drawing = (index for index, layer in enumerate(self.layers) if layer.random)
        return {index: generator(seed, Purpose.DROPOUT, index) for index in drawing}

    def bind(
        self,
        batch: int,
        *,
        depth: int | None = None,
        gradient: Array | None = None,
        generators: Generators | None = None,
        values: Array | None = None,
        output: Array | None = None,
        lanes: int | None = None,
    ) -> Binding | Lanes:
        """The first `depth` layers (default all) with memory for `batch` rows.

        With `gradient` (P,) the binding trains: it fills that vector and draws from `generators`.
        Without, it evaluates. `values` (V,) stands in for the network's own, `output` (B, ...) is
        where the last layer writes, if given. `lanes` is by default what the batch is worth.
        Raises ValueError when a layer cannot be trained with so few rows, and for `lanes` < 1.
        """
        if gradient is not None:
            require_rows(self.layers[:depth], self.shapes, batch)
        generators = generators or {}
        if values is None:
            values = self.values
        if lanes is None:
            lanes = self.lanes(batch)
        if lanes < 1:
            raise ValueError(f"a batch has at least one lane, not {lanes}")
        room = self._room(batch, depth, gradient is not None, generators, output)
        if lanes > 1:
            return Lanes(self, room, values, gradient, generators, lanes)
        return Binding(self, room, values, gradient, generators, Whole(batch))

    def lanes(self, batch: int) -> int:
        """How many threads share a batch; one but for images, whose products are small."""
        images = any(len(row) == 3 for row in self.shapes)
        return worthwhile(batch, sum(map(size, self.shapes))) if images else 1

    def _room(
        self,
        batch: int,
        depth: int | None,
        train: bool,
        generators: Generators,
        output: Array | None,
    ) -> Room:
        noise = {}
        rows = list(zip(self.layers[:depth], self.shapes[1:], strict=False))
        for index, (layer, row) in enumerate(rows):
            if train and layer.random:
                if index not in generators:
                    raise ValueError(f"layer {index} draws in training and needs a generator")
                noise[index] = np.empty((batch, *row), np.float32)
        y = [np.zeros((batch, *row), self.dtype) for _, row in rows]
        if output is not None:
            y[-1] = output
        return Room(y, [np.zeros_like(one) if train else None for one in y], noise)

    def predict(self, x: ArrayLike, batch: int = 1024) -> Array:
        """The outputs (B, m) for rows x (B, ...), in evaluation mode."""
        rows = np.asarray(x, self.dtype)
        if rows.shape[1:] != self.inputs:
            raise ValueError(f"rows of shape {self.inputs} expected, not {rows.shape[1:]}")
        if batch < 1:
            raise ValueError(f"a batch has at least one row, not {batch}")
        outputs = np.empty((len(rows), *self.shapes[-1]), self.dtype)
        for start in range(0, len(rows), batch):
            part = rows[start : start + batch]
            with blas.turn():
                outputs[start : start + len(part)] = self.bind(len(part)).forward(part)
        return outputs


def shapes(layers: Sequence[Layer], inputs: Shape) -> list[Shape]:
    """The shape of a row before the first layer and after each; ValueError names the layer."""
    found = [inputs]
    for index, layer in enumerate(layers):
        try:
            found.append(layer.output_shape(found[-1]))
        except ValueError as error:
            raise ValueError(f"layer {index} ({name_of(layer)}): {error}") from None
    return found


def layouts(layers: Sequence[Layer], shapes: Sequence[Shape]) -> tuple[Layout, Layout]:
    """Where the parameters lie in their block, and the buffers in theirs; allocates nothing."""
    rows = list(zip(layers, shapes, strict=False))
    return (
        Layout.of([(name_of(la), la.parameters(row)) for la, row in rows]),
        Layout.of([(name_of(la), la.buffers(row)) for la, row in rows]),
    )


def require_rows(layers: Sequence[Layer], shapes: Sequence[Shape], batch: int) -> None:
    """Raise ValueError, naming the layer, where a batch is too small to train on."""
    for index, (layer, shape) in enumerate(zip(layers, shapes, strict=False)):
        if 0 < batch < layer.least_batch(shape):
            raise ValueError(
                f"layer {index} ({name_of(layer)}) trains on batches of "
                f"{layer.least_batch(shape)} rows or more, not of {batch}"
            )


def initial(layout: Layout, seed: int, default: Initializer) -> Array:
    """The first parameters (P,), in float64."""
    block = np.zeros(layout.size, np.float64)
    streams: dict[int, np.random.Generator] = {}
    for place in layout.places:
        declared = place.declared
        values: ArrayLike = 0.0 if declared.value is None else declared.value  # type: ignore[assignment]
        if declared.decays and declared.value is None:
            rng = streams.setdefault(place.layer, generator(seed, Purpose.INIT, place.layer))
            rule = declared.init or default
            values = rule.draw(rng, declared.shape, declared.fans)
        block[place.start : place.stop] = np.broadcast_to(values, declared.shape).ravel()
    return block


def trained_depth(layers: Sequence[Layer], loss: Loss) -> int:
    """How many layers run before the loss: all but an activation that it fuses.

    Raises ValueError when the loss needs a last activation that is not there.
    """
    if loss.fuses is None:
        return len(layers)
    if not layers or name_of(layers[-1]) != loss.fuses:
        raise ValueError(f"the loss needs {loss.fuses} as the last layer")
    if len(layers) == 1:
        raise ValueError(f"a layer must stand before {loss.fuses}, which is part of the loss")
    return len(layers) - 1


def flops(network: Network) -> list[int]:
    """Floating-point operations of each layer's forward pass for one row."""
    return [la.flops(row) for la, row in zip(network.layers, network.shapes, strict=False)]


def count(network: Network, index: int) -> int:
    """How many parameters layer `index` has."""
    places = network.layout.places
    return sum(size(place.declared.shape) for place in places if place.layer == index)
