"""The object of a run: what a notebook shows of it, its figures, its report."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from nnlab.api.arguments import checks_arguments
from nnlab.api.find import AnyPath, AnyRun, find_training
from nnlab.api.html import card
from nnlab.api.results import ShownResult
from nnlab.api.user_network import UserNetwork
from nnlab.core import columns
from nnlab.data.memory import Memory
from nnlab.errors import NnlabError
from nnlab.run.folder import Weights
from nnlab.run.labels import change_labels, read_labels, rename_run
from nnlab.run.run import Run
from nnlab.show.figures import FIGURES, View
from nnlab.show.figures.palette import Scale
from nnlab.show.figures.plot import draw_inline, require_suited
from nnlab.show.page import Report, report_run
from nnlab.show.words import count, format_number
from nnlab.status import Status

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class TrainedRun(ShownResult, Run):
    """A run, read from its folder; `nnlab.Run`.

    Its files are read when they are asked for, each at most once; `status` is read again each time.
    """

    @classmethod
    def load(cls, run: AnyRun, runs: AnyPath | None = None, *, data: Any = None) -> Self:
        """A run by its folder, its name, a unique beginning of that, or "latest"."""
        found = cls(run.path if isinstance(run, Run) else find_training(run, runs).path)
        return found if data is None else found.reading(data)

    def __str__(self) -> str:
        return "\n".join(filter(None, [*self._lines(), str(self.path)]))

    def _repr_html_(self) -> str:
        head, *lines = self._lines()
        metrics: Mapping[str, NDArray[Any]] = {}
        try:
            metrics = self.metrics
        except NnlabError as error:
            lines.append(str(error))
        losses = {
            columns.row_names({})[part]: (np.asarray(metrics["epoch"]), np.asarray(metrics[name]))
            for part in columns.WATCHED
            if "epoch" in metrics and (name := columns.name(part, columns.LOSS)) in metrics
        }
        return card(head, [*lines, str(self.path)], columns.LOSS, losses)

    def _lines(self) -> list[str]:
        """The name and status, the setting, and the last numbers; or why they cannot be read."""
        try:
            row = self.results["final"] or self.last_row
            epoch = row.get("epoch")
            after = f", {count(epoch, 'epoch')}" if isinstance(epoch, int) else ""
            stopped = self.status in (Status.INTERRUPTED, Status.RESUMABLE)
            more = "; nnlab.resume continues it" if stopped else ""
            test = columns.named(columns.TEST, self.results["test"])
            numbers = {name: value for name, value in row.items() if columns.split(name)[0]} | test
            texts = [
                f"{name} {format_number(value)}"
                for name, value in numbers.items()
                if isinstance(value, int | float)
            ]
            title, labels = View(self.folder.path).title[1], read_labels(self.folder).lines
            head = f"{self.name}: {self.status}{after}{more}"
            return [head, title, *labels, "  ".join(texts)]
        except NnlabError as error:
            return [f"{self.name}: {self.status}", str(error)]

    def network(self, which: Weights = "final") -> UserNetwork:
        """The network with its initial, best or final weights; its rows are scaled ones.

        `predict` of the run takes rows in the data's own units. Raises UsageError for another word,
        RunUnreadable if the weights are missing or do not fit.
        """
        return UserNetwork.of(super().network(which))

    @property
    def table(self) -> dict[str, NDArray[Any]]:
        """`metrics`: metrics.csv by column, a number per epoch."""
        return self.metrics

    @checks_arguments
    def tag(self, *tags: str, remove: bool = False) -> Self:
        """Put tags on the run, or remove them, as `nnlab runs tag`. Raises UsageError."""
        change_labels(self.folder, tags, remove)
        return self

    @checks_arguments
    def annotate(self, note: str) -> Self:
        """Write a note on the run in place of the one before; an empty text removes that."""
        change_labels(self.folder, note=note)
        return self

    @checks_arguments
    def rename(self, name: str) -> Self:
        """The run, which `nnlab runs rename` has given another name."""
        return replace(self, path=rename_run(self.folder, name))

    @checks_arguments
    def plot(
        self, name: str = "curves", *, dark: bool = False, scale: Scale | None = None
    ) -> "Figure":
        """A figure of `nnlab plot` by its name, as a matplotlib Figure that is shown inline.

        scale: "linear" or "log", the axis of losses and rates; default: chosen from the values.
        Raises UsageError for an unknown name and for a figure that does not suit the run.
        """
        run = View(self.folder.path)
        return draw_inline(require_suited(name, FIGURES, run).painter, run, dark, scale)

    def report(self, *, all_figures: bool = False) -> Report:
        """The page of `nnlab report`: shown inline, and `.save(path)` writes it.

        all_figures: also those that take longer. Raises RunUnreadable.
        """
        return report_run(self.folder, all_figures)


def run_on_rows(path: Path, memory: Memory | None) -> TrainedRun:
    """The run in a folder, with these rows if it was trained on them."""
    run = TrainedRun(path)
    known = memory is not None and memory.sha256 == run.data_source[1]
    return TrainedRun(path, memory) if known else run


def load(run: AnyRun, runs: AnyPath | None = None, *, data: Any = None) -> TrainedRun:
    """A run by its folder, its name, a unique beginning of that, or "latest".

    `runs` is where names are looked up, as for the command. `data`: the rows that `train` was given
    for this run; without them its files can be read, but nothing can be computed on its data.
    Raises RunUnreadable when there is no such run, UsageError for the beginning of several, and for
    a sweep or a race, DataError for other data.
    """
    return TrainedRun.load(run, runs, data=data)
