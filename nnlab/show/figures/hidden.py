"""What the hidden layers answer: their outputs as numbers, and as codes of on and off."""

from typing import TYPE_CHECKING

import numpy as np

from nnlab.core.layers.activations import Activation
from nnlab.core.network import Network, layer_name
from nnlab.core.types import Array, FloatArray
from nnlab.show.figures import style
from nnlab.show.figures.heat import heat, row_names
from nnlab.show.figures.plot import Plot
from nnlab.show.figures.view import Rows, View

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_ROWS = 32
MOST_UNITS = 16
MOST_LAYERS = 8  # of a deeper network the first and the last ones
THRESHOLD = 0.1  # an output above it counts as on; the notebook's


def hidden(network: Network) -> list[int]:
    """The layers whose outputs are the hidden ones: each activation but the network's last.

    A layer with parameters that no activation follows counts itself.
    """
    found = []
    last = len(network.layers) - 1
    while last > 0 and isinstance(network.layers[last], Activation):
        last -= 1
    for index, layer in enumerate(network.layers[:last]):
        after = network.layers[index + 1]
        ends = isinstance(layer, Activation) or bool(layer.parameters(network.shapes[index]))
        if ends and not isinstance(after, Activation):
            found.append(index)
    if len(found) > MOST_LAYERS:
        return found[: MOST_LAYERS // 2] + found[-MOST_LAYERS // 2 :]
    return found


def outputs(run: View, inputs: Array) -> list[FloatArray]:
    """The output (N, ...) of each hidden layer for these inputs."""
    network = run.network
    binding = network.bind(len(inputs))
    with np.errstate(all="ignore"):
        binding.forward(run.scaled(inputs))
    return [binding.bound[index].y for index in hidden(network)]


def _unsuited(run: View) -> str | None:
    if "train" not in run.parts:
        return "no rows were kept"
    if len(run.parts["train"]) > MOST_ROWS or not run.parts["train"].all:
        return f"there are more than {MOST_ROWS} rows to write down"
    network = run.network
    shapes = [network.shapes[index + 1] for index in hidden(network)]
    if not shapes:
        return "there is no hidden layer"
    if any(len(shape) > 1 or shape[0] > MOST_UNITS for shape in shapes):
        return f"a hidden layer has more than {MOST_UNITS} units"
    return None


def draw(run: View) -> "Figure":
    """One heat map for each hidden layer: a line for every row, a column for every unit."""
    rows = run.parts["train"]
    return _maps(run, rows, outputs(run, rows.inputs), "{:.2f}")


def unsuited_codes(run: View) -> str | None:
    """Codes tell apart what the identity encoder has to tell apart."""
    if run.data["task"] != "identity":
        return "it is for the identity encoder: whether all rows get codes of their own"
    return _unsuited(run)


def codes(run: View) -> list[Array]:
    """For each hidden layer which units (N, m) are above the threshold."""
    return [values > THRESHOLD for values in outputs(run, run.parts["train"].inputs)]


def verdict(codes: Array) -> str:
    """How many of the codes (N, m) differ: "8 of 8 codes differ"."""
    return f"{len(np.unique(codes, axis=0))} of {len(codes)} codes differ"


def draw_codes(run: View) -> "Figure":
    """The same as on and off, with the number of codes that differ."""
    found = codes(run)
    return _maps(
        run,
        run.parts["train"],
        [one.astype(float) for one in found],
        "{:.0f}",
        list(map(verdict, found)),
    )


def _maps(
    run: View, rows: Rows, values: list[FloatArray], form: str, notes: list[str] | None = None
) -> "Figure":
    network = run.network
    wide = sum(max(1.1, 0.42 * one.shape[1]) + 1.0 for one in values)
    figure = style.canvas(max(style.PANEL[0], wide), 0.27 * len(rows) + 1.25)
    style.head(figure, *run.title)
    ratios = [one.shape[1] + 1 for one in values]
    everything = np.nan_to_num(np.concatenate([one.ravel() for one in values]))
    limits = float(everything.min()), float(everything.max())
    axes = figure.subplots(1, len(values), squeeze=False, width_ratios=ratios)[0]
    for number, (ax, one, index) in enumerate(zip(axes, values, hidden(network), strict=True)):
        units = [str(unit + 1) for unit in range(one.shape[1])]
        heat(ax, one, form, row_names(run, rows) if not number else [], units, limits=limits)
        what = f"unit of {layer_name(network.layers, index)}"
        ax.set_xlabel(f"{what}\noutput > {THRESHOLD:g}" if notes else what)
        if notes:
            ax.set_title(notes[number], weight="bold")
    axes[0].set_ylabel("input")
    return figure


def _said(run: View) -> str:
    return ", ".join(
        f"{verdict(one)} after {layer_name(run.network.layers, index)}"
        for one, index in zip(codes(run), hidden(run.network), strict=True)
    )


ACTIVATIONS = Plot(
    "Hidden activations",
    "What every unit of the hidden layers answers to every row.",
    _unsuited,
    draw,
)
CODES = Plot(
    "Hidden codes",
    f"Which hidden units answer more than {THRESHOLD:g}, and whether every row gets its own code.",
    unsuited_codes,
    draw_codes,
    _said,
)
