"""Trainings whose weights are averaged over epochs, and trainings with frozen layers."""

from itertools import pairwise
from typing import Any

import torch
from table import table
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, update_bn

EPOCHS, FIRST, SIZE = 5, 3, 4  # the average begins with epoch 3; batches of 4, 4 and 3 rows
Arrays = dict[str, list[Any]]


def module(widths: list[int]) -> nn.Sequential:
    """Linear layers with a batch normalisation and a tanh between them; numbers from tables."""
    layers: list[nn.Module] = []
    for index, (n, m) in enumerate(pairwise(widths)):
        linear, norm = nn.Linear(n, m), nn.BatchNorm1d(m)
        with torch.no_grad():
            linear.weight.copy_(torch.tensor(table(40 + index, n, m)).T)
            linear.bias.copy_(torch.tensor(table(50 + index, 1, m, scale=0.1)[0]))
            norm.running_mean += torch.tensor(table(60 + index, 1, m, scale=0.1)[0])
            norm.running_var *= 1.5
        layers += [linear, norm, nn.Tanh()]
    return nn.Sequential(*layers[:-2])


def arrays(network: nn.Module) -> Arrays:
    """By nnlab's names, and a row of a weight for each input."""
    named: Arrays = {}
    for index, layer in enumerate(network.children()):
        if isinstance(layer, nn.Linear):
            named[f"{index}.dense.weight"] = layer.weight.T.tolist()
            named[f"{index}.dense.bias"] = layer.bias.tolist()
        elif isinstance(layer, nn.BatchNorm1d):
            own = {"gamma": layer.weight, "beta": layer.bias}
            own |= {"running_mean": layer.running_mean, "running_var": layer.running_var}
            named |= {f"{index}.batch_norm.{name}": a.tolist() for name, a in own.items()}
    return named


def step(network: nn.Module, rule: torch.optim.Optimizer, x: Tensor, t: Tensor) -> None:
    rule.zero_grad()
    (((network(x) - t) ** 2).sum() / len(t)).backward()
    nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    rule.step()


def transfers() -> dict[str, Any]:
    x, t = table(70, 11, 3), table(71, 11, 2)
    batches = list(zip(torch.tensor(x).split(SIZE), torch.tensor(t).split(SIZE), strict=True))
    averaged, frozen = module([3, 4, 2]), module([3, 4, 4, 2])
    start = {"averaged": arrays(averaged), "frozen": arrays(frozen)}
    for part in frozen[1:4]:  # a normalisation and a linear layer in the middle
        part.requires_grad_(False)
    rules = {
        "averaged": torch.optim.SGD(averaged.parameters(), lr=0.2, momentum=0.5),
        "frozen": torch.optim.SGD(
            (p for p in frozen.parameters() if p.requires_grad), lr=0.2, momentum=0.5
        ),
    }
    mean = AveragedModel(averaged)
    after: dict[str, list[Arrays]] = {"averaged": [], "frozen": []}
    for epoch in range(1, EPOCHS + 1):
        averaged.train()
        frozen.train()
        frozen[1].eval()
        for rows, targets in batches:
            step(averaged, rules["averaged"], rows, targets)
            step(frozen, rules["frozen"], rows, targets)
        if epoch >= FIRST:
            mean.update_parameters(averaged)
            update_bn([rows for rows, _ in batches], mean)
        after["averaged"].append(arrays(mean.module if epoch >= FIRST else averaged))
        after["frozen"].append(arrays(frozen))
    return {"inputs": x, "targets": t, "start": start, "after": after}
