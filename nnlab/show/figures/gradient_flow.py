"""How gradients and updates reach each layer, from the first epoch to the last."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from nnlab.core.network import layer_name
from nnlab.core.types import Array, FloatArray, IntArray
from nnlab.engine import blas
from nnlab.run.rows import SavedRows
from nnlab.show.figures import style
from nnlab.show.figures.axes import choose_scale, legend_below, recorded_epochs_axis
from nnlab.show.figures.mpl import Axes, Figure
from nnlab.show.figures.palette import DASHES, MARKERS
from nnlab.show.figures.plane import chosen_moments
from nnlab.show.figures.plot import Plot
from nnlab.show.figures.probe import gradient, rows_within_limit, rows_words, too_expensive
from nnlab.show.figures.style import look
from nnlab.show.figures.view import View

MOMENTS = 20
MOST_ROWS = 256
PASSES = 3  # forward passes that a gradient costs
MOST_LINES = 8  # of more layers, the first and the last ones
USUAL_RATIO = 1e-3  # of update to weight: a rule of thumb


@dataclass(frozen=True, eq=False)
class GradientFlow:
    """Norms per layer (L,) at recorded epochs (k,), over the weights of the layer.

    gradients (k, L): of the gradient of a batch; None without rows, or without a derivative.
    updates (k - 1, L): of the change since the epoch before, per update. ratios (k - 1, L): of
    that to the weights before it.
    """

    layers: list[str]
    epochs: IntArray
    gradients: FloatArray | None
    updates: FloatArray
    ratios: FloatArray
    rows: SavedRows | None


def _no_flow(run: View) -> str | None:
    if not run.latest_network.layout.weighted:
        return "the network has no weights"
    if len(run.moments[0]) < 2:
        return "the weights of fewer than two epochs are saved"
    return too_expensive(PASSES * MOMENTS) if "train" in run.rows and _rows(run) is None else None


def _rows(run: View) -> SavedRows | None:
    rows = run.rows.get("train")
    return rows and rows_within_limit(run, rows, PASSES * MOMENTS, MOST_ROWS)


def gradient_flow(run: View) -> GradientFlow:
    """The norms at up to MOMENTS recorded epochs."""
    layout, network = run.latest_network.layout, run.latest_network
    epochs, values = run.moments
    which, rows = chosen_moments(epochs, MOMENTS), _rows(run)
    epochs, values = epochs[which], values[which].astype(np.float64)

    def norms(blocks: Array) -> FloatArray:
        """The Euclidean norm of each layer's weights in blocks (k, P): (k, L)."""
        squares = np.zeros((len(blocks), len(network.layers)))
        for place in layout.places:
            if place.declared.decays:
                squares[:, place.layer] += (blocks[:, place.start : place.stop] ** 2).sum(axis=1)
        return np.sqrt(squares[:, list(layout.weighted)])

    columns = (run.metrics.get(name, np.zeros(0, np.int64)) for name in ("epoch", "step"))
    steps = dict(zip(*(column.tolist() for column in columns), strict=True))
    apart = [max(1, steps.get(b, 0) - steps.get(a, 0)) for a, b in pairwise(epochs.tolist())]
    updates = norms(np.diff(values, axis=0)) / np.array(apart)[:, None]
    before = norms(values[:-1])
    ratios = np.divide(updates, before, out=np.full_like(updates, np.nan), where=before > 0)
    names = [layer_name(network.layers, index) for index in layout.weighted]
    slopes = _gradients(run, rows, values)
    gradients = None if slopes is None else norms(slopes)
    return GradientFlow(names, epochs, gradients, updates, ratios, rows)


def _gradients(run: View, rows: SavedRows | None, values: FloatArray) -> FloatArray | None:
    """The gradients (k, P) as a batch of training has them."""
    if rows is None:
        return None
    with blas.one_thread():
        slopes = [gradient(run, rows, moment) for moment in values]
    drawn = [slope.astype(np.float64) for slope in slopes if slope is not None]
    batch = run.config.training.batch_size
    summed = run.loss.reduction == "sum" and isinstance(batch, int)
    scale = batch / len(rows) if summed and isinstance(batch, int) else 1.0
    return scale * np.stack(drawn) if drawn else None


def draw_gradient_flow(run: View) -> Figure:
    """Three panels over the epochs, a line per layer from light to dark."""
    flow = run.once(gradient_flow)
    panels = [
        ("norm of the gradient", flow.epochs, flow.gradients),
        ("norm of an update", flow.epochs[1:], flow.updates),
        ("update / weights", flow.epochs[1:], flow.ratios),
    ]
    shown = [(label, epochs, values) for label, epochs, values in panels if values is not None]
    figure, axes = style.panels(len(shown), *run.title, _explain(run, flow), width=0.74)
    for ax, (label, epochs, values) in zip(axes, shown, strict=True):
        _draw_lines(ax, flow, epochs, values)
        ax.set_ylabel(label)
        recorded_epochs_axis(ax, flow.epochs)
    low, high = axes[-1].get_ylim()
    if low < USUAL_RATIO < high:
        usual, color = f"{USUAL_RATIO:g}: usual for SGD", look().faint
        axes[-1].axhline(
            USUAL_RATIO, color=color, linestyle=":", linewidth=1.2, zorder=1, label=usual
        )
    legend_below(figure, axes[-1:])
    return figure


def _draw_lines(ax: Axes, flow: GradientFlow, epochs: IntArray, values: FloatArray) -> None:
    drawn = shown_layers(len(flow.layers))
    finite = np.where(np.isfinite(values), values, np.nan)
    choose_scale(ax, finite[:, drawn].ravel(), bool((finite[:, drawn] > 0).any()))
    for number, layer in enumerate(drawn):
        (line,) = ax.plot(epochs, finite[:, layer], label=flow.layers[layer])
        line.set(color=style.ramp(number, len(drawn)), linestyle=DASHES[number % len(DASHES)])
        line.set_marker(MARKERS[number % len(MARKERS)])


def shown_layers(count: int) -> list[int]:
    """The numbers of the layers that have a line: all, or the first and the last of many."""
    if count <= MOST_LINES:
        return list(range(count))
    half = MOST_LINES // 2
    return [*range(half), *range(count - half, count)]


def _explain(run: View, flow: GradientFlow) -> str:
    """What the three norms are, and where they come from."""
    gradients = "The gradient cannot be computed: no training rows are saved, or no derivative. "
    if flow.gradients is not None and flow.rows is not None:
        words = rows_words(run, flow.rows)
        gradients = f"Gradient: of the loss on {words}, as one batch, at the recorded weights. "
    left_out = len(flow.layers) - MOST_LINES
    more = f" {left_out} layers in the middle are left out." if left_out > 0 else ""
    if any(not np.all(norms) for norms in (flow.gradients, flow.updates) if norms is not None):
        more += " A norm of 0 is below every axis."
    return (
        f"Norms over the weights W of a layer. {gradients}Update: |W' - W| / n from one recorded "
        f"epoch to the next, n updates later. Last panel: that over |W|.{more}"
    )


def _details(run: View) -> str:
    flow = run.once(gradient_flow)
    pairs = zip(flow.layers, flow.ratios[-1].tolist(), strict=True)
    last = ", ".join(f"{name} {ratio:.2g}" for name, ratio in pairs)
    return f"at the end an update is, relative to the weights, {last}"


FIGURES = {
    "gradient_flow": Plot(
        "Gradient flow",
        "How large gradients and updates are in each layer, over the recorded epochs: layers that "
        "learn alike have lines of one height; a gradient that vanishes falls from layer to layer.",
        _no_flow,
        draw_gradient_flow,
        _details,
        on_request=True,
    )
}
