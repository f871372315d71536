"""How weights, outputs and gradients are spread, layer by layer."""

from typing import Any, NamedTuple

import numpy as np

from nnlab.core.network import layer_name, parameter_count
from nnlab.core.types import Array
from nnlab.run.rows import SavedRows
from nnlab.show.figures import style
from nnlab.show.figures.axes import compact
from nnlab.show.figures.mpl import Axes, Figure
from nnlab.show.figures.plot import Plot
from nnlab.show.figures.probe import gradient
from nnlab.show.figures.style import look
from nnlab.show.figures.view import View

BINS = 60
MOST_LAYERS = 12
ROWS = 1000
LETTERS = 24  # of tick labels that fit below a histogram
HEADS = ("weights", "outputs", "gradient of the weights")


class LayerSpread(NamedTuple):
    """One layer: its name, weights now and at first, outputs and gradients.

    None: not known; a frozen layer has no gradients.
    """

    name: str
    weights: Array
    before: Array
    outputs: Array | None
    gradient: Array | None


def _no_parameters(run: View) -> str | None:
    return None if run.latest_network.theta.size else "the network has no parameters"


def layer_spreads(run: View) -> list[LayerSpread]:
    """One for each layer with parameters; outputs are those after its activation."""
    network, rows = run.latest_network, run.rows.get("train")
    first = network.layout.named(run.initial.theta)
    outputs: dict[int, Array] = {}
    slopes: dict[str, Array] = {}
    if rows is not None:
        some = rows.take(np.arange(min(len(rows), ROWS)))
        outputs = _layer_outputs(run, some)
        if (slope := gradient(run, some)) is not None:
            slopes = network.layout.named(slope)
    spreads = []
    for index in range(len(network.layers)):
        names = [p.key for p in network.layout.places if p.layer == index and p.declared.decays]
        if names:
            key, name = names[0], layer_name(network.layers, index)
            weights, before = network.parameters[key].ravel(), first[key].ravel()
            own = slopes[key].ravel() if key in slopes else None
            own = np.empty(0) if network.layers[index].freeze else own
            spreads.append(LayerSpread(name, weights, before, outputs.get(index), own))
    return spreads


def _layer_outputs(run: View, rows: SavedRows) -> dict[int, Array]:
    """The outputs of each layer with parameters, after the activations that follow it."""
    network = run.latest_network
    binding = network.bind(len(rows))
    with np.errstate(all="ignore"):
        binding.forward(run.scaled(rows.inputs))
    outputs: dict[int, Array] = {}
    last = -1
    for index, bound in enumerate(binding.bound):
        last = index if parameter_count(network, index) else last
        if last >= 0:
            outputs[last] = bound.y.ravel()
    return outputs


def draw_histograms(run: View) -> Figure:
    """A line of three histograms for each layer."""
    spreads = layer_spreads(run)
    shown = spreads[:MOST_LAYERS]
    width, height = 2 * style.PANEL[0] * 0.9, 0.95 * len(shown) + 0.75
    figure = style.canvas(width, height, *run.title)
    grid = figure.subplots(len(shown), len(HEADS), squeeze=False)
    for line, spread in zip(grid, shown, strict=True):
        draw_histogram(line[0], spread.weights, look().blue, spread.before)
        draw_histogram(line[1], spread.outputs, look().sky)
        draw_histogram(line[2], spread.gradient, look().orange)
        line[0].set_ylabel(spread.name, rotation=0, ha="right", va="center")
    for ax, head in zip(grid[0], (f"{HEADS[0]} {run.when}", *HEADS[1:]), strict=True):
        ax.set_title(head)
    tail = "values (density); the line: weights before training"
    if len(spreads) > len(shown):
        tail += f"; {len(spreads) - len(shown)} more layers are not drawn"
    figure.supxlabel(tail, fontsize=8)
    return figure


def _few_ticks(ax: Axes, low: float, high: float) -> None:
    """As many ticks as have room for their labels beside each other."""
    from matplotlib.ticker import MaxNLocator

    for most in (4, 3, 2, 1):
        ticks = [t for t in MaxNLocator(most).tick_values(low, high) if low <= t <= high]
        # As few digits as tell the ticks from each other.
        rounded = ([compact(tick, digits) for tick in ticks] for digits in (3, 5, 7, 9))
        texts = next((texts for texts in rounded if len(set(texts)) == len(ticks)), None)
        texts = texts or [compact(tick, 9) for tick in ticks]
        if sum(map(len, texts)) <= LETTERS:
            break
    ax.set_xticks(ticks, texts)


def draw_histogram(ax: Axes, values: Array | None, color: str, before: Array | None = None) -> None:
    """The finite values, and as a line those before training."""
    ax.set_yticks([])
    ax.grid(visible=False, axis="y")
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="x", labelsize=7)
    finite = np.empty(0) if values is None else values[np.isfinite(values)]
    if not finite.size:
        ax.set_xticks([])
        middle: dict[str, Any] = {"ha": "center", "va": "center", "transform": ax.transAxes}
        frozen = values is not None and not values.size
        ax.text(0.5, 0.5, "frozen" if frozen else "not known", fontsize=8, **middle)
        return
    both = finite if before is None else np.concatenate([finite, before])
    low, high = float(both.min()), float(both.max())
    if not low < high:
        low, high = low - 0.5, high + 0.5
    _few_ticks(ax, low, high)
    edges = np.linspace(low, high, min(BINS, max(8, 2 * int(np.sqrt(finite.size)))) + 1)
    ax.stairs(np.histogram(finite, edges)[0] / finite.size, edges, fill=True, color=color)
    if before is not None:
        shares = np.histogram(before, edges)[0] / before.size
        ax.stairs(shares, edges, color=look().ink, linewidth=0.9)


FIGURES = {
    "histograms": Plot(
        "Weights, outputs and gradients",
        "How the numbers of each layer are spread: its weights (the line: before training), its "
        "outputs after the activation, and the gradient of the loss over the saved training rows.",
        _no_parameters,
        draw_histograms,
    )
}
