"""The runs in a folder: `nnlab.runs`."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnlab.api.find import AnyPath
from nnlab.api.results import Columns, ShownResult, columns_of
from nnlab.api.trained_run import TrainedRun
from nnlab.core import columns
from nnlab.run.listing import RunRecord, folders_with_runs, list_runs
from nnlab.run.names import runs_folder
from nnlab.show.text_tables import format_records
from nnlab.show.words import duration


def runs(folder: AnyPath | None = None, *, status: str | None = None) -> "RunList":
    """The runs in a folder and up to three levels below it, the newest first.

    folder: default $NNLAB_RUNS, else runs. status: only runs with this status. The numbers
    are columns of `.table`, to sort and filter.
    """
    top = runs_folder(folder)
    records = list_runs(*folders_with_runs(top))[::-1]
    return RunList(top, tuple(r for r in records if status in (None, r.status)))


@dataclass(frozen=True, repr=False)
class RunList(ShownResult):
    """The records of runs; iterate for the runs themselves."""

    folder: Path
    records: tuple[RunRecord, ...]

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> TrainedRun:
        return TrainedRun(Path(self.records[index].path))

    def __iter__(self) -> Iterator[TrainedRun]:
        return (TrainedRun(Path(record.path)) for record in self.records)

    @property
    def table(self) -> Columns:
        """A row per run: name, status, data, epochs, its last losses and metrics, seconds."""
        return columns_of(self._rows())

    def _rows(self) -> list[dict[str, Any]]:
        return [
            {"run": r.name, "status": str(r.status), "data": r.data, "epochs": r.epochs}
            | {name: value for name, value in r.final.items() if columns.split(name)[0]}
            | columns.named(columns.TEST, r.test)
            | {"seconds": r.seconds}
            for r in self.records
        ]

    def __str__(self) -> str:
        rows = [row | {"seconds": duration(row["seconds"])} for row in self._rows()]
        return format_records(rows) if rows else f"There is no run in {self.folder}."
