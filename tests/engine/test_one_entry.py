"""A layer, an activation, a loss and an optimizer are compiled by one entry each."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

pytest.importorskip("numba")

from nnlab.core.layers import LAYERS, Layer
from nnlab.core.layers.activations import Activation
from nnlab.core.layers.base import Parameter
from nnlab.core.losses import Loss
from nnlab.core.network import Network
from nnlab.core.optimizers import Optimizer
from nnlab.core.types import Array, Shape, Views
from nnlab.engine.compiled import activations, entry, layers, losses, objects, optimizers
from nnlab.engine.compiled.layer import CompiledLayer
from nnlab.engine.compiled.primitives import moved, pointer, real
from tests.engine.test_agreement import compare, plan


@dataclass(frozen=True)
class Cubic(Activation):
    """f(x) = x + strength x^3."""

    strength: float = 0.1

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        y[...] = x + self.strength * x**3

    def derivative(self, x: Array, y: Array, dy: Array, dx: Array, s: Views) -> None:
        dx[...] = (1 + 3 * self.strength * x**2) * dy


@dataclass(frozen=True)
class Gain(Layer):
    """y = x (power + gain), with a learned gain for each number of a row."""

    power: float = 0.5

    def parameters(self, shape: Shape) -> tuple[Parameter, ...]:
        return (Parameter("gain", shape, value=1.0),)

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        y[...] = x * (self.power + p.gain)

    def backward(self, p, g, x, y, dy, dx, s) -> None:
        g.gain[...] = (x * dy).sum(axis=0)
        if dx is not None:
            dx[...] = dy * (self.power + p.gain)


@dataclass(frozen=True)
class Quartic(Loss):
    """power (z - t)^4."""

    power: float = 0.5

    def gradient(self, z: Array, t: Array, dz: Array, s: Views) -> None:
        dz[...] = 4 * self.power * (z - t) ** 3 * s.scale

    def terms(self, z: Array, t: Array) -> Array:
        return self.power * (z - t) ** 4


@dataclass(frozen=True, kw_only=True)
class Softsign(Optimizer):
    """v = fade v + g, theta -= lr v / (1 + |v|)."""

    fade: float = 0.7

    @property
    def slots(self) -> tuple[str, ...]:
        return ("trail",)

    def update(self, o: Views, lr: float, t: int) -> None:
        o.trail[...] = self.fade * o.trail + o.g
        o.theta[...] -= lr * o.trail / (1 + np.abs(o.trail))


def gain(task, memory, layer, rows, theta):
    a, given, power = pointer(memory.a, theta), moved(theta, layer.gain), real(theta, layer.power)
    for r in range(rows):
        x, y = moved(a, layer.x + r * layer.n), moved(a, layer.y + r * layer.m)
        for j in range(layer.n):
            y[j] = x[j] * (power + given[j])


def gain_back(task, memory, layer, rows, theta, add):
    a, d, given = pointer(memory.a, theta), pointer(memory.d, theta), moved(theta, layer.gain)
    slopes, power = moved(pointer(memory.g, theta), layer.gain), real(theta, layer.power)
    if not add:
        for j in range(layer.n):
            slopes[j] = real(theta, 0)
    for r in range(rows):
        x, dy = moved(a, layer.x + r * layer.n), moved(d, layer.y + r * layer.m)
        dx = moved(d, layer.x + r * layer.n)
        for j in range(layer.n):
            slopes[j] += x[j] * dy[j]
            if layer.pass_on:
                dx[j] = dy[j] * (power + given[j])


def quartic(z, t, c, weights):
    error = z - t
    return c * error * error * error * error, real(z, 4) * c * error * error * error


def softsign(rule, lr, t, theta, g, slots, size, weights):
    trail, one = slots[0], real(theta, 1)
    rate, fade = real(theta, lr), real(theta, rule.fade)
    for i in range(size):
        v = fade * trail[i] + g[i]
        trail[i] = v
        theta[i] -= rate * v / (one + abs(v))


ENTRIES = (
    (
        layers.COMPILED_LAYERS,
        "gain",
        CompiledLayer(
            gain,
            gain_back,
            fields={"power": float},
            describe=lambda layer, shape: {"power": layer.power},
            arrays=("gain",),
        ),
    ),
    (
        layers.COMPILED_LAYERS,
        "cubic",
        activations.elementwise(
            lambda v, c: v + c * v * v * v,
            lambda v, y, c: real(v, 1) + real(v, 3) * c * v * v,
            "strength",
        ),
    ),
    (losses.COMPILED_LOSSES, "quartic", losses.by_element(quartic, "power")),
    (
        optimizers.COMPILED_OPTIMIZERS,
        "softsign",
        optimizers.CompiledOptimizer(softsign, ("trail",), ("fade",)),
    ),
)


def test_an_entry_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiled here, for no processor in particular; the installed kernels know nothing of it."""
    for table, name, member in ENTRIES:
        monkeypatch.setitem(table, name, member)
    function = objects.link(entry.object_code("float64", "", ""))
    monkeypatch.setattr("nnlab.engine.compiled.engine.function", lambda dtype: function)
    made = [Gain(), LAYERS["dense"](units=7), Cubic(), Gain(), LAYERS["dense"](units=3)]
    what = plan(Quartic(), Softsign(lr=0.01), "regression")
    for size in (1, 6, 23):
        compare(replace(what, batch_size=size), Network(made, 5, seed=3))
