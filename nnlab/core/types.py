"""The types that the whole core uses."""

from math import prod
from types import SimpleNamespace
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
FloatArray = NDArray[np.floating[Any]]
IntArray = NDArray[np.integer[Any]]
Shape = tuple[int, ...]
NUMERIC = "biuf"  # kinds of NumPy's dtypes: bool, whole numbers, floats
Kind = Literal["classes", "binary", "regression"]  # how outputs are judged


class NamesFile:
    """A note in an annotation: a relative path starts at the folder of its config."""


FilePath = Annotated[str, NamesFile()]


class Views(SimpleNamespace):
    """Named arrays: `p.weight`, `g.weight`, `s.mask`. Attributes are views, not copies."""


def size(shape: Shape) -> int:
    """Number of elements of `shape`; 1 for the empty shape."""
    return prod(shape)
