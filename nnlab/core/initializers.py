"""First values of weights: each initializer draws an (in, out) weight array in float64.

With fan_in = n inputs and fan_out = m outputs of a unit (for a convolution: times the kernel's
area). "Normal" draws are not truncated; a uniform draw on [-a, a] has variance a^2 / 3.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import sqrt
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge, Le

from nnlab.core.types import Array, Shape

LARGEST = 1e30  # so that float32 holds every draw
FirstValue = Annotated[float, Ge(-LARGEST), Le(LARGEST)]


class Initializer(ABC):
    """Draws the first values of a weight array."""

    @abstractmethod
    def draw(self, rng: np.random.Generator, shape: Shape, fans: tuple[int, int]) -> Array:
        """An array of `shape`; `fans` = (fan_in, fan_out)."""


@dataclass(frozen=True)
class Constant(Initializer):
    """Every weight is `value`."""

    value: FirstValue

    def draw(self, rng: np.random.Generator, shape: Shape, fans: tuple[int, int]) -> Array:
        return np.full(shape, self.value, np.float64)


@dataclass(frozen=True)
class Zeros(Initializer):
    """Every weight is 0: all units of a layer then learn the same thing for ever."""

    def draw(self, rng: np.random.Generator, shape: Shape, fans: tuple[int, int]) -> Array:
        return np.zeros(shape, np.float64)


@dataclass(frozen=True)
class Normal(Initializer):
    """N(0, std^2)."""

    std: Annotated[float, Ge(0), Le(LARGEST)] = 1.0

    def draw(self, rng: np.random.Generator, shape: Shape, fans: tuple[int, int]) -> Array:
        return rng.normal(0.0, self.std, shape)


@dataclass(frozen=True)
class Uniform(Initializer):
    """Uniform on [-bound, bound]."""

    bound: Annotated[float, Ge(0), Le(LARGEST)] = 1.0

    def draw(self, rng: np.random.Generator, shape: Shape, fans: tuple[int, int]) -> Array:
        return rng.uniform(-self.bound, self.bound, shape)


@dataclass(frozen=True)
class Scaled(Initializer):
    """Variance `gain` / fan, for the fan that `fan_of` names; normal or uniform."""

    gain: ClassVar[float] = 1.0
    uniform: ClassVar[bool] = False
    fan_of: ClassVar[str] = "in"  # or mean, or max

    def draw(self, rng: np.random.Generator, shape: Shape, fans: tuple[int, int]) -> Array:
        fan = {"in": fans[0], "mean": sum(fans) / 2, "max": max(fans)}[self.fan_of]
        std = sqrt(self.gain / max(fan, 1))
        if self.uniform:
            bound = sqrt(3.0) * std
            return rng.uniform(-bound, bound, shape)
        return rng.normal(0.0, std, shape)


class LecunNormal(Scaled):
    """N(0, 1 / fan_in) (LeCun et al., 1998, Efficient BackProp)."""


class LecunUniform(Scaled):
    """Uniform with variance 1 / fan_in: bound sqrt(3 / fan_in)."""

    uniform = True


class HeNormal(Scaled):
    """N(0, 2 / fan_in), for relu (He et al., 2015)."""

    gain = 2.0


class HeUniform(Scaled):
    """Uniform with variance 2 / fan_in: bound sqrt(6 / fan_in)."""

    gain, uniform = 2.0, True


class XavierNormal(Scaled):
    """N(0, 2 / (fan_in + fan_out)) (Glorot and Bengio, 2010)."""

    fan_of = "mean"


class XavierUniform(Scaled):
    """Uniform with bound sqrt(6 / (fan_in + fan_out)): the sum, not the product, of the fans."""

    fan_of, uniform = "mean", True


class MaxFanNormal(Scaled):
    """N(0, 1 / max(fan_in, fan_out))."""

    fan_of = "max"


INITIALIZERS: dict[str, type[Initializer]] = {
    "zeros": Zeros,
    "constant": Constant,
    "normal": Normal,
    "uniform": Uniform,
    "lecun_normal": LecunNormal,
    "lecun_uniform": LecunUniform,
    "xavier_normal": XavierNormal,
    "xavier_uniform": XavierUniform,
    "he_normal": HeNormal,
    "he_uniform": HeUniform,
    "max_fan_normal": MaxFanNormal,
}
