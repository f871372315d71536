"""The sums of an epoch, and the loss and metrics that they make."""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from nnlab.core import columns
from nnlab.core.losses import Loss
from nnlab.core.metrics import BatchAnswers, Kind, Sum, Targets, metrics_of, quantities_of, sums_of
from nnlab.core.types import Array, FloatArray


@dataclass(frozen=True)
class Tally:
    """Sums over batches: rows, loss, then what the metrics of `kind` need, in one vector (S,).

    Losses are added batch after batch, so that the sum does not depend on how many batches are
    added at once.
    """

    kind: Kind
    loss: Loss
    targets: Targets

    @classmethod
    def of(cls, kind: Kind, loss: Loss, targets: Array) -> Self:
        """The tally of a part with these targets (N, m)."""
        return cls(kind, loss, Targets.of(kind, targets))

    @cached_property
    def places(self) -> dict[Sum, slice]:
        """The place of each sum in the vector, behind rows and loss."""
        places, start = {}, 2
        for item in sums_of(self.kind):
            stop = start + (self.targets.outputs if item.per_output else 1)
            places[item] = slice(start, stop)
            start = stop
        return places

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
        answers = BatchAnswers(self.kind, self.loss, z, t)
        for item, place in self.places.items():
            sums[place] += item.parts(answers, 1)[0]
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

    def losses(self, z: Array, t: Array, batch: int) -> FloatArray:
        """The summed loss of each batch."""
        terms = self.loss.terms(z, t).reshape(-1, batch * self.targets.outputs)
        losses = np.add.reduce(terms, axis=1, dtype=np.float64)
        return losses / self.targets.outputs if self.loss.reduction == "mean" else losses

    def result(self, sums: FloatArray) -> dict[str, float]:
        """{"loss": ..., metric: ...} of all rows added; nan for no rows."""
        if not sums[0]:
            return dict.fromkeys(quantities_of(self.kind), float("nan"))
        return {name: float(values[0]) for name, values in self.numbers(sums[None]).items()}

    def numbers(self, sums: FloatArray) -> dict[str, FloatArray]:
        """Loss and metrics (K,) from the sums (K, S) of K epochs, none of them empty."""
        by_place = list(sums.T)
        rows = by_place[0]
        numbers = {columns.LOSS: by_place[1] / rows}
        for metric in metrics_of(self.kind):
            given = [by_place[self.places[item]] for item in metric.sums]
            numbers[metric.name] = metric.value(given, rows, self.targets)
        return numbers
