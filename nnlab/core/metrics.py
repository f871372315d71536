"""What is reported beside the loss: accuracy, errors, r2, and tables over classes.

`METRICS`, the catalogue, is all that the program knows of metrics: a metric that is added to it
appears in metrics.csv, as `training.monitor`, in figures, sweeps, comparisons, reports and lists.

`decisions` is the only rule that makes classes of outputs: for accuracy, the confusion matrix, the
tables over classes, predictions and figures. It looks at the outputs of the network, the numbers
that are saved and shown, never at logits: two logits that differ may be the same probability.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from math import inf
from operator import add
from typing import Any, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from nnlab.core import columns
from nnlab.core.layers import LAYERS
from nnlab.core.losses import Loss
from nnlab.core.types import Array, FloatArray, IntArray, Views

Kind = Literal["classes", "binary", "regression"]
ROUNDING = 4  # targets that differ by so many units of their last place are constant


def decisions(kind: str, outputs: Array) -> IntArray:
    """The class numbers (N,) that outputs (N, m) mean; 0 or 1 each, (N, m), for several binary.

    For classes it is the largest output, of equal ones the first, as in scikit-learn's MLP; a
    binary output is class 1 from 1/2 on. Targets are read in the same way.
    """
    if kind == "classes":
        return np.asarray(outputs.argmax(1))
    ones = (outputs >= 0.5).astype(np.int64)
    return ones[:, 0] if ones.shape[1] == 1 else ones


def activated(name: str | None, z: Array) -> Array:
    """The outputs (N, m) of the activation after logits z (N, m); z itself without a name."""
    if name is None:
        return z
    layer, outputs = LAYERS[name](), np.empty_like(z)
    scratch = layer.scratch(z.shape[1:], len(z), z.dtype)
    layer.forward(Views(), z, outputs, scratch, False)
    return outputs


class BatchAnswers:
    """The answers to rows with targets t (N, m), and what several metrics need of them.

    z (N, m) is what the loss sees: logits where it fuses the last activation, else outputs.
    """

    def __init__(self, kind: Kind, loss: Loss, z: Array, t: Array) -> None:
        self.kind, self.t = kind, t
        self.outputs = activated(loss.fuses, z)  # of the network, (N, m)

    @cached_property
    def right(self) -> NDArray[np.bool_]:
        """Which rows are right, (N,); of several binary outputs all must be."""
        right = np.equal(decisions(self.kind, self.outputs), decisions(self.kind, self.t))
        return np.asarray(right if right.ndim == 1 else np.logical_and.reduce(right, axis=1))

    @cached_property
    def error(self) -> FloatArray:
        """Outputs - t in float64, (N, m)."""
        return np.subtract(self.outputs, self.t, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Sum:
    """A number that is added up over all rows of a part, or a number per output."""

    of: Callable[[BatchAnswers], Array]  # (N,) or (N, m)
    per_output: bool = False

    def parts(self, answers: BatchAnswers, count: int) -> Array:
        """The sums (count, 1) or (count, m) over `count` equal parts of the rows."""
        terms = self.of(answers)
        if self.per_output:
            return np.asarray(np.add.reduce(terms.reshape(count, -1, terms.shape[1]), axis=1))
        return np.add.reduce(terms.reshape(count, -1), axis=1, keepdims=True)


RIGHT = Sum(lambda answers: answers.right)
ABSOLUTE = Sum(lambda answers: np.abs(answers.error))
SQUARES = Sum(lambda answers: answers.error * answers.error, per_output=True)


class Targets(NamedTuple):
    """What metrics need to know of a part's targets (N, m)."""

    outputs: int  # m
    variance: tuple[float, ...]  # of each target of a regression, (m,); 0: constant

    @classmethod
    def of(cls, kind: Kind, targets: Array) -> Self:
        """The facts of targets (N, m)."""
        outputs = targets.shape[1]
        if kind != "regression" or not len(targets):
            return cls(outputs, (0.0,) * outputs)
        low, high = (bound.astype(np.float64) for bound in (targets.min(0), targets.max(0)))
        largest = np.maximum(np.abs(low), np.abs(high))
        constant = high - low <= ROUNDING * np.finfo(targets.dtype).eps * largest
        variance = np.where(constant, 0.0, targets.var(axis=0, dtype=np.float64))
        return cls(outputs, tuple(variance.tolist()))


@dataclass(frozen=True)
class Metric:
    """A number that says how good the answers to a part are.

    name: how columns and settings call it. label: how figures and tables call it.
    sums: what is added up over the rows. value: the metric, from a list for each sum, the number
    of rows and the targets. Numbers may also be arrays (K,), an entry per epoch.
    """

    name: str
    label: str
    higher_is_better: bool
    range: tuple[float, float]
    tasks: tuple[Kind, ...]
    sums: tuple[Sum, ...]
    value: Callable[[Sequence[Sequence[Any]], Any, Targets], Any]


def kind_of(task: str, outputs: int) -> Kind:
    """How `outputs` numbers per row are judged; labels, and a single output, are binary."""
    if task == "regression":
        return "regression"
    return "binary" if task == "multilabel" or outputs == 1 else "classes"


def metrics_of(kind: Kind) -> list[Metric]:
    """The metrics of a kind of task, in the order of the catalogue."""
    return [metric for metric in METRICS.values() if kind in metric.tasks]


def sums_of(kind: Kind) -> tuple[Sum, ...]:
    """The sums that the metrics of a kind of task need, each once."""
    return tuple(dict.fromkeys(item for metric in metrics_of(kind) for item in metric.sums))


def quantities_of(kind: Kind) -> list[str]:
    """The loss and the metrics of a kind of task, by name."""
    return [columns.LOSS, *(metric.name for metric in metrics_of(kind))]


def better_when(column: str) -> Literal["min", "max"]:
    """Which way a value like "val_accuracy", or a quantity, gets better."""
    metric = METRICS.get(columns.split(column)[1])
    return "max" if metric is not None and metric.higher_is_better else "min"


def is_share(quantity: str) -> bool:
    """Whether a quantity ends at 1."""
    return quantity in METRICS and METRICS[quantity].range[1] == 1


def label_of(quantity: str) -> str:
    """The name of a quantity in figures and tables."""
    return METRICS[quantity].label if quantity in METRICS else quantity


def confusion_matrix(labels: IntArray, predicted: IntArray, classes: int) -> IntArray:
    """Counts (C, C): row = true class, column = predicted class."""
    pairs = np.bincount(labels * classes + predicted, minlength=classes * classes)
    return pairs.reshape(classes, classes)


def class_scores(matrix: IntArray) -> list[dict[str, Any]]:
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


# --- the catalogue ----------------------------------------------------------------------------


def accuracy(sums: Sequence[Sequence[Any]], rows: Any, targets: Targets) -> Any:
    """Right rows / rows."""
    return sums[0][0] / rows


def mae(sums: Sequence[Sequence[Any]], rows: Any, targets: Targets) -> Any:
    """Mean absolute error over rows and outputs."""
    return sums[0][0] / (rows * targets.outputs)


def r2(sums: Sequence[Sequence[Any]], rows: Any, targets: Targets) -> Any:
    """1 - mean squared error / variance of the part's targets, averaged over the outputs.

    An output whose targets are all equal, but for rounding, counts 1 if all are met exactly and
    else 0, as in scikit-learn.
    """
    scores = [
        1 - square / (rows * variance) if variance else (square == 0) * 1.0
        for square, variance in zip(sums[0], targets.variance, strict=True)
    ]
    return reduce(add, scores) / targets.outputs


ACCURACY = Metric("accuracy", "accuracy", True, (0, 1), ("classes", "binary"), (RIGHT,), accuracy)
MAE = Metric("mae", "mean absolute error", False, (0, inf), ("regression",), (ABSOLUTE,), mae)
R2 = Metric("r2", "R²", True, (-inf, 1), ("regression",), (SQUARES,), r2)

METRICS = {metric.name: metric for metric in (ACCURACY, MAE, R2)}
