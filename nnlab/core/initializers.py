"""How weights start: each initializer draws one (in, out) weight array in float64.

With fan_in = n inputs and fan_out = m outputs of a unit (for a convolution: times the kernel's
area). "Normal" draws are not truncated; a uniform draw on [-a, a] has variance a^2 / 3.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import sqrt
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge

from nnlab.core.types import Array, Shape


class Initializer(ABC):
    """Draws the first values of a weight array."""

    @abstractmethod
    def draw(self, rng: np.random.Generator, shape: Shape, fans: tuple[int, int]) -> Array:
        """An array of `shape`; `fans` = (fan_in, fan_out)."""


@dataclass(frozen=True)
class Constant(Initializer):
    """Every weight is `value`."""

    value: float

    def draw(self, rng: np.random.Generator, shape: Shape, fans: tuple[int, int]) -> Array:
        """All entries `value`."""
        return np.full(shape, self.value, np.float64)


@dataclass(frozen=True)
class Zeros(Initializer):
    """Every weight is 0: all units of a layer then learn the same thing for ever."""

    def draw(self, rng: np.random.Generator, shape: Shape, fans: tuple[int, int]) -> Array:
        """All entries 0."""
        return np.zeros(shape, np.float64)


@dataclass(frozen=True)
class Normal(Initializer):
    """N(0, std^2)."""

    std: Annotated[float, Ge(0)] = 1.0

    def draw(self, rng: np.random.Generator, shape: Shape, fans: tuple[int, int]) -> Array:
        """Independent normal entries."""
        return rng.normal(0.0, self.std, shape)


@dataclass(frozen=True)
class Uniform(Initializer):
    """Uniform on [-bound, bound]."""

    bound: Annotated[float, Ge(0)] = 1.0

    def draw(self, rng: np.random.Generator, shape: Shape, fans: tuple[int, int]) -> Array:
        """Independent uniform entries."""
        return rng.uniform(-self.bound, self.bound, shape)


class Scaled(Initializer):
    """Variance `gain` / fan, for a fan that depends on the rule; normal or uniform."""

    gain: ClassVar[float] = 1.0
    uniform: ClassVar[bool] = False

    def fan(self, fan_in: int, fan_out: int) -> float:
        """The number that divides the variance; fan_in for LeCun's and He's rules."""
        return fan_in

    def draw(self, rng: np.random.Generator, shape: Shape, fans: tuple[int, int]) -> Array:
        """Independent entries with mean 0 and variance gain / fan."""
        std = sqrt(self.gain / max(self.fan(*fans), 1))
        if self.uniform:
            bound = sqrt(3.0) * std
            return rng.uniform(-bound, bound, shape)
        return rng.normal(0.0, std, shape)


@dataclass(frozen=True)
class LecunNormal(Scaled):
    """N(0, 1 / fan_in) (LeCun et al., 1998, Efficient BackProp)."""


@dataclass(frozen=True)
class LecunUniform(Scaled):
    """Uniform with variance 1 / fan_in: bound sqrt(3 / fan_in)."""

    uniform: ClassVar[bool] = True


@dataclass(frozen=True)
class HeNormal(Scaled):
    """N(0, 2 / fan_in), for relu (He et al., 2015)."""

    gain: ClassVar[float] = 2.0


@dataclass(frozen=True)
class HeUniform(Scaled):
    """Uniform with variance 2 / fan_in: bound sqrt(6 / fan_in)."""

    gain: ClassVar[float] = 2.0
    uniform: ClassVar[bool] = True


@dataclass(frozen=True)
class XavierNormal(Scaled):
    """N(0, 2 / (fan_in + fan_out)) (Glorot and Bengio, 2010)."""

    def fan(self, fan_in: int, fan_out: int) -> float:
        """The mean of both fans."""
        return (fan_in + fan_out) / 2


@dataclass(frozen=True)
class XavierUniform(Scaled):
    """Uniform with bound sqrt(6 / (fan_in + fan_out)): the sum, not the product, of the fans."""

    uniform: ClassVar[bool] = True

    def fan(self, fan_in: int, fan_out: int) -> float:
        """The mean of both fans."""
        return (fan_in + fan_out) / 2


@dataclass(frozen=True)
class MaxFanNormal(Scaled):
    """N(0, 1 / max(fan_in, fan_out))."""

    def fan(self, fan_in: int, fan_out: int) -> float:
        """The larger fan."""
        return max(fan_in, fan_out)


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
