"""PyTorch on the convolutional workloads: `nn.Sequential`, autograd and SGD, in two formats."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from nnlab.core.network import Network, layer_kind
from nnlab.core.types import Array

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

    def step() -> float:
        optimizer.zero_grad()
        value = functional.cross_entropy(model(rows), labels)
        value.backward()
        optimizer.step()
        return float(value.detach())

    return step


def modules(network: Network) -> list[Any]:
    """A module for each layer but the first, which only makes pictures of rows."""
    found: list[Any] = []
    for index, layer in enumerate(network.layers[1:], 1):
        name, inputs = layer_kind(layer), network.shapes[index][-1]
        settings: Any = layer
        if name == "conv2d":
            padding = 0 if settings.padding == "valid" else settings.padding
            found.append(nn.Conv2d(inputs, settings.filters, settings.kernel, padding=padding))
        elif name == "dense":
            found.append(nn.Linear(inputs, settings.units))
        else:
            found.append({"relu": nn.ReLU(), "max_pool": nn.MaxPool2d(2), "flatten": Flat()}[name])
        if name in ("conv2d", "dense"):
            weight, bias = (network.parameters[f"{index}.{name}.{p}"] for p in ("weight", "bias"))
            turned = weight.transpose(3, 2, 0, 1) if name == "conv2d" else weight.T
            with torch.no_grad():
                found[-1].weight.copy_(torch.from_numpy(turned.copy()))
                found[-1].bias.copy_(torch.from_numpy(bias.copy()))
    return found
