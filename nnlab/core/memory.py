"""One block of memory for all parameters, and named views into it.

A layer declares its parameters; `Layout` gives each a place in a vector of length P, the weights
first and the biases behind them. The same layout then serves the parameters theta, their
gradients and every slot of the optimizer, so an optimizer is one pass over whole vectors and
weight decay is a slice, `theta[:layout.weights]`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import DTypeLike

from nnlab.core.initializers import Initializer
from nnlab.core.types import Array, Shape, Views, size


@dataclass(frozen=True)
class Parameter:
    """What a layer says of one of its arrays.

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
    """Working memory that a kernel wants: an array of `shape`, filled with `fill` once.

    A constant is an array of shape (): a ufunc takes one of the right dtype 0.15 us faster than a
    Python number, which is what a small network's step is made of.
    """

    shape: Shape = ()
    fill: float | tuple[float, ...] = 0.0
    dtype: DTypeLike | None = None  # None: the network's own

    def allocate(self, dtype: DTypeLike) -> Array:
        """The array itself, for a network of `dtype`."""
        return np.full(self.shape, self.fill, self.dtype or dtype)


@dataclass(frozen=True)
class Place:
    """Where one array lies in the block: elements `start` up to `stop`."""

    layer: int
    key: str  # "<index>.<layer>.<name>", as in the weights files: "0.dense.weight"
    declared: Parameter
    start: int
    stop: int


@dataclass(frozen=True)
class Layout:
    """The places of all arrays of a network, in the order of the block."""

    places: tuple[Place, ...]
    layers: int
    weights: int  # elements that decay; they come first
    size: int  # P

    @classmethod
    def of(cls, declared: Sequence[tuple[str, Sequence[Parameter]]]) -> Self:
        """Lay out the arrays of the layers, given as (layer name, its declarations) in order."""
        everything = [
            (index, f"{index}.{layer}.{one.name}", one)
            for index, (layer, arrays) in enumerate(declared)
            for one in arrays
        ]
        everything.sort(key=lambda entry: not entry[2].decays)  # stable: order of layers is kept
        places = []
        start = weights = 0
        for index, key, one in everything:
            stop = start + size(one.shape)
            places.append(Place(index, key, one, start, stop))
            weights = stop if one.decays else weights
            start = stop
        return cls(tuple(places), len(declared), weights, start)

    def views(self, block: Array) -> list[Views]:
        """For each layer its arrays in `block` (P,), by name."""
        found = [Views() for _ in range(self.layers)]
        for place in self.places:
            array = block[place.start : place.stop].reshape(place.declared.shape)
            setattr(found[place.layer], place.declared.name, array)
        return found

    def named(self, block: Array) -> dict[str, Array]:
        """All arrays in `block` (P,) by their full names, in the order of layers."""
        ordered = sorted(self.places, key=lambda place: place.layer)
        return {
            place.key: block[place.start : place.stop].reshape(place.declared.shape)
            for place in ordered
        }
