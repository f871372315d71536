"""What the parameters are after each step of an optimizer."""

from itertools import product
from typing import Any

import torch
from table import table
from torch import nn

WEIGHTS = [0.5, -1.25, 0.0]  # the zero shows the subgradient that l1 takes there
BIASES = [0.75, -0.5]
STEPS = 24

OPTIMIZERS: list[tuple[str, type[torch.optim.Optimizer], dict[str, Any]]] = [
    ("sgd", torch.optim.SGD, {"lr": 0.1}),
    ("sgd", torch.optim.SGD, {"lr": 0.1, "momentum": 0.9}),
    ("sgd", torch.optim.SGD, {"lr": 0.1, "momentum": 0.6, "nesterov": True}),
    ("adagrad", torch.optim.Adagrad, {"lr": 0.2}),
    ("rmsprop", torch.optim.RMSprop, {"lr": 0.05}),
    ("rmsprop", torch.optim.RMSprop, {"lr": 0.05, "alpha": 0.9, "momentum": 0.8}),
    ("rmsprop", torch.optim.RMSprop, {"lr": 0.05, "alpha": 0.9, "centered": True}),
    ("rmsprop", torch.optim.RMSprop, {"lr": 0.05, "momentum": 0.5, "centered": True, "eps": 1e-3}),
    ("adam", torch.optim.Adam, {"lr": 0.05}),
    ("adam", torch.optim.Adam, {"lr": 0.05, "betas": [0.8, 0.95], "eps": 1e-3}),
    ("adamw", torch.optim.AdamW, {"lr": 0.05}),
    ("adamw", torch.optim.AdamW, {"lr": 0.05, "betas": [0.8, 0.95], "eps": 1e-3}),
]
EXTRAS: list[dict[str, float]] = [
    {},
    {"weight_decay": 0.1},
    {"clip_norm": 1.0},
    {"weight_decay": 0.1, "l1": 0.05, "clip_norm": 1.0},
    {"weight_decay": 0.05, "l1": 0.2, "clip_value": 0.5},
    {"weight_decay": 0.1, "rate_decay": 0.9},  # the rate of step t is lr * 0.9**t
]


def trajectory(
    kind: type[torch.optim.Optimizer],
    settings: dict[str, Any],
    extra: dict[str, float],
    gradients: list[list[float]],
) -> list[list[float]]:
    """All parameters, weights first, after each step: l1, clipping, weight decay, update."""
    weights, biases = torch.tensor(WEIGHTS), torch.tensor(BIASES)
    groups = [
        {"params": [weights], "weight_decay": extra.get("weight_decay", 0.0)},
        {"params": [biases], "weight_decay": 0.0},
    ]
    optimizer = kind(groups, **settings)
    after = []
    for step, row in enumerate(gradients):
        weights.grad, biases.grad = torch.tensor(row[:3]), torch.tensor(row[3:])
        weights.grad += extra.get("l1", 0.0) * torch.sign(weights)
        if "clip_norm" in extra:
            nn.utils.clip_grad_norm_([weights, biases], extra["clip_norm"])
        if "clip_value" in extra:
            nn.utils.clip_grad_value_([weights, biases], extra["clip_value"])
        for group in optimizer.param_groups:
            group["lr"] = settings["lr"] * extra.get("rate_decay", 1.0) ** step
        optimizer.step()
        after.append([*weights.tolist(), *biases.tolist()])
    return after


def optimizers() -> dict[str, Any]:
    gradients = table(1, STEPS, 5)
    gradients[0][1] = gradients[0][4] = gradients[1][4] = 0.0  # nothing to divide by yet
    gradients[5] = [0.0] * 5
    gradients[7] = [0.6, 0.0, 0.0, -0.8, 0.0]  # exactly as long as clip_norm
    gradients[9] = [value * 1000 for value in gradients[9]]
    cases = [
        {
            "name": name,
            "settings": settings,
            "extra": extra,
            "after": trajectory(kind, settings, extra, gradients),
        }
        for (name, kind, settings), extra in product(OPTIMIZERS, EXTRAS)
    ]
    return {"weights": WEIGHTS, "biases": BIASES, "gradients": gradients, "cases": cases}
