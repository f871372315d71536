"""The network that users hold: it prints, judges and saves itself."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from nnlab.api.find import AnyPath
from nnlab.api.fitting import as_part, member, named_member, require_kind, require_whole_number
from nnlab.api.results import ShownResult, columns_of
from nnlab.build import load_weights
from nnlab.core.initializers import INITIALIZERS, Initializer
from nnlab.core.layers import LAYERS, Layer
from nnlab.core.losses import LOSSES, Loss
from nnlab.core.network import Network, layer_kind, layer_name, parameter_count, revived
from nnlab.core.types import Kind, Shape
from nnlab.engine.network import EngineNetwork
from nnlab.run.weights import read_weights, write_weights
from nnlab.show.text_tables import format_table
from nnlab.show.words import parameter_words, shape_text
from nnlab.training import Evaluation, Numbers


class NetworkSummary(ShownResult):
    """Layer, shape of its output row, and number of parameters, of each layer of a network."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = rows

    def __str__(self) -> str:
        total = sum(row["parameters"] for row in self.rows)
        lines = [list(row.values()) for row in self.rows]
        return format_table(["layer", "output", "parameters"], [*lines, ["", "", total]])

    @property
    def table(self) -> Mapping[str, NDArray[Any]]:
        return columns_of(self.rows)


class UserNetwork(EngineNetwork):
    """Layers for rows of shape `inputs`, and their parameters; `nnlab.Network`.

    The layers are members of `nnlab.LAYERS`; `inputs` is the width of a row, or its shape for
    images. Weights are drawn by their layer's own initializer or by `init` (default Xavier
    uniform); biases start at 0. `parameters` has the arrays by name ("0.dense.weight"), as views.
    Raises ValueError, naming the layer, when one cannot take the output of the one before, and
    TypeError for what is no layer.
    """

    def __init__(
        self,
        layers: Sequence[Layer | str],
        inputs: int | Shape,
        *,
        seed: int = 0,
        init: Initializer | str | None = None,
        dtype: DTypeLike = np.float64,
    ) -> None:
        if isinstance(layers, Layer | str):
            raise TypeError(f"layers must be a list of layers; it is {layers!r}")
        for width in inputs if isinstance(inputs, Sequence) else (inputs,):
            require_whole_number("a width of inputs", width, 1)
        if np.dtype(dtype) not in (np.float32, np.float64):
            raise ValueError(f"dtype must be float32 or float64, not {np.dtype(dtype)}")
        super().__init__(
            [named_member(layer, LAYERS, Layer, "layer") for layer in layers],
            tuple(map(int, inputs)) if isinstance(inputs, Sequence) else int(inputs),
            seed=seed,
            init=None if init is None else member(init, INITIALIZERS, Initializer, "init"),
            dtype=dtype,
        )

    @classmethod
    def of(cls, network: Network) -> Self:
        """A network with the same layers and a copy of all values."""
        return revived(cls, network.layers, network.inputs, network.dtype.str, network.values)

    def __repr__(self) -> str:
        kinds = map(layer_kind, self.layers)
        names = " -> ".join(
            f"{kind} {shape_text(row)}" if parameter_count(self, i) else kind
            for i, (kind, row) in enumerate(zip(kinds, self.shapes[1:], strict=True))
        )
        size = f"{parameter_words(self.theta.size, self.trained.size)}, {self.dtype.name}"
        return f"Network({shape_text(self.inputs)} -> {names}; {size})"

    def summary(self) -> NetworkSummary:
        """A table of the layers: name, shape of an output row, number of parameters."""
        rows = [
            {
                "layer": layer_name(self.layers, i) + " (frozen)" * self.layers[i].freeze,
                "output": shape_text(self.shapes[i + 1]),
                "parameters": parameter_count(self, i),
            }
            for i in range(len(self.layers))
        ]
        return NetworkSummary(rows)

    def evaluate(
        self, x: ArrayLike, t: ArrayLike, loss: Loss | str | None = None, kind: Kind | None = None
    ) -> Numbers:
        """Loss and metrics on rows x (B, n) with targets t, as numbers by name.

        loss, kind and targets are as for `fit`. By default the loss is cross_entropy after a
        softmax, bce after a sigmoid, and else mse. Raises ValueError, TypeError.
        """
        usual = {"softmax": "cross_entropy", "sigmoid": "bce"}
        loss = loss or usual.get(layer_kind(self.layers[-1]), "mse")
        loss = member(loss, LOSSES, Loss, "loss")
        judged = kind or loss.kinds[-1]
        require_kind(self, loss, judged)
        part, loss = as_part(self, x, t, loss, judged)
        return Evaluation(judged, loss, self, part)(self.values)

    def save(self, path: AnyPath) -> Path:
        """Write all arrays by name into a .safetensors or an .npz file; its path.

        Raises UsageError for another ending, StorageError.
        """
        write_weights(Path(path), self.arrays)
        return Path(path)

    def load(self, path: AnyPath) -> Self:
        """Take the arrays of a .safetensors or .npz file, by name and shape; the network itself.

        `save` writes such files; the weights of a run folder and of `nnlab export` are such files
        too. Raises ConfigError, and changes nothing, where names or shapes differ; UsageError for
        another ending, RunUnreadable, StorageError.
        """
        load_weights(self, read_weights(Path(path)), str(path))
        return self
