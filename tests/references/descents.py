"""Where optimizers with schedules are after each step on functions of two numbers."""

from collections.abc import Callable
from typing import Any

import torch
from torch.optim import lr_scheduler

STEPS = 20
Function = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
Case = tuple[str, dict[str, Any], str, dict[str, Any]]

FUNCTIONS: dict[str, tuple[Function, list[float]]] = {
    "wavy_bowl": (lambda x, y: x**2 + y**2 + x * (y + 2) + torch.cos(3 * x), [3.0, 2.0]),
    "rosenbrock": (lambda x, y: (1 - x) ** 2 + 100 * (y - x**2) ** 2, [-1.2, 1.0]),
    "himmelblau": (lambda x, y: (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2, [-0.5, -1.0]),
    "beale": (
        lambda x, y: (
            (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2
        ),
        [1.0, 1.0],
    ),
    "saddle": (lambda x, y: x**2 - y**2, [1.5, 0.01]),
    "quadratic": (lambda x, y: (x**2 + 20 * y**2) / 2, [3.5, 1.0]),
}
# An optimizer with its settings, and a schedule; the rate of sgd suits the steepest function.
CASES: list[Case] = [
    ("sgd", {"lr": 0.001, "momentum": 0.8}, "exponential", {"gamma": 0.9}),
    ("adam", {"lr": 0.3}, "cosine", {}),
    ("rmsprop", {"lr": 0.2, "alpha": 0.9}, "step", {"every": 6, "gamma": 0.5}),
    ("adagrad", {"lr": 0.9}, "plateau", {"patience": 1, "factor": 0.5, "threshold": 0.2}),
    ("adamw", {"lr": 0.2, "weight_decay": 0.1}, "constant", {}),
]
KINDS: dict[str, type[torch.optim.Optimizer]] = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "rmsprop": torch.optim.RMSprop,
    "adagrad": torch.optim.Adagrad,
    "adamw": torch.optim.AdamW,
}


def schedule(name: str, settings: dict[str, Any], optimizer: torch.optim.Optimizer) -> Any:
    """PyTorch's scheduler of that name."""
    if name == "exponential":
        return lr_scheduler.ExponentialLR(optimizer, settings["gamma"])
    if name == "cosine":
        return lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    if name == "step":
        return lr_scheduler.StepLR(optimizer, settings["every"], settings["gamma"])
    if name == "plateau":
        return lr_scheduler.ReduceLROnPlateau(optimizer, **settings)
    return lr_scheduler.ConstantLR(optimizer, 1.0)


def path(function: Function, start: list[float], case: Case) -> list[list[float]]:
    """x, y and the value before the first and after each step; gradients by autograd."""
    kind, settings, name, more = case
    point = torch.tensor(start, requires_grad=True)
    optimizer = KINDS[kind]([point], **settings)
    rates = schedule(name, more, optimizer)
    value = function(*point)
    found = [[*point.tolist(), value.item()]]
    for _ in range(STEPS):
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        value = function(*point)
        rates.step(*([value.item()] if name == "plateau" else []))
        found.append([*point.tolist(), value.item()])
    return found


def descents() -> list[dict[str, Any]]:
    """Every function with every case."""
    return [
        {
            "name": name,
            "start": start,
            "optimizer": {"name": case[0], **case[1]},
            "schedule": {"name": case[2], **case[3]},
            "path": path(function, start, case),
        }
        for name, (function, start) in FUNCTIONS.items()
        for case in CASES
    ]
