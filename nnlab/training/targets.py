"""Rows and targets in memory, checked and encoded for a network and a loss."""

import numpy as np
from numpy.typing import ArrayLike

from nnlab.core.losses import Loss
from nnlab.core.network import Network
from nnlab.core.types import NUMERIC, FloatArray, Kind, Shape

SUM = 1e-6  # a row of probabilities may miss a sum of 1 by this


def checked_pairs(
    network: Network, x: ArrayLike, t: ArrayLike, loss: Loss, kind: Kind
) -> tuple[FloatArray, FloatArray, Loss]:
    """Rows and encoded targets as float64 arrays, and the loss with its class weights.

    Raises ValueError where they are no finite numbers, do not fit the network, are no pairs, or
    are no targets for the loss or the kind.
    """
    inputs, targets = _numbers("inputs", x), _numbers("targets", t)
    width = network.shapes[-1][-1] // loss.width(1)
    shape = (*network.shapes[-1][:-1], width)  # of a target row
    if targets.ndim == 1 and len(shape) == 1:
        targets = _spread(targets, shape[0], kind)
    _require_rows("inputs", inputs, network.inputs)
    _require_rows("targets", targets, shape)
    if len(inputs) != len(targets):
        raise ValueError(f"{len(inputs)} rows of inputs, but {len(targets)} of targets")
    if reason := loss.refusal(targets):
        raise ValueError(reason)
    if loss.kinds == ("classes",):
        targets = _probabilities(targets, _tolerance(t))
        loss = loss.prepare(targets.argmax(axis=1), shape[0])
    elif loss.fuses == "sigmoid" or kind == "binary":
        _require_shares(targets, "bce" if loss.fuses else "kind 'binary'")
        if loss.fuses:
            loss = loss.prepare((targets >= 0.5).ravel().astype(np.int64), 2)
    return inputs, loss.encode(targets), loss


def _require_rows(name: str, array: FloatArray, row: Shape) -> None:
    if array.shape[1:] != row or not len(array):
        raise ValueError(f"{name} must be rows of shape {row}, not an array {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} hold a number that is not finite")


def _numbers(name: str, values: ArrayLike) -> FloatArray:
    """float64; text is refused, also where it looks like a number."""
    if np.ma.is_masked(values):
        raise ValueError(f"{name} must all be there, and some of them are masked")
    try:
        array = np.asarray(values)
        if array.dtype.kind == "O" and not any(
            isinstance(item, str | bytes) for item in array.flat
        ):
            array = array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be an array of numbers: {error}") from None
    if array.dtype.kind in NUMERIC:
        return array.astype(np.float64)
    way = ""
    if name == "targets":
        way = "; np.unique(names, return_inverse=True)[1] makes labels of the names of classes"
    what = "text" if array.dtype.kind in "OSUT" else f"of type {array.dtype}"
    raise ValueError(f"{name} must be numbers, and they are {what}{way}")


def _spread(targets: FloatArray, outputs: int, kind: Kind) -> FloatArray:
    """Targets (B,) as rows: one column for a single output, one-hot rows (B, m) for labels."""
    if outputs == 1:
        return targets[:, None]
    if kind != "classes":
        return targets
    wrong = targets[~np.isin(targets, range(outputs))]
    if wrong.size:
        raise ValueError(f"labels must be whole numbers from 0 to {outputs - 1}, not {wrong[0]:g}")
    return np.eye(outputs)[targets.astype(np.int64)]


def _require_shares(targets: FloatArray, taker: str) -> None:
    """Every binary target is 0, 1 or a share between."""
    wrong = targets[(targets < 0) | (targets > 1)]
    if not wrong.size:
        return
    way = "; write labels -1 and 1 as 0 and 1" if set(np.unique(targets)) == {-1.0, 1.0} else ""
    raise ValueError(f"targets for {taker} must be from 0 to 1, not {wrong[0]:g}{way}")


def _probabilities(targets: FloatArray, tolerance: float) -> FloatArray:
    """Rows of targets that sum to 1; ValueError unless they do so but for rounding."""
    negative = targets[targets < 0]
    if negative.size:
        raise ValueError(f"targets for cross_entropy must be 0 or more, not {negative[0]:g}")
    sums = targets.sum(axis=1)
    wrong = np.flatnonzero(np.abs(sums - 1) > tolerance)
    if wrong.size:
        raise ValueError(
            f"each row of targets for cross_entropy must sum to 1, and row {wrong[0]} sums to "
            f"{sums[wrong[0]]:g}; for several classes in a row, or none, take sigmoid and bce"
        )
    return targets / sums[:, None]


def _tolerance(values: ArrayLike) -> float:
    """How far rounding to the given type can take a row's sum from 1."""
    dtype = np.asarray(values).dtype
    width = np.shape(values)[-1] if np.ndim(values) else 1
    return max(SUM, width * float(np.finfo(dtype).eps)) if dtype.kind == "f" else SUM
