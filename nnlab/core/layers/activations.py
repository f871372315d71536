"""Activations: y = f(x) element by element, and softmax over the last axis.

Every formula is stable: no finite input up to 1e30 overflows or warns. A network never calls the
backward pass of a layer where nothing before it can learn, so `dx` is always an array here.
"""

from dataclasses import dataclass
from math import pi, sqrt
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge

from nnlab.core.layers.base import Layer
from nnlab.core.types import Array, Views


@dataclass(frozen=True)
class Activation(Layer):
    """A layer without parameters that keeps the shape of its input."""


def logistic(x: Array, y: Array) -> None:
    """y = 1 / (1 + exp(-x)) = (1 + tanh(x / 2)) / 2, which never overflows."""
    np.multiply(x, 0.5, y)
    np.tanh(y, y)
    np.multiply(y, 0.5, y)
    np.add(y, 0.5, y)


class Linear(Activation):
    """f(x) = x, f' = 1."""

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        np.copyto(y, x)

    def derivative(self, x: Array, y: Array, dy: Array, dx: Array, s: Views) -> None:
        np.copyto(dx, dy)


class Sigmoid(Activation):
    """f(x) = 1 / (1 + exp(-x)) = (1 + tanh(x / 2)) / 2, f' = f (1 - f)."""

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        logistic(x, y)

    def derivative(self, x: Array, y: Array, dy: Array, dx: Array, s: Views) -> None:
        np.subtract(1, y, dx)
        np.multiply(dx, y, dx)
        np.multiply(dx, dy, dx)


class Tanh(Activation):
    """f(x) = tanh(x), f' = 1 - f^2."""

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        np.tanh(x, y)

    def derivative(self, x: Array, y: Array, dy: Array, dx: Array, s: Views) -> None:
        np.multiply(y, y, dx)
        np.subtract(1, dx, dx)
        np.multiply(dx, dy, dx)


class Relu(Activation):
    """f(x) = max(x, 0), f' = 1 for x > 0, else 0 (also at 0)."""

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        np.maximum(x, 0, out=y)

    def derivative(self, x: Array, y: Array, dy: Array, dx: Array, s: Views) -> None:
        np.multiply(dy, y > 0, dx)


@dataclass(frozen=True)
class LeakyRelu(Activation):
    """f(x) = x for x > 0, else slope x; f' = 1 or slope (slope at 0)."""

    slope: Annotated[float, Ge(0)] = 0.01

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        np.multiply(x, self.slope, y)
        np.copyto(y, x, where=x > 0)

    def derivative(self, x: Array, y: Array, dy: Array, dx: Array, s: Views) -> None:
        np.multiply(dy, self.slope, dx)
        np.copyto(dx, dy, where=x > 0)


@dataclass(frozen=True)
class Elu(Activation):
    """f(x) = x for x > 0, else alpha (exp(x) - 1); f' = 1 or f + alpha (Clevert et al., 2016)."""

    alpha: Annotated[float, Ge(0)] = 1.0

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        np.expm1(np.minimum(x, 0), y)  # of the negative part only, so that it cannot overflow
        np.multiply(y, self.alpha, y)
        np.copyto(y, x, where=x > 0)

    def derivative(self, x: Array, y: Array, dy: Array, dx: Array, s: Views) -> None:
        np.multiply(y + self.alpha, dy, dx)
        np.copyto(dx, dy, where=x > 0)


class Gelu(Activation):
    """f(x) = x Phi(x), f' = Phi(x) + x phi(x), by erf and not the tanh approximation.

    Phi and phi are the standard normal distribution and density (Hendrycks and Gimpel, 2016).
    """

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        """Phi(x) = (1 + erf(x / sqrt 2)) / 2 = erfc(-x / sqrt 2) / 2, exact in the left tail."""
        from scipy.special import erfc  # NumPy has no error function

        s.phi = erfc(x * (-1 / sqrt(2))) * 0.5
        np.multiply(x, s.phi, y)

    def derivative(self, x: Array, y: Array, dy: Array, dx: Array, s: Views) -> None:
        """phi(x) is 0 to the last digit beyond |x| = 40; clipping keeps x^2 from overflowing."""
        near = np.clip(x, -40.0, 40.0)
        density = np.exp(near * near * -0.5) * (1 / sqrt(2 * pi))
        np.multiply(density * near + s.phi, dy, dx)


class Silu(Activation):
    """f(x) = x sigmoid(x), f' = sigmoid(x) (1 + x (1 - sigmoid(x))); also called swish."""

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        s.gate = np.empty_like(x)
        logistic(x, s.gate)
        np.multiply(x, s.gate, y)

    def derivative(self, x: Array, y: Array, dy: Array, dx: Array, s: Views) -> None:
        np.multiply(s.gate + y * (1 - s.gate), dy, dx)


class Softplus(Activation):
    """f(x) = log(1 + exp(x)), f' = sigmoid(x)."""

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        np.logaddexp(x, 0, y)  # log(exp(x) + exp(0)) without overflow

    def derivative(self, x: Array, y: Array, dy: Array, dx: Array, s: Views) -> None:
        logistic(x, dx)
        np.multiply(dx, dy, dx)


class Square(Activation):
    """f(x) = x^2, f' = 2 x: a network of it and of linear layers computes polynomials."""

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        np.multiply(x, x, y)

    def derivative(self, x: Array, y: Array, dy: Array, dx: Array, s: Views) -> None:
        np.multiply(x + x, dy, dx)


class Softmax(Activation):
    """y_i = exp(x_i) / sum_j exp(x_j) over the last axis, shifted by the largest x first.

    dx_i = y_i (dy_i - sum_j dy_j y_j).
    """

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        np.subtract(x, x.max(axis=-1, keepdims=True), y)  # exp never sees a positive number
        np.exp(y, y)
        np.divide(y, y.sum(axis=-1, keepdims=True), y)

    def derivative(self, x: Array, y: Array, dy: Array, dx: Array, s: Views) -> None:
        mean = (dy * y).sum(axis=-1, keepdims=True)  # (B, ..., 1)
        np.multiply(dy - mean, y, dx)


class Step(Activation):
    """f(x) = 1 for x >= 0, else 0. It has no useful derivative: for evaluation only."""

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
    "square": Square,
    "softmax": Softmax,
    "linear": Linear,
    "step": Step,
}
