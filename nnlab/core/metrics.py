"""What is reported beside the loss: accuracy, errors, r2, and tables over classes.

`Tally` gathers them over the batches of an epoch; its sums are all its state, one float64 vector.
z is what the loss sees: logits where the last activation is fused, else outputs. The largest
logit is also the largest probability, and a sigmoid is at least 1/2 where its logit is at least 0.
"""

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from nnlab.core.losses import Loss
from nnlab.core.types import Array, FloatArray, IntArray

Kind = Literal["classes", "binary", "regression"]

METRICS: dict[Kind, tuple[str, ...]] = {
    "classes": ("accuracy",),
    "binary": ("accuracy",),
    "regression": ("mae", "r2"),
}
HIGHER_IS_BETTER = frozenset({"accuracy", "r2"})


def better_when(monitor: str) -> Literal["min", "max"]:
    """Which way a monitored value like "val_accuracy" gets better."""
    return "max" if monitor.partition("_")[2] in HIGHER_IS_BETTER else "min"


def correct(kind: Kind, z: Array, t: Array, logits: bool) -> NDArray[np.bool_]:
    """Which rows are right, (B,); of several binary outputs all must be."""
    if kind == "classes":
        found: NDArray[np.bool_] = z.argmax(1) == t.argmax(1)
        return found
    right = (z >= (0.0 if logits else 0.5)) == (t > 0.5)
    return right[:, 0] if right.shape[1] == 1 else right.all(axis=1)


def guesses(outputs: Array) -> IntArray:
    """Class numbers (N,) that outputs (N, m) mean: the largest, or whether a single one >= 1/2."""
    if outputs.shape[1] > 1:
        found: IntArray = outputs.argmax(1)
        return found
    return (outputs[:, 0] >= 0.5).astype(np.int64)


@dataclass(frozen=True)
class Tally:
    """Sums over batches: rows, loss, then what the metrics of `kind` need.

    Losses are added one batch after the other, so that the sum does not depend on how many
    batches are handed over at once.
    """

    kind: Kind
    loss: Loss
    outputs: int  # m
    variance: tuple[float, ...] = ()  # of each target over the part, for r2

    @classmethod
    def of(cls, kind: Kind, loss: Loss, targets: Array) -> Self:
        """The tally of a part with these targets (N, m)."""
        spread = targets.var(axis=0, dtype=np.float64).tolist() if kind == "regression" else ()
        return cls(kind, loss, targets.shape[1], tuple(spread))

    def zero(self) -> FloatArray:
        """The sums of no batch at all."""
        return np.zeros(3 if self.kind != "regression" else 3 + self.outputs)

    def add(self, sums: FloatArray, z: Array, t: Array, batch: int) -> FloatArray:
        """Add k batches z, t (k B, m) of B = `batch` rows; the sums of their losses, (k,)."""
        losses = self.losses(z, t, batch)
        total = float(sums[1])
        for value in losses.tolist():
            total += value
        sums[0] += len(z)
        sums[1] = total
        sums[2:] += self.others(z, t, 1)[0]
        return losses

    def epochs(self, z: Array, t: Array, batch: int, count: int) -> FloatArray:
        """The sums (K, S) of each of K = `count` whole epochs, whose rows follow each other."""
        if not count:
            return np.empty((0, len(self.zero())))
        losses = self.losses(z, t, batch).reshape(count, -1)
        rows = np.full((count, 1), len(z) // count, np.float64)
        last = np.cumsum(losses, axis=1)[:, -1:]  # one after the other, as `add` does
        return np.hstack([rows, last, self.others(z, t, count)])

    def losses(self, z: Array, t: Array, batch: int) -> FloatArray:
        """The summed loss of each batch."""
        terms = self.loss.terms(z, t).reshape(-1, batch * self.outputs)
        found: FloatArray = np.add.reduce(terms, axis=1, dtype=np.float64)
        if self.loss.reduction == "mean":
            found /= self.outputs
        return found

    def others(self, z: Array, t: Array, count: int) -> FloatArray:
        """Per `count` equal parts of the rows: right ones, or absolute and squared errors."""
        if self.kind != "regression":
            right = correct(self.kind, z, t, self.loss.fuses is not None)
            return right.reshape(count, -1).sum(axis=1, keepdims=True)
        error = np.subtract(z, t, dtype=np.float64)
        absolute = np.add.reduce(np.abs(error).reshape(count, -1), axis=1, keepdims=True)
        squares = np.add.reduce((error * error).reshape(count, -1, self.outputs), axis=1)
        return np.hstack([absolute, squares])

    def result(self, sums: FloatArray) -> dict[str, float]:
        """{"loss": ..., metric: ...} of all rows added; nan for no rows.

        r2 is 1 - mean squared error / variance of the part's targets, averaged over the outputs;
        an output whose targets are all equal counts 1 if it is met exactly and else 0.
        """
        rows, loss, extra, *squares = sums.tolist()
        if not rows:
            return dict.fromkeys(("loss", *METRICS[self.kind]), float("nan"))
        if self.kind != "regression":
            return {"loss": loss / rows, "accuracy": extra / rows}
        scores = [
            1 - square / (rows * variance) if variance else float(square == 0)
            for square, variance in zip(squares, self.variance, strict=True)
        ]
        mae = extra / (rows * self.outputs)
        return {"loss": loss / rows, "mae": mae, "r2": sum(scores) / self.outputs}

    def results(self, sums: FloatArray) -> list[dict[str, float]]:
        """`result` for each row of sums (K, S), of which none is empty."""
        if self.kind == "regression":
            return [self.result(row) for row in sums]
        losses, hits = (sums[:, 1:3] / sums[:, :1]).T.tolist()
        return [{"loss": loss, "accuracy": part} for loss, part in zip(losses, hits, strict=True)]


def confusion(labels: IntArray, predicted: IntArray, classes: int) -> IntArray:
    """Counts (C, C): row = true class, column = predicted class."""
    pairs = np.bincount(labels * classes + predicted, minlength=classes * classes)
    return pairs.reshape(classes, classes)


@dataclass(frozen=True)
class ClassScore:
    """One class: precision = TP / predicted, recall = TP / true, their harmonic mean, true rows.

    A quotient without a denominator is 0, as in scikit-learn.
    """

    precision: float
    recall: float
    f1: float
    support: int


def class_scores(matrix: IntArray) -> list[ClassScore]:
    """The scores of every class, from a confusion matrix (C, C)."""
    hit, true, predicted = matrix.diagonal(), matrix.sum(axis=1), matrix.sum(axis=0)
    return [
        ClassScore(
            precision=float(hit[c] / predicted[c]) if predicted[c] else 0.0,
            recall=float(hit[c] / true[c]) if true[c] else 0.0,
            f1=float(2 * hit[c] / (true[c] + predicted[c])) if true[c] + predicted[c] else 0.0,
            support=int(true[c]),
        )
        for c in range(len(matrix))
    ]
