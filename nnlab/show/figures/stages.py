"""What the convolutions of a network make of some pictures of its run."""

from dataclasses import dataclass

import numpy as np

from nnlab.core.layers.activations import Activation
from nnlab.core.layers.batch_norm import BatchNorm
from nnlab.core.layers.conv2d import Conv2d
from nnlab.core.layers.dropout import Dropout
from nnlab.core.layers.layer_norm import LayerNorm
from nnlab.core.layers.pooling import AvgPool, MaxPool
from nnlab.core.layers.reshape import Reshape
from nnlab.core.network import Network
from nnlab.core.types import Array, FloatArray, IntArray, Shape, size
from nnlab.show.figures.scales import finite_numbers
from nnlab.show.figures.view import Rows, View

PICTURES = 3
MOST_STAGES = 4  # of a deeper network the first and the last ones
MOST_MAPS = 6
FOLLOW = (BatchNorm, LayerNorm, Dropout, MaxPool, AvgPool)


@dataclass(frozen=True, eq=False)
class Stage:
    """One convolution and its maps.

    first, last: the place of the convolution, and of the layer whose output is shown.
    maps (B, h, w, k): the maps that are shown, for each picture; nan for what no figure can show.
    numbers (k,): which of all `many` maps they are, counted from 0.
    """

    first: int
    last: int
    maps: FloatArray
    numbers: IntArray
    many: int


def blocks(network: Network) -> list[tuple[int, int]]:
    """For each convolution its place, and that of the first activation behind it.

    Only normalisation, pooling and dropout may lie between them. Without an activation it is the
    convolution's own place.
    """
    layers, found = network.layers, []
    for first, layer in enumerate(layers):
        if isinstance(layer, Conv2d):
            last = first + 1
            while last < len(layers) and isinstance(layers[last], FOLLOW):
                last += 1
            ends = last < len(layers) and isinstance(layers[last], Activation)
            found.append((first, last if ends else first))
    return found


def shown(network: Network) -> list[tuple[int, int]]:
    """The blocks that are shown: all, or the first and the last of many."""
    found = blocks(network)
    if len(found) > MOST_STAGES:
        return found[: MOST_STAGES // 2] + found[-MOST_STAGES // 2 :]
    return found


def liveliest(maps: Array, most: int = MOST_MAPS) -> IntArray:
    """Which of the maps (B, h, w, f) vary most over all pictures and places, by number."""
    spread = np.nan_to_num(maps).std(axis=(0, 1, 2))
    found: IntArray = np.sort(np.argsort(-spread, kind="stable")[:most])
    return found


def stages(run: View, inputs: Array) -> list[Stage]:
    """What the convolutions make of these inputs (B, n), in evaluation mode."""
    network = run.network
    places = shown(network)
    binding = network.bind(len(inputs), depth=places[-1][1] + 1)
    with np.errstate(all="ignore"):  # weights of a run that diverged may overflow
        binding.forward(run.scaled(inputs))
    found = []
    for first, last in places:
        maps = finite_numbers(binding.bound[last].y)
        best = liveliest(maps)
        found.append(Stage(first, last, maps[..., best], best, maps.shape[3]))
    return found


def image_shape(run: View) -> Shape | None:
    """How a row is drawn: as the data say, else as the network first reshapes it; None: not."""
    network = run.network
    shape = tuple(run.data["image_shape"] or ())
    if not shape:
        shape = network.shapes[1 if isinstance(network.layers[0], Reshape) else 0]
    return shape if len(shape) in (2, 3) and size(shape) == size(network.inputs) else None


def chosen(run: View, rows: Rows) -> Rows:
    """The first row of each of the first classes; of a regression the first rows."""
    if not run.classes:
        return rows.take(np.arange(min(PICTURES, len(rows))))
    _, first = np.unique(run.labels(rows), return_index=True)
    return rows.take(first[:PICTURES])
