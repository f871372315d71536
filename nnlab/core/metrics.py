"""What is reported beside the loss: accuracy, errors, r2, and tables over classes.

`METRICS`, the catalogue, is all that the program knows of metrics: a metric that is added to it
appears in metrics.csv, as `training.monitor`, in figures, sweeps, comparisons, reports and lists.
`Tally` sums over the batches of an epoch; its sums are all its state, one float64 vector.

`decisions` is the one rule that makes classes of outputs: for accuracy, the confusion matrix, the
tables over classes, predictions and figures. It looks at the outputs of the network, the numbers
that are saved and shown, never at logits: two logits that differ may be one probability.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from math import inf
from operator import add
from typing import Any, Literal, Self

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
        found: IntArray = outputs.argmax(1)
        return found
    found = (outputs >= 0.5).astype(np.int64)
    return found[:, 0] if found.shape[1] == 1 else found


def activated(name: str | None, z: Array) -> Array:
    """The outputs (N, m) that logits z (N, m) end in; z itself where no activation follows."""
    if name is None:
        return z
    layer, outputs = LAYERS[name](), np.empty_like(z)
    scratch = layer.scratch(z.shape[1:], len(z))
    memory = Views(**{key: one.allocate(z.dtype) for key, one in scratch.items()})
    layer.forward(Views(), z, outputs, memory, False)
    return outputs


class Answers:
    """Answers to rows with targets t (N, m), and what several metrics need of them.

    z (N, m) is what the loss sees: logits where it fuses the last activation, else outputs.
    """

    def __init__(self, kind: Kind, loss: Loss, z: Array, t: Array) -> None:
        self.kind, self.loss, self.z, self.t = kind, loss, z, t

    @cached_property
    def outputs(self) -> Array:
        """The outputs of the network, (N, m)."""
        return activated(self.loss.fuses, self.z)

    @cached_property
    def right(self) -> NDArray[np.bool_]:
        """Which rows are right, (N,); of several binary outputs all must be."""
        found, wanted = decisions(self.kind, self.outputs), decisions(self.kind, self.t)
        right: NDArray[np.bool_] = np.equal(found, wanted)
        return right if right.ndim == 1 else np.logical_and.reduce(right, axis=1)

    @cached_property
    def error(self) -> FloatArray:
        """Outputs - t in float64, (N, m)."""
        found: FloatArray = np.subtract(self.outputs, self.t, dtype=np.float64)
        return found


@dataclass(frozen=True, eq=False)
class Sum:
    """A number that is added up over all rows of a part, or one for each output."""

    of: Callable[[Answers], Array]  # (N,) or (N, m)
    per_output: bool = False

    def parts(self, answers: Answers, count: int) -> Array:
        """The sums (count, 1) or (count, m) over `count` equal parts of the rows."""
        terms = self.of(answers)
        if self.per_output:
            found: Array = np.add.reduce(terms.reshape(count, -1, terms.shape[1]), axis=1)
            return found
        return np.add.reduce(terms.reshape(count, -1), axis=1, keepdims=True)


RIGHT = Sum(lambda answers: answers.right)
ABSOLUTE = Sum(lambda answers: np.abs(answers.error))
SQUARES = Sum(lambda answers: answers.error * answers.error, per_output=True)


@dataclass(frozen=True)
class Targets:
    """What metrics need to know of a part's targets (N, m)."""

    outputs: int  # m
    variance: tuple[float, ...] = ()  # of each target of a regression, (m,); 0: constant

    @classmethod
    def of(cls, kind: Kind, targets: Array) -> Self:
        """The facts of targets (N, m)."""
        outputs = targets.shape[1]
        if kind != "regression" or not len(targets):
            return cls(outputs, (0.0,) * outputs)
        low, high = (reach.astype(np.float64) for reach in (targets.min(0), targets.max(0)))
        largest = np.maximum(np.abs(low), np.abs(high))
        constant = high - low <= ROUNDING * np.finfo(targets.dtype).eps * largest
        variance = np.where(constant, 0.0, targets.var(axis=0, dtype=np.float64))
        return cls(outputs, tuple(variance.tolist()))


@dataclass(frozen=True)
class Metric:
    """A number that says how good the answers to a part are.

    name: how columns and settings call it. label: how figures and tables call it.
    sums: what is added up over the rows. value: the metric, from a list for each sum, the number
    of rows and the targets. Numbers may also be arrays (K,), one entry per epoch.
    """

    name: str
    label: str
    higher_is_better: bool
    range: tuple[float, float]
    tasks: tuple[Kind, ...]
    sums: tuple[Sum, ...]
    value: Callable[[Sequence[Sequence[Any]], Any, Targets], Any]


def _accuracy(sums: Sequence[Sequence[Any]], rows: Any, targets: Targets) -> Any:
    """Right rows / rows."""
    return sums[0][0] / rows


def _mae(sums: Sequence[Sequence[Any]], rows: Any, targets: Targets) -> Any:
    """Mean absolute error over rows and outputs."""
    return sums[0][0] / (rows * targets.outputs)


def _r2(sums: Sequence[Sequence[Any]], rows: Any, targets: Targets) -> Any:
    """1 - mean squared error / variance of the part's targets, averaged over the outputs.

    An output whose targets are all equal, but for rounding, counts 1 if all are met exactly and
    else 0, as in scikit-learn.
    """
    scores = [
        1 - square / (rows * variance) if variance else (square == 0) * 1.0
        for square, variance in zip(sums[0], targets.variance, strict=True)
    ]
    return reduce(add, scores) / targets.outputs


def catalogue(*metrics: Metric) -> dict[str, Metric]:
    """The metrics by name."""
    return {metric.name: metric for metric in metrics}


ACCURACY = Metric("accuracy", "accuracy", True, (0, 1), ("classes", "binary"), (RIGHT,), _accuracy)
MAE = Metric("mae", "mean absolute error", False, (0, inf), ("regression",), (ABSOLUTE,), _mae)
R2 = Metric("r2", "R²", True, (-inf, 1), ("regression",), (SQUARES,), _r2)

METRICS = catalogue(ACCURACY, MAE, R2)


def kind_of(task: str, outputs: int) -> Kind:
    """How `outputs` numbers per row are judged; labels, and a single output, are binary."""
    if task == "regression":
        return "regression"
    several = task == "multilabel" or (task == "classes" and outputs == 1)
    return "binary" if several else "classes"


def metrics_of(kind: Kind) -> list[Metric]:
    """The metrics of a kind of task, in the order of the catalogue."""
    return [metric for metric in METRICS.values() if kind in metric.tasks]


def sums_of(kind: Kind) -> tuple[Sum, ...]:
    """What is added up for a kind of task, each once."""
    return tuple(dict.fromkeys(one for metric in metrics_of(kind) for one in metric.sums))


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
    """What figures and tables call a quantity."""
    return METRICS[quantity].label if quantity in METRICS else quantity


@dataclass(frozen=True)
class Tally:
    """Sums over batches: rows, loss, then what the metrics of `kind` need.

    Losses are added one batch after the other, so that the sum does not depend on how many
    batches are handed over at once.
    """

    kind: Kind
    loss: Loss
    targets: Targets

    @classmethod
    def of(cls, kind: Kind, loss: Loss, targets: Array) -> Self:
        """The tally of a part with these targets (N, m)."""
        return cls(kind, loss, Targets.of(kind, targets))

    @cached_property
    def metrics(self) -> list[Metric]:
        """The metrics of the task."""
        return metrics_of(self.kind)

    @cached_property
    def places(self) -> dict[Sum, slice]:
        """Where each sum stands among all, behind rows and loss."""
        found, start = {}, 2
        for one in sums_of(self.kind):
            stop = start + (self.targets.outputs if one.per_output else 1)
            found[one] = slice(start, stop)
            start = stop
        return found

    def zero(self) -> FloatArray:
        """The sums of no batch at all."""
        return np.zeros(max((place.stop for place in self.places.values()), default=2))

    def add(self, sums: FloatArray, z: Array, t: Array, batch: int) -> FloatArray:
        """Add k batches z, t (k B, m) of B = `batch` rows; the sums of their losses, (k,)."""
        losses = self.losses(z, t, batch)
        total = float(sums[1])
        for value in losses.tolist():
            total += value
        sums[0] += len(z)
        sums[1] = total
        answers = self.answers(z, t)
        for one, place in self.places.items():
            sums[place] += one.parts(answers, 1)[0]
        return losses

    def epochs(self, z: Array, t: Array, batch: int, count: int) -> FloatArray:
        """The sums (K, S) of each of K = `count` whole epochs, whose rows follow each other."""
        if not count:
            return np.empty((0, len(self.zero())))
        losses = self.losses(z, t, batch).reshape(count, -1)
        rows = np.full((count, 1), len(z) // count, np.float64)
        last = np.cumsum(losses, axis=1)[:, -1:]  # one after the other, as `add` does
        answers = self.answers(z, t)
        return np.hstack([rows, last, *(one.parts(answers, count) for one in self.places)])

    def losses(self, z: Array, t: Array, batch: int) -> FloatArray:
        """The summed loss of each batch."""
        terms = self.loss.terms(z, t).reshape(-1, batch * self.targets.outputs)
        found: FloatArray = np.add.reduce(terms, axis=1, dtype=np.float64)
        if self.loss.reduction == "mean":
            found /= self.targets.outputs
        return found

    def answers(self, z: Array, t: Array) -> Answers:
        """What the metrics look at."""
        return Answers(self.kind, self.loss, z, t)

    def result(self, sums: FloatArray) -> dict[str, float]:
        """{"loss": ..., metric: ...} of all rows added; nan for no rows."""
        if not sums[0]:
            return dict.fromkeys(quantities_of(self.kind), float("nan"))
        return {name: float(values[0]) for name, values in self.numbers(sums[None]).items()}

    def numbers(self, sums: FloatArray) -> dict[str, FloatArray]:
        """Loss and metrics (K,) from the sums (K, S) of K epochs, none of them empty."""
        columns_of_sums = list(sums.T)
        rows = columns_of_sums[0]
        numbers = {columns.LOSS: columns_of_sums[1] / rows}
        for metric in self.metrics:
            given = [columns_of_sums[self.places[one]] for one in metric.sums]
            numbers[metric.name] = metric.value(given, rows, self.targets)
        return numbers


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
