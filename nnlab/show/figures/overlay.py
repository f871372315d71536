"""The learning curves of several runs in one figure, each named by what sets it apart."""

import hashlib
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from nnlab.config.problems import shown_value as quoted
from nnlab.core import columns
from nnlab.errors import NnlabError, RunUnreadable
from nnlab.run.folder import RunFolder
from nnlab.run.settings import dotted, training_settings
from nnlab.show.figures import style
from nnlab.show.figures.axes import count_axis, legend_below, quantity_label, scale_y, short_label
from nnlab.show.figures.curves import draw_line, no_epoch, part_curves, smoothing_note
from nnlab.show.figures.mpl import Axes, Figure
from nnlab.show.figures.palette import DASHES
from nnlab.show.figures.plot import Drawn, FigureForm, figure_files, save_figure
from nnlab.show.figures.style import look
from nnlab.show.figures.view import View, view
from nnlab.show.words import Trained, count, run_title

MOST_LABELS = 20  # lines in the legend
KEYS = 3  # settings in the name of a line


def draw_overlay(
    folders: Sequence[RunFolder],
    parent: Path,
    form: FigureForm | None = None,
    out: Path | None = None,
) -> Drawn:
    """Draw `curves` of several runs into `out`, else into `parent`/compare-<hash of their names>.

    A run that cannot be read costs a warning. Raises RunUnreadable when none can, StorageError.
    """
    readable, warnings = [], []
    for run in map(view, folders):
        try:
            if run.run_kind is not None:
                raise RunUnreadable(f"{quoted(run.name)} is a {run.run_kind}, which has no curves.")
            _ = run.metrics, run.settings  # all that is drawn of a run
            readable.append(run)
        except NnlabError as error:
            warnings.append(f"A run is left out: {error}")
    place = out or comparison_folder(folders, parent)
    files = figure_files("curves", lambda: draw_runs(readable), form)
    return Drawn(tuple(save_figure(place, *file) for file in files), tuple(warnings))


def comparison_folder(folders: Sequence[RunFolder], parent: Path) -> Path:
    """The folder for a comparison of these runs: always the same for the same runs."""
    together = "\0".join(folder.name for folder in folders).encode("utf-8", "replace")
    return parent / f"compare-{hashlib.sha256(together).hexdigest()[:6]}"


def draw_runs(runs: Sequence[View], quantities: Sequence[str] = ()) -> Figure:
    """The quantities (default: the first four) of every run that has finished an epoch.

    Raises RunUnreadable when there is none.
    """
    runs = [run for run in runs if no_epoch(run) is None]
    if not runs:
        raise RunUnreadable("None of these runs has finished an epoch, so there are no curves.")
    known = chain.from_iterable(run.metrics for run in runs)
    names = list(quantities) or columns.quantities(known)[:4]
    figure, axes = style.panels(len(names), *_shared_title(runs), height=1.15)
    for ax, quantity in zip(axes, names, strict=True):
        _draw_lines(ax, quantity, runs)
        labels = {quantity_label(quantity, run.settings) for run in runs}
        ax.set_ylabel(quantity if len(labels) > 1 else labels.pop())
    legend_below(figure, axes[:1], "; ".join(filter(None, [_note(runs), smoothing_note(axes)])))
    return figure


def _draw_lines(ax: Axes, quantity: str, runs: Sequence[View]) -> None:
    """Training thin where there is a validation part to look at, else alone."""
    curves = [part_curves(run.metrics, quantity) for run in runs]
    names = run_labels([run.settings for run in runs], [run.name for run in runs])
    everything = chain.from_iterable(map(dict.values, curves))
    scale_y(ax, np.concatenate([np.empty(0), *(y for _, y in everything)]), quantity)
    for number, (parts, name) in enumerate(zip(curves, names, strict=True)):
        color = look().lines[number % len(look().lines)]
        dash = DASHES[number % len(DASHES)]  # 7 colours and 4 dashes: 28 lines differ
        for part, curve in parts.items():
            if part == columns.TRAIN and columns.VAL in parts:
                ax.plot(*curve, linestyle=dash, color=color, linewidth=0.7, alpha=0.6)
            else:
                label = short_label(name, 40) if number < MOST_LABELS else None
                draw_line(ax, *curve, color=color, linestyle=dash, label=label)
    count_axis(ax, "epoch")


def _note(runs: Sequence[View]) -> str:
    watched = any(columns.watched_part(run.metrics) == columns.VAL for run in runs)
    note = "thick: validation, thin: training" if watched else "training"
    more = len(runs) - MOST_LABELS
    return f"{note}; {count(more, 'more run')} without a name here" if more > 0 else note


def _shared_title(runs: Sequence[View]) -> tuple[str, str]:
    """The names of the experiments, and the setting as far as they share it."""
    names = list(dict.fromkeys(str(run.settings.get("name")) for run in runs))
    name = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    shared = {
        key: value
        for key, value in runs[0].settings.items()
        if all(run.settings.get(key) == value for run in runs)
    }
    trained: list[Trained] = list(chain.from_iterable(run.trained for run in runs))
    setting = run_title("", shared, None, trained)[1]
    return short_label(name, 80), setting or f"{len(runs)} runs"


def run_labels(configs: Sequence[Mapping[str, Any]], folders: Sequence[str]) -> list[str]:
    """A name for each run: a few settings that differ, else its name, else the folder."""
    settings = [dotted(training_settings(config)) for config in configs]
    chosen = _naming_settings(differing_settings(settings))
    names = [", ".join(_setting_text(key, run.get(key)) for key in chosen) for run in settings]
    if len(set(names)) < len(names):
        pairs = zip(names, folders, strict=True)
        names = [f"{name} {folder[-6:]}".strip() for name, folder in pairs]
    return [name.replace("'", "") for name in names]


def _naming_settings(differing: list[str]) -> list[str]:
    """The settings that name a line: a few that differ, else the name."""
    settings = [key for key in differing if key != "name"] or differing
    return settings if len(settings) <= KEYS else [key for key in differing if key == "name"]


def differing_settings(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """The settings that are not the same everywhere, in their order."""
    keys = dict.fromkeys(key for run in settings for key in run)
    # Values are compared as text: a list cannot be a member of a set.
    return [key for key in keys if len({repr(run.get(key)) for run in settings}) > 1]


def _setting_text(key: str, value: Any) -> str:
    """The last part of a setting's path and its value: lr 0.1. A name stands alone."""
    last = key.rpartition(".")[2]
    return quoted(value) if last == "name" else f"{last} {quoted(value)}"
