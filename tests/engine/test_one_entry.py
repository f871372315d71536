"""An activation, a loss and an optimizer are compiled by one entry each."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

pytest.importorskip("numba")

from nnlab.core.layers import LAYERS
from nnlab.core.layers.activations import Activation
from nnlab.core.losses import Loss
from nnlab.core.network import Network
from nnlab.core.optimizers import Optimizer
from nnlab.core.types import Array, Views
from nnlab.engine.compiled import activations, entry, losses, objects, optimizers
from nnlab.engine.compiled.primitives import real
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
        activations.COMPILED_ACTIVATIONS,
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
    layers = [LAYERS["dense"](units=7), Cubic(), LAYERS["dense"](units=3)]
    what = plan(Quartic(), Softsign(lr=0.01), "regression")
    for size in (1, 6, 23):
        compare(replace(what, batch_size=size), Network(layers, 5, seed=3))
