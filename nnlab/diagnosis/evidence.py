"""What a training shows: its curves, and its network looked at closely at some epochs."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np

from nnlab.build import Built
from nnlab.config.schema import Config
from nnlab.core import columns
from nnlab.core.losses import Bce, CrossEntropy, Mae, Mse
from nnlab.core.metrics import ACCURACY, R2, decisions
from nnlab.core.types import Array, FloatArray, IntArray, cached_property
from nnlab.diagnosis.curves import median_of_end
from nnlab.diagnosis.moments import LayerHealth, Moment, rms
from nnlab.experiment.outcome import LONG
from nnlab.status import Status

NEIGHBOUR_ROWS = 1000  # of which the nearest others are looked for
EXCELLENT = 0.95  # of what there is to learn
LEARNED = 0.6  # of the loss of the best constant answer
FEW_UPDATES = 100  # after fewer, a loss that stands still says nothing
CONSTANT = 0.1  # of the targets' deviation: outputs that vary less
MATERIAL = 0.05  # of the loss of a constant answer: what a finding must cost
STILL = 0.03  # relative change of a loss that stands still
MANY_UPDATES = 1000  # so many suffice for a small network
YOUNG = 0.3  # of the training: before that, too


@dataclass(frozen=True, eq=False)
class Evidence:
    """Everything the rules may look at.

    history: the columns of metrics.csv; row 0 is before training. moments: in the order of epochs,
    the first before training. failure: where training met a non-finite number. cut: the share of
    the training rows that a probe used.
    """

    built: Built
    history: Mapping[str, FloatArray]
    moments: tuple[Moment, ...]
    failure: Mapping[str, Any] | None
    status: Status
    cut: float = 1.0

    @property
    def config(self) -> Config:
        return self.built.config

    @cached_property
    def first(self) -> Moment:
        """Before training."""
        return self.moments[0]

    @cached_property
    def last(self) -> Moment:
        """At the end of what was trained."""
        return self.moments[-1]

    @property
    def epochs(self) -> int:
        """The epochs that were trained; a probe may train fewer than the config asks for."""
        return len(self.train_loss) - 1

    def updates(self, epochs: int) -> int:
        """The updates of so many epochs."""
        rows, batch = len(self.built.plan.train), self.built.plan.batch_size
        whole, rest = divmod(rows, min(rows, batch))
        return epochs * (whole + bool(rest and not self.built.plan.drop_last))

    def until(self, moment: Moment) -> "Evidence":
        """What was known at an earlier moment."""
        history = {name: column[: moment.epoch + 1] for name, column in self.history.items()}
        moments = tuple(earlier for earlier in self.moments if earlier.epoch <= moment.epoch)
        return Evidence(self.built, history, moments, None, Status.RUNNING, self.cut)

    @property
    def progress(self) -> float:
        """The share of the training that was done; below 1 for a probe, and a stopped run."""
        if self.status.ended or not self.config.training.epochs:
            return 1.0
        return min(1.0, self.cut * self.epochs / self.config.training.epochs)

    @property
    def can_stand_still(self) -> bool:
        """Whether so much was trained that a loss which stands still says something."""
        many = self.epochs >= LONG and self.updates(self.epochs) >= FEW_UPDATES
        return self.failure is None and many and self.progress >= YOUNG

    @property
    def judges_validation(self) -> bool:
        """Whether the validation losses say something: few rows are soon memorised."""
        return self.failure is None and self.cut == 1

    @cached_property
    def train_loss(self) -> FloatArray:
        """By epoch, (E + 1,)."""
        return self.column(columns.TRAIN, columns.LOSS)

    @property
    def finite_losses(self) -> FloatArray:
        """The training losses; none where training diverged."""
        return self.train_loss if self.failure is None else self.train_loss[:0]

    @cached_property
    def val_loss(self) -> FloatArray:
        """By epoch, (E + 1,); empty without a validation part."""
        return self.column(columns.VAL, columns.LOSS)

    def column(self, part: str, quantity: str) -> FloatArray:
        """A column of the history; empty where there is none."""
        return np.asarray(self.history.get(columns.name(part, quantity), ()), np.float64)

    def weights(self, moment: Moment) -> FloatArray:
        """All weights in a row, without biases and what normalisation learns and averages."""
        return self._of_weights(moment.values)

    def weight_gradient(self, moment: Moment) -> FloatArray:
        """The gradient of the loss alone by all weights, in their order."""
        return self._of_weights(moment.gradient)

    def _of_weights(self, values: Array) -> FloatArray:
        arrays = [place.of(values) for place in self.built.network.layout.changed]
        return np.concatenate(
            [array.ravel() for array in arrays if array.ndim > 1] or [np.zeros(1)]
        )

    @property
    def rates(self) -> FloatArray:
        """The learning rates by epoch, (E + 1,); empty where they are not recorded."""
        return np.asarray(self.history.get("lr", ()), np.float64)

    @cached_property
    def moved(self) -> float:
        """How far the weights moved, as a share of their size before training."""
        first = self.weights(self.first)
        return rms(self.weights(self.last) - first) / (rms(first) or 1.0)

    def row_numbers(self, places: IntArray) -> IntArray:
        """The numbers of training rows, by their places in that part: `nnlab explain --row`."""
        return self.built.dataset.rows_in_file(self.built.parts.train[places]) + 1

    @cached_property
    def targets(self) -> Array:
        """Of the training rows (N, m), as the loss takes them."""
        return self.built.plan.train.targets

    @cached_property
    def is_classes(self) -> bool:
        """Whether rows belong to classes."""
        return self.built.kind != "regression"

    @cached_property
    def class_counts(self) -> Array:
        """Training rows per class (C,); empty for a regression."""
        dataset, rows = self.built.dataset, self.built.parts.train
        if dataset.task != "classes":
            return np.zeros(0, np.int64)
        return np.bincount(dataset.targets[rows], minlength=dataset.outputs)

    @cached_property
    def class_masses(self) -> FloatArray:
        """The same, each times the factor of the class in the loss."""
        factors = getattr(self.built.plan.loss, "class_weight", None)
        return self.class_counts * (1.0 if factors is None else np.array(factors))

    @cached_property
    def trivial_loss(self) -> float:
        """The loss of the best constant answer, nan where it is unknown.

        Classes: the entropy of their shares, for losses with logits; squared error: the variance.
        """
        t = self.targets.astype(np.float64)
        loss = self.built.plan.loss.plain
        scale = 1.0 if self.built.plan.loss.reduction == "mean" else t.shape[1]
        if getattr(loss, "class_weight", None) is not None:
            shares = np.clip(self.class_masses, 1e-12, None) / len(t)
            return float(-(shares * np.log(shares / shares.sum())).sum())
        mean = np.clip(t.mean(0), 1e-12, 1)
        if isinstance(loss, CrossEntropy):
            return float(-(mean * np.log(mean)).sum())
        if isinstance(loss, Bce):
            other = np.clip(1 - mean, 1e-12, 1)
            return float(-(mean * np.log(mean) + other * np.log(other)).mean() * scale)
        if isinstance(loss, Mse):
            return float(t.var(0).mean() * scale)
        if isinstance(loss, Mae):
            return float(np.abs(t - np.median(t, 0)).mean() * scale)
        return float("nan")

    @property
    def base_loss(self) -> float:
        """The loss of the best constant answer; where it is unknown, that before training."""
        trivial = self.trivial_loss
        return trivial if isfinite(trivial) and trivial > 0 else float(self.train_loss[0])

    @cached_property
    def learned(self) -> float:
        """The share of the loss of a constant answer that training removed; 1: a perfect fit."""
        return self.removed(float(self.train_loss[-1]))

    def removed(self, loss: float) -> float:
        """The share of the loss of a constant answer that is not left."""
        base = self.base_loss
        return 1 - loss / base if isfinite(loss) and base > 0 else -1.0

    def has_learned(self, share: float = LEARNED) -> bool:
        """Whether training removed so much of the loss, and stayed finite."""
        return self.failure is None and self.learned >= share

    @property
    def fits(self) -> bool:
        """Whether the training rows are learned, and the validation rows are not lost by it."""
        lost = len(self.val_loss) > 0 and self.removed(self.val_end) < LEARNED
        return self.has_learned(0.9) and not lost

    @property
    def memorises(self) -> bool:
        """Whether training rows are known by heart, and validation rows no better than by chance.

        A validation loss above 0.7 of that of a constant answer counts.
        """
        known = self.train_loss[-1] < 0.05 * self.base_loss
        return known and len(self.val_loss) > 0 and self.removed(self.val_end) < 0.3

    @property
    def val_end(self) -> float:
        """The validation loss of the final weights: the best, or the median of the last epochs."""
        stopping = self.config.training.early_stopping
        if stopping is not None and stopping.restore_best:
            return float(self.val_loss.min())
        return median_of_end(self.val_loss)

    @property
    def accuracy(self) -> float:
        """The training accuracy of the last epoch; 0 without classes."""
        column = self.column(columns.TRAIN, ACCURACY.name)
        return float(column[-1]) if len(column) else 0.0

    @property
    def quality(self) -> float:
        """The training accuracy, or the share of the targets' variance that is explained."""
        if self.is_classes:
            return self.accuracy
        r2 = self.column(columns.TRAIN, R2.name)
        return float(r2[-1]) if len(r2) else float("nan")

    @property
    def quality_name(self) -> str:
        """What `quality` is."""
        return (ACCURACY if self.is_classes else R2).label

    @property
    def excellent(self) -> bool:
        """Whether hardly anything is left to learn; dropout holds the training accuracy down.

        Answers are right before they are sure: the loss still falls where the accuracy is high.
        """
        validation = self.column(columns.VAL, ACCURACY.name)[-1:]
        right = max(self.accuracy, *validation, 0.0) > 0.97
        return self.learned > EXCELLENT or (right and self.has_learned(0.85))

    @cached_property
    def input_columns(self) -> FloatArray:
        """The root mean square of each scaled input, over some training rows."""
        rows = np.arange(min(len(self.built.plan.train), 2000))
        x = self.built.plan.train.copied(rows)[0].reshape(len(rows), -1).astype(np.float64)
        return np.sqrt((x**2).mean(0))

    @property
    def input_size(self) -> float:
        """The root mean square of all scaled inputs."""
        return float(np.sqrt((self.input_columns**2).mean()))

    @cached_property
    def target_size(self) -> float:
        """The root mean square of the targets."""
        return float(np.sqrt((self.targets.astype(np.float64) ** 2).mean()))

    def weighted(self, moment: Moment) -> list[LayerHealth]:
        """The layers with weights."""
        return [health for health in moment.layers if health.weighted]

    def hidden(self, moment: Moment) -> list[LayerHealth]:
        """The layers before the last one with weights."""
        last = max((health.index for health in self.weighted(moment)), default=0)
        return [health for health in moment.layers if health.index < last]

    @cached_property
    def answers_spread(self) -> float:
        """How much the last outputs vary over rows, as a share of how much the targets do."""
        targets = self.targets.astype(np.float64).std(0)
        return rms(self.last.outputs.std(0)) / (rms(targets) or np.inf)

    @cached_property
    def neighbours(self) -> float:
        """Accuracy or r2 of the five nearest other training rows: what the inputs tell at least.

        Of an autoencoder they say nothing, as no row of them goes through the code.
        """
        rows = spread_rows(len(self.built.plan.train), NEIGHBOUR_ROWS)
        if len(rows) < 20 or self.built.dataset.learn == "inputs":
            return float("nan")
        x, t = self.built.plan.train.copied(rows)
        t = t.astype(np.float64)
        guess = t[nearest_others(x.reshape(len(rows), -1).astype(np.float64), 5)].mean(1)
        if self.is_classes:
            right = decisions(self.built.kind, guess) == decisions(self.built.kind, t)
            return float(right.mean())
        return float(1 - ((guess - t) ** 2).sum() / ((t - t.mean(0)) ** 2).sum())

    @property
    def answers_figure(self) -> str:
        """The figure that shows outputs beside targets."""
        width = self.built.dataset.inputs.shape[1]
        if self.is_classes:
            return "boundary" if width == 2 else "confusion"
        if self.built.dataset.learn == "inputs" and self.built.dataset.image_shape:
            return "reconstructions"
        return "fit" if width == 1 else "targets"

    @cached_property
    def answers(self) -> Array:
        """What the last outputs mean: class numbers, or the outputs themselves."""
        outputs = self.last.outputs
        return decisions(self.built.kind, outputs) if self.is_classes else outputs


def square_distances(a: FloatArray, b: FloatArray) -> FloatArray:
    """The squared distances (A, B) of the rows of a (A, n) from those of b (B, n)."""
    middle = b.mean(0)  # |a - b|^2 = |a|^2 - 2 a b + |b|^2 loses digits far from 0
    a, b = a - middle, b - middle
    return np.asarray((a * a).sum(1)[:, np.newaxis] - 2.0 * a @ b.T + (b * b).sum(1))


def nearest_others(x: FloatArray, count: int) -> IntArray:
    """The numbers (B, count) of the rows nearest to each row of x (B, n), without itself."""
    distances = square_distances(x, x)
    np.fill_diagonal(distances, np.inf)
    return np.argpartition(distances, count - 1, axis=1)[:, :count]


def spread_rows(rows: int, most: int) -> IntArray:
    """The numbers of at most `most` of the rows, evenly spaced."""
    return np.linspace(0, rows - 1, min(most, rows)).astype(np.int64)
