"""Landscapes: functions of two numbers that show how an optimizer moves.

Each is a frozen dataclass; its fields are its settings. `value` and `gradient` take floats or
arrays of equal shape and work element by element, in float64. A value that overflows becomes inf
or nan; nothing is raised.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge, Gt

Point = tuple[float, float]
Domain = tuple[Point, Point]  # lowest and highest x, lowest and highest y


@dataclass(frozen=True)
class Landscape(ABC):
    """A function of x and y.

    `minima` are all known minima, local ones included; `lowest` is their smallest value, None for
    a function without a minimum. `domain` is the part that a figure shows, `start` the usual start.
    """

    minima: ClassVar[tuple[Point, ...]]
    domain: ClassVar[Domain]
    start: ClassVar[Point]

    @abstractmethod
    def value(self, x: Any, y: Any) -> Any:
        """f(x, y)."""

    @abstractmethod
    def gradient(self, x: Any, y: Any) -> tuple[Any, Any]:
        """df/dx and df/dy."""

    @property
    def lowest(self) -> float | None:
        """The smallest value of all known minima."""
        return min((float(self.value(*point)) for point in self.minima), default=None)

    def nearest(self, x: float, y: float) -> Point | None:
        """The known minimum nearest to (x, y), the first of equals; None without minima."""
        return min(self.minima, key=lambda p: np.hypot(p[0] - x, p[1] - y), default=None)


@dataclass(frozen=True)
class WavyBowl(Landscape):
    """f = x^2 + y^2 + x (y + 2) + cos(3x): a bowl with a wave across it.

    Three valleys lie side by side along y = -x/2, where f = 3/4 x^2 + 2x + cos(3x): the lowest in
    the middle (-2.2807), one on each side (-0.2493 and 1.2427). A small rate stays in the first
    valley. From the notebook "Deep Learning, assignment 1".
    """

    minima: ClassVar[tuple[Point, ...]] = (
        (-1.0881624098395096, 0.5440812049197548),
        (-2.8537219426222794, 1.4268609713111397),
        (0.6059463371623211, -0.30297316858116053),
    )
    domain: ClassVar[Domain] = ((-5.0, 5.0), (-5.0, 5.0))
    start: ClassVar[Point] = (3.0, 2.0)

    def value(self, x: Any, y: Any) -> Any:
        return x * x + y * y + x * (y + 2) + np.cos(3 * x)

    def gradient(self, x: Any, y: Any) -> tuple[Any, Any]:
        """The wave is felt along x alone."""
        return 2 * x + y + 2 - 3 * np.sin(3 * x), 2 * y + x


@dataclass(frozen=True)
class Rosenbrock(Landscape):
    """f = (1 - x)^2 + b (y - x^2)^2: a long valley, bent like a banana (Rosenbrock, 1960).

    The valley is reached at once; the way along its flat floor to (1, 1), where f = 0, is long.

    b: how steep the sides of the valley are.
    """

    b: Annotated[float, Gt(0)] = 100.0

    minima: ClassVar[tuple[Point, ...]] = ((1.0, 1.0),)
    domain: ClassVar[Domain] = ((-2.0, 2.0), (-1.0, 3.0))
    start: ClassVar[Point] = (-1.2, 1.0)

    def value(self, x: Any, y: Any) -> Any:
        side = y - x * x
        return (1 - x) * (1 - x) + self.b * side * side

    def gradient(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Nearly all of it points across the valley."""
        side = y - x * x
        return -2 * (1 - x) - 4 * self.b * x * side, 2 * self.b * side


@dataclass(frozen=True)
class Himmelblau(Landscape):
    """f = (x^2 + y - 11)^2 + (x + y^2 - 7)^2: four minima, all with f = 0 (Himmelblau, 1972).

    The start and the size of the steps decide which minimum is reached.
    """

    minima: ClassVar[tuple[Point, ...]] = (
        (3.0, 2.0),
        (-2.805118086952745, 3.131312518250573),
        (-3.779310253377747, -3.283185991286169),
        (3.584428340330492, -1.8481265269644036),
    )
    domain: ClassVar[Domain] = ((-5.0, 5.0), (-5.0, 5.0))
    start: ClassVar[Point] = (-0.5, -1.0)

    def value(self, x: Any, y: Any) -> Any:
        first, second = x * x + y - 11, x + y * y - 7
        return first * first + second * second

    def gradient(self, x: Any, y: Any) -> tuple[Any, Any]:
        first, second = x * x + y - 11, x + y * y - 7
        return 4 * x * first + 2 * second, 2 * first + 4 * y * second


@dataclass(frozen=True)
class Beale(Landscape):
    """f = sum over k = 1, 2, 3 of (c_k - x (1 - y^k))^2, c = 1.5, 2.25, 2.625 (Beale, 1958).

    A flat cross between steep corners; f = 0 at (3, 0.5).
    """

    minima: ClassVar[tuple[Point, ...]] = ((3.0, 0.5),)
    domain: ClassVar[Domain] = ((-4.5, 4.5), (-4.5, 4.5))
    start: ClassVar[Point] = (1.0, 1.0)

    def value(self, x: Any, y: Any) -> Any:
        return sum(part * part for part in self._parts(x, y))

    def gradient(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Each bracket c_k - x + x y^k has the derivatives y^k - 1 and k x y^(k-1)."""
        a, b, c = self._parts(x, y)
        dx = a * (y - 1) + b * (y * y - 1) + c * (y * y * y - 1)
        dy = a * x + b * 2 * x * y + c * 3 * x * y * y
        return 2 * dx, 2 * dy

    def _parts(self, x: Any, y: Any) -> tuple[Any, Any, Any]:
        return 1.5 - x + x * y, 2.25 - x + x * y * y, 2.625 - x + x * y * y * y


@dataclass(frozen=True)
class Saddle(Landscape):
    """f = x^2 - y^2: a pass at (0, 0); along y it falls without end.

    There is no minimum. A start with y = 0 exactly never leaves the pass.
    """

    minima: ClassVar[tuple[Point, ...]] = ()
    domain: ClassVar[Domain] = ((-2.0, 2.0), (-2.0, 2.0))
    start: ClassVar[Point] = (1.5, 0.01)

    def value(self, x: Any, y: Any) -> Any:
        return x * x - y * y

    def gradient(self, x: Any, y: Any) -> tuple[Any, Any]:
        return 2 * x, -2 * y


@dataclass(frozen=True)
class Quadratic(Landscape):
    """f = (x^2 + condition y^2) / 2: the bowl whose theory is known.

    Plain gradient descent converges for lr < 2 / condition, and best with 2 / (1 + condition),
    by the factor (condition - 1) / (condition + 1) a step. f = 0 at (0, 0).

    condition: how many times as much it bends along y as along x.
    """

    condition: Annotated[float, Ge(1)] = 20.0

    minima: ClassVar[tuple[Point, ...]] = ((0.0, 0.0),)
    domain: ClassVar[Domain] = ((-4.0, 4.0), (-3.0, 3.0))
    start: ClassVar[Point] = (3.5, 1.0)

    def value(self, x: Any, y: Any) -> Any:
        return (x * x + self.condition * y * y) / 2

    def gradient(self, x: Any, y: Any) -> tuple[Any, Any]:
        """The eigenvalues of the curvature are 1 and condition."""
        return x, self.condition * y


LANDSCAPES: dict[str, type[Landscape]] = {
    "wavy_bowl": WavyBowl,
    "rosenbrock": Rosenbrock,
    "himmelblau": Himmelblau,
    "beale": Beale,
    "saddle": Saddle,
    "quadratic": Quadratic,
}
