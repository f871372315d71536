"""A layer: settings, declarations and two kernels; no arrays and no state."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from numpy.typing import DTypeLike

from nnlab.core.initializers import Initializer
from nnlab.core.types import Array, Shape, Views, size


@dataclass(frozen=True)
class Parameter:
    """An array that a layer declares.

    Weights (`decays`) are drawn by `init` or, without one, by the network's default initializer,
    with `fans` = (fan_in, fan_out); everything else starts at `value`, or 0.
    """

    name: str
    shape: Shape
    decays: bool = False
    fans: tuple[int, int] = (1, 1)
    init: Initializer | None = None
    value: tuple[object, ...] | float | None = None


class Layer(ABC):
    """A frozen dataclass whose fields are the layer's settings.

    Shapes in the declarations are those of one row, without the batch.
    """

    freeze: bool = False  # True: training leaves parameters and buffers as they are
    differentiable: ClassVar[bool] = True
    operations: ClassVar[int] = 1  # per output, of a layer without weights
    random: ClassVar[bool] = False  # True: training finds draws from [0, 1) in `s.noise`

    # What `nnlab explain` shows, in the language of explanation/formula.py. The names of a unit: x,
    # y, dy, the layer's settings, its parameters and `statistics`; inside `sum`, `mean` and `var`
    # they are those of all units.

    statistics: ClassVar[tuple[str, ...]] = ()  # what the training `forward` leaves in s, per unit

    @property
    def formula(self) -> str:
        """y of a unit; empty where there is none to show."""
        return ""

    @property
    def dx_formula(self) -> str:
        """dx of an input, from dy; empty where there is none to show."""
        return ""

    @property
    def gradient_formulas(self) -> Mapping[str, str]:
        """The gradient of a single number of each parameter, from its own x and dy."""
        return {}

    def output_shape(self, shape: Shape) -> Shape:
        """The shape of an output row; ValueError with a sentence when `shape` does not fit."""
        return shape

    def parameters(self, shape: Shape) -> tuple[Parameter, ...]:
        """The arrays that training changes, for input rows of `shape`."""
        return ()

    def buffers(self, shape: Shape) -> tuple[Parameter, ...]:
        """The arrays that are saved but have no gradient; kernels find them in `p` too."""
        return ()

    def least_batch(self, shape: Shape) -> int:
        """The smallest number of rows of a training batch."""
        return 1

    def scratch(self, shape: Shape, batch: int, dtype: DTypeLike) -> Views:
        """What the kernels find in `s` from the start, for `batch` rows of `shape`."""
        return Views()

    def flops(self, shape: Shape) -> int:
        """Floating-point operations of one row's forward pass."""
        outputs = self.output_shape(shape)
        weights = sum(size(array.shape) for array in self.parameters(shape) if array.decays)
        if weights:  # each is multiplied and added once per place
            return 2 * weights * size(outputs[:-1])
        return self.operations * size(outputs)

    @abstractmethod
    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        """Fill y (B, ...) from x (B, ...)."""

    def backward(
        self, p: Views, g: Views, x: Array, y: Array, dy: Array, dx: Array | None, s: Views
    ) -> None:
        """Fill g and dx from dy; dx is None where nothing before can learn."""
        if dx is not None:
            self.derivative(x, y, dy, dx, s)

    def derivative(self, x: Array, y: Array, dy: Array, dx: Array, s: Views) -> None:
        """Fill dx from dy: the backward pass of a layer without parameters."""
        raise TypeError(f"{type(self).__name__.lower()} has no derivative")
