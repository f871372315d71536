"""One block of memory for all parameters, and named views into it.

A layer declares its parameters; `Layout` gives each a place in a vector of length P, the weights
first and the biases behind them. The same layout then serves the parameters theta, their
gradients and every slot of the optimizer, so an optimizer is one pass over whole vectors and
weight decay is a slice, `theta[:layout.weights]`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import DTypeLike

from nnlab.core.initializers import Initializer
from nnlab.core.types import Array, Shape, Views, size


@dataclass(frozen=True)
class Parameter:
    """An array that a layer declares.

    Weights (`decays`) are drawn by `init` or, without one, by the network's default initializer,
    with `fans` = (fan_in, fan_out); everything else starts at `value`, or 0.
    """

    name: str
    shape: Shape
    decays: bool = False
    fans: tuple[int, int] = (1, 1)
    init: Initializer | None = None
    value: tuple[object, ...] | float | None = None


@dataclass(frozen=True)
class Scratch:
    """Working memory of a kernel: an array of `shape`, filled with `fill` once.

    A constant is an array of shape (): a ufunc takes one of the right dtype 0.15 us faster than a
    Python number, and a small network's step is made of such calls.
    """

    shape: Shape = ()
    fill: float | tuple[float, ...] = 0.0
    dtype: DTypeLike | None = None  # None: the network's own


def allocate(declared: Mapping[str, Scratch], dtype: DTypeLike) -> dict[str, Array]:
    """The arrays themselves, by name, for a network of `dtype`."""
    return {
        name: np.full(item.shape, item.fill, item.dtype or dtype) for name, item in declared.items()
    }


class ArrayPlace(NamedTuple):
    """The place of an array in the block: elements `start` up to `stop`."""

    layer: int
    key: str  # "<index>.<layer>.<name>", as in the weights files: "0.dense.weight"
    declared: Parameter
    start: int
    stop: int

    def of(self, block: Array) -> Array:
        """The array, as a view of the block (P,)."""
        return block[self.start : self.stop].reshape(self.declared.shape)


@dataclass(frozen=True)
class Layout:
    """The places of all arrays of a network, in the order of the block."""

    places: tuple[ArrayPlace, ...]
    layers: int
    weights: int  # elements that decay; they come first
    size: int  # P

    @classmethod
    def of(cls, declared: Sequence[tuple[str, Sequence[Parameter]]]) -> Self:
        """Lay out the arrays of the layers, given as (layer name, its declarations) in order."""
        arrays = [
            (index, f"{index}.{layer}.{array.name}", array)
            for index, (layer, parameters) in enumerate(declared)
            for array in parameters
        ]
        arrays.sort(key=lambda entry: not entry[2].decays)  # stable: in the order of layers
        places: list[ArrayPlace] = []
        start = weights = 0
        for index, key, array in arrays:
            stop = start + size(array.shape)
            places.append(ArrayPlace(index, key, array, start, stop))
            weights = stop if array.decays else weights
            start = stop
        return cls(tuple(places), len(declared), weights, start)

    def views(self, block: Array) -> list[Views]:
        """For each layer its arrays in `block` (P,), by name."""
        views = [Views() for _ in range(self.layers)]
        for place in self.places:
            setattr(views[place.layer], place.declared.name, place.of(block))
        return views

    def named(self, block: Array) -> dict[str, Array]:
        """All arrays in `block` (P,) by their full names, in the order of layers."""
        ordered = sorted(self.places, key=lambda place: place.layer)
        return {place.key: place.of(block) for place in ordered}
