"""The data sets that a config can name; most are generated here."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Gt, Le, Lt

from nnlab.core.random import Purpose, generator
from nnlab.core.types import Array, FloatArray
from nnlab.data.dataset import Dataset, DataSource, InputColumn, Signature
from nnlab.data.digits import DigitProperties, Digits
from nnlab.data.images import FashionMnist, Kmnist, Mnist
from nnlab.data.memory import Memory
from nnlab.data.openml import Openml
from nnlab.data.user_csv import Csv
from nnlab.data.user_images import ImageFolder
from nnlab.data.user_npz import Npz

Samples = Annotated[int, Ge(1), Le(1_000_000)]
Pairs = Annotated[int, Ge(2), Le(1_000_000)]
Width = Annotated[int, Ge(1), Le(100_000)]
Noise = Annotated[float, Ge(0), Le(1e6)]

MAX_NUMBERS = 2**27  # one GiB of float64: a typing error must not fill the memory


@dataclass(frozen=True)
class Identity(DataSource):
    """The one-hot rows of eye(size), each its own target: the task of an 8-3-8 encoder."""

    size: Annotated[int, Ge(2), Le(4096)] = 8

    def signature(self, seed: int) -> Signature:
        return Signature((self.size,), self.size, "identity", self.size)

    def load(self, seed: int) -> Dataset:
        rows = np.eye(self.size)
        return Dataset("identity", rows, rows, "identity")


@dataclass(frozen=True)
class Xor(DataSource):
    """Exclusive or: the 4 corners of the unit square, or the 21 points of its two diagonals.

    On the line variant the rising diagonal (i/10, i/10) is class 0 and the falling one
    (i/10, 1 - i/10) class 1; their common middle is there once, as class 0.
    """

    variant: Literal["square", "line"] = "square"

    def load(self, seed: int) -> Dataset:
        points: list[tuple[float, float, int]]
        if self.variant == "square":
            points = [(0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 0)]
        else:
            diagonals = [((i, i, 0), (i, 10 - i, 1)) for i in range(11)]
            points = [(x / 10, y / 10, c) for pair in diagonals for x, y, c in pair]
            points.remove((0.5, 0.5, 1))
        table = np.array(points)
        return _points("xor", table[:, :2], table[:, 2], ("0", "1"))


@dataclass(frozen=True)
class HalfSquare(DataSource):
    """Points uniform in the unit square; class 1 where x > y. One neuron can learn it."""

    samples: Samples = 100

    def load(self, seed: int) -> Dataset:
        points = generator(seed, Purpose.DATA).random((self.samples, 2))
        return _points("linear", points, points[:, 0] > points[:, 1], ("x <= y", "x > y"))


@dataclass(frozen=True)
class Random(DataSource):
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
        return Signature((self.inputs,), self.outputs, "regression", self.samples)

    def load(self, seed: int) -> Dataset:
        stream = generator(seed, Purpose.DATA)
        draw = stream.standard_normal if self.distribution == "normal" else stream.random
        x = draw((self.samples, self.inputs))
        y = draw((self.samples, self.outputs))
        return Dataset("random", x, y, "regression")


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
class FunctionCurve(DataSource):
    """A function of one variable at evenly spaced points of [low, high], both ends included.

    noise: standard deviation of what is added to the targets.
    """

    function: Function = "sine"
    low: float = -5.0
    high: float = 5.0
    samples: Pairs = 100
    noise: Annotated[float, Ge(0)] = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.high - self.low) and self.low < self.high):
            raise ValueError(f"low ({self.low}) must be below high ({self.high}), and both finite")

    def signature(self, seed: int) -> Signature:
        return Signature((1,), 1, "regression", self.samples)

    def load(self, seed: int) -> Dataset:
        x = np.linspace(self.low, self.high, self.samples)[:, None]
        with np.errstate(over="ignore"):  # Dataset reports an infinite target with its row
            y = FUNCTIONS[self.function](x)
            if self.noise:
                y = y + self.noise * generator(seed, Purpose.DATA).standard_normal(x.shape)
        columns = (InputColumn("x"),)
        return Dataset("curve", x, y, "regression", columns=columns, target_names=(self.function,))


@dataclass(frozen=True)
class Moons(DataSource):
    """Two interleaved half circles (scikit-learn's `make_moons`)."""

    samples: Pairs = 200
    noise: Noise = 0.1

    def signature(self, seed: int) -> Signature:
        return Signature((2,), 2, "classes", self.samples)

    def load(self, seed: int) -> Dataset:
        from sklearn.datasets import make_moons

        state = _random_state(seed)
        points, labels = make_moons(self.samples, noise=self.noise, random_state=state)
        return _points("moons", points, labels, ("upper", "lower"))


@dataclass(frozen=True)
class Circles(DataSource):
    """A small circle inside a large one (scikit-learn's `make_circles`); factor = inner / outer."""

    samples: Pairs = 200
    noise: Noise = 0.05
    factor: Annotated[float, Gt(0), Lt(1)] = 0.5

    def signature(self, seed: int) -> Signature:
        return Signature((2,), 2, "classes", self.samples)

    def load(self, seed: int) -> Dataset:
        from sklearn.datasets import make_circles

        points, labels = make_circles(
            self.samples, noise=self.noise, factor=self.factor, random_state=_random_state(seed)
        )
        return _points("circles", points, labels, ("outer", "inner"))


@dataclass(frozen=True)
class Blobs(DataSource):
    """Round normal clouds about random centres in [-10, 10] (scikit-learn's `make_blobs`)."""

    samples: Pairs = 200
    centers: Annotated[int, Ge(2), Le(100)] = 3
    features: Annotated[int, Ge(1), Le(100)] = 2
    std: Annotated[float, Gt(0), Le(1e6)] = 1.0

    def signature(self, seed: int) -> Signature:
        return Signature((self.features,), self.centers, "classes", self.samples)

    def load(self, seed: int) -> Dataset:
        from sklearn.datasets import make_blobs

        points, labels = make_blobs(
            self.samples,
            n_features=self.features,
            centers=self.centers,
            cluster_std=self.std,
            random_state=_random_state(seed),
        )
        return _points("blobs", points, labels, tuple(map(str, range(self.centers))))


@dataclass(frozen=True)
class Spirals(DataSource):
    """Arms that wind out of the origin, one per class; row i belongs to class i mod classes.

    A point at t in [0, 1] along its arm has radius t and angle 2 pi (turns t + class / classes);
    noise is the standard deviation of what is added to both coordinates.
    """

    samples: Pairs = 200
    classes: Annotated[int, Ge(2), Le(100)] = 2
    turns: Annotated[float, Gt(0), Le(100)] = 1.5
    noise: Noise = 0.02

    def load(self, seed: int) -> Dataset:
        stream = generator(seed, Purpose.DATA)
        labels = np.arange(self.samples) % self.classes
        t = stream.random(self.samples)
        angle = 2 * np.pi * (self.turns * t + labels / self.classes)
        points = t[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        points += self.noise * stream.standard_normal(points.shape)
        return _points("spirals", points, labels, tuple(map(str, range(self.classes))))


def _random_state(seed: int) -> int:
    """The 32 bits that scikit-learn takes, from the stream of the data."""
    return int(generator(seed, Purpose.DATA).integers(2**32))


def _points(name: str, points: Array, labels: Array, classes: tuple[str, ...]) -> Dataset:
    """Labelled points; in the plane their columns are x and y."""
    columns = (InputColumn("x"), InputColumn("y")) if points.shape[1] == 2 else ()
    return Dataset(name, points, labels, "classes", class_names=classes, columns=columns)


SOURCES: dict[str, type[DataSource]] = {
    "identity": Identity,
    "xor": Xor,
    "linear": HalfSquare,
    "random": Random,
    "curve": FunctionCurve,
    "moons": Moons,
    "circles": Circles,
    "blobs": Blobs,
    "spirals": Spirals,
    "digits": Digits,
    "digit_properties": DigitProperties,
    "mnist": Mnist,
    "fashion_mnist": FashionMnist,
    "kmnist": Kmnist,
    "csv": Csv,
    "npz": Npz,
    "images": ImageFolder,
    "openml": Openml,
    "memory": Memory,
}

# The sources that are read from published files.
COLLECTIONS = {name: source.files for name, source in SOURCES.items() if source.files is not None}

ALIASES = {"identity8": "identity"}
