"""The cells of a grid: every combination of the axes' values, or some of them drawn at random."""

import itertools
import math
import random
from collections.abc import Iterator, Sequence

from nnlab.config.tree import Node
from nnlab.study.axes import Axis


def size(axes: Sequence[Axis]) -> int:
    """How many cells the grid has."""
    return math.prod(len(axis.values) for axis in axes)


def cells(axes: Sequence[Axis], sample: int | None = None, seed: int = 0) -> Iterator[list[Node]]:
    """One value of each axis a cell, the last axis fastest; or `sample` different cells of them.

    The first cells of a larger sample from the same grid are those of a smaller one.
    """
    if sample is None or sample >= size(axes):
        yield from map(list, itertools.product(*(axis.values for axis in axes)))
        return
    draw, total = random.Random(f"nnlab sweep {seed}"), size(axes)
    seen: set[int] = set()
    while len(seen) < sample:
        number = draw.randrange(total)
        if number not in seen:
            seen.add(number)
            yield _cell(axes, number)


def _cell(axes: Sequence[Axis], number: int) -> list[Node]:
    chosen = []
    for axis in reversed(axes):
        number, index = divmod(number, len(axis.values))
        chosen.append(axis.values[index])
    return chosen[::-1]
