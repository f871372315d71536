"""A row's way through a network and back, in float64, and the update that follows.

L is the loss of the row alone, so that the batch's gradient is the mean of the gradients of its
rows (their sum for `reduction: sum`). Every derivative can be compared with a central difference
of L, at the best of the steps that `gradcheck` tries.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from nnlab.core.gradcheck import STEPS, central_difference
from nnlab.core.layers import Layer
from nnlab.core.layers.activations import Linear
from nnlab.core.losses import Loss
from nnlab.core.memory import Binding, Generators
from nnlab.core.network import Network, layer_name, trained_depth
from nnlab.core.optimizers import Assignment, Optimizer, bind
from nnlab.core.types import Array, FloatArray, Shape, cached_property
from nnlab.explanation.formula import Numbers, compute

AGREE = 1e-10  # relative; a smaller difference is not looked for


@dataclass(frozen=True, eq=False)
class RowMoment:
    """A row in its batch, and all that the update depends on.

    x (B, ...) scaled, t (B, m) as the loss takes them; the row is number `at` of the batch.
    values (V,), slots and draws (of dropout, by layer) as they are before update number `step`,
    counted from 1, with the rate lr. alone: no update of the training; the row is its own batch.
    """

    epoch: int
    x: Array
    t: Array
    at: int
    values: Array
    slots: Mapping[str, Array]
    lr: float
    step: int
    draws: Mapping[int, Array]
    alone: bool


class FixedDraws:
    """A generator that draws the same numbers again and again."""

    def __init__(self, numbers: Array) -> None:
        self.numbers = numbers

    def random(self, dtype: Any, out: Array) -> None:
        """Fill `out`."""
        out[...] = self.numbers


def draw_for(network: Network, generators: Generators, rows: int) -> dict[int, Array]:
    """What the layers would draw for the next batch, by layer; the generators move on."""
    draws = {}
    for index, rng in generators.items():
        draws[index] = np.empty((rows, *network.shapes[index]), np.float32)
        rng.random(dtype=np.float32, out=draws[index])
    return draws


@dataclass(frozen=True, eq=False)
class LayerPass:
    """The row in a layer: x, y and the derivatives dL/dy, dL/dx, in the shapes of a row.

    parameters: values by name; gradients: dL/dp of the row; places: where they begin in theta;
    statistics: of the batch, by name, one per unit.
    """

    index: int
    name: str
    layer: Layer
    x: FloatArray
    y: FloatArray
    dy: FloatArray
    dx: FloatArray
    parameters: Mapping[str, FloatArray]
    gradients: Mapping[str, FloatArray]
    places: Mapping[str, int]
    statistics: Mapping[str, FloatArray]

    def place(self, name: str, index: tuple[int, ...]) -> int:
        """The place of a parameter in theta."""
        return self.places[name] + int(np.ravel_multi_index(index, self.parameters[name].shape))


@dataclass(frozen=True, eq=False)
class RuleStep:
    """A line of the optimizer's rule, the numbers (P,) before it, and its result (P,)."""

    assignment: Assignment
    numbers: Numbers
    result: FloatArray


class Passage:
    """The passage of a row at a moment; `layers` are those before the loss."""

    def __init__(
        self,
        layers: tuple[Layer, ...],
        inputs: Shape,
        loss: Loss,
        optimizer: Optimizer,
        moment: RowMoment,
    ) -> None:
        """Raises ValueError for a layer without a derivative, or one that a row alone cannot pass.

        Of a row alone nothing is dropped.
        """
        self.loss, self.optimizer, self.moment = loss, optimizer, moment
        self.names = [layer_name(layers, index) for index in range(len(layers))]
        used = tuple(Linear() if moment.alone and layer.random else layer for layer in layers)
        self.network = Network(used, inputs, dtype=np.float64)
        self.original = layers
        self.depth = trained_depth(layers, loss)
        self.values = np.array(moment.values, np.float64)
        self.theta = self.values[: self.network.theta.size]
        self.mixes = bool(self.network.moving)  # a row's outputs depend on the whole batch
        rows = slice(None) if self.mixes else slice(moment.at, moment.at + 1)
        self._at = moment.at if self.mixes else 0
        self._x = np.array(moment.x[rows], np.float64)
        self.t = np.asarray(moment.t[moment.at], np.float64)
        self._gradient, self._dx = np.zeros_like(self.theta), np.zeros_like(self._x)
        self._binding = self._bind(rows, self._gradient, self._dx)
        self._memory = loss.bind(1, len(self.t), np.float64)
        self.row_gradient, self.layers = self._pass()

    def _bind(self, rows: slice, gradient: Array, dx: Array | None = None) -> Binding:
        x, draws = self.moment.x[rows], self.moment.draws
        generators = {i: FixedDraws(numbers[rows]) for i, numbers in draws.items()}
        fixed: Generators = generators  # type: ignore[assignment]  # all that a binding asks of it
        return self.network.bind(
            len(x), depth=self.depth, gradient=gradient, generators=fixed, values=self.values, dx=dx
        )

    def _pass(self) -> tuple[FloatArray, tuple[LayerPass, ...]]:
        """Forward and back, with the row's loss alone."""
        binding, at = self._binding, self._at
        z = binding.forward(self._x)
        self.value = self._row_loss(z)
        dz: Any = binding.dz  # there is one where there is a gradient
        dz[...] = 0.0
        self.loss.gradient(z[at : at + 1], self.t[None], dz[at : at + 1], self._memory)
        binding.backward(self._x)
        g = self._gradient.copy()
        return g, tuple(self._layer_passes(g))

    def _layer_passes(self, gradient: FloatArray) -> Iterator[LayerPass]:
        layout, at = self.network.layout, self._at
        for index, bound in enumerate(self._binding.bound):
            x = self._x if bound.x is None else bound.x
            places = [place for place in layout.places if place.layer == index]
            dy, dx = np.array(bound.dy)[at], np.array(bound.dx)[at]
            yield LayerPass(
                index,
                self.names[index],
                self.original[index],
                np.array(x[at]),
                np.array(bound.y[at]),
                dy,
                dx,
                {place.declared.name: place.of(self.theta).copy() for place in places},
                {place.declared.name: place.of(gradient) for place in places},
                {place.declared.name: place.start for place in places},
                {name: np.array(getattr(bound.s, name)) for name in bound.layer.statistics},
            )

    def is_tied(self, index: int) -> bool:
        """Whether statistics of the batch, behind layer `index`, tie its rows together."""
        return any(place.layer > index for place in self.network.moving)

    @property
    def z(self) -> FloatArray:
        """What the loss gets (m,)."""
        return self.layers[-1].y

    @cached_property
    def outputs(self) -> FloatArray:
        """The network's outputs (m,): z, or what the fused activation makes of it."""
        if self.depth == len(self.network.layers):
            return self.z
        y, last = np.zeros((1, len(self.z))), self.network.layers[-1]
        memory = last.scratch(self.z.shape, 1, np.float64)
        last.forward(None, self.z[None], y, memory, False)  # type: ignore[arg-type]
        return y[0]

    @property
    def target(self) -> FloatArray:
        """The row's target as metrics compare it, in the units of the data."""
        return self.loss.decode(self.t[None])[0]

    def _row_loss(self, z: Array) -> float:
        return float(self.loss.per_sample(z[self._at : self._at + 1], self.t[None])[0])

    @property
    def finite(self) -> bool:
        """Whether the loss and all derivatives are finite numbers."""
        numbers = (self.value, self.row_gradient, self.batch_gradient)
        return all(bool(np.isfinite(number).all()) for number in numbers)

    # Central differences.

    def output_difference(self, index: int, direction: FloatArray, slope: float) -> float:
        """The slope of L along a direction of the outputs of a layer; -1: of the inputs."""
        rows = self._x if index < 0 else self._binding.bound[index].y
        self._binding.forward(self._x)
        start = rows[self._at].copy()

        def at(distance: float) -> float:
            rows[self._at] = start + distance * direction
            x = rows
            for bound in self._binding.bound[index + 1 :]:
                bound.layer.forward(bound.p, x, bound.y, bound.s, True)
                x = bound.y
            return self._row_loss(x)

        best = _best_difference(at, slope)
        rows[self._at] = start
        return best

    def parameter_difference(self, direction: Mapping[int, float], slope: float) -> float:
        """The slope of L along a direction of theta, given by its places that are not 0."""
        places = np.array(list(direction), np.intp)
        steps, start = np.array(list(direction.values())), self.theta[places].copy()

        def at(distance: float) -> float:
            self.theta[places] = start + distance * steps
            return self._row_loss(self._binding.forward(self._x))

        best = _best_difference(at, slope)
        self.theta[places] = start
        return best

    # The update.

    @cached_property
    def _batch(self) -> tuple[FloatArray, float]:
        """The gradient (P,) of the batch's reduced loss, and that loss."""
        moment = self.moment
        gradient = np.zeros_like(self.theta)
        binding = self._bind(slice(None), gradient)
        t = np.asarray(moment.t, np.float64)
        with np.errstate(all="ignore"):
            z = binding.forward(np.asarray(moment.x, np.float64))
            memory = self.loss.bind(len(t), t.shape[1], np.float64)
            self.loss.gradient(z, t, binding.dz, memory)  # type: ignore[arg-type]
            binding.backward(np.asarray(moment.x, np.float64))
            return gradient, self.loss.value(z, t, memory)

    @property
    def batch_gradient(self) -> FloatArray:
        """The gradient (P,) of the batch's reduced loss."""
        return self._batch[0]

    @cached_property
    def new_theta(self) -> FloatArray:
        """The trained parameters (T,) after the update, by the optimizer itself."""
        trained, weights = self.network.layout.trained, self.network.layout.weights
        theta, g = self.theta[:trained].copy(), self.batch_gradient[:trained].copy()
        o = bind(self.optimizer, theta, weights, self._slots(), g)
        o.loss = self._batch[1]
        if self.optimizer.shapes_gradient:
            self.optimizer.shape_gradient(o)
        self.optimizer.update(o, self.moment.lr, self.moment.step)
        return theta

    @cached_property
    def rule_steps(self) -> tuple[RuleStep, ...]:
        """The optimizer's rule line by line; empty where it has none."""
        if not self.optimizer.rule:
            return ()
        trained = self.network.layout.trained
        numbers: dict[str, Any] = {
            **{field.name: getattr(self.optimizer, field.name) for field in fields(self.optimizer)},
            "w": self.theta[:trained],
            "g": self.batch_gradient[:trained],
            "t": self.moment.step,
            "lr": self.moment.lr,
            **self.state,
        }
        is_weight = np.arange(trained) < self.network.layout.weights
        steps = []
        for assignment in (*self.optimizer.shaping, *self.optimizer.rule):
            result = compute(assignment.formula, numbers) + np.zeros(trained)
            if assignment.weights:
                result = np.where(is_weight, result, numbers[assignment.name])
            steps.append(RuleStep(assignment, numbers, result))
            numbers = {**numbers, assignment.name: result}
        return tuple(steps)

    @property
    def state(self) -> Mapping[str, FloatArray]:
        """The optimizer's state (T,) before the update, by the names of its rule."""
        return self.optimizer.state(self._slots())

    def _slots(self) -> dict[str, FloatArray]:
        """A copy of the slots in float64."""
        return {name: np.array(slot, np.float64) for name, slot in self.moment.slots.items()}


def _best_difference(at: Callable[[float], float], slope: float) -> float:
    """The central difference that is nearest to the slope: a wrong slope is near none."""
    best = np.nan
    for h in STEPS[1:]:
        difference = central_difference(at, h)
        if not abs(best - slope) <= abs(difference - slope):
            best = difference
        if abs(best - slope) <= AGREE * abs(slope):
            break
    return float(best)
