"""What a loss is."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import DTypeLike

from nnlab.core.memory import Scratch
from nnlab.core.types import Array, FloatArray, IntArray, Views

Reduction = Literal["mean", "batch_mean", "sum"]


@dataclass(frozen=True, kw_only=True)
class Loss(ABC):
    """Compares z (B, m) with targets t (B, m).

    z is the network's output or, for a loss that `fuses` the last activation, the input of that
    activation (the logits), so that nothing overflows.

    `reduction` sets the gradient's scale: "mean" divides by B m, "batch_mean" by B, "sum" by 1.
    The reported loss is one number a sample: the mean over the m outputs for "mean", else their
    sum; a part's loss is the mean of that over its samples.
    """

    fuses: ClassVar[str | None] = None
    factor: ClassVar[float] = 1.0  # a constant of the derivative, multiplied into the scale
    reduction: Reduction = "mean"

    def encode(self, targets: FloatArray) -> FloatArray:
        """The targets (N, m) as the kernels want them; label smoothing happens here."""
        return targets

    def prepare(self, labels: IntArray, classes: int) -> "Loss":
        """This loss for training rows with these class labels; balanced weights are fixed here."""
        return self

    def bind(self, batch: int, outputs: int, dtype: DTypeLike) -> Views:
        """The memory for `gradient` with B = batch rows of m = outputs numbers."""
        rows = {"mean": batch * outputs, "batch_mean": batch, "sum": 1}[self.reduction]
        wanted = {"scale": Scratch(fill=self.factor / max(rows, 1)), **self.scratch(batch, outputs)}
        return Views(**{name: one.allocate(dtype) for name, one in wanted.items()})

    def scratch(self, batch: int, outputs: int) -> Mapping[str, Scratch]:
        """Working memory beside `scale`."""
        return {}

    @abstractmethod
    def gradient(self, z: Array, t: Array, dz: Array, s: Views) -> None:
        """Fill dz (B, m) with the derivative of the reduced loss."""

    @abstractmethod
    def terms(self, z: Array, t: Array) -> Array:
        """The loss of every output, (B, m); may return an array of its own."""

    def per_sample(self, z: Array, t: Array) -> Array:
        """The reported loss of each row, (B,)."""
        terms = self.terms(z, t)
        return terms.mean(axis=1) if self.reduction == "mean" else terms.sum(axis=1)

    def mean(self, z: Array, t: Array) -> float:
        """The reported loss of all rows together; nan for no rows."""
        if not len(z):
            return float("nan")
        return float(self.per_sample(z, t).mean(dtype=np.float64))
