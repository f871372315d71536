"""Data sets made by a formula: small enough to know every row."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Le

from nnlab.core.random import Purpose, generator
from nnlab.core.types import Array, FloatArray
from nnlab.data.dataset import Dataset, Signature, from_arrays

Samples = Annotated[int, Ge(1), Le(1_000_000)]
Width = Annotated[int, Ge(1), Le(100_000)]

MAX_NUMBERS = 2**27  # one GiB of float64: a typing error must not fill the memory


@dataclass(frozen=True)
class Identity:
    """The one-hot rows of eye(size), each its own target: the task of an 8-3-8 encoder."""

    size: Annotated[int, Ge(2), Le(4096)] = 8

    def signature(self, seed: int) -> Signature:
        """A square of `size` rows."""
        return Signature((self.size,), self.size, "identity", self.size)

    def load(self, seed: int) -> Dataset:
        """The same rows for every seed."""
        rows = np.eye(self.size)
        return from_arrays("identity", rows, rows, task="identity")


@dataclass(frozen=True)
class Xor:
    """Exclusive or: the 4 corners of the unit square, or the 21 points of its two diagonals.

    On the line variant the rising diagonal (i/10, i/10) is class 0 and the falling one
    (i/10, 1 - i/10) class 1; their common middle is there once, as class 0.
    """

    variant: Literal["square", "line"] = "square"

    def signature(self, seed: int) -> Signature:
        """4 or 21 rows of two columns."""
        return Signature((2,), 2, "classes", 4 if self.variant == "square" else 21)

    def load(self, seed: int) -> Dataset:
        """The same rows for every seed."""
        points: list[tuple[float, float, int]]
        if self.variant == "square":
            points = [(0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 0)]
        else:
            diagonals = [((i, i, 0), (i, 10 - i, 1)) for i in range(11)]
            points = [(x / 10, y / 10, c) for pair in diagonals for x, y, c in pair]
            points.remove((0.5, 0.5, 1))
        table = np.array(points)
        return _plane("xor", table[:, :2], table[:, 2], ("0", "1"))


@dataclass(frozen=True)
class Linear:
    """Points uniform in the unit square; class 1 where x > y. One neuron can learn it."""

    samples: Samples = 100

    def signature(self, seed: int) -> Signature:
        """`samples` rows of two columns."""
        return Signature((2,), 2, "classes", self.samples)

    def load(self, seed: int) -> Dataset:
        """The points of this seed."""
        points = generator(seed, Purpose.DATA).random((self.samples, 2))
        return _plane("linear", points, points[:, 0] > points[:, 1], ("x <= y", "x > y"))


@dataclass(frozen=True)
class Random:
    """Inputs and targets without any relation, N(0, 1) or uniform in [0, 1): to memorise."""

    samples: Samples = 100
    inputs: Width = 10
    outputs: Width = 5
    distribution: Literal["normal", "uniform"] = "normal"

    def __post_init__(self) -> None:
        if self.samples * (self.inputs + self.outputs) > MAX_NUMBERS:
            raise ValueError(
                f"{self.samples:,} samples of {self.inputs:,} inputs and {self.outputs:,} outputs "
                f"are more than {MAX_NUMBERS:,} numbers; make one of them smaller"
            )

    def signature(self, seed: int) -> Signature:
        """A regression from `inputs` to `outputs` columns."""
        return Signature((self.inputs,), self.outputs, "regression", self.samples)

    def load(self, seed: int) -> Dataset:
        """The numbers of this seed: all inputs first, then all targets."""
        stream = generator(seed, Purpose.DATA)
        draw = stream.standard_normal if self.distribution == "normal" else stream.random
        x = draw((self.samples, self.inputs))
        y = draw((self.samples, self.outputs))
        return from_arrays("random", x, y, task="regression")


Function = Literal[
    "sine", "cosine", "square", "cubic", "absolute", "sinc", "gaussian", "runge", "step", "box"
]

FUNCTIONS: dict[Function, Callable[[FloatArray], FloatArray]] = {
    "sine": np.sin,
    "cosine": np.cos,
    "square": np.square,
    "cubic": lambda x: x**3,
    "absolute": np.abs,
    "sinc": lambda x: np.sinc(x / np.pi),  # sin(x) / x
    "gaussian": lambda x: np.exp(-(x**2) / 2),
    "runge": lambda x: 1 / (1 + 25 * x**2),
    "step": lambda x: np.where(x >= 0, 1.0, 0.0),
    "box": lambda x: np.where((x >= -1) & (x < 1), 1.0, 0.0),  # step(x + 1) - step(x - 1)
}


@dataclass(frozen=True)
class Curve:
    """A function of one variable at evenly spaced points of [low, high], both ends included.

    noise: standard deviation of what is added to the targets.
    """

    function: Function = "sine"
    low: float = -5.0
    high: float = 5.0
    samples: Annotated[int, Ge(2), Le(1_000_000)] = 100
    noise: Annotated[float, Ge(0)] = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.high - self.low) and self.low < self.high):
            raise ValueError(f"low ({self.low}) must be below high ({self.high}), and both finite")

    def signature(self, seed: int) -> Signature:
        """A regression from one column to one."""
        return Signature((1,), 1, "regression", self.samples)

    def load(self, seed: int) -> Dataset:
        """The curve; the seed only matters for the noise."""
        x = np.linspace(self.low, self.high, self.samples)[:, None]
        with np.errstate(over="ignore"):  # from_arrays reports an infinite target with its row
            y = FUNCTIONS[self.function](x)
            if self.noise:
                y = y + self.noise * generator(seed, Purpose.DATA).standard_normal(x.shape)
        return from_arrays(
            "curve",
            x,
            y,
            task="regression",
            feature_names=("x",),
            target_names=(self.function,),
        )


def _plane(name: str, points: FloatArray, labels: Array, classes: tuple[str, ...]) -> Dataset:
    """Labelled points of the plane."""
    return from_arrays(
        name, points, labels, task="classes", class_names=classes, feature_names=("x", "y")
    )
