"""Random streams: repeatable, and independent of one another."""

from itertools import combinations

import numpy as np
import pytest

from nnlab.core.random import Purpose, entropy, generator, permutation

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
        "FIGURE": 8,
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


LARGE = (0, 1, 5, 2**32 - 1, 2**32, 2**32 + 5, 5 * 2**32, 2**33 + 5, 2**64, 2**64 + 5, 2**96 + 5)


def test_no_two_large_seeds_share_a_stream():
    """NumPy alone takes [5 + 2**32, 0, 0] for [5, 1, 0]: INIT of one seed, SHUFFLE of another."""
    streams = {
        (seed, purpose, index): tuple(generator(seed, purpose, index).integers(2**62, size=2))
        for seed in LARGE
        for purpose in Purpose
        for index in (0, 1, 5, 2**32, 2**32 + 1)
    }
    assert len(set(streams.values())) == len(streams)


@pytest.mark.parametrize("seed", [0, 1, 7, 2**31, 2**32 - 1])
def test_seeds_of_32_bits_keep_their_streams(seed):
    for purpose in Purpose:
        old = np.random.default_rng([seed, int(purpose), 3])
        assert generator(seed, purpose, 3).integers(2**62) == old.integers(2**62)


def test_words_are_those_of_one_list_of_numbers():
    assert entropy(5, 1, 0) == [5, 1, 0]
    assert entropy(2**32 + 5, 0, 0) == [5, 0, 0, 1, 0, 0]
    assert entropy(5, 2**64 + 3) == [5, 3, 0, 0, 0, 1]


@pytest.mark.parametrize("seed", [-1, -(2**40)])
def test_a_negative_seed_is_refused(seed):
    with pytest.raises(ValueError, match=f"^a seed must be a whole number, 0 or more, not {seed}$"):
        generator(seed, Purpose.INIT)
    with pytest.raises(TypeError):
        generator(0.5, Purpose.INIT)  # type: ignore[arg-type]
