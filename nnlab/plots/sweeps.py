"""Figures of a sweep: all curves in one picture, the final numbers against the setting, a map."""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from nnlab.core.types import FloatArray
from nnlab.errors import NnlabError
from nnlab.plots import style
from nnlab.plots.curves import LARGEST, LOG_RANGE
from nnlab.plots.titles import SEPARATOR, setting
from nnlab.run.sweeps import SweepFolder, TrialRecord, label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

POINTS = 400  # epochs that a curve is drawn with: more are finer than a pixel
NAMED = 12  # curves that a legend can tell apart
LETTER = 0.026  # of a panel's width
FEW = 3  # values of a number that are told apart by unlike colours
DASHES = ("-", "--", "-.", ":")
NAMES = {"train": "training", "val": "validation", "test": "test"}
SMALLER_IS_BETTER = ("loss", "mae")


@dataclass(frozen=True)
class Cell:
    """One combination of settings and its trials, one a seed."""

    values: tuple[Any, ...]
    trials: tuple[TrialRecord, ...]

    @property
    def done(self) -> list[TrialRecord]:
        """The trials with a result."""
        return [trial for trial in self.trials if trial.done]


@dataclass(frozen=True)
class Study:
    """A sweep as the figures see it."""

    folder: SweepFolder

    @cached_property
    def about(self) -> dict[str, Any]:
        """sweep.yaml."""
        return self.folder.read_about()

    @cached_property
    def axes(self) -> list[Mapping[str, Any]]:
        """Each axis with its key and its values."""
        return [axis for axis in self.about["axes"] if len(axis.get("values", ())) > 0]

    @cached_property
    def keys(self) -> list[str]:
        """The settings that vary."""
        return [str(axis["key"]) for axis in self.axes]

    @cached_property
    def cells(self) -> list[Cell]:
        """The cells that have trials, in the order of the axes' values."""
        found: dict[str, list[TrialRecord]] = {}
        for trial in self.folder.records():
            if all(key in trial.cell for key in self.keys):
                values = [trial.cell[key] for key in self.keys]
                found.setdefault(repr(values), []).append(trial)
        cells = [
            Cell(tuple(trials[0].cell[key] for key in self.keys), tuple(trials))
            for trials in found.values()
        ]
        return sorted(cells, key=lambda cell: [self.place(i, v) for i, v in enumerate(cell.values)])

    def place(self, axis: int, value: Any) -> int:
        """Where a value stands among those of its axis."""
        values = self.axes[axis]["values"]
        return values.index(value) if value in values else len(values)

    @cached_property
    def tables(self) -> dict[str, dict[str, Any]]:
        """metrics.csv of every finished trial that has epochs."""
        done = [trial.name for cell in self.cells for trial in cell.done]
        found = {}
        for name in done:
            with suppress(NnlabError):  # a damaged table costs its trial, not the figure
                table = self.folder.trial(name).read_metrics(wanted=_is_drawn)
                if len(table.get("epoch", ())) > 1:
                    found[name] = table
        return found

    @cached_property
    def part(self) -> str:
        """The part of the data that the figures are about: validation rows where there are any."""
        watched = any("val_loss" in table for table in self.tables.values())
        return "val" if watched else "train"

    def part_name(self, part: str) -> str:
        """training, validation, or test where the test rows are what is watched."""
        data = self.about.get("base", {}).get("data", {})
        return "test" if part == "val" and data.get("validation") == "test" else NAMES[part]

    def words(self, values: Sequence[Any]) -> str:
        """A cell in the legend: 0.01, or with two axes: lr 0.01, hidden 3."""
        if len(self.keys) == 1:
            return label(values[0])
        return ", ".join(f"{k} {label(v)}" for k, v in zip(self.keys, values, strict=True))

    def head(self, figure: "Figure") -> None:
        """Title, setting, and the study's caption."""
        base = dict(self.about.get("base", {}))
        name = f"{self.about.get('name', self.folder.name)}: {' and '.join(self.keys)}"
        seeds = sorted({trial.seed or 0 for cell in self.cells for trial in cell.trials})
        if len(seeds) > 1:
            del base["seed"]
        base = _without(base, self.keys)
        parts = [setting(base, self.inputs if "network" in base else None)]
        if len(seeds) > 1:
            parts.append(f"{len(seeds)} seeds ({seeds[0]} to {seeds[-1]}): median and quartiles")
        caption = str(self.about.get("caption") or "")
        style.head(figure, name, SEPARATOR.join(filter(None, parts)), caption)

    @property
    def inputs(self) -> list[int] | None:
        """The shape of one row; None before a trial is done."""
        done = [trial.name for cell in self.cells for trial in cell.done]
        return self.folder.trial(done[0]).read_data().get("inputs") if done else None


def suits_curves(study: Study) -> bool:
    """Something was trained for at least one epoch, and not too many cells for one picture."""
    if not study.keys:  # a search by Optuna has no grid
        return False
    return bool(study.tables) and sum(bool(cell.done) for cell in study.cells) <= NAMED


def draw_curves(study: Study) -> "Figure":
    """Loss (and accuracy) over the epochs, a line a cell: the median, and the quartiles' band."""
    metric = next((m for m in ("accuracy", "r2") if _has(study, f"{study.part}_{m}")), None)
    quantities = ["loss", *([metric] if metric else [])]
    figure, axes = style.panels(len(quantities))
    study.head(figure)
    for ax, quantity in zip(axes, quantities, strict=True):
        _curves(ax, study, f"{study.part}_{quantity}")
        ax.set_xlabel("epoch")
        ax.set_ylabel(f"{_word(quantity)} ({study.part_name(study.part)})")
        _thousands(ax)
    axes[-1].legend(
        title=study.keys[0] if len(study.keys) == 1 else None,
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
    )
    return figure


def suits_final(study: Study) -> bool:
    """There is one axis, or one with numbers beside another with few values."""
    return len(study.keys) in (1, 2) and any(cell.done for cell in study.cells)


def draw_final(study: Study) -> "Figure":
    """The final numbers against the setting: a dot a seed, a line through the medians."""
    quantities = _final_names(study)
    figure, axes = style.panels(len(quantities))
    study.head(figure)
    for ax, quantity in zip(axes, quantities, strict=True):
        _final(ax, study, quantity)
        ax.set_xlabel(study.keys[0])
        part, _, name = quantity.partition("_")
        ax.set_ylabel(f"final {_word(name)} ({study.part_name(part)})")
    if len(study.keys) == 2:
        axes[-1].legend(title=study.keys[1], loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def suits_map(study: Study) -> bool:
    """Two axes with at least two values each."""
    return len(study.keys) == 2 and all(len(axis["values"]) > 1 for axis in study.axes)


def draw_map(study: Study) -> "Figure":
    """The final number of every combination of two settings as a colour, written in."""
    quantities = _final_names(study)
    rows, columns = (len(axis["values"]) for axis in study.axes)
    width = min(max(0.62 * columns / 4, 1.0), 2.5)
    figure, axes = style.panels(len(quantities), width=width)
    study.head(figure)
    for ax, quantity in zip(axes, quantities, strict=True):
        grid = np.full((rows, columns), np.nan)
        for cell in study.cells:
            row, column = (study.place(i, value) for i, value in enumerate(cell.values))
            if row < rows and column < columns and (found := _finals(cell, quantity)):
                grid[row, column] = np.median(found)
        part, _, name = quantity.partition("_")
        _map(ax, grid, name)
        _map_ticks(ax, study)
        ax.set_title(f"final {_word(name)} ({study.part_name(part)})")
    return figure


SWEEP_FIGURES: dict[str, tuple[Callable[[Study], bool], Callable[[Study], "Figure"]]] = {
    "curves": (suits_curves, draw_curves),
    "final": (suits_final, draw_final),
    "map": (suits_map, draw_map),
}


def _curves(ax: "Axes", study: Study, column: str) -> None:
    """One quantity over the epochs."""
    everything: list[FloatArray] = []
    for cell in study.cells:
        epochs, values = _stacked(study, cell, column)
        if not len(epochs):
            continue
        colour, dash = _look(study, cell)
        low, middle, high = _quartiles(values)
        ax.plot(epochs, middle, color=colour, linestyle=dash, label=study.words(cell.values))
        if len(values) > 1:
            ax.fill_between(epochs, low, high, color=colour, alpha=0.15, linewidth=0)
        everything += [low, middle, high]
    if everything:
        _scale(ax, np.concatenate(everything), column.partition("_")[2])


def _stacked(study: Study, cell: Cell, column: str) -> tuple[FloatArray, FloatArray]:
    """Epochs (k,) and values (seeds, k) of a cell's trials, thinned out; nan where one ended."""
    tables = [study.tables[trial.name] for trial in cell.done if trial.name in study.tables]
    tables = [table for table in tables if column in table]
    if not tables:
        return np.empty(0), np.empty((0, 0))
    length = max(len(table["epoch"]) for table in tables)
    stacked = np.full((len(tables), length), np.nan)
    for row, table in zip(stacked, tables, strict=True):
        values = np.asarray(table[column], dtype=np.float64)
        row[: len(values)] = np.where(np.abs(values) < LARGEST, values, np.nan)
    kept = np.unique(np.linspace(0, length - 1, POINTS).round().astype(int))
    longest = max(tables, key=lambda table: len(table["epoch"]))
    return np.asarray(longest["epoch"], dtype=np.float64)[kept], stacked[:, kept]


def _quartiles(values: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """25 %, 50 % and 75 % of each column of (seeds, k); nan where no seed has a number."""
    if len(values) == 1:
        return values[0], values[0], values[0]
    finite = np.isfinite(values)
    whole, some = finite.all(axis=0), finite.any(axis=0)
    found = np.full((3, values.shape[1]), np.nan)
    found[:, whole] = np.percentile(values[:, whole], [25, 50, 75], axis=0)
    for column in np.flatnonzero(some & ~whole):  # a trial had ended
        found[:, column] = np.nanpercentile(values[:, column], [25, 50, 75])
    return found[0], found[1], found[2]


def _final(ax: "Axes", study: Study, quantity: str) -> None:
    """Dots and medians; a second axis is a line of its own each."""
    values = study.axes[0]["values"]
    numeric = all(type(value) in (int, float) for value in values)
    places = [float(v) for v in values] if numeric else [float(i) for i in range(len(values))]
    groups = study.axes[1]["values"] if len(study.keys) == 2 else [None]
    logarithmic = numeric and log_spaced(places)
    shown: list[float] = []
    for number, group in enumerate(groups):
        colour, dash = _colour(number, groups), DASHES[number % len(DASHES)]
        middles = []
        for value, x in zip(values, places, strict=True):
            wanted = (value,) if group is None else (value, group)
            cells = [cell for cell in study.cells if cell.values == wanted]
            found = [number for cell in cells for number in _finals(cell, quantity)]
            shown += found
            middles.append(float(np.median(found)) if found else math.nan)
            if len(found) > 1:
                beside = _beside(x, len(found), places, logarithmic)
                ax.plot(beside, found, "o", color=colour, markersize=3.5, alpha=0.5,
                        markeredgewidth=0)  # fmt: skip
        line = dash if numeric else ""
        ax.plot(places, middles, color=colour, linestyle=line, marker="_", markersize=10,
                markeredgewidth=1.8, label=None if group is None else label(group))  # fmt: skip
    _final_axis(ax, values, places, logarithmic)
    if not numeric:
        ax.set_xlim(-0.5, len(values) - 0.5)
    _scale(ax, np.array(shown or [1.0]), quantity.partition("_")[2])


def _beside(x: float, count: int, places: Sequence[float], logarithmic: bool) -> FloatArray:
    """`count` places around x, so that equal numbers of several seeds are seen as several."""
    shift = np.linspace(-0.015, 0.015, count)
    if logarithmic:
        return x * (max(places) / min(places)) ** shift
    return x + shift * max(max(places) - min(places), 1.0)


def _final_axis(
    ax: "Axes", values: Sequence[Any], places: Sequence[float], logarithmic: bool
) -> None:
    """A tick at every value of a few; their names slanted where they would touch."""
    from matplotlib.ticker import FixedLocator, NullLocator

    if logarithmic:
        ax.set_xscale("log")
    if len(values) > NAMED:
        return
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_locator(FixedLocator(list(places)))
    texts = [label(value) for value in values]
    at = np.log(places) if logarithmic else np.array(places)
    gaps = np.abs(np.diff(at)) / max(float(np.ptp(at)), 1e-300)
    letters = [(len(one) + len(other)) / 2 for one, other in itertools.pairwise(texts)]
    touch = any(gap < LETTER * count for gap, count in zip(gaps, letters, strict=True))
    ax.set_xticklabels(texts, rotation=35 if touch else 0, ha="right" if touch else "center")


def log_spaced(values: Sequence[float]) -> bool:
    """Whether values grow by factors rather than by steps: 0.001, 0.01, 0.1, and not 2, 3, 5."""
    if len(values) < 3 or min(values) <= 0 or max(values) / min(values) < 10:
        return False
    ordered = np.sort(np.asarray(values))
    steps, ratios = np.diff(ordered), np.diff(np.log(ordered))
    return bool(ratios.std() / ratios.mean() < steps.std() / steps.mean())


def _final_names(study: Study) -> list[str]:
    """Which final numbers are drawn: the loss and the metric, of the test part if there is one."""
    done = [trial for cell in study.cells for trial in cell.done]
    part = "test" if any(trial.test for trial in done) else study.part
    if part != "test" and any(f"val_{name}" in t.final for t in done for name in ("loss",)):
        part = "val"
    found = [f"{part}_loss"]
    metrics = [f"{part}_accuracy", f"{part}_r2"]
    found += [name for name in metrics if any(_number(t, name) is not None for t in done)]
    return found[:2]


def _finals(cell: Cell, quantity: str) -> list[float]:
    """The final numbers of a cell's trials."""
    found = [_number(trial, quantity) for trial in cell.done]
    return [number for number in found if number is not None and abs(number) < LARGEST]


def _number(trial: TrialRecord, quantity: str) -> float | None:
    part, _, name = quantity.partition("_")
    value = trial.test.get(name) if part == "test" else trial.final.get(quantity)
    return float(value) if isinstance(value, int | float) else None


def _map(ax: "Axes", grid: FloatArray, name: str) -> None:
    """The colours, dark for what is good, and the numbers on them."""
    from matplotlib.colors import LogNorm, Normalize

    known = grid[np.isfinite(grid)]
    low, high = float(known.min(initial=np.inf)), float(known.max(initial=-np.inf))
    logarithmic = known.size and low > 0 and high / low > LOG_RANGE
    norm = LogNorm(low, high) if logarithmic else Normalize(low, high)
    good_is_small = name in SMALLER_IS_BETTER
    ax.imshow(grid, cmap="cividis_r" if not good_is_small else "cividis", norm=norm, aspect="auto")
    ax.grid(visible=False)
    for (row, column), value in np.ndenumerate(grid):
        text = f"{value:.3g}" if math.isfinite(value) else "–"
        share = float(np.asarray(norm(value))) if math.isfinite(value) else 0.5
        dark = share < 0.5 if good_is_small else share > 0.5
        colour = "white" if dark and math.isfinite(value) else style.INK
        if grid.size <= 150:
            ax.text(column, row, text, ha="center", va="center", fontsize=7, color=colour)


def _map_ticks(ax: "Axes", study: Study) -> None:
    down, across = study.axes
    ax.set_yticks(range(len(down["values"])), [label(value) for value in down["values"]])
    long = max(len(label(value)) for value in across["values"]) * len(across["values"]) > 36
    ax.set_xticks(range(len(across["values"])), [label(value) for value in across["values"]],
                  rotation=35 if long else 0, ha="right" if long else "center")  # fmt: skip
    ax.set_ylabel(study.keys[0])
    ax.set_xlabel(study.keys[1])


def _look(study: Study, cell: Cell) -> tuple[str, str]:
    """Colour and dashes of a cell's line: with two axes one tells the first, one the second."""
    first, *others = (study.place(axis, value) for axis, value in enumerate(cell.values))
    dash = DASHES[(others[0] if others else first) % len(DASHES)]
    return _colour(first, study.axes[0]["values"]), dash


def _colour(number: int, values: Sequence[Any]) -> str:
    """From light to dark for many numbers, else from the palette."""
    numeric = all(type(value) in (int, float) for value in values)
    if (numeric and len(values) > FEW) or len(values) > len(style.PALETTE):
        return style.ramp(number, len(values))
    return style.PALETTE[number % len(style.PALETTE)]


def _scale(ax: "Axes", values: FloatArray, quantity: str) -> None:
    finite = values[np.isfinite(values)]
    if quantity in ("accuracy", "r2"):
        lowest = max(-1.0, float(np.min(finite, initial=0.95)))
        room = 0.05 * (1 - lowest)
        ax.set_ylim(lowest - room, 1 + room)
    elif finite.size and finite.min() > 0 and finite.max() / finite.min() > LOG_RANGE:
        ax.set_yscale("log")
    else:
        ax.set_ylim(bottom=min(0.0, float(finite.min(initial=0.0))))


def _thousands(ax: "Axes") -> None:
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter

    ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))


def _word(quantity: str) -> str:
    return {"r2": "R²"}.get(quantity, quantity)


def _is_drawn(column: str) -> bool:
    return column == "epoch" or column.endswith(("_loss", "_accuracy", "_r2"))


def _has(study: Study, column: str) -> bool:
    return any(column in table for table in study.tables.values())


def _without(base: dict[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    """The base config without the settings that vary, which no title should claim."""
    names = {"lr": ("optimizer", "lr"), "momentum": ("optimizer", "momentum"),
             "learning_rate": ("optimizer", "lr"), "batch_size": ("training", "batch_size"),
             "epochs": ("training", "epochs")}  # fmt: skip
    for key in keys:
        path = names.get(key, tuple(key.split(".")))
        if path[0] in ("hidden", "depth", "activation", "network"):
            base.pop("network", None)
        elif len(path) == 1:
            base.pop(path[0], None)
        elif isinstance(base.get(path[0]), dict):
            base[path[0]] = {k: v for k, v in base[path[0]].items() if k != path[1]}
    return base
