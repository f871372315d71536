"""Curves and scores that need all rows at once: ROC, precision and recall, calibration.

Functions of a `PartAnswers` are the values of metrics; the others take arrays:

truth (N,): 1 for a positive row, else 0. scores (N,): larger for rows that look positive; equal
ones are one step of a curve. weights (N,): how much each row counts.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nnlab.core.types import Array, FloatArray

if TYPE_CHECKING:
    from nnlab.core.metrics import PartAnswers

ROUNDING = 4  # numbers that differ by so many units of their last place are constant


class Curve(NamedTuple):
    """Points of a curve, (K,) each."""

    x: FloatArray
    y: FloatArray

    @property
    def area(self) -> float:
        """The area below the lines between the points."""
        return float(np.sum(np.diff(self.x) * (self.y[1:] + self.y[:-1]) / 2))


class Calibration(NamedTuple):
    """Bins of probabilities, (K,) each, without the empty ones."""

    predicted: FloatArray  # the mean probability
    actual: FloatArray  # the share of positive rows
    weight: FloatArray  # the share of all rows


def roc_curve(truth: Array, scores: Array, weights: Array) -> Curve:
    """The share of positive rows at or above each threshold (y) over that of the negative (x).

    nan where there are no rows of a kind.
    """
    positive, taken = _counts(truth, scores, weights)
    negative = taken - positive
    with np.errstate(invalid="ignore"):
        x, y = (np.append(0.0, part) / part[-1] for part in (negative, positive))
    return Curve(x, y)


def roc_auc(truth: Array, scores: Array, weights: Array) -> float:
    """The area below the ROC curve; nan where there are no rows of a kind."""
    return roc_curve(truth, scores, weights).area


def precision_recall_curve(truth: Array, scores: Array, weights: Array) -> Curve:
    """Precision (y) over recall (x), from the highest threshold on; nan without positive rows."""
    positive, taken = _counts(truth, scores, weights)
    precision = np.divide(positive, taken, out=np.zeros(len(taken)), where=taken > 0)
    with np.errstate(invalid="ignore"):
        return Curve(positive / positive[-1], precision)


def precision_area(truth: Array, scores: Array, weights: Array) -> float:
    """sum_k (recall_k - recall_k-1) precision_k; nan without positive rows."""
    recall, precision = precision_recall_curve(truth, scores, weights)
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def calibration(truth: Array, scores: Array, weights: Array, bins: int = 10) -> Calibration:
    """Probabilities in equal bins of 0..1, and how often they come true."""
    edges = np.linspace(0.0, 1.0, bins + 1)[1:-1]
    numbers = np.searchsorted(edges, scores)
    sums = [np.bincount(numbers, weights * part, bins) for part in (1.0, scores, truth)]
    weight, predicted, actual = (part[sums[0] > 0] for part in sums)
    return Calibration(predicted / weight, actual / weight, weight / weight.sum())


def _counts(truth: Array, scores: Array, weights: Array) -> tuple[FloatArray, FloatArray]:
    """Positive rows, and all rows, at or above each distinct score, from the highest down; (K,)."""
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    weights = np.asarray(weights, np.float64)[order]
    return np.cumsum(weights * truth[order])[ends], np.cumsum(weights)[ends]


def matthews(matrix: Array) -> float:
    """The correlation of true and predicted classes, from a confusion matrix (C, C).

    (c s - t p) / sqrt((s^2 - p p) (s^2 - t t)) with s rows, c right rows, t and p (C,) the true
    and the predicted rows of each class; 0 where all rows are of one class, or taken for it
    (Gorodkin, 2004).
    """
    matrix = np.asarray(matrix, np.float64)
    true, predicted = matrix.sum(axis=1), matrix.sum(axis=0)
    rows, right = matrix.sum(), matrix.trace()
    spread = (rows**2 - predicted @ predicted) * (rows**2 - true @ true)
    return float((right * rows - true @ predicted) / np.sqrt(spread)) if spread > 0 else 0.0


def constant(values: Array) -> NDArray[np.bool_]:
    """Which columns of (N, m) are constant but for rounding, (m,)."""
    low, high = (bound.astype(np.float64) for bound in (values.min(0), values.max(0)))
    largest = np.maximum(np.abs(low), np.abs(high))
    return np.asarray(high - low <= ROUNDING * np.finfo(values.dtype).eps * largest)


# --- the values of metrics ---------------------------------------------------------------------


def auc(part: "PartAnswers") -> float:
    """The area below the ROC curve: how often a row of a class scores above a row of none.

    The mean over the outputs (each class against the rest) whose part has rows of both kinds.
    """
    return part.mean_over_outputs(roc_auc)


def precision(part: "PartAnswers") -> float:
    """The mean precision over the levels of recall: sum_k (R_k - R_(k-1)) P_k.

    The mean over the outputs (each class against the rest) whose part has rows of the class.
    """
    return part.mean_over_outputs(precision_area)


def balanced(part: "PartAnswers") -> float:
    """The mean recall of the classes that occur; of several binary outputs the mean."""
    recalls = []
    for matrix in part.confusions:
        rows = matrix.sum(axis=1)
        recalls.append((matrix.diagonal()[rows > 0] / rows[rows > 0]).mean())
    return float(np.mean(recalls))


def mcc(part: "PartAnswers") -> float:
    """The correlation of true and predicted classes; 0 is chance. Of several outputs the mean."""
    return float(np.mean([matthews(matrix) for matrix in part.confusions]))


def log_loss(part: "PartAnswers") -> float:
    """-log of the probability of the true class, without class weights and label smoothing.

    Probabilities are kept from 0 by the rounding of their type, as in scikit-learn.
    """
    eps = np.finfo(part.outputs.dtype).eps
    p = np.clip(part.outputs, eps, 1 - eps).astype(np.float64)
    if part.kind == "classes":
        return part.mean(-np.log((part.truth * p).sum(axis=1)))
    return part.mean(-np.log(np.where(part.truth == 1, p, 1 - p)).mean(axis=1))


def brier(part: "PartAnswers") -> float:
    """Squared error of probabilities: of class 1 (binary), or summed over the classes."""
    squares = (part.outputs.astype(np.float64) - part.truth) ** 2
    return part.mean(squares.sum(axis=1) if part.kind == "classes" else squares.mean(axis=1))


def explained(part: "PartAnswers") -> float:
    """1 - variance of the errors / variance of the targets; a constant error costs nothing.

    The mean over the outputs. An output with constant targets counts 1 if its error is constant.
    """
    error = np.subtract(part.outputs, part.t, dtype=np.float64)
    rest, whole = (weighted_variance(values, part.weights) for values in (error, part.t))
    quotient = np.divide(rest, whole, out=(rest > 0) * 1.0, where=whole > 0)
    return float(np.mean(1 - quotient))


def weighted_variance(values: Array, weights: Array) -> FloatArray:
    """The weighted variance (m,) of (N, m); 0 for columns that are constant but for rounding."""
    mean = np.average(values, axis=0, weights=weights)
    squares = np.average((values - mean) ** 2, axis=0, weights=weights)
    return np.where(constant(values), 0.0, squares)


def top(k: int) -> Callable[["PartAnswers"], float]:
    """The share of rows whose class is among the k largest outputs."""

    def value(part: "PartAnswers") -> float:
        own = np.take_along_axis(part.outputs, part.labels[:, None], axis=1)
        first = np.arange(part.outputs.shape[1]) < part.labels[:, None]
        ahead = (part.outputs > own) | ((part.outputs == own) & first)
        return part.mean(ahead.sum(axis=1) < k)

    value.__doc__ = (
        f"Rows whose class is among the {k} largest outputs / rows; of equal outputs the first "
        "counts as larger."
    )
    return value
