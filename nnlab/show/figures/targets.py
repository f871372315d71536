"""Targets beside predictions: as a table of few rows, as points about the diagonal, as a curve."""

from typing import TYPE_CHECKING

import numpy as np

from nnlab.core.types import Array
from nnlab.show.figures import style
from nnlab.show.figures.axes import distinct, legend, short
from nnlab.show.figures.heat import heat, row_names
from nnlab.show.figures.palette import MARKERS
from nnlab.show.figures.plot import Plot
from nnlab.show.figures.style import look
from nnlab.show.figures.view import Rows, View, after

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
PART_NAMES = {"train": "training", "validation": "validation", "test": "test"}


# A table.


def unsuited_table(run: View) -> str | None:
    """Few rows and few outputs can be written down; of two classes with one output more rows."""
    if not run.parts:
        return "no rows were kept"
    rows = next(iter(run.parts.values()))
    most = MOST_PAIRS if rows.outputs.shape[1] == 1 and run.classes else MOST_ROWS
    if len(rows) > most or not rows.all:
        return f"there are more than {most} rows to write down"
    if rows.outputs.shape[1] > MOST_OUTPUTS:
        return f"there are more than {MOST_OUTPUTS} outputs to write down"
    return None


def draw_table(run: View) -> "Figure":
    """Target and output of every training row; the rows of a long table in several blocks."""
    rows = next(iter(run.parts.values()))
    targets, outputs = run.coded(rows), rows.outputs
    count = outputs.shape[1]
    alone = run.data["task"] == "identity"  # there the target is the row itself
    blocks = -(-len(rows) // MOST_ROWS)
    high = -(-len(rows) // blocks)  # rows of a block
    wide = max(style.PANEL[0], (0.45 * count + 0.9) * (1 if alone else 2) + 0.5)
    figure = style.canvas(wide if blocks == 1 else BLOCK * blocks, 0.27 * high + 1.1)
    style.head(figure, *run.title)
    shown = [("output", outputs)] if alone else [("ground truth", targets), ("prediction", outputs)]
    limits = (min(0.0, float(targets.min())), max(float(targets.max()), 1e-9))
    names = distinct(output_names(run, count), 8)
    inputs = row_names(run, rows)
    axes = figure.subplots(1, blocks * len(shown), squeeze=False)[0].tolist()
    for block in range(blocks):
        part = slice(block * high, (block + 1) * high)
        for number, (what, values) in enumerate(shown):
            ax = axes[block * len(shown) + number]
            form = "{:g}" if what == "ground truth" and not (values % 1).any() else "{:.1f}"
            form = "{:.2f}" if count == 1 and what != "ground truth" else form
            labels = [] if number else inputs[part]
            heat(ax, values[part], form, labels, names if count > 1 else [], limits=limits)
            ax.set_ylim(high - 0.5, -0.5)  # rows of all blocks are of one height
            ax.set_xlabel(what if blocks == 1 else what.removeprefix("ground "))
    axes[0].set_ylabel("input")
    return figure


def output_names(run: View, count: int) -> list[str]:
    """Names of the outputs; their numbers from 1 where they have none."""
    data = run.data
    names = data["class_names"] if count > 1 and data["class_names"] else data["target_names"]
    return names if len(names) == count else [str(number + 1) for number in range(count)]


TABLE = Plot(
    "Outputs",
    "What the network answers to every row, beside what it should answer.",
    unsuited_table,
    draw_table,
)


# Points about the diagonal.


def unsuited_targets(run: View) -> str | None:
    """Only numbers can be near their targets."""
    if run.data["kind"] != "regression":
        return "the targets are classes; confusion counts those"
    if not run.parts:
        return "no rows were kept"
    return None


def draw_targets(run: View) -> "Figure":
    """For each output the predictions against the targets, after the first epoch and the last."""
    rows = _few(run.judged or next(iter(run.parts.values())))
    moments = _moments(run, rows)
    targets = rows.targets
    count = targets.shape[1]
    shown = min(count, MOST_PANELS)
    across = min(shown, 3)
    figure, axes = style.panels(
        across, -(-shown // across), width=1.0 if shown == 1 else 0.62, height=0.95
    )
    style.head(figure, *run.title)
    names = output_names(run, count)
    for output, ax in enumerate(axes[:shown]):
        truth = targets[:, output]
        ends = [float(truth.min()), float(truth.max())]
        ax.plot(ends, ends, color=look().faint, linewidth=0.9, zorder=1)
        for number, (when, found) in enumerate(moments):
            _cloud(ax, truth, found[:, output], number == len(moments) - 1, when)
        ax.set_xlabel(f"target {short(names[output], 14)}")
        ax.set_ylabel("prediction")
        ax.locator_params(nbins=5)
    for ax in axes[shown:]:
        ax.set_visible(False)
    part = f"{PART_NAMES[rows.part]} rows"
    if count > shown:
        part += f", the first {shown} of {count} outputs"
    legend(figure, axes[0], part)
    return figure


def _few(rows: Rows) -> Rows:
    if len(rows) <= MOST_POINTS:
        return rows
    return rows.take(np.linspace(0, len(rows) - 1, MOST_POINTS).astype(np.int64))


def _moments(run: View, rows: Rows) -> list[tuple[str, Array]]:
    """Predictions after the first epoch (else before training), and the last ones."""
    last = (run.when, rows.outputs)
    epochs, values = run.snapshots
    if len(epochs) > 2 and epochs[1] == 1:
        return [(after(1), run.predict(rows.inputs, values[1])), last]
    if len(run.metrics.get("epoch", ())) > 1:
        return [(after(0), run.predict(rows.inputs, run.initial.values)), last]
    return [last]


def _cloud(ax: "Axes", truth: Array, found: Array, last: bool, when: str) -> None:
    reach = 3 * np.ptp(truth) + 1e-12
    inside = np.abs(found - truth.mean()) < 10 * reach  # an untrained network may be anywhere
    ax.plot(
        truth[inside],
        found[inside],
        linestyle="",
        marker="o" if last else "x",
        markersize=3.2,
        color=look().blue if last else look().orange,
        alpha=1.0 if len(truth) < 300 else 0.5,
        label=when,
        zorder=3 if last else 2,
    )


TARGETS = Plot(
    "Prediction against target",
    "Every kept row, after the first epoch and at the end; right answers lie on the line.",
    unsuited_targets,
    draw_targets,
)


# A curve.


def unsuited_fit(run: View) -> str | None:
    """One input and one output make a curve."""
    if run.data["kind"] != "regression":
        return "it is for a regression"
    if run.data["inputs"] != [1] or run.data["outputs"] != 1:
        return "it is for one input and one output"
    return None if run.parts else "no rows were kept"


def draw_fit(run: View) -> "Figure":
    """The samples, and the function that the network has become; faint, what it was at first."""
    figure, (ax,) = style.panels(1, width=1.3, height=1.15)
    style.head(figure, *run.title)
    xs = np.concatenate([rows.inputs[:, 0] for rows in run.parts.values()]).astype(float)
    grid = np.linspace(xs.min(), xs.max(), FINE)[:, None]
    ys = run.predict(grid)[:, 0]
    for number, (part, rows) in enumerate(run.parts.items()):
        ax.plot(
            rows.inputs[:, 0],
            rows.targets[:, 0],
            linestyle="",
            marker=MARKERS[number],
            markersize=2.6,
            color=(look().faint, look().orange, look().ink)[number],
            label=f"{PART_NAMES[part]} rows",
        )
    if len(run.metrics.get("epoch", ())) > 1:
        first = run.predict(grid, run.initial.values)[:, 0]
        ax.plot(grid[:, 0], first, color=look().sky, linestyle="--", linewidth=1, label=after(0))
    for place in _steps(grid[:, 0], ys):
        ys[place] = np.nan  # a jump is no slope
    ax.plot(grid[:, 0], ys, color=look().blue, linewidth=1.8, label=f"network {run.when}")
    data = run.data
    ax.set_xlabel(short(next(iter(data["feature_names"]), "x"), 40))
    ax.set_ylabel(short(next(iter(data["target_names"]), "y"), 40))
    legend(figure, ax)
    return figure


def _steps(x: Array, y: Array) -> Array:
    """Where a function jumps: most of its range between two of 2,000 points."""
    return np.flatnonzero(np.abs(np.diff(y)) > 0.2 * (np.ptp(y) or 1.0))


FIT = Plot(
    "Curve",
    "The samples, and the function that the network has become.",
    unsuited_fit,
    draw_fit,
)
