"""Losses between an output and a number."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Gt

from nnlab.core.losses.base import Loss
from nnlab.core.types import Array, Views


@dataclass(frozen=True)
class Mse(Loss):
    """Squared error (z - t)^2, without a factor 1/2: the derivative is 2 (z - t)."""

    factor: ClassVar[float] = 2.0

    def gradient(self, z: Array, t: Array, dz: Array, s: Views) -> None:
        """dz = (z - t) scale; the 2 is part of the scale."""
        np.subtract(z, t, dz)
        np.multiply(dz, s.scale, dz)

    def terms(self, z: Array, t: Array) -> Array:
        """(z - t)^2."""
        error = z - t
        return np.multiply(error, error, out=error)


@dataclass(frozen=True)
class Mae(Loss):
    """Absolute error |z - t|, with derivative sign(z - t), 0 at 0."""

    def gradient(self, z: Array, t: Array, dz: Array, s: Views) -> None:
        """dz = sign(z - t) scale."""
        np.subtract(z, t, dz)
        np.sign(dz, dz)
        np.multiply(dz, s.scale, dz)

    def terms(self, z: Array, t: Array) -> Array:
        """|z - t|."""
        return np.abs(z - t)


@dataclass(frozen=True)
class Huber(Loss):
    """With e = z - t: e^2 / 2 for |e| <= delta, else delta (|e| - delta / 2) (Huber, 1964)."""

    delta: Annotated[float, Gt(0)] = 1.0

    def gradient(self, z: Array, t: Array, dz: Array, s: Views) -> None:
        """dz = e scale, with e held to [-delta, delta]."""
        np.subtract(z, t, dz)
        np.clip(dz, -self.delta, self.delta, out=dz)
        np.multiply(dz, s.scale, dz)

    def terms(self, z: Array, t: Array) -> Array:
        """c (|e| - c / 2) with c = min(|e|, delta) is both cases in one."""
        error = np.abs(z - t)
        near = np.minimum(error, self.delta)
        return near * (error - near / 2)
