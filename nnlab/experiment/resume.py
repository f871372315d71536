"""Continues a run from its last save, to the same end.

with reopen(folder) as session:      # None when there is nothing left to do
    for record in session or ():
        ...
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from nnlab.build import Built, build, load_weights
from nnlab.config.dump import dump, settings_of
from nnlab.config.load import from_mapping, load_config
from nnlab.config.overrides import Override
from nnlab.config.schema import Config
from nnlab.data.memory import Memory
from nnlab.errors import DataError, RunUnreadable, UsageError
from nnlab.experiment import changes, describe
from nnlab.experiment.session import Session, record_end
from nnlab.run import durable, environment
from nnlab.run.folder import RESOLVED, RUN, SUMMARY, RunFolder, weights_file
from nnlab.run.run import Run, expected
from nnlab.run.text import shown
from nnlab.status import Status
from nnlab.training import State, start


@contextmanager
def reopen(
    folder: RunFolder,
    overrides: Sequence[Override] = (),
    *,
    argv: Sequence[str] | None = None,
    memory: Memory | None = None,
) -> Iterator[Session | None]:
    """The rest of a run; None for a run that is complete. `memory`: as for `Run`.

    Nothing is changed before everything is checked. Raises RunLocked, RunUnreadable; ConfigError
    for settings that cannot change; DataError when the data has changed; UsageError for a run that
    diverged. An exception inside the `with` leaves the status `failed`.
    """
    machine = environment.describe(argv)  # before the lock: see describe.run
    with folder.lock():
        folder.tidy()
        run = Run(folder.path, memory)
        resolved = folder.config_path()
        config = load_config(resolved, overrides, check=False).config
        before = saved_settings(run)
        way_out = f"`nnlab train {shown(resolved)}` with --set begins another run."
        changes.refuse(before, settings_of(config), way_out)
        status = run.written_status
        if status is Status.DIVERGED:
            raise UsageError(
                f"This run {run.failure_reason}. It would diverge there again. Train it again with "
                f"another learning rate: `nnlab train {shown(resolved)} --set lr=...`"
            )
        epochs = before["training"]["epochs"]
        longer = config.training.epochs > epochs
        if status is Status.EARLY_STOPPED or (status is Status.COMPLETED and not longer):
            yield None
            return
        built = rebuild(run, config)
        if longer:
            steps = int(run.checkpoint.meta["step"]) if run.checkpoint else 0
            changes.refuse_length(built.plan, epochs, steps, way_out)
        with record_end(_rewound_session(run, built, before, machine)) as session:
            yield session


def saved_settings(run: Run) -> dict[str, Any]:
    """The resolved config to which the saved state belongs."""
    saved = run.checkpoint.meta.get("config") if run.checkpoint else None
    config = from_mapping(saved, check=False) if isinstance(saved, dict) else run.config
    return settings_of(config)


def rebuild(run: Run, config: Config | None = None) -> Built:
    """The objects of a run, on its own data; DataError when that has changed.

    `config`: the run's config with changes.
    """
    run.require_described()
    # The data is that of the run, which may hold its rows.
    built = build(run.config if config is None else replace(config, data=run.config.data))
    then = run.data_source[1]
    if built.dataset.sha256 != then:
        raise DataError(
            f"The data set {built.dataset.name} is not what it was when this run began: "
            f"SHA-256 {built.dataset.sha256}, then {then}. Put the old data back, or "
            f"train again with `nnlab train {shown(run.path / RESOLVED)}`."
        )
    return built


def initial_state(run: Run, built: Built) -> State:
    """The state before the first update, from the run's initial weights."""
    network = built.network
    weights = run.folder.read_arrays(weights_file("initial"), expected(network))
    load_weights(network, weights, "initial")
    return start(built.plan, network)


def _rewound_session(
    run: Run, built: Built, before: dict[str, Any], machine: Mapping[str, Any]
) -> Session:
    """The session at the last save; its folder is rewound to it."""
    folder = run.folder
    session = Session(built, folder, initial_state(run, built), machine)
    then = environment.essence(run.about)
    if saved := run.checkpoint:
        session.restore(saved)  # before anything in the folder is changed
        then = saved.meta.get("environment") or then
        session.notes += [saved.note] if saved.note else []
        folder.rewind()
    else:
        session.notes.append("The run was stopped before its first save, so it begins again.")
        folder.restart()
    other = environment.environment_changes(then, session.environment)
    other += describe.kernel_changes(run.about)
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
    resumption = {
        "time": environment.now(),
        "step": session.state.step,
        "argv": machine["argv"],
        "changes": {k: [o, n] for k, o, n in changes.differences(before, session.settings)},
        "differences": other,
    }
    _mark_running(run, machine, resumption)
    if session.settings != before:
        folder.save_text(RESOLVED, dump(built.config))
    return session


def _mark_running(run: Run, machine: Mapping[str, Any], resumption: dict[str, Any]) -> None:
    """Writes the resumption into run.json, and removes the results.

    resolved.yaml comes later: a kill in between leaves a run with its old settings.
    """
    about = {key: value for key, value in run.about.items() if key not in ("error", "failure")}
    about |= {key: machine[key] for key in ("versions", "platform", "threads")}
    history = about.get("resumed")
    about["resumed"] = [*(history if isinstance(history, list) else []), resumption]
    run.folder.write_json(RUN, about | {"status": Status.RUNNING, "ended": None})
    durable.remove(run.path / SUMMARY)
