"""The outputs of the hidden layers, as numbers, and as codes of on and off."""

from typing import TYPE_CHECKING

import numpy as np

from nnlab.core.layers.activations import Activation
from nnlab.core.network import Network, layer_name
from nnlab.core.types import Array, FloatArray
from nnlab.show.figures import style
from nnlab.show.figures.heat import heat, input_names
from nnlab.show.figures.plot import Plot
from nnlab.show.figures.view import View

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_ROWS = 32
MOST_UNITS = 16
MOST_LAYERS = 8  # of a deeper network the first and the last ones
THRESHOLD = 0.1  # an output above it counts as on; the notebook's


def hidden_layers(network: Network) -> list[int]:
    """The layers whose outputs are the hidden ones: each activation but the network's last.

    A layer with parameters that no activation follows counts itself.
    """
    hidden = []
    last = len(network.layers) - 1
    while last > 0 and isinstance(network.layers[last], Activation):
        last -= 1
    for index, layer in enumerate(network.layers[:last]):
        ends = isinstance(layer, Activation) or bool(layer.parameters(network.shapes[index]))
        if ends and not isinstance(network.layers[index + 1], Activation):
            hidden.append(index)
    if len(hidden) > MOST_LAYERS:
        return hidden[: MOST_LAYERS // 2] + hidden[-MOST_LAYERS // 2 :]
    return hidden


def hidden_outputs(run: View) -> list[FloatArray]:
    """The output (N, ...) of each hidden layer for the saved training rows."""
    inputs = run.rows["train"].inputs
    binding = run.latest_network.bind(len(inputs))
    with np.errstate(all="ignore"):
        binding.forward(run.scaled(inputs))
    return [binding.bound[index].y for index in hidden_layers(run.latest_network)]


def _too_large(run: View) -> str | None:
    rows = run.rows.get("train")
    if rows is None:
        return "no rows were kept"
    if len(rows) > MOST_ROWS or not rows.all:
        return f"there are more than {MOST_ROWS} rows to write down"
    network = run.latest_network
    shapes = [network.shapes[index + 1] for index in hidden_layers(network)]
    if not shapes:
        return "there is no hidden layer"
    if any(len(shape) > 1 or shape[0] > MOST_UNITS for shape in shapes):
        return f"a hidden layer has more than {MOST_UNITS} units"
    return None


def draw_activations(run: View) -> "Figure":
    """One heat map for each hidden layer: a line for every row, a column for every unit."""
    return _draw_layers(run, hidden_outputs(run), "{:.2f}")


def _without_codes(run: View) -> str | None:
    if run.data["task"] != "identity":
        return "it is for the identity encoder: whether all rows get codes of their own"
    return _too_large(run)


def hidden_codes(run: View) -> list[Array]:
    """For each hidden layer which units (N, m) are above the threshold."""
    return [values > THRESHOLD for values in hidden_outputs(run)]


def verdict(codes: Array) -> str:
    """How many of the codes (N, m) differ: "8 of 8 codes differ"."""
    return f"{len(np.unique(codes, axis=0))} of {len(codes)} codes differ"


def draw_codes(run: View) -> "Figure":
    """The same as on and off, with the number of codes that differ."""
    codes = hidden_codes(run)
    notes = [verdict(layer) for layer in codes]
    return _draw_layers(run, [layer.astype(float) for layer in codes], "{:.0f}", notes)


def _draw_layers(
    run: View, values: list[FloatArray], form: str, notes: list[str] | None = None
) -> "Figure":
    rows, layers = run.rows["train"], hidden_layers(run.latest_network)
    wide = sum(max(1.1, 0.42 * layer.shape[1]) + 1.0 for layer in values)
    high = 0.27 * len(rows) + 1.25
    figure = style.canvas(max(style.PANEL[0], wide), high, *run.title)
    ratios = [layer.shape[1] + 1 for layer in values]
    everything = np.nan_to_num(np.concatenate([layer.ravel() for layer in values]))
    limits = float(everything.min()), float(everything.max())
    axes = figure.subplots(1, len(values), squeeze=False, width_ratios=ratios)[0]
    for number, (ax, layer, index) in enumerate(zip(axes, values, layers, strict=True)):
        units = [str(unit + 1) for unit in range(layer.shape[1])]
        heat(ax, layer, form, input_names(run, rows) if not number else [], units, limits=limits)
        label = f"unit of {layer_name(run.latest_network.layers, index)}"
        ax.set_xlabel(f"{label}\noutput > {THRESHOLD:g}" if notes else label)
        if notes:
            ax.set_title(notes[number], weight="bold")
    axes[0].set_ylabel("input")
    return figure


def _details(run: View) -> str:
    layers = [
        layer_name(run.latest_network.layers, index) for index in hidden_layers(run.latest_network)
    ]
    pairs = zip(hidden_codes(run), layers, strict=True)
    return ", ".join(f"{verdict(codes)} after {layer}" for codes, layer in pairs)


FIGURES = {
    "activations": Plot(
        "Hidden activations",
        "The output of every unit of the hidden layers for every row.",
        _too_large,
        draw_activations,
    ),
    "codes": Plot(
        "Hidden codes",
        f"Which hidden units have an output above {THRESHOLD:g}, and whether every row gets its "
        "own code.",
        _without_codes,
        draw_codes,
        _details,
    ),
}
