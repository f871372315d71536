"""Activations and their derivatives, also far from 0."""

from collections.abc import Callable
from typing import Any

import torch
from table import EXTREME, table
from torch import Tensor
from torch.nn import functional

POSITIVE = [1e-30, 1e-8, 0.1, 0.5, 1.0, 2.0, 3.7, 5.0, 10.0, 19.0, 21.0, 36.0, 40.0, 100.0, 1e3]
POINTS = [0.0, *POSITIVE, 1e30, *(-value for value in POSITIVE), -1e30]
ACTIVATIONS: list[tuple[str, dict[str, float], Callable[[Tensor], Tensor]]] = [
    ("sigmoid", {}, torch.sigmoid),
    ("tanh", {}, torch.tanh),
    ("relu", {}, torch.relu),
    ("leaky_relu", {"slope": 0.01}, lambda x: functional.leaky_relu(x, 0.01)),
    ("leaky_relu", {"slope": 0.2}, lambda x: functional.leaky_relu(x, 0.2)),
    ("elu", {"alpha": 1.0}, lambda x: functional.elu(x, 1.0)),
    ("elu", {"alpha": 0.3}, lambda x: functional.elu(x, 0.3)),
    ("gelu", {}, functional.gelu),
    ("silu", {}, functional.silu),
    ("square", {}, torch.square),
    # PyTorch drops log(1 + exp(-x)) beyond 20 unless told otherwise.
    ("exp", {}, lambda x: torch.exp(x.clamp(max=80.0))),
    ("softplus", {}, lambda x: functional.softplus(x, threshold=700.0)),
]


def activations() -> dict[str, Any]:
    cases = []
    for name, settings, function in ACTIVATIONS:
        x = torch.tensor(POINTS, requires_grad=True)
        y = function(x)
        y.sum().backward()
        assert x.grad is not None
        case = {"name": name, "settings": settings, "y": y.tolist(), "derivative": x.grad.tolist()}
        cases.append(case)
    rows, upstream = table(4, 3, 3) + EXTREME, table(5, 7, 3)
    x = torch.tensor(rows, requires_grad=True)
    y = torch.softmax(x, dim=1)
    y.backward(torch.tensor(upstream))
    assert x.grad is not None
    softmax = {"x": rows, "dy": upstream, "y": y.tolist(), "dx": x.grad.tolist()}
    return {"points": POINTS, "cases": cases, "softmax": softmax}
