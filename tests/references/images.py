"""Layers for images: outputs, gradients and running statistics, channels last as ours are."""

from typing import Any

import torch
from table import table
from torch import Tensor, nn
from torch.nn import functional


def picture(seed: int, *shape: int, scale: float = 1.0) -> Tensor:
    """Random numbers with three decimals in this shape."""
    rows = table(seed, 1, int(torch.tensor(shape).prod()), scale)
    return torch.tensor(rows[0]).reshape(shape)


def first(x: Tensor) -> Tensor:
    """(B, h, w, c) to PyTorch's (B, c, h, w)."""
    return x.permute(0, 3, 1, 2)


def last(x: Tensor) -> Tensor:
    """And back."""
    return x.permute(0, 2, 3, 1)


def passes(layer: Any, x: Tensor, dy_seed: int, weights: dict[str, Tensor]) -> dict[str, Any]:
    """What `layer(x)` gives, and all gradients of sum(y dy)."""
    x = x.clone().requires_grad_()
    for one in weights.values():
        one.requires_grad_()
    y = layer(x)
    dy = picture(dy_seed, *y.shape)
    y.backward(dy)
    found = {"x": x, "y": y, "dy": dy, "dx": x.grad}
    found |= weights | {f"d{name}": one.grad for name, one in weights.items()}
    return {name: one.detach().tolist() for name, one in found.items()}


def conv(
    seed: int, shape: tuple[int, ...], kernel: tuple[int, int], filters: int, **options: Any
) -> dict[str, Any]:
    """A convolution; its weight is (kh, kw, c, f)."""
    weight = picture(seed + 1, *kernel, shape[-1], filters, scale=0.5)
    bias = picture(seed + 2, filters)

    def layer(x: Tensor) -> Tensor:
        turned = weight.permute(3, 2, 0, 1)
        return last(functional.conv2d(first(x), turned, bias, **options))

    return passes(layer, picture(seed, *shape), seed + 3, {"weight": weight, "bias": bias})


def pool(seed: int, shape: tuple[int, ...], kind: Any, *sizes: Any) -> dict[str, Any]:
    """A pooling layer. Whole numbers, so that many are equal."""
    x = picture(seed, *shape).round()
    return passes(lambda one: last(kind(first(one), *sizes)), x, seed + 1, {})


def norm_steps(seed: int, shape: tuple[int, ...], momentum: float, eps: float) -> dict[str, Any]:
    """Four batches through batch normalisation in training, then one in evaluation."""
    images = len(shape) == 4
    kind = nn.BatchNorm2d if images else nn.BatchNorm1d
    layer = kind(shape[-1], eps=eps, momentum=momentum)
    with torch.no_grad():
        layer.weight.copy_(1 + picture(seed, shape[-1], scale=0.3))
        layer.bias.copy_(picture(seed + 1, shape[-1]))
    start = {"gamma": layer.weight.tolist(), "beta": layer.bias.tolist()}
    steps = []
    for step in range(5):
        layer.train(step < 4)
        layer.zero_grad()
        x = (picture(seed + 2 + step, *shape) + step).requires_grad_()
        y = last(layer(first(x))) if images else layer(x)
        dy = picture(seed + 10 + step, *shape)
        y.backward(dy)
        steps.append(
            {
                "x": x.tolist(),
                "dy": dy.tolist(),
                "y": y.tolist(),
                "dx": x.grad.tolist(),
                "dgamma": layer.weight.grad.tolist(),
                "dbeta": layer.bias.grad.tolist(),
                "running_mean": layer.running_mean.tolist(),
                "running_var": layer.running_var.tolist(),
            }
        )
    return {"start": start, "steps": steps}


def layer_norm(seed: int, shape: tuple[int, ...], eps: float) -> dict[str, Any]:
    gamma, beta = 1 + picture(seed, shape[-1], scale=0.3), picture(seed + 1, shape[-1])

    def layer(x: Tensor) -> Tensor:
        return functional.layer_norm(x, shape[-1:], gamma, beta, eps)

    return passes(layer, picture(seed + 2, *shape), seed + 3, {"gamma": gamma, "beta": beta})


def images() -> dict[str, Any]:
    return {
        "conv2d": {
            "valid": conv(100, (2, 5, 4, 3), (3, 3), 2),
            "same": conv(110, (2, 4, 5, 1), (3, 3), 2, padding="same"),
            "same_even": conv(120, (2, 4, 4, 2), (2, 4), 3, padding="same"),
            "stride": conv(130, (2, 6, 5, 2), (3, 2), 2, stride=(2, 3)),
            "stride_padding": conv(140, (1, 6, 7, 1), (5, 5), 2, stride=2, padding=2),
        },
        "max_pool": {
            "plain": pool(200, (2, 4, 6, 2), functional.max_pool2d, 2),
            "overlapping": pool(210, (2, 5, 7, 1), functional.max_pool2d, 3, 2),
            "oblong": pool(220, (1, 5, 6, 3), functional.max_pool2d, (2, 3), (1, 2)),
        },
        "avg_pool": {
            "plain": pool(230, (2, 4, 6, 2), functional.avg_pool2d, 2),
            "overlapping": pool(240, (2, 5, 7, 1), functional.avg_pool2d, 3, 2),
        },
        "global_avg_pool": {
            "plain": passes(lambda x: x.mean((1, 2)), picture(250, 2, 3, 4, 3), 251, {})
        },
        "batch_norm": {
            "flat": norm_steps(300, (5, 3), 0.1, 1e-5),
            "images": norm_steps(330, (2, 3, 2, 2), 0.3, 1e-3),
        },
        "layer_norm": {
            "flat": layer_norm(360, (3, 5), 1e-5),
            "images": layer_norm(370, (2, 2, 3, 4), 1e-3),
        },
    }
