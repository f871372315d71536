"""The learning rate at each time, from a scheduler that turns an optimizer of one weight."""

from collections.abc import Callable
from itertools import product
from typing import Any

import torch
from torch.optim import lr_scheduler

TOTAL = 20
METRICS = [1.0, 0.9, 0.89995, 0.9, 0.91, 0.9, 0.5, 0.47, 0.47, 0.5, 0.5, 0.6, 0.4, 0.39, 0.38, 0.4]
METRICS += [0.4, 0.4, 0.4, 0.379999]

Make = Callable[[torch.optim.Optimizer], lr_scheduler.LRScheduler]
SCHEDULES: list[tuple[str, type[lr_scheduler.LRScheduler], dict[str, Any]]] = [
    ("constant", lr_scheduler.LambdaLR, {}),
    ("exponential", lr_scheduler.ExponentialLR, {"gamma": 0.8}),
    ("step", lr_scheduler.StepLR, {"step_size": 6, "gamma": 0.5}),
    ("step", lr_scheduler.StepLR, {"step_size": 1, "gamma": 0.7}),
    ("multistep", lr_scheduler.MultiStepLR, {"milestones": [3, 4, 11], "gamma": 0.1}),
    ("linear", lr_scheduler.LinearLR, {"start_factor": 1.0, "end_factor": 0.0}),
    ("linear", lr_scheduler.LinearLR, {"start_factor": 1.0, "end_factor": 0.25}),
    ("cosine", lr_scheduler.CosineAnnealingLR, {"eta_min": 0.0}),
    ("cosine", lr_scheduler.CosineAnnealingLR, {"eta_min": 0.01}),
]
ONE_CYCLES: list[dict[str, Any]] = [
    {},
    {"pct_start": 0.5, "div_factor": 10.0, "final_div_factor": 100.0},
]
PLATEAUS: list[dict[str, Any]] = [
    {"mode": "min", "factor": 0.5, "patience": 2, "threshold": 1e-4},
    {"mode": "min", "factor": 0.1, "patience": 0, "threshold": 0.05, "min_lr": 1e-8},
    {"mode": "max", "factor": 0.5, "patience": 2, "threshold": 1e-4},
    {"mode": "min", "factor": 0.5, "patience": 1, "threshold": 0.0, "cooldown": 2},
]


def one_weight(lr: float) -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.zeros(1)], lr=lr)


def rates(lr: float, make: Make, count: int) -> list[float]:
    """The rate of update 0, 1, ..., count - 1."""
    optimizer = one_weight(lr)
    schedule = make(optimizer)
    found = []
    for _ in range(count):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return found


def after_warmup(make: Make, warmup: int) -> Make:
    """Rates lr / W, 2 lr / W, ..., lr for t = 0 .. W - 1, then the schedule with t - W."""

    def join(optimizer: torch.optim.Optimizer) -> lr_scheduler.LRScheduler:
        ramp = lr_scheduler.LambdaLR(optimizer, lambda t: (t + 1) / warmup)
        return lr_scheduler.SequentialLR(optimizer, [ramp, make(optimizer)], [warmup])

    return join


def plain_schedule(
    kind: type[lr_scheduler.LRScheduler], settings: dict[str, Any], total: int
) -> Make:
    """The schedule of `total` updates, where its kind wants to know."""
    extra: dict[str, Any] = {}
    if kind is lr_scheduler.LambdaLR:
        extra = {"lr_lambda": lambda t: 1.0}
    elif kind is lr_scheduler.LinearLR:
        extra = {"total_iters": total}
    elif kind is lr_scheduler.CosineAnnealingLR:
        extra = {"T_max": total}
    return lambda optimizer: kind(optimizer, **settings, **extra)


def plateau_rates(settings: dict[str, Any]) -> list[float]:
    """The rate of each epoch; metric e is seen at the end of epoch e."""
    optimizer = one_weight(0.1)
    schedule = lr_scheduler.ReduceLROnPlateau(optimizer, **settings, threshold_mode="rel", eps=0.0)
    found = []
    for metric in METRICS:
        found.append(optimizer.param_groups[0]["lr"])
        schedule.step(metric)
    return found


def schedules() -> dict[str, Any]:
    cases = []
    for (name, kind, settings), warmup in product(SCHEDULES, (0, 4)):
        make = plain_schedule(kind, settings, TOTAL - warmup)
        make = after_warmup(make, warmup) if warmup else make
        found = rates(0.1, make, TOTAL)
        cases.append({"name": name, "settings": settings, "warmup": warmup, "rates": found})
    for settings, total in product(ONE_CYCLES, (TOTAL, 7, 3)):
        options = {"max_lr": 0.1, "total_steps": total, "cycle_momentum": False, **settings}
        optimizer = one_weight(0.1)
        schedule = lr_scheduler.OneCycleLR(optimizer, **options)
        found = [schedule.get_last_lr()[0]]
        for _ in range(total - 1):
            optimizer.step()
            schedule.step()
            found.append(schedule.get_last_lr()[0])
        cases.append({"name": "one_cycle", "settings": settings, "warmup": 0, "rates": found})
    plateaus = [{"settings": settings, "rates": plateau_rates(settings)} for settings in PLATEAUS]
    return {"lr": 0.1, "cases": cases, "metrics": METRICS, "plateaus": plateaus}
