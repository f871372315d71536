"""The source of every random number.

Each purpose has a stream of its own, `default_rng([seed, purpose, index])`, so that adding a
consumer (a dropout layer, a data set with noise) never shifts the numbers of another.
"""

import operator
from enum import IntEnum

import numpy as np

WORD = 2**32


class Purpose(IntEnum):
    """The use of a stream. The numbers are part of every run's identity: never reuse one."""

    INIT = 0  # index: the layer
    SHUFFLE = 1  # index: the epoch, counted from 0
    SPLIT = 2
    DROPOUT = 3  # index: the layer
    AUGMENT = 4
    DATA = 5
    CHECK = 6  # the directions of a gradient check
    BOOTSTRAP = 7  # the exchanges of runs that are tried, where there are too many
    FIGURE = 8  # the random directions of figures


def generator(seed: int, purpose: Purpose, index: int = 0) -> np.random.Generator:
    """The stream of `purpose`; the same arguments always give the same numbers.

    Raises ValueError for a negative seed, TypeError for a seed that is no whole number.
    """
    # A list of numbers would take NumPy a third longer.
    return np.random.default_rng(np.array(entropy(seed, int(purpose), index), np.uint32))


def entropy(*numbers: int) -> list[int]:
    """Words of 32 bits for NumPy's SeedSequence, unique to these numbers.

    NumPy writes a number of more than 32 bits as several words, so that [5 + 2**32, 0, 0] would be
    [5, 1, 0, 0], the stream of [5, 1, 0]. Here the low words of all numbers come first, then
    their next words, and so on. Zeros at the end change nothing.
    """
    rest = [operator.index(number) for number in numbers]
    if min(rest) < 0:
        raise ValueError(f"a seed must be a whole number, 0 or more, not {min(rest)}")
    words = [number % WORD for number in rest]
    while any(rest := [number // WORD for number in rest]):
        words += [number % WORD for number in rest]
    return words


def permutation(seed: int, epoch: int, rows: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The order in which `epoch` (from 0) visits the rows: a function of (seed, epoch) alone."""
    return generator(seed, Purpose.SHUFFLE, epoch).permutation(rows)
