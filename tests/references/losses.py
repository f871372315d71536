"""Losses and their gradients, which autograd takes of the formula."""

from itertools import product
from typing import Any

import torch
from table import EXTREME, table
from torch import Tensor
from torch.nn import functional

REDUCTIONS = ("mean", "batch_mean", "sum")


def elementwise(name: str, settings: dict[str, Any], logits: Tensor, targets: Tensor) -> Tensor:
    """The terms (B, m) whose sum, or mean, is the loss."""
    weight = torch.tensor(settings.get("class_weight", [1.0, 1.0, 1.0]))
    smooth = settings.get("label_smoothing", 0.0)
    if name == "mse":
        return (logits - targets) ** 2
    if name == "mae":
        return functional.l1_loss(logits, targets, reduction="none")
    if name == "huber":
        return functional.huber_loss(logits, targets, reduction="none", delta=settings["delta"])
    if name == "log_cosh":
        return torch.log(torch.cosh(logits - targets))
    if name == "poisson":
        saturated = torch.xlogy(targets, targets) - targets
        nll = functional.poisson_nll_loss(logits, targets, log_input=True, reduction="none")
        return nll + saturated
    if name == "quantile":
        error, tau = targets - logits, torch.tensor(settings["quantiles"])
        return torch.maximum(tau * error, (tau - 1) * error)
    if name == "hinge":
        return hinge(logits, targets, settings["margin"])
    if name == "bce":
        soft = targets * (1 - smooth) + smooth / 2
        no, yes = functional.logsigmoid(-logits), functional.logsigmoid(logits)
        return -weight[0] * (1 - soft) * no - weight[1] * soft * yes
    soft = targets * (1 - smooth) + smooth / targets.shape[1]
    return -weight * soft * torch.log_softmax(logits, dim=1)


def hinge(logits: Tensor, targets: Tensor, margin: float) -> Tensor:
    """Terms whose sum over a row is that of multi_margin_loss, times the number of classes."""
    labels, classes = targets.argmax(dim=1), targets.shape[1]
    rows = functional.multi_margin_loss(logits, labels, margin=margin, reduction="none") * classes
    return rows[:, None].expand(-1, classes) / classes


LOSSES: list[tuple[str, dict[str, Any]]] = [
    ("mse", {}),
    ("mae", {}),
    ("huber", {"delta": 1.0}),
    ("huber", {"delta": 0.5}),
    ("log_cosh", {}),
    ("poisson", {}),
    ("quantile", {"quantiles": [0.1, 0.5, 0.9]}),
    ("hinge", {"margin": 1.0}),
    ("hinge", {"margin": 0.3}),
    ("bce", {}),
    ("bce", {"label_smoothing": 0.1}),
    ("bce", {"class_weight": [0.5, 3.0]}),
    ("bce", {"class_weight": [0.5, 3.0], "label_smoothing": 0.2}),
    ("cross_entropy", {}),
    ("cross_entropy", {"label_smoothing": 0.1}),
    ("cross_entropy", {"class_weight": [0.5, 1.0, 3.0]}),
    ("cross_entropy", {"class_weight": [0.5, 1.0, 3.0], "label_smoothing": 0.2}),
]


def loss_data(name: str) -> tuple[list[list[float]], list[list[float]]]:
    """Predictions (or logits) and targets of seven rows, four of them extreme for bce and CE."""
    ordinary = table(2, 3, 3, scale=2.0)
    if name == "cross_entropy":
        return ordinary + EXTREME, [[float(c == row % 3) for c in range(3)] for row in range(7)]
    if name == "hinge":
        return ordinary, [[float(c == row % 3) for c in range(3)] for row in range(len(ordinary))]
    if name == "poisson":
        return ordinary, [[float((row + c) % 4) for c in range(3)] for row in range(len(ordinary))]
    if name == "quantile":  # a target and its three quantiles
        return ordinary, [[row[0]] for row in table(3, 3, 3, scale=2.0)]
    if name == "bce":
        column = [[value] for row in ordinary + EXTREME for value in row]
        return column, [[float(row % 3 == 1)] for row in range(len(column))]
    hits = [[1.0, 2.0, -1.0], [0.5, 0.0, 3.0]]  # an error of exactly 0, 1 and 0.5
    return ordinary + hits, [*table(3, 3, 3, scale=2.0), [1.0, 1.0, -1.5], [1.0, 0.0, 3.5]]


def loss_case(name: str, settings: dict[str, Any], reduction: str) -> dict[str, Any]:
    values, wanted = loss_data(name)
    logits, targets = torch.tensor(values, requires_grad=True), torch.tensor(wanted)
    terms = elementwise(name, settings, logits, targets)
    divisor = {"mean": terms.numel(), "batch_mean": len(terms), "sum": 1}[reduction]
    loss = terms.sum() / divisor
    loss.backward()
    rows = terms.sum(dim=1) if reduction != "mean" else terms.mean(dim=1)
    assert logits.grad is not None
    return {
        "name": name,
        "settings": {**settings, "reduction": reduction},
        "logits": values,
        "targets": wanted,
        "loss": loss.item(),
        "rows": rows.tolist(),
        "gradient": logits.grad.tolist(),
    }


def losses() -> list[dict[str, Any]]:
    return [loss_case(name, settings, red) for (name, settings), red in product(LOSSES, REDUCTIONS)]
