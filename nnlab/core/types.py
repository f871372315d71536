"""The few types that the whole core speaks."""

from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
FloatArray = NDArray[np.floating[Any]]
IntArray = NDArray[np.integer[Any]]
Shape = tuple[int, ...]


class Views(SimpleNamespace):
    """Named arrays: `p.weight`, `g.weight`, `s.mask`. Attributes are views, not copies."""


def size(shape: Shape) -> int:
    """Number of elements of `shape`; 1 for the empty shape."""
    count = 1
    for extent in shape:
        count *= extent
    return count
