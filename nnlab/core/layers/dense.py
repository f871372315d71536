"""Layers for rows of any kind: dense, dropout, and two that only change a row's shape."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge, Gt, Lt, MinLen
from numpy.typing import DTypeLike

from nnlab.core.initializers import FirstValue, Initializer
from nnlab.core.layers.base import Layer, Parameter
from nnlab.core.types import Array, Shape, Views, size


@dataclass(frozen=True)
class Dense(Layer):
    """Affine map y = x W + b.  x (B, n), y (B, m), W (n, m), b (m,).

    `bias` is true, false or a list of m first values; `weight` a literal (n, m) start.

    freeze: true leaves the parameters as they are; see Frozen layers.
    """

    units: Annotated[int, Gt(0)]
    bias: bool | tuple[FirstValue, ...] = True
    init: Initializer | None = None
    weight: tuple[tuple[FirstValue, ...], ...] | None = None
    freeze: bool = False
    dx_formula = "sum(weight * dy)"

    @property
    def formula(self) -> str:
        return "sum(x * weight)" if self.bias is False else "sum(x * weight) + bias"

    @property
    def gradient_formulas(self) -> Mapping[str, str]:
        return {"weight": "x * dy", "bias": "dy"}

    def output_shape(self, shape: Shape) -> Shape:
        if len(shape) != 1:
            raise ValueError(
                f"dense takes flat rows (B, n), not rows of shape {shape}; put a flatten before it"
            )
        (n,), m = shape, self.units
        if self.weight is not None and (
            len(self.weight) != n or any(len(row) != m for row in self.weight)
        ):
            raise ValueError(f"weight must be a list of {n} rows with {m} numbers each (in, out)")
        if isinstance(self.bias, tuple) and len(self.bias) != m:
            raise ValueError(f"bias has {len(self.bias)} numbers for {m} units")
        return (m,)

    def parameters(self, shape: Shape) -> tuple[Parameter, ...]:
        n, m = shape[0], self.units
        weight = Parameter("weight", (n, m), True, (n, m), self.init, self.weight)
        if self.bias is False:
            return (weight,)
        start = None if self.bias is True else self.bias
        return (weight, Parameter("bias", (m,), value=start))

    def scratch(self, shape: Shape, batch: int, dtype: DTypeLike) -> Views:
        return Views(ones=np.ones(batch, dtype))

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        x.dot(p.weight, y)  # (B, n) (n, m) -> (B, m)
        if self.bias is not False:
            np.add(y, p.bias, y)  # (B, m) + (m,)

    def backward(
        self, p: Views, g: Views, x: Array, y: Array, dy: Array, dx: Array | None, s: Views
    ) -> None:
        """dW = x^T dy, db = 1^T dy (faster than a sum over rows), dx = dy W^T."""
        product(x.T, dy, g.weight)  # (n, B) (B, m) -> (n, m)
        if self.bias is not False:
            s.ones.dot(dy, g.bias)  # (B,) (B, m) -> (m,)
        if dx is not None:
            product(dy, p.weight.T, dx)  # (B, m) (m, n) -> (B, n)


def product(a: Array, b: Array, out: Array) -> None:
    """out = a b, by the faster of NumPy's two ways.

    The method `dot` has half the overhead of np.matmul and is 5 times faster for outer products;
    np.matmul is 25 % faster for large transposed operands (784 x 256).
    """
    if out.size <= 4096 or len(b) == 1:
        a.dot(b, out)
    else:
        np.matmul(a, b, out=out)


@dataclass(frozen=True)
class Dropout(Layer):
    """Inverted dropout: an input becomes 0 with probability `rate`, else x / (1 - rate).

    Evaluation changes nothing (Srivastava et al., 2014, scale in evaluation instead).
    """

    # `s.noise` comes from the layer's own stream, in float32 whatever the network's dtype, so that
    # a check in float64 drops the same inputs.

    random: ClassVar[bool] = True
    rate: Annotated[float, Ge(0), Lt(1)] = 0.5

    def scratch(self, shape: Shape, batch: int, dtype: DTypeLike) -> Views:
        rows = (batch, *shape)
        return Views(mask=np.zeros(rows, dtype), stays=np.zeros(rows, np.bool_))

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        """y = x mask in training, y = x in evaluation."""
        if not train:
            np.copyto(y, x)
            return
        np.greater_equal(s.noise, self.rate, out=s.stays)
        np.multiply(s.stays, 1 / (1 - self.rate), out=s.mask, dtype=s.mask.dtype)
        np.multiply(x, s.mask, y)

    def derivative(self, x: Array, y: Array, dy: Array, dx: Array, s: Views) -> None:
        np.multiply(dy, s.mask, dx)


@dataclass(frozen=True)
class Rescale(Layer):
    """y = x * spread + mean for each output: from scaled targets back to their own units.

    `data.scale_target` puts it behind the network, with the mean and the standard deviation of the
    training targets. A loss of numbers is then that of the scaled targets, so it sees x.

    mean, spread: a number per output; without them x stays as it is.
    """

    operations: ClassVar[int] = 2
    mean: tuple[float, ...] = ()
    spread: tuple[Annotated[float, Gt(0)], ...] = ()

    def output_shape(self, shape: Shape) -> Shape:
        counts = len(self.mean), len(self.spread)
        if counts not in ((0, 0), (shape[-1], shape[-1])):
            raise ValueError(
                f"mean and spread have {counts[0]} and {counts[1]} numbers for {shape[-1]} outputs"
            )
        return shape

    @property
    def formula(self) -> str:
        return "x * spread + mean" if self.mean else "x"

    @property
    def dx_formula(self) -> str:
        return "dy * spread" if self.mean else "dy"

    def scratch(self, shape: Shape, batch: int, dtype: DTypeLike) -> Views:
        return Views(
            mean=np.array(self.mean or 0.0, dtype), spread=np.array(self.spread or 1.0, dtype)
        )

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        np.multiply(x, s.spread, y)
        np.add(y, s.mean, y)

    def derivative(self, x: Array, y: Array, dy: Array, dx: Array, s: Views) -> None:
        np.multiply(dy, s.spread, dx)


class SameNumbers(Layer):
    """Rows of another shape with the same numbers in the same order, last axis fastest."""

    operations: ClassVar[int] = 0

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        np.copyto(y, x.reshape(y.shape))

    def derivative(self, x: Array, y: Array, dy: Array, dx: Array, s: Views) -> None:
        np.copyto(dx, dy.reshape(dx.shape))


@dataclass(frozen=True)
class Flatten(SameNumbers):
    """Rows of any shape become flat: (B, h, w, c) -> (B, h w c), last axis fastest."""

    def output_shape(self, shape: Shape) -> Shape:
        return (size(shape),)


@dataclass(frozen=True)
class Reshape(SameNumbers):
    """Rows get another shape, the numbers in the same order: (784,) -> (28, 28, 1).

    shape: of a row, such as [height, width, channels].
    """

    shape: Annotated[tuple[Annotated[int, Ge(1)], ...], MinLen(1)]

    def output_shape(self, shape: Shape) -> Shape:
        if size(self.shape) != size(shape):
            raise ValueError(
                f"{' x '.join(map(str, self.shape))} makes {size(self.shape)} numbers, "
                f"and a row has {size(shape)}"
            )
        return tuple(self.shape)
