"""What is reported beside the loss: accuracy, errors, r2, and tables over classes.

`Tally` gathers them over the batches of an epoch; its sums are all its state, one float64 vector.
z is what the loss sees: logits where the last activation is fused, else outputs. The largest
logit is also the largest probability, and a sigmoid is at least 1/2 where its logit is at least 0.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np

from nnlab.core.losses import Loss
from nnlab.core.types import Array, FloatArray, IntArray

Kind = Literal["classes", "binary", "regression"]

METRICS: dict[Kind, tuple[str, ...]] = {
    "classes": ("accuracy",),
    "binary": ("accuracy",),
    "regression": ("mae", "r2"),
}
HIGHER_IS_BETTER = frozenset({"accuracy", "r2"})


def count_correct(kind: Kind, z: Array, t: Array, logits: bool) -> int:
    """How many rows are right; of several binary outputs all must be."""
    if kind == "classes":
        return int(np.count_nonzero(z.argmax(1) == t.argmax(1)))
    right = (z >= (0.0 if logits else 0.5)) == (t > 0.5)
    return int(np.count_nonzero(right if right.shape[1] == 1 else right.all(axis=1)))


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
        terms = self.loss.terms(z, t).reshape(-1, batch * self.outputs)
        per_batch: FloatArray = np.add.reduce(terms, axis=1, dtype=np.float64)
        if self.loss.reduction == "mean":
            per_batch /= self.outputs
        total = float(sums[1])
        for value in per_batch.tolist():
            total += value
        sums[0] += len(z)
        sums[1] = total
        if self.kind == "regression":
            self.add_errors(sums, z, t)
        else:
            sums[2] += count_correct(self.kind, z, t, self.loss.fuses is not None)
        return per_batch

    def add_errors(self, sums: FloatArray, z: Array, t: Array) -> None:
        """Absolute errors, and squared errors of each output."""
        error = np.subtract(z, t, dtype=np.float64)
        sums[2] += np.add.reduce(np.abs(error), axis=None)
        sums[3:] += np.add.reduce(error * error, axis=0)

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

    def results(self, sums: FloatArray) -> tuple[Iterator[dict[str, float]], FloatArray]:
        """`result` for each row of sums (K, S), of which none is empty; and the losses alone."""
        losses: FloatArray = sums[:, 1] / sums[:, 0]
        if self.kind == "regression":
            return map(self.result, sums), losses
        pairs = zip(losses.tolist(), (sums[:, 2] / sums[:, 0]).tolist(), strict=True)
        return ({"loss": loss, "accuracy": accuracy} for loss, accuracy in pairs), losses


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
