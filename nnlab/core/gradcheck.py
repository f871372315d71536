"""Are the gradients right? Each is compared with central differences in float64.

For a parameter array W and a direction v the slope d/dh loss(W + h v) must equal sum(v dW), and
for the inputs X likewise. A random v tests all entries of W at once, a v with a single 1 tests
one entry. The difference is tried at several h: a right gradient agrees at one of them, where
neither rounding nor a kink of relu between -h and h spoils it; a wrong gradient agrees at none.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnlab.core.losses import Loss
from nnlab.core.network import Network, layer_kind, trained_depth
from nnlab.core.random import Purpose, generator
from nnlab.core.types import Array, FloatArray

STEPS = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)  # the longest for a slope of 0, as before a batch_norm
TOLERANCE = 1e-7
INPUT = "input"
# Inputs are moved by so much of their spread: equal pixels would be ties of a max_pool, and zeros
# kinks of a relu, where the gradient is one of several and no difference finds it.
APART = 0.01


@dataclass(frozen=True)
class Checked:
    """The worst relative error of a parameter array, or of the input, over all directions tried."""

    name: str
    size: int
    directions: int
    error: float


def check_gradients(
    network: Network, loss: Loss, x: Array, t: Array, *, seed: int = 0, directions: int = 8
) -> list[Checked]:
    """Compare the gradients by every parameter array and by the inputs x (B, n); targets t (B, m).

    `network` must be float64 and x, t likewise; it is left as it was. The rows are a copy of x that
    is moved a little (APART). Dropout draws the same mask in every evaluation. Raises ValueError
    for a layer without a derivative.
    """
    objective = Objective(network, loss, x, t, seed)
    rng = generator(seed, Purpose.CHECK)

    def checked(name: str, variable: FloatArray, gradient: FloatArray) -> Checked:
        probes = directions_of(variable.size, directions, rng)
        errors = [objective.error(variable, gradient, v) for v in probes]
        return Checked(name, variable.size, len(errors), max(errors))

    inputs = objective.x.reshape(-1)  # a view
    inputs += APART * (float(inputs.std()) or 1.0) * rng.normal(size=inputs.size)
    gradient, dx = objective.gradients()
    results = [
        checked(place.key, *(place.of(block).reshape(-1) for block in (objective.theta, gradient)))
        for place in network.layout.places
    ]
    if not results:
        return []
    return [*results, checked(INPUT, inputs, dx.reshape(-1))]


def directions_of(size: int, count: int, rng: np.random.Generator) -> Iterator[FloatArray]:
    """Random directions of length 1, then single entries, at most `count` of each."""
    for _ in range(count):
        v = rng.normal(size=size)
        yield v / np.linalg.norm(v)
    for entry in rng.permutation(size)[:count]:
        v = np.zeros(size)
        v[entry] = 1.0
        yield v


class Objective:
    """The reduced loss as a function of theta and of the inputs."""

    def __init__(self, network: Network, loss: Loss, x: Array, t: Array, seed: int) -> None:
        if network.dtype != np.float64:
            raise ValueError(
                f"gradients are checked in float64, and this network is {network.dtype}"
            )
        for layer in network.layers:
            if not layer.differentiable:
                raise ValueError(f"{layer_kind(layer)} has no derivative to check")
        self.network, self.loss, self.t, self.seed = network, loss, t, seed
        self.x = np.array(x, np.float64, order="C")  # a copy: it is moved
        values = network.values.copy()
        self.theta = values[: network.theta.size]
        self.g, self.dx = np.zeros_like(self.theta), np.empty_like(self.x)
        self.generators = network.generators(seed)
        memory = {"gradient": self.g, "values": values, "dx": self.dx}
        depth = trained_depth(network.layers, loss)
        self.binding = network.bind(len(x), depth=depth, generators=self.generators, **memory)
        self.memory = loss.bind(len(x), t.shape[1], network.dtype)

    def outputs(self) -> Array:
        """z (B, m), with the same draws every time."""
        fresh = self.network.generators(self.seed)
        for index, rng in self.generators.items():
            rng.bit_generator.state = fresh[index].bit_generator.state
        return self.binding.forward(self.x)

    def terms(self) -> FloatArray:
        """The summands of the reduced loss: the reported terms, scaled as in training."""
        terms: FloatArray = self.loss.terms(self.outputs(), self.t)
        return terms * (float(self.memory.scale) / self.loss.plain.factor)

    def gradients(self) -> tuple[FloatArray, FloatArray]:
        """By theta (P,) and by the inputs (B, ...), from backpropagation; copies."""
        z, dz = self.outputs(), self.binding.dz
        self.dx.fill(np.nan)  # every element must be written
        self.loss.gradient(z, self.t, dz, self.memory)  # type: ignore[arg-type]
        self.binding.backward(self.x)
        return self.g.copy(), self.dx.copy()

    def error(self, variable: FloatArray, gradient: FloatArray, v: FloatArray) -> float:
        """|slope - v . gradient| over the larger of both, or of what the gradient could have been.

        Where a direction is nearly flat, rounding is all there is to see, so the gradient's length
        divided by 1,000 (or 1e-6 of the loss or of the whole gradient) is the least denominator.
        """
        expected, value = float(v @ gradient), float(self.terms().sum())
        own, whole = (float(np.linalg.norm(g)) for g in (gradient, self.g))
        floor = max(1e-3 * own, 1e-6 * abs(value), 1e-6 * whole, 1e-300)
        slopes = [self.slope(variable, v, h) for h in STEPS]
        errors = [abs(slope - expected) / max(abs(slope), abs(expected), floor) for slope in slopes]
        return float(min(np.inf, *errors))  # a nan is no agreement

    def slope(self, variable: FloatArray, v: FloatArray, h: float) -> float:
        """The fourth-order central difference along v in theta or the inputs, by a view of them.

        Differences are taken row by row and then summed: a sum of many rows rounds more than they.
        """
        start = variable.copy()

        def at(distance: float) -> FloatArray:
            variable[...] = start + distance * v
            return self.terms()

        slope = central_difference(at, h)
        variable[...] = start
        return slope


def central_difference(at: Callable[[float], Any], h: float) -> float:
    """The slope at 0 of a function, or of the sum of its values, to the fourth order in h."""
    near, far = at(h) - at(-h), at(2 * h) - at(-2 * h)
    return float(np.sum(8 * near - far)) / (12 * h)
