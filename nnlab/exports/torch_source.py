"""`--to torch`: a script that builds the network in PyTorch and loads the weights.

Images stay (B, h, w, c) between layers, as in nnlab; a layer for images turns them and back.
"""

from collections.abc import Callable, Mapping
from functools import reduce
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nnlab import __version__
from nnlab.core.layers.activations import LARGEST_POWER
from nnlab.core.types import Array
from nnlab.errors import UsageError
from nnlab.exports.trained import Exported, TrainedLayer, plain_line, trained_network
from nnlab.run.folder import Weights
from nnlab.run.run import Run

SOURCE = '''\
"""{title}: the trained network in PyTorch.

{setup}

    from {module} import load
    outputs = load()(torch.tensor(rows))  # rows in the units of the data

Written by nnlab {version}; it reads the npz file beside it.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn


{modules}


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


def export_torch(run: Run, path: Path, weights: Weights) -> Exported:
    """The script and its npz file. Raises UsageError for a layer without a form there."""
    network, module = trained_network(run, weights), path.stem  # by which the script is imported
    scaling = {"shift": network.scaling.shift, "factor": network.scaling.factor}
    if network.scaling.fill is not None:
        scaling["fill"] = network.scaling.fill
    state = {name: np.zeros(network.inputs) + value for name, value in scaling.items()}
    lines = []
    for layer in network.layers:
        lines.append(f"            {module_call(layer, network.dtype)!r},")
        state |= {f"layers.{name}": array for name, array in module_state(layer).items()}
    text = SOURCE.format(
        title=plain_line(network.title),
        setup=plain_line(network.setup),
        module=module,
        modules=_modules_text(),
        version=__version__,
        layers="\n".join(lines),
        scaling=tuple(scaling),
        inputs=network.inputs,
        fill=FILL if "fill" in scaling else "",
        dtype=network.dtype,
    )
    return Exported(text, state)


def _modules_text() -> str:
    """The classes of torch_modules.py, as they stand there."""
    text = Path(__file__).with_name("torch_modules.py").read_text("utf-8")
    return text[text.index("class ") :].rstrip()


class TorchName(str):
    """A name in the words of a script: torch.float64."""

    __repr__ = str.__str__


class TorchCall(NamedTuple):
    """A call in the words of a script; `repr` is its text, `evaluated` its object."""

    name: TorchName
    args: tuple[object, ...] = ()
    settings: Mapping[str, object] = {}

    def __repr__(self) -> str:
        settings = (f"{name}={value!r}" for name, value in self.settings.items())
        return f"{self.name}({', '.join([*map(repr, self.args), *settings])})"


def evaluated(value: Any, names: Mapping[str, Any]) -> Any:
    """The object of a TorchCall or TorchName, in which `names` are known; else the value."""
    if isinstance(value, TorchName):
        first, *attributes = value.split(".")
        return reduce(getattr, attributes, names[first])
    if not isinstance(value, TorchCall):
        return value
    settings = {name: evaluated(setting, names) for name, setting in value.settings.items()}
    args = (evaluated(argument, names) for argument in value.args)
    return evaluated(value.name, names)(*args, **settings)


def module_call(layer: TrainedLayer, dtype: str) -> TorchCall:
    """The module of a layer. Raises UsageError for a layer that has none."""
    if (writer := WRITERS.get(layer.kind)) is None:
        raise UsageError(f"Layer {layer.index} ({layer.kind}) has no form in PyTorch.")
    return writer(layer, TorchName(f"torch.{dtype}"))


def module_places(layer: TrainedLayer) -> dict[str, tuple[str, tuple[int, ...]]]:
    """For each array its place in the modules, and which of its axes come first there."""
    inner = "layer." if len(layer.inputs) == 3 and layer.kind in ("conv2d", "batch_norm") else ""
    return {
        name: (
            f"{layer.index}.{inner}{NAMES.get(name, name)}",
            ORDERS.get((layer.kind, name), tuple(range(array.ndim))),
        )
        for name, array in layer.arrays.items()
    }


def module_state(layer: TrainedLayer) -> dict[str, Array]:
    """The arrays of a layer as PyTorch names and turns them."""
    state = {
        place: np.ascontiguousarray(layer.arrays[name].transpose(order))
        for name, (place, order) in module_places(layer).items()
    }
    if layer.kind == "batch_norm":
        inner = next(iter(state)).rpartition(".")[0]
        state[f"{inner}.num_batches_tracked"] = np.array(0)
    return state


NAMES = {"gamma": "weight", "beta": "bias"}
ORDERS = {
    ("dense", "weight"): (1, 0),  # (n, m) -> (m, n)
    ("conv2d", "weight"): (3, 2, 0, 1),  # (kh, kw, c, f) -> (f, c, kh, kw)
}


def _call(name: str, *args: object, **settings: object) -> TorchCall:
    return TorchCall(TorchName(name), args, settings)


def _function(name: str, *more: object) -> TorchCall:
    return _call("Function", TorchName(name), *more)


def _dense(layer: TrainedLayer, dtype: TorchName) -> TorchCall:
    sizes, bias = (layer.inputs[0], layer.outputs[0]), "bias" in layer.arrays
    return _call("nn.Linear", *sizes, bias=bias, dtype=dtype)


def _conv(layer: TrainedLayer, dtype: TorchName) -> TorchCall:
    settings: Any = layer.layer
    windows = settings.windows(layer.inputs)
    (top, left), (bottom, right) = windows.before, windows.after
    sizes = (layer.inputs[2], settings.filters, windows.kernel, windows.stride)
    inner = _call("nn.Conv2d", *sizes, bias=settings.bias, dtype=dtype)
    margins = (left, right, top, bottom)
    return _call("Images", inner, *([margins] if any(margins) else []))


def _pool(name: str) -> "Writer":
    def write(layer: TrainedLayer, dtype: TorchName) -> TorchCall:
        settings: Any = layer.layer
        windows = settings.windows(layer.inputs)
        return _call("Images", _call(name, windows.kernel, windows.stride))

    return write


def _batch_norm(layer: TrainedLayer, dtype: TorchName) -> TorchCall:
    settings: Any = layer.layer
    named = {"eps": settings.eps, "momentum": settings.momentum, "dtype": dtype}
    if len(layer.inputs) == 3:
        return _call("Images", _call("nn.BatchNorm2d", layer.inputs[-1], **named))
    return _call("nn.BatchNorm1d", layer.inputs[-1], **named)


def _layer_norm(layer: TrainedLayer, dtype: TorchName) -> TorchCall:
    settings: Any = layer.layer
    return _call("nn.LayerNorm", layer.inputs[-1], eps=settings.eps, dtype=dtype)


def _rescale(layer: TrainedLayer, dtype: TorchName) -> TorchCall:
    """x spread + mean."""
    settings: Any = layer.layer
    pair = (("torch.mul", settings.spread or (1.0,)), ("torch.add", settings.mean or (0.0,)))
    steps = [_function(name, _call("torch.tensor", n, dtype=dtype)) for name, n in pair]
    return _call("nn.Sequential", *steps)


def _step(layer: TrainedLayer, dtype: TorchName) -> TorchCall:
    """1 at 0 too."""
    return _function("torch.heaviside", _call("torch.ones", 1, dtype=dtype))


def _exp(layer: TrainedLayer, dtype: TorchName) -> TorchCall:
    """exp(min(x, 80)), as in nnlab."""
    bounded = _call("nn.Hardtanh", -1e38, float(LARGEST_POWER))
    return _call("nn.Sequential", bounded, _function("torch.exp"))


def _plain(name: str, *own: str, **settings: object) -> "Writer":
    """A module without arrays; `own`: the layer's settings that it takes."""
    return lambda layer, dtype: _call(
        name, *(getattr(layer.layer, setting) for setting in own), **settings
    )


Writer = Callable[[TrainedLayer, TorchName], TorchCall]
WRITERS: Mapping[str, Writer] = {
    "dense": _dense,
    "sigmoid": _plain("nn.Sigmoid"),
    "tanh": _plain("nn.Tanh"),
    "relu": _plain("nn.ReLU"),
    "leaky_relu": _plain("nn.LeakyReLU", "slope"),
    "elu": _plain("nn.ELU", "alpha"),
    "gelu": _plain("nn.GELU"),
    "silu": _plain("nn.SiLU"),
    "softplus": _plain("nn.Softplus", threshold=40),
    "exp": _exp,
    "square": lambda layer, dtype: _function("torch.square"),
    "softmax": _plain("nn.Softmax", dim=-1),
    "linear": _plain("nn.Identity"),
    "step": _step,
    "flatten": _plain("nn.Flatten"),
    "reshape": lambda layer, dtype: _function("torch.reshape", (-1, *layer.outputs)),
    "rescale": _rescale,
    "dropout": _plain("nn.Dropout", "rate"),
    "conv2d": _conv,
    "max_pool": _pool("nn.MaxPool2d"),
    "avg_pool": _pool("nn.AvgPool2d"),
    "global_avg_pool": lambda layer, dtype: _function("torch.mean", (1, 2)),
    "batch_norm": _batch_norm,
    "layer_norm": _layer_norm,
}
