"""nnlab's losses by functions of torch.nn.functional, where PyTorch has them.

log_cosh and quantile, which it does not have, are formulas; their derivatives are PyTorch's own.
"""

from collections.abc import Callable, Mapping
from math import log
from typing import Any

from nnlab.core.losses.base import Loss
from nnlab.core.losses.classes import Bce, CrossEntropy, Hinge
from nnlab.core.losses.numbers import Huber, LogCosh, Mae, Mse, Poisson, Quantile
from nnlab.errors import ConfigError

EVERY = {"reduction": "none"}  # a number per output, or per row


def loss_terms(torch: Any, loss: Loss, z: Any, t: Any, classes: bool) -> Any:
    """The loss of z and t (B, m), not yet reduced: (B, m), or (B,) of losses between classes.

    classes: each target is a single class. Raises ConfigError for a loss without a form there.
    """
    if (terms := TERMS.get(type(loss))) is None:
        raise ConfigError(f"loss: {type(loss).__name__} has no form in PyTorch.")
    return terms(torch, loss, z, t, classes)


def _function(name: str, *own: str) -> "Terms":
    """A function of torch.nn.functional; `own`: the loss's settings that it takes."""

    def terms(torch: Any, loss: Any, z: Any, t: Any, classes: bool) -> Any:
        settings = {setting: getattr(loss, setting) for setting in own}
        return getattr(torch.nn.functional, name)(z, t, **settings, **EVERY)

    return terms


def _log_cosh(torch: Any, loss: LogCosh, z: Any, t: Any, classes: bool) -> Any:
    error = z - t
    return error + torch.nn.functional.softplus(-2 * error, threshold=1e9) - log(2)


def _poisson(torch: Any, loss: Poisson, z: Any, t: Any, classes: bool) -> Any:
    """PyTorch's plus t log t - t, which has no derivative by z."""
    return torch.nn.functional.poisson_nll_loss(z, t, **EVERY) + torch.xlogy(t, t) - t


def _quantile(torch: Any, loss: Quantile, z: Any, t: Any, classes: bool) -> Any:
    repeats = z.shape[1] // len(loss.quantiles)
    tau = torch.tensor(loss.quantiles * repeats, dtype=z.dtype)
    return torch.maximum(tau * (t - z), (tau - 1) * (t - z))


def _bce(torch: Any, loss: Bce, z: Any, t: Any, classes: bool) -> Any:
    function = torch.nn.functional.binary_cross_entropy_with_logits
    if (weights := loss.weights(2)) is None:
        return function(z, t, **EVERY)
    of_ones = function(z, torch.ones_like(t), weight=weights[1] * t, **EVERY)
    return of_ones + function(z, torch.zeros_like(t), weight=weights[0] * (1 - t), **EVERY)


def _cross_entropy(torch: Any, loss: CrossEntropy, z: Any, t: Any, classes: bool) -> Any:
    """With PyTorch's own label smoothing where the targets are classes."""
    weights, settings = loss.weights(t.shape[1]), dict[str, Any](EVERY)
    if weights is not None:
        settings["weight"] = torch.tensor(weights, dtype=t.dtype)
    if classes and loss.label_smoothing > 0:
        t, settings["label_smoothing"] = t.argmax(1), loss.label_smoothing
    return torch.nn.functional.cross_entropy(z, t, **settings)


def _hinge(torch: Any, loss: Hinge, z: Any, t: Any, classes: bool) -> Any:
    """PyTorch divides by the number of classes."""
    function = torch.nn.functional.multi_margin_loss
    return function(z, t.argmax(1), margin=loss.margin, **EVERY) * z.shape[1]


Terms = Callable[[Any, Any, Any, Any, bool], Any]
TERMS: Mapping[type[Loss], Terms] = {
    Mse: _function("mse_loss"),
    Mae: _function("l1_loss"),
    Huber: _function("huber_loss", "delta"),
    LogCosh: _log_cosh,
    Poisson: _poisson,
    Quantile: _quantile,
    Bce: _bce,
    CrossEntropy: _cross_entropy,
    Hinge: _hinge,
}
