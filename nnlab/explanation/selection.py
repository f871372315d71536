"""Which units and numbers are shown: all of a small network, of a large one those that matter."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from nnlab.core.layers import Layer
from nnlab.core.network import layer_name
from nnlab.core.types import FloatArray, Shape
from nnlab.errors import UsageError
from nnlab.explanation.passage import LayerPass
from nnlab.suggest import did_you_mean

FEW_UNITS, FEW = 8, 4  # a layer of more units shows only few
FEW_PARAMETERS, LARGEST = 32, 8  # of a layer: a layer of more shows those with large gradients
PARAMETERS_OF_UNITS, LARGE = 100, 40  # the same of units that were asked for


@dataclass(frozen=True)
class Selection:
    """The units that were asked for, by layer; none: those that matter in each layer."""

    units: Mapping[int, tuple[int, ...]] = field(default_factory=dict)

    def has(self, index: int) -> bool:
        """Whether a layer is shown."""
        return not self.units or index in self.units

    def of(self, index: int, slopes: FloatArray) -> list[int]:
        """The units of a layer: asked for, or all, or those with the largest derivatives (m,)."""
        if index in self.units:
            return list(self.units[index])
        return most_important(len(slopes), slopes)

    def parameters(self, layer: LayerPass) -> list[tuple[str, tuple[int, ...]]]:
        """The numbers of a layer's parameters that are shown: array and index.

        All of a few; of many those with the largest gradients, in their order.
        """
        units = self.units.get(layer.index)
        numbers = [
            (name, index)
            for name, gradient in layer.gradients.items()
            for index in np.ndindex(*gradient.shape)
            if units is None or index[-1] in units
        ]
        most, fewer = (FEW_PARAMETERS, LARGEST) if units is None else (PARAMETERS_OF_UNITS, LARGE)
        if len(numbers) <= most:
            return numbers
        sizes = np.array([abs(layer.gradients[name][index]) for name, index in numbers])
        largest = np.argsort(-sizes, kind="stable")[:fewer]
        return [numbers[i] for i in np.sort(largest)]


def most_important(count: int, sizes: FloatArray) -> list[int]:
    """All of a few; of many the few with the largest sizes, in their order."""
    if count <= FEW_UNITS:
        return list(range(count))
    return sorted(np.argsort(-np.abs(sizes), kind="stable")[:FEW].tolist())


def parse_units(
    texts: Sequence[str], layers: Sequence[Layer], shapes: Sequence[Shape]
) -> Selection:
    """The selection that texts like "0.2", "0.dense.2" or several with commas mean.

    shapes: of the rows after each layer; units are counted along their last axis, from 0. Raises
    UsageError for what there is not.
    """
    names = [layer_name(layers, index) for index in range(len(layers))]
    counts = {name: shape[-1] for name, shape in zip(names, shapes, strict=True)}
    units: dict[int, tuple[int, ...]] = {}
    for text in filter(None, map(str.strip, ",".join(texts).split(","))):
        where, _, number = text.rpartition(".")
        name = next((name for name in names if where in (name, name.partition(".")[0])), None)
        if name is None:
            known = ", ".join(f"{name} ({count:,})" for name, count in counts.items())
            hint = did_you_mean(where, names, "layer")
            raise UsageError(
                f"{text} names no unit: write a layer and a number, as 0.2 or "
                f"{names[0]}.2.{hint} Layers and their units: {known}."
            )
        if not number.isdecimal() or int(number) >= counts[name]:
            raise UsageError(f"{text}: the units of {name} are numbered 0 to {counts[name] - 1:,}.")
        index = names.index(name)
        units[index] = (*units.get(index, ()), int(number))
    return Selection({index: tuple(sorted(set(numbers))) for index, numbers in units.items()})
