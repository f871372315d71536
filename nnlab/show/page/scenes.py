"""The moving views of a small network: its recorded moments as JSON that page.js draws."""

import base64
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from nnlab.core.layers import LAYERS
from nnlab.core.network import Network, layer_kind, layer_name
from nnlab.core.types import Array, FloatArray
from nnlab.show.figures.axes import compact
from nnlab.show.figures.network import short_number
from nnlab.show.figures.palette import LIGHT
from nnlab.show.figures.plane import box
from nnlab.show.page.film import Film

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
    names = [*film.run.data["feature_names"], "x", "y"]
    names = names[-2:] if len(names) < 4 else names
    shown = [row for row in film.some_rows() if np.isfinite(film.inputs[row]).all()]
    classes = film.run.data["kind"] == "classes" and outputs.shape[2] > 1
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
    if film.run.data["kind"] == "regression" or row >= len(film.targets):
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
    if film.run.data["kind"] == "regression":
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
    x = _axis(*_around(finite), (*film.run.data["feature_names"], "x")[0])
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
    depths = _shown_depths(network, _layers_with_parameters(film))
    widest = max(network.shapes[depth][0] for depth in depths)
    if not _is_flat(film) or not 0 < rows <= MOST_ROWS or widest > MOST_UNITS:
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


def _shown_depths(network: Network, layers: list[int]) -> list[int]:
    """The depths of the narrowest hidden layer, if there is one, and of the outputs."""
    before = reversed(layers[1:])  # each ends a hidden layer
    narrowest = min(before, key=lambda depth: network.shapes[depth][0], default=0)
    return [*filter(None, [narrowest]), len(network.layers)]


def _block(film: Film, depth: int, outputs: FloatArray) -> dict[str, Any]:
    last, width = depth == len(film.network.layers), outputs.shape[2]
    names = film.run.data["class_names"] or film.run.data["target_names"]
    named = last and len(names) == width
    return {
        "title": "outputs" if last else layer_name(film.network.layers, depth - 1),
        "columns": [str(n)[:5] for n in names] if named else [str(i + 1) for i in range(width)],
        "largest": float(f"{max(np.abs(outputs).max(), 1e-3):.4g}"),
    }


def _row_name(film: Film, row: int) -> str:
    """The number of a one-hot row; the numbers of a short row; else its place."""
    values = film.inputs[row]
    if film.run.data["task"] == "identity":
        return f"row {int(np.argmax(values)) + 1}"
    if len(values) <= 2:
        return f"({', '.join(f'{value:g}' for value in values.tolist())})"
    return f"row {row + 1}"


def _target_name(film: Film, row: int) -> str:
    if row >= len(film.targets):
        return ""
    target = film.targets[row]
    if target.size > 1:
        return str(int(np.argmax(target)) + 1) if film.run.data["task"] == "identity" else ""
    value, names = target.item(), film.run.classes
    if names and isinstance(value, int) and 0 <= value < len(names):
        return names[value][:8]
    return f"{value:g}"


def diagram_scene(film: Film) -> dict[str, Any] | None:
    """Units and weights, for networks whose only layers with parameters are dense."""
    network = film.network
    dense = _layers_with_parameters(film)
    if not _is_flat(film) or not _all_dense(network, dense):
        return None
    widths = [network.shapes[0][0], *(network.shapes[index + 1][0] for index in dense)]
    units = _shown_units(widths)
    if len(dense) >= MOST_LAYERS or _line_count(units) > MOST_LINES:
        return None
    biased = _biased_layers(film, dense)
    names, captions = _unit_names(film, dense, widths), _captions(film, dense, widths)
    views = [network.layout.views(values[: network.theta.size]) for values in film.values]
    weights = np.stack([_shown_weights(view, dense, units) for view in views])
    shape = "-".join(map(str, widths))
    layers = [
        {
            "names": list(map(names[number].__getitem__, shown)),
            "shortened": len(shown) < widths[number],
            "biased": biased[number],
            "caption": captions[number],
        }
        for number, shown in enumerate(units)
    ]
    return {
        "alt": f"Diagram of the {shape} network: a line for each weight, thicker where it is "
        "larger.",
        "layers": layers,
        "weights": list(map(partial(_rounded, digits=3), weights)),
        "biases": [_shown_biases(view, dense, units, biased) for view in views],
        "largest": float(f"{np.abs(weights).max(initial=1e-12):.4g}"),
    }


def _all_dense(network: Network, layers: list[int]) -> bool:
    return {layer_kind(network.layers[index]) for index in layers} == {"dense"}


def _line_count(units: list[list[int]]) -> int:
    return sum(len(a) * len(b) for a, b in pairwise(units))


def _biased_layers(film: Film, dense: list[int]) -> list[bool]:
    """Whether each column has biases; the inputs have none."""
    keys = {(place.layer, place.declared.name) for place in film.network.layout.places}
    return [False, *((index, "bias") in keys for index in dense)]


def _layers_with_parameters(film: Film) -> list[int]:
    return sorted({place.layer for place in film.network.layout.places})


def _is_flat(film: Film) -> bool:
    """Whether all layers work on rows of numbers."""
    return all(len(shape) == 1 for shape in film.network.shapes)


def _shown_biases(
    views: Sequence[Any], dense: list[int], units: list[list[int]], biased: list[bool]
) -> list[str]:
    layers = zip(dense, units[1:], biased[1:], strict=True)
    return [
        short_number(bias)
        for index, shown, has_bias in layers
        if has_bias
        for bias in views[index].bias[shown]
    ]


def _shown_weights(views: Sequence[Any], dense: list[int], units: list[list[int]]) -> Array:
    """The weights of the lines in their order, layer by layer."""
    pairs = zip(dense, pairwise(units), strict=True)
    return np.concatenate([views[i].weight[np.ix_(a, b)].ravel() for i, (a, b) in pairs])


def _shown_units(widths: list[int]) -> list[list[int]]:
    """The units that are drawn in each layer: all, or the first and the last."""
    whole = [list(range(width)) for width in widths]
    few = sum(a * b for a, b in pairwise(widths)) <= MOST_LINES // 2
    if few and max(widths) <= 3 * WIDE:
        return whole
    half = SHOWN // 2
    return [units if len(units) <= WIDE else [*units[:half], *units[-half:]] for units in whole]


def _unit_names(film: Film, dense: list[int], widths: list[int]) -> list[list[str]]:
    """The name of each unit of each layer."""
    features = list(film.run.data["feature_names"])
    features = features if len(features) == widths[0] else [f"x{i + 1}" for i in range(widths[0])]
    outputs = film.run.classes or list(film.run.data["target_names"])
    if len(outputs) != widths[-1]:  # two classes share one output
        outputs = [f"y{i + 1}" for i in range(widths[-1])] if widths[-1] > 1 else ["y"]
    hidden = [
        [f"unit {i + 1} of {layer_name(film.network.layers, index)}" for i in range(width)]
        for index, width in zip(dense, widths[1:-1], strict=False)
    ]
    return [features, *hidden, outputs]


def _captions(film: Film, dense: list[int], widths: list[int]) -> list[str]:
    """The width of each layer, its name and the layer that follows: 3 0.dense sigmoid."""
    layers = film.network.layers
    captions = [f"{widths[0]} in"]
    for width, (index, end) in zip(widths[1:], pairwise([*dense, len(layers)]), strict=True):
        following = [layer_kind(layer) for layer in layers[index + 1 : end]]
        captions.append(" ".join([str(width), layer_name(layers, index), *following[:1]]))
    return captions


def filters_scene(film: Film) -> dict[str, Any] | None:
    """The weights of a dense first layer on images, as tiles with a border of one pixel."""
    shape, first = film.run.data["image_shape"], film.network.layers[0]
    if shape is None or len(shape) != 2 or not isinstance(first, LAYERS["dense"]):
        return None
    units, (height, width) = film.network.shapes[1][0], shape
    if units > MOST_FILTERS or film.network.inputs != (height * width,):
        return None
    thetas = film.values[:, : film.network.theta.size]
    weights = np.stack([film.network.layout.views(theta)[0].weight for theta in thetas])
    across = min(units, 8 if units <= 32 else 16)
    down = -(-units // across)
    tiles = np.zeros((len(weights), down * (height + 1) + 1, across * (width + 1) + 1))
    for unit in range(units):
        top, left = unit // across * (height + 1) + 1, unit % across * (width + 1) + 1
        image = weights[:, :, unit].reshape(-1, height, width)
        tiles[:, top : top + height, left : left + width] = image
    return {
        "alt": f"The weights of the {units} units of the first layer as images.",
        "width": tiles.shape[2],
        "height": tiles.shape[1],
        "fields": _bytes(np.round(MIDDLE + MIDDLE * tiles / max(np.abs(tiles).max(), 1e-12))),
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
