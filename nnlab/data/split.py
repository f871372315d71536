"""Which rows are for training, validation and testing."""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Gt, Lt

from nnlab.core.random import Purpose, generator
from nnlab.core.types import IntArray
from nnlab.data.dataset import Dataset
from nnlab.errors import ConfigError

Share = Annotated[float, Gt(0), Lt(1)] | Annotated[int, Ge(1)]


@dataclass(frozen=True)
class Split:
    """The keys of `data:` that choose rows.

    A share is a fraction (0.2, rounded up to whole rows) or a count (100).

    test: the share of all rows for the final test. By default the official test part
    where the data set has one (mnist, fashion_mnist, kmnist), else none.
    validation: the share of the remaining rows that is watched while training, as val_loss; or
    test to watch the test part itself, which must not stop training early then.
    pool: whether the official training and test parts are put together first, so that test can
    take a share of all.
    split: shuffled takes the shares from a random order of the rows, ordered from their end.
    stratify: whether each part has the classes in about the same shares as all rows.
    rows: how many of the rows are used: the first of the random order, or with ordered the first of
    the file. An official test part stays whole.
    fold: which fold of a cross-validation is the validation part, from 1, in place of `validation`;
    the network trains on the other folds. With 5 folds, 6 is the first fold of a second division in
    another order. `nnlab sweep fold --folds 5` trains with each fold in turn.
    folds: the number of folds into which the rows beside the test part are divided.
    """

    test: Share | None = None
    validation: Share | Literal["test"] | None = None
    pool: bool = False
    split: Literal["shuffled", "ordered"] = "shuffled"
    stratify: bool = False
    rows: Annotated[int, Ge(1)] | None = None
    fold: Annotated[int, Ge(1)] | None = None
    folds: Annotated[int, Ge(2)] = 5

    @property
    def has_validation(self) -> bool:
        """Whether there is a validation part."""
        return self.validation is not None or self.fold is not None

    @property
    def share(self) -> Share | None:
        """The share of a validation part of its own, which is no fold."""
        return None if self.fold is not None or self.validation == "test" else self.validation

    @property
    def watches_test(self) -> bool:
        """Whether the test part is the validation part."""
        return self.validation == "test" and self.fold is None


@dataclass(frozen=True, eq=False)
class PartRows:
    """Row numbers (int64) of each part; None for an absent part."""

    train: IntArray
    validation: IntArray | None
    test: IntArray | None


def split_dataset(options: Split, dataset: Dataset, seed: int) -> PartRows:
    """The parts of a data set, with its classes and groups. Raises ConfigError."""
    rows, test_rows = dataset.rows, dataset.test_rows
    return split_rows(options, rows, test_rows, seed, dataset.labels, dataset.groups)


def split_rows(
    options: Split,
    rows: int,
    test_rows: int,
    seed: int,
    labels: IntArray | None = None,
    groups: IntArray | None = None,
) -> PartRows:
    """Divide `rows` rows, of which the last `test_rows` are the official test part.

    Fractions are rounded up. Test rows are the last of the order, validation rows the last of
    what remains, or a fold of it. The order is a permutation from the seed, or the file's for
    "ordered"; without test and validation rows, the training rows keep the file's order, so
    `training.shuffle: false` means that order. labels (N,): the classes, for `stratify`. groups
    (N,): rows of one group stay in one part. Without labels or groups only the sizes of the parts
    are right, with groups about. Raises ConfigError for an empty part or an impossible choice.
    """
    official = _official_rows(options, test_rows)
    available = rows - official
    used = _used_rows(options, available)
    tested = _count("test", options.test, used)
    validated = _count("validation", options.share, used - tested)

    order: IntArray = np.arange(available)
    is_divided = bool(tested + validated or options.fold)
    if is_divided or used < available:
        order = _order(options, available, seed, labels, groups)
        order = _first(order, used, groups)
    order = order if is_divided else np.sort(order)
    train, validation, test = np.split(order, _cuts(order, validated, tested, groups))
    if official:
        test = np.arange(available, rows)
    if options.fold is not None:
        train, validation = _fold(options, train, seed, labels, groups)
    if not len(train):
        raise ConfigError(f"data: no row is left for training, {rows:,} in all.")
    return _parts(options, train, validation, test)


def _first(order: IntArray, used: int, groups: IntArray | None) -> IntArray:
    """The first `used` rows of an order, or about as many in whole groups."""
    if used == len(order):
        return order
    ends = _group_ends(order, groups)
    return order[: _nearest(ends, used) if len(ends) else used]


def _parts(options: Split, train: IntArray, validation: IntArray, test: IntArray) -> PartRows:
    if options.watches_test:
        if not len(test):
            raise ConfigError("data.validation: there is no test part; set data.test as well.")
        validation = test
    return PartRows(train, *(part if len(part) else None for part in (validation, test)))


def fold_numbers(
    options: Split, order: IntArray, labels: IntArray | None, groups: IntArray | None
) -> IntArray:
    """The fold (N,), from 0, of each row of `order`.

    The folds are those of scikit-learn for rows in this order: `KFold`, with labels
    `StratifiedKFold`, with groups of an ordered split `GroupKFold`, which puts the groups, largest
    first, into the smallest fold (of equal ones the first in the file, where scikit-learn may take
    another); a shuffled split takes the groups in their random order.
    """
    folds, rows = options.folds, np.arange(len(order))
    numbers = rows * 0
    if groups is not None:
        own = _by_appearance(groups[order])
        sizes, filled = np.bincount(own), np.zeros(folds, np.int64)
        ordered = options.split == "ordered"
        of_group = np.zeros(len(sizes), np.int64)
        for group in np.argsort(-sizes, kind="stable") if ordered else range(len(sizes)):
            of_group[group] = np.argmin(filled)
            filled[of_group[group]] += sizes[group]
        return of_group[own]
    if labels is None or not options.stratify:
        return np.repeat(np.arange(folds), [len(part) for part in np.array_split(rows, folds)])
    classes = _by_appearance(labels[order])
    in_turn = np.empty(len(order), np.int64)
    in_turn[np.argsort(classes, kind="stable")] = rows  # the row's place when sorted by class
    for label in range(classes.max() + 1):
        own = classes == label
        numbers[own] = np.sort(in_turn[own] % folds)
    return numbers


def _fold(
    options: Split, rows: IntArray, seed: int, labels: IntArray | None, groups: IntArray | None
) -> tuple[IntArray, IntArray]:
    """Training and validation rows of a fold."""
    division, fold = divmod((options.fold or 1) - 1, options.folds)
    if division and options.split == "ordered":
        raise ConfigError(
            f"data.fold: {options.fold} of {options.folds} folds: ordered rows are divided in one "
            "way only. Set split: shuffled for more."
        )
    if options.folds > len(rows):
        raise ConfigError(f"data.folds: {options.folds} folds need as many rows, not {len(rows)}.")
    if groups is not None and options.stratify:
        raise ConfigError("data.stratify: folds of whole groups cannot be stratified.")
    if groups is not None and options.folds > (count := len(np.unique(groups[rows]))):
        raise ConfigError(f"data.folds: {options.folds} folds need as many groups, not {count}.")
    if division:
        rows = rows[generator(seed, Purpose.SPLIT, division).permutation(len(rows))]
    own = fold_numbers(options, rows, labels, groups) == fold
    return rows[~own], rows[own]


def _by_appearance(values: IntArray) -> IntArray:
    """The values (N,) as numbers from 0 in the order of their first appearance."""
    _, first, numbers = np.unique(values, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[numbers]


def _used_rows(options: Split, available: int) -> int:
    if options.rows is None:
        return available
    if options.rows > available:
        raise ConfigError(f"data.rows: {options.rows:,} of {available:,} rows. Leave it out.")
    return options.rows


def _cuts(order: IntArray, validated: int, tested: int, groups: IntArray | None) -> tuple[int, int]:
    """Where the validation and the test rows begin; with groups the nearest end of one.

    Raises ConfigError where there are fewer groups than parts.
    """
    validation, test = len(order) - tested - validated, len(order) - tested
    if groups is None:
        return validation, test
    ends = _group_ends(order, groups)
    if len(ends) < (parts := bool(validated) + bool(tested)):
        raise ConfigError(
            f"data: {parts + 1} parts of whole groups need as many groups, not {len(ends) + 1}."
        )
    if tested:
        test = _nearest(ends[bool(validated) :], test)  # leaves a group for validation
    return _nearest(ends[ends < test], validation) if validated else test, test


def _group_ends(order: IntArray, groups: IntArray | None) -> IntArray:
    """The places in `order` where a group ends and another begins."""
    if groups is None:
        return order[:0]
    own = groups[order]
    return np.flatnonzero(own[1:] != own[:-1]) + 1


def _nearest(ends: IntArray, place: int) -> int:
    return int(ends[np.argmin(np.abs(ends - place))])


def _order(
    options: Split, rows: int, seed: int, labels: IntArray | None, groups: IntArray | None
) -> IntArray:
    """The order (N,) of which the parts are cut; groups stand together in it.

    Stratified, each class is spread evenly over it: row i of the n rows of a class comes at
    (i + 1/2) / n of the way.
    """
    if options.split == "ordered":
        order: IntArray = np.arange(rows)
    else:
        order = generator(seed, Purpose.SPLIT).permutation(rows)
    if groups is not None:
        return order[np.argsort(_by_appearance(groups[order]), kind="stable")]
    if labels is None or not options.stratify or options.split == "ordered":
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
