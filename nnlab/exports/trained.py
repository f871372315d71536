"""What an export needs of a trained network: its layers, their arrays, and the scaling."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nnlab.core.layers import Layer
from nnlab.core.network import Network, layer_kind
from nnlab.core.types import Array, Shape
from nnlab.data.scale import Scaling
from nnlab.run.folder import Weights
from nnlab.run.run import Run
from nnlab.show.words import run_title


@dataclass(frozen=True)
class TrainedLayer:
    """A layer with its arrays by name, the running values of batch_norm among them."""

    index: int
    kind: str
    layer: Layer
    arrays: Mapping[str, Array]
    inputs: Shape
    outputs: Shape


@dataclass(frozen=True)
class TrainedNetwork:
    """A network in evaluation, for rows as they are in the data; title and setup for comments."""

    title: str
    setup: str
    layers: Sequence[TrainedLayer]
    scaling: Scaling
    inputs: int
    outputs: int
    dtype: str


def trained_network(run: Run, weights: Weights) -> TrainedNetwork:
    """The network of a run, whose numbers are finite. Raises RunUnreadable."""
    network = run.network(weights)
    title, setup = run_title(run.name, run.settings, run.data.inputs)
    return TrainedNetwork(
        title, setup, trained_layers(network), run.scaling, run.data.inputs[0],
        network.shapes[-1][0], network.dtype.name,
    )  # fmt: skip


def trained_layers(network: Network) -> list[TrainedLayer]:
    """The layers of a network with views of their arrays."""
    arrays = network.layout.views(network.values)
    return [
        TrainedLayer(i, layer_kind(layer), layer, vars(arrays[i]), *network.shapes[i : i + 2])
        for i, layer in enumerate(network.layers)
    ]


def plain_line(text: str) -> str:
    """A text on one line, without characters that end a comment or a string."""
    return " ".join(re.sub(r"[^\w .,:;()+=/·-]", " ", text).split())
