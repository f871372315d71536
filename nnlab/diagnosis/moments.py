"""The network at an epoch, looked at closely: each layer on some training rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nnlab.core.layers.activations import Activation, Softmax
from nnlab.core.losses import Loss
from nnlab.core.network import Network, layer_kind, trained_depth
from nnlab.core.types import Array, FloatArray
from nnlab.engine import blas

FLAT = 0.05  # of the steepest slope of an activation: below it a unit hardly learns
STEEPEST = {"sigmoid": 0.25, "tanh": 1.0}  # where all units are flat, no row shows it


@dataclass(frozen=True)
class LayerHealth:
    """A layer on some training rows.

    spread: root mean square over units of each unit's deviation over rows. weight, gradient: root
    mean squares; 0 without weights that are trained. dead: share of units that no row gives a
    slope. flat: share of outputs whose slope is below 5 % of the activation's steepest. equal:
    whether all units compute the same. weighted: whether it has weights that are trained.
    """

    index: int
    name: str
    units: int
    spread: float
    weight: float
    gradient: float
    dead: float
    flat: float
    equal: bool
    weighted: bool

    @property
    def title(self) -> str:
        """The layer as messages name it."""
        return f"layer {self.index} ({self.name})"


@dataclass(frozen=True, eq=False)
class Moment:
    """The network after `epoch` epochs, on B rows: its layers, outputs (B, m) and losses (B,).

    gradient (P,): that of the mean loss of the rows.
    """

    epoch: int
    layers: tuple[LayerHealth, ...]
    outputs: FloatArray
    losses: FloatArray
    values: Array  # (V,)
    gradient: Array


def moment(network: Network, loss: Loss, values: Array, x: Array, t: Array, epoch: int) -> Moment:
    """A network with these values (V,), looked at on rows x (B, ...) with targets t (B, m).

    Gradients are those of a mean over the rows, so that they do not grow with their number.
    """
    if loss.reduction == "sum":
        loss = replace(loss, reduction="batch_mean")
    network.values[...] = values
    depth = trained_depth(network.layers, loss)
    gradient = np.zeros_like(network.theta)
    binding = network.bind(len(x), depth=depth, gradient=gradient, generators=network.generators(0))
    # Beside other work, several threads take ten times as long for so few rows.
    with blas.one_thread(), np.errstate(all="ignore"):
        z = binding.forward(x)
        memory = loss.bind(len(x), z.shape[1], network.dtype)
        losses = loss.per_sample(z, t).astype(np.float64)
        loss.gradient(z, t, binding.dz, memory)  # type: ignore[arg-type]  # it has a gradient
        binding.backward(x)
        layers = tuple(_healths(network, binding.bound, x))
        network.values[...] = values  # training moved the buffers
        outputs = network.predict(x).astype(np.float64)
    return Moment(epoch, layers, outputs, losses, values, gradient)


def _healths(network: Network, bound: Sequence[Any], x: Array) -> Iterator[LayerHealth]:
    for index, layer in enumerate(bound):
        y = layer.y.reshape(len(layer.y), -1).astype(np.float64)
        slope = _slopes(layer, x)
        dead = flat = 0.0
        if slope is not None:
            dead = float((slope == 0).all(0).mean())
            steepest = STEEPEST.get(layer_kind(network.layers[index]), slope.max())
            flat = float((slope < FLAT * max(steepest, 1e-30)).mean())
        names = [name for name, array in vars(layer.p).items() if array.ndim > 1]
        names = [] if layer.layer.freeze else names
        weights, gradients = ([vars(own)[n] for n in names] for own in (layer.p, layer.g))
        yield LayerHealth(
            index,
            layer_kind(network.layers[index]),
            y.shape[1],
            rms(y - y.mean(0)),
            rms(*weights),
            rms(*gradients),
            dead,
            flat,
            bool(weights) and _same_columns(weights[0], gradients[0]),
            index in network.layout.weighted,
        )


def _slopes(layer: Any, x: Array) -> Array | None:
    """|f'| (B, units) of an activation that has a slope of its own at each number."""
    own = isinstance(layer.layer, Activation) and not isinstance(layer.layer, Softmax)
    if not own or layer.x is None or layer.dx is None:
        return None
    ones, slope = np.ones_like(layer.y), np.empty_like(layer.y)
    try:
        layer.layer.derivative(layer.x, layer.y, ones, slope, layer.s)
    except TypeError:
        return None
    return np.abs(slope.reshape(len(slope), -1)).astype(np.float64)


def rms(*arrays: Array) -> float:
    """The root mean square of all numbers in some arrays; 0 without any."""
    numbers = np.concatenate([np.empty(0), *(array.ravel() for array in arrays)])
    largest = float(np.abs(numbers).max(initial=0.0))
    if not 0 < largest < np.inf:
        return largest
    return largest * float(np.sqrt(np.mean((numbers / largest) ** 2)))  # squares may overflow


def _same_columns(weight: Array, gradient: Array) -> bool:
    """Whether every unit has the weights of the first and moves as it does."""
    if weight.shape[-1] < 2:
        return False
    return all(np.allclose(a, a[..., :1], rtol=1e-6, atol=1e-12) for a in (weight, gradient))
