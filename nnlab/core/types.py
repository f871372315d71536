"""The types that the whole core uses."""

import functools
from collections.abc import Callable
from contextlib import nullcontext
from math import prod
from types import SimpleNamespace
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
FloatArray = NDArray[np.floating[Any]]
IntArray = NDArray[np.integer[Any]]
Shape = tuple[int, ...]
T = TypeVar("T")
NUMERIC = "biuf"  # kinds of NumPy's dtypes: bool, whole numbers, floats
Kind = Literal["classes", "binary", "regression"]  # how outputs are judged


class NamesFile:
    """A note in an annotation: a relative path starts at the folder of its config."""


FilePath = Annotated[str, NamesFile()]


class cached_property(functools.cached_property[T]):  # noqa: N801, TID251, as it replaces that
    """`functools.cached_property` as it is from Python 3.12 on: without a lock.

    A process that is forked while another thread computes a value would wait for ever.
    """

    def __init__(self, func: Callable[[Any], T]) -> None:
        super().__init__(func)
        self.lock = nullcontext()  # where Python 3.11 puts one for all objects of a class


class Views(SimpleNamespace):
    """Named arrays: `p.weight`, `g.weight`, `s.mask`. Attributes are views, not copies."""


def size(shape: Shape) -> int:
    """Number of elements of `shape`; 1 for the empty shape."""
    return prod(shape)
