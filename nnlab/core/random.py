"""Where every random number comes from.

Each purpose has a stream of its own, `default_rng([seed, purpose, index])`, so that adding one
consumer (a dropout layer, a data set with noise) never shifts the numbers another one draws.
"""

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """What a stream is drawn for. The numbers are part of every run's identity: never reuse one."""

    INIT = 0  # index: the layer
    SHUFFLE = 1  # index: the epoch, counted from 0
    SPLIT = 2
    DROPOUT = 3  # index: the layer
    AUGMENT = 4
    DATA = 5
    CHECK = 6  # the directions of a gradient check
    BOOTSTRAP = 7  # which exchanges of runs are tried where there are too many


def generator(seed: int, purpose: Purpose, index: int = 0) -> np.random.Generator:
    """The stream of `purpose`; the same arguments always give the same numbers."""
    return np.random.default_rng([seed, int(purpose), index])


def permutation(seed: int, epoch: int, rows: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The order in which `epoch` (from 0) visits the rows: a function of (seed, epoch) alone."""
    return generator(seed, Purpose.SHUFFLE, epoch).permutation(rows)
