"""Records yielded by the training loop."""

from typing import NamedTuple

from nnlab.core.types import FloatArray

Numbers = dict[str, float]  # "loss", and each metric by name


class Steps(NamedTuple):
    """Some updates are done: the first `batch` of the epoch's `batches`, of which these are new."""

    epoch: int
    step: int
    batch: int
    batches: int
    rates: list[float]  # one per update
    losses: FloatArray


class Epoch(NamedTuple):
    """An epoch is done; number 0 is the state before training."""

    epoch: int
    step: int
    lr: float
    train: Numbers
    validation: Numbers | None
    is_best: bool


class Failure(NamedTuple):
    """A number became non-finite in update `step`, or in the evaluation after it.

    theta is as it was before that update, or as it was evaluated: finite in both cases.
    """

    epoch: int
    step: int
    what: str


Record = Steps | Epoch | Failure
