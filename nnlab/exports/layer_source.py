"""Layers as lines of NumPy: y from x, and backward dx and the gradients from dy.

Layer 2 reads y1 and writes y2; d2 is the derivative of the loss by y2. Its weight is W2, its
gradient gW2. The network's input is x.
"""

from collections.abc import Callable
from dataclasses import dataclass

from nnlab.core.layers import Layer
from nnlab.core.layers.dense import Dense, Dropout, SameNumbers
from nnlab.core.layers.norm import BatchNorm, LayerNorm
from nnlab.core.network import layer_kind
from nnlab.core.types import Shape
from nnlab.errors import UsageError
from nnlab.exports.numpy_source import numpy_source, setting_texts

# Formulas that overflow or lose digits, in a form that does not.
STABLE = {
    "sigmoid": "sigmoid(x)",
    "softplus": "softplus(x)",
    "elu": "x if x > 0 else alpha * expm1(min(x, 0))",
    "softmax": "softmax(x)",
    "exp": "exp(min(x, 80))",
}
SHORT = {"weight": "W", "bias": "b"}  # names of parameters in a script


@dataclass(frozen=True)
class LayerPlace:
    """Layer `index`, and whether something before it learns, so that dx is needed."""

    index: int
    layer: Layer
    passes_on: bool

    @property
    def x(self) -> str:
        return f"y{self.index - 1}" if self.index else "x"

    @property
    def y(self) -> str:
        return f"y{self.index}"

    @property
    def dx(self) -> str:
        return f"d{self.index - 1}"

    @property
    def dy(self) -> str:
        return f"d{self.index}"

    def own(self, name: str) -> str:
        """What the script calls an array of this layer."""
        return f"{SHORT.get(name, name)}{self.index}"


@dataclass(frozen=True)
class LayerSource:
    """The lines of a layer: forward, backward to its gradients, and to dx."""

    forward: list[str]
    gradients: list[str]
    dx: list[str]


def layer_source(place: LayerPlace, shape: Shape) -> LayerSource:
    """The lines of a layer for rows of `shape`. Raises UsageError for one that has none."""
    writer = next((w for kind, w in WRITERS.items() if isinstance(place.layer, kind)), _by_formula)
    source = writer(place) if len(shape) == 1 else None
    if source is None:
        raise UsageError(
            f"Layer {place.index} ({layer_kind(place.layer)}) has no form in a script, which has "
            "dense layers, activations, dropout, batch_norm (not a frozen one) and layer_norm for "
            "flat rows."
        )
    return source if place.passes_on else LayerSource(source.forward, source.gradients, [])


def _dense(place: LayerPlace) -> LayerSource:
    x, dy, weight, bias = place.x, place.dy, place.own("weight"), place.own("bias")
    biased = place.layer.bias is not False  # type: ignore[attr-defined]
    return LayerSource(
        [f"{place.y} = {x} @ {weight}" + (f" + {bias}" if biased else "")],
        [f"g{weight} = {x}.T @ {dy}", *([f"g{bias} = {dy}.sum(axis=0)"] if biased else [])],
        [f"{place.dx} = {dy} @ {weight}.T"],
    )


def _dropout(place: LayerPlace) -> LayerSource:
    x, mask, rate = place.x, f"mask{place.index}", place.layer.rate  # type: ignore[attr-defined]
    kept = f"(draws{place.index}.random({x}.shape, np.float32) >= {rate}).astype({x}.dtype)"
    return LayerSource(
        [f"{mask} = {kept} * {1 / (1 - rate)!r}", f"{place.y} = {x} * {mask}"],
        [],
        [f"{place.dx} = {place.dy} * {mask}"],
    )


def _same_numbers(place: LayerPlace) -> LayerSource:
    """Flat rows stay as they are."""
    return LayerSource([f"{place.y} = {place.x}"], [], [f"{place.dx} = {place.dy}"])


def _normalisation(place: LayerPlace, axis: str) -> LayerSource:
    """axis: over which means and variances are."""
    x, dy, gamma, beta = place.x, place.dy, place.own("gamma"), place.own("beta")
    normal, deviation, slope = (f"{name}{place.index}" for name in ("normal", "deviation", "slope"))
    eps = place.layer.eps  # type: ignore[attr-defined]
    return LayerSource(
        [
            f"{deviation} = np.sqrt({x}.var({axis}) + {eps})",
            f"{normal} = ({x} - {x}.mean({axis})) / {deviation}",
            f"{place.y} = {gamma} * {normal} + {beta}",
        ],
        [f"g{gamma}, g{beta} = ({dy} * {normal}).sum(axis=0), {dy}.sum(axis=0)"],
        [
            f"{slope} = {dy} * {gamma}",
            f"{place.dx} = {slope} - {slope}.mean({axis})",
            f"{place.dx} -= {normal} * ({slope} * {normal}).mean({axis})",
            f"{place.dx} /= {deviation}",
        ],
    )


def _by_formula(place: LayerPlace) -> LayerSource | None:
    """A layer without parameters, from its formulas; None without them."""
    layer = place.layer
    if not layer.formula or not layer.dx_formula or layer.parameters((1,)):
        return None
    names = setting_texts(layer) | {"x": place.x, "y": place.y, "dy": place.dy}
    forward = STABLE.get(layer_kind(layer), layer.formula)
    return LayerSource(
        [f"{place.y} = {numpy_source(forward, names)}"],
        [],
        [f"{place.dx} = {numpy_source(layer.dx_formula, names)}"],
    )


WRITERS: dict[type[Layer], Callable[[LayerPlace], LayerSource | None]] = {
    Dense: _dense,
    Dropout: _dropout,
    SameNumbers: _same_numbers,
    BatchNorm: lambda place: None if place.layer.freeze else _normalisation(place, "axis=0"),
    LayerNorm: lambda place: _normalisation(place, "axis=1, keepdims=True"),
}
