"""The way of one row through twenty random networks and back, and the third update of each."""

from collections.abc import Callable
from typing import Any

import torch
from table import table
from torch import Tensor, nn
from torch.nn import functional

ROWS, AT, STEPS = 5, 2, 3

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(0.1),
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "softplus": nn.Softplus,
    "softmax": lambda: nn.Softmax(-1),
}
Terms = Callable[[Tensor, Tensor], Tensor]
LOSSES: dict[str, tuple[Terms, str]] = {  # the loss of each output, and how it is reduced
    "mse": (lambda y, t: (y - t) ** 2, "mean"),
    "mse_sum": (lambda y, t: (y - t) ** 2, "sum"),
    "mae": (lambda y, t: (y - t).abs(), "mean"),
    "huber": (lambda y, t: functional.huber_loss(y, t, reduction="none"), "batch_mean"),
    "cross_entropy": (lambda z, t: -t * functional.log_softmax(z, -1), "batch_mean"),
    "bce": (
        lambda z, t: functional.binary_cross_entropy_with_logits(z, t, reduction="none"),
        "mean",
    ),
}
OPTIMIZERS: list[tuple[str, type[torch.optim.Optimizer], dict[str, Any], float]] = [
    ("sgd", torch.optim.SGD, {"lr": 0.1}, 0.0),
    ("sgd", torch.optim.SGD, {"lr": 0.1, "momentum": 0.9}, 0.01),
    ("sgd", torch.optim.SGD, {"lr": 0.1, "momentum": 0.5, "nesterov": True}, 0.0),
    ("adagrad", torch.optim.Adagrad, {"lr": 0.1}, 0.0),
    ("rmsprop", torch.optim.RMSprop, {"lr": 0.01}, 0.02),
    ("rmsprop", torch.optim.RMSprop, {"lr": 0.01, "momentum": 0.8, "centered": True}, 0.0),
    ("adam", torch.optim.Adam, {"lr": 0.01}, 0.05),
    ("adamw", torch.optim.AdamW, {"lr": 0.01}, 0.1),
]


def reduced(terms: Tensor, how: str) -> Tensor:
    """The loss of some rows."""
    return {"mean": terms.mean, "sum": terms.sum, "batch_mean": lambda: terms.sum() / len(terms)}[
        how
    ]()


def model(number: int, activation: str, norm: str) -> nn.Sequential:
    """Two hidden layers, a normalisation or none behind the first; rounded random parameters."""
    width, outputs = 3 + number % 3, 1 + number % 4
    layers = [nn.Linear(3, width), ACTIVATIONS[activation]()]
    layers += {"layer_norm": [nn.LayerNorm(width)], "batch_norm": [nn.BatchNorm1d(width)]}.get(
        norm, []
    )
    layers += [nn.Linear(width, 2), ACTIVATIONS["tanh"](), nn.Linear(2, outputs)]
    made = nn.Sequential(*layers)
    with torch.no_grad():
        for index, parameter in enumerate(made.parameters()):
            rows = table(100 * number + index, 1, parameter.numel())
            parameter.copy_(torch.tensor(rows[0]).reshape(parameter.shape))
    return made


def numbers(layer: nn.Module, gradient: bool) -> dict[str, Any]:
    """The parameters of a layer, or their gradients, as nnlab has them."""
    arrays = {
        name: (parameter.grad if gradient else parameter.detach())
        for name, parameter in layer.named_parameters()
    }
    if isinstance(layer, nn.Linear):
        arrays["weight"] = arrays["weight"].T
    else:
        names = {"weight": "gamma", "bias": "beta"}
        arrays = {names[name]: array for name, array in arrays.items()}
    return {name: array.tolist() for name, array in arrays.items()}


def passage(number: int) -> dict[str, Any]:
    activation = list(ACTIVATIONS)[number % len(ACTIVATIONS)]
    norm = ("", "layer_norm", "", "batch_norm", "")[number % 5]
    loss = list(LOSSES)[number % len(LOSSES)]
    # A unit that batch_norm makes independent of its bias has a gradient of rounding errors alone,
    # which adagrad and its like would divide by themselves.
    kinds = OPTIMIZERS[:3] if norm == "batch_norm" else OPTIMIZERS
    name, kind, settings, decay = kinds[number % len(kinds)]
    made, (terms, how) = model(number, activation, norm), LOSSES[loss]
    x = torch.tensor(table(9000 + number, ROWS, 3), requires_grad=True)
    outputs = 1 + number % 4
    t = torch.tensor(table(9500 + number, ROWS, outputs))
    if loss == "cross_entropy":
        t = torch.eye(outputs)[torch.arange(ROWS) % outputs]
    if loss == "bce":
        t = (t > 0).to(torch.float64)
    case: dict[str, Any] = {"name": f"{number}_{activation}_{norm or 'plain'}_{loss}_{name}"}
    case |= {"activation": activation, "norm": norm, "loss": loss, "x": x.tolist(), "t": t.tolist()}
    case |= {"start": [numbers(layer, False) for layer in made]}
    case |= {"optimizer": name, "settings": settings, "weight_decay": decay}
    y, ys = x, []
    for layer in made:
        y = layer(y)
        y.retain_grad()
        ys.append(y)
    value = reduced(terms(y, t)[AT : AT + 1], how)
    value.backward()
    case |= {"value": value.item(), "dx": x.grad[AT].tolist()}
    case |= {"y": [y[AT].tolist() for y in ys], "dy": [y.grad[AT].tolist() for y in ys]}
    case |= {"gradients": [numbers(layer, True) for layer in made]}
    weights = [layer.weight for layer in made if isinstance(layer, nn.Linear)]
    rest = [p for p in made.parameters() if not any(p is weight for weight in weights)]
    groups = [{"params": weights, "weight_decay": decay}, {"params": rest, "weight_decay": 0.0}]
    step = kind(groups, **settings)
    for _ in range(STEPS):
        step.zero_grad()
        reduced(terms(made(x), t), how).backward()
        step.step()
    return case | {"after": [numbers(layer, False) for layer in made]}


def passages() -> dict[str, Any]:
    return {"at": AT, "steps": STEPS, "cases": [passage(number) for number in range(20)]}
