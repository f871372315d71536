"""A layer: settings, declarations and two kernels; no arrays and no state."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from nnlab.core.memory import Parameter, Scratch
from nnlab.core.types import Array, Shape, Views, size


class Layer(ABC):
    """A frozen dataclass whose fields are the layer's settings.

    Shapes in the declarations are those of one row, without the batch. Tuned kernels may have only
    some rows of the batch; see `engine.images`.
    """

    differentiable: ClassVar[bool] = True
    operations: ClassVar[int] = 1  # per output, of a layer without weights
    random: ClassVar[bool] = False  # True: training finds draws from [0, 1) in `s.noise`

    def output_shape(self, shape: Shape) -> Shape:
        """The shape of an output row; ValueError with a sentence when `shape` does not fit."""
        return shape

    def parameters(self, shape: Shape) -> tuple[Parameter, ...]:
        """The arrays that training changes, for input rows of `shape`."""
        return ()

    def buffers(self, shape: Shape) -> tuple[Parameter, ...]:
        """The arrays that are saved but have no gradient; kernels find them in `s`."""
        return ()

    def least_batch(self, shape: Shape) -> int:
        """The smallest number of rows of a training batch."""
        return 1

    def scratch(self, shape: Shape, batch: int) -> Mapping[str, Scratch]:
        """Working memory that the kernels want in `s`, for `batch` rows."""
        return {}

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


def flat_width(layer: str, shape: Shape) -> int:
    """The width of flat rows (B, n); ValueError for any other shape."""
    if len(shape) != 1:
        raise ValueError(
            f"{layer} takes flat rows (B, n), not rows of shape {shape}; put a flatten before it"
        )
    return shape[0]
