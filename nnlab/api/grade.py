"""A run packed for a teacher, and the hand-ins of a class: `nnlab.handin`, `nnlab.grade`."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Gt

from nnlab.api.arguments import CountOf, checks_arguments
from nnlab.api.find import AnyPath, AnyRun, find_trained
from nnlab.api.results import Columns, ShownResult, columns_of
from nnlab.run import durable
from nnlab.show.page import report_run
from nnlab.show.text_tables import format_records, records_to_csv
from nnlab.study.execute import usable_cores
from nnlab.teaching.grade import Graded, grade_handins
from nnlab.teaching.handin import pack_handin
from nnlab.teaching.task import read_task

TIMEOUT_S = 600.0
MEMORY = 2 * 10**9 if sys.platform == "linux" else None  # no other system limits a process


def handin(
    run: AnyRun, path: AnyPath | None = None, *, see: Callable[[str], None] = lambda note: None
) -> Path:
    """Pack a run and its report into one zip; the path, by default RUN.zip in the current folder.

    see: gets a sentence for each thing that the report could not show. Raises RunUnreadable for a
    run that has not ended, StorageError.
    """
    folder = find_trained(run).folder
    report = report_run(folder)
    for note in report.notices:
        see(note)
    target = Path(path or f"{folder.name}.zip")
    durable.write_file(target, pack_handin(folder, report.html.encode()), sync=False)
    return target


@checks_arguments
def grade(
    folder: AnyPath,
    against: AnyPath,
    *,
    jobs: CountOf | None = None,
    timeout: Annotated[float, Gt(0)] = TIMEOUT_S,
    memory: CountOf | None = MEMORY,
    see: Callable[[str], None] = lambda line: None,
) -> "Grading":
    """Train the hand-ins in a folder again, and compare; nothing is written into it.

    against: the task, a config with ??? where a hand-in may choose. jobs: processes, default one
    per core. timeout, memory: the seconds and bytes of a training. see: gets a line as each ends.
    Raises ConfigError for a wrong task, RunUnreadable for a folder without hand-ins.
    """
    place, cores = Path(folder), jobs or usable_cores()
    task = read_task(against if isinstance(against, str) else Path(against))
    return Grading(place, tuple(grade_handins(place, task, cores, timeout, memory, see)))


@dataclass(frozen=True, repr=False)
class Grading(ShownResult):
    """The hand-ins of a folder by name, each with its verdict and the reason."""

    folder: Path
    handins: tuple[Graded, ...]

    @property
    def table(self) -> Columns:
        """A row per hand-in: its verdict, what is met, the numbers of the training here."""
        return columns_of([each.row for each in self.handins])

    def to_dict(self) -> dict[str, Any]:
        return {"folder": str(self.folder), "handins": [each.row for each in self.handins]}

    def to_csv(self) -> str:
        """The table as CSV."""
        return records_to_csv([each.row for each in self.handins])

    def __str__(self) -> str:
        return format_records([each.row for each in self.handins])
