"""The diagram of a small dense network: its units, and a line for each weight."""

from itertools import pairwise
from typing import Any

import numpy as np

from nnlab.core.network import layer_kind, layer_name
from nnlab.core.types import Array, FloatArray
from nnlab.show.figures.network import short_number
from nnlab.show.page.film import LOOKED_AT, Film

MOST_LINES, MOST_LAYERS = 420, 8
WIDE, SHOWN = 12, 10  # a layer wider than WIDE shows SHOWN units where all would be too many
Pairs = list[tuple[int, tuple[list[int], list[int]]]]  # a layer, and the units at its two sides


def diagram_scene(film: Film) -> dict[str, Any] | None:
    """Units and weights, for networks whose only layers with parameters are dense."""
    dense, widths = film.layers, _widths(film)
    if not widths or _line_count(units := _shown_units(widths)) > MOST_LINES:
        return None
    keys = {(place.layer, place.declared.name) for place in film.network.layout.places}
    biased = [False, *((index, "bias") in keys for index in dense)]
    names, captions = _unit_names(film, widths), _captions(film, widths)
    pairs = list(zip(dense, pairwise(units), strict=True))
    columns = [
        {
            "names": [names[number][unit] for unit in shown],
            "shortened": len(shown) < widths[number],
            "biased": biased[number],
            "caption": captions[number],
        }
        for number, shown in enumerate(units)
    ]
    moments = film.parameters()
    return {
        "alt": f"Diagram of the {'-'.join(map(str, widths))} network: a line for each weight, "
        "thicker where it is larger.",
        "layers": columns,
        "activations": _activations(film, units),
        "biases": [_shown_biases(layers, pairs, biased) for layers in moments],
        **_lines(film, pairs),
    }


def _lines(film: Film, pairs: Pairs) -> dict[str, Any]:
    """What the lines show: weights, gradients and updates, moment by moment."""
    views = film.network.layout.views
    weights = np.stack([_shown_weights(layers, pairs) for layers in film.parameters()])
    gradients = [_shown_weights(views(moment.gradient), pairs) for moment in film.moments]
    updates = [_shown_weights(views(change), pairs) for change in film.changes]
    lines = {"weights": list(weights), "gradients": gradients, "updates": updates}
    return {
        **{name: [few_digits(moment, digits=3) for moment in m] for name, m in lines.items()},
        "largest": float(f"{np.abs(weights).max(initial=1e-12):.4g}"),
    }


def _activations(film: Film, units: list[list[int]]) -> list[list[float | None]]:
    """The mean over some rows of each drawn unit's output, moment by moment; the inputs first."""
    rows = film.inputs[film.some_rows(LOOKED_AT)]
    if not len(rows):
        return [[] for _ in film.epochs]
    ends = [*film.layers[1:], len(film.network.layers)]  # where the outputs of each layer are
    inputs = np.broadcast_to(film.scaled(rows), (len(film.epochs), *rows.shape))
    outputs = [inputs, *film.layer_outputs(rows, ends)]  # each (k, rows, units)
    means = [y.mean(1)[:, shown] for y, shown in zip(outputs, units, strict=True)]
    return [few_digits(moment, digits=3) for moment in np.concatenate(means, axis=1)]


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
    features = list(film.data.feature_names)
    features = features if len(features) == widths[0] else [f"x{i + 1}" for i in range(widths[0])]
    outputs = film.classes or film.loss.output_names(film.data.target_names)
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


def few_digits(values: FloatArray, digits: int = 4) -> list[float | None]:
    """Numbers with few digits; None for nan and inf."""
    return [float(f"{v:.{digits}g}") if np.isfinite(v) else None for v in values.tolist()]
