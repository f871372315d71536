"""A loss of scaled targets, for a network that ends in their own units."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import DTypeLike

from nnlab.core.layers import Layer, activated
from nnlab.core.layers.dense import Rescale
from nnlab.core.losses.base import Loss
from nnlab.core.types import Array, FloatArray, Kind, Views


def in_units(loss: Loss, last: Layer) -> Loss:
    """The loss for a network with this last layer: of scaled targets if that is `rescale`."""
    if not isinstance(last, Rescale) or not last.mean or "regression" not in loss.kinds:
        return loss
    return ScaledTargets(inner=loss, last=last, reduction=loss.reduction)


@dataclass(frozen=True, kw_only=True)
class ScaledTargets(Loss):
    """inner(z, (t - mean) / spread) with z, the input of the last layer y = z spread + mean.

    Outputs, decoded targets and so all metrics are in the units of t.
    """

    inner: Loss
    last: Rescale
    fuses: ClassVar[str | None] = "rescale"
    kinds: ClassVar[tuple[Kind, ...]] = ("regression",)

    @property
    def plain(self) -> Loss:
        return self.inner

    @property
    def term_formula(self) -> str:
        return re.sub(r"\by\b", "z", self.inner.term_formula)

    @property
    def dz_formula(self) -> str:
        return re.sub(r"\by\b", "z", self.inner.dz_formula)

    def per_output(self, outputs: int) -> Loss:
        return self.inner.per_output(outputs)

    def encode(self, targets: FloatArray) -> FloatArray:
        return (self.inner.encode(targets) - np.array(self.last.mean)) / np.array(self.last.spread)

    def decode(self, coded: Array) -> Array:
        return self.inner.decode(self.outputs(coded))

    def outputs(self, z: Array) -> Array:
        return activated(self.last, z)

    def refusal(self, targets: Array) -> str:
        return self.inner.refusal(targets)

    def width(self, targets: int) -> int:
        return self.inner.width(targets)

    def answers(self, y: Array) -> Array:
        return self.inner.answers(y)

    def output_names(self, targets: Sequence[str]) -> list[str]:
        return self.inner.output_names(targets)

    def bind(self, batch: int, outputs: int, dtype: DTypeLike) -> Views:
        return self.inner.bind(batch, outputs, dtype)

    def gradient(self, z: Array, t: Array, dz: Array, s: Views) -> None:
        self.inner.gradient(z, t, dz, s)

    def terms(self, z: Array, t: Array) -> Array:
        return self.inner.terms(z, t)


def fitted_rescale(loss: Loss, targets: FloatArray, weights: FloatArray | None) -> Rescale:
    """The layer for training targets (N, m), with weights (N,); a constant target has spread 1."""
    columns = loss.encode(targets)  # (N, k), a column per output
    mean = np.average(columns, axis=0, weights=weights)
    spread = np.sqrt(np.average(np.square(columns - mean), axis=0, weights=weights))
    constant = spread <= 1e-12 * np.abs(mean)  # but for rounding
    return Rescale(tuple(mean.tolist()), tuple(np.where(constant, 1.0, spread).tolist()))
