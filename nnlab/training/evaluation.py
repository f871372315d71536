"""Loss and metrics of rows: sums over batches, and the numbers that these make."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Self

import numpy as np

from nnlab.core import columns
from nnlab.core.losses import Loss
from nnlab.core.metrics import (
    BatchAnswers,
    PartAnswers,
    RowMetric,
    Sum,
    SumMetric,
    Targets,
    metrics_of,
    quantities_of,
    sums_of,
)
from nnlab.core.network import Network, trained_depth
from nnlab.core.types import Array, FloatArray, Kind, cached_property
from nnlab.data.batches import Batches, Part
from nnlab.engine.network import turn_of
from nnlab.training.records import Numbers


@dataclass(frozen=True)
class Tally:
    """Sums over batches: rows, loss, then what the metrics of `kind` need, in one vector (S,).

    Rows with weights count as often as these say. Losses are added batch after batch, so that the
    sum does not depend on how many batches are added at once.
    """

    kind: Kind
    loss: Loss
    targets: Targets

    @classmethod
    def of(cls, kind: Kind, loss: Loss, targets: Array, weights: Array | None = None) -> Self:
        """The tally of a part with these targets (N, m) and weights of rows (N, 1), if any."""
        return cls(kind, loss, Targets.of(kind, loss.decode(targets), weights))

    @cached_property
    def places(self) -> dict[Sum, slice]:
        """The place of each sum in the vector, behind rows and loss."""
        places, start = {}, 2
        for item in sums_of(self.kind):
            stop = start + (self.targets.outputs if item.per_output else 1)
            places[item] = slice(start, stop)
            start = stop
        return places

    @cached_property
    def _metrics(self) -> list[tuple[SumMetric, list[slice]]]:
        """Each metric, and the places of its sums."""
        return [(m, [self.places[item] for item in m.sums]) for m in metrics_of(self.kind)]

    def zero(self) -> FloatArray:
        """The sums of no batch at all."""
        return np.zeros(max((place.stop for place in self.places.values()), default=2))

    def add(
        self, sums: FloatArray, z: Array, t: Array, batch: int, weights: Sequence[Array] = ()
    ) -> FloatArray:
        """Add k batches z, t (k B, m) of B = `batch` rows; the sums of their losses, (k,).

        weights: (B, 1) for each batch; () where all rows count equally.
        """
        losses = self.losses(z, t, batch, weights)
        total = float(sums[1])
        for value in losses.tolist():  # `sum` would round otherwise from Python 3.12 on
            total += value
        counts = np.concatenate(weights).ravel().astype(np.float64) if weights else None
        sums[0] += len(z) if counts is None else counts.sum()
        sums[1] = total
        answers = BatchAnswers(self.kind, self.loss, z, t)
        for item, place in self.places.items():
            sums[place] += item.parts(answers, 1, counts)[0]
        return losses

    def epochs(self, z: Array, t: Array, batch: int, count: int) -> FloatArray:
        """The sums (K, S) of each of K = `count` whole epochs, whose rows follow each other."""
        if not count:
            return np.empty((0, len(self.zero())))
        losses = self.losses(z, t, batch).reshape(count, -1)
        rows = np.full((count, 1), len(z) // count, np.float64)
        last = np.cumsum(losses, axis=1)[:, -1:]  # batch after batch, as `add` does
        answers = BatchAnswers(self.kind, self.loss, z, t)
        return np.hstack([rows, last, *(item.parts(answers, count) for item in self.places)])

    def losses(self, z: Array, t: Array, batch: int, weights: Sequence[Array] = ()) -> FloatArray:
        """The summed loss of each batch."""
        terms = self.loss.terms(z, t)
        if weights:
            terms = terms * np.concatenate(weights)
        outputs = terms.shape[1]
        terms = terms.reshape(-1, batch * outputs)
        losses = np.add.reduce(terms, axis=1, dtype=np.float64)
        return losses / outputs if self.loss.reduction == "mean" else losses

    def result(self, sums: FloatArray) -> Numbers:
        """{"loss": ..., metric: ...} of all rows added; nan for no rows."""
        if not sums[0]:
            return dict.fromkeys(quantities_of(self.kind), float("nan"))
        return {name: float(value) for name, value in self._values(sums.tolist()).items()}

    def results(self, sums: FloatArray) -> tuple[list[Numbers], str | None]:
        """The numbers of epochs with the sums (K, S), none of them empty.

        Those up to the first number that is not finite, and the name of that.
        """
        if len(sums) == 1:  # arrays of one number would take 10 times as long
            numbers = self.result(sums[0])
            wrong = non_finite(numbers)
            return ([numbers] if wrong is None else []), wrong
        values = self._values(list(sums.T))
        finite = np.isfinite(list(values.values()))  # (quantities, K)
        wrong, count = None, len(sums)
        if not finite.all():
            count = int(finite.all(axis=0).argmin())
            wrong = list(values)[int(finite[:, count].argmin())]
        rows = zip(*(array[:count].tolist() for array in values.values()), strict=True)
        if len(values) == 2:  # the general way takes as long as an update of a small network
            first, second = values
            return [{first: loss, second: metric} for loss, metric in rows], wrong
        return [dict(zip(values, row, strict=True)) for row in rows], wrong

    def _values(self, sums: list[Any]) -> dict[str, Any]:
        """Loss and metrics from S sums, which are numbers, or arrays (K,) of K epochs."""
        values = {columns.LOSS: sums[1] / sums[0]}
        for metric, places in self._metrics:
            own = [sums[place] for place in places]
            values[metric.name] = metric.value(own, sums[0], self.targets)
        return values


def non_finite(numbers: Numbers) -> str | None:
    """The name of the first number that is not finite."""
    return next((name for name, value in numbers.items() if not isfinite(value)), None)


class Evaluation:
    """Loss and metrics of a part in evaluation mode, in large batches.

    metrics: those of rows that are computed beside the others.
    """

    def __init__(
        self, kind: Kind, loss: Loss, network: Network, part: Part,
        metrics: Sequence[RowMetric] = (),
    ) -> None:  # fmt: skip
        self.tally = Tally.of(kind, loss, part.targets, part.weights)
        self.metrics, self.part = metrics, part
        self.batches = Batches(part, evaluation_batch(network, len(part)))
        self.network, self.values = network, network.values.copy()
        depth = trained_depth(network.layers, loss)
        self.bound = {
            size: network.bind(size, depth=depth, values=self.values)
            for size in {self.batches.batch, self.batches.rest} - {0}
        }

    def logits(self, weights: Array) -> Iterator[tuple[Array, Array, Sequence[Array]]]:
        """z, t (B, m) of each batch with weights (V,), and the weights of its rows, if any.

        The next batch overwrites z.
        """
        self.values[...] = weights
        for chunk in self.batches.epoch(None):
            for i, (x, t) in enumerate(zip(chunk.xs, chunk.ts, strict=True)):
                with np.errstate(all="ignore"):
                    yield self.bound[chunk.batch].forward(x), t, chunk.ws[i : i + 1]

    def __call__(self, weights: Array) -> Numbers:
        """{"loss": ..., metric: ...} with weights (V,)."""
        sums, fuses = self.tally.zero(), self.tally.loss.fuses
        outputs: list[Array] = []
        with turn_of(self.network), np.errstate(all="ignore"):
            for z, t, row_weights in self.logits(weights):
                self.tally.add(sums, z, t, len(z), row_weights)
                if self.metrics:
                    outputs.append(self.tally.loss.outputs(z) if fuses else z.copy())
        numbers = self.tally.result(sums)
        if self.metrics:
            predicted = np.concatenate(outputs)
            kind, loss = self.tally.kind, self.tally.loss
            numbers |= row_numbers(self.metrics, kind, loss, predicted, self.part)
        return numbers

    def row_numbers(self, weights: Array) -> Numbers:
        """The metrics of rows alone."""
        numbers = self(weights)
        return {metric.name: numbers[metric.name] for metric in self.metrics}


def row_numbers(
    metrics: Sequence[RowMetric], kind: Kind, loss: Loss, outputs: FloatArray, part: Part
) -> Numbers:
    """Metrics of rows, from the outputs (N, m) for all rows of a part."""
    targets = loss.decode(part.targets)
    answers = PartAnswers(kind, loss.answers(outputs), targets, part.weights)
    with np.errstate(all="ignore"):
        return {metric.name: metric.value(answers) for metric in metrics}


def evaluation_batch(network: Network, rows: int) -> int:
    """As many rows as keep the widest layer's output below a million numbers, at most 1,024."""
    widest = max(int(np.prod(row)) for row in network.shapes)
    return max(1, min(rows, 1024, 2**20 // widest))
