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
    rows, support = class_scores(matrix), matrix.sum(axis=1)
    occurs = support + matrix.sum(axis=0) > 0
    return {"macro": _average(rows, occurs.astype(float)), "weighted": _average(rows, support)}


def label_averages(matrices: Sequence[Array]) -> dict[str, dict[str, float]]:
    """Precision, recall and f1 over labels, from a confusion matrix (2, 2) for each.

    micro: of all labels counted together; macro: their mean; weighted: each label counts by the
    rows that have it, all equally where no row has any. As in scikit-learn.
    """
    rows = [class_scores(matrix)[1] for matrix in matrices]
    support = np.array([row["support"] for row in rows], np.float64)
    return {
        "micro": _average([class_scores(np.sum(matrices, axis=0))[1]], None),
        "macro": _average(rows, None),
        "weighted": _average(rows, support if support.any() else None),
    }


def _average(rows: Sequence[dict[str, Any]], weights: Array | None) -> dict[str, float]:
    """The mean of each score over rows with these weights; None: they count equally."""
    names = ("precision", "recall", "f1")
    return {n: float(np.average([row[n] for row in rows], weights=weights)) for n in names}
