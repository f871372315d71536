"""Rows and what the network makes of them: as points, as a curve, and sample by sample."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnlab.core import columns
from nnlab.core.losses import Quantile
from nnlab.core.types import Array
from nnlab.run.rows import SavedRows
from nnlab.show.figures import style
from nnlab.show.figures.axes import (
    color_bar,
    count_axis,
    dots,
    finite_numbers,
    legend_below,
    quantity_label,
    short_label,
)
from nnlab.show.figures.cells import output_names, too_many_rows
from nnlab.show.figures.mpl import Axes, Figure
from nnlab.show.figures.palette import DASHES, MARKERS
from nnlab.show.figures.plot import Plot
from nnlab.show.figures.style import look
from nnlab.show.figures.view import PART_NAMES, View
from nnlab.show.words import after

MOST_PANELS = 12
MOST_POINTS = 2000
FINE = 2001  # points of a drawn curve
MOST_LINES = 7  # outputs that are told apart by colour
FEW_SAMPLES = 100  # up to so many have large marks
BESIDE: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0)}  # a legend


# Predictions against targets, as points about the diagonal.


def _no_numbers(run: View) -> str | None:
    if run.data.kind != "regression":
        return "the targets are classes; confusion counts those"
    if run.data.learn == "inputs" and run.data.image_shape:
        return "the targets are images, which reconstructions shows"
    return None if run.rows else "no rows are saved"


def draw_targets(run: View) -> Figure:
    """For each output the predictions against the targets, after the first epoch and the last."""
    rows = run.judged
    if len(rows) > MOST_POINTS:
        rows = rows.take(np.linspace(0, len(rows) - 1, MOST_POINTS).astype(np.int64))
    moments = _moments(run, rows)
    count = rows.targets.shape[1]
    drawn = min(count, MOST_PANELS)
    across, width = min(drawn, 3), 1.0 if drawn == 1 else 0.62
    down = -(-drawn // across)
    figure, axes = style.panels(across, *run.title, rows=down, width=width, height=0.95)
    names = output_names(run, count)
    for output, ax in enumerate(axes[:drawn]):
        truth = rows.targets[:, output]
        ends = [float(truth.min()), float(truth.max())]
        ax.plot(ends, ends, color=look().faint, linewidth=0.9, zorder=1)
        for number, (when, outputs) in enumerate(moments):
            _draw_cloud(
                ax, truth, run.answers(outputs)[:, output], number == len(moments) - 1, when
            )
        ax.set(xlabel=f"target {short_label(names[output], 14)}", ylabel="prediction")
        ax.locator_params(nbins=5)
    for ax in axes[drawn:]:
        ax.set_visible(False)
    more = f", the first {drawn} of {count} outputs" if count > drawn else ""
    legend_below(figure, axes[:1], f"{PART_NAMES[rows.part]} rows{more}")
    return figure


def _moments(run: View, rows: SavedRows) -> list[tuple[str, Array]]:
    """Predictions after the first epoch (else before training), and the last ones."""
    last = (run.when, rows.outputs)
    epochs, values = run.snapshots
    if len(epochs) > 2 and epochs[1] == 1:
        return [(after(1), run.outputs(rows.inputs, values[1])), last]
    if len(run.metrics.get("epoch", ())) > 1:
        return [(after(0), run.outputs(rows.inputs, run.initial.values)), last]
    return [last]


def _draw_cloud(ax: Axes, truth: Array, outputs: Array, last: bool, when: str) -> None:
    spread = np.ptp(truth) or np.abs(truth).max() or 1.0  # equal targets have no spread
    inside = np.abs(outputs - truth.mean()) < 30 * spread  # an untrained network may be anywhere
    dots(
        ax,
        truth[inside],
        outputs[inside],
        marker="o" if last else "x",
        markersize=3.2,
        color=look().blue if last else look().orange,
        alpha=1.0 if len(truth) < 300 else 0.5,
        label=when,
        zorder=3 if last else 2,
    )


# One input and one output, as a curve.


def _no_curve(run: View) -> str | None:
    if run.data.kind != "regression":
        return "it is for a regression"
    if run.data.inputs != (1,) or run.data.outputs != 1:
        return "it is for one input and one output"
    return None if run.rows else "no rows are saved"


def draw_fit(run: View) -> Figure:
    """The samples, and the function that the network has become; dashed, what it was at first."""
    figure, (ax,) = style.panels(1, *run.title, width=1.3, height=1.15)
    xs = np.concatenate([rows.inputs[:, 0] for rows in run.rows.values()]).astype(float)
    grid = np.linspace(xs.min(), xs.max(), FINE)[:, None]
    outputs = run.outputs(grid)
    ys = run.answers(outputs)[:, 0]
    colors = (look().faint, look().orange, look().ink)
    for (part, rows), marker, color in zip(run.rows.items(), MARKERS, colors, strict=False):
        label = f"{PART_NAMES[part]} rows"
        x, y = rows.inputs[:, 0], rows.targets[:, 0]
        dots(ax, x, y, marker=marker, markersize=2.6, color=color, label=label)
    if len(run.metrics.get("epoch", ())) > 1:
        first = run.answers(run.outputs(grid, run.initial.values))[:, 0]
        ax.plot(grid[:, 0], first, color=look().sky, linestyle="--", linewidth=1, label=after(0))
    if isinstance(run.loss.plain, Quantile):
        _draw_bands(ax, run, run.loss.plain.quantiles, grid[:, 0], outputs)
    # A jump is no slope: most of the range between two of 2,000 points.
    ys[:-1][np.abs(np.diff(ys)) > 0.2 * (np.ptp(ys) or 1.0)] = np.nan
    ax.plot(grid[:, 0], ys, color=look().blue, linewidth=1.8, label=f"network {run.when}")
    ax.set_xlabel(short_label(next(iter(run.data.feature_names), "x"), 40))
    ax.set_ylabel(short_label(next(iter(run.data.target_names), "y"), 40))
    legend_below(figure, [ax])
    return figure


def _draw_bands(ax: Axes, run: View, quantiles: Sequence[float], xs: Array, outputs: Array) -> None:
    """The band between each pair of quantiles, and how many of the judged rows lie in it."""
    order, rows = np.argsort(quantiles), run.judged
    half = len(order) // 2
    for low, high in zip(order[:half], order[::-1][:half], strict=True):
        inside = (rows.outputs[:, low] <= rows.targets[:, 0]) & (
            rows.targets[:, 0] <= rows.outputs[:, high]
        )
        share = f"{inside.mean():.0%} of {PART_NAMES[rows.part]} rows"
        label = f"q{quantiles[low]:g} to q{quantiles[high]:g}: {share}"
        ax.fill_between(
            xs, outputs[:, low], outputs[:, high], color=look().blue, alpha=0.2, linewidth=0,
            label=label,
        )  # fmt: skip


# A forward pass alone: inputs, outputs and the loss of every sample.


def _trained_or_few_rows(run: View) -> str | None:
    """It is for a network that was never trained, and more rows than can be written down."""
    if len(run.metrics.get("epoch", ())) != 1:
        return "the network was trained; curves show it"
    if "train" not in run.rows:
        return "no rows are saved"
    if run.data.inputs == (1,):
        return "it is for several inputs"
    return "outputs writes its few rows down" if too_many_rows(run) is None else None


def draw_forward(run: View) -> Figure:
    """Three panels over the number of the sample."""
    rows = run.rows["train"]
    figure = style.canvas(2 * style.PANEL[0] * 0.85, 6.2, *run.title)
    top, middle, bottom = figure.subplots(3, 1, sharex=True, height_ratios=[1, 1, 1.3])
    _draw_inputs(top, run.scaled(rows.inputs).reshape(len(rows), -1))
    _draw_outputs(middle, run, rows.outputs)
    losses = finite_numbers(run.losses(rows))
    _sample_dots(bottom, losses, look().blue, "o")
    mean = float(np.nanmean(losses)) if np.isfinite(losses).any() else 0.0
    bottom.axhline(mean, color=look().red, linestyle=DASHES[1], label=f"mean {mean:.4g}")
    bottom.set_ylim(bottom=0)
    bottom.set_ylabel(f"{quantity_label(columns.LOSS, run.settings)}\nof each sample")
    bottom.legend(**BESIDE)
    count_axis(bottom, "sample")
    return figure


def _draw_inputs(ax: Axes, inputs: Array) -> None:
    """The inputs as an image: a column for each sample."""
    shown = finite_numbers(inputs.T)
    image = ax.imshow(shown, aspect="auto", **style.color_scale(shown))
    ax.grid(visible=False)
    ax.set_ylabel("input")
    width = inputs.shape[1]
    places = range(0, width, max(1, width // 5))
    ax.set_yticks(places, [str(number + 1) for number in places])
    color_bar(image, ax, pad=0.01, label="scaled value")


def _draw_outputs(ax: Axes, run: View, outputs: Array) -> None:
    names = output_names(run, outputs.shape[1])
    for number in range(min(outputs.shape[1], MOST_LINES)):
        values, color = finite_numbers(outputs[:, number]), look().lines[number]
        _sample_dots(ax, values, color, MARKERS[number], short_label(names[number], 10))
    ax.set_ylabel("output")
    more = outputs.shape[1] - MOST_LINES
    title = f"output ({more} more)" if more > 0 else "output"
    ax.legend(title=title, alignment="left", markerscale=2, **BESIDE)


def _sample_dots(
    ax: Axes, values: Array, color: str, marker: str, label: str | None = None
) -> None:
    size = 3.5 if len(values) <= FEW_SAMPLES else 1.8
    x = np.arange(len(values))
    dots(ax, x, values, marker=marker, markersize=size, markeredgewidth=0, color=color, label=label)


FIGURES = {
    "targets": Plot(
        "Prediction against target",
        "Every saved row, after the first epoch and at the end; right answers lie on the line.",
        _no_numbers,
        draw_targets,
    ),
    "fit": Plot(
        "Curve", "The samples, and the function that the network has become.", _no_curve, draw_fit
    ),
    "forward": Plot(
        "Inputs, outputs and losses",
        "The inputs, the outputs, and the loss of every sample of a network that is not trained.",
        _trained_or_few_rows,
        draw_forward,
    ),
}
