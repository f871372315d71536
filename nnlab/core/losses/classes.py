"""Losses between scores and classes."""

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Gt, Lt
from numpy.typing import DTypeLike

from nnlab.core.layers.activations import logistic
from nnlab.core.losses.base import Loss, Reduction
from nnlab.core.types import Array, FloatArray, IntArray, Kind, Views


@dataclass(frozen=True, kw_only=True)
class ClassLoss(Loss):
    """A loss over C classes.

    class_weight: a factor per class, or "balanced": N / (C n_c) with n_c of the N training rows
    in class c. The factors multiply the terms of their class and nothing is divided by their sum.
    label_smoothing: a number a that moves every target to the even guess: (1 - a) t + a / C.
    """

    class_weight: Literal["balanced"] | tuple[Annotated[float, Ge(0)], ...] | None = None
    label_smoothing: Annotated[float, Ge(0), Lt(1)] = 0.0

    def encode(self, targets: FloatArray) -> FloatArray:
        if self.label_smoothing == 0:
            return targets
        classes = self.classes(targets.shape[1])
        return targets * (1 - self.label_smoothing) + self.label_smoothing / classes

    def classes(self, outputs: int) -> int:
        """C, the number of classes that the outputs choose among."""
        return outputs

    def prepare(self, labels: IntArray, classes: int, weights: FloatArray | None = None) -> Loss:
        """With "balanced" replaced by numbers; ValueError where a class has no row."""
        if self.class_weight != "balanced":
            return self
        counts = np.bincount(labels, weights, minlength=classes)
        if not counts.all():
            raise ValueError(
                f"class {int(np.argmin(counts))} has no row, so class_weight: balanced has no "
                "weight for it"
            )
        factors = counts.sum() / (classes * counts)
        return replace(self, class_weight=tuple(factors.tolist()))

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
    kinds: ClassVar[tuple[Kind, ...]] = ("classes",)
    reduction: Reduction = "batch_mean"

    @property
    def term_formula(self) -> str:
        return "-t * log(y)" if self.class_weight is None else "-class_weight * t * log(y)"

    @property
    def dz_formula(self) -> str:
        if self.class_weight is None:
            return "y - t"
        return "y * sum(class_weight * t) - class_weight * t"

    def bind(self, batch: int, outputs: int, dtype: DTypeLike) -> Views:
        """z class by class (C, B): sums along the long axis are 3 times faster for few classes."""
        s = super().bind(batch, outputs, dtype)
        s.z, s.row = np.empty((outputs, batch), dtype), np.empty(batch, dtype)
        s.ones = np.ones(outputs, dtype)
        if (weights := self.weights(outputs)) is not None:
            s.w, s.u = np.array(weights, dtype), np.empty((batch, outputs), dtype)
        return s

    def gradient(self, z: Array, t: Array, dz: Array, s: Views) -> None:
        """dz = (softmax(z) - t) scale, or with weights (softmax(z) sum u - u) scale."""
        np.copyto(s.z, z.T)  # (C, B)
        np.maximum.reduce(s.z, axis=0, out=s.row)  # (B,)
        np.subtract(s.z, s.row, s.z)
        np.exp(s.z, s.z)  # (C, B)
        s.ones.dot(s.z, s.row)  # (C,) (C, B) -> (B,)
        np.divide(s.z, s.row, s.z)
        u = t
        if self.class_weight is not None:
            u = np.multiply(t, s.w, s.u)  # (B, C)
            np.sum(u, axis=1, out=s.row)
            np.multiply(s.z, s.row, s.z)
        np.subtract(s.z.T, u, dz)  # (B, C)
        np.multiply(dz, s.scale, dz)

    def terms(self, z: Array, t: Array) -> Array:
        """w_c t_c (log sum_j exp(z_j - max z) + max z - z_c)."""
        shifted = z - z.max(axis=1, keepdims=True, initial=-np.inf)  # (B, C)
        log_sum = np.log(np.exp(shifted).sum(axis=1, keepdims=True))  # (B, 1)
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
    kinds: ClassVar[tuple[Kind, ...]] = ("classes", "binary")

    @property
    def term_formula(self) -> str:
        if self.class_weight is None:
            return "-t * log(y) - (1 - t) * log(1 - y)"
        return "-w_1 * t * log(y) - w_0 * (1 - t) * log(1 - y)"

    @property
    def dz_formula(self) -> str:
        return "y - t" if self.class_weight is None else "y * (w_1 * t + w_0 * (1 - t)) - w_1 * t"

    def classes(self, outputs: int) -> int:
        return 2

    def bind(self, batch: int, outputs: int, dtype: DTypeLike) -> Views:
        s = super().bind(batch, outputs, dtype)
        s.half, s.weights = np.array(0.5, dtype), self.weights(2)
        if s.weights is not None:
            s.off, s.on = np.empty((2, batch, outputs), dtype)
        return s

    def gradient(self, z: Array, t: Array, dz: Array, s: Views) -> None:
        """dz = (s(z) - t) scale, or its weighted form."""
        logistic(z, dz, s.half)
        if s.weights is None:
            np.subtract(dz, t, dz)
        else:
            np.multiply(t, s.weights[1], s.on)  # (B, m)
            np.subtract(1, t, s.off)
            np.multiply(s.off, s.weights[0], s.off)
            np.add(s.off, s.on, s.off)
            np.multiply(dz, s.off, dz)
            np.subtract(dz, s.on, dz)
        np.multiply(dz, s.scale, dz)

    def terms(self, z: Array, t: Array) -> Array:
        """max(z, 0) - z t + log(1 + exp(-|z|)) for each output, the two classes weighted."""
        tail = np.log1p(np.exp(-np.abs(z)))  # (B, m)
        weights = self.weights(2)
        if weights is None:
            return np.maximum(z, 0) - z * t + tail
        on = t * (np.maximum(-z, 0) + tail)
        off = (1 - t) * (np.maximum(z, 0) + tail)
        return weights[1] * on + weights[0] * off


@dataclass(frozen=True)
class Hinge(Loss):
    """max(0, margin + z_j - z_c) for each class j but the true class c; a linear last layer.

    For two classes it is the hinge loss max(0, margin - s d) of a support vector machine, with
    d = z_1 - z_0 and s = 1 or -1; for more, that of Weston and Watkins (1999), which PyTorch calls
    MultiMarginLoss. The derivative is 1 for each wrong class within the margin, and minus their
    number for the true class. Outputs are scores, not probabilities.
    """

    margin: Annotated[float, Gt(0)] = 1.0
    reduction: Reduction = "batch_mean"
    kinds: ClassVar[tuple[Kind, ...]] = ("classes",)
    term_formula = "(1 - t) * max(margin + y - sum(t * y), 0)"

    @property
    def dz_formula(self) -> str:
        within = "(1 - t) * max(sign(margin + y - sum(t * y)), 0)"
        return f"{within} - t * sum({within})"

    def bind(self, batch: int, outputs: int, dtype: DTypeLike) -> Views:
        s = super().bind(batch, outputs, dtype)
        s.work, s.row = np.empty((batch, outputs), dtype), np.empty((batch, 1), dtype)
        return s

    def gradient(self, z: Array, t: Array, dz: Array, s: Views) -> None:
        np.multiply(t, z, s.work)  # (B, C)
        np.sum(s.work, axis=1, keepdims=True, out=s.row)  # the score of the true class
        np.subtract(z, s.row, dz)
        np.add(dz, self.margin, dz)
        np.sign(dz, dz)
        np.maximum(dz, 0, out=dz)
        np.subtract(1, t, s.work)
        np.multiply(dz, s.work, dz)  # 1 for a wrong class within the margin
        np.sum(dz, axis=1, keepdims=True, out=s.row)
        np.multiply(t, s.row, s.work)
        np.subtract(dz, s.work, dz)
        np.multiply(dz, s.scale, dz)

    def terms(self, z: Array, t: Array) -> Array:
        true = (t * z).sum(axis=1, keepdims=True)  # (B, 1)
        return (1 - t) * np.maximum(self.margin + z - true, 0)
