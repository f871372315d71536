"""The moving views of a small network: its moments as JSON that page.js draws."""

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from nnlab.core.layers import LAYERS
from nnlab.core.network import layer_name
from nnlab.core.types import FloatArray
from nnlab.show.figures.axes import compact
from nnlab.show.figures.images import tiles
from nnlab.show.figures.palette import LIGHT
from nnlab.show.figures.plane import box
from nnlab.show.page.diagram import diagram_scene, few_digits
from nnlab.show.page.film import Film
from nnlab.show.page.health import health_scene

GRID = 64  # outputs along each side of the plane
ALONG = 160  # outputs along a curve
MIDDLE = 127  # of a byte that stands for a number with a sign
SHADES = 32  # of a class in a byte; page.js knows it too
MOST_CURVES = 4
MOST_FILTERS = 64  # units whose weights are shown as images
MOST_ROWS, MOST_UNITS = 24, 16  # of the table of outputs
STRONGEST = 0.45  # the opacity of the largest value: text on it can be read, light and dark


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
    names = [*film.data.feature_names, "x", "y"]
    names = names[-2:] if len(names) < 4 else names
    shown = [row for row in film.some_rows() if np.isfinite(film.inputs[row]).all()]
    classes = film.data.kind == "classes" and outputs.shape[2] > 1
    field = _class_field if classes else _signed_field
    return {
        "alt": f"The network's output over {names[0]} and {names[1]}, with the training rows.",
        "x": _axis(left, right, names[0]),
        "y": _axis(bottom, top, names[1]),
        "points": [[*film.inputs[row].tolist(), _class_number(film, row)] for row in shown],
        "legend": film.classes[: len(LIGHT.classes)],
        "classes": classes,
        "grid": GRID,
        "fields": field(film, outputs),
    }


def _class_number(film: Film, row: int) -> int:
    if film.data.kind == "regression" or row >= len(film.targets):
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
    if film.data.kind == "regression":
        targets = np.asarray(film.targets, np.float64).ravel()
        values = targets if targets.size else outputs[-1].ravel()
        low, high = float(values.min()), float(max(values.max(), values.min() + 1e-9))
    share = np.clip(2 * (outputs[:, :, 0] - low) / (high - low) - 1, -1, 1)
    return signed_bytes(share)


def curve_scene(film: Film) -> dict[str, Any] | None:
    """The outputs over one input, for networks with one input and few outputs."""
    outputs = film.network.shapes[-1]
    if film.network.inputs != (1,) or len(outputs) != 1 or outputs[0] > MOST_CURVES:
        return None
    finite = film.inputs[np.isfinite(film.inputs)]
    if not finite.size:
        return None
    x = _axis(*_around(finite), (*film.data.feature_names, "x")[0])
    along = np.linspace(x["low"], x["high"], ALONG)
    values = film.outputs(along[:, None])  # (k, ALONG, m)
    targets = film.targets.astype(np.float64).reshape(len(film.inputs), -1)
    y = _axis(*_around(np.concatenate([targets.ravel(), values[-1].ravel()])), "output")
    return {
        "alt": "The network's output over its input, with the training rows.",
        "x": x,
        "y": y,
        "points": [[film.inputs[i, 0], t] for i in film.some_rows() for t in targets[i].tolist()],
        "along": few_digits(along),
        "outputs": [[few_digits(line) for line in moment.T] for moment in values],
    }


def heat_scene(film: Film) -> dict[str, Any] | None:
    """The narrowest hidden layer (the last of equals) and the outputs, for a few rows."""
    rows, network = film.some_rows(MOST_ROWS), film.network
    hidden = reversed(film.layers[1:])  # each ends a hidden layer
    narrowest = min(hidden, key=lambda depth: network.shapes[depth][0], default=0)
    depths = [*filter(None, [narrowest]), len(network.layers)]
    widest = max(network.shapes[depth][0] for depth in depths)
    if not film.flat or not rows or widest > MOST_UNITS:
        return None
    outputs = film.layer_outputs(film.inputs[rows], depths)  # each (k, rows, units)
    values = np.concatenate(outputs, axis=2)
    if not np.isfinite(values).all():
        return None
    every = len(film.inputs)
    some = f" Here {len(rows)} of {every:,} rows, evenly spaced." if len(rows) < every else ""
    return {
        "alt": "What the network makes of each training row: hidden units and outputs as numbers."
        + some,
        "caption": SCENES["heat"].caption + some,
        "rows": [_row_name(film, row) for row in rows],
        "targets": [_target_name(film, row) for row in rows],
        "blocks": [_block(film, *pair) for pair in zip(depths, outputs, strict=True)],
        "values": np.round(100 * values.reshape(len(values), -1)).astype(int).tolist(),
        "strongest": STRONGEST,
    }


def _block(film: Film, depth: int, outputs: FloatArray) -> dict[str, Any]:
    last, width = depth == len(film.network.layers), outputs.shape[2]
    names = film.classes or film.loss.output_names(film.data.target_names)
    named = last and len(names) == width
    return {
        "title": "outputs" if last else layer_name(film.network.layers, depth - 1),
        "columns": [str(n)[:5] for n in names] if named else [str(i + 1) for i in range(width)],
        "largest": float(f"{max(np.abs(outputs).max(), 1e-3):.4g}"),
    }


def _row_name(film: Film, row: int) -> str:
    """The number of a one-hot row; the numbers of a short row; else its place."""
    values = film.inputs[row]
    if film.data.task == "identity":
        return f"row {int(np.argmax(values)) + 1}"
    if len(values) <= 2:
        return f"({', '.join(f'{value:.3g}' for value in values.tolist())})"
    return f"row {row + 1}"


def _target_name(film: Film, row: int) -> str:
    if row >= len(film.targets):
        return ""
    target = film.targets[row]
    if target.size > 1:
        return str(int(np.argmax(target)) + 1) if film.data.task == "identity" else ""
    value, names = target.item(), film.classes
    if names and isinstance(value, int) and 0 <= value < len(names):
        return names[value][:8]
    return f"{value:g}"


def filters_scene(film: Film) -> dict[str, Any] | None:
    """The weights of a dense first layer on images, as tiles with a border of one pixel."""
    shape, first = film.data.image_shape, film.network.layers[0]
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
        "signed": True,
        "fields": signed_bytes(sheets / max(np.abs(sheets).max(), 1e-12)),
    }


class SceneKind(NamedTuple):
    """How a scene is made, what it says, the figures that it stands for, and its keys that move.

    The values of keys that move are lists with an entry per moment, or belong to all moments.
    """

    make: Callable[[Film], dict[str, Any] | None]
    caption: str
    formula: str
    figures: tuple[str, ...]
    moving: tuple[str, ...]


FOR_ALL_MOMENTS = ("blocks", "largest")  # keys that move and are no lists by moment

# In the order of the page.
SCENES: Mapping[str, SceneKind] = {
    "plane": SceneKind(
        plane_scene,
        "Shaded: what the network answers at each place, stronger where it is surer. Points: the "
        "training rows.",
        "y = f(x₁, x₂)",
        ("boundary", "scatter"),
        ("fields",),
    ),
    "curve": SceneKind(
        curve_scene,
        "The network's output along its input, and the training rows.",
        "y = f(x)",
        ("fit",),
        ("outputs",),
    ),
    "heat": SceneKind(
        heat_scene,
        "What the network makes of each training row: the stronger the colour, the larger the "
        "value; orange below zero.",
        "a = f(W x + b)",
        ("activations", "outputs"),
        ("values", "blocks"),
    ),
    "diagram": SceneKind(
        diagram_scene,
        "A line is a weight: thick where it is large, blue where it is positive, orange where it "
        "is negative. Numbers in circles are biases. Gradients are those of some training rows, "
        "updates the change since the moment before, activations the mean output of each unit.",
        "z = W x + b, ∂L/∂W, ΔW, a = f(z)",
        ("weights", "network"),
        ("weights", "gradients", "updates", "activations", "biases", "largest"),
    ),
    "filters": SceneKind(
        filters_scene,
        "The weights of each unit of the first layer, arranged as the image that it looks at: dark "
        "blue positive, light orange negative.",
        "zⱼ = Σᵢ Wᵢⱼ xᵢ + bⱼ",
        ("filters",),
        ("fields",),
    ),
    "health": SceneKind(
        health_scene,
        "Each layer on some training rows. Updates are the change since the moment before. Dead: "
        "units that no row gives a slope. Saturated: outputs where the activation is nearly flat.",
        "rms(W), rms(∂L/∂W), rms(ΔW) / rms(W), f′(z) = 0, f′(z) < 0.05 max f′",
        (),
        ("values",),
    ),
}


def make_scenes(film: Film) -> list[dict[str, Any]]:
    """The scenes that suit, each with its kind and what it says."""
    made = {name: kind.make(film) for name, kind in SCENES.items()}
    return [
        {
            "kind": name,
            "caption": SCENES[name].caption,
            "formula": SCENES[name].formula,
            "by_moment": [key for key in SCENES[name].moving if key not in FOR_ALL_MOMENTS],
            **data,
        }
        for name, data in made.items()
        if data is not None
    ]


def still_message(scenes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The message to a live page with what stays of its scenes."""
    still = [
        {key: value for key, value in scene.items() if key not in SCENES[scene["kind"]].moving}
        for scene in scenes
    ]
    return {"kind": "scenes", "scenes": still, "note": what_is_not_drawn(scenes)}


def moment_message(
    film: Film, kinds: Sequence[str], epoch: float, label: str
) -> dict[str, Any] | None:
    """The message with what moves of scenes of these kinds; None where a number is not finite."""
    made = [(SCENES[kind].moving, SCENES[kind].make(film)) for kind in kinds]
    scenes = [{key: data[key] for key in moving} for moving, data in made if data is not None]
    if len(scenes) < len(kinds):
        return None
    return {"kind": "moment", "epoch": epoch, "label": label, "scenes": scenes}


def what_is_not_drawn(scenes: Sequence[Mapping[str, Any]]) -> str:
    """A sentence for a page without a diagram of the network; empty where there is one."""
    kinds = [scene["kind"] for scene in scenes]
    if "diagram" in kinds:
        return ""
    left_out = "This network is too large for a drawing of its units, or of another kind"
    return f"{left_out}: the page shows {'the rest' if kinds else 'curves and findings only'}."


def signed_bytes(shares: FloatArray) -> list[str]:
    """Numbers (k, ...) from -1 to 1 as bytes for page.js, moment by moment."""
    return _bytes(np.round(MIDDLE + MIDDLE * shares))


def _bytes(moments: FloatArray) -> list[str]:
    return [
        base64.b64encode(moment.astype(np.uint8).tobytes()).decode("ascii") for moment in moments
    ]


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
