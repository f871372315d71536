"""PyTorch on networks of images: `nn.Sequential` and autograd, in two formats."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from nnlab.build import Built
from nnlab.core.network import Network, layer_kind
from nnlab.core.types import Array, Shape

FORMATS = {"torch": torch.contiguous_format, "torch channels last": torch.channels_last}


class Flat(nn.Module):
    """Images as rows in our order (h, w, c), so that dense weights mean the same."""

    def forward(self, x: Any) -> Any:
        """(B, c, h, w) to (B, h w c)."""
        return x.permute(0, 2, 3, 1).flatten(1)


def prepare(network: Network, x: Array, t: Array, rate: float, form: Any) -> Callable[[], float]:
    """One update of the same network from the same weights; the loss before it."""
    model = nn.Sequential(*modules(network)).to(memory_format=form)
    rows = torch.from_numpy(x).reshape(-1, 1, 28, 28).to(memory_format=form)
    labels = torch.from_numpy(t.argmax(axis=1))
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)

    return lambda: descend(model, optimizer, rows, labels)


def descend(model: Any, optimizer: Any, rows: Any, labels: Any, **settings: float) -> float:
    """One update by cross entropy; the loss before it."""
    optimizer.zero_grad()
    value = functional.cross_entropy(model(rows), labels, **settings)
    value.backward()
    optimizer.step()
    return float(value.detach())


def prepare_training(built: Built, form: Any) -> Callable[[Array, Array, float], float]:
    """An update of a shipped config: AdamW and an average of the weights; the loss before it."""
    network, settings, average = built.network, built.config, built.config.training.ema or 0.0
    model = nn.Sequential(*modules(network)).to(memory_format=form)
    h, w, c = network.shapes[1]
    decayed = [p for p in model.parameters() if p.ndim > 1]
    groups = [
        {"params": decayed, "weight_decay": settings.optimizer.weight_decay},
        {"params": [p for p in model.parameters() if p.ndim == 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=settings.optimizer.lr)
    values = [p.detach() for p in model.parameters()]
    averages = [p.clone() for p in values]
    smoothing = getattr(settings.loss, "label_smoothing", 0.0)

    def update(x: Array, t: Array, rate: float) -> float:
        for group in optimizer.param_groups:
            group["lr"] = rate
        rows = torch.from_numpy(x).reshape(-1, h, w, c).permute(0, 3, 1, 2)
        rows, labels = rows.contiguous(memory_format=form), torch.from_numpy(t.argmax(axis=1))
        value = descend(model, optimizer, rows, labels, label_smoothing=smoothing)
        torch._foreach_lerp_(averages, values, 1 - average)
        return value

    return update


def modules(network: Network) -> list[Any]:
    """A module for each layer but the reshape before them and the softmax, which the loss has."""
    made: list[Any] = []
    for index, layer in enumerate(network.layers[1:], 1):
        name, shape, settings = layer_kind(layer), network.shapes[index], layer
        if name == "softmax":
            continue
        module = MODULES[name](settings, shape)
        for key in ("weight", "bias", "gamma", "beta"):
            array = network.parameters.get(f"{index}.{name}.{key}")
            if array is None:
                continue
            turned = array.transpose(3, 2, 0, 1) if array.ndim == 4 else array.T
            with torch.no_grad():
                target = getattr(module, {"gamma": "weight", "beta": "bias"}.get(key, key))
                target.copy_(torch.from_numpy(turned.copy()))
        made.append(module)
    return made


def convolution(layer: Any, shape: Shape) -> Any:
    """The module of a `conv2d` for images (h, w, c)."""
    padding = 0 if layer.padding == "valid" else layer.padding
    return nn.Conv2d(shape[-1], layer.filters, layer.kernel, padding=padding, bias=layer.bias)


def batch_norm(layer: Any, shape: Shape) -> Any:
    """The module of a `batch_norm` for images (h, w, c) or rows (n,)."""
    kind = nn.BatchNorm2d if len(shape) == 3 else nn.BatchNorm1d
    return kind(shape[-1], eps=layer.eps, momentum=layer.momentum)


MODULES: dict[str, Callable[[Any, Shape], Any]] = {
    "conv2d": convolution,
    "batch_norm": batch_norm,
    "dense": lambda layer, shape: nn.Linear(shape[-1], layer.units, bias=layer.bias),
    "relu": lambda layer, shape: nn.ReLU(),
    "max_pool": lambda layer, shape: nn.MaxPool2d(2),
    "flatten": lambda layer, shape: Flat(),
    "global_avg_pool": lambda layer, shape: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    "dropout": lambda layer, shape: nn.Dropout(layer.rate),
}
