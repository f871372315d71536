"""What is reported beside the loss: accuracy, errors, r2, ranking scores, tables over classes.

`METRICS`, the catalogue, is all that the program knows of metrics: a metric that is added to it
appears in metrics.csv, as `training.monitor`, in figures, sweeps, comparisons, reports and lists.
A `SumMetric` is added up over batches and is always there; a `RowMetric` needs all rows of a part
at once, and is computed where a config asks for it and for the results of a run.

`decisions` is the only rule that makes classes of outputs: for accuracy, the confusion matrix, the
tables over classes, predictions and figures. It looks at the outputs of the network, the numbers
that are saved and shown, never at logits: two logits that differ may be the same probability.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from math import inf, nan
from operator import add
from typing import Any, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from nnlab.core import columns, scores
from nnlab.core.class_scores import confusion_matrix
from nnlab.core.layers import LAYERS, Layer
from nnlab.core.losses import Loss
from nnlab.core.types import Array, FloatArray, IntArray, Kind, cached_property


def decisions(kind: str, outputs: Array) -> IntArray:
    """The class numbers (N,) that outputs (N, m) mean; 0 or 1 each, (N, m), for several binary.

    For classes it is the largest output, of equal ones the first, as in scikit-learn's MLP; a
    binary output is class 1 from 1/2 on. Targets are read in the same way.
    """
    if kind == "classes":
        return np.asarray(outputs.argmax(1))
    ones = (outputs >= 0.5).astype(np.int64)
    return ones[:, 0] if ones.shape[1] == 1 else ones


class BatchAnswers:
    """The answers to rows with targets t (N, m), and what several metrics need of them.

    z (N, m) is what the loss sees: logits where it fuses the last activation, else outputs.
    """

    def __init__(self, kind: Kind, loss: Loss, z: Array, t: Array) -> None:
        self.kind, self.t = kind, loss.decode(t)
        self.outputs = loss.answers(loss.outputs(z))  # of the network, (N, m)

    @cached_property
    def right(self) -> NDArray[np.bool_]:
        """Which rows are right, (N,); of several binary outputs all must be."""
        right = np.equal(decisions(self.kind, self.outputs), decisions(self.kind, self.t))
        return np.asarray(right if right.ndim == 1 else np.logical_and.reduce(right, axis=1))

    @cached_property
    def error(self) -> FloatArray:
        """Outputs - t in float64, (N, m)."""
        return np.subtract(self.outputs, self.t, dtype=np.float64)


class PartAnswers:
    """The outputs for all rows of a part (N, m), and what several metrics need of them.

    t (N, m) as the loss takes them. weights: how much each row counts, (N,) or (N, 1); None:
    equally.
    """

    def __init__(self, kind: Kind, outputs: Array, t: Array, weights: Array | None = None) -> None:
        self.kind, self.outputs, self.t = kind, outputs, t
        self.weights = np.ones(len(t)) if weights is None else weights.ravel().astype(np.float64)

    @cached_property
    def labels(self) -> IntArray:
        """The true classes, as `decisions` reads them."""
        return decisions(self.kind, self.t)

    @cached_property
    def truth(self) -> IntArray:
        """1 where a row is of the class of an output, else 0; (N, m)."""
        labels = self.labels
        if self.kind == "classes":
            return (labels[:, None] == np.arange(self.t.shape[1])).astype(np.int64)
        return labels.reshape(self.t.shape)

    @cached_property
    def confusions(self) -> list[Array]:
        """The confusion matrix of the classes, or one (2, 2) per binary output, with weights."""
        decided = decisions(self.kind, self.outputs)
        if self.kind == "classes":
            size = self.t.shape[1]
            return [confusion_matrix(self.labels, decided, size, self.weights)]
        pairs = zip(self.truth.T, decided.reshape(self.t.shape).T, strict=True)
        return [confusion_matrix(true, guess, 2, self.weights) for true, guess in pairs]

    def mean(self, values: Array) -> float:
        """The weighted mean of a value per row, (N,)."""
        return float(np.average(values, weights=self.weights))

    def mean_over_outputs(self, score: Callable[[Array, Array, Array], float]) -> float:
        """The mean of a score over the outputs for which it is defined; nan if for none."""
        columns = zip(self.truth.T, self.outputs.T, strict=True)
        values = np.array([score(true, column, self.weights) for true, column in columns])
        defined = values[~np.isnan(values)]
        return float(defined.mean()) if defined.size else nan


@dataclass(frozen=True, eq=False)
class Sum:
    """A number that is added up over all rows of a part, or a number per output."""

    of: Callable[[BatchAnswers], Array]  # (N,) or (N, m)
    per_output: bool = False

    def parts(self, answers: BatchAnswers, count: int, weights: Array | None = None) -> Array:
        """The sums (count, 1) or (count, m) over `count` equal parts of the rows.

        weights (N,): how often each row counts; None: once.
        """
        terms = self.of(answers)
        if weights is not None:
            terms = (terms.T * weights).T  # (N,) or (N, m)
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
    def of(cls, kind: Kind, targets: Array, weights: Array | None = None) -> Self:
        """The facts of targets (N, m), of which each counts as often as weights (N, 1) say."""
        outputs = targets.shape[1]
        if kind != "regression" or not len(targets):
            return cls(outputs, (0.0,) * outputs)
        if weights is None:
            variance = targets.var(axis=0, dtype=np.float64)
        else:
            variance = scores.weighted_variance(targets.astype(np.float64), weights.ravel())
        variance = np.where(scores.constant(targets), 0.0, variance)
        return cls(outputs, tuple(variance.tolist()))


@dataclass(frozen=True)
class Metric:
    """A number that says how good the answers to a part are.

    name: how columns and settings call it. label: how figures and tables call it. `value`, a field
    of both kinds of metric, computes it; its docstring explains the metric to users.
    of_probabilities: whether the outputs must be probabilities.
    """

    of_probabilities = False  # of a metric of sums

    name: str
    label: str
    higher_is_better: bool
    range: tuple[float, float]
    tasks: tuple[Kind, ...]


@dataclass(frozen=True)
class SumMetric(Metric):
    """A metric of sums over the rows; it is there for every part and epoch.

    sums: what is added up over the rows. value: the metric, from a list for each sum, the number
    of rows and the targets. Numbers may also be arrays (K,), an entry per epoch.
    """

    sums: tuple[Sum, ...]
    value: Callable[[Sequence[Sequence[Any]], Any, Targets], Any]


@dataclass(frozen=True)
class RowMetric(Metric):
    """A metric of all rows of a part together, computed where it is asked for.

    value: nan where it is not defined for the targets.
    """

    value: Callable[[PartAnswers], float]
    of_probabilities: bool = False


def kind_of(task: str, outputs: int) -> Kind:
    """How `outputs` numbers per row are judged; labels, and a single output, are binary."""
    if task == "regression":
        return "regression"
    return "binary" if task == "multilabel" or outputs == 1 else "classes"


def metrics_of(kind: Kind) -> list[SumMetric]:
    """The metrics of sums of a kind of task, in the order of the catalogue."""
    return [m for m in METRICS.values() if isinstance(m, SumMetric) and kind in m.tasks]


def row_metrics_of(kind: Kind, network: Sequence[Layer]) -> dict[str, RowMetric]:
    """The metrics of rows for a kind of task and a network whose last layer is that of these."""
    ending = {"classes": "softmax", "binary": "sigmoid"}.get(kind)
    are_probabilities = ending is not None and any(
        isinstance(layer, LAYERS[ending]) for layer in network[-1:]
    )
    return {
        name: metric
        for name, metric in METRICS.items()
        if isinstance(metric, RowMetric)
        and kind in metric.tasks
        and (are_probabilities or not metric.of_probabilities)
    }


def sums_of(kind: Kind) -> tuple[Sum, ...]:
    """The sums that the metrics of a kind of task need, each once."""
    return tuple(dict.fromkeys(item for metric in metrics_of(kind) for item in metric.sums))


def quantities_of(kind: Kind) -> list[str]:
    """The loss and the metrics of sums of a kind of task, by name."""
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


LABELLED: tuple[Kind, ...] = ("classes", "binary")
NUMBERS: tuple[Kind, ...] = ("regression",)
SHARE, BELOW_1 = (0, 1), (-inf, 1)

ACCURACY = SumMetric("accuracy", "accuracy", True, SHARE, LABELLED, (RIGHT,), accuracy)
MAE = SumMetric("mae", "mean absolute error", False, (0, inf), NUMBERS, (ABSOLUTE,), mae)
R2 = SumMetric("r2", "R²", True, BELOW_1, NUMBERS, (SQUARES,), r2)

CATALOGUE: tuple[SumMetric | RowMetric, ...] = (
    *(ACCURACY, MAE, R2),
    RowMetric("auc", "ROC AUC", True, SHARE, LABELLED, scores.auc),
    RowMetric("average_precision", "average precision", True, SHARE, LABELLED, scores.precision),
    RowMetric("balanced_accuracy", "balanced accuracy", True, SHARE, LABELLED, scores.balanced),
    RowMetric("mcc", "Matthews correlation", True, (-1, 1), LABELLED, scores.mcc),
    RowMetric("top_2", "top-2 accuracy", True, SHARE, ("classes",), scores.top(2)),
    RowMetric("top_3", "top-3 accuracy", True, SHARE, ("classes",), scores.top(3)),
    RowMetric("top_5", "top-5 accuracy", True, SHARE, ("classes",), scores.top(5)),
    RowMetric("log_loss", "log loss", False, (0, inf), LABELLED, scores.log_loss, True),
    RowMetric("brier", "Brier score", False, (0, 2), LABELLED, scores.brier, True),
    RowMetric("explained_variance", "explained variance", True, BELOW_1, NUMBERS, scores.explained),
)
METRICS = {metric.name: metric for metric in CATALOGUE}
