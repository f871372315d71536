"""A loss: what the network's outputs cost, and the derivative of that."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import DTypeLike

from nnlab.core.layers import LAYERS, activated
from nnlab.core.types import Array, FloatArray, IntArray, Kind, Views

Reduction = Literal["mean", "batch_mean", "sum"]


@dataclass(frozen=True, kw_only=True)
class Loss(ABC):
    """Compares z (B, m) with targets t (B, m).

    z is the network's output or, for a loss that `fuses` the last activation, the input of that
    activation (the logits), so that nothing overflows.

    `reduction` sets the gradient's scale: "mean" divides by B m, "batch_mean" by B, "sum" by 1.
    The reported loss is a number per sample: the mean over the m outputs for "mean", else their
    sum; a part's loss is the mean of that over its samples.

    `kinds`: the kinds of task that it is for, the usual kind last.
    """

    fuses: ClassVar[str | None] = None
    kinds: ClassVar[tuple[Kind, ...]] = ("classes", "binary", "regression")
    factor: ClassVar[float] = 1.0  # a constant of the derivative, multiplied into the scale
    reduction: Reduction = "mean"

    def encode(self, targets: FloatArray) -> FloatArray:
        """The targets (N, m) as the kernels want them; label smoothing happens here."""
        return targets

    def prepare(self, labels: IntArray, classes: int, weights: FloatArray | None = None) -> "Loss":
        """This loss for training rows with these class labels; balanced weights are fixed here.

        weights (N,): how much each row counts; None: equally.
        """
        return self

    def refusal(self, targets: Array) -> str:
        """Why the loss is not defined for targets (N, m); empty where it is."""
        return ""

    # Several outputs per target.

    def width(self, targets: int) -> int:
        """The number of outputs for a target row of this many numbers."""
        return targets

    def answers(self, y: Array) -> Array:
        """Of outputs (N, k) those that metrics compare with the targets: one per target."""
        return y

    def decode(self, coded: Array) -> Array:
        """The targets (N, m) as metrics compare them, from encoded ones (N, k)."""
        return self.answers(coded)

    def output_names(self, targets: Sequence[str]) -> list[str]:
        """The names of the outputs, from those of the targets."""
        return list(targets)

    @property
    def plain(self) -> "Loss":
        """The loss of the catalogue, without the units of the targets."""
        return self

    # What the engines compute.

    def outputs(self, z: Array) -> Array:
        """The network's outputs (N, k) where the loss sees z; z itself where nothing follows."""
        return z if self.fuses is None else activated(LAYERS[self.fuses](), z)

    def bind(self, batch: int, outputs: int, dtype: DTypeLike) -> Views:
        """The memory for `gradient` with B = batch rows of m = outputs numbers."""
        rows = {"mean": batch * outputs, "batch_mean": batch, "sum": 1}[self.reduction]
        scale = np.array(self.factor / max(rows, 1), dtype)
        return Views(scale=scale, unweighted=scale)

    def weigh(self, s: Views, weights: Array) -> None:
        """Multiply the rows that the next `gradient` fills by weights (B, 1)."""
        s.scale = s.unweighted * weights  # (B, 1)

    # What `nnlab explain` shows, in the language of explanation/formula.py. Names: y, the output of
    # the network, also where z is something else; t, its target; the loss's settings.

    def per_output(self, outputs: int) -> "Loss":
        """This loss with a setting per output where the formulas mean that of an output."""
        return self

    @property
    def term_formula(self) -> str:
        """The loss of an output; empty where there is none to show."""
        return ""

    @property
    def dz_formula(self) -> str:
        """Its derivative by z; empty where there is none to show."""
        return ""

    @abstractmethod
    def gradient(self, z: Array, t: Array, dz: Array, s: Views) -> None:
        """Fill dz (B, m) with the derivative of the reduced loss."""

    def value(self, z: Array, t: Array, s: Views) -> float:
        """The reduced loss of the batch, whose derivative `gradient` fills."""
        return float((self.terms(z, t) * s.scale).sum(dtype=np.float64)) / self.plain.factor

    @abstractmethod
    def terms(self, z: Array, t: Array) -> Array:
        """The loss of every output, (B, m); may return an array of its own."""

    def per_sample(self, z: Array, t: Array) -> Array:
        """The reported loss of each row, (B,)."""
        terms = self.terms(z, t)
        return terms.mean(axis=1) if self.reduction == "mean" else terms.sum(axis=1)
