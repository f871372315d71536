"""Every point at which PyTorch's LBFGS evaluates a function, with its strong Wolfe search."""

from typing import Any

import torch
from descents import FUNCTIONS

EVALUATIONS = 30
SETTINGS: list[dict[str, Any]] = [{}, {"history_size": 2}, {"lr": 0.1}, {"lr": 40.0}]


def trials(name: str, start: list[float], settings: dict[str, Any]) -> list[list[float]]:
    """x, y and the value at each evaluation; gradients by autograd."""
    function, point = FUNCTIONS[name][0], torch.tensor(start, requires_grad=True)
    options = {"max_iter": EVALUATIONS, "tolerance_grad": 0.0, "tolerance_change": 0.0}
    options |= {"max_eval": EVALUATIONS, "history_size": 10, **settings}
    optimizer = torch.optim.LBFGS([point], line_search_fn="strong_wolfe", **options)
    found: list[list[float]] = []

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        value = function(*point)
        value.backward()
        found.append([*point.tolist(), value.item()])
        return value

    optimizer.step(closure)
    return found[:EVALUATIONS]


def searches() -> list[dict[str, Any]]:
    """Functions with a minimum, with every settings."""
    return [
        {"name": name, "start": start, "settings": own, "trials": trials(name, start, own)}
        for name, (_, start) in FUNCTIONS.items()
        if name != "saddle"
        for own in SETTINGS
    ]
