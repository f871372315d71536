"""A race of optimizers on a function of two numbers: `nnlab.descend`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nnlab.api.arguments import checks_arguments
from nnlab.api.find import AnyPath, as_overrides, require_path
from nnlab.api.results import ShownResult
from nnlab.config.dump import in_words
from nnlab.race.config import LANDSCAPE, load_race
from nnlab.race.figure import FIGURES
from nnlab.race.folder import ends, read_paths
from nnlab.race.page import report_race
from nnlab.race.run import Result, run_race
from nnlab.run.folder import RunFolder
from nnlab.run.names import runs_folder
from nnlab.show.figures import View
from nnlab.show.figures.plot import draw_each, draw_inline, require_suited
from nnlab.show.page import Report
from nnlab.show.text_tables import format_records
from nnlab.show.words import count, duration

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@checks_arguments
def descend(
    config: AnyPath | Mapping[str, object],
    *,
    runs: AnyPath | None = None,
    name: str | None = None,
    plots: bool = False,
    **overrides: object,
) -> "DescendedRace":
    """Let optimizers race on a function; each step is in the folder's paths.csv.

    `config` is a path, the name of a shipped race, or a mapping in the words of the YAML file.
    Overrides as for `train`: lr, steps. Raises ConfigError, StorageError.
    """
    if isinstance(config, Mapping):
        form = in_words(config)
    else:
        form = require_path(config, "a race is a path, the name of a shipped race, or a mapping")
        form = form if isinstance(form, str) else Path(form)
    loaded = load_race(form, as_overrides(overrides))
    race = DescendedRace(run_race(loaded, runs_folder(runs), name=name))
    if plots:
        draw_each(FIGURES, race.folder)
    return race


@dataclass(frozen=True, repr=False)
class DescendedRace(ShownResult):
    """A finished race; `status` is "diverged" if all its runs diverged."""

    result: Result

    @property
    def folder(self) -> RunFolder:
        """The files."""
        return self.result.folder

    @property
    def path(self) -> Path:
        """The run folder."""
        return self.folder.path

    @property
    def status(self) -> str:
        """completed or diverged."""
        return self.result.status

    @property
    def summary(self) -> Mapping[str, Any]:
        """The lowest value of the function, and the end of each run."""
        return self.result.summary

    @property
    def table(self) -> dict[str, NDArray[Any]]:
        """paths.csv by column: a row per step of each run."""
        return {name: np.asarray(column) for name, column in read_paths(self.folder).items()}

    @checks_arguments
    def plot(self, name: str = "landscape", *, dark: bool = False) -> "Figure":
        """The figure of all paths, shown inline. Raises UsageError for an unknown name."""
        run = View(self.path)
        return draw_inline(require_suited(name, FIGURES, run).painter, run, dark)

    def report(self) -> Report:
        """The page of `nnlab report`: shown inline, and `.save(path)` writes it."""
        return report_race(self.folder)

    def to_dict(self) -> dict[str, Any]:
        return {"folder": str(self.path), "status": self.status, **self.summary}

    def __str__(self) -> str:
        name, lowest = LANDSCAPE.name_of(self.result.race.function), self.summary["lowest"]
        steps = sum(len(run.stops) - 1 for run in self.result.descents)
        minimum = "no minimum" if lowest is None else f"the lowest value {lowest:.4g}"
        return (
            f"{name}, a function with {minimum}\n\n"
            f"{format_records(ends(self.summary))}\n\n"
            f"{count(steps, 'step')} in {duration(self.result.seconds)}, saved in\n{self.path}"
        )
