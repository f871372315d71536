"""One trial of a sweep: a config that becomes a run folder, wherever and however often it runs.

A trial is identified by its folder's name. Running a finished trial changes nothing; an
interrupted trial continues from its checkpoint; of two processes that run the same trial, one
holds the lock, and the outcome of the other is `locked`.
"""

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import Any

from nnlab.build import SHARED, build
from nnlab.config.dump import dump, settings_of
from nnlab.config.given_rows import given_memory
from nnlab.config.schema import Config
from nnlab.data.dataset import UserFile
from nnlab.errors import (
    ConfigError,
    DataError,
    Interrupted,
    NnlabError,
    RunLocked,
    RunUnreadable,
    StorageError,
)
from nnlab.experiment import describe
from nnlab.experiment.resume import reopen
from nnlab.experiment.session import Session, new_session
from nnlab.experiment.signals import Terminated
from nnlab.experiment.state import file_hash, start_file, start_weights
from nnlab.run import durable, environment, guard, names
from nnlab.run.folder import RESOLVED, RUN, RunFolder
from nnlab.run.run import Run
from nnlab.run.settings import training_settings
from nnlab.run.text import mapping_or_empty
from nnlab.status import Status
from nnlab.training import Epoch

Machine = Mapping[str, Any]  # the answer of environment.describe


@dataclass(frozen=True)
class Trial:
    """All that a process needs to run a trial, here or on another machine.

    name: of its folder; a hash of its config.
    cell: the settings that this sweep varies, by the keys that the user wrote.
    data: SHA-256 that the data set must have; None before a trial on the same rows has ended.
    argv: the command of the user.
    """

    name: str
    config: Config
    cell: Mapping[str, Any]
    data: str | None = None
    argv: tuple[str, ...] = ()

    @classmethod
    def of(cls, config: Config, cell: Mapping[str, Any], argv: tuple[str, ...] = ()) -> "Trial":
        """The trial of a config. DataError when its data file cannot be read."""
        config = replace(config, sweeps={})
        source = config.data.source
        # A file of the user may change between two calls; whatever else a config names cannot.
        data = source.load(config.data.seed).sha256 if isinstance(source, UserFile) else None
        named = training_settings(settings_of(config)) | {"sweeps": {}}  # as in older folders
        return cls(names.of_trial(json.dumps(named)), config, cell, data, argv)

    @property
    def seed(self) -> int:
        """The seed of this repetition."""
        return self.config.seed

    @property
    def data_key(self) -> str:
        """Equal for trials that see the same rows."""
        return repr(self.config.data)


@dataclass(frozen=True)
class Outcome:
    """How a trial ended; all numbers are in its run folder.

    status: a word of Status; `locked` where another process is running the trial.
    reason: why a trial is not done.
    seconds: how long it ran in this call; 0 for a trial that had ended before.
    error: the class of the exception.
    pruned: the epoch at which `Pruning` stopped it.
    """

    name: str
    status: str
    reason: str | None = None
    seconds: float = field(default=0.0, compare=False)
    error: str | None = field(default=None, compare=False)
    pruned: int | None = None

    @property
    def done(self) -> bool:
        """Whether the trial came to its end with a result."""
        return Status.of(self.status).finished


@dataclass(frozen=True)
class Begun:
    """A trial has begun."""

    name: str


@dataclass(frozen=True)
class Pruning:
    """Stops a trial early.

    metric: the column of metrics.csv that decides.
    stops: whether the trial ends at an epoch with this value.
    """

    metric: str
    stops: Callable[[int, float], bool]


def run_trial(
    trial: Trial,
    parent: Path,
    machine: Machine | None = None,
    within: AbstractContextManager[None] | None = None,
    pruning: Pruning | None = None,
    raises: tuple[type[NnlabError], ...] = (),
) -> Outcome:
    """Run a trial to its end in `parent / trial.name`; an error in it is its outcome.

    It may be called again, and in several processes at once. `machine` is what
    `environment.describe` returned in this process. `within` is entered for the training alone,
    such as a memory limit. Raises Interrupted after a signal, when the state is saved, and the
    errors in `raises`, after which the trial can be continued.
    """
    began = perf_counter()
    folder = RunFolder(parent / trial.name)
    known = None
    try:
        known = read_outcome(folder)
        outcome = known or _train(trial, folder, machine, within, pruning)
    except (KeyboardInterrupt, Interrupted, Terminated):
        raise
    except raises:
        with suppress(NnlabError), folder.lock():
            folder.update_status("interrupted")
        raise
    except RunLocked as error:
        outcome = Outcome(trial.name, "locked", str(error))
    except Exception as error:
        reason, error_class = failure_reason(error), type(error).__name__
        outcome = Outcome(trial.name, "failed", reason, error=error_class)
    # Not inside `except`: by now the memory that the exception referred to is free.
    if known is not None:
        return replace(known, pruned=_prune_rows(folder, pruning))
    if outcome.error is not None:
        record_failed_trial(trial, parent, str(outcome.reason))
    return replace(outcome, seconds=perf_counter() - began)


def read_outcome(folder: RunFolder) -> Outcome | None:
    """How the trial in a folder ended; None if it was not begun, or has not ended."""
    try:
        run = Run.open(folder.path)
        status = run.written_status
    except RunUnreadable:
        return None
    return (
        Outcome(folder.name, status, run.failure_reason) if status.finished or status.lost else None
    )


def is_stale(folder: RunFolder, trial: Trial) -> bool:
    """Whether a trial's run was trained on data or initial weights that have changed."""
    start = start_file(trial.config.init)
    if (trial.data is None and start is None) or not folder.exists():
        return False
    try:
        run = Run(folder.path)
        before = mapping_or_empty(run.about.get("init")).get("sha256")
        changed = trial.data is not None and run.data_source[1] not in (None, trial.data)
        return changed or (start is not None and before not in (None, file_hash(start)))
    except (RunUnreadable, StorageError):
        return False


def record_failed_trial(trial: Trial, parent: Path, reason: str) -> Outcome:
    """Record in the trial's folder that it failed, whatever its state.

    If the system refuses to write, the trial counts as not yet run.
    """
    folder = RunFolder(parent / trial.name)
    ended = {"ended": environment.now(), "error": reason}
    with suppress(NnlabError):
        durable.make_subfolder(folder.path)
        with folder.lock():
            try:
                folder.update_status("failed", **ended)
            except RunUnreadable:  # it stopped before run.json was written
                folder.save_text(RESOLVED, dump(trial.config))
                first = {"format": 1, "status": "failed", "started": None}
                folder.write_json(RUN, {**first, **ended, **_trial_entry(trial)})
    return Outcome(trial.name, "failed", reason)


def failure_reason(error: Exception) -> str:
    """An exception as the reason of a failed trial."""
    if isinstance(error, NnlabError):
        return str(error)
    if isinstance(error, MemoryError):
        return f"Out of memory: {error}".rstrip(": ")
    return f"{type(error).__name__}: {error}"


def _train(
    trial: Trial,
    folder: RunFolder,
    machine: Machine | None,
    within: AbstractContextManager[None] | None,
    pruning: Pruning | None,
) -> Outcome:
    """Train to the end, or to the epoch at which the trial is pruned."""
    machine = machine or environment.describe(trial.argv)
    with within or nullcontext(), ExitStack() as stack:
        session = _open_session(stack, trial, folder, machine)
        pruned = _prune_rows(folder, pruning)
        if session is not None and pruned is None:
            pruned = _prune_session(session, pruning)
    if pruned is not None:
        return Outcome(trial.name, "interrupted", pruned=pruned)
    return read_outcome(folder) or Outcome(trial.name, "failed")


def _prune_session(session: Session, pruning: Pruning | None) -> int | None:
    """Train; returns the epoch at which the trial is pruned."""
    for record in session:
        if pruning is None or not isinstance(record, Epoch):
            continue
        if pruning.stops(record.epoch, float(session.last_row[pruning.metric])):
            return record.epoch
    return None


def _prune_rows(folder: RunFolder, pruning: Pruning | None) -> int | None:
    """The first epoch of metrics.csv at which the trial is pruned."""
    if pruning is None:
        return None
    values = Run(folder.path).metrics.get(pruning.metric, ())
    return next((e for e, v in enumerate(values) if pruning.stops(e, float(v))), None)


def _open_session(
    stack: ExitStack, trial: Trial, folder: RunFolder, machine: Machine
) -> Session | None:
    """The trial's session from its last save, else from its beginning; None at its end.

    It ends with `stack`. Raises DataError when the data have changed.
    """
    guard.refuse_link(folder.path)
    if folder.has_checkpoint():
        with suppress(RunUnreadable, ConfigError):  # its state is lost, so it starts again
            memory = given_memory(trial.config)
            return stack.enter_context(reopen(folder, argv=trial.argv, memory=memory))
    if folder.exists():
        with folder.lock():
            if read_outcome(folder) is not None:  # another process ended it just now
                return None
            durable.remove_folder(folder.path)
    built = build(trial.config, SHARED)
    if trial.data is not None and built.dataset.sha256 != trial.data:
        raise DataError(
            f"The data set {built.dataset.name} is not what the other trials of this sweep see: "
            f"SHA-256 {built.dataset.sha256}, there {trial.data}. Give all of them the same file "
            "and run the command again."
        )
    origin = start_weights(built)
    durable.make_subfolder(folder.path)
    stack.enter_context(folder.lock())
    if folder.exists():
        raise RunLocked(f"Another process began {folder.path} just now.")
    folder.restart()
    about = describe.run(built, machine, origin) | _trial_entry(trial)
    about["argv"] = list(trial.argv)
    return stack.enter_context(new_session(folder, built, about, sync=False))


def _trial_entry(trial: Trial) -> dict[str, Any]:
    """The entry of run.json about the sweep."""
    return {"trial": {"cell": dict(trial.cell), "seed": trial.seed}}
