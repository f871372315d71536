"""Clouds of points in the plane (blobs: in any space), the usual tests of a classifier."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Le, Lt

from nnlab.core.random import Purpose, generator
from nnlab.core.types import Array
from nnlab.data.dataset import Dataset, Signature, from_arrays

Samples = Annotated[int, Ge(2), Le(1_000_000)]
Noise = Annotated[float, Ge(0), Le(1e6)]


@dataclass(frozen=True)
class Moons:
    """Two interleaved half circles (scikit-learn's `make_moons`)."""

    samples: Samples = 200
    noise: Noise = 0.1

    def signature(self, seed: int) -> Signature:
        """Two classes of points in the plane."""
        return Signature((2,), 2, "classes", self.samples)

    def load(self, seed: int) -> Dataset:
        """The points of this seed, shuffled."""
        from sklearn.datasets import make_moons

        state = _random_state(seed)
        points, labels = make_moons(self.samples, noise=self.noise, random_state=state)
        return _cloud("moons", points, labels, ("upper", "lower"))


@dataclass(frozen=True)
class Circles:
    """A small circle inside a large one (scikit-learn's `make_circles`); factor = inner / outer."""

    samples: Samples = 200
    noise: Noise = 0.05
    factor: Annotated[float, Gt(0), Lt(1)] = 0.5

    def signature(self, seed: int) -> Signature:
        """Two classes of points in the plane."""
        return Signature((2,), 2, "classes", self.samples)

    def load(self, seed: int) -> Dataset:
        """The points of this seed, shuffled."""
        from sklearn.datasets import make_circles

        points, labels = make_circles(
            self.samples, noise=self.noise, factor=self.factor, random_state=_random_state(seed)
        )
        return _cloud("circles", points, labels, ("outer", "inner"))


@dataclass(frozen=True)
class Blobs:
    """Round normal clouds about random centres in [-10, 10] (scikit-learn's `make_blobs`)."""

    samples: Samples = 200
    centers: Annotated[int, Ge(2), Le(100)] = 3
    features: Annotated[int, Ge(1), Le(100)] = 2
    std: Annotated[float, Gt(0), Le(1e6)] = 1.0

    def signature(self, seed: int) -> Signature:
        """As many classes as centres."""
        return Signature((self.features,), self.centers, "classes", self.samples)

    def load(self, seed: int) -> Dataset:
        """The points of this seed, shuffled."""
        from sklearn.datasets import make_blobs

        points, labels = make_blobs(
            self.samples,
            n_features=self.features,
            centers=self.centers,
            cluster_std=self.std,
            random_state=_random_state(seed),
        )
        return _cloud("blobs", points, labels, tuple(map(str, range(self.centers))))


@dataclass(frozen=True)
class Spirals:
    """Arms that wind out of the origin, one a class; row i belongs to class i mod classes.

    A point at t in [0, 1] along its arm has radius t and angle 2 pi (turns t + class / classes);
    noise is the standard deviation of what is added to both coordinates.
    """

    samples: Samples = 200
    classes: Annotated[int, Ge(2), Le(100)] = 2
    turns: Annotated[float, Gt(0), Le(100)] = 1.5
    noise: Noise = 0.02

    def signature(self, seed: int) -> Signature:
        """Points in the plane."""
        return Signature((2,), self.classes, "classes", self.samples)

    def load(self, seed: int) -> Dataset:
        """The points of this seed."""
        stream = generator(seed, Purpose.DATA)
        labels = np.arange(self.samples) % self.classes
        t = stream.random(self.samples)
        angle = 2 * np.pi * (self.turns * t + labels / self.classes)
        points = t[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        points += self.noise * stream.standard_normal(points.shape)
        return _cloud("spirals", points, labels, tuple(map(str, range(self.classes))))


def _random_state(seed: int) -> int:
    """scikit-learn takes 32 bits: they come from our own stream, so that purposes stay apart."""
    return int(generator(seed, Purpose.DATA).integers(2**32))


def _cloud(name: str, points: Array, labels: Array, classes: tuple[str, ...]) -> Dataset:
    """Labelled points; in the plane their columns are x and y."""
    features = ("x", "y") if points.shape[1] == 2 else ()
    return from_arrays(
        name, points, labels, task="classes", class_names=classes, feature_names=features
    )
