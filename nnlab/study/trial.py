"""One trial of a sweep: a config that becomes a run folder, wherever and however often it runs.

A trial is known by its folder's name alone. Running a finished trial changes nothing; an
interrupted trial continues from its checkpoint; of two processes that run the same trial, one
holds the lock and the other says so.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import Any

from nnlab.build import SHARED, build
from nnlab.config.dump import dump, settings_of
from nnlab.config.schema import Config
from nnlab.data.dataset import UserFile
from nnlab.errors import ConfigError, DataError, Interrupted, NnlabError, RunLocked, RunUnreadable
from nnlab.experiment import describe
from nnlab.experiment.resume import resume
from nnlab.experiment.session import Session, new_session, start_weights
from nnlab.experiment.signals import Terminated
from nnlab.run import durable, environment, guard, names
from nnlab.run.folder import RESOLVED, RUN, RunFolder
from nnlab.run.run import Run
from nnlab.status import Status
from nnlab.training import Epoch

Machine = Mapping[str, Any]  # what environment.describe gives


@dataclass(frozen=True)
class Trial:
    """What a process needs to know to run a trial, here or on another machine.

    name: of its folder; a hash of its config.
    cell: the settings that this sweep varies, as the user wrote their keys.
    data: SHA-256 that the data set must have; None where no earlier trial has set it.
    argv: the command that asked for it.
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
        return cls(names.of_trial(json.dumps(settings_of(config))), config, cell, data, argv)

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
    reason: a sentence for trials that are not done.
    seconds: what it took here and now, 0 for a trial that had ended before.
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
    """Run a trial to its end in `parent / trial.name`; what goes wrong in it is its outcome.

    Harmless to call again, and at the same time elsewhere. `machine` is what
    `environment.describe` gave in this process. Only training happens inside `within`, such as a
    memory limit. Raises Interrupted after a signal, when the state is saved, and the errors in
    `raises`, after which the trial can be continued.
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
    """How the trial in a folder ended; None when it has not, or was never begun."""
    try:
        run = Run.open(folder.path)
        status = Status.of(run.about.get("status"))
    except RunUnreadable:
        return None
    return (
        Outcome(folder.name, status, run.failure_reason) if status.finished or status.lost else None
    )


def is_stale(folder: RunFolder, trial: Trial) -> bool:
    """Whether the run in a trial's folder was trained on other data than the trial is to see."""
    if trial.data is None or not folder.exists():
        return False
    try:
        return Run(folder.path).data_source[1] not in (None, trial.data)
    except RunUnreadable:
        return False


def record_failed_trial(trial: Trial, parent: Path, reason: str) -> Outcome:
    """Write into the trial's folder that it failed, whatever state it was left in.

    Where the system refuses to write, nothing is recorded: the trial counts as not yet run.
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
    with within or nullcontext(), _session(trial, folder, machine) as session:
        pruned = _prune_rows(folder, pruning)
        if session is not None and pruned is None:
            pruned = _prune_session(session, pruning)
    if pruned is not None:
        return Outcome(trial.name, "interrupted", pruned=pruned)
    return read_outcome(folder) or Outcome(trial.name, "failed")


def _prune_session(session: Session, pruning: Pruning | None) -> int | None:
    """Train; gives the epoch at which the trial is pruned."""
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


@contextmanager
def _session(trial: Trial, folder: RunFolder, machine: Machine) -> Iterator[Session | None]:
    """The trial's session from its beginning or its last save; None at its end."""
    with ExitStack() as stack:
        guard.refuse_link(folder.path)
        session: Session | None = None
        fresh = not folder.exists()
        if not fresh:
            try:
                session = stack.enter_context(resume(folder, argv=trial.argv))
            except (RunUnreadable, ConfigError):  # its state is lost, so it starts again
                durable.remove_folder(folder.path)
                fresh = True
        if fresh:
            session = stack.enter_context(_new_session(trial, folder, machine))
        yield session


@contextmanager
def _new_session(trial: Trial, folder: RunFolder, machine: Machine) -> Iterator[Session]:
    """The trial's session from its beginning. DataError when the data have changed."""
    built = build(trial.config, SHARED)
    if trial.data is not None and built.dataset.sha256 != trial.data:
        raise DataError(
            f"The data set {built.dataset.name} is not what the other trials of this sweep see: "
            f"SHA-256 {built.dataset.sha256}, there {trial.data}. Give all of them the same file "
            "and run the command again."
        )
    start_weights(built)
    durable.make_subfolder(folder.path)
    with folder.lock():
        if folder.exists():
            raise RunLocked(f"Another process began {folder.path} just now.")
        folder.restart()
        about = {**describe.run(built, machine), **_trial_entry(trial), "argv": list(trial.argv)}
        with new_session(folder, built, about) as session:
            yield session


def _trial_entry(trial: Trial) -> dict[str, Any]:
    """What run.json says of the sweep that a run belongs to."""
    return {"trial": {"cell": dict(trial.cell), "seed": trial.seed}}
