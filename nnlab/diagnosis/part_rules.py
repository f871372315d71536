"""Rules about the parts of the data: whether the validation rows can judge the training."""

import numpy as np

from nnlab.config.dump import flow
from nnlab.core import columns
from nnlab.core.metrics import ACCURACY
from nnlab.core.types import FloatArray
from nnlab.diagnosis.evidence import Evidence, spread_rows, square_distances
from nnlab.diagnosis.findings import Diagnosis
from nnlab.show.words import percent, set_options

LEAKED = 0.1  # share of the validation rows that are in the training part too
DISTINCT = 0.3  # of the training rows: fewer are few points that repeat, such as dice
MOSTLY = 0.75  # of the validation rows: so many have a near copy where copies were split
ALIKE = 0.98  # correlation of an input with the target
MOST_NUMBERS = 2_000_000  # of training inputs in which near copies are looked for
FEW_ROWS = 40  # in a validation part: a standard error of 8 points at a share of 0.5
HARDLY_ANY = 10  # rows in a validation part: one is a tenth of the accuracy


def leak(e: Evidence) -> Diagnosis | None:
    """Validation rows that are in the training part too, or an input that holds the target."""
    return _shared_rows(e) or _telling_column(e)


def _shared_rows(e: Evidence) -> Diagnosis | None:
    validation = e.built.plan.validation
    if validation is None:
        return None
    inputs, parts = e.built.dataset.inputs, e.built.parts
    train = {row.tobytes() for row in inputs[parts.train]}
    shared = [row.tobytes() in train for row in inputs[parts.validation]]
    share = sum(shared) / len(shared)
    what, evidence = "", f"{sum(shared):,} of {len(shared):,} rows have equal inputs there"
    if share < LEAKED:
        share, what = _share_of_near_copies(e), ", but for little noise"
        evidence = "their nearest training row is 20 times as near as the tenth nearest"
        if share < MOSTLY:
            return None
    if len(train) < DISTINCT * len(parts.train):
        return None
    return Diagnosis(
        "leak",
        0.94,
        f"{percent(share)} of the validation rows are in the training part too{what}.",
        (evidence,),
        "Rows that were trained on say nothing about new ones: the validation loss looks better "
        "than it is.",
        advice="Remove the rows that stand twice in the file, or put equal rows into one part.",
        epoch=0,
    )


def _share_of_near_copies(e: Evidence) -> float:
    """The share of validation rows with a training row far nearer than the tenth nearest.

    Rows that fill two or more dimensions hardly have it by chance. 0 where there are many numbers.
    """
    train, validation = e.built.plan.train, e.built.plan.validation
    width = int(np.prod(e.built.dataset.inputs.shape[1:]))
    if validation is None or len(train) < 20 or len(train) * max(width, 100) > MOST_NUMBERS:
        return 0.0
    parts = (validation, spread_rows(len(validation), 300)), (train, np.arange(len(train)))
    some, every = (p.copied(rows)[0].reshape(len(rows), -1).astype(np.float64) for p, rows in parts)
    squares = square_distances(some, every)
    squares.partition((0, 9), axis=1)
    return float((squares[:, 0] < 0.05**2 * squares[:, 9]).mean())


def _telling_column(e: Evidence) -> Diagnosis | None:
    """An input that is the target, but for a factor and a little noise."""
    width = e.built.dataset.inputs.shape[1:]
    if not e.fits or e.targets.shape[1] != 1 or len(width) != 1 or width[0] < 3:
        return None
    alike = _correlations(e)
    second, told = np.argsort(alike)[-2:]
    if alike[told] < ALIKE or alike[second] > 0.9:
        return None
    names = e.built.dataset.feature_names or [f"number {1 + i}" for i in range(width[0])]
    ignore = set_options([f"data.ignore={flow([names[told]])}"])
    return Diagnosis(
        "leak",
        0.8,
        f"Input {names[told]} alone tells the target.",
        (f"their correlation over the training rows is {alike[told]:.4f}",),
        "An input that holds the target makes any result look good. It is worthless if the input "
        "is not known before the target is.",
        advice=f"If it is not known, leave it out, in a csv file by {ignore}",
        epoch=0,
    )


def _correlations(e: Evidence) -> FloatArray:
    """Of each input with the target, without their signs, over some training rows (n,)."""
    x, t = e.built.plan.train.copied(spread_rows(len(e.built.plan.train), 2000))
    x, t = x - x.mean(0, dtype=np.float64), t - t.mean(0, dtype=np.float64)
    size = np.sqrt((x**2).sum(0) * (t**2).sum())
    return np.abs((x * t).sum(0)) / np.where(size > 0, size, np.inf)


def _doubt(e: Evidence, rows: int) -> str:
    """The standard error of what is measured on so few rows."""
    right = e.column(columns.VAL, ACCURACY.name)
    if not len(right):
        return f"the standard error of the validation loss is about {percent(rows**-0.5)} of it"
    error = (max(right[-1] * (1 - right[-1]), 1 / rows) / rows) ** 0.5
    return (
        f"validation {ACCURACY.label} {right[-1]:.2g} with a standard error of about {error:.1g}; "
        f"one row is {percent(1 / rows)}"
    )


def validation_too_small(e: Evidence) -> Diagnosis | None:
    """A validation part that cannot tell two results apart."""
    validation = e.built.plan.validation
    if validation is None or len(validation) >= FEW_ROWS:
        return None
    rows = len(validation)
    small_share = rows < 0.19 * (rows + len(e.built.plan.train))
    tells_nothing = rows < HARDLY_ANY and e.failure is None
    return Diagnosis(
        "validation-too-small",
        0.72 if tells_nothing else 0.58 if small_share else 0.5,
        f"The validation part has {rows} rows, too few to tell two results apart.",
        (_doubt(e, rows),),
        "A mean over n rows has a standard error that falls with the square root of n: four times "
        "the rows halve it.",
        (("data.validation=0.2",),) if small_share else (),
        advice="" if small_share else "Only more rows help; or train with several seeds.",
        epoch=0,
        serious=False,
    )
