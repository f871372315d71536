"""Activations: y = f(x) element by element, and softmax over the last axis.

Every formula is stable: no finite input up to 1e30 overflows or warns. A network never calls the
backward pass of a layer where nothing before it can learn, so `dx` is always an array here.
"""

from dataclasses import dataclass
from math import pi, sqrt
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge
from numpy.typing import DTypeLike

from nnlab.core.layers.base import Layer
from nnlab.core.types import Array, Shape, Views


@dataclass(frozen=True)
class Activation(Layer):
    """A layer without parameters that keeps the shape of its input."""

    memory: ClassVar[tuple[str, ...]] = ()  # arrays (B, ...) that the kernels find in `s`
    masks: ClassVar[tuple[str, ...]] = ()  # the same, of booleans

    def scratch(self, shape: Shape, batch: int, dtype: DTypeLike) -> Views:
        """Arrays, so that no update allocates, and constants, 0.2 us faster than Python numbers."""
        rows = (batch, *shape)
        numbers = {name: np.zeros(rows, dtype) for name in self.memory}
        numbers |= {name: np.zeros(rows, np.bool_) for name in self.masks}
        constants = {"zero": 0.0, "half": 0.5, "one": 1.0}
        return Views(**numbers, **{name: np.array(x, dtype) for name, x in constants.items()})


LARGEST_POWER = 80.0  # exp of more is near the end of float32


def logistic(x: Array, y: Array, half: Array) -> None:
    """y = 1 / (1 + exp(-x)) = (1 + tanh(x / 2)) / 2, which never overflows."""
    np.multiply(x, half, y)
    np.tanh(y, y)
    np.multiply(y, half, y)
    np.add(y, half, y)


class Linear(Activation):
    """f(x) = x, f' = 1."""

    formula = "x"
    dx_formula = "dy"

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        np.copyto(y, x)

    def derivative(self, x: Array, y: Array, dy: Array, dx: Array, s: Views) -> None:
        np.copyto(dx, dy)


class Sigmoid(Activation):
    """f(x) = 1 / (1 + exp(-x)) = (1 + tanh(x / 2)) / 2, f' = f (1 - f)."""

    formula = "1 / (1 + exp(-x))"
    dx_formula = "dy * y * (1 - y)"

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        logistic(x, y, s.half)

    def derivative(self, x: Array, y: Array, dy: Array, dx: Array, s: Views) -> None:
        np.subtract(s.one, y, dx)
        np.multiply(dx, y, dx)
        np.multiply(dx, dy, dx)


class Tanh(Activation):
    """f(x) = tanh(x), f' = 1 - f^2."""

    formula = "tanh(x)"
    dx_formula = "dy * (1 - y**2)"

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        np.tanh(x, y)

    def derivative(self, x: Array, y: Array, dy: Array, dx: Array, s: Views) -> None:
        np.multiply(y, y, dx)
        np.subtract(s.one, dx, dx)
        np.multiply(dx, dy, dx)


class Relu(Activation):
    """f(x) = max(x, 0), f' = 1 for x > 0, else 0 (also at 0)."""

    formula = "max(x, 0)"
    dx_formula = "dy if x > 0 else 0"

    masks: ClassVar[tuple[str, ...]] = ("positive",)

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        np.maximum(x, s.zero, out=y)

    def derivative(self, x: Array, y: Array, dy: Array, dx: Array, s: Views) -> None:
        np.greater(y, s.zero, s.positive)
        np.multiply(dy, s.positive, dx)


@dataclass(frozen=True)
class LeakyRelu(Activation):
    """f(x) = x for x > 0, else slope x; f' = 1 or slope (slope at 0)."""

    formula = "x if x > 0 else slope * x"
    dx_formula = "dy if x > 0 else slope * dy"

    slope: Annotated[float, Ge(0)] = 0.01
    masks: ClassVar[tuple[str, ...]] = ("positive",)

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        np.multiply(x, self.slope, y)
        np.greater(x, s.zero, s.positive)
        np.copyto(y, x, where=s.positive)

    def derivative(self, x: Array, y: Array, dy: Array, dx: Array, s: Views) -> None:
        np.multiply(dy, self.slope, dx)
        np.copyto(dx, dy, where=s.positive)


@dataclass(frozen=True)
class Elu(Activation):
    """f(x) = x for x > 0, else alpha (exp(x) - 1); f' = 1 or f + alpha (Clevert et al., 2016)."""

    formula = "x if x > 0 else alpha * (exp(x) - 1)"
    dx_formula = "dy if x > 0 else dy * (y + alpha)"

    alpha: Annotated[float, Ge(0)] = 1.0
    masks: ClassVar[tuple[str, ...]] = ("positive",)

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        np.minimum(x, s.zero, out=y)  # exp of the negative part only, so that it cannot overflow
        np.expm1(y, y)
        np.multiply(y, self.alpha, y)
        np.greater(x, s.zero, s.positive)
        np.copyto(y, x, where=s.positive)

    def derivative(self, x: Array, y: Array, dy: Array, dx: Array, s: Views) -> None:
        np.add(y, self.alpha, dx)
        np.multiply(dx, dy, dx)
        np.copyto(dx, dy, where=s.positive)


class Gelu(Activation):
    """f(x) = x Phi(x), f' = Phi(x) + x phi(x), by erf and not the tanh approximation.

    Phi and phi are the standard normal distribution and density (Hendrycks and Gimpel, 2016).
    """

    formula = "x * Phi(x)"
    dx_formula = "dy * (Phi(x) + x * phi(x))"

    memory: ClassVar[tuple[str, ...]] = ("phi", "near")

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        """Phi(x) = (1 + erf(x / sqrt 2)) / 2 = erfc(-x / sqrt 2) / 2, exact in the left tail."""
        from scipy.special import erfc  # NumPy has no error function

        np.multiply(x, -1 / sqrt(2), s.phi)
        erfc(s.phi, s.phi)
        np.multiply(s.phi, 0.5, s.phi)
        np.multiply(x, s.phi, y)

    def derivative(self, x: Array, y: Array, dy: Array, dx: Array, s: Views) -> None:
        """phi(x) is 0 to the last digit beyond |x| = 40; clipping keeps x^2 from overflowing."""
        np.clip(x, -40.0, 40.0, out=s.near)
        np.multiply(s.near, s.near, dx)
        np.multiply(dx, -0.5, dx)
        np.exp(dx, dx)
        np.multiply(dx, 1 / sqrt(2 * pi), dx)
        np.multiply(dx, s.near, dx)
        np.add(dx, s.phi, dx)
        np.multiply(dx, dy, dx)


class Silu(Activation):
    """f(x) = x sigmoid(x), f' = sigmoid(x) (1 + x (1 - sigmoid(x))); also called swish."""

    formula = "x * sigmoid(x)"
    dx_formula = "dy * (sigmoid(x) + y * (1 - sigmoid(x)))"

    memory: ClassVar[tuple[str, ...]] = ("gate",)

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        logistic(x, s.gate, s.half)
        np.multiply(x, s.gate, y)

    def derivative(self, x: Array, y: Array, dy: Array, dx: Array, s: Views) -> None:
        np.subtract(s.one, s.gate, dx)  # f' = gate + y (1 - gate)
        np.multiply(dx, y, dx)
        np.add(dx, s.gate, dx)
        np.multiply(dx, dy, dx)


class Softplus(Activation):
    """f(x) = log(1 + exp(x)), f' = sigmoid(x)."""

    formula = "log(1 + exp(x))"
    dx_formula = "dy * sigmoid(x)"

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        np.logaddexp(x, 0, y)  # log(exp(x) + exp(0)) without overflow

    def derivative(self, x: Array, y: Array, dy: Array, dx: Array, s: Views) -> None:
        logistic(x, dx, s.half)
        np.multiply(dx, dy, dx)


class Exp(Activation):
    """f(x) = exp(x), f' = f; from x = 80 on f is constant, so that nothing overflows."""

    formula = "exp(min(x, 80))"
    dx_formula = "dy * y if x <= 80 else 0"

    masks: ClassVar[tuple[str, ...]] = ("grows",)

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        np.minimum(x, LARGEST_POWER, out=y)
        np.exp(y, y)

    def derivative(self, x: Array, y: Array, dy: Array, dx: Array, s: Views) -> None:
        np.less_equal(x, LARGEST_POWER, s.grows)
        np.multiply(y, s.grows, dx)
        np.multiply(dx, dy, dx)


class Square(Activation):
    """f(x) = x^2, f' = 2 x: a network of it and of linear layers computes polynomials."""

    formula = "x**2"
    dx_formula = "2 * x * dy"

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        np.multiply(x, x, y)

    def derivative(self, x: Array, y: Array, dy: Array, dx: Array, s: Views) -> None:
        np.add(x, x, dx)
        np.multiply(dx, dy, dx)


class Softmax(Activation):
    """y_i = exp(x_i) / sum_j exp(x_j) over the last axis, shifted by the largest x first.

    dx_i = y_i (dy_i - sum_j dy_j y_j).
    """

    formula = "exp(x) / sum(exp(x))"
    dx_formula = "y * (dy - sum(y * dy))"

    def scratch(self, shape: Shape, batch: int, dtype: DTypeLike) -> Views:
        return Views(row=np.zeros((batch, *shape[:-1], 1), dtype))

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        np.max(x, axis=-1, keepdims=True, out=s.row)
        np.subtract(x, s.row, y)  # exp never sees a positive number
        np.exp(y, y)
        np.sum(y, axis=-1, keepdims=True, out=s.row)
        np.divide(y, s.row, y)

    def derivative(self, x: Array, y: Array, dy: Array, dx: Array, s: Views) -> None:
        np.multiply(dy, y, dx)
        np.sum(dx, axis=-1, keepdims=True, out=s.row)
        np.subtract(dy, s.row, dx)
        np.multiply(dx, y, dx)


class Step(Activation):
    """f(x) = 1 for x >= 0, else 0. It has no useful derivative: for evaluation only."""

    formula = "1 if x >= 0 else 0"

    differentiable: ClassVar[bool] = False

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        np.heaviside(x, 1.0, y)  # f(0) = 1; a nan stays nan


ACTIVATIONS: dict[str, type[Layer]] = {
    "sigmoid": Sigmoid,
    "tanh": Tanh,
    "relu": Relu,
    "leaky_relu": LeakyRelu,
    "elu": Elu,
    "gelu": Gelu,
    "silu": Silu,
    "softplus": Softplus,
    "exp": Exp,
    "square": Square,
    "softmax": Softmax,
    "linear": Linear,
    "step": Step,
}
