"""Losses between logits and classes, each fused with the activation that ends the network."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Lt

from nnlab.core.losses.base import Loss, Reduction
from nnlab.core.memory import Scratch
from nnlab.core.types import Array, FloatArray, IntArray, Views


@dataclass(frozen=True, kw_only=True)
class ClassLoss(Loss):
    """A loss over C classes.

    class_weight: one factor a class, or "balanced": N / (C n_c) with n_c of the N training rows
    in class c. The factors multiply the terms of their class and nothing is divided by their sum.
    label_smoothing: a number a that moves every target to the even guess: (1 - a) t + a / C.
    """

    class_weight: Literal["balanced"] | tuple[Annotated[float, Ge(0)], ...] | None = None
    label_smoothing: Annotated[float, Ge(0), Lt(1)] = 0.0

    def prepare(self, labels: IntArray, classes: int) -> Loss:
        """With "balanced" replaced by numbers; ValueError where a class has no row."""
        if self.class_weight != "balanced":
            return self
        counts = np.bincount(labels, minlength=classes)
        if not counts.all():
            raise ValueError(
                f"class {int(np.argmin(counts))} has no row, so class_weight: balanced has no "
                "weight for it"
            )
        weights = len(labels) / (classes * counts)
        return replace(self, class_weight=tuple(weights.tolist()))

    def weights(self, classes: int) -> tuple[float, ...] | None:
        """The factors of the classes; ValueError for another number, or while "balanced"."""
        if self.class_weight == "balanced":
            raise ValueError("balanced class weights need the training labels: call prepare first")
        if self.class_weight is not None and len(self.class_weight) != classes:
            raise ValueError(f"{len(self.class_weight)} class weights for {classes} classes")
        return self.class_weight


@dataclass(frozen=True)
class CrossEntropy(ClassLoss):
    """-sum_c w_c t_c log softmax(z)_c, from the logits z (B, C) and one-hot targets t (B, C).

    log softmax(z)_c = z_c - max z - log sum_j exp(z_j - max z). With u = w t the derivative is
    softmax(z) sum_c u_c - u, which is softmax(z) - t without weights.
    """

    fuses: ClassVar[str | None] = "softmax"
    reduction: Reduction = "batch_mean"

    def encode(self, targets: FloatArray) -> FloatArray:
        """(1 - a) t + a / C."""
        if self.label_smoothing == 0:
            return targets
        return targets * (1 - self.label_smoothing) + self.label_smoothing / targets.shape[1]

    def scratch(self, batch: int, outputs: int) -> Mapping[str, Scratch]:
        """Class-major room: reducing along the long axis is 3 times faster for few classes."""
        room = {
            "z": Scratch((outputs, batch)),
            "row": Scratch((batch,)),
            "ones": Scratch((outputs,), fill=1.0),
        }
        if (weights := self.weights(outputs)) is not None:
            room |= {"u": Scratch((batch, outputs)), "w": Scratch((outputs,), fill=weights)}
        return room

    def gradient(self, z: Array, t: Array, dz: Array, s: Views) -> None:
        """dz = (softmax(z) - t) scale, or with weights (softmax(z) sum u - u) scale."""
        np.copyto(s.z, z.T)
        np.maximum.reduce(s.z, axis=0, out=s.row)
        np.subtract(s.z, s.row, s.z)
        np.exp(s.z, s.z)
        s.ones.dot(s.z, s.row)
        np.divide(s.z, s.row, s.z)
        if self.class_weight is None:
            np.subtract(s.z.T, t, dz)
        else:
            np.multiply(t, s.w, s.u)
            np.sum(s.u, axis=1, out=s.row)
            np.multiply(s.z, s.row, s.z)
            np.subtract(s.z.T, s.u, dz)
        np.multiply(dz, s.scale, dz)

    def terms(self, z: Array, t: Array) -> Array:
        """w_c t_c (log sum_j exp(z_j - max z) + max z - z_c)."""
        shifted = z - z.max(axis=1, keepdims=True, initial=-np.inf)
        log_sum = np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        terms = t * (log_sum - shifted)
        weights = self.weights(z.shape[1])
        return terms if weights is None else terms * np.asarray(weights, z.dtype)


@dataclass(frozen=True)
class Bce(ClassLoss):
    """-w_1 t log s(z) - w_0 (1 - t) log(1 - s(z)) with s the sigmoid, from logits z (B, m).

    -log s(z) = log(1 + exp(-z)); every output is a question of its own with classes 0 and 1, so
    C = 2 in the smoothing. The derivative is s(z) (w_1 t + w_0 (1 - t)) - w_1 t, without weights
    s(z) - t.
    """

    fuses: ClassVar[str | None] = "sigmoid"

    def encode(self, targets: FloatArray) -> FloatArray:
        """(1 - a) t + a / 2."""
        if self.label_smoothing == 0:
            return targets
        return targets * (1 - self.label_smoothing) + self.label_smoothing / 2

    def scratch(self, batch: int, outputs: int) -> Mapping[str, Scratch]:
        """Constants, and room for the weighted targets."""
        room = {"half": Scratch(fill=0.5)}
        if (weights := self.weights(2)) is not None:
            room["t1"] = room["t0"] = Scratch((batch, outputs))
            room |= {"w0": Scratch(fill=weights[0]), "w1": Scratch(fill=weights[1])}
        return room

    def gradient(self, z: Array, t: Array, dz: Array, s: Views) -> None:
        """dz = (s(z) - t) scale, or its weighted form."""
        np.multiply(z, s.half, dz)
        np.tanh(dz, dz)
        np.multiply(dz, s.half, dz)
        np.add(dz, s.half, dz)
        if self.class_weight is None:
            np.subtract(dz, t, dz)
        else:
            np.multiply(t, s.w1, s.t1)
            np.subtract(1.0, t, s.t0)
            np.multiply(s.t0, s.w0, s.t0)
            np.add(s.t0, s.t1, s.t0)
            np.multiply(dz, s.t0, dz)
            np.subtract(dz, s.t1, dz)
        np.multiply(dz, s.scale, dz)

    def terms(self, z: Array, t: Array) -> Array:
        """max(z, 0) - z t + log(1 + exp(-|z|)) for each output, the two classes weighted."""
        tail = np.log1p(np.exp(-np.abs(z)))
        weights = self.weights(2)
        if weights is None:
            return np.maximum(z, 0) - z * t + tail
        on = t * (np.maximum(-z, 0) + tail)
        off = (1 - t) * (np.maximum(z, 0) + tail)
        return weights[1] * on + weights[0] * off
