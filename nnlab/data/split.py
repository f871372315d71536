"""Which rows are for training, validation and testing."""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Gt, Lt

from nnlab.core.random import Purpose, generator
from nnlab.core.types import IntArray
from nnlab.errors import ConfigError

Share = Annotated[float, Gt(0), Lt(1)] | Annotated[int, Ge(1)]


@dataclass(frozen=True)
class Split:
    """The keys of `data:` that choose rows.

    A share is a fraction (0.2, rounded up to whole rows) or a count (100).

    test: the share of all rows for the final test. By default the official test part
    where the data set has one (mnist, fashion_mnist), else none.
    validation: the share of the remaining rows that is watched while training, as val_loss; or
    test to watch the test part itself, which must not stop training early then.
    pool: whether the official training and test parts are put together first, so that test can
    take a share of all.
    split: shuffled takes the shares from a random order of the rows, ordered from their end.
    stratify: whether each part has the classes in about the same shares as all rows.
    """

    test: Share | None = None
    validation: Share | Literal["test"] | None = None
    pool: bool = False
    split: Literal["shuffled", "ordered"] = "shuffled"
    stratify: bool = False


@dataclass(frozen=True, eq=False)
class PartRows:
    """Row numbers (int64) of each part; None for an absent part."""

    train: IntArray
    validation: IntArray | None
    test: IntArray | None


def split_rows(
    options: Split, rows: int, test_rows: int, seed: int, labels: IntArray | None = None
) -> PartRows:
    """Divide `rows` rows, of which the last `test_rows` are the official test part.

    Fractions are rounded up. Test rows are the last of the order, validation rows the last of
    what remains. The order is a permutation from the seed, or the file's for "ordered"; without
    test and validation rows, the training rows keep the file's order, so `training.shuffle:
    false` means that order. labels (N,): the classes, for `stratify`; without them only the sizes
    of the parts are right. Raises ConfigError for an empty part or an impossible choice.
    """
    official = _official_rows(options, test_rows)
    available = rows - official
    tested = _count("test", options.test, available)
    share = None if options.validation == "test" else options.validation
    validated = _count("validation", share, available - tested)

    order: IntArray = np.arange(available)
    if options.split == "shuffled" and tested + validated:
        order = _shuffled(options, available, seed, labels)
    train, validation, test = np.split(order, [available - tested - validated, available - tested])
    if official:
        test = np.arange(available, rows)
    if not len(train):
        raise ConfigError(f"data: no row is left for training, {rows:,} in all.")
    if options.validation == "test":
        if not len(test):
            raise ConfigError("data.validation: there is no test part; set data.test as well.")
        validation = test
    return PartRows(train, *(part if len(part) else None for part in (validation, test)))


def _shuffled(options: Split, rows: int, seed: int, labels: IntArray | None) -> IntArray:
    """A random order (N,); stratified, each class is spread evenly over it.

    Row i of the n rows of a class then comes at (i + 1/2) / n of the way.
    """
    order = generator(seed, Purpose.SPLIT).permutation(rows)
    if labels is None or not options.stratify:
        return order
    classes = labels[order]
    places = np.empty(len(order))
    for label in np.unique(classes):
        own = classes == label
        places[own] = (np.arange(own.sum()) + 0.5) / own.sum()
    return order[np.argsort(places, kind="stable")]


def _official_rows(options: Split, test_rows: int) -> int:
    """Number of rows of an official test part that stays apart."""
    if options.pool and not test_rows:
        raise ConfigError("data.pool: this data set has no official test part to pool.")
    if not options.pool and test_rows and options.test is not None:
        raise ConfigError(
            f"data.test: this data set has an official test part of {test_rows:,} rows. "
            "Leave test out to use it, or set pool: true to join the parts first."
        )
    return 0 if options.pool else test_rows


def _count(key: str, share: float | int | None, rows: int) -> int:
    """Number of rows of a share; exact in decimal, as 0.07 of 100 is 7 and not 8."""
    if share is None:
        return 0
    count = share if isinstance(share, int) else math.ceil(Fraction(repr(float(share))) * rows)
    if count >= rows:
        raise ConfigError(
            f"data.{key}: {share} takes {count:,} of {rows:,} rows and leaves none for training."
        )
    return count
