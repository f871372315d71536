"""Small networks, trained for fifty updates."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import torch
from table import table
from torch import Tensor, nn
from torch.nn import functional


def batches(x: Tensor, t: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Rows in file order, for ever; the last batch of a pass is shorter."""
    while True:
        yield from zip(x.split(size), t.split(size), strict=True)


def run_network(
    layers: list[nn.Module],
    loss: Callable[[Tensor, Tensor], Tensor],
    optimizer: Callable[[list[dict[str, Any]]], torch.optim.Optimizer],
    inputs: list[list[float]],
    targets: list[list[float]],
) -> dict[str, Any]:
    """Fifty updates with batches of four of the eleven rows; all parameters after each tenth."""
    model = nn.Sequential(*layers)
    dense = [layer for layer in layers if isinstance(layer, nn.Linear)]
    start = []
    with torch.no_grad():
        for index, layer in enumerate(dense):
            weight = torch.tensor(table(20 + index, layer.in_features, layer.out_features))
            bias = torch.tensor(table(30 + index, 1, layer.out_features, scale=0.1)[0])
            layer.weight.copy_(weight.T)
            layer.bias.copy_(bias)
            start.append({"weight": weight.tolist(), "bias": bias.tolist()})
    step = optimizer([{"params": [d.weight for d in dense]}, {"params": [d.bias for d in dense]}])
    found, after = [], []
    for x, t in islice(batches(torch.tensor(inputs), torch.tensor(targets), 4), 50):
        step.zero_grad()
        value = loss(model(x), t)
        value.backward()
        step.step()
        found.append(value.item())
        after.append([{"weight": d.weight.T.tolist(), "bias": d.bias.tolist()} for d in dense])
    return {"inputs": inputs, "targets": targets, "batch_size": 4, "start": start} | {
        "losses": found,
        "after": after[9::10],
    }


def mse_batch_mean(y: Tensor, t: Tensor) -> Tensor:
    return ((y - t) ** 2).sum() / len(t)


def decaying_nesterov(groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    weights, biases = groups
    parts = [weights | {"weight_decay": 0.01}, biases]
    return torch.optim.SGD(parts, lr=0.1, momentum=0.9, nesterov=True)


def networks() -> dict[str, Any]:
    x = table(6, 11, 3)
    classes = [[float(c == row % 3) for c in range(3)] for row in range(11)]
    binary = [[float(row % 3 == 0)] for row in range(11)]
    return {
        "sigmoid_mse_sgd": run_network(
            [nn.Linear(3, 4), nn.Sigmoid(), nn.Linear(4, 3), nn.Sigmoid()],
            mse_batch_mean,
            lambda groups: torch.optim.SGD(groups, lr=0.5),
            x,
            classes,
        ),
        "relu_cross_entropy_adam": run_network(
            [nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 3)],
            functional.cross_entropy,
            lambda groups: torch.optim.Adam(groups, lr=0.02),
            x,
            classes,
        ),
        "tanh_bce_nesterov": run_network(
            [nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)],
            functional.binary_cross_entropy_with_logits,
            decaying_nesterov,
            x,
            binary,
        ),
    }
