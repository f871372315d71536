"""The figure of a race: the paths on the contour lines, and the values over the steps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nnlab.core.types import FloatArray
from nnlab.errors import ConfigError, RunUnreadable
from nnlab.race.config import LANDSCAPE, Race, member_words, parse_race
from nnlab.race.folder import KIND, read_paths
from nnlab.race.landscapes import Domain, Landscape
from nnlab.run.folder import PATHS, RESOLVED, RunFolder
from nnlab.run.text import shown, unreadable
from nnlab.show.figures import style
from nnlab.show.figures.axes import (
    LARGEST,
    LOG_RANGE,
    count_axis,
    dots,
    draw_contours,
    finite_numbers,
    legend_below,
    literal,
)
from nnlab.show.figures.palette import DASHES, MARKERS
from nnlab.show.figures.plot import Plot
from nnlab.show.figures.style import look
from nnlab.show.figures.view import View
from nnlab.show.words import SEPARATOR

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GRID = 240  # points of the contour along each axis
LEVELS = 14
LOWEST_PART = 0.003  # of the area lies below the first level,
SMALLEST = 1e-9  # which is not below this part of the last one
SIZE = (9.4, 4.6)  # inches, without head and legend
FEW = 60  # steps up to which each is marked
ROUNDING = 1e-16  # of the largest value: smaller values are rounding errors
NOTHING = "\N{ZERO WIDTH SPACE}"


@dataclass(frozen=True)
class Trail:
    """The finite stops of a run, and its line style."""

    name: str
    steps: FloatArray
    x: FloatArray
    y: FloatArray
    values: FloatArray
    look: dict[str, Any]


def draw(run: View) -> "Figure":
    """The contour with all paths and the known minima; beside it the values over the steps.

    A ring is a start, a star a known minimum, the large symbol of a run its end.
    """
    race = race_of(run)
    paths = trails(run.folder, race)
    figure, (left, right) = style.panels(2)
    figure.set_size_inches(*SIZE)
    style.head(figure, race.name, race_setting(race))
    seen = contour(left, race.function, paths)
    for trail in paths:
        left.plot(trail.x, trail.y, **trail.look)
        heights = _height(race.function, trail.values)
        # matplotlib leaves out a label that begins with an underscore.
        label = f"{NOTHING * trail.name.startswith('_')}{literal(trail.name)}"
        right.plot(trail.steps, heights, label=label, **trail.look)
    _mark_points(left, race.function, paths)
    _scale_values(right, race.function, seen)
    legend_below(figure, [right, left], markerscale=0.8)
    return figure


def race_of(run: View) -> Race:
    """The race. Raises RunUnreadable in one line when resolved.yaml does not fit."""
    try:
        return parse_race(run.folder.read_text(RESOLVED), str(run.folder.path / RESOLVED))
    except ConfigError as error:
        raise RunUnreadable(shown(str(error).splitlines()[0])) from error


def end_values(run: View) -> str:
    """The last value of each run, for the alt text."""
    paths = trails(run.folder, race_of(run))
    return ", ".join(f"{trail.name} ends at {trail.values[-1]:.4g}" for trail in paths)


def race_setting(race: Race) -> str:
    """The function, the start if all runs share it, and the lowest value."""
    lowest, starts = race.function.lowest, {race.start_of(run) for run in race.runs}
    begin = [f"start ({x:g}, {y:g})" for x, y in starts] if len(starts) == 1 else []
    reach = "no minimum" if lowest is None else f"lowest value {lowest:.4g}"
    return SEPARATOR.join([member_words(LANDSCAPE, race.function), *begin, reach])


def trails(run: RunFolder, race: Race) -> list[Trail]:
    """The rows of paths.csv by run, without runs that have no row.

    Raises RunUnreadable where no run has a row.
    """
    table = read_paths(run, strict=True)
    columns = [finite_numbers(table[name]) for name in ("step", "x", "y", "value")]
    paths = []
    for number, runner in enumerate(race.runs):
        rows = np.asarray(table["run"]) == number
        if rows.any():
            steps, x, y, values = (column[rows] for column in columns)
            name, count = runner.name, len(steps)
            if count <= runner.steps:
                name += f" (diverged at step {count:,})"
            paths.append(Trail(name, steps, x, y, values, _line_look(number, count)))
    if not paths:
        raise unreadable(run.path / PATHS, "it has no row of any run")
    return paths


def _line_look(number: int, stops: int) -> dict[str, Any]:
    """Colour, marker and dashes of a run; runs differ also in grey."""
    palette = look().lines
    return {
        "color": palette[number % len(palette)],
        "linestyle": DASHES[number // len(palette) % len(DASHES)],
        "marker": MARKERS[number % len(MARKERS)],
        "markersize": 3.5,
        "markevery": 1 if stops <= FEW else (stops - 1, stops),
        "linewidth": 1.3,
    }


def shown_part(function: Landscape, paths: Sequence[Trail]) -> Domain:
    """The part that is drawn: the domain, all starts, and the paths near them."""
    sides: list[tuple[float, float]] = []
    for (low, high), axis in zip(function.domain, ("x", "y"), strict=True):
        reach = (high - low) / 2
        starts = [getattr(trail, axis)[0] for trail in paths]
        low, high = float(np.nanmin([low, *starts])), float(np.nanmax([high, *starts]))
        points = np.concatenate([getattr(trail, axis) for trail in paths])
        near = points[(points >= low - reach) & (points <= high + reach)]
        room = 0.03 * (high - low)
        lowest, highest = min([low, *near]), max([high, *near])
        sides.append(
            (low if lowest == low else lowest - room, high if highest == high else highest + room)
        )
    return sides[0], sides[1]


def contour(ax: "Axes", function: Landscape, paths: Sequence[Trail]) -> tuple[float, float]:
    """Draw the function in greys, low is light; its smallest and largest value."""
    xs, ys = (np.linspace(low, high, GRID) for low, high in shown_part(function, paths))
    x, y = np.meshgrid(xs, ys)
    with np.errstate(all="ignore"):
        values = np.nan_to_num(function.value(x, y), nan=LARGEST).clip(-LARGEST, LARGEST)
    steps = levels(values, function.lowest)
    _, lines = draw_contours(ax, x, y, values, steps)
    outer = steps[len(steps) // 2 :: 2]  # near a minimum there is no room for numbers
    # Two digits, and no power of ten: 890, 1.8, 180000.
    ax.clabel(lines, outer, fontsize=6, fmt=lambda v: f"{float(f'{v:.2g}'):g}", colors=look().ink)
    ax.set(xlabel="x", ylabel="y")
    return float(values.min()), float(values.max())


def levels(values: FloatArray, lowest: float | None) -> FloatArray:
    """Heights of the contour lines: dense near a minimum; even where there is none."""
    if lowest is None:
        return np.linspace(values.min(), values.max(), LEVELS)
    above = values - lowest
    first, last = float(np.quantile(above, LOWEST_PART)), float(above.max())
    heights = np.geomspace(max(first, last * SMALLEST), last, LEVELS)
    return np.unique(lowest + np.array([0.0, *heights]))


def _mark_points(ax: "Axes", function: Landscape, paths: Sequence[Trail]) -> None:
    """Draw starts, then known minima, then ends."""
    edge: dict[str, Any] = {"markeredgecolor": look().ink}
    starts = np.array(sorted({(trail.x[0], trail.y[0]) for trail in paths}))
    ring: dict[str, Any] = {"marker": "o", "markersize": 10, "markerfacecolor": "none"} | edge
    dots(ax, starts[:, 0], starts[:, 1], label="start", zorder=4, clip_on=False, **ring)
    if function.minima:
        name = "known minimum" if len(function.minima) == 1 else "known minima"
        star: dict[str, Any] = {"marker": "*", "markersize": 16, "markerfacecolor": look().paper}
        x, y = np.array(function.minima).T
        dots(ax, x, y, label=name, zorder=5, **star, **edge)
    for trail in paths:
        end = {key: trail.look[key] for key in ("color", "marker")}
        end |= {"markeredgecolor": look().paper, "markersize": 7}
        dots(ax, trail.x[-1:], trail.y[-1:], zorder=6, **end)


def _height(function: Landscape, values: FloatArray) -> FloatArray:
    """The values of the second panel: above the lowest value, where there is one."""
    return values if function.lowest is None else values - function.lowest


def _scale_values(ax: "Axes", function: Landscape, seen: tuple[float, float]) -> None:
    """Set scale and labels of the second panel; its top is that of the contour."""
    heights = np.concatenate([np.asarray(line.get_ydata(), np.float64) for line in ax.lines])
    positive = heights[heights > 0]
    lowest, highest = _height(function, np.array(seen))
    if function.lowest is None:
        ax.set_ylim(max(np.nanmin(heights), lowest), min(np.nanmax(heights), highest))
    elif len(positive) and positive.max() > LOG_RANGE * positive.min():
        ax.set_yscale("log", nonpositive="mask")
        top = min(positive.max(), highest)
        ax.set_ylim(max(positive.min(), top * ROUNDING) / 1.5, top * 1.5)
    count_axis(ax, "step")
    ax.set_ylabel("value" if function.lowest is None else "value above the lowest minimum")


FIGURES = {
    "landscape": Plot(
        "The race of the optimizers",
        "Paths over the contour lines of the function, and its value at every step.",
        lambda run: None if len(read_paths(run.folder).get("step", ())) else "no step was made",
        draw,
        end_values,
        kind=KIND,
        early=True,
    )
}
