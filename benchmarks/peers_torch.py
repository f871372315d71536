"""PyTorch on the workloads: `nn.Sequential`, autograd and `torch.optim`, as its tutorial writes it.

Adam is the fused one, which is PyTorch's fastest on a CPU. Weights start as in the sketch.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from benchmarks.workloads import Parameters, Problem, Session, Workload

ACTIVATIONS = {"sigmoid": nn.Sigmoid, "relu": nn.ReLU}


def prepare(problem: Problem) -> Session:
    """The network with its optimizer; one round is `len(order)` steps of the usual loop."""
    workload = problem.workload
    network, dense = _network(problem)
    optimizer = _optimizer(workload, network)
    loss_of = _loss(workload)
    inputs, targets = torch.from_numpy(problem.inputs), torch.from_numpy(problem.targets)
    if workload.loss == "cross_entropy":
        targets = targets.argmax(dim=1)
    batches = _picks(problem)

    def train() -> None:
        for pick in batches:
            optimizer.zero_grad()
            loss_of(network(inputs[pick]), targets[pick]).backward()
            optimizer.step()

    def parameters() -> Parameters:
        return [
            (
                layer.weight.detach().numpy().T.copy(),
                None if layer.bias is None else layer.bias.detach().numpy().copy(),
            )
            for layer in dense
        ]

    return Session(train, parameters, note=f"{torch.get_num_threads()} threads")


def _picks(problem: Problem) -> list[Any]:
    """What selects the rows of each batch: a slice, or a tensor of row numbers."""
    batch = problem.workload.batch
    if problem.workload.shuffle:
        return list(torch.from_numpy(problem.order))
    return [slice(first, first + batch) for first in problem.order[:, 0].tolist()]


def _network(problem: Problem) -> tuple[Any, list[Any]]:
    """The whole network, whose output is the logits where the loss wants them, and its layers."""
    workload = problem.workload
    modules: list[Any] = []
    dense: list[Any] = []
    for weight, bias in problem.start:
        n, m = weight.shape
        layer = nn.Linear(n, m, bias=bias is not None, dtype=getattr(torch, workload.dtype))
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(np.ascontiguousarray(weight.T)))
            if bias is not None:
                layer.bias.copy_(torch.from_numpy(bias))
        dense.append(layer)
        modules += [layer, ACTIVATIONS[workload.hidden]()]
    modules.pop()
    if workload.loss == "mse" and workload.output == "sigmoid":
        modules.append(nn.Sigmoid())
    return nn.Sequential(*modules), dense


def _optimizer(workload: Workload, network: Any) -> Any:
    if workload.optimizer == "adam":
        return torch.optim.Adam(network.parameters(), lr=workload.lr, fused=True)
    return torch.optim.SGD(network.parameters(), lr=workload.lr, momentum=workload.momentum)


def _loss(workload: Workload) -> Callable[[Any, Any], Any]:
    if workload.loss == "cross_entropy":
        return lambda z, t: functional.cross_entropy(z, t)
    if workload.loss == "bce":
        return lambda z, t: functional.binary_cross_entropy_with_logits(z, t, reduction="sum")
    if workload.reduction == "mean":
        return lambda y, t: functional.mse_loss(y, t)
    divisor = workload.batch if workload.reduction == "batch_mean" else 1
    return lambda y, t: functional.mse_loss(y, t, reduction="sum") / divisor
