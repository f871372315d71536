"""A sweep as its figures see it: cells with their trials, and what varies."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from nnlab.config.overrides import ALIASES
from nnlab.core import columns
from nnlab.core.metrics import METRICS
from nnlab.core.types import cached_property
from nnlab.errors import NnlabError
from nnlab.run.folder import DATA
from nnlab.run.folder import METRICS as METRICS_TABLE
from nnlab.run.sweeps import SweepFolder, TrialRecord, placing
from nnlab.show.figures import style
from nnlab.show.figures.axes import LARGEST
from nnlab.show.figures.mpl import Figure
from nnlab.show.words import SEPARATOR, Trained, cell_name, setup_line, short_value


@dataclass(frozen=True)
class Cell:
    """One combination of settings and its trials, one per seed."""

    values: tuple[Any, ...]
    trials: list[TrialRecord]

    @property
    def done(self) -> list[TrialRecord]:
        """The trials with a result."""
        return [trial for trial in self.trials if trial.done]


@dataclass(frozen=True)
class SweepView:
    """What figures ask of a sweep's folder; each file is read once."""

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
        groups: dict[str, Cell] = {}
        for trial in self.folder.records():
            if all(key in trial.cell for key in self.keys):
                values = tuple(trial.cell[key] for key in self.keys)
                groups.setdefault(repr(values), Cell(values, [])).trials.append(trial)
        return sorted(groups.values(), key=self.places)

    @property
    def done(self) -> list[TrialRecord]:
        """The trials with a result, cell by cell."""
        return [trial for cell in self.cells for trial in cell.done]

    @cached_property
    def _places(self) -> Callable[[Mapping[str, Any]], list[int]]:
        return placing(self.axes)

    def places(self, cell: Cell) -> list[int]:
        """The place of each of a cell's values on its axis."""
        return self._places(dict(zip(self.keys, cell.values, strict=True)))

    @cached_property
    def tables(self) -> dict[str, dict[str, Any]]:
        """metrics.csv of every finished trial that has epochs."""
        tables = {}
        for trial in self.done:
            with suppress(NnlabError):  # a damaged table costs its trial, not the figure
                table = self.folder.trial(trial.name).read_table(METRICS_TABLE, wanted=_is_drawn)
                if len(table.get("epoch", ())) > 1:
                    tables[trial.name] = table
        return tables

    @cached_property
    def part(self) -> str:
        """The part of the data that the figures show: validation rows where there are any."""
        return columns.watched_part(name for table in self.tables.values() for name in table)

    def part_name(self, part: str) -> str:
        """What the rows of a part are called: training, validation, test."""
        return columns.row_names(self.about.get("base", {}))[part]

    @cached_property
    def several(self) -> bool:
        """Whether a cell has more than one run: several seeds."""
        return any(len(cell.trials) > 1 for cell in self.cells)

    def cell_text(self, cell: Cell) -> str:
        """A cell in the legend: 0.01, or with two axes: lr 0.01, hidden 3."""
        if len(self.keys) == 1:
            return short_value(cell.values[0])
        return cell_name(dict(zip(self.keys, cell.values, strict=True)))

    @property
    def title(self) -> tuple[str, str, str]:
        """Name, setting, and the sweep's caption, which a page shows itself."""
        name = f"{self.about.get('name', self.folder.name)}: {' and '.join(self.keys)}"
        caption = str(self.about.get("caption") or "") if style.look().heading else ""
        return name, self.setting, caption

    @property
    def setting(self) -> str:
        """What all trials share, in a line."""
        base = dict(self.about.get("base", {}))
        seeds = sorted({trial.seed or 0 for cell in self.cells for trial in cell.trials})
        if len(seeds) > 1:
            del base["seed"]
        base = _without(base, self.keys)
        trained = [Trained(t.epochs, t.status) for t in self.done if t.epochs is not None]
        parts = [setup_line(base, self.inputs if "network" in base else None, trained)]
        if len(seeds) > 1:
            parts.append(f"{len(seeds)} seeds ({seeds[0]} to {seeds[-1]}): median and quartiles")
        return SEPARATOR.join(filter(None, parts))

    @property
    def inputs(self) -> list[int] | None:
        """The shape of one row; None before a trial is done."""
        done = self.done
        return self.folder.trial(done[0].name).read_json(DATA).get("inputs") if done else None

    def final_names(self) -> list[str]:
        """The final values to draw: loss and metrics, of the test part if there is one."""
        done = self.done
        watched = columns.watched_part(name for trial in done for name in trial.final)
        part = columns.TEST if any(trial.test for trial in done) else watched
        metrics = [columns.name(part, name) for name in METRICS]
        known = [name for name in metrics if any(final_value(t, name) is not None for t in done)]
        return [columns.name(part, columns.LOSS), *known]

    def finals(self, values: tuple[Any, ...], quantity: str) -> list[float]:
        """The final values of the trials of a cell."""
        trials = [trial for cell in self.cells if cell.values == values for trial in cell.done]
        finals = [final_value(trial, quantity) for trial in trials]
        return [value for value in finals if value is not None and abs(value) < LARGEST]


@dataclass(frozen=True)
class SweepPlot:
    """A kind of figure of a sweep.

    captions: a sentence for a sweep with one run per setting, and for one with several seeds.
    """

    title: str
    captions: tuple[str, str]
    suits: Callable[[SweepView], bool]
    painter: Callable[[SweepView], Figure]

    def draw_if_suited(self, sweep: SweepView) -> Figure | None:
        """The figure; None where it does not suit this sweep."""
        return self.painter(sweep) if self.suits(sweep) else None

    def caption(self, sweep: SweepView) -> str:
        """The sentence that suits this sweep."""
        return self.captions[sweep.several]


def final_value(trial: TrialRecord, quantity: str) -> float | None:
    """A final value by part and name: train_loss, test_accuracy."""
    part, name = columns.split(quantity)
    value = trial.test.get(name) if part == columns.TEST else trial.final.get(quantity)
    return float(value) if isinstance(value, int | float) else None


def _is_drawn(column: str) -> bool:
    return column == "epoch" or columns.split(column)[0] != ""


def _without(base: dict[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    """The base config without the settings that vary, which no title should claim."""
    for key in keys:
        path = ALIASES.get(key, key).split(".")
        if path[0] in ("hidden", "depth", "activation", "network"):
            base.pop("network", None)
        elif len(path) == 1:
            base.pop(path[0], None)
        elif isinstance(base.get(path[0]), dict):
            base[path[0]] = {k: v for k, v in base[path[0]].items() if k != path[1]}
    return base
