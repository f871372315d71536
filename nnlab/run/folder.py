"""The folder of a run: its files, its status, its checkpoint.

    config.yaml      the config as the user gave it, byte for byte
    resolved.yaml    the config with all defaults filled in
    data.json        task, shapes, names, scaling and split sizes of the data
    run.json         status, argv, seed, times, versions, platform, engine
    metrics.csv      one row per epoch
    steps.csv        one row per update, if they are recorded
    summary.json     final, best, test, classes, confusion: written at the end
    findings.json    what the doctor found, and how many epochs it looked at
    labels.json      tags and a note of the user
    environment.txt  Python, platform, and the installed packages with their versions
    changes.patch    what git had not committed
    weights/         initial.npz, best.npz, final.npz with arrays `<index>.<layer>.<name>`
    predictions.npz, samples.npz, snapshots.npz
    rows.npz, progress.npz
                     some training rows and the weights so far: only until the run ends
    checkpoint.npz, checkpoint.previous.npz
    figures/, report.html, exports/
    paths.csv        of a race: one row per step

`run.Run` reads a folder; the session, the resumption and the race write it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Self

from numpy.typing import NDArray

from nnlab.run import arrays, checkpoint, durable, guard, lock, names, records
from nnlab.run.batch import Batch, batch
from nnlab.run.text import MOST_JSON, from_json, shown, to_bytes, to_json, unreadable
from nnlab.status import Status

Weights = Literal["initial", "best", "final", "checkpoint"]

CONFIG, RESOLVED = "config.yaml", "resolved.yaml"
RUN, DATA, SUMMARY = "run.json", "data.json", "summary.json"
FINDINGS, LABELS = "findings.json", "labels.json"
ENVIRONMENT, CHANGES = "environment.txt", "changes.patch"
METRICS, STEPS = checkpoint.TABLES
ROWS, PROGRESS = "rows.npz", "progress.npz"
ARRAYS = PREDICTIONS, SAMPLES, SNAPSHOTS = "predictions.npz", "samples.npz", "snapshots.npz"
WEIGHTS, FIGURES, REPORT, EXPORTS = "weights", "figures", "report.html", "exports"
PATHS = "paths.csv"
FIRST_FILES = CONFIG, RESOLVED, DATA, f"{WEIGHTS}/initial.npz", RUN  # in the order of writing
FORMAT = 1  # of the folder, in run.json
TRAINING_FILES = (  # what a training leaves that others can judge it by
    *(CONFIG, RESOLVED, DATA, RUN, METRICS, STEPS, SUMMARY, FINDINGS, checkpoint.CURRENT),
    *(f"{WEIGHTS}/{which}.npz" for which in ("initial", "best", "final")),
    *ARRAYS,
)
ALL_FILES = {
    *(CONFIG, RESOLVED, RUN, DATA, SUMMARY, FINDINGS, LABELS, ENVIRONMENT, CHANGES, PATHS),
    *(METRICS, STEPS, ROWS, PROGRESS, *ARRAYS, *checkpoint.FILES, lock.LOCK, lock.HOLDER),
    *(WEIGHTS, FIGURES, REPORT, EXPORTS),
    *(".DS_Store", "Thumbs.db", "desktop.ini"),  # of programs that show folders
}


def weights_file(which: str) -> str:
    """The file of the initial, best or final weights."""
    return f"{WEIGHTS}/{which}.npz"


def holds_first_files_only(path: Path) -> bool:
    """Whether a folder has at most the files that are written before run.json."""
    first = {CONFIG, RESOLVED, DATA, WEIGHTS, lock.LOCK, lock.HOLDER}
    inside = set(guard.names_in(path))
    if guard.is_real_folder(path / WEIGHTS):
        inside |= set(guard.names_in(path / WEIGHTS)) - {"initial.npz"}
    return all(name in first or durable.is_temporary(name) for name in inside)


def is_known_file(name: str) -> bool:
    """Whether nnlab writes files or folders of this name into a run."""
    return name in ALL_FILES or durable.is_temporary(name)


@dataclass(frozen=True)
class OutputFolder:
    """The folder of a run or a sweep. Every method may raise StorageError."""

    path: Path

    @property
    def name(self) -> str:
        """The folder's name, also where the path is `.` or `..`."""
        return self.path.name if self.path.name not in ("", "..") else self.path.resolve().name

    def lock(self) -> AbstractContextManager[None]:
        """`with folder.lock():` makes this process the only writer, or raises RunLocked."""
        return lock.hold_lock(self.path)

    def write_figure(self, name: str, data: bytes) -> Path:
        """Writes figures/<name>, for example loss.png; returns its path."""
        durable.make_subfolder(self.path / FIGURES)
        path = self.path / FIGURES / names.check_name(name)
        durable.write_file(path, data, sync=False)
        return path


@dataclass(frozen=True)
class RunFolder(OutputFolder):
    """The folder of one run. Readers may also raise RunUnreadable."""

    files: Batch | None = field(default=None, compare=False, repr=False)

    @contextmanager
    def together(self, sync: bool = True) -> Iterator[Self]:
        """The same folder: what is written to it becomes durable at the end of the `with`.

        See `batch`; without this, each file is durable when it is written.
        """
        with batch(sync) as files:
            yield replace(self, files=files)

    @classmethod
    def create(cls, parent: Path, name: str, now: datetime | None = None) -> Self:
        """A new folder in `parent`; see `names.make`."""
        return cls(names.make(parent, name, now))

    @classmethod
    def find(cls, spec: str, runs: Path) -> Self:
        """The run that a user means by `spec`; see `names.find`."""
        return cls.open(names.find(spec, runs))

    @classmethod
    def open(cls, path: Path) -> Self:
        """An existing run folder; RunUnreadable if there is none, or it holds no run."""
        path = names.present(path)
        if not path.is_dir():
            raise unreadable(path, "there is no such folder")
        if not (path / RUN).is_file():
            raise unreadable(path, f"it has no {RUN}, so it is not a run")
        return cls(path)

    def exists(self) -> bool:
        """Whether a run was begun here: run.json is the last of its first files."""
        return (self.path / RUN).is_file()

    # The files, by name.

    def has(self, file: str) -> bool:
        """Whether the file exists."""
        return (self.path / file).is_file()

    def config_path(self) -> Path:
        """The file of the resolved config. Raises RunUnreadable where it is missing."""
        if not self.has(RESOLVED):
            raise unreadable(self.path, f"it has no {RESOLVED}, which holds the config")
        return self.path / RESOLVED

    def read_text(self, file: str) -> str:
        """The content of a text file."""
        try:
            return durable.read_file(self.path / file).decode()
        except UnicodeDecodeError as error:
            raise unreadable(self.path / file, f"{error}") from error

    def save_text(self, file: str, data: bytes | str) -> None:
        """Writes a text file, durably."""
        self._write(file, to_bytes(data) if isinstance(data, str) else data)

    def save_surroundings(self, installed: str, changes: bytes) -> None:
        """Writes environment.txt, and changes.patch where anything changed."""
        self._write(ENVIRONMENT, to_bytes(installed), sync=False)
        if changes:
            self._write(CHANGES, changes, sync=False)

    def read_json(self, file: str) -> dict[str, Any]:
        """The object in a JSON file."""
        return from_json(durable.read_file(self.path / file, MOST_JSON), self.path / file)

    def write_json(self, file: str, content: Mapping[str, Any]) -> None:
        """Writes a JSON file, durably."""
        self._write(file, to_json(content))

    def read_table(
        self, file: str, wanted: Callable[[str], bool] | None = None
    ) -> dict[str, records.Column]:
        """A table by column, empty if it is missing; see `records.read_table`."""
        return records.read_table(self.path / file, wanted)

    def append(self, file: str, rows: Sequence[Mapping[str, Any]], at: int | None = None) -> int:
        """Adds rows to a table and returns its size; see `records.append_rows`."""
        return records.append_rows(self.path / file, rows, at=at)

    def last_metrics(self) -> dict[str, records.Cell]:
        """The last row of metrics.csv; empty if there is none."""
        return records.last_row(self.path / METRICS)

    def read_arrays(
        self, file: str, expected: arrays.Expected | None = None, sealed: bool = False
    ) -> dict[str, NDArray[Any]]:
        """The arrays of a file, see `arrays.read_npz`; weights are finite."""
        finite = file.startswith(WEIGHTS)
        return arrays.read_npz(self.path / file, expected, finite=finite, sealed=sealed)

    def write_arrays(
        self, file: str, values: Mapping[str, NDArray[Any]], sync: bool = True
    ) -> None:
        """Writes an .npz file, durably; without `sync` a power cut may damage it."""
        if "/" in file:
            durable.make_subfolder((self.path / file).parent)
        self._write(file, arrays.pack_npz(values), sync)

    def sync(self, *files: str) -> None:
        """Syncs files that were written without; only inside `together`."""
        if self.files:
            for file in files:
                self.files.sync(self.path / file)

    def _write(self, file: str, data: bytes | memoryview, sync: bool = True) -> None:
        if self.files and sync:
            self.files.write(self.path / file, data)
        else:
            durable.write_file(self.path / file, data, sync)

    def remove(self, file: str) -> None:
        """Deletes a file, if it exists."""
        if self.has(file):
            durable.remove(self.path / file)

    # The state of the run.

    def update_status(self, status: str, **changes: Any) -> None:
        """Records the state of the run in run.json, with other keys of it."""
        if (new := Status.of(status)) is Status.UNKNOWN:
            known = ", ".join(known for known in Status if known.written)
            raise ValueError(f"'{status}' is not a status; allowed are {known}")
        self.write_json(RUN, {**self.read_json(RUN), **changes, "status": new})

    def status(self) -> Status:
        """The state in run.json; `resumable` instead of `running` without a process."""
        status = Status.of(self.read_json(RUN).get("status"))
        if status is Status.RUNNING and not lock.is_held(self.path):
            about = self.read_json(RUN)  # the run may have ended after the first read
            status = Status.of(about.get("status"))
            if status is Status.RUNNING:
                race = isinstance(about.get("kind"), str)
                return Status.INTERRUPTED if race else Status.RESUMABLE
        return status

    def kind(self) -> str | None:
        """The kind of run in run.json; None for a training."""
        kind = self.read_json(RUN).get("kind")
        return shown(kind) if isinstance(kind, str) else None

    def table_sizes(self) -> dict[str, int]:
        """Bytes in metrics.csv and steps.csv."""
        return {name: records.table_size(self.path / name) for name in checkpoint.TABLES}

    def identity(self) -> tuple[int, int] | None:
        """Distinguishes this folder from a later one of its name; None if it is gone."""
        try:
            status = self.path.stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def missing(self, saved: bool, ended: bool = True) -> list[str]:
        """The missing files of those written before the end; the checkpoint only if it was `saved`.

        For a run that has not `ended`, the missing files that `nnlab resume` needs.
        """
        files = [CONFIG] if ended else []
        files += [RESOLVED, RUN, DATA, weights_file("initial")]
        files += [checkpoint.CURRENT] if saved else []
        return [file for file in files if not self.has(file)]

    # The state of the training.

    def save_checkpoint(self, values: Mapping[str, NDArray[Any]], meta: Mapping[str, Any]) -> None:
        """Saves the state, and the sizes of the tables; see `checkpoint`."""
        with nullcontext(self.files) if self.files else batch() as files:
            checkpoint.write_checkpoint(self.path, values, meta, files)

    def load_checkpoint(self) -> checkpoint.Checkpoint:
        """The last state that can be read; changes nothing."""
        return checkpoint.read_checkpoint(self.path)

    def has_checkpoint(self) -> bool:
        """Whether there is a file with a state, damaged or not."""
        return any((self.path / name).exists() for name in checkpoint.FILES)

    def rewind(self) -> None:
        """Takes the folder back to the last save: later rows are cut off.

        Only under the lock, and always before the first save of a process that resumes. Also
        removes a damaged last save and the temporary files of killed processes.
        """
        saved = checkpoint.recover_checkpoint(self.path)
        for name, size in saved.tables.items():
            durable.truncate(self.path / name, size)
        self.remove(PROGRESS)
        self.tidy()

    def restart(self) -> None:
        """Takes the folder back to before the first update. Only under the lock."""
        for name in checkpoint.TABLES:
            durable.truncate(self.path / name, 0)
        self.remove(PROGRESS)
        self.tidy()

    def tidy(self) -> None:
        """Removes the temporary files of killed processes. Only under the lock."""
        durable.remove_leftovers(self.path, WEIGHTS, FIGURES)
