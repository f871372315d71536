"""The loss around the path of training, in the plane of the path's two principal directions.

Li, Xu, Taylor, Studer, Goldstein: Visualizing the loss landscape of neural nets (2018), section 7.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from nnlab.core import columns
from nnlab.core.random import Purpose, generator
from nnlab.core.types import Array, FloatArray, IntArray
from nnlab.engine import blas
from nnlab.run.rows import SavedRows
from nnlab.show.figures import style
from nnlab.show.figures.axes import (
    LARGEST,
    choose_scale,
    color_bar,
    compact,
    dots,
    draw_contours,
    finite_numbers,
    is_log,
    legend_below,
    quantity_label,
    recorded_epochs_axis,
)
from nnlab.show.figures.mpl import Axes, Figure
from nnlab.show.figures.plot import Plot
from nnlab.show.figures.probe import (
    LossOfRows,
    filter_normalised,
    principal_axes,
    rows_within_limit,
    rows_words,
    too_expensive,
)
from nnlab.show.figures.style import look
from nnlab.show.figures.view import View
from nnlab.show.words import after

SIDES = (41, 31, 21, 15)  # places along an axis: as many as can be afforded
MOST_ROWS = 256
MOST_PARAMETERS = 1_000_000
ROOM = 0.25  # of the path's extent, on each side
LEVELS = 14
HIGHEST = 30.0  # times the highest loss of the path: what is above has one shade
DECADES = 1e-6  # of the highest level: what is below has one shade
APART = 0.28  # inches between two numbers of epochs
NO_MOVEMENT = 1e-12  # of the weights' own size


@dataclass(frozen=True, eq=False)
class LossPlane:
    """The plane origin + a axes[0] + b axes[1] through the last weights, and the loss in it.

    batch_norm takes the mean and variance of the rows at each place: its running ones belong to
    the weights that they were trained with.

    axes (2, P): perpendicular; of length 1, but for a random one. shares: of the path's variance,
    one per principal axis. path (k, 2): the places of the recorded weights, seen from above.
    at_weights, at_places (k,): the loss at the recorded weights, and below them in the plane.
    a, b (side,) and losses (side, side): the grid; b counts rows.
    """

    epochs: IntArray
    axes: FloatArray
    shares: FloatArray
    path: FloatArray
    at_weights: FloatArray
    at_places: FloatArray
    a: FloatArray
    b: FloatArray
    losses: FloatArray
    rows: SavedRows


def _no_path(run: View) -> str | None:
    network = run.latest_network
    if not 0 < network.theta.size <= MOST_PARAMETERS:
        return f"it is for up to {MOST_PARAMETERS:,} parameters; here are {network.theta.size:,}"
    if "train" not in run.rows:
        return "no training rows are saved"
    epochs, values = run.moments
    if len(epochs) < 2:
        return "the weights of fewer than two epochs are saved"
    if not len(principal_axes(values)[0]):
        return "training did not move the weights"
    return None if _grid(run) else too_expensive(SIDES[-1] ** 2)


def _grid(run: View) -> tuple[int, SavedRows] | None:
    """Places along an axis, and rows; None where even a coarse grid is too expensive."""
    for side in SIDES:
        rows = rows_within_limit(run, run.rows["train"], side * side, MOST_ROWS)
        if rows is not None:
            return side, rows
    return None


def loss_plane(run: View) -> LossPlane:
    """The plane of the path, with the loss at each place of a grid and along the path."""
    side, rows = _grid(run) or (SIDES[-1], run.rows["train"])
    loss = LossOfRows(run, rows, own_statistics=True)
    epochs, values = run.moments
    values = values[:, : run.latest_network.theta.size]  # (k, P)
    axes, shares = principal_axes(values)
    origin = values[-1].astype(np.float64)
    if len(axes) == 1:
        drawn = filter_normalised(run, origin, generator(run.config.seed, Purpose.FIGURE))
        axes = np.stack([axes[0], drawn - (drawn @ axes[0]) * axes[0]])
    lengths = (axes**2).sum(axis=1)
    path = (values - origin) @ axes.T / np.where(lengths > 0, lengths, 1.0)  # (k, 2)
    a, b = (np.linspace(*_reach(along, len(shares) < 2), side) for along in path.T)
    with blas.one_thread():  # for so few rows threads would only wait for each other
        grid = np.stack([[loss(origin + x * axes[0] + y * axes[1]) for x in a] for y in b])
        below = np.array([loss(origin + place @ axes) for place in path])
        at = np.array([loss(row) for row in values])
    return LossPlane(epochs, axes, shares, path, at, below, a, b, grid, rows)


def _reach(along: FloatArray, is_line: bool) -> tuple[float, float]:
    """The ends of an axis: around the path; from -1 to 1 in a random direction."""
    low, high = float(along.min()), float(along.max())
    if is_line and high - low < NO_MOVEMENT * max(1.0, abs(high)):
        return -1.0, 1.0
    room = ROOM * (high - low)
    return low - room, high + room


def heights_between(losses: FloatArray, path: FloatArray) -> FloatArray:
    """The losses at which contour lines are drawn, of a grid and of a path."""
    finite = np.concatenate([losses[np.isfinite(losses)], path[np.isfinite(path)]])
    low, highest = float(finite.min()), float(path[np.isfinite(path)].max(initial=0.0))
    high = min(float(finite.max()), HIGHEST * highest) if highest > 0 else float(finite.max())
    if not low < high:
        return np.array([low - 0.5, low + 0.5])
    if is_log(np.array([low, high])):
        return np.geomspace(max(low, DECADES * high), high, LEVELS)
    return np.linspace(low, high, LEVELS)


def draw_loss_path(run: View) -> Figure:
    """The plane with the path; beside it the loss over the epochs, at the weights and below."""
    plane = run.once(loss_plane)
    figure, (left, right) = style.panels(2, *run.title, _formula(run, plane), height=1.1)
    _draw_plane(left, run, plane)
    at, below = finite_numbers(plane.at_weights), finite_numbers(plane.at_places)
    line: dict[str, Any] = {"label": "at the recorded weights", "color": look().blue}
    right.plot(plane.epochs, at, marker="o", markersize=3, **line)
    line = {"label": "at their places in the plane", "color": look().orange, "linestyle": "--"}
    right.plot(plane.epochs, below, marker="s", markersize=3, **line)
    both = np.concatenate([at, below])
    choose_scale(right, both, is_log(both, look().scale))
    recorded_epochs_axis(right, plane.epochs)
    right.set_ylabel(quantity_label(columns.LOSS, run.settings))
    legend_below(figure, [left, right])
    return figure


def _draw_plane(ax: Axes, run: View, plane: LossPlane) -> None:
    losses = np.nan_to_num(finite_numbers(plane.losses), nan=LARGEST)
    heights = heights_between(losses, plane.at_weights)
    areas, _ = draw_contours(ax, plane.a, plane.b, losses, heights)
    bar = color_bar(areas, ax, ticks=heights[:: max(1, len(heights) // 5)])
    bar.ax.set_yticklabels([compact(height, 2) for height in bar.get_ticks()])
    bar.set_label(quantity_label(columns.LOSS, run.settings))
    x, y = plane.path.T
    ax.plot(x, y, color=look().blue, marker="o", markersize=3.2, label="recorded epochs", zorder=3)
    edge: dict[str, Any] = {"markeredgecolor": look().ink, "zorder": 4}
    first = after(int(plane.epochs[0]))
    dots(ax, x[:1], y[:1], marker="s", markersize=7, color=look().sky, label=first, **edge)
    last = after(int(plane.epochs[-1]))
    dots(ax, x[-1:], y[-1:], marker="*", markersize=12, color=look().orange, label=last, **edge)
    _number_epochs(ax, plane)
    shares = [f"{share:.3g} %" for share in 100 * plane.shares]
    ax.set_xlabel(f"direction 1: {shares[0]} of the variance")
    second = "direction 2: random, filter-normalised"
    ax.set_ylabel(f"direction 2: {shares[1]} of it" if len(shares) > 1 else second)
    ax.locator_params(nbins=5)


def _number_epochs(ax: Axes, plane: LossPlane) -> None:
    """The number of an epoch above its place, wherever it is far enough from the others."""
    from matplotlib.patheffects import withStroke

    size = np.array(style.PANEL) * 0.75  # inches, about: without labels and colour bar
    extent = np.array([np.ptp(plane.a), np.ptp(plane.b)])
    places = (plane.path - [plane.a[0], plane.b[0]]) / extent * size
    taken: list[Array] = []
    last = len(places) - 1
    around = [withStroke(linewidth=2, foreground=look().paper)]
    for number in (0, last, *range(1, last)):
        epoch, place, (x, y) = plane.epochs[number], places[number], plane.path[number]
        if all(np.abs(place - other).max() > APART for other in taken):
            taken.append(place)
            above = (0, 7 if number in (0, last) else 4)
            text = ax.annotate(f"{epoch:,}", (x, y), above, textcoords="offset points", zorder=5)
            text.set(fontsize=7, ha="center", va="bottom", path_effects=around)


def _formula(run: View, plane: LossPlane) -> str:
    """What is drawn, how the directions were found, and on which rows."""
    count = len(plane.epochs)
    if len(plane.shares) > 1:
        found = f"d₁ and d₂: principal directions of the weights of {count} recorded epochs"
    else:
        found = (
            "d₁: from the first weights to the last; d₂: random, each filter as long as that of w"
        )
    total = f"{100 * plane.shares.sum():.3g} % of their variance lies in the plane"
    rows = rows_words(run, plane.rows)
    if run.latest_network.moving:
        rows += ", of which batch_norm takes the mean and variance at each place"
    return (
        f"L(w + a d₁ + b d₂) with the last weights w, on {rows}. {found}; {total} (Li et al. 2018)."
    )


def _path_details(run: View) -> str:
    plane = run.once(loss_plane)
    shares = " and ".join(f"{100 * share:.3g} %" for share in plane.shares)
    return (
        f"the loss at the weights goes from {plane.at_weights[0]:.4g} to "
        f"{plane.at_weights[-1]:.4g}; {shares} of the variance of the path lies along the axes"
    )


FIGURES = {
    "loss_path": Plot(
        "Loss along the path of training",
        "The loss in the plane of the two directions along which the weights moved most, with the "
        "recorded epochs; beside it how much the loss in the plane differs from the real one.",
        _no_path,
        draw_loss_path,
        _path_details,
        on_request=True,
    )
}
