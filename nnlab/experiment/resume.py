"""A run goes on from its last save and ends as if it had never stopped.

with resume(folder) as session:      # None when there is nothing left to do
    for record in session or ():
        ...
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from nnlab.build import Built, build, load_weights
from nnlab.config.dump import dump, settings_of
from nnlab.config.load import from_mapping, load_config
from nnlab.config.overrides import Override
from nnlab.config.schema import Config
from nnlab.data.batches import Batches
from nnlab.errors import DataError, RunUnreadable, UsageError
from nnlab.experiment import changes
from nnlab.experiment.session import Session, guarded
from nnlab.run import durable, environment
from nnlab.run.environment import now
from nnlab.run.folder import RESOLVED, RUN, SUMMARY, RunFolder, weights_file
from nnlab.run.run import Run, expected
from nnlab.run.text import shown
from nnlab.training import State, start

FINISHED = ("completed", "early_stopped")


@contextmanager
def resume(
    folder: RunFolder, overrides: Sequence[Override] = (), *, argv: Sequence[str] | None = None
) -> Iterator[Session | None]:
    """The rest of a run; None for one that has come to its end.

    Nothing is changed before everything is checked. Raises RunLocked, RunUnreadable; ConfigError
    for what cannot be changed; DataError when the data is not what it was; UsageError for a run
    that diverged. An exception inside the `with` leaves the status `failed`.
    """
    machine = environment.describe(argv)  # before the lock: see describe.run
    with folder.lock():
        folder.tidy()
        config = load_config(folder.path / RESOLVED, overrides, check=False).config
        again = f"`nnlab train {shown(folder.path / RESOLVED)}` with --set begins another run."
        before = settings(folder)
        changes.refuse(before, settings_of(config), again)
        about = folder.read_json(RUN)
        longer = config.training.epochs > before["training"]["epochs"]
        if about.get("status") == "diverged":
            raise UsageError(diverged(folder, about))
        if about.get("status") in FINISHED and (about["status"] == "early_stopped" or not longer):
            yield None
            return
        built = prepared(folder, config, about)
        if longer:
            steps = saved_steps(folder)
            plan = built.plan
            count = Batches(plan.train, plan.batch_size, plan.drop_last).count
            changes.refuse_length(config, before["training"]["epochs"], steps, count, again)
        yield from guarded(reopened(folder, built, about, before, machine))


def settings(folder: RunFolder) -> dict[str, Any]:
    """The resolved config that the state in the folder belongs to."""
    if folder.has_checkpoint():
        found = folder.load_checkpoint().meta.get("config")
        if isinstance(found, dict):
            return settings_of(from_mapping(found, check=False))
    return settings_of(load_config(folder.path / RESOLVED, check=False).config)


def saved_steps(folder: RunFolder) -> int:
    """How many updates the saved state has seen."""
    return int(folder.load_checkpoint().meta["step"]) if folder.has_checkpoint() else 0


def prepared(folder: RunFolder, config: Config, about: dict[str, Any]) -> Built:
    """The run's objects, on the data that it began with; DataError when that has changed."""
    Run(folder.path).require_described()
    built = build(config)
    data = about.get("data")
    then = data.get("sha256") if isinstance(data, dict) else None
    if built.dataset.sha256 != then:
        raise DataError(
            f"The data set {built.dataset.name} is not what it was when this run began: "
            f"SHA-256 {built.dataset.sha256}, then {then}. Put the old data back to go on, or "
            f"train again with `nnlab train {shown(folder.path / RESOLVED)}`."
        )
    return built


def state_of(folder: RunFolder, built: Built) -> State:
    """The state before the first update, from the weights that the run began with."""
    network = built.network
    load_weights(network, folder.read_arrays(weights_file("initial"), expected(network)), "initial")
    return start(built.plan, network)


def reopened(
    folder: RunFolder,
    built: Built,
    about: dict[str, Any],
    before: dict[str, Any],
    machine: Mapping[str, Any],
) -> Session:
    """The folder back at its last save, marked as running, and the session that goes on."""
    session = Session(built, folder, state_of(folder, built))
    session.environment = environment.essence(machine)
    then = environment.essence(about)
    if folder.has_checkpoint():
        saved = folder.load_checkpoint()
        session.restore(saved)  # before anything in the folder is changed
        then = saved.meta.get("environment") or then
        session.notes += [saved.note] if saved.note else []
        folder.rewind()
    else:
        session.notes.append("The run was stopped before its first save, so it begins again.")
        folder.restart()
    other = environment.differences(then, session.environment)
    if other:
        session.notes.append(
            f"The last bits may differ from an undisturbed run: {'; '.join(other)}."
        )
    session.read_tables()
    if session.state.best.epoch >= 0 and session.last_row.get("epoch") != session.state.epoch:
        raise RunUnreadable(
            f"metrics.csv of {shown(folder.path)} does not end with the epoch that was saved, "
            f"{session.state.epoch}."
        )
    record = {
        "time": now(),
        "step": session.state.step,
        "argv": machine["argv"],
        "changes": {k: [o, n] for k, o, n in changes.differences(before, session.settings)},
        "differences": other,
    }
    before_that = about.get("resumed")
    history = [*(before_that if isinstance(before_that, list) else []), record]
    kept = {k: v for k, v in about.items() if k not in ("error", "failure")}
    news = {key: machine[key] for key in ("versions", "platform", "threads")}
    # Status first: a kill before resolved.yaml is written leaves a run that ends as it was to.
    folder.write_json(RUN, kept | news | {"status": "running", "ended": None, "resumed": history})
    durable.remove(folder.path / SUMMARY)
    if session.settings != before:
        folder.save_text(RESOLVED, dump(built.config))
    return session


def diverged(folder: RunFolder, about: dict[str, Any]) -> str:
    """Why there is no going on, and what to do instead."""
    where = about.get("failure")
    where = where if isinstance(where, dict) else {}
    what = str(where.get("what", "a number")).replace("_", " ")
    return (
        f"This run diverged in epoch {where.get('epoch')}: the {what} became non-finite. Going on "
        "would end there again. Train it again with another rate: "
        f"`nnlab train {shown(folder.path / RESOLVED)} --set lr=...`"
    )
