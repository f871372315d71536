"""Random streams: repeatable, and independent of one another."""

from itertools import combinations

import numpy as np
import pytest

from nnlab.core.random import Purpose, generator, permutation

DRAWS = 10_000
STREAMS = {
    (seed, purpose, index): generator(seed, purpose, index).normal(size=DRAWS)
    for seed in (0, 1)
    for purpose in Purpose
    for index in (0, 1)
}


def test_the_numbers_of_the_purposes_never_change():
    assert {purpose.name: purpose.value for purpose in Purpose} == {
        "INIT": 0,
        "SHUFFLE": 1,
        "SPLIT": 2,
        "DROPOUT": 3,
        "AUGMENT": 4,
        "DATA": 5,
        "CHECK": 6,
        "BOOTSTRAP": 7,
    }


def test_streams_are_uncorrelated():
    streams = np.array(list(STREAMS.values()))
    correlation = np.corrcoef(streams)
    off = np.abs(correlation[~np.eye(len(streams), dtype=bool)])
    # 276 pairs; each correlation is about N(0, 1 / DRAWS), and 6 sigma has 2e-9 a pair.
    assert off.max() < 6 / np.sqrt(DRAWS)


def test_no_two_streams_share_a_number():
    for a, b in combinations(STREAMS.values(), 2):
        assert not np.intersect1d(a[:500], b[:500]).size


@pytest.mark.parametrize("purpose", Purpose)
def test_the_same_arguments_give_the_same_numbers(purpose):
    np.testing.assert_array_equal(
        generator(1, purpose, 1).normal(size=DRAWS), STREAMS[1, purpose, 1]
    )


def test_the_order_of_an_epoch_is_a_function_of_seed_and_epoch():
    order = permutation(3, 7, 100)
    np.testing.assert_array_equal(np.sort(order), np.arange(100))
    np.testing.assert_array_equal(permutation(3, 7, 100), order)
    for other in (permutation(3, 8, 100), permutation(4, 7, 100)):
        assert (other != order).any()
