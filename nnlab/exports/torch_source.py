"""`--to torch`: a script that builds the network in PyTorch and loads the weights.

Images stay (B, h, w, c) between layers, as in nnlab; a layer for images turns them and back.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nnlab import __version__
from nnlab.core.types import Array
from nnlab.errors import UsageError
from nnlab.exports.trained import TrainedLayer, TrainedNetwork, plain_line, trained_network
from nnlab.run import arrays, durable
from nnlab.run.folder import Weights
from nnlab.run.run import Run

SOURCE = '''\
"""{title}: the trained network in PyTorch.

{setup}

    from {module} import load
    outputs = load()(torch.tensor(rows))  # rows in the units of the data

Written by nnlab {version}; it reads the npz file beside it.
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn


class Function(nn.Module):
    """A function as a layer."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class Images(nn.Module):
    """A layer that takes images (B, c, h, w), for images (B, h, w, c) with zeros around them."""

    def __init__(self, layer, padding=(0, 0, 0, 0)):
        super().__init__()
        self.layer, self.padding = layer, padding

    def forward(self, x):
        x = nn.functional.pad(x.permute(0, 3, 1, 2), self.padding)
        return self.layer(x).permute(0, 2, 3, 1)


class Network(nn.Module):
    """The layers, after the scaling that was fitted on the training rows."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
{layers}
        )
        for name in {scaling}:
            self.register_buffer(name, torch.zeros({inputs}, dtype=torch.float64))

    def forward(self, rows):
        rows = rows.to(torch.float64)
{fill}        x = (rows - self.shift) * self.factor
        return self.layers(x.to(torch.{dtype}))


def load():
    """The network with the trained weights, in evaluation mode."""
    network = Network()
    saved = np.load(Path(__file__).with_suffix(".npz"))
    network.load_state_dict({{name: torch.from_numpy(saved[name]) for name in saved.files}})
    return network.eval()


if __name__ == "__main__":
    print(load())
'''
FILL = "        rows = torch.where(torch.isnan(rows), self.fill, rows)\n"


def export_torch(run: Run, path: Path, weights: Weights) -> list[str]:
    """Writes the script and its npz file. Raises UsageError for a layer without a form there."""
    network = trained_network(run, weights)
    text, state = torch_source(network, path.stem)
    durable.make_folder(path.parent)
    arrays.write_npz(path.with_suffix(".npz"), state, sync=False)
    durable.write_file(path, text, sync=False)
    return []


def torch_source(network: TrainedNetwork, module: str) -> tuple[str, dict[str, Array]]:
    """The script, which is imported as `module`, and the state of its network by name."""
    scaling = {"shift": network.scaling.shift, "factor": network.scaling.factor}
    if network.scaling.fill is not None:
        scaling["fill"] = network.scaling.fill
    state = {name: np.zeros(network.inputs) + value for name, value in scaling.items()}
    lines = []
    for layer in network.layers:
        writer = WRITERS.get(layer.kind)
        if writer is None:
            raise UsageError(f"Layer {layer.index} ({layer.kind}) has no form in PyTorch.")
        lines.append(f"            {writer(layer, network.dtype)},")
        place = f"layers.{layer.index}." + ("layer." if "Images(" in lines[-1] else "")
        state |= {place + name: array for name, array in _state(layer).items()}
    text = SOURCE.format(
        title=plain_line(network.title),
        setup=plain_line(network.setup),
        module=module,
        version=__version__,
        layers="\n".join(lines),
        scaling=tuple(scaling),
        inputs=network.inputs,
        fill=FILL if "fill" in scaling else "",
        dtype=network.dtype,
    )
    return text, state


def _state(layer: TrainedLayer) -> dict[str, Array]:
    """The arrays of a layer as PyTorch names and turns them."""
    state: dict[str, Array] = {}
    for name, array in layer.arrays.items():
        if layer.kind == "dense" and name == "weight":
            array = array.T  # (n, m) -> (m, n)
        elif layer.kind == "conv2d" and name == "weight":
            array = array.transpose(3, 2, 0, 1)  # (kh, kw, c, f) -> (f, c, kh, kw)
        state[NAMES.get(name, name)] = np.ascontiguousarray(array)
    if layer.kind == "batch_norm":
        state["num_batches_tracked"] = np.array(0)
    return state


NAMES = {"gamma": "weight", "beta": "bias"}


def _dense(layer: TrainedLayer, dtype: str) -> str:
    n, m, bias = layer.inputs[0], layer.outputs[0], "bias" in layer.arrays
    return f"nn.Linear({n}, {m}, bias={bias}, dtype=torch.{dtype})"


def _conv(layer: TrainedLayer, dtype: str) -> str:
    settings: Any = layer.layer
    windows = settings.windows(layer.inputs)
    (top, left), (bottom, right) = windows.before, windows.after
    inner = (
        f"nn.Conv2d({layer.inputs[2]}, {settings.filters}, {windows.kernel}, {windows.stride}, "
        f"bias={settings.bias}, dtype=torch.{dtype})"
    )
    margins = (left, right, top, bottom)
    return f"Images({inner}, {margins})" if any(margins) else f"Images({inner})"


def _pool(name: str) -> Callable[[TrainedLayer, str], str]:
    def write(layer: TrainedLayer, dtype: str) -> str:
        settings: Any = layer.layer
        windows = settings.windows(layer.inputs)
        return f"Images(nn.{name}({windows.kernel}, {windows.stride}))"

    return write


def _batch_norm(layer: TrainedLayer, dtype: str) -> str:
    settings: Any = layer.layer
    sizes = f"{layer.inputs[-1]}, eps={settings.eps}, momentum={settings.momentum}"
    if len(layer.inputs) == 3:
        return f"Images(nn.BatchNorm2d({sizes}, dtype=torch.{dtype}))"
    return f"nn.BatchNorm1d({sizes}, dtype=torch.{dtype})"


def _layer_norm(layer: TrainedLayer, dtype: str) -> str:
    settings: Any = layer.layer
    return f"nn.LayerNorm({layer.inputs[-1]}, eps={settings.eps}, dtype=torch.{dtype})"


def _reshape(layer: TrainedLayer, dtype: str) -> str:
    return f"Function(lambda x: x.reshape(-1, *{layer.outputs}))"


def _rescale(layer: TrainedLayer, dtype: str) -> str:
    settings: Any = layer.layer
    spread, mean = list(settings.spread or (1.0,)), list(settings.mean or (0.0,))
    tensors = [f"torch.tensor({numbers}, dtype=torch.{dtype})" for numbers in (spread, mean)]
    return f"Function(lambda x: x * {tensors[0]} + {tensors[1]})"


def _plain(template: str) -> Callable[[TrainedLayer, str], str]:
    """A layer without arrays; {name} is one of its settings."""
    return lambda layer, dtype: template.format(**vars(layer.layer))


WRITERS: Mapping[str, Callable[[TrainedLayer, str], str]] = {
    "dense": _dense,
    "sigmoid": _plain("nn.Sigmoid()"),
    "tanh": _plain("nn.Tanh()"),
    "relu": _plain("nn.ReLU()"),
    "leaky_relu": _plain("nn.LeakyReLU({slope})"),
    "elu": _plain("nn.ELU({alpha})"),
    "gelu": _plain("nn.GELU()"),
    "silu": _plain("nn.SiLU()"),
    "softplus": _plain("nn.Softplus(threshold=40)"),
    "exp": _plain("Function(lambda x: torch.exp(x.clamp(max=80)))"),
    "square": _plain("Function(torch.square)"),
    "softmax": _plain("nn.Softmax(dim=-1)"),
    "linear": _plain("nn.Identity()"),
    "step": _plain("Function(lambda x: (x >= 0).to(x.dtype))"),
    "flatten": _plain("nn.Flatten()"),
    "reshape": _reshape,
    "rescale": _rescale,
    "dropout": _plain("nn.Dropout({rate})"),
    "conv2d": _conv,
    "max_pool": _pool("MaxPool2d"),
    "avg_pool": _pool("AvgPool2d"),
    "global_avg_pool": _plain("Function(lambda x: x.mean(dim=(1, 2)))"),
    "batch_norm": _batch_norm,
    "layer_norm": _layer_norm,
}
