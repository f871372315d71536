"""A sweep as its figures see it: cells with their trials, what varies, and how lines look."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from nnlab.core import columns
from nnlab.core.metrics import METRICS, label_of
from nnlab.errors import NnlabError
from nnlab.run.sweeps import SweepFolder, TrialRecord, places
from nnlab.show.figures import style
from nnlab.show.figures.axes import LARGEST
from nnlab.show.words import SEPARATOR, Trained, axis_value, setup_line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAMED = 12  # curves or values that can be told apart by name
FEW = 3  # values of a number that are told apart by unlike colours
DASHES = ("-", "--", "-.", ":")


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
        return sorted(cells, key=self.places)

    def places(self, cell: Cell) -> list[int]:
        """Where a cell's values stand among those of each axis."""
        return places(dict(zip(self.keys, cell.values, strict=True)), self.axes)

    @cached_property
    def tables(self) -> dict[str, dict[str, Any]]:
        """metrics.csv of every finished trial that has epochs."""
        done = [trial.name for cell in self.cells for trial in cell.done]
        found = {}
        for name in done:
            with suppress(NnlabError):  # a damaged table costs its trial, not the figure
                table = self.folder.trial(name).read_table("metrics.csv", wanted=_is_drawn)
                if len(table.get("epoch", ())) > 1:
                    found[name] = table
        return found

    @cached_property
    def part(self) -> str:
        """The part of the data that the figures are about: validation rows where there are any."""
        return columns.watched_part(name for table in self.tables.values() for name in table)

    def part_name(self, part: str) -> str:
        """training, validation, or test where the test rows are what is watched."""
        return columns.row_names(self.about.get("base", {}))[part]

    @cached_property
    def several(self) -> bool:
        """Whether a cell has more than one run: several seeds."""
        return any(len(cell.trials) > 1 for cell in self.cells)

    def words(self, values: Sequence[Any]) -> str:
        """A cell in the legend: 0.01, or with two axes: lr 0.01, hidden 3."""
        if len(self.keys) == 1:
            return axis_value(values[0])
        return ", ".join(f"{k} {axis_value(v)}" for k, v in zip(self.keys, values, strict=True))

    def head(self, figure: "Figure") -> None:
        """Title, setting, and the study's caption."""
        name = f"{self.about.get('name', self.folder.name)}: {' and '.join(self.keys)}"
        caption = str(self.about.get("caption") or "") if style.look().heading else ""
        style.head(figure, name, self.setting, caption)

    @property
    def setting(self) -> str:
        """What all trials share, in a line."""
        base = dict(self.about.get("base", {}))
        seeds = sorted({trial.seed or 0 for cell in self.cells for trial in cell.trials})
        if len(seeds) > 1:
            del base["seed"]
        base = _without(base, self.keys)
        trained = [
            Trained(trial.epochs, trial.status)
            for cell in self.cells
            for trial in cell.done
            if trial.epochs is not None
        ]
        parts = [setup_line(base, self.inputs if "network" in base else None, trained)]
        if len(seeds) > 1:
            parts.append(f"{len(seeds)} seeds ({seeds[0]} to {seeds[-1]}): median and quartiles")
        return SEPARATOR.join(filter(None, parts))

    @property
    def inputs(self) -> list[int] | None:
        """The shape of one row; None before a trial is done."""
        done = [trial.name for cell in self.cells for trial in cell.done]
        return self.folder.trial(done[0]).read_json("data.json").get("inputs") if done else None


def tint(number: int, values: Sequence[Any]) -> str:
    """From light to dark for many numbers, else from the palette."""
    numeric = all(type(value) in (int, float) for value in values)
    if (numeric and len(values) > FEW) or len(values) > len(style.look().lines):
        return style.ramp(number, len(values))
    return style.look().lines[number % len(style.look().lines)]


def word(quantity: str) -> str:
    """What an axis calls a column of metrics.csv without the part in front."""
    return label_of(quantity)


def final_names(study: Study) -> list[str]:
    """Which final numbers are drawn: loss and metrics, of the test part if there is one."""
    done = [trial for cell in study.cells for trial in cell.done]
    final = columns.watched_part(name for trial in done for name in trial.final)
    part = columns.TEST if any(trial.test for trial in done) else final
    metrics = [columns.name(part, name) for name in METRICS]
    known = [name for name in metrics if any(number(t, name) is not None for t in done)]
    return [columns.name(part, columns.LOSS), *known]


def finals(cell: Cell, quantity: str) -> list[float]:
    """The final numbers of a cell's trials."""
    found = [number(trial, quantity) for trial in cell.done]
    return [number for number in found if number is not None and abs(number) < LARGEST]


def number(trial: TrialRecord, quantity: str) -> float | None:
    """A final number by the part and its name: train_loss, test_accuracy."""
    part, name = columns.split(quantity)
    value = trial.test.get(name) if part == columns.TEST else trial.final.get(quantity)
    return float(value) if isinstance(value, int | float) else None


def _is_drawn(column: str) -> bool:
    return column == "epoch" or columns.split(column)[0] != ""


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
