"""Training of one run, and the writing of its folder.

with begin(loaded, parent) as session:
    for record in session:
        ...                      # show it; the session has already stored it
session.folder, session.summary
"""

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from time import perf_counter
from typing import Any, NoReturn

from nnlab.build import Built, build
from nnlab.config.dump import dump, settings_of
from nnlab.config.files import require_name
from nnlab.config.load import Loaded
from nnlab.core.metrics import ACCURACY
from nnlab.core.types import Array
from nnlab.errors import Interrupted, RunUnreadable, StorageError
from nnlab.experiment import describe, outcome, signals
from nnlab.experiment.progress import Progress
from nnlab.experiment.state import Snapshots, digest, freeze, hashed_epochs, start_weights, thaw
from nnlab.run import environment
from nnlab.run.checkpoint import Checkpoint
from nnlab.run.folder import (
    CONFIG,
    DATA,
    FIRST_FILES,
    METRICS,
    RESOLVED,
    RUN,
    SNAPSHOTS,
    STEPS,
    SUMMARY,
    RunFolder,
    weights_file,
)
from nnlab.run.text import mapping_or_empty, shown
from nnlab.status import Status
from nnlab.training import (
    Epoch,
    Failure,
    Record,
    State,
    Steps,
    final_weights,
    restores_best,
    run_bursts,
    start,
)

FLUSH_SECONDS = 1.0
CHECKPOINT_SECONDS = 10.0
LITTLE_SECONDS = 1.0  # of training, which may wait for the end's files to be saved with them
BURST = 1024  # epochs; some 20 ms of the smallest


@contextmanager
def begin(loaded: Loaded, parent: Path, *, name: str | None = None) -> Iterator["Session"]:
    """A new run of a config, in a new folder in `parent`.

    Nothing is written before the data is loaded and the network built. Raises UsageError (name),
    DataError, ConfigError or StorageError. What is raised in the `with` leaves the status `failed`.
    """
    require_name(name)
    config = replace(loaded.config, name=name) if name else loaded.config
    built = build(config)
    about = describe.run(built, environment.describe(with_changes=True), start_weights(built))
    changes = (about["git"] or {}).pop("changes", b"")
    folder = RunFolder.create(parent, config.name)
    folder.save_surroundings(environment.installed(), changes)
    with folder.lock(), new_session(folder, built, about, loaded.text) as session:
        yield session


@contextmanager
def new_session(
    folder: RunFolder, built: Built, about: dict[str, Any], text: bytes | None = None,
    sync: bool = True
) -> Iterator["Session"]:  # fmt: skip
    """Writes the first files of a run, and yields its session.

    Only under the lock. run.json is the last of these files: without it, the folder is no run.
    `text` is the config as the user wrote it, if there is one. Without `sync` they become durable
    with the first save: until then, a power cut may damage them.
    """
    resolved = dump(built.config)
    with folder.together(sync) as files:
        files.save_text(CONFIG, resolved if text is None else text)
        files.save_text(RESOLVED, resolved)
        files.write_json(DATA, asdict(describe.data(built)))
        files.write_arrays(weights_file("initial"), built.network.arrays)
        files.write_json(RUN, about)
    session = Session(built, folder, start(built.plan, built.network), about)
    session.notes += filter(None, [mapping_or_empty(about.get("init")).get("skipped")])
    session.unsynced = () if sync else FIRST_FILES
    with record_end(session):
        yield session


@contextmanager
def record_end(session: "Session") -> Iterator["Session"]:
    """Records in run.json the early end of a session."""
    try:
        yield session
        if not session.summary:  # the caller left its loop early
            session.checkpoint()
            session.record_status(Status.INTERRUPTED)
    except GeneratorExit:
        raise
    except BaseException as error:
        if not session.stopped and session.is_in_place():
            describe.record_failure(session.folder, error)
        raise


class Session:
    """Iterate to train; every record is stored in the folder before it is yielded.

    `notes` are sentences for the user about the save from which the run continues, `warnings` about
    suspicious data and, at the end, a suspicious result.
    """

    def __init__(
        self, built: Built, folder: RunFolder, state: State, machine: Mapping[str, Any]
    ) -> None:
        """`machine` is the answer of `environment.describe`."""
        self.built, self.folder, self.state = built, folder, state
        self.settings = settings_of(built.config)
        self.environment = environment.essence(machine)
        self.notes, self.warnings = list[str](), list(built.warnings)
        self.stopped = False  # by a signal, and saved
        self.summary: dict[str, Any] = {}
        self.failure: Failure | None = None
        self.best_row: dict[str, Any] = {}
        self.hashes: dict[str, str] = {}  # epoch -> digest of the state after it
        self._standstill = outcome.Standstill()
        self._rows: dict[str, list[dict[str, Any]]] = {METRICS: [], STEPS: []}  # to be written
        self._snapshots = Snapshots(built.network, built.plan.epochs)
        self._progress = Progress(built, folder)
        self.flush_seconds: float | None = None  # None: FLUSH_SECONDS
        self._hashed = frozenset(hashed_epochs(built.plan.epochs))
        self._plan = replace(
            built.plan,
            burst=BURST,
            marks=tuple(sorted(self._snapshots.wanted | self._hashed)),
            mark_every=built.config.training.checkpoint_every,
        )
        self.began = self._flushed = self._saved = perf_counter()
        self._identity = folder.identity()
        self._has_checkpoint = False  # written by this process
        self._unsaved: tuple[dict[str, Array], dict[str, Any]] | None = None  # the last state
        self.unsynced: tuple[str, ...] = ()  # files that become durable with the next save
        self.read_tables()

    @property
    def seconds(self) -> float:
        """Since the run began; `began` moves on by what it waited for, as for its resumption."""
        return perf_counter() - self.began

    def read_tables(self) -> None:
        """Reads the end of the tables; from now on nothing else may change them."""
        self.last_row: dict[str, Any] = self.folder.last_metrics()
        self._sizes = self.folder.table_sizes()

    def is_in_place(self) -> bool:
        """Whether the folder is still at its path."""
        return self.folder.identity() == self._identity

    def __iter__(self) -> Iterator[Record]:
        with signals.deferred() as request:
            for records in run_bursts(self._plan, self.state):
                for record in records:
                    self._store(record)
                last = records[-1]
                if isinstance(last, Epoch):
                    self._snapshots.take(last.epoch, self.state.weights)
                    if last.epoch in self._hashed:
                        self.hashes[str(last.epoch)] = digest(self.state)
                yield from records
                if request.signal is not None:
                    self.checkpoint()
                    self._stop(request.signal, f"stopped after {self.state.step:,} updates")
                self._save_if_due(last)
            self._finish(request)

    def restore(self, saved: Checkpoint) -> None:
        """Takes the state of a save; RunUnreadable if it does not fit."""
        values, meta = saved.arrays, saved.meta
        thaw(self.state, values, meta)
        try:
            if "snapshot.epochs" in values:
                self._snapshots.restore(values)
            self.best_row, self.hashes = dict(meta["best_row"]), dict(meta["hashes"])
            self.failure = Failure(*meta["failure"]) if meta["failure"] else None
            self.began = perf_counter() - float(meta["seconds"])
        except (KeyError, TypeError, ValueError) as error:
            raise RunUnreadable(f"The checkpoint lacks something ({error!r}).") from error

    def _store(self, record: Record) -> None:
        """Adds the record's rows to those that the next flush writes."""
        if isinstance(record, Epoch):
            row = describe.epoch_row(record, self.seconds)
            self._rows[METRICS].append(row)
            self.last_row = row
            if (accuracy := record.train.get(ACCURACY.name)) is not None:
                self._standstill.add(record.epoch, accuracy)
            if record.is_best:
                self.best_row = row
        elif isinstance(record, Steps) and self.built.plan.record_steps:
            self._rows[STEPS] += describe.step_rows(record)
        elif isinstance(record, Failure):
            self.failure = record

    def _save_if_due(self, record: Record) -> None:
        moment, state = perf_counter(), self.state
        ended = state.status != Status.RUNNING or state.epoch >= self.built.plan.epochs
        since = moment - self._saved
        if self._is_due(record, since) or (ended and since >= LITTLE_SECONDS):
            self.checkpoint()
        elif ended:
            self._unsaved = self._content()
        elif moment - self._flushed >= (self.flush_seconds or FLUSH_SECONDS):
            self._flush()
            self._progress.write(self._snapshots, state)

    def _is_due(self, record: Record, since: float) -> bool:
        """Whether a save is due, so many seconds after the last one."""
        if (every := self.built.config.training.checkpoint_every) is None:
            return since >= CHECKPOINT_SECONDS
        return isinstance(record, Epoch) and record.epoch > 0 and record.epoch % every == 0

    def _flush(self) -> None:
        """Appends the waiting rows to the tables.

        Raises StorageError when something else changed or removed them, or the folder.
        """
        folder, sizes = self.folder, self._sizes
        if not self.is_in_place():
            raise StorageError(
                f"Cannot write into {shown(folder.path)}: the folder was moved, removed or "
                "replaced while the run trained. What it had saved is where the folder is now."
            )
        try:
            for name, rows in self._rows.items():
                sizes[name] = folder.append(name, rows, at=sizes[name])
                rows.clear()
        except StorageError as error:
            lost = ""
            if any(size < sizes[name] for name, size in folder.table_sizes().items()):
                lost = (
                    f" Its rows are lost, so the run stops here, at epoch {self.state.epoch}. "
                    f"`nnlab train {shown(folder.path / RESOLVED)}` trains it again."
                )
            raise StorageError(f"{error}{lost}") from error
        self._flushed = perf_counter()

    def checkpoint(self) -> None:
        """Saves everything that the run needs to continue from here."""
        with self.folder.together() as files:
            self._save(files, *self._content())
        self._saved, self._unsaved, self._has_checkpoint = perf_counter(), None, True

    def _content(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """The arrays and values of a save; the arrays change when training continues."""
        values, meta = freeze(self.state)
        values |= self._snapshots.arrays("snapshot.")
        meta |= {"seconds": self.seconds, "best_row": self.best_row, "hashes": self.hashes}
        meta |= {"failure": self.failure, "config": self.settings}
        meta |= {"data": self.built.dataset.sha256, "environment": self.environment}
        return values, meta

    def _save(self, files: RunFolder, values: dict[str, Array], meta: dict[str, Any]) -> None:
        self._flush()
        files.sync(*self.unsynced)
        files.save_checkpoint(values, meta)
        self.unsynced = ()

    def record_status(self, status: Status, files: RunFolder | None = None, **more: Any) -> None:
        """Writes the end of the run, or of this part of it, into run.json."""
        (files or self.folder).update_status(
            status, ended=environment.now(), seconds=self.seconds, hashes=self.hashes, **more
        )

    def _stop(self, number: int, what: str) -> NoReturn:
        """Ends the run after a signal; its state has been saved."""
        folder = self.folder
        missing = folder.missing(saved=True, ended=False)
        if RUN not in missing:
            self.record_status(Status.INTERRUPTED)
        self.stopped = True
        next_step = f"`nnlab resume {folder.path}` continues it."
        if missing:
            next_step = (
                f"But something else removed {', '.join(missing)} while it trained: "
                f"`nnlab resume {folder.path}` works only when that is back."
            )
        name = signal.Signals(number)
        message = f"{name.name}: {what}; the state is saved in {folder.path}. {next_step}"
        raise Interrupted(message, signals.CODES[name])

    def _finish(self, request: signals.Request) -> None:
        """Writes the final weights, their numbers on every part, and the final status.

        All of it becomes durable together. What was trained since the last save took less than
        LITTLE_SECONDS, so a kill in here costs only that and this part.
        """
        state, folder, network = self.state, self.folder, self.built.network
        with folder.together() as files:
            if self._unsaved is not None:
                self._save(files, *self._unsaved)
            self._flush()
            network.values[...] = final_weights(self.built.plan, state)
            files.write_arrays(weights_file("final"), network.arrays)
            files.write_arrays(weights_file("best"), network.named(state.best.values))
            missing, results = list[str](), outcome.NONE
            if state.status is not Status.DIVERGED:
                results = outcome.write_results(self.built, files, lambda: bool(request.signal))
            if results:
                files.write_arrays(SNAPSHOTS, self._snapshots.arrays())
                self._progress.remove()
                self._flush()
                if not (missing := folder.missing(self._has_checkpoint)):
                    self._conclude(files, results)
        if request.signal is not None and not results:
            self._stop(request.signal, "stopped while the final figures were worked out")
        if missing:
            raise StorageError(
                f"The run {shown(folder.path)} has come to its end, but something else removed "
                f"{', '.join(missing)} while it trained. The other files are whole."
            )

    def _conclude(self, files: RunFolder, results: dict[str, Any]) -> None:
        """Writes the summary and, after all other files, the final status."""
        plan, last = self.built.plan, self.last_row
        final = self.best_row if restores_best(plan, self.state) else last
        self.summary = {"final": final, "best": self.best_row, **results}
        files.write_json(SUMMARY, self.summary)
        more: dict[str, Any] = {"failure": self.failure._asdict()} if self.failure else {}
        trivial = self._standstill.sentence(plan.kind, plan.train)
        if sentence := trivial or outcome.worse_than_mean(last, plan.train):
            self.warnings.append(sentence)
            more["warnings"] = self.warnings
        self.record_status(self.state.status, files, **more)
