"""Targets beside predictions: as a table of few rows, as points about the diagonal, as a curve."""

from typing import TYPE_CHECKING

import numpy as np

from nnlab.core.types import Array
from nnlab.run.rows import SavedRows
from nnlab.show.figures import style
from nnlab.show.figures.axes import distinct, dots, legend_below, short_label
from nnlab.show.figures.heat import heat, input_names
from nnlab.show.figures.palette import MARKERS
from nnlab.show.figures.plot import Plot
from nnlab.show.figures.style import look
from nnlab.show.figures.view import PART_NAMES, View, after

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_ROWS = 32
MOST_PAIRS = 4 * MOST_ROWS  # rows with a single output, in blocks beside each other
BLOCK = 2.4  # inches of a block
MOST_OUTPUTS = 16
MOST_PANELS = 12
MOST_POINTS = 2000
FINE = 2001  # points of a drawn curve


# A table.


def too_many_rows(run: View) -> str | None:
    """Why the rows cannot be written down; None if they can."""
    if not run.rows:
        return "no rows were kept"
    rows = next(iter(run.rows.values()))
    most = MOST_PAIRS if rows.outputs.shape[1] == 1 and run.classes else MOST_ROWS
    if len(rows) > most or not rows.all:
        return f"there are more than {most} rows to write down"
    if rows.outputs.shape[1] > MOST_OUTPUTS:
        return f"there are more than {MOST_OUTPUTS} outputs to write down"
    return None


def draw_outputs(run: View) -> "Figure":
    """Target and output of every training row; the rows of a long table in several blocks."""
    rows = next(iter(run.rows.values()))
    targets, outputs = run.coded(rows), rows.outputs
    count = outputs.shape[1]
    alone = run.data["task"] == "identity"  # there the target is the row itself
    blocks = -(-len(rows) // MOST_ROWS)
    high = -(-len(rows) // blocks)  # rows of a block
    wide = max(style.PANEL[0], (0.45 * count + 0.9) * (1 if alone else 2) + 0.5)
    wide = wide if blocks == 1 else BLOCK * blocks
    figure = style.canvas(wide, 0.27 * high + 1.1, *run.title)
    tables = (
        [("output", outputs)] if alone else [("ground truth", targets), ("prediction", outputs)]
    )
    limits = (min(0.0, float(targets.min())), max(float(targets.max()), 1e-9))
    names = distinct(output_names(run, count), 8) if count > 1 else []
    inputs = input_names(run, rows)
    axes = figure.subplots(1, blocks * len(tables), squeeze=False)[0].tolist()
    for number, ax in enumerate(axes):
        block, kind = divmod(number, len(tables))
        part, (title, values) = slice(block * high, (block + 1) * high), tables[kind]
        form = _number_form(title, values, count)
        heat(ax, values[part], form, [] if kind else inputs[part], names, limits=limits)
        ax.set_ylim(high - 0.5, -0.5)  # rows of all blocks have the same height
        ax.set_xlabel(title if blocks == 1 else title.removeprefix("ground "))
    axes[0].set_ylabel("input")
    return figure


def _number_form(title: str, values: Array, count: int) -> str:
    if title == "ground truth":
        return "{:.1f}" if (values % 1).any() else "{:g}"
    return "{:.2f}" if count == 1 else "{:.1f}"


def output_names(run: View, count: int) -> list[str]:
    """Names of the outputs; their numbers from 1 where they have none."""
    data = run.data
    names = data["class_names"] if count > 1 and data["class_names"] else data["target_names"]
    return names if len(names) == count else [str(number + 1) for number in range(count)]


# Points about the diagonal.


def _no_numbers(run: View) -> str | None:
    if run.data["kind"] != "regression":
        return "the targets are classes; confusion counts those"
    return None if run.rows else "no rows were kept"


def draw_targets(run: View) -> "Figure":
    """For each output the predictions against the targets, after the first epoch and the last."""
    rows = run.judged_rows
    if len(rows) > MOST_POINTS:
        rows = rows.take(np.linspace(0, len(rows) - 1, MOST_POINTS).astype(np.int64))
    moments = _moments(run, rows)
    count = rows.targets.shape[1]
    shown = min(count, MOST_PANELS)
    across, width = min(shown, 3), 1.0 if shown == 1 else 0.62
    down = -(-shown // across)
    figure, axes = style.panels(across, *run.title, rows=down, width=width, height=0.95)
    names = output_names(run, count)
    for output, ax in enumerate(axes[:shown]):
        truth = rows.targets[:, output]
        ends = [float(truth.min()), float(truth.max())]
        ax.plot(ends, ends, color=look().faint, linewidth=0.9, zorder=1)
        for number, (when, outputs) in enumerate(moments):
            _draw_cloud(ax, truth, outputs[:, output], number == len(moments) - 1, when)
        ax.set_xlabel(f"target {short_label(names[output], 14)}")
        ax.set_ylabel("prediction")
        ax.locator_params(nbins=5)
    for ax in axes[shown:]:
        ax.set_visible(False)
    more = f", the first {shown} of {count} outputs" if count > shown else ""
    legend_below(figure, axes[0], f"{PART_NAMES[rows.part]} rows{more}")
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


def _draw_cloud(ax: "Axes", truth: Array, outputs: Array, last: bool, when: str) -> None:
    reach = 3 * np.ptp(truth) + 1e-12
    inside = np.abs(outputs - truth.mean()) < 10 * reach  # an untrained network may be anywhere
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


# A curve.


def _no_curve(run: View) -> str | None:
    if run.data["kind"] != "regression":
        return "it is for a regression"
    if run.data["inputs"] != [1] or run.data["outputs"] != 1:
        return "it is for one input and one output"
    return None if run.rows else "no rows were kept"


def draw_fit(run: View) -> "Figure":
    """The samples, and the function that the network has become; dashed, what it was at first."""
    figure, (ax,) = style.panels(1, *run.title, width=1.3, height=1.15)
    xs = np.concatenate([rows.inputs[:, 0] for rows in run.rows.values()]).astype(float)
    grid = np.linspace(xs.min(), xs.max(), FINE)[:, None]
    ys = run.outputs(grid)[:, 0]
    colors = (look().faint, look().orange, look().ink)
    for (part, rows), marker, color in zip(run.rows.items(), MARKERS, colors, strict=False):
        label = f"{PART_NAMES[part]} rows"
        x, y = rows.inputs[:, 0], rows.targets[:, 0]
        dots(ax, x, y, marker=marker, markersize=2.6, color=color, label=label)
    if len(run.metrics.get("epoch", ())) > 1:
        first = run.outputs(grid, run.initial.values)[:, 0]
        ax.plot(grid[:, 0], first, color=look().sky, linestyle="--", linewidth=1, label=after(0))
    # A jump is no slope: most of the range between two of 2,000 points.
    ys[:-1][np.abs(np.diff(ys)) > 0.2 * (np.ptp(ys) or 1.0)] = np.nan
    ax.plot(grid[:, 0], ys, color=look().blue, linewidth=1.8, label=f"network {run.when}")
    ax.set_xlabel(short_label(next(iter(run.data["feature_names"]), "x"), 40))
    ax.set_ylabel(short_label(next(iter(run.data["target_names"]), "y"), 40))
    legend_below(figure, ax)
    return figure


FIGURES = {
    "outputs": Plot(
        "Outputs",
        "The output of the network for every row, beside the target.",
        too_many_rows,
        draw_outputs,
    ),
    "targets": Plot(
        "Prediction against target",
        "Every kept row, after the first epoch and at the end; right answers lie on the line.",
        _no_numbers,
        draw_targets,
    ),
    "fit": Plot(
        "Curve",
        "The samples, and the function that the network has become.",
        _no_curve,
        draw_fit,
    ),
}
