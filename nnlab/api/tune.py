"""A search for good settings: `nnlab.tune`."""

import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

from nnlab.api.arguments import CountOf, checks_arguments
from nnlab.api.find import AnyConfig, AnyPath, as_texts, read_request, require_path
from nnlab.api.progress import choose_display
from nnlab.api.results import Columns, ShownResult, columns_of
from nnlab.api.trained_run import TrainedRun, run_on_rows
from nnlab.api.training import returning_on_interrupt
from nnlab.config.dump import in_words
from nnlab.config.given_rows import given_memory
from nnlab.data.memory import Memory
from nnlab.experiment.provide import provide_data, provide_kernels
from nnlab.run.names import runs_folder
from nnlab.run.sweeps import SweepFolder
from nnlab.show.text_tables import format_records
from nnlab.show.words import percent, setting_value
from nnlab.study.plan import open_folder, report_stop, require_own
from nnlab.study.search import Search
from nnlab.study.space import Tuning, prepare_tuning

Row = Mapping[str, Any]


@checks_arguments
def tune(
    config: AnyConfig,
    search: AnyPath | Mapping[str, object],
    *,
    data: Any = None,
    trials: CountOf = 20,
    prune: bool = True,
    runs: AnyPath | None = None,
    name: str | None = None,
    retry_failed: bool = False,
    progress: bool | None = None,
    **overrides: object,
) -> "FinishedSearch":
    """Search for good settings with Optuna, up to `trials` trials with those of earlier calls.

    search: a file, or {"lr": {"low": 1e-4, "high": 1, "log": True}, "hidden": [2, 4]}. `data` is as
    for `train`. The other arguments are the command's options. Ctrl+C saves all and returns the
    search as it is; the same call continues it. Raises ConfigError, DataError, UsageError.
    """
    display = choose_display(progress)
    if isinstance(search, Mapping):
        space = in_words(search)
    else:
        space = Path(require_path(search, "a search is a file, or a mapping of settings"))
    config, rows, settings = read_request(config, data, overrides)
    changes = tuple(as_texts(settings))
    tuning = prepare_tuning(config, changes, space, name, prune, tuple(sys.argv), rows)
    folder = SweepFolder(runs_folder(runs) / tuning.name)
    done: list[dict[str, Any]] = []
    with returning_on_interrupt(display):
        run_search(tuning, folder, trials, retry_failed, display.tell, done.append)
    if rows is not None or not isinstance(config, str | PathLike):
        done[0]["command"] = None  # a command needs a file
    return FinishedSearch(done[0], given_memory(tuning.base.config))


def run_search(
    tuning: Tuning,
    folder: SweepFolder,
    trials: int,
    retry: bool,
    tell: Callable[[str], None],
    finish: Callable[[dict[str, Any]], None],
) -> None:
    """Run the missing trials. `finish` gets the results, also those of a search that is stopped.

    Raises Interrupted, after all is saved, on Ctrl+C and SIGTERM.
    """
    require_own(folder, tuning.about)
    provide_data(tuning.base.config, tell)
    provide_kernels(tuning.end_configs(), tell)
    with open_folder(folder, tuning.about):
        study = Search(tuning, folder, retry)
        for note in study.notes:
            tell(note)
        done = len(study.records)
        tell(f"{tuning.name}: {done:,} done, {max(trials - done, 0):,} to run")
        try:
            with report_stop(folder, trials, lambda: len(study.records)):
                for row in study.run(trials):
                    tell(_trial_line(row, tuning.metric))
        finally:
            finish(study.results())
        folder.write_summary([axis.key for axis in tuning.dimensions], folder.records())


def _trial_line(row: Row, metric: str) -> str:
    cell = ", ".join(f"{key}={setting_value(value, 4)}" for key, value in row["cell"].items())
    if row["value"] is not None:
        result = f"{metric} {row['value']:.4g}"
    elif row["reason"] is not None:
        result = f"failed: {row['reason']}"
    else:
        result = f"{row['ended']} at epoch {row['epochs']:,}"
    return f"{row['number']}: {cell}: {result}"


@dataclass(frozen=True, repr=False)
class FinishedSearch(ShownResult):
    """The trials of a search, and the best of them; `results` is what --json prints."""

    results: dict[str, Any]
    memory: Memory | None = field(default=None, compare=False)  # the rows that the call gave

    def to_dict(self) -> dict[str, Any]:
        return self.results

    @property
    def trials(self) -> list[Row]:
        """All trials: number, run, cell, how it ended, epochs, value."""
        trials: list[Row] = self.results["trials"]
        return trials

    @property
    def best(self) -> TrainedRun | None:
        """The run of the best trial; None without a result."""
        number = self.results["best"]
        if number is None:
            return None
        path = Path(self.results["folder"]) / self.trials[number - 1]["run"]
        return run_on_rows(path, self.memory)

    @property
    def failed(self) -> int:
        """How many trials have no result because they failed."""
        return sum(row["ended"] == "failed" for row in self.trials)

    @property
    def table(self) -> Columns:
        """A row per trial: its number, run, settings, end, epochs and value of the metric."""
        return columns_of([self._row(row, row["cell"]) for row in self.trials])

    def _row(self, row: Row, cell: Mapping[str, Any]) -> dict[str, Any]:
        about = {"trial": row["number"], "run": row["run"], **cell}
        ended = {"ended": str(row["ended"]), "epochs": row["epochs"]}
        return {**about, **ended, self.results["metric"]: row["value"]}

    def __str__(self) -> str:
        metric, best = self.results["metric"], self.results["best"]
        cells = [
            {key: setting_value(value, 4) for key, value in row["cell"].items()}
            for row in self.trials
        ]
        rows = [self._row(row, cell) for row, cell in zip(self.trials, cells, strict=True)]
        parts = [format_records(rows)] if rows else []
        if importances := self.results["importances"]:
            shares = ", ".join(f"{key} {percent(share)}" for key, share in importances.items())
            parts.append(f"Share of the differences explained by each setting: {shares}")
        if best is None:
            parts.append("No trial ended with a result.")
        else:
            value = self.trials[best - 1]["value"]
            command = shlex.join(self.results["command"] or ())
            repeat = f" To repeat it:\n{command}" if command else ""
            parts.append(f"Best: trial {best}, {metric} {value:.4g}.{repeat}")
        return "\n\n".join([*parts, f"Saved in {self.results['folder']}"])
