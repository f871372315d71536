import re
from dataclasses import replace

import numpy as np
import pytest
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold

from nnlab.core.random import Purpose, generator
from nnlab.data.split import Split, fold_numbers, split_rows
from nnlab.errors import ConfigError


def shares(rows, labels):
    return np.bincount(labels[rows], minlength=3) / len(rows)


@pytest.mark.parametrize("seed", range(5))
def test_stratified_parts_have_the_shares_of_all_rows(seed):
    labels = np.random.default_rng(seed).choice(3, 200, p=[0.7, 0.25, 0.05])
    options = Split(test=0.2, validation=0.25, stratify=True)
    parts = split_rows(options, 200, 0, seed, labels)
    rows = [parts.train, parts.validation, parts.test]
    np.testing.assert_array_equal(np.sort(np.concatenate(rows)), np.arange(200))
    for part in rows:
        # Two ends of a part, each off by half a row of the class and its part of the rounding.
        wanted = shares(np.arange(200), labels) * len(part)
        assert np.abs(shares(part, labels) * len(part) - wanted).max() <= 2
    plain = split_rows(Split(test=0.2, validation=0.25), 200, 0, seed)
    assert parts.test.tolist() != plain.test.tolist()


def test_official_test_rows_stay_apart_from_strata():
    labels = np.arange(20) % 2
    parts = split_rows(Split(validation=6, stratify=True), 20, 8, 0, labels)
    assert parts.test.tolist() == list(range(12, 20))
    assert np.bincount(labels[parts.validation]).tolist() == [3, 3]


def counts(options: Split, rows: int, test_rows: int = 0) -> tuple[int, int, int]:
    parts = split_rows(options, rows, test_rows, seed=0)
    sizes = [0 if part is None else len(part) for part in (parts.validation, parts.test)]
    return len(parts.train), sizes[0], sizes[1]


@pytest.mark.parametrize(
    ("options", "rows", "test_rows", "expected"),
    [
        (Split(), 8, 0, (8, 0, 0)),
        (Split(), 1, 0, (1, 0, 0)),
        (Split(), 70_000, 10_000, (60_000, 0, 10_000)),
        (Split(validation=0.2), 70_000, 10_000, (48_000, 12_000, 10_000)),
        (Split(validation=5_000), 70_000, 10_000, (55_000, 5_000, 10_000)),
        (Split(validation="test"), 70_000, 10_000, (60_000, 10_000, 10_000)),
        (Split(pool=True), 70_000, 10_000, (70_000, 0, 0)),
        (Split(test=0.3, validation=0.2, pool=True), 70_000, 10_000, (39_200, 9_800, 21_000)),
        (Split(test=0.5), 1797, 0, (898, 0, 899)),
        (Split(test=0.5, validation="test"), 1797, 0, (898, 899, 899)),
        (Split(test=0.07), 100, 0, (93, 0, 7)),  # 0.07 * 100 is 7.000000000000001
        (Split(test=0.001), 100, 0, (99, 0, 1)),
        (Split(test=1, validation=1), 3, 0, (1, 1, 1)),
    ],
)
def test_counts(options: Split, rows: int, test_rows: int, expected: tuple[int, int, int]) -> None:
    assert counts(options, rows, test_rows) == expected


@pytest.mark.parametrize("order", ["shuffled", "ordered"])
@pytest.mark.parametrize("test_rows", [0, 4])
def test_every_row_is_in_exactly_one_part(order: str, test_rows: int) -> None:
    options = Split(test=None if test_rows else 0.25, validation=0.3, split=order)  # type: ignore[arg-type]
    parts = split_rows(options, 20, test_rows, seed=5)
    assert parts.validation is not None
    assert parts.test is not None
    rows = np.concatenate([parts.train, parts.validation, parts.test])
    assert sorted(rows.tolist()) == list(range(20))
    assert rows.dtype == np.int64
    if test_rows:
        assert parts.test.tolist() == [16, 17, 18, 19]
    if order == "ordered":
        assert rows.tolist() == list(range(20))


def test_parts_are_cut_from_the_end_of_one_permutation() -> None:
    parts = split_rows(Split(test=3, validation=2), 10, 0, seed=7)
    order = generator(7, Purpose.SPLIT).permutation(10).tolist()
    assert parts.validation is not None
    assert parts.test is not None
    assert parts.train.tolist() == order[:5]
    assert parts.validation.tolist() == order[5:7]
    assert parts.test.tolist() == order[7:]


def test_seed_decides_the_parts() -> None:
    first, again, other = (split_rows(Split(test=0.5), 100, 0, seed=s).train for s in (1, 1, 2))
    assert first.tolist() == again.tolist() != other.tolist()


def test_what_is_not_cut_keeps_the_order_of_the_file() -> None:
    assert split_rows(Split(), 12, 2, seed=3).train.tolist() == list(range(10))
    assert split_rows(Split(pool=True), 12, 2, seed=3).train.tolist() == list(range(12))


@pytest.mark.parametrize(
    ("options", "rows", "test_rows", "message"),
    [
        (
            Split(test=0.3),
            70_000,
            10_000,
            "data.test: this data set has an official test part of 10,000 rows. "
            "Leave test out to use it, or set pool: true to join the parts first.",
        ),
        (
            Split(test=8),
            8,
            0,
            "data.test: 8 takes 8 of 8 rows and leaves none for training.",
        ),
        (
            Split(test=0.9),
            1,
            0,
            "data.test: 0.9 takes 1 of 1 rows and leaves none for training.",
        ),
        (
            Split(test=4, validation=0.9),
            8,
            0,
            "data.validation: 0.9 takes 4 of 4 rows and leaves none for training.",
        ),
        (
            Split(validation="test"),
            8,
            0,
            "data.validation: there is no test part; set data.test as well.",
        ),
        (Split(), 5, 5, "data: no row is left for training, 5 in all."),
    ],
)
def test_refused(options: Split, rows: int, test_rows: int, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        split_rows(options, rows, test_rows, seed=0)
    assert str(caught.value) == message


def folds_of(options: Split, rows: int, labels=None, groups=None, count=None):
    """Validation rows of each fold, after a look at the training rows."""
    parts = [
        split_rows(replace(options, fold=fold + 1), rows, 0, 3, labels, groups)
        for fold in range(count or options.folds)
    ]
    for part in parts:
        together = np.concatenate([part.train, part.validation])
        np.testing.assert_array_equal(np.sort(together), np.arange(rows))
    return [part.validation for part in parts]


def folds_of_sklearn(splitter, order, labels=None, groups=None):
    inputs = np.zeros((len(order), 1))
    return [order[rows] for _, rows in splitter.split(inputs, labels, groups)]


def same(ours, theirs):
    return [fold.tolist() for fold in ours] == [fold.tolist() for fold in theirs]


@pytest.mark.parametrize("folds", [2, 5, 23])
def test_folds_are_those_of_kfold_in_the_random_order(folds):
    order = generator(3, Purpose.SPLIT).permutation(23)
    assert same(folds_of(Split(folds=folds), 23), folds_of_sklearn(KFold(folds), order))
    ordered = Split(folds=folds, split="ordered")
    assert same(folds_of(ordered, 23), folds_of_sklearn(KFold(folds), np.arange(23)))


def test_stratified_folds_are_those_of_stratifiedkfold():
    labels = np.random.default_rng(0).choice(3, 47, p=[0.6, 0.3, 0.1])
    options = Split(folds=4, stratify=True)
    order = np.concatenate(
        [
            (parts := split_rows(replace(options, folds=2, fold=1), 47, 0, 3, labels)).train,
            parts.validation,
        ]
    )
    assert sorted(order.tolist()) == list(range(47))
    plain = generator(3, Purpose.SPLIT).permutation(47)
    for rows in (plain, np.arange(47)):
        theirs = folds_of_sklearn(StratifiedKFold(4), rows, labels[rows])
        numbers = fold_numbers(options, rows, labels, None)
        assert same([rows[numbers == fold] for fold in range(4)], theirs)
    sizes = [np.bincount(labels[rows], minlength=3) for rows in folds_of(options, 47, labels)]
    assert np.ptp(sizes, axis=0).max() <= 1


def test_grouped_folds_are_those_of_groupkfold_and_part_no_group():
    groups = np.repeat(np.arange(9), [1, 2, 3, 4, 5, 6, 7, 8, 12])
    mixed = np.random.default_rng(1).permutation(groups)
    ordered = folds_of(Split(folds=3, split="ordered"), 48, groups=mixed)
    theirs = folds_of_sklearn(GroupKFold(3), np.arange(48), groups=mixed)
    assert [sorted(fold.tolist()) for fold in ordered] == [fold.tolist() for fold in theirs]
    shuffled = folds_of(Split(folds=3), 48, groups=mixed)
    assert len(set().union(*(set(mixed[fold]) for fold in shuffled))) == 9
    assert sum(len(set(mixed[fold])) for fold in shuffled) == 9


@pytest.mark.parametrize("order", ["shuffled", "ordered"])
def test_test_and_validation_parts_part_no_group(order):
    groups = np.random.default_rng(1).integers(0, 12, 80)
    parts = split_rows(Split(test=0.25, validation=0.25, split=order), 80, 0, 3, None, groups)
    names = [set(groups[rows]) for rows in (parts.train, parts.validation, parts.test)]
    assert all(len(part) >= 2 for part in names)
    assert sum(map(len, names)) == len(set(groups))


def test_a_large_last_group_leaves_one_for_validation():
    groups = np.repeat([0, 1, 2], [10, 10, 80])
    parts = split_rows(Split(test=0.1, validation=0.1, split="ordered"), 100, 0, 0, groups=groups)
    assert [len(parts.train), len(parts.validation), len(parts.test)] == [10, 10, 80]


def test_further_folds_divide_the_same_rows_in_another_order():
    options = Split(folds=4, test=0.2)
    tests = {tuple(split_rows(replace(options, fold=k), 40, 0, 3).test) for k in range(1, 9)}
    assert len(tests) == 1
    folds = [split_rows(replace(options, fold=k), 40, 0, 3).validation for k in range(1, 9)]
    for division in (folds[:4], folds[4:]):  # as RepeatedKFold: each row is validated once a time
        assert sorted(np.concatenate(division).tolist()) == sorted(
            set(range(40)) - set(next(iter(tests)))
        )
    assert {tuple(sorted(f)) for f in folds[:4]}.isdisjoint(tuple(sorted(f)) for f in folds[4:])


@pytest.mark.parametrize(
    ("options", "groups", "problem"),
    [
        (Split(fold=1, folds=11), None, "data.folds: 11 folds need as many rows, not 10."),
        (Split(fold=6, split="ordered"), None, "ordered rows are divided in one way only"),
        (Split(fold=1), np.arange(10) // 4, "data.folds: 5 folds need as many groups, not 3."),
        (Split(fold=1, stratify=True, folds=2), np.arange(10) // 2, "cannot be stratified"),
        (Split(rows=11), None, "data.rows: 11 of 10 rows"),
        (Split(test=0.2), np.zeros(10), "2 parts of whole groups need as many groups, not 1."),
        (Split(rows=4, validation=1), np.arange(10) // 5, "need as many groups, not 1."),
        (Split(test=2, validation=2), np.arange(10) // 5, "3 parts of whole groups need"),
    ],
)
def test_impossible_folds_and_rows(options, groups, problem):
    with pytest.raises(ConfigError, match=re.escape(problem)):
        split_rows(options, 10, 0, 0, np.zeros(10, int), groups)


def test_rows_are_the_first_of_the_order_and_the_official_test_part_stays():
    order = generator(3, Purpose.SPLIT).permutation(30)
    parts = split_rows(Split(rows=10, validation=0.2), 40, 10, 3)
    assert [*parts.train, *parts.validation] == order[:10].tolist()
    assert parts.test.tolist() == list(range(30, 40))
    alone = split_rows(Split(rows=10), 40, 10, 3)
    assert alone.train.tolist() == sorted(order[:10])
    ordered = split_rows(Split(rows=10, test=2, split="ordered"), 30, 0, 3)
    assert [*ordered.train, *ordered.test] == list(range(10))
    assert split_rows(Split(rows=30, test=0.2), 30, 0, 3).test.tolist() == order[24:].tolist()
