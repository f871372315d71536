"""One run: trains, and keeps its folder true at every moment.

with begin(loaded, parent) as session:
    for record in session:
        ...                      # show it; the session has already kept it
session.folder, session.summary
"""

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any, NoReturn

import numpy as np

from nnlab.build import Built, build, load_weights
from nnlab.config.dump import dump, settings_of
from nnlab.config.files import name_problem
from nnlab.config.load import Loaded
from nnlab.config.schema import FromRun
from nnlab.core.metrics import ACCURACY
from nnlab.errors import ConfigError, Interrupted, NnlabError, RunUnreadable, StorageError
from nnlab.experiment import describe, outcome, signals
from nnlab.experiment.rows import epoch_row, step_rows
from nnlab.experiment.snapshots import Snapshots
from nnlab.experiment.state import digest, freeze, hashed_epochs, thaw
from nnlab.run import environment
from nnlab.run.checkpoint import Checkpoint
from nnlab.run.environment import now
from nnlab.run.folder import (
    CONFIG,
    DATA,
    METRICS,
    PREDICTIONS,
    RESOLVED,
    RUN,
    SAMPLES,
    SNAPSHOTS,
    STEPS,
    SUMMARY,
    RunFolder,
    weights_file,
)
from nnlab.run.text import shown
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
BURST = 1024  # epochs; some 20 ms of the smallest


@contextmanager
def begin(
    loaded: Loaded, parent: Path, *, name: str | None = None, argv: Sequence[str] | None = None
) -> Iterator["Session"]:
    """A new run of a config, in a new folder in `parent`.

    Nothing is written before the data is loaded and the network built. Raises DataError,
    ConfigError or StorageError. An exception inside the `with` leaves the status `failed`.
    """
    if name is not None and (problem := name_problem(name)):
        raise ConfigError(f"--name: {problem}")
    config = replace(loaded.config, name=name) if name else loaded.config
    built = build(config)
    start_weights(built)
    resolved = dump(built.config)
    about = describe.run(built, environment.describe(argv))
    folder = RunFolder.create(parent, config.name)
    with folder.lock():
        yield from guarded(opened(folder, built, about, resolved, loaded.text))


def opened(
    folder: RunFolder,
    built: Built,
    about: dict[str, Any],
    resolved: str,
    text: bytes | None = None,
) -> "Session":
    """The first files of a run, run.json the last of them: before it, there is no run to find.

    Only under the lock. `resolved` is the config in full form, `text` as the user gave it.
    """
    folder.save_text(CONFIG, resolved.encode() if text is None else text)
    folder.save_text(RESOLVED, resolved)
    folder.write_json(DATA, describe.data(built))
    folder.write_arrays(weights_file("initial"), built.network.arrays)
    folder.write_json(RUN, about)
    session = Session(built, folder, start(built.plan, built.network))
    session.environment = environment.essence(about)
    return session


def start_weights(built: Built) -> None:
    """Where the config says so, set the weights that another run ended with."""
    init = built.config.init
    if isinstance(init, FromRun):
        source = RunFolder.open(Path(init.run))
        load_weights(built.network, source.read_arrays(weights_file("final")), init.run)


def guarded(session: "Session") -> Iterator["Session"]:
    """Hand out the session; what goes wrong meanwhile is written into run.json, if it can be."""
    try:
        yield session
        if not session.summary:  # the caller left its loop early
            session.checkpoint()
            session.folder.update_status(
                "interrupted", ended=now(), seconds=session.seconds, hashes=session.hashes
            )
    except GeneratorExit:
        raise
    except BaseException as error:
        if not session.stopped and session.is_in_place():
            ended = isinstance(error, KeyboardInterrupt | Interrupted | signals.Terminated)
            status, text = "interrupted" if ended else "failed", f"{type(error).__name__}: {error}"
            with suppress(NnlabError):  # else the status stays `running`, shown as resumable
                session.folder.update_status(status, ended=now(), error=text)
        raise


class Session:
    """Iterate to train; every record is kept in the folder before it is handed on.

    `notes` are sentences for the user about what the run goes on from, `warnings` about what is
    suspicious in its data and, at the end, in what came of it.
    """

    def __init__(self, built: Built, folder: RunFolder, state: State) -> None:
        self.built, self.folder, self.state = built, folder, state
        self.settings = settings_of(built.config)
        self.environment: dict[str, str] = {}
        self.notes: list[str] = []
        self.warnings = list(built.warnings)
        self.stopped = False  # by a signal, and saved
        self.summary: dict[str, Any] = {}
        self.failure: Failure | None = None
        self.best_row: dict[str, Any] = {}
        self.hashes: dict[str, str] = {}  # epoch -> digest of the state after it
        self._standstill = outcome.Standstill()
        self._epochs: list[dict[str, Any]] = []
        self._steps: list[dict[str, Any]] = []
        self._snapshots = Snapshots(built.network, built.plan.epochs)
        self._hashed = frozenset(hashed_epochs(built.plan.epochs))
        self._plan = replace(
            built.plan,
            burst=BURST,
            marks=tuple(sorted(self._snapshots.wanted | self._hashed)),
            mark_every=built.config.training.checkpoint_every,
        )
        self._began = perf_counter()
        self._flushed = self._saved = perf_counter()
        self._identity = folder.identity()
        self._has_checkpoint = False  # written by this process
        self.read_tables()

    @property
    def seconds(self) -> float:
        """Since the run began, time before an interruption included."""
        return perf_counter() - self._began

    def read_tables(self) -> None:
        """Take the tables as they are; from here on nothing else may change them."""
        self.last_row: dict[str, Any] = self.folder.last_metrics()
        self._sizes = self.folder.table_sizes()

    def is_in_place(self) -> bool:
        """Whether the folder's path still leads to the folder that this run began in."""
        return self.folder.identity() == self._identity

    def __iter__(self) -> Iterator[Record]:
        with signals.deferred() as request:
            for records in run_bursts(self._plan, self.state):
                for record in records:
                    self._keep(record)
                last = records[-1]
                if isinstance(last, Epoch):
                    self._snapshots.take(last.epoch, self.state.weights)
                    if last.epoch in self._hashed:
                        self.hashes[str(last.epoch)] = digest(self.state)
                yield from records
                if request.signal is not None:
                    self._interrupt(request.signal)
                self._save_if_due(last)
            self._finish(request)

    def restore(self, saved: Checkpoint) -> None:
        """Go on after this save. RunUnreadable when it is not one of this run."""
        values, meta = saved.arrays, saved.meta
        thaw(self.state, values, meta)
        try:
            if "snapshot.epochs" in values:
                self._snapshots.restore(values)
            self.best_row, self.hashes = dict(meta["best_row"]), dict(meta["hashes"])
            self.failure = Failure(*meta["failure"]) if meta["failure"] else None
            self._began = perf_counter() - float(meta["seconds"])
        except (KeyError, TypeError, ValueError) as error:
            raise RunUnreadable(f"The checkpoint lacks something ({error!r}).") from error

    def _keep(self, record: Record) -> None:
        if isinstance(record, Epoch):
            row = epoch_row(record, self.seconds)
            self._epochs.append(row)
            self.last_row = row
            if (accuracy := record.train.get(ACCURACY.name)) is not None:
                self._standstill.see(record.epoch, accuracy)
            if record.is_best:
                self.best_row = row
        elif isinstance(record, Steps) and self.built.plan.record_steps:
            self._steps += step_rows(record)
        elif isinstance(record, Failure):
            self.failure = record

    def _save_if_due(self, record: Record) -> None:
        every = self.built.config.training.checkpoint_every
        moment = perf_counter()
        if self._is_last(record):
            due = True
        elif every is not None:
            due = isinstance(record, Epoch) and record.epoch > 0 and record.epoch % every == 0
        else:
            due = moment - self._saved >= CHECKPOINT_SECONDS
        if due:
            self.checkpoint()
        elif moment - self._flushed >= FLUSH_SECONDS:
            self._flush()

    def _is_last(self, record: Record) -> bool:
        if isinstance(record, Epoch):
            return record.epoch >= self.built.plan.epochs or self.state.status != "running"
        return isinstance(record, Failure)

    def _flush(self) -> None:
        """Move the rows gathered so far into the tables.

        Raises StorageError when something else changed or removed them, or the folder.
        """
        folder = self.folder
        if not self.is_in_place():
            raise StorageError(
                f"Cannot write into {shown(folder.path)}: the folder was moved, removed or "
                "replaced while the run trained. What it had saved is where the folder is now."
            )
        try:
            self._sizes[METRICS] = folder.append(METRICS, self._epochs, at=self._sizes[METRICS])
            self._sizes[STEPS] = folder.append(STEPS, self._steps, at=self._sizes[STEPS])
        except StorageError as error:
            raise StorageError(f"{error}{self._lost()}") from error
        self._epochs, self._steps = [], []
        self._flushed = perf_counter()

    def _lost(self) -> str:
        """What a table that changed means for the run, as a sentence; empty where none did."""
        sizes = self.folder.table_sizes()
        if all(sizes[name] >= size for name, size in self._sizes.items()):
            return ""
        return (
            f" Its rows are lost, so the run stops here, at epoch {self.state.epoch}. "
            f"`nnlab train {shown(self.folder.path / RESOLVED)}` trains it again."
        )

    def checkpoint(self) -> None:
        """Save everything that is needed to go on from here."""
        self._flush()
        values, meta = freeze(self.state)
        values |= self._snapshots.arrays("snapshot.")
        meta |= {"seconds": self.seconds, "best_row": self.best_row, "hashes": self.hashes}
        meta |= {"failure": self.failure, "config": self.settings}
        meta |= {"data": self.built.dataset.sha256, "environment": self.environment}
        self.folder.save_checkpoint(values, meta)
        self._has_checkpoint = True
        self._saved = perf_counter()

    def _interrupt(self, number: int) -> None:
        self.checkpoint()
        self._stop(number, f"stopped after {self.state.step:,} updates")

    def _stop(self, number: int, what: str) -> NoReturn:
        """End the run here; its state was saved."""
        folder = self.folder
        missing = folder.missing(saved=True, ended=False)
        if RUN not in missing:
            folder.update_status(
                "interrupted", ended=now(), seconds=self.seconds, hashes=self.hashes
            )
        self.stopped = True
        next_step = f"`nnlab resume {folder.path}` continues it."
        if missing:
            next_step = (
                f"But something else removed {', '.join(missing)} while it trained: "
                f"`nnlab resume {folder.path}` works only when that is back."
            )
        raise Interrupted(
            f"{signal.Signals(number).name}: {what}; the state is saved in {folder.path}. "
            f"{next_step}",
            signals.CODES[signal.Signals(number)],
        )

    def _finish(self, request: signals.Request) -> None:
        """Final weights, what they achieve on every part, and the status that says how it ended.

        The state was saved with the last record, so that a kill in here costs this part alone.
        """
        built, state, folder = self.built, self.state, self.folder
        self._flush()
        network = built.network
        network.values[...] = final_weights(built.plan, state)
        folder.write_arrays(weights_file("final"), network.arrays)
        folder.write_arrays(weights_file("best"), network.named(state.best.values))
        restored = restores_best(built.plan, state)
        self.summary = {
            "final": self.best_row if restored else self.last_row,
            "best": self.best_row,
            **self._evaluate(request),
        }
        folder.write_arrays(SNAPSHOTS, self._snapshots.arrays())
        self._flush()
        if missing := folder.missing(self._has_checkpoint):
            raise StorageError(
                f"The run {shown(folder.path)} has come to its end, but something else removed "
                f"{', '.join(missing)} while it trained. The other files are whole."
            )
        folder.write_json(SUMMARY, self.summary)
        more: dict[str, Any] = {}
        if self.failure:
            more["failure"] = describe.failure(self.failure)
        sentence = self._standstill.sentence(built.kind, built.plan.train)
        sentence = sentence or outcome.worse_than_mean(self.last_row, built.plan.train)
        if sentence:
            self.warnings.append(sentence)
            more["warnings"] = self.warnings
        folder.update_status(
            state.status, ended=now(), seconds=self.seconds, hashes=self.hashes, **more
        )

    def _evaluate(self, request: signals.Request) -> dict[str, Any]:
        """Keep predictions; the test numbers and tables. Of a diverged network there are none."""
        if self.state.status == "diverged":
            return {"test": None, "part": None, "classes": None, "confusion": None}
        built, network = self.built, self.built.network
        names = built.dataset.class_names
        predictions: dict[str, Any] = {}
        samples: dict[str, Any] = {}
        tables: dict[str, Any] = {}
        test = None
        with np.errstate(all="ignore"):
            for name, part, rows in outcome.parts(built):
                if request.signal is not None:
                    self._stop(request.signal, "stopped while the final figures were worked out")
                predicted = outcome.outputs(network, part)
                target = predictions if len(rows) <= outcome.SMALL else samples
                target |= outcome.kept(built, name, predicted, part, rows)
                tables = {"part": name, **outcome.class_tables(names, built.kind, predicted, part)}
                if name == "test":
                    test = outcome.numbers(built.plan, network, part)
        if predictions:
            self.folder.write_arrays(PREDICTIONS, predictions)
        if samples:
            self.folder.write_arrays(SAMPLES, samples)
        return {"test": test, **tables}
