"""How weights, activations and gradients are spread, layer by layer."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nnlab.core.network import layer_name, parameter_count, trained_depth
from nnlab.core.types import Array
from nnlab.show.figures import style
from nnlab.show.figures.axes import compact
from nnlab.show.figures.plot import Plot
from nnlab.show.figures.style import look
from nnlab.show.figures.view import Rows, View

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BINS = 60
MOST_LAYERS = 12
ROWS = 1000
LETTERS = 24  # of tick labels that fit below a histogram
HEADS = ("weights", "outputs", "gradient of the weights")


@dataclass(frozen=True)
class Spread:
    """One layer: its name, weights now and at first, outputs, and gradients; None: not known."""

    name: str
    weights: Array
    before: Array
    outputs: Array | None
    gradient: Array | None


def unsuited(run: View) -> str | None:
    """There must be weights."""
    network = run.network
    found = any(parameter_count(network, index) for index in range(len(network.layers)))
    return None if found else "the network has no parameters"


def spreads(run: View) -> list[Spread]:
    """A Spread for each layer with parameters; outputs are those after its activation."""
    network, rows = run.network, run.parts.get("train")
    first = network.layout.named(run.initial.theta)
    outputs = _outputs(run, rows) if rows is not None else {}
    gradient = _gradient(run, rows) if rows is not None else None
    slopes = {} if gradient is None else network.layout.named(gradient)
    found = []
    for index in range(len(network.layers)):
        names = [p.key for p in network.layout.places if p.layer == index and p.declared.decays]
        if names:
            key = names[0]
            name = layer_name(network.layers, index)
            now = network.parameters[key].ravel()
            slope = slopes[key].ravel() if key in slopes else None
            found.append(Spread(name, now, first[key].ravel(), outputs.get(index), slope))
    return found


def _outputs(run: View, rows: Rows) -> dict[int, Array]:
    """What each layer with parameters answers, after the activations that follow it."""
    network = run.network
    some = rows.take(np.arange(min(len(rows), ROWS)))
    binding = network.bind(len(some))
    with np.errstate(all="ignore"):
        binding.forward(run.scaled(some.inputs))
    found: dict[int, Array] = {}
    last = -1
    for index, bound in enumerate(binding.bound):
        last = index if parameter_count(network, index) else last
        if last >= 0 and (last == index or not parameter_count(network, index)):
            found[last] = bound.y.ravel()
    return found


def _gradient(run: View, rows: Rows) -> Array | None:
    """The gradient (P,) of the loss over the kept training rows; None where a layer has none."""
    network, loss = run.network, run.loss
    depth = trained_depth(network.layers, loss)
    if not all(layer.differentiable for layer in network.layers[:depth]):
        return None
    some = rows.take(np.arange(min(len(rows), ROWS)))
    x, t = run.scaled(some.inputs), np.ascontiguousarray(run.coded(some))
    slopes = np.zeros_like(network.theta)
    streams, own = network.generators(0), network.values.copy()  # running statistics move
    binding = network.bind(len(some), depth=depth, gradient=slopes, generators=streams, values=own)
    with np.errstate(all="ignore"):
        z = binding.forward(x)
        loss.gradient(z, t, binding.dz, loss.bind(len(some), z.shape[1], network.dtype))  # type: ignore[arg-type]
        binding.backward(x)
    return slopes


def draw(run: View) -> "Figure":
    """A line of three histograms for each layer."""
    found = spreads(run)
    shown = found[:MOST_LAYERS]
    figure = style.canvas(2 * style.PANEL[0] * 0.9, 0.95 * len(shown) + 0.75)
    style.head(figure, *run.title)
    grid = figure.subplots(len(shown), len(HEADS), squeeze=False)
    for line, one in zip(grid, shown, strict=True):
        _histogram(line[0], one.weights, look().blue, one.before)
        _histogram(line[1], one.outputs, look().sky)
        _histogram(line[2], one.gradient, look().orange)
        line[0].set_ylabel(one.name, rotation=0, ha="right", va="center")
    notes = [f"{HEADS[0]} {run.when}", HEADS[1], HEADS[2]]
    for ax, note in zip(grid[0], notes, strict=True):
        ax.set_title(note)
    tail = "values (density); the line: weights before training"
    if len(found) > len(shown):
        tail += f"; {len(found) - len(shown)} more layers are not drawn"
    figure.supxlabel(tail, fontsize=8)
    return figure


def few_ticks(ax: "Axes", low: float, high: float) -> None:
    """As many ticks as have room for their labels beside each other."""
    from matplotlib.ticker import MaxNLocator

    for most in (4, 3, 2, 1):
        ticks = [t for t in MaxNLocator(most).tick_values(low, high) if low <= t <= high]
        # As few digits as tell the ticks from each other.
        digits = next(
            (d for d in (3, 5, 7) if len({compact(t, d) for t in ticks}) == len(ticks)), 9
        )
        texts = [compact(tick, digits) for tick in ticks]
        if sum(map(len, texts)) <= LETTERS:
            break
    ax.set_xticks(ticks, texts)


def _histogram(ax: "Axes", values: Array | None, colour: str, before: Array | None = None) -> None:
    ax.set_yticks([])
    ax.grid(visible=False, axis="y")
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="x", labelsize=7)
    finite = np.empty(0) if values is None else values[np.isfinite(values)]
    if not finite.size:
        ax.set_xticks([])
        ax.text(0.5, 0.5, "not known", ha="center", va="center", transform=ax.transAxes, fontsize=8)
        return
    both = finite if before is None else np.concatenate([finite, before])
    low, high = float(both.min()), float(both.max())
    if not low < high:
        low, high = low - 0.5, high + 0.5
    few_ticks(ax, low, high)
    edges = np.linspace(low, high, min(BINS, max(8, 2 * int(np.sqrt(finite.size)))) + 1)
    ax.stairs(np.histogram(finite, edges)[0] / finite.size, edges, fill=True, color=colour)
    if before is not None:
        shares = np.histogram(before, edges)[0] / before.size
        ax.stairs(shares, edges, color=look().ink, linewidth=0.9)


HISTOGRAMS = Plot(
    "Weights, outputs and gradients",
    "How the numbers of each layer are spread: its weights (the line: before training), its "
    "outputs after the activation, and the gradient of the loss over the kept training rows.",
    unsuited,
    draw,
)
