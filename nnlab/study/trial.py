"""One trial of a sweep: a config that becomes a run folder, wherever and however often it runs.

A trial is known by its folder's name alone. Running one that is finished changes nothing; one
that was interrupted goes on from its checkpoint; of two that run at once in the same folder one
holds the lock and the other says so.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any, Literal

from nnlab.build import SHARED, build
from nnlab.config.dump import dump
from nnlab.config.load import from_mapping
from nnlab.config.schema import Config
from nnlab.errors import ConfigError, DataError, Interrupted, NnlabError, RunLocked, RunUnreadable
from nnlab.experiment import describe
from nnlab.experiment.resume import resume
from nnlab.experiment.session import Session, guarded, opened, start_weights
from nnlab.experiment.signals import Terminated
from nnlab.run import durable, environment, guard
from nnlab.run.folder import RESOLVED, RUN, RunFolder
from nnlab.run.run import Run

Status = Literal["completed", "early_stopped", "diverged", "failed", "interrupted", "locked"]
DONE = ("completed", "early_stopped")  # came to its end: never run again
LOST = ("diverged", "failed")  # ended without a result: run again only when asked
Machine = Mapping[str, Any]  # what environment.describe gives


@dataclass(frozen=True)
class Trial:
    """What one process needs to know to run a trial, in another process or on another machine.

    name: of its folder; a hash of its config, see `plan`.
    config: the resolved config as JSON, with the engine chosen.
    cell: the settings that this sweep varies, as the user wrote their keys.
    seed: of this repetition.
    data: SHA-256 that the data set must have: of a file of the user as it is now, else where an
    earlier trial has told.
    argv: the command that asked for it.
    """

    name: str
    config: str
    cell: Mapping[str, Any]
    seed: int
    data: str | None = None
    argv: tuple[str, ...] = ()

    @property
    def training(self) -> dict[str, Any]:
        """The section `training` of its config, which takes no time to read."""
        found: dict[str, Any] = json.loads(self.config)["training"]
        return found

    def read_config(self) -> Config:
        """The config. ConfigError when this version cannot read it."""
        return from_mapping(json.loads(self.config), check=False)


@dataclass(frozen=True)
class Outcome:
    """How a trial ended: a small record that travels; all numbers are in the run folder.

    `locked` is a trial that another process is running. `reason` is a sentence for those that are
    not done. `seconds` is what it took here and now, 0 for one that was finished before. `error` is
    the class of what was raised.
    """

    name: str
    status: Status
    reason: str | None = None
    seconds: float = field(default=0.0, compare=False)
    error: str | None = field(default=None, compare=False)

    @property
    def done(self) -> bool:
        """Whether the trial came to its end with a result."""
        return self.status in DONE


@dataclass(frozen=True)
class Begun:
    """A trial has begun."""

    name: str


def run_trial(
    trial: Trial,
    parent: Path,
    machine: Machine | None = None,
    within: AbstractContextManager[None] | None = None,
) -> Outcome:
    """Run a trial to its end in `parent / trial.name`; whatever goes wrong in it is its outcome.

    Harmless to call again, and at the same time elsewhere. `machine` is what
    `environment.describe` gave in this process, asked once for many trials. Training happens
    inside `within`, a limit perhaps, and nothing else does. Raises Interrupted after a signal,
    when the state is saved.
    """
    began = perf_counter()
    folder = RunFolder(parent / trial.name)
    reason = kind = None
    try:
        if (known := outcome(folder)) is not None:
            return known
        machine = machine or environment.describe(trial.argv)
        with within or nullcontext():
            _train(trial, folder, machine)
    except (KeyboardInterrupt, Interrupted, Terminated):
        raise
    except RunLocked as error:
        return Outcome(trial.name, "locked", str(error), perf_counter() - began)
    except Exception as error:
        reason, kind = said(error), type(error).__name__
    # Not inside `except`: what it held of the trial's memory is given back by now.
    if reason is not None:
        record_failure(trial, parent, reason)
    ended = outcome(folder)
    seconds = perf_counter() - began
    if ended is None or reason is not None:
        return Outcome(trial.name, "failed", reason, seconds, kind)
    return Outcome(trial.name, ended.status, ended.reason, seconds)


def outcome(folder: RunFolder) -> Outcome | None:
    """How the trial in a folder ended; None when it has not, or was never begun."""
    try:
        about = RunFolder.open(folder.path).read_json(RUN)
    except RunUnreadable:
        return None
    status = about.get("status")
    if status in DONE:
        return Outcome(folder.name, status)
    if status in LOST:
        return Outcome(folder.name, status, Run(folder.path).failure_reason)
    return None


def is_stale(folder: RunFolder, trial: Trial) -> bool:
    """Whether the run in a trial's folder has seen other data than the trial is to see."""
    if trial.data is None or not folder.exists():
        return False
    try:
        data = folder.read_json(RUN).get("data")
    except RunUnreadable:
        return False
    return isinstance(data, dict) and data.get("sha256") not in (None, trial.data)


def record_failure(trial: Trial, parent: Path, reason: str) -> None:
    """Write into the trial's folder that it failed, whatever state it was left in.

    What the system refuses to write is left out: then the trial counts as not yet run.
    """
    folder = RunFolder(parent / trial.name)
    now = environment.now()
    with suppress(NnlabError):
        durable.make_subfolder(folder.path)
        with folder.lock():
            try:
                folder.update_status("failed", ended=now, error=reason)
            except RunUnreadable:  # it did not come as far as run.json
                folder.write_text(RESOLVED, dump(trial.read_config()))
                folder.write_json(
                    RUN,
                    {
                        "format": 1,
                        "status": "failed",
                        "started": None,
                        "ended": now,
                        "error": reason,
                        **about_trial(trial),
                    },
                )


def about_trial(trial: Trial) -> dict[str, Any]:
    """What run.json says of the sweep that a run belongs to."""
    return {"trial": {"cell": dict(trial.cell), "seed": trial.seed}}


def said(error: Exception) -> str:
    """An exception as the reason of a failed trial."""
    if isinstance(error, NnlabError):
        return str(error)
    if isinstance(error, MemoryError):
        return f"Out of memory: {error}".rstrip(": ")
    return f"{type(error).__name__}: {error}"


def _train(trial: Trial, folder: RunFolder, machine: Machine) -> None:
    with going(trial, folder, machine) as session:
        for _ in session or ():
            pass


@contextmanager
def going(trial: Trial, folder: RunFolder, machine: Machine) -> Iterator[Session | None]:
    """The trial's session from its beginning, or from where it was stopped; None at its end."""
    with ExitStack() as stack:
        session: Session | None = None
        guard.refuse_link(folder.path)
        fresh = not folder.exists()
        if not fresh:
            try:
                session = stack.enter_context(resume(folder, argv=trial.argv))
            except (RunUnreadable, ConfigError):  # its state is lost, and the folder has no more
                durable.remove_folder(folder.path)
                fresh = True
        if fresh:
            session = stack.enter_context(begun(trial, folder, machine))
        yield session


@contextmanager
def begun(trial: Trial, folder: RunFolder, machine: Machine) -> Iterator[Session]:
    """The session of a trial from its beginning. DataError when the data are not what they were."""
    config = trial.read_config()
    built = build(config, SHARED)
    if trial.data is not None and built.dataset.sha256 != trial.data:
        raise DataError(
            f"The data set {built.dataset.name} is not what the other trials of this sweep see: "
            f"SHA-256 {built.dataset.sha256}, there {trial.data}. Give all of them the same file "
            "and run the command again."
        )
    start_weights(built)
    resolved = dump(built.config)
    durable.make_subfolder(folder.path)
    with folder.lock():
        if folder.exists():
            raise RunLocked(f"Another process began {folder.path} just now.")
        folder.restart()
        about = {**describe.run(built, machine), **about_trial(trial), "argv": list(trial.argv)}
        yield from guarded(opened(folder, built, about, resolved))
