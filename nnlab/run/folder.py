"""A run folder: every file of one run, by what it means."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, get_args

from numpy.typing import NDArray

from nnlab.errors import RunUnreadable
from nnlab.run import arrays, checkpoint, durable, guard, lock, names, records, shapes
from nnlab.run.text import MOST_JSON, from_json, shown, to_json
from nnlab.status import Status

Weights = Literal["initial", "best", "final"]
Kept = Literal["predictions", "samples", "snapshots"]
Json = dict[str, Any]

CONFIG, RESOLVED = "config.yaml", "resolved.yaml"
RUN, DATA, SUMMARY = "run.json", "data.json", "summary.json"
METRICS, STEPS = "metrics.csv", "steps.csv"
WEIGHTS, FIGURES, REPORT = "weights", "figures", "report.html"
FORMAT = 1  # of the folder, in run.json
RECORDS = "records"  # the key under which a checkpoint keeps the sizes of the tables


def holds_first_files_only(path: Path) -> bool:
    """Whether a folder has at most what is written before run.json, which begins the run."""
    first = {CONFIG, RESOLVED, DATA, WEIGHTS, lock.LOCK, lock.HOLDER}
    inside = set(guard.names_in(path))
    if guard.is_real_folder(path / WEIGHTS):
        inside |= set(guard.names_in(path / WEIGHTS)) - {"initial.npz"}
    return all(name in first or durable.is_temporary(name) for name in inside)


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run. Every method may raise StorageError; readers also RunUnreadable."""

    path: Path

    @classmethod
    def create(cls, parent: Path, name: str, now: datetime | None = None) -> "RunFolder":
        """A new folder in `parent`; see `names.make`."""
        return cls(names.make(parent, name, now))

    @classmethod
    def find(cls, spec: str, runs: Path) -> "RunFolder":
        """The run that a user means by `spec`; see `names.find`."""
        return cls.open(names.find(spec, runs))

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """An existing run folder.

        Raises:
            RunUnreadable: there is none, or it holds no run.
        """
        if not path.is_dir():
            raise RunUnreadable(f"Cannot read {shown(path)}: there is no such folder.")
        if not (path / RUN).is_file():
            raise RunUnreadable(f"Cannot read {shown(path)}: it has no {RUN}, so it is not a run.")
        return cls(path)

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.name

    def exists(self) -> bool:
        """Whether a run was begun here: run.json is the last of its first files."""
        return (self.path / RUN).is_file()

    # What was asked, how it ran, how it ended.

    def write_config(self, data: bytes) -> None:
        """The config as the user gave it, byte for byte."""
        durable.write_file(self.path / CONFIG, data)

    def read_config(self) -> bytes:
        """The config as the user gave it."""
        return durable.read_file(self.path / CONFIG)

    def write_resolved(self, text: str) -> None:
        """The config with all defaults filled in."""
        durable.write_file(self.path / RESOLVED, text)

    def read_resolved(self) -> str:
        """The config with all defaults filled in."""
        try:
            return durable.read_file(self.path / RESOLVED).decode()
        except UnicodeDecodeError as error:
            raise RunUnreadable(f"Cannot read {shown(self.path / RESOLVED)}: {error}.") from error

    def write_run(self, content: Mapping[str, Any]) -> None:
        """run.json: status, argv, seed, times, versions, platform, engine."""
        durable.write_file(self.path / RUN, to_json(content))

    def update_run(self, **changes: Any) -> None:
        """Changes some keys of run.json."""
        self.write_run({**self.read_run(), **changes})

    def update_status(self, status: str, **changes: Any) -> None:
        """Records the state of the run in run.json, with other keys of it."""
        if (new := Status.of(status)) is Status.UNKNOWN:
            known = ", ".join(known for known in Status if known.written)
            raise ValueError(f"'{status}' is not a status; allowed are {known}")
        self.update_run(status=new, **changes)

    def read_run(self) -> Json:
        """run.json."""
        return self._json(RUN)

    def write_data(self, content: Mapping[str, Any]) -> None:
        """data.json: task, shapes, names, scaling, split sizes."""
        durable.write_file(self.path / DATA, to_json(content))

    def read_data(self, strict: bool = False) -> Json:
        """data.json; `strict` refuses one in which something is missing or of another kind."""
        content, weights = self._json(DATA), self.path / WEIGHTS / "initial.npz"
        if strict:
            shapes.check_data(content, self.path / DATA, weights)
        return content

    def write_summary(self, content: Mapping[str, Any]) -> None:
        """summary.json: final, best, test, classes, confusion."""
        durable.write_file(self.path / SUMMARY, to_json(content))

    def read_summary(self) -> Json:
        """summary.json."""
        return self._json(SUMMARY)

    def remove_summary(self) -> None:
        """The run goes on, so it has not come to its end."""
        durable.remove(self.path / SUMMARY)

    def has_summary(self) -> bool:
        """Whether the run came to its end."""
        return (self.path / SUMMARY).is_file()

    def status(self) -> Status:
        """The state in run.json; `resumable` if that is running, but no process holds the lock."""
        status = Status.of(self.read_run().get("status"))
        if status is not Status.RUNNING or lock.is_held(self.path):
            return status
        # The run may have ended between the two reads.
        status = Status.of(self.read_run().get("status"))
        if status is not Status.RUNNING:
            return status
        return Status.RESUMABLE if self.kind() is None else Status.INTERRUPTED

    def kind(self) -> str | None:
        """The kind of the run in run.json; None for a training. Other kinds cannot be resumed."""
        kind = self.read_run().get("kind")
        return shown(kind) if isinstance(kind, str) else None

    # What happened.

    def append_metrics(
        self, rows: Sequence[Mapping[str, Any]], sync: bool = False, at: int | None = None
    ) -> int:
        """Adds rows to metrics.csv, one per epoch; see `records.append_rows`."""
        return records.append_rows(self.path / METRICS, rows, sync, at)

    def append_steps(
        self, rows: Sequence[Mapping[str, Any]], sync: bool = False, at: int | None = None
    ) -> int:
        """Adds rows to steps.csv, one per update, and returns its size."""
        return records.append_rows(self.path / STEPS, rows, sync, at)

    def table_sizes(self) -> dict[str, int]:
        """Bytes in metrics.csv and steps.csv."""
        return {name: records.table_size(self.path / name) for name in (METRICS, STEPS)}

    def identity(self) -> tuple[int, int] | None:
        """Tells this folder from another that takes its name later; None when it is gone."""
        try:
            status = self.path.stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def missing(self, saved: bool, ended: bool = True) -> list[str]:
        """The files of a run that are not there; its checkpoint only if it was `saved`.

        For a run that has not `ended`, those that `nnlab resume` needs.
        """
        kinds = get_args(Weights) if ended else ("initial",)
        weights = [f"{WEIGHTS}/{which}.npz" for which in kinds]
        names = [RESOLVED, RUN, DATA, *weights, *([checkpoint.CURRENT] if saved else [])]
        names = [CONFIG, *names] if ended else names
        return [name for name in names if not (self.path / name).is_file()]

    def read_metrics(
        self, strict: bool = False, wanted: Callable[[str], bool] | None = None
    ) -> dict[str, records.Column]:
        """metrics.csv by column, see `records.read_table`; `strict` refuses other columns."""
        table = records.read_table(self.path / METRICS, wanted)
        if strict:
            shapes.check_metrics(table, self.path / METRICS)
        return table

    def last_metrics(self) -> dict[str, records.Cell]:
        """The last row of metrics.csv; empty when there is none."""
        return records.last_row(self.path / METRICS)

    def read_steps(self) -> dict[str, records.Column]:
        """steps.csv by column; empty when the run did not record steps."""
        return records.read_table(self.path / STEPS)

    # Arrays.

    def write_weights(self, which: Weights, values: Mapping[str, NDArray[Any]]) -> None:
        """weights/<which>.npz with arrays `<index>.<layer>.<name>`."""
        durable.make_subfolder(self.path / WEIGHTS)
        arrays.write_npz(self.path / WEIGHTS / f"{which}.npz", values)

    def read_weights(
        self, which: Weights, expected: arrays.Expected | None = None, sealed: bool = False
    ) -> dict[str, NDArray[Any]]:
        """weights/<which>.npz: finite numbers, with the names and shapes in `expected` if given."""
        path = self.path / WEIGHTS / f"{which}.npz"
        return arrays.read_npz(path, expected, finite=True, sealed=sealed)

    def has_weights(self, which: Weights) -> bool:
        """Whether these weights were saved."""
        return (self.path / WEIGHTS / f"{which}.npz").is_file()

    def weights_bytes(self) -> int:
        """The size of the largest weights file; 0 when there is none."""
        files = [self.path / WEIGHTS / f"{which}.npz" for which in get_args(Weights)]
        return max(file.stat().st_size if file.is_file() else 0 for file in files)

    def write_arrays(self, which: Kept, values: Mapping[str, NDArray[Any]]) -> None:
        """predictions.npz, samples.npz or snapshots.npz."""
        arrays.write_npz(self.path / f"{which}.npz", values)

    def read_arrays(self, which: Kept, sealed: bool = False) -> dict[str, NDArray[Any]]:
        """predictions.npz, samples.npz or snapshots.npz."""
        return arrays.read_npz(self.path / f"{which}.npz", sealed=sealed)

    def has_arrays(self, which: Kept) -> bool:
        """Whether this file was written."""
        return (self.path / f"{which}.npz").is_file()

    # Going on.

    def lock(self) -> AbstractContextManager[None]:
        """`with folder.lock():` makes this process the only writer, or raises RunLocked."""
        return lock.hold_lock(self.path)

    def save_checkpoint(self, values: Mapping[str, NDArray[Any]], meta: Mapping[str, Any]) -> None:
        """Saves the state, and the sizes of the tables; see `checkpoint`."""
        sizes = {}
        for name in (METRICS, STEPS):
            durable.sync_file(self.path / name)
            sizes[name] = records.table_size(self.path / name)
        checkpoint.write_checkpoint(self.path, values, {"state": meta, RECORDS: sizes})

    def load_checkpoint(self) -> checkpoint.Checkpoint:
        """The last state that can be read; changes nothing."""
        return self._unwrapped(checkpoint.read_checkpoint(self.path))[0]

    def state_meta(self, saved: checkpoint.Checkpoint) -> Json:
        """What `save_checkpoint` was given as meta, from `checkpoint.read_save`."""
        return self._unwrapped(saved)[0].meta

    def rewind(self) -> checkpoint.Checkpoint:
        """Loads the state and takes the folder back to it: rows written later are cut off.

        Only under the lock, and always before the first save of a process that goes on. Also
        removes a damaged last save and the temporary files that a killed process left.
        """
        saved, sizes = self._unwrapped(checkpoint.recover_checkpoint(self.path))
        for name, size in sizes.items():
            durable.truncate(self.path / name, size)
        self.tidy()
        return saved

    def restart(self) -> None:
        """Takes the folder back to before the first update, when there is no state to load.

        Only under the lock.
        """
        for name in (METRICS, STEPS):
            durable.truncate(self.path / name, 0)
        self.tidy()

    def tidy(self) -> None:
        """Removes the temporary files that a killed process left. Only under the lock."""
        durable.remove_leftovers(self.path, WEIGHTS, FIGURES)

    def has_checkpoint(self) -> bool:
        """Whether there is a state to go on from, whole or not."""
        return any((self.path / name).exists() for name in checkpoint.FILES)

    # Pictures.

    def write_figure(self, name: str, data: bytes) -> Path:
        """figures/<name>, for example loss.png; gives its path."""
        durable.make_subfolder(self.path / FIGURES)
        path = self.path / FIGURES / names.check(name)
        durable.write_file(path, data, sync=False)
        return path

    def figures(self) -> list[Path]:
        """All figures, by name."""
        folder = self.path / FIGURES
        return sorted(p for p in folder.glob("*") if p.is_file() and not p.name.startswith("."))

    def write_report(self, html: str) -> Path:
        """report.html; gives its path."""
        durable.write_file(self.path / REPORT, html, sync=False)
        return self.path / REPORT

    def _unwrapped(
        self, saved: checkpoint.Checkpoint
    ) -> tuple[checkpoint.Checkpoint, dict[str, int]]:
        """The state, and the size that each table had when it was saved."""
        try:
            state = saved.meta["state"]
            # Only these two: whatever else a file names must not be cut.
            sizes = {name: int(saved.meta[RECORDS][name]) for name in (METRICS, STEPS)}
            if not isinstance(state, dict) or min(sizes.values()) < 0:
                raise ValueError("not what save_checkpoint writes")
        except (KeyError, TypeError, ValueError) as error:
            raise RunUnreadable(
                f"Cannot continue {shown(self.path)}: its checkpoint holds something else."
            ) from error
        return checkpoint.Checkpoint(saved.arrays, state, saved.note), sizes

    def _json(self, name: str) -> Json:
        return from_json(durable.read_file(self.path / name, MOST_JSON), self.path / name)
