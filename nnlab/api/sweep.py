"""One config with many settings: `nnlab.sweep` and its result."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import asdict, astuple, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from annotated_types import Ge, Gt

from nnlab.api.arguments import CountOf, checks_arguments
from nnlab.api.find import AnyConfig, AnyPath, as_axes, as_texts, find_sweep, read_request
from nnlab.api.html import card
from nnlab.api.progress import choose_display
from nnlab.api.results import Columns, ShownResult, columns_of
from nnlab.api.trained_run import TrainedRun, run_on_rows
from nnlab.api.training import returning_on_interrupt
from nnlab.config.given_rows import given_memory
from nnlab.core import columns
from nnlab.data.memory import Memory
from nnlab.errors import RunUnreadable
from nnlab.experiment.provide import provide_data, provide_kernels
from nnlab.run.names import runs_folder
from nnlab.run.sweeps import SweepFolder, TrialRecord
from nnlab.run.text import mapping_or_empty, shown
from nnlab.show.figures.palette import Scale
from nnlab.show.figures.plot import draw_inline
from nnlab.show.figures.sweep_plots import cell_curve, draw_sweep, require_sweep_plot
from nnlab.show.figures.sweep_view import SweepView
from nnlab.show.page import Report, report_sweep
from nnlab.show.text_tables import Cell, format_columns, format_records, spread_texts
from nnlab.show.words import axis_value, cell_name, count
from nnlab.status import Status
from nnlab.study import plan
from nnlab.study.execute import Executor, Note, choose_executor
from nnlab.study.folds import FoldMean, fold_means
from nnlab.study.results import CellRow, cell_rows
from nnlab.study.trial import Begun, Outcome, Trial

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_FAILED = 50  # trials without a result that are listed
Watch = Callable[
    [Sequence[Trial], SweepFolder], AbstractContextManager[Callable[[Begun | Outcome], None]]
]


@checks_arguments
def sweep(
    config: AnyConfig,
    axes: str | Sequence[str] | Mapping[str, Sequence[object]],
    *,
    data: Any = None,
    seeds: CountOf = 1,
    folds: Annotated[int, Ge(2)] | None = None,
    repeats: CountOf = 1,
    random: CountOf | None = None,
    jobs: CountOf | None = None,
    timeout: Annotated[float, Gt(0)] | None = None,
    memory: CountOf | None = None,
    runs: AnyPath | None = None,
    name: str | None = None,
    retry_failed: bool = False,
    plots: bool = False,
    progress: bool | None = None,
    **overrides: object,
) -> "TrainedSweep":
    """Train a config once per value of an axis; with several axes, per combination.

    `axes` is {"lr": [0.1, 0.01]}, or a text as for the command, "lr=0.1,0.01", or the name of a
    study of the config, or several texts. `data` is as for `train`. The other arguments are the
    command's options: seeds repeats each cell, folds and repeats are of the axis "fold", a
    cross-validation, random takes so many cells, timeout is in seconds, memory in bytes. The same
    call trains only what is missing.

    A trial that fails or diverges does not stop the others; see `records`. Ctrl+C saves the states
    of all trials and returns the sweep as it is. Raises UsageError, ConfigError, DataError.
    """
    texts = as_axes(axes)
    config, rows, settings = read_request(config, data, overrides)
    wanted = plan.prepare_sweep(
        *(texts, config, as_texts(settings), seeds, random, name, True, tuple(sys.argv), rows),
        folds=folds,
        repeats=repeats,
    )
    folder = SweepFolder(runs_folder(runs) / wanted.name)
    display = choose_display(progress)
    plan.require_own(folder, wanted.about)
    provide_data(wanted.base, display.tell)
    todo = plan.read_progress(wanted, folder, retry_failed).todo
    runner = choose_executor(todo, wanted.base, jobs, timeout, memory)
    provide_kernels((trial.config for trial in todo), display.tell)
    with returning_on_interrupt(display), _without_script():
        train_trials(wanted, folder, runner, retry_failed, display.trials, display.tell)
    result = TrainedSweep(folder.path, len(wanted.trials), given_memory(wanted.base))
    folder.write_summary(result.keys, result.records)
    if plots:
        draw_sweep(folder)
    return result


def train_trials(
    wanted: plan.Sweep,
    folder: SweepFolder,
    runner: Executor,
    retry: bool,
    watch: Watch,
    tell: Callable[[str], None],
) -> None:
    """Run the missing trials. Raises Interrupted, after all is saved, on Ctrl+C and SIGTERM."""
    with plan.open_folder(folder, wanted.about):
        progress = plan.read_progress(wanted, folder, retry)
        for trial in (*progress.stale, *progress.failed):
            folder.discard(trial.name)
        with (
            plan.report_stop(
                folder,
                len(wanted.trials),
                lambda: len(plan.read_progress(wanted, folder).done),
            ),
            watch(progress.todo, folder) as see,
            closing(runner.run(progress.todo, folder.path)) as events,
        ):
            for event in events:
                if isinstance(event, Note):
                    tell(event.text)
                else:
                    see(event)


@contextmanager
def _without_script() -> Iterator[None]:
    """Hides the user's script: a new process would run it again, and need nothing of it."""
    main = sys.modules["__main__"]
    before = {key: getattr(main, key, None) for key in ("__file__", "__spec__")}
    for key in before:
        setattr(main, key, None)
    try:
        yield
    finally:
        for key, value in before.items():
            setattr(main, key, value)


@dataclass(frozen=True, repr=False)
class TrainedSweep(ShownResult):
    """A sweep, read from its folder at each call; `nnlab.Sweep`."""

    path: Path
    trials: int | None = field(default=None, compare=False)  # that the call asked for
    memory: Memory | None = field(default=None, compare=False)  # the rows that the call gave

    @classmethod
    def load(cls, sweep: AnyPath, runs: AnyPath | None = None) -> "TrainedSweep":
        """A sweep by its folder or name. Raises RunUnreadable."""
        folder = find_sweep(str(sweep), runs)
        if folder is None:
            raise RunUnreadable(f"There is no sweep {shown(str(sweep))}.")
        return cls(folder.path)

    @property
    def folder(self) -> SweepFolder:
        """The files."""
        return SweepFolder(self.path)

    @property
    def axes(self) -> list[dict[str, Any]]:
        """Each axis: its key and values."""
        axes: list[dict[str, Any]] = self.folder.read_about()["axes"]
        return axes

    @property
    def keys(self) -> list[str]:
        """The settings that vary."""
        return [str(axis["key"]) for axis in self.axes]

    @property
    def records(self) -> list[TrialRecord]:
        """All trials: cell, seed, status, numbers."""
        return self.folder.records()

    @property
    def cells(self) -> list[CellRow]:
        """A row per cell: its settings, and median and quartiles of each number over the seeds."""
        return cell_rows(self.records, self.axes)

    @property
    def folds(self) -> list[FoldMean]:
        """The means over the folds of a cross-validation, per setting of the other axes."""
        folds = mapping_or_empty(self.folder.read_about()["base"].get("data")).get("folds")
        return fold_means(self.records, self.axes, folds) if isinstance(folds, int) else []

    @property
    def runs(self) -> list[TrainedRun]:
        """The run of each trial that was begun."""
        return [run_on_rows(self.path / name, self.memory) for name in self.folder.trials()]

    @property
    def status(self) -> str:
        """running, failed where a trial failed, interrupted where trials are missing, completed."""
        records = self.records
        if any(record.status is Status.RUNNING for record in records):
            return "running"
        if any(record.status.lost for record in records):
            return "failed"
        wanted = len(records) if self.trials is None else self.trials
        done = sum(record.done for record in records)
        return "completed" if done == len(records) >= wanted else "interrupted"

    def __str__(self) -> str:
        return f"{self._head}\n\n{self.text}\n\n{self.path}"

    @property
    def text(self) -> str:
        """The tables that the command prints: cells, means of folds, trials without a result."""
        records = self.records
        cells = _cells_table(self.cells, self.keys) if records else "no trial has begun"
        return f"{cells}{_folds_table(self.folds)}{_failed_table(records)}"

    @property
    def _head(self) -> str:
        records = self.records
        done = sum(record.done for record in records)
        trials = count(max(len(records), self.trials or 0), "trial")
        return f"{self.path.name}: {self.status}, {done:,} of {trials} done"

    def _repr_html_(self) -> str:
        view = SweepView(self.folder)
        column = columns.name(view.part, columns.LOSS)
        curves = {}
        for cell in view.cells:
            epochs, quartiles = cell_curve(view, cell, column)
            curves[view.cell_text(cell)] = (epochs, quartiles[1])
        lines = [f"{', '.join(self.keys)}: median over the seeds", str(self.path)]
        return card(self._head, lines, column, curves)

    @property
    def table(self) -> Columns:
        """A row per trial: the axes, seed, status, and its numbers."""
        rows = [
            {**record.cell, "seed": record.seed, "status": str(record.status)}
            | {"epochs": record.epochs, "seconds": record.seconds}
            | {name: v for name, v in record.final.items() if columns.split(name)[0]}
            | columns.named(columns.TEST, record.test)
            for record in self.records
        ]
        return columns_of(rows, self.keys)

    def to_dict(self) -> dict[str, Any]:
        """The folder, axes, cells and trials, as --json prints them."""
        trials = [{**asdict(record), "done": record.done} for record in self.records]
        cells = [asdict(cell) for cell in self.cells]
        folds = {"folds": list(map(asdict, means))} if (means := self.folds) else {}
        answer = {"folder": str(self.path), "axes": self.axes, "cells": cells, "trials": trials}
        return answer | folds

    @checks_arguments
    def plot(
        self, name: str = "curves", *, dark: bool = False, scale: Scale | None = None
    ) -> "Figure":
        """A figure of the sweep, "curves", "final" or "map", as a Figure that is shown inline.

        Raises UsageError for an unknown name and for a figure that does not suit the sweep.
        """
        view = SweepView(self.folder)
        return draw_inline(require_sweep_plot(name, view).painter, view, dark, scale)

    def report(self) -> Report:
        """The page of `nnlab report`: shown inline, and `.save(path)` writes it."""
        return report_sweep(self.folder, self.path / "report.html")


def _cells_table(rows: Sequence[CellRow], keys: Sequence[str]) -> str:
    """A row per cell; with several seeds the numbers are medians and quartiles."""
    repeated = any(row.trials > 1 for row in rows)
    trials = {"trials": [row.trials for row in rows]} if repeated else {}
    failed = {"failed": failures} if any(failures := [row.failed for row in rows]) else {}
    columns = _settings_of(rows, keys) | trials | failed | _numbers_of(rows, repeated)
    note = "\nNumbers: median (quartiles) over the seeds." if repeated else ""
    return format_columns(columns) + note


def _numbers_of(rows: Sequence[CellRow], repeated: bool) -> dict[str, Sequence[Cell]]:
    """The medians of each number by its name, with quartiles where seeds are repeated."""
    columns: dict[str, Sequence[Cell]] = {}
    for name in dict.fromkeys(name for row in rows for name in row.numbers):
        spreads = [row.numbers.get(name) for row in rows]
        if repeated:
            columns[name] = spread_texts([None if s is None else astuple(s) for s in spreads])
        else:
            columns[name] = [None if s is None else s.median for s in spreads]
    return columns


def _settings_of(
    rows: Sequence[CellRow | FoldMean], keys: Iterable[str]
) -> dict[str, Sequence[Cell]]:
    """A column per setting that varies."""
    return {key: [axis_value(row.cell.get(key)) for row in rows] for key in keys}


def _folds_table(means: Sequence[FoldMean]) -> str:
    """A row per setting with means over its folds, below an empty line; '' for one fold."""
    if not any(mean.intervals for mean in means):
        return ""
    columns = _settings_of(means, means[0].cell)
    columns["folds"] = [mean.folds for mean in means]
    for name in dict.fromkeys(name for mean in means for name in mean.means):
        columns[name] = spread_texts([mean.spread(name) for mean in means])
    return f"\n\n{format_columns(columns)}\nNumbers: mean (95 % interval) over the folds."


def _failed_table(records: Sequence[TrialRecord]) -> str:
    """The trials without a result, with the reasons, below an empty line; '' for none."""
    failed = [record for record in records if not record.done]
    if not failed:
        return ""
    rows: list[dict[str, Cell]] = [
        {
            "trial": trial.name,
            "cell": cell_name(trial.cell),
            "seed": trial.seed,
            "status": trial.status,
            "reason": (trial.reason or "").split("\n")[0],
        }
        for trial in failed[:MOST_FAILED]
    ]
    more = f"\nand {len(failed) - MOST_FAILED:,} more" if len(failed) > MOST_FAILED else ""
    return f"\n\n{format_records(rows)}{more}"
