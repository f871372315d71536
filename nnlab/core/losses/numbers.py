"""Losses between an output and a number."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Gt, Lt, MinLen
from numpy.typing import DTypeLike

from nnlab.core.layers.activations import LARGEST_POWER
from nnlab.core.losses.base import Loss
from nnlab.core.types import Array, FloatArray, Kind, Views


@dataclass(frozen=True)
class Mse(Loss):
    """Squared error (z - t)^2, without a factor 1/2: the derivative is 2 (z - t)."""

    factor: ClassVar[float] = 2.0
    term_formula = "(y - t)**2"
    dz_formula = "2 * (y - t)"

    def gradient(self, z: Array, t: Array, dz: Array, s: Views) -> None:
        """dz = (z - t) scale; the 2 is part of the scale."""
        np.subtract(z, t, dz)  # (B, m)
        np.multiply(dz, s.scale, dz)

    def terms(self, z: Array, t: Array) -> Array:
        error = z - t  # (B, m)
        return error * error


@dataclass(frozen=True)
class Mae(Loss):
    """Absolute error |z - t|, with derivative sign(z - t), 0 at 0."""

    term_formula = "abs(y - t)"
    dz_formula = "sign(y - t)"

    def gradient(self, z: Array, t: Array, dz: Array, s: Views) -> None:
        np.subtract(z, t, dz)
        np.sign(dz, dz)
        np.multiply(dz, s.scale, dz)

    def terms(self, z: Array, t: Array) -> Array:
        return np.abs(z - t)


@dataclass(frozen=True)
class Huber(Loss):
    """With e = z - t: e^2 / 2 for |e| <= delta, else delta (|e| - delta / 2) (Huber, 1964)."""

    delta: Annotated[float, Gt(0)] = 1.0
    term_formula = "(y - t)**2 / 2 if abs(y - t) <= delta else delta * (abs(y - t) - delta / 2)"
    dz_formula = "clip(y - t, -delta, delta)"

    def gradient(self, z: Array, t: Array, dz: Array, s: Views) -> None:
        """dz = e scale, with e held to [-delta, delta]."""
        np.subtract(z, t, dz)
        np.clip(dz, -self.delta, self.delta, out=dz)
        np.multiply(dz, s.scale, dz)

    def terms(self, z: Array, t: Array) -> Array:
        """c (|e| - c / 2) with c = min(|e|, delta) covers both cases."""
        error = np.abs(z - t)
        near = np.minimum(error, self.delta)
        return near * (error - near / 2)


@dataclass(frozen=True)
class LogCosh(Loss):
    """log cosh(z - t): about e^2 / 2 for small errors e and |e| - log 2 for large ones."""

    term_formula = "abs(y - t) + log((1 + exp(-2 * abs(y - t))) / 2)"
    dz_formula = "tanh(y - t)"

    def gradient(self, z: Array, t: Array, dz: Array, s: Views) -> None:
        np.subtract(z, t, dz)
        np.tanh(dz, dz)
        np.multiply(dz, s.scale, dz)

    def terms(self, z: Array, t: Array) -> Array:
        """Below 1 it is log(1 + u^2 / (2 + 2 u)) with u = exp(-|e|) - 1, exact for small e."""
        error = np.abs(z - t)
        u = np.expm1(-np.minimum(error, 1))
        near = np.log1p(u * u / (2 + 2 * u))
        far = error + np.log1p(np.exp(-2 * error)) - np.log(2).astype(z.dtype)
        return np.where(error < 1, near, far)


@dataclass(frozen=True)
class Poisson(Loss):
    """Half the Poisson deviance e^z - t + t (log t - z) of counts t >= 0, whose rate is e^z.

    The last layer is `exp`, which the loss includes, so that the output is the rate and the
    derivative is e^z - t. It is PyTorch's PoissonNLLLoss plus t log t - t, which makes an exact
    answer cost 0. A target need not be a whole number.
    """

    fuses: ClassVar[str | None] = "exp"
    kinds: ClassVar[tuple[Kind, ...]] = ("regression",)
    term_formula = "y - t + t * log(max(t, 1e-30) / y)"
    dz_formula = "y - t"

    def refusal(self, targets: Array) -> str:
        least = targets.min(initial=0)
        return f"poisson is for counts, and a target is {least:g}" if least < 0 else ""

    def gradient(self, z: Array, t: Array, dz: Array, s: Views) -> None:
        """dz = (exp(z) - t) scale; z is held as the layer holds it."""
        np.minimum(z, LARGEST_POWER, out=dz)
        np.exp(dz, dz)
        np.subtract(dz, t, dz)
        np.multiply(dz, s.scale, dz)

    def terms(self, z: Array, t: Array) -> Array:
        """0 log 0 is 0."""
        return np.exp(np.minimum(z, LARGEST_POWER)) - t + t * (np.log(np.maximum(t, 1e-30)) - z)


@dataclass(frozen=True)
class Quantile(Loss):
    """tau (t - z) where z is below t, else (1 - tau) (z - t), for each tau (Koenker, 1978).

    The best answer is the value that t is below with probability tau. The network has an output
    per target and quantile, first all quantiles of the first target. Metrics compare the target
    with the quantile nearest to 0.5, the first of two as near. The outputs for two quantiles may
    cross.

    quantiles: between 0 and 1; 0.05 and 0.95 bound a band that holds 90 % of the targets.
    """

    quantiles: Annotated[tuple[Annotated[float, Gt(0), Lt(1)], ...], MinLen(1)] = (0.1, 0.5, 0.9)
    kinds: ClassVar[tuple[Kind, ...]] = ("regression",)
    term_formula = "quantiles * max(t - y, 0) + (1 - quantiles) * max(y - t, 0)"
    dz_formula = "(1 + sign(y - t)) / 2 - quantiles"

    def width(self, targets: int) -> int:
        return targets * len(self.quantiles)

    def encode(self, targets: FloatArray) -> FloatArray:
        """Each target once per quantile, (N, m q)."""
        return np.repeat(targets, len(self.quantiles), axis=1)

    def answers(self, y: Array) -> Array:
        distances = np.round(np.abs(np.array(self.quantiles) - 0.5), 12)  # 0.3 and 0.7 are equal
        middle = int(np.argmin(distances))
        return y[:, middle :: len(self.quantiles)]

    def output_names(self, targets: Sequence[str]) -> list[str]:
        return [f"{name} q{tau:g}" for name in targets for tau in self.quantiles]

    def bind(self, batch: int, outputs: int, dtype: DTypeLike) -> Views:
        s = super().bind(batch, outputs, dtype)
        s.half, s.shift = np.array(0.5, dtype), 0.5 - self._of_outputs(outputs, dtype)
        return s

    def per_output(self, outputs: int) -> Loss:
        return replace(self, quantiles=self.quantiles * (outputs // len(self.quantiles)))

    def _of_outputs(self, outputs: int, dtype: DTypeLike) -> Array:
        """tau of each output, (m q,)."""
        return np.tile(np.array(self.quantiles, dtype), outputs // len(self.quantiles))

    def gradient(self, z: Array, t: Array, dz: Array, s: Views) -> None:
        """dz = ((1 + sign(z - t)) / 2 - tau) scale."""
        np.subtract(z, t, dz)
        np.sign(dz, dz)
        np.multiply(dz, s.half, dz)
        np.add(dz, s.shift, dz)  # (B, m q) + (m q,)
        np.multiply(dz, s.scale, dz)

    def terms(self, z: Array, t: Array) -> Array:
        error, tau = t - z, self._of_outputs(z.shape[1], z.dtype)
        return np.where(error > 0, tau * error, (tau - 1) * error)
