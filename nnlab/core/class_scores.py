"""Precision, recall and f1 of classes and labels, from confusion matrices."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnlab.core.types import Array, FloatArray, IntArray


def confusion_matrix(
    labels: IntArray, predicted: IntArray, classes: int, weights: Array | None = None
) -> Array:
    """Counts, or sums of weights, (C, C): row = true class, column = predicted class."""
    pairs = np.bincount(labels * classes + predicted, weights, classes * classes)
    return pairs.reshape(classes, classes)


def class_scores(matrix: Array) -> list[dict[str, Any]]:
    """Scores of every class, from a confusion matrix (C, C).

    precision = TP / predicted, recall = TP / true, f1 their harmonic mean, support the true rows.
    A quotient without a denominator is 0, as in scikit-learn.
    """
    hit, true, predicted = matrix.diagonal(), matrix.sum(axis=1), matrix.sum(axis=0)

    def ratio(part: IntArray, whole: IntArray) -> FloatArray:
        return np.divide(part, whole, out=np.zeros(len(whole)), where=whole > 0)

    precision, recall, f1 = (
        ratio(hit, predicted),
        ratio(hit, true),
        ratio(2 * hit, true + predicted),
    )
    table = {"precision": precision, "recall": recall, "f1": f1, "support": true}
    rows = zip(*(column.tolist() for column in table.values()), strict=True)
    return [dict(zip(table, row, strict=True)) for row in rows]


def score_averages(matrix: Array) -> dict[str, dict[str, float]]:
    """Precision, recall and f1 over the classes, from a confusion matrix (C, C).

    macro: the mean over the classes that occur as true or as predicted, as in scikit-learn;
    weighted: each class counts by its true rows.
    """
    rows = class_scores(matrix)
    support = matrix.sum(axis=1)
    weights = {"macro": (support + matrix.sum(axis=0) > 0).astype(float), "weighted": support}
    return {
        name: {
            score: float(np.average([row[score] for row in rows], weights=of_class))
            for score in ("precision", "recall", "f1")
        }
        for name, of_class in weights.items()
    }


def label_averages(matrices: Sequence[Array]) -> dict[str, dict[str, float]]:
    """Precision, recall and f1 over labels, from a confusion matrix (2, 2) for each.

    micro: of all labels counted together; macro: their mean; weighted: each label counts by the
    rows that have it, all equally where no row has any. As in scikit-learn.
    """
    rows = [class_scores(matrix)[1] for matrix in matrices]
    support = np.array([row["support"] for row in rows], np.float64)
    weights = {"macro": np.ones(len(rows)), "weighted": support if support.any() else None}
    names = ("precision", "recall", "f1")
    together = class_scores(np.sum(matrices, axis=0))[1]
    return {"micro": {name: together[name] for name in names}} | {
        average: {
            name: float(np.average([row[name] for row in rows], weights=own)) for name in names
        }
        for average, own in weights.items()
    }
