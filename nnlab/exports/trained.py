"""What an export needs of a trained network, and what it gives: the content of a file."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from nnlab.core.layers import Layer
from nnlab.core.network import Network, layer_kind
from nnlab.core.types import Array, Shape
from nnlab.data.scale import Scaling
from nnlab.run import durable
from nnlab.run.arrays import write_npz
from nnlab.run.folder import Weights
from nnlab.run.run import Run
from nnlab.show.words import run_title


class Exported(NamedTuple):
    """The content of a file, the arrays of the npz file beside it, and sentences for the user."""

    content: str | bytes
    arrays: Mapping[str, Array] = {}
    notes: tuple[str, ...] = ()

    def write(self, path: Path) -> None:
        """Write the file, and the npz file if it needs one. Raises StorageError."""
        durable.make_folder(path.parent)
        if self.arrays:
            write_npz(path.with_suffix(".npz"), self.arrays, sync=False)
        durable.write_file(path, self.content, sync=False)


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
