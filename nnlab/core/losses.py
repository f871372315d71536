"""Losses: what the network's outputs cost, and the derivative of that.

A loss between logits and classes fuses the activation that ends the network.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Gt, Lt
from numpy.typing import DTypeLike

from nnlab.core.layers.activations import logistic
from nnlab.core.types import Array, FloatArray, IntArray, Views

Reduction = Literal["mean", "batch_mean", "sum"]


@dataclass(frozen=True, kw_only=True)
class Loss(ABC):
    """Compares z (B, m) with targets t (B, m).

    z is the network's output or, for a loss that `fuses` the last activation, the input of that
    activation (the logits), so that nothing overflows.

    `reduction` sets the gradient's scale: "mean" divides by B m, "batch_mean" by B, "sum" by 1.
    The reported loss is a number per sample: the mean over the m outputs for "mean", else their
    sum; a part's loss is the mean of that over its samples.
    """

    fuses: ClassVar[str | None] = None
    factor: ClassVar[float] = 1.0  # a constant of the derivative, multiplied into the scale
    reduction: Reduction = "mean"

    def encode(self, targets: FloatArray) -> FloatArray:
        """The targets (N, m) as the kernels want them; label smoothing happens here."""
        return targets

    def prepare(self, labels: IntArray, classes: int, weights: FloatArray | None = None) -> "Loss":
        """This loss for training rows with these class labels; balanced weights are fixed here.

        weights (N,): how much each row counts; None: equally.
        """
        return self

    def bind(self, batch: int, outputs: int, dtype: DTypeLike) -> Views:
        """The memory for `gradient` with B = batch rows of m = outputs numbers."""
        rows = {"mean": batch * outputs, "batch_mean": batch, "sum": 1}[self.reduction]
        scale = np.array(self.factor / max(rows, 1), dtype)
        return Views(scale=scale, unweighted=scale)

    def weigh(self, s: Views, weights: Array) -> None:
        """Multiply the rows that the next `gradient` fills by weights (B, 1)."""
        s.scale = s.unweighted * weights  # (B, 1)

    # What `nnlab explain` shows, in the language of explanation/formula.py. Names: y, the output of
    # the network, also where z is something else; t, its target; the loss's settings.

    @property
    def term_formula(self) -> str:
        """The loss of an output; empty where there is none to show."""
        return ""

    @property
    def dz_formula(self) -> str:
        """Its derivative by z; empty where there is none to show."""
        return ""

    @abstractmethod
    def gradient(self, z: Array, t: Array, dz: Array, s: Views) -> None:
        """Fill dz (B, m) with the derivative of the reduced loss."""

    @abstractmethod
    def terms(self, z: Array, t: Array) -> Array:
        """The loss of every output, (B, m); may return an array of its own."""

    def per_sample(self, z: Array, t: Array) -> Array:
        """The reported loss of each row, (B,)."""
        terms = self.terms(z, t)
        return terms.mean(axis=1) if self.reduction == "mean" else terms.sum(axis=1)


# --- between an output and a number -----------------------------------------------------------


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


# --- between logits and classes ---------------------------------------------------------------


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


def plain_losses() -> list[str]:
    """The losses that compare outputs, not logits, with targets."""
    return [name for name, loss in LOSSES.items() if loss.fuses is None]


LOSSES: dict[str, type[Loss]] = {
    "mse": Mse,
    "mae": Mae,
    "huber": Huber,
    "bce": Bce,
    "cross_entropy": CrossEntropy,
}
