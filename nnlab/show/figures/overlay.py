"""The learning curves of several runs in one figure, each called by what sets it apart."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nnlab.config.problems import show as quoted
from nnlab.core import columns
from nnlab.core.types import FloatArray
from nnlab.errors import NnlabError, RunUnreadable
from nnlab.run.folder import RunFolder
from nnlab.show.figures import style
from nnlab.show.figures.axes import legend, quantity_label, short, show, whole_numbers
from nnlab.show.figures.curves import line, note, unsuited
from nnlab.show.figures.drawing import Drawn, Form, files, save
from nnlab.show.figures.palette import DASHES
from nnlab.show.figures.scales import finite_numbers
from nnlab.show.figures.style import look
from nnlab.show.figures.view import View
from nnlab.show.words import Trained, run_title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_LABELS = 20  # lines in the legend
KEYS = 3  # settings that a line is called by


def draw_overlay(
    runs: Sequence[RunFolder], parent: Path, form: Form | None = None, out: Path | None = None
) -> Drawn:
    """Draw `curves` of several runs into `out`, else into `parent`/compare-<hash of their names>.

    A run that cannot be read costs a warning. Raises RunUnreadable when none can, StorageError.
    """
    readable, warnings = [], []
    for run in map(View, runs):
        if run.run_kind is not None:
            name = quoted(run.folder.name)
            warnings.append(f"A run is left out: {name} is a {run.run_kind}, which has no curves.")
            continue
        try:
            _ = run.metrics, run.settings  # all that `draw` reads of a run
        except NnlabError as error:
            warnings.append(f"A run is left out: {error}")
        else:
            readable.append(run)
    place = out or folder_of(runs, parent)
    paths = [
        save(None, name, data, place)
        for name, data in files("curves", lambda: draw(readable), form or Form())
    ]
    return Drawn(tuple(paths), tuple(warnings))


def folder_of(runs: Sequence[RunFolder], parent: Path) -> Path:
    """Where a comparison of these runs goes: the same runs always find the same folder."""
    together = "\0".join(run.name for run in runs).encode("utf-8", "replace")
    return parent / f"compare-{hashlib.sha256(together).hexdigest()[:6]}"


def draw(runs: Sequence[View], quantities: Sequence[str] = ()) -> "Figure":
    """The quantities (default: the first four) of every run that has finished an epoch.

    Raises RunUnreadable when there is none.
    """
    shown = [run for run in runs if unsuited(run) is None]
    if not shown:
        raise RunUnreadable("None of these runs has finished an epoch, so there are no curves.")
    names = list(quantities) or columns.quantities(n for run in shown for n in run.metrics)[:4]
    labels = run_labels([run.settings for run in shown], [run.folder.name for run in shown])
    figure, axes = style.panels(len(names), height=1.15)
    trained = [one for run in shown for one in run.trained]
    style.head(figure, *heading([run.settings for run in shown], trained))
    for ax, quantity in zip(axes, names, strict=True):
        _lines(ax, quantity, shown, labels)
        ax.set_xlabel("epoch")
        ax.set_ylabel(_axis(quantity, shown))
    told = [_note(shown), note(axes)]
    legend(figure, axes[0], "; ".join(filter(None, told)))
    return figure


def _lines(ax: "Axes", quantity: str, runs: Sequence[View], labels: Sequence[str]) -> None:
    """Training thin where there is a validation part to look at, else alone."""
    every = [_columns(run, quantity) for run in runs]
    values = [values for lines in every for values in lines.values()]
    show(ax, np.concatenate([np.empty(0), *values]), quantity)
    for number, (run, lines, name) in enumerate(zip(runs, every, labels, strict=True)):
        epochs = finite_numbers(run.metrics["epoch"])
        colour = look().lines[number % len(look().lines)]
        dash = DASHES[number % len(DASHES)]  # 7 colours and 4 dashes: 28 lines differ
        for part, found in lines.items():
            if part == columns.TRAIN and columns.VAL in lines:
                thin: dict[str, Any] = {"color": colour, "linewidth": 0.7, "alpha": 0.6}
                ax.plot(epochs, found, linestyle=dash, **thin)
            else:
                known = short(name, 40) if number < MOST_LABELS else None
                line(ax, epochs, found, color=colour, linestyle=dash, label=known)
    whole_numbers(ax)


def _columns(run: View, quantity: str) -> dict[str, FloatArray]:
    """The values of a quantity by part, train and val."""
    return {
        part: finite_numbers(run.metrics[name])
        for part in columns.WATCHED
        if (name := columns.name(part, quantity)) in run.metrics
    }


def _axis(quantity: str, runs: Sequence[View]) -> str:
    """The label that all runs share; different losses are just "loss"."""
    found = {quantity_label(quantity, run.settings) for run in runs}
    return found.pop() if len(found) == 1 else quantity


def _note(runs: Sequence[View]) -> str:
    watched = any(columns.watched_part(run.metrics) == columns.VAL for run in runs)
    note = "thick: validation, thin: training" if watched else "training"
    more = len(runs) - MOST_LABELS
    return f"{note}; {more} more runs have no name here" if more > 0 else note


def heading(
    configs: Sequence[Mapping[str, Any]], trained: Sequence[Trained] = ()
) -> tuple[str, str]:
    """The experiment's name where they share it, and the setting as far as they do."""
    names = list(dict.fromkeys(str(config.get("name")) for config in configs))
    name = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    shared = {
        key: value for key, value in configs[0].items() if all(c.get(key) == value for c in configs)
    }
    return short(name, 80), run_title("", shared, None, trained)[1] or f"{len(configs)} runs"


def run_labels(configs: Sequence[Mapping[str, Any]], folders: Sequence[str]) -> list[str]:
    """A name for each run: the settings that differ, else the folder."""
    settings = [flat(config) for config in configs]
    keys = list(dict.fromkeys(key for one in settings for key in one))
    # Two values that are equal as text are one: a list can be no member of a set.
    apart = [key for key in keys if len({repr(one.get(key)) for one in settings}) > 1]
    told = [key for key in apart if key != "name"] or apart
    if len(told) > KEYS:
        told = ["name"] if "name" in apart else []
    names = [", ".join(_called(key, one.get(key)) for key in told) for one in settings]
    if len(set(names)) < len(names):
        tails = [folder[-6:] for folder in folders]
        names = [f"{name} {tail}".strip() for name, tail in zip(names, tails, strict=True)]
    return [name.replace("'", "") for name in names]


def _called(key: str, value: Any) -> str:
    """The last part of a setting's path and its value: lr 0.1. A name stands alone."""
    last = key.rpartition(".")[2]
    return quoted(value) if last == "name" else f"{last} {quoted(value)}"


def flat(settings: Any, path: str = "") -> dict[str, Any]:
    """Every setting by its dotted path, without the named sweeps."""
    if isinstance(settings, list) and settings and all(isinstance(s, Mapping) for s in settings):
        settings = dict(enumerate(settings))
    if not isinstance(settings, Mapping):
        return {path: settings}
    inner: dict[str, Any] = {}
    for key, value in settings.items():
        if path or key != "sweeps":
            inner |= flat(value, f"{path}.{key}".strip("."))
    return inner
