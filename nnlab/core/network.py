"""A network: layers in order, and the memory they work in.

`Network` owns the parameters; `bind` gives its layers everything they need for a batch size. Any
number of bindings share the same parameters: one for full batches, one for a shorter last batch,
one for evaluation.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from nnlab.core.initializers import Initializer, XavierUniform
from nnlab.core.layers import LAYERS, Layer
from nnlab.core.limits import require_limits
from nnlab.core.losses import Loss
from nnlab.core.memory import Activations, ArrayPlace, Binding, Generators, Layout
from nnlab.core.random import Purpose, generator
from nnlab.core.types import Array, Shape, size

N = TypeVar("N", bound="Network")
NAMES: Mapping[type, str] = {layer: name for name, layer in LAYERS.items()}


def layer_kind(layer: Layer) -> str:
    """A layer's name in LAYERS, or its class's where it is not listed there."""
    return NAMES.get(type(layer), type(layer).__name__.lower())


def layer_name(layers: Sequence[Layer], index: int) -> str:
    """A layer of a network by its place, counted from 0, and its kind: 0.dense.

    The same as in the weights files, in `nnlab check` and in `--set network.0.units=5`.
    """
    return f"{index}.{layer_kind(layers[index])}"


class Network:
    """Layers for rows of shape `inputs`, and their parameters `theta` (P,).

    `values` (V,) is theta and behind it the `buffers`: all that evaluation needs. `trained` (T,) is
    theta without the parameters of frozen layers.

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
            require_limits(layer, f"layer {index} ({layer_kind(layer)})")
        self.inputs: Shape = (inputs,) if isinstance(inputs, int) else tuple(inputs)
        self.dtype = np.dtype(dtype)
        self.shapes = shapes(self.layers, self.inputs)
        self.layout = layout(self.layers, self.shapes)
        self.values = first_values(self.layout, seed, init or XavierUniform()).astype(self.dtype)
        self.theta = self.values[: self.layout.size]
        self.trained = self.theta[: self.layout.trained]
        self.buffers = self.values[self.layout.size :]

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as layers and values, not as views of each other's memory."""
        return revived, (type(self), self.layers, self.inputs, self.dtype.str, self.values)

    @property
    def parameters(self) -> dict[str, Array]:
        """All parameters by name ("0.dense.weight"), as views: writing to them changes theta."""
        return self.layout.named(self.theta)

    @property
    def moving(self) -> list[ArrayPlace]:
        """The places of the buffers that training moves."""
        return [place for place in self.layout.buffers if not self.layers[place.layer].freeze]

    @property
    def arrays(self) -> dict[str, Array]:
        """Parameters and buffers by name, as views."""
        return self.named(self.values)

    def named(self, values: Array) -> dict[str, Array]:
        """Parameters and buffers in `values` (V,) by name, as the weights files have them."""
        return self.layout.named(values)

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
        dx: Array | None = None,
    ) -> Binding:
        """The first `depth` layers (default all) with memory for `batch` rows.

        With `gradient` (P,) the binding trains: it fills that vector and draws from `generators`.
        Without, it evaluates. `values` (V,) replaces the network's own, `output` (B, ...) is
        where the last layer writes and `dx` (B, ...) the derivative by the inputs, if given.
        Raises ValueError when a layer cannot be trained with so few rows.
        """
        depth, shapes = len(self.layers[:depth]), self.shapes[1:]
        train = gradient is not None
        generators = (generators or {}) if train else {}
        if train:
            self._require_trainable(batch, depth, generators)
        y = [np.zeros((batch, *row), self.dtype) for row in shapes[:depth]]
        if output is not None:
            y[-1] = output
        dy = [np.zeros_like(array) if train else None for array in y]
        noise = {i: np.empty((batch, *shapes[i]), np.float32) for i in generators if i < len(y)}
        values = self.values if values is None else values
        return Binding(self, Activations(y, dy, dx, noise), values, gradient, generators)

    def _require_trainable(self, batch: int, depth: int, generators: Generators) -> None:
        for index, layer in enumerate(self.layers[:depth]):
            least = layer.least_batch(self.shapes[index])
            if 0 < batch < least:
                raise ValueError(
                    f"layer {index} ({layer_kind(layer)}) trains on batches of {least} rows or "
                    f"more, not of {batch}"
                )
            if layer.random and index not in generators:
                raise ValueError(f"layer {index} draws in training and needs a generator")

    def predict(self, x: ArrayLike, batch: int = 1024, depth: int | None = None) -> Array:
        """The outputs (B, m) for rows x (B, ...), in evaluation mode; `depth`: as for `bind`."""
        rows = np.asarray(x, self.dtype)
        if rows.shape[1:] != self.inputs:
            raise ValueError(f"rows of shape {self.inputs} expected, not {rows.shape[1:]}")
        if batch < 1:
            raise ValueError(f"a batch has at least one row, not {batch}")
        last = self.shapes[len(self.layers[:depth])]
        outputs = np.empty((len(rows), *last), self.dtype)
        for start in range(0, len(rows), batch):
            part = rows[start : start + batch]
            outputs[start : start + len(part)] = self.bind(len(part), depth=depth).forward(part)
        return outputs


def revived(cls: type[N], layers: Sequence[Layer], inputs: Shape, dtype: str, values: Array) -> N:
    """A network with these values (V,), as pickle and `copy` make it."""
    network = cls(layers, inputs, dtype=dtype)
    network.values[...] = values
    return network


def shapes(layers: Sequence[Layer], inputs: Shape) -> list[Shape]:
    """The shape of a row before the first layer and after each; ValueError names the layer."""
    rows = [inputs]
    for index, layer in enumerate(layers):
        try:
            rows.append(layer.output_shape(rows[-1]))
        except ValueError as error:
            raise ValueError(f"layer {index} ({layer_kind(layer)}): {error}") from None
    return rows


def layout(layers: Sequence[Layer], shapes: Sequence[Shape]) -> Layout:
    """The places of all arrays of the layers, which take rows of `shapes`."""
    return Layout.of([layer_name(layers, i) for i in range(len(layers))], layers, shapes)


def first_values(layout: Layout, seed: int, default: Initializer) -> Array:
    """The values (V,) of a block before training, in float64."""
    block = np.zeros(layout.values, np.float64)
    streams: dict[int, np.random.Generator] = {}
    for place in layout.places_in(block):
        declared = place.declared
        values: ArrayLike = 0.0 if declared.value is None else declared.value  # type: ignore[assignment]
        if declared.decays and declared.value is None:
            rng = streams.setdefault(place.layer, generator(seed, Purpose.INIT, place.layer))
            rule = declared.init or default
            values = rule.draw(rng, declared.shape, declared.fans)
        place.of(block)[...] = values
    return block


def trained_depth(layers: Sequence[Layer], loss: Loss) -> int:
    """The number of layers before the loss: all but an activation that it fuses.

    Raises ValueError when the loss needs a last activation that is not there.
    """
    if loss.fuses is None:
        return len(layers)
    if not layers or layer_kind(layers[-1]) != loss.fuses:
        raise ValueError(f"the loss needs {loss.fuses} as the last layer")
    if len(layers) == 1:
        raise ValueError(f"a layer must stand before {loss.fuses}, which is part of the loss")
    return len(layers) - 1


def search_obstacles(
    layers: Sequence[Layer], full: bool, augmented: bool, averaged: Mapping[str, object]
) -> dict[str, str]:
    """Why an optimizer cannot compare losses, by the key of the setting; {} where it can.

    full: whether a batch holds all training rows; augmented: training.augment. averaged: the
    settings of averages of the weights, None for those that are not made.
    """
    reasons = dict[str, str]()
    for index, layer in enumerate(layers):
        if layer.random:
            reasons[f"network.{index}"] = f"and {layer_kind(layer)} draws anew in each update"
        if type(layer).buffers is not Layer.buffers and not layer.freeze:
            reason = f"and the running statistics of {layer_kind(layer)} would follow its trials"
            reasons[f"network.{index}"] = reason
    if not full:
        reasons["training.batch_size"] = "so training.batch_size must be full"
    if augmented:
        reasons["training.augment"] = "and training.augment changes the images in each update"
    for key, first in averaged.items():
        if first is not None:
            reasons[f"training.{key}"] = f"and saves the best weights: training.{key} must be null"
    return reasons


def flops(network: Network) -> list[int]:
    """Floating-point operations of each layer's forward pass for one row."""
    return [layer.flops(row) for layer, row in zip(network.layers, network.shapes, strict=False)]


def parameter_count(network: Network, index: int) -> int:
    """The number of parameters of layer `index`."""
    places = network.layout.places
    return sum(size(place.declared.shape) for place in places if place.layer == index)
