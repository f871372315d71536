"""The moving views of a small network: its recorded moments as JSON that page.js draws."""

import base64
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from nnlab.core.layers import LAYERS
from nnlab.core.network import layer_kind, layer_name
from nnlab.core.types import Array, FloatArray
from nnlab.show.figures import View
from nnlab.show.figures.axes import compact
from nnlab.show.figures.images import tiles
from nnlab.show.figures.network import short_number
from nnlab.show.figures.palette import LIGHT
from nnlab.show.figures.plane import box

MOMENTS = 60  # that a page shows; nnlab records about 40
POINTS = 400  # training rows that are drawn
GRID = 64  # outputs along each side of the plane
ALONG = 160  # outputs along a curve
MIDDLE = 127  # of a byte that stands for a number with a sign
SHADES = 32  # of a class in a byte; page.js knows it too
MOST_CURVES = 4
MOST_FILTERS = 64  # units whose weights are shown as images
MOST_ROWS, MOST_UNITS = 24, 16  # of the table of outputs
STRONGEST = 0.45  # the opacity of the largest value: text on it can be read, light and dark
MOST_LINES, MOST_LAYERS = 420, 8  # of the diagram
WIDE, SHOWN = 12, 10  # a layer wider than WIDE shows SHOWN units where all would be too many
Pairs = list[tuple[int, tuple[list[int], list[int]]]]  # a layer, and the units at its two sides


class Film:
    """The recorded moments of a run: epochs (k,) and values (k, V), and its training rows.

    layers: the places of its layers with parameters. flat: whether all layers work on rows of
    numbers.
    """

    def __init__(self, run: View) -> None:
        epochs, values = run.snapshots
        which = np.unique(np.linspace(0, len(epochs) - 1, min(len(epochs), MOMENTS)).astype(int))
        self.run, self.epochs, self.values = run, epochs[which], values[which]
        self.network = run.untrained()
        rows = run.rows.get("train")
        width = int(np.prod(self.network.inputs))
        self.inputs = np.asarray(rows.inputs if rows else np.empty((0, width)), np.float64)
        self.targets = np.asarray(rows.targets if rows else np.empty(0))
        self.layers = sorted({place.layer for place in self.network.layout.places})
        self.flat = all(len(shape) == 1 for shape in self.network.shapes)

    def outputs(self, rows: Array, depth: int | None = None) -> FloatArray:
        """Outputs (k, B, m) of the first `depth` layers (default all) for rows (B, n)."""
        x = self.run.scaling.apply(rows).astype(self.network.dtype)
        x = x.reshape(len(x), *self.network.inputs)
        with np.errstate(all="ignore"):  # a run that diverged may overflow
            bindings = (self.network.bind(len(x), depth=depth, values=v) for v in self.values)
            return np.stack([binding.forward(x).astype(np.float64) for binding in bindings])

    def some_rows(self) -> list[int]:
        """Row numbers, evenly spread where there are too many."""
        count = len(self.inputs)
        return sorted({int(row) for row in np.linspace(0, count - 1, min(count, POINTS))})

    def parameters(self) -> list[Any]:
        """The weights of each layer as named views, moment by moment."""
        size = self.network.theta.size
        return [self.network.layout.views(values[:size]) for values in self.values]


# The scenes: data for page.js, None where the scene does not suit the run.


def plane_scene(film: Film) -> dict[str, Any] | None:
    """The output over two inputs, for networks with two inputs."""
    rows = film.inputs[np.isfinite(film.inputs).all(axis=1)]
    if film.network.inputs != (2,) or not len(rows):
        return None
    left, right, bottom, top = box(rows)
    across, down = np.meshgrid(np.linspace(left, right, GRID), np.linspace(top, bottom, GRID))
    outputs = film.outputs(np.stack([across.ravel(), down.ravel()], axis=1))
    if outputs.ndim != 3 or not np.isfinite(outputs).all():
        return None
    names = [*film.run.data.feature_names, "x", "y"]
    names = names[-2:] if len(names) < 4 else names
    shown = [row for row in film.some_rows() if np.isfinite(film.inputs[row]).all()]
    classes = film.run.data.kind == "classes" and outputs.shape[2] > 1
    field = _class_field if classes else _signed_field
    return {
        "alt": f"The network's output over {names[0]} and {names[1]}, with the training rows.",
        "x": _axis(left, right, names[0]),
        "y": _axis(bottom, top, names[1]),
        "points": [[*film.inputs[row].tolist(), _class_number(film, row)] for row in shown],
        "legend": film.run.classes[: len(LIGHT.classes)],
        "classes": classes,
        "grid": GRID,
        "fields": field(film, outputs),
    }


def _class_number(film: Film, row: int) -> int:
    if film.run.data.kind == "regression" or row >= len(film.targets):
        return 0
    target = film.targets[row]
    return int(target.argmax() if target.ndim else target) % len(LIGHT.classes)


def _class_field(film: Film, outputs: FloatArray) -> list[str]:
    """The likeliest class of each place, and how certain it is, as a byte."""
    count = outputs.shape[2]
    certain = np.clip((outputs.max(2) - 1 / count) / (1 - 1 / count), 0, 1)
    numbers = outputs.argmax(2) % len(LIGHT.classes)
    return _bytes(numbers * SHADES + np.round(certain * (SHADES - 1)))


def _signed_field(film: Film, outputs: FloatArray) -> list[str]:
    """The first output of each place between its lowest and its highest value, as a byte."""
    low, high = 0.0, 1.0
    if film.run.data.kind == "regression":
        targets = np.asarray(film.targets, np.float64).ravel()
        values = targets if targets.size else outputs[-1].ravel()
        low, high = float(values.min()), float(max(values.max(), values.min() + 1e-9))
    share = np.clip(2 * (outputs[:, :, 0] - low) / (high - low) - 1, -1, 1)
    return _bytes(np.round(MIDDLE + MIDDLE * share))


def curve_scene(film: Film) -> dict[str, Any] | None:
    """The outputs over one input, for networks with one input and few outputs."""
    outputs = film.network.shapes[-1]
    if film.network.inputs != (1,) or len(outputs) != 1 or outputs[0] > MOST_CURVES:
        return None
    finite = film.inputs[np.isfinite(film.inputs)]
    if not finite.size:
        return None
    x = _axis(*_around(finite), (*film.run.data.feature_names, "x")[0])
    along = np.linspace(x["low"], x["high"], ALONG)
    values = film.outputs(along[:, None])  # (k, ALONG, m)
    targets = film.targets.astype(np.float64).reshape(len(film.inputs), -1)
    y = _axis(*_around(np.concatenate([targets.ravel(), values[-1].ravel()])), "output")
    return {
        "alt": "The network's output over its input, with the training rows.",
        "x": x,
        "y": y,
        "points": [[film.inputs[i, 0], t] for i in film.some_rows() for t in targets[i].tolist()],
        "along": _rounded(along),
        "outputs": [[_rounded(line) for line in moment.T] for moment in values],
    }


def heat_scene(film: Film) -> dict[str, Any] | None:
    """The narrowest hidden layer (the last of equals) and the outputs, for a few rows."""
    rows, network = len(film.inputs), film.network
    hidden = reversed(film.layers[1:])  # each ends a hidden layer
    narrowest = min(hidden, key=lambda depth: network.shapes[depth][0], default=0)
    depths = [*filter(None, [narrowest]), len(network.layers)]
    widest = max(network.shapes[depth][0] for depth in depths)
    if not film.flat or not 0 < rows <= MOST_ROWS or widest > MOST_UNITS:
        return None
    outputs = [film.outputs(film.inputs, depth) for depth in depths]  # each (k, rows, units)
    values = np.concatenate(outputs, axis=2)
    if not np.isfinite(values).all():
        return None
    return {
        "alt": "What the network makes of each training row: hidden units and outputs as numbers.",
        "rows": [_row_name(film, row) for row in range(rows)],
        "targets": [_target_name(film, row) for row in range(rows)],
        "blocks": [_block(film, *pair) for pair in zip(depths, outputs, strict=True)],
        "values": np.round(100 * values.reshape(len(values), -1)).astype(int).tolist(),
        "strongest": STRONGEST,
    }


def _block(film: Film, depth: int, outputs: FloatArray) -> dict[str, Any]:
    last, width = depth == len(film.network.layers), outputs.shape[2]
    names = film.run.data.class_names or film.run.data.target_names
    named = last and len(names) == width
    return {
        "title": "outputs" if last else layer_name(film.network.layers, depth - 1),
        "columns": [str(n)[:5] for n in names] if named else [str(i + 1) for i in range(width)],
        "largest": float(f"{max(np.abs(outputs).max(), 1e-3):.4g}"),
    }


def _row_name(film: Film, row: int) -> str:
    """The number of a one-hot row; the numbers of a short row; else its place."""
    values = film.inputs[row]
    if film.run.data.task == "identity":
        return f"row {int(np.argmax(values)) + 1}"
    if len(values) <= 2:
        return f"({', '.join(f'{value:g}' for value in values.tolist())})"
    return f"row {row + 1}"


def _target_name(film: Film, row: int) -> str:
    if row >= len(film.targets):
        return ""
    target = film.targets[row]
    if target.size > 1:
        return str(int(np.argmax(target)) + 1) if film.run.data.task == "identity" else ""
    value, names = target.item(), film.run.classes
    if names and isinstance(value, int) and 0 <= value < len(names):
        return names[value][:8]
    return f"{value:g}"


def diagram_scene(film: Film) -> dict[str, Any] | None:
    """Units and weights, for networks whose only layers with parameters are dense."""
    dense, widths = film.layers, _widths(film)
    if not widths or _line_count(units := _shown_units(widths)) > MOST_LINES:
        return None
    keys = {(place.layer, place.declared.name) for place in film.network.layout.places}
    biased = [False, *((index, "bias") in keys for index in dense)]
    names, captions = _unit_names(film, widths), _captions(film, widths)
    pairs = list(zip(dense, pairwise(units), strict=True))
    moments = film.parameters()
    weights = np.stack([_shown_weights(layers, pairs) for layers in moments])
    columns = [
        {
            "names": [names[number][unit] for unit in shown],
            "shortened": len(shown) < widths[number],
            "biased": biased[number],
            "caption": captions[number],
        }
        for number, shown in enumerate(units)
    ]
    return {
        "alt": f"Diagram of the {'-'.join(map(str, widths))} network: a line for each weight, "
        "thicker where it is larger.",
        "layers": columns,
        "weights": [_rounded(moment, digits=3) for moment in weights],
        "biases": [_shown_biases(layers, pairs, biased) for layers in moments],
        "largest": float(f"{np.abs(weights).max(initial=1e-12):.4g}"),
    }


def _widths(film: Film) -> list[int]:
    """The widths of a chain of a few dense layers; none for other networks."""
    kinds = {layer_kind(film.network.layers[index]) for index in film.layers}
    if not film.flat or kinds != {"dense"} or len(film.layers) >= MOST_LAYERS:
        return []
    shapes = film.network.shapes
    return [shapes[0][0], *(shapes[index + 1][0] for index in film.layers)]


def _shown_units(widths: list[int]) -> list[list[int]]:
    """The units that are drawn in each layer: all, or the first and the last."""
    whole = [list(range(width)) for width in widths]
    if _line_count(whole) <= MOST_LINES // 2 and max(widths) <= 3 * WIDE:
        return whole
    half = SHOWN // 2
    return [units if len(units) <= WIDE else [*units[:half], *units[-half:]] for units in whole]


def _line_count(units: list[list[int]]) -> int:
    return sum(len(a) * len(b) for a, b in pairwise(units))


def _shown_weights(layers: Any, pairs: Pairs) -> Array:
    """The weights of the lines in their order, layer by layer."""
    return np.concatenate([layers[i].weight[np.ix_(a, b)].ravel() for i, (a, b) in pairs])


def _shown_biases(layers: Any, pairs: Pairs, biased: list[bool]) -> list[str]:
    columns = zip(pairs, biased[1:], strict=True)
    biases = [layers[index].bias[shown] for (index, (_, shown)), has_bias in columns if has_bias]
    return [short_number(bias) for column in biases for bias in column]


def _unit_names(film: Film, widths: list[int]) -> list[list[str]]:
    """The name of each unit of each layer."""
    features = list(film.run.data.feature_names)
    features = features if len(features) == widths[0] else [f"x{i + 1}" for i in range(widths[0])]
    outputs = film.run.classes or list(film.run.data.target_names)
    if len(outputs) != widths[-1]:  # two classes share one output
        outputs = [f"y{i + 1}" for i in range(widths[-1])] if widths[-1] > 1 else ["y"]
    hidden = [
        [f"unit {i + 1} of {layer_name(film.network.layers, index)}" for i in range(width)]
        for index, width in zip(film.layers, widths[1:-1], strict=False)
    ]
    return [features, *hidden, outputs]


def _captions(film: Film, widths: list[int]) -> list[str]:
    """The width of each layer, its name and the layer that follows: 3 0.dense sigmoid."""
    layers = film.network.layers
    captions = [f"{widths[0]} in"]
    for width, (index, end) in zip(widths[1:], pairwise([*film.layers, len(layers)]), strict=True):
        following = [layer_kind(layer) for layer in layers[index + 1 : end]]
        captions.append(" ".join([str(width), layer_name(layers, index), *following[:1]]))
    return captions


def filters_scene(film: Film) -> dict[str, Any] | None:
    """The weights of a dense first layer on images, as tiles with a border of one pixel."""
    shape, first = film.run.data.image_shape, film.network.layers[0]
    if shape is None or len(shape) != 2 or not isinstance(first, LAYERS["dense"]):
        return None
    units, (height, width) = film.network.shapes[1][0], shape
    if units > MOST_FILTERS or film.network.inputs != (height * width,):
        return None
    weights = np.stack([view[0].weight for view in film.parameters()])  # (k, inputs, units)
    images = weights.transpose(0, 2, 1).reshape(-1, units, height, width)
    sheets = np.nan_to_num(tiles(images, min(units, 8 if units <= 32 else 16)))
    return {
        "alt": f"The weights of the {units} units of the first layer as images.",
        "width": sheets.shape[2],
        "height": sheets.shape[1],
        "fields": _bytes(np.round(MIDDLE + MIDDLE * sheets / max(np.abs(sheets).max(), 1e-12))),
    }


# In the order of the page; with the figures that a scene stands for.
SCENES: Mapping[str, tuple[Callable[[Film], dict[str, Any] | None], tuple[str, ...]]] = {
    "plane": (plane_scene, ("boundary", "scatter")),
    "curve": (curve_scene, ("fit",)),
    "heat": (heat_scene, ("activations", "outputs")),
    "diagram": (diagram_scene, ("weights", "network")),
    "filters": (filters_scene, ("filters",)),
}


def _bytes(moments: FloatArray) -> list[str]:
    return [
        base64.b64encode(moment.astype(np.uint8).tobytes()).decode("ascii") for moment in moments
    ]


def _rounded(values: FloatArray, digits: int = 4) -> list[float | None]:
    return [float(f"{v:.{digits}g}") if np.isfinite(v) else None for v in values.tolist()]


def _around(values: FloatArray) -> tuple[float, float]:
    """A little more than the range of the finite values."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    room = 0.04 * (high - low) or 0.5 * (abs(high) or 1.0)
    return low - room, high + room


def _axis(low: float, high: float, label: str) -> dict[str, Any]:
    from matplotlib.ticker import MaxNLocator

    places = [float(at) for at in MaxNLocator(5).tick_values(low, high) if low <= at <= high]
    ticks = [[at, compact(at)] for at in places]
    return {"low": low, "high": high, "label": label, "ticks": ticks}
