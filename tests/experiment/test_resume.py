"""`resume`: what is stopped anywhere ends as if it had not been (R6, R7)."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from nnlab.build import build
from nnlab.config import schema
from nnlab.config.annotations import hints
from nnlab.config.dump import settings_of
from nnlab.config.load import from_mapping, load_config
from nnlab.core.schedules import SCHEDULES
from nnlab.data import batches
from nnlab.errors import ConfigError, DataError, NnlabError, RunUnreadable, UsageError
from nnlab.experiment import changes, session
from nnlab.experiment.resume import reopen
from nnlab.experiment.session import begin
from nnlab.run import checkpoint, lock
from nnlab.run.folder import RunFolder
from nnlab.run.weights import write_weights
from tests.torture import cases
from tests.torture.worker import content, differing

STOPS = 5  # places inside a run, beside its first two records and the last


class Lost(Exception):
    """The process, as far as a test in one process can tell."""


@pytest.fixture
def configs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cases of the torture as files; an epoch has many chunks, and nothing saves by itself."""
    cases.write(tmp_path)
    monkeypatch.setattr(batches, "CHUNK_BATCHES", 1)
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # no power cut here, and 3x faster
    return tmp_path


def undisturbed(config: Path, *overrides: str, look: Callable[[Any], None] | None = None) -> Path:
    with begin(load_config(config, overrides), config.parent / "runs") as run:
        for _ in run:
            if look is not None:
                look(run)
    return run.folder.path


def stopped(config: Path, records: int, *overrides: str, save: bool = True) -> Path:
    """The folder of a run that was lost after so many records."""
    with suppress(Lost), begin(load_config(config, overrides), config.parent / "runs") as run:
        for number, _ in enumerate(run, 1):
            if number == records:
                if save:
                    run.checkpoint()
                raise Lost
    return run.folder.path


def resumed(path: Path, *overrides: str) -> dict[str, Any]:
    with reopen(RunFolder.open(path), overrides) as run:
        assert run is not None
        for _ in run:
            pass
    return content(path)


def records_of(config: Path, *overrides: str) -> int:
    with begin(load_config(config, overrides), config.parent / "runs") as run:
        return sum(1 for _ in run)


@pytest.mark.parametrize("case", [*cases.CASES, *cases.SMALL])
def test_stopped_after_any_record_it_ends_the_same(configs: Path, case: str) -> None:
    config, length = configs / f"{case}.yaml", cases.SHORTER.get(case, [])
    wanted = content(undisturbed(config, *length))
    total = records_of(config, *length)
    stops = sorted({1, 2, total, *range(1, total, max(1, total // STOPS))})
    for stop in stops:
        assert differing(resumed(stopped(config, stop, *length)), wanted) == [], stop


def test_all_first_records_of_a_run_that_records_its_steps(configs: Path) -> None:
    """Row 0, every update of two epochs, the end of an epoch before its row: each a stop."""
    config = configs / "small.yaml"
    wanted = content(undisturbed(config))
    for stop in range(1, records_of(config) + 1):
        assert differing(resumed(stopped(config, stop)), wanted) == [], stop


def test_how_often_one_saves_changes_nothing(configs: Path) -> None:
    config = configs / "csv.yaml"
    wanted = content(undisturbed(config))
    assert differing(content(undisturbed(config, look=lambda run: run.checkpoint())), wanted) == []


def test_stopped_many_times(configs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = configs / "digits.yaml"
    wanted = content(undisturbed(config))
    path = stopped(config, 3)
    for _ in range(6):
        with reopen(RunFolder.open(path)) as run:
            assert run is not None
            for number, _ in enumerate(run):
                if number == 20:
                    run.checkpoint()
                    break
    assert differing(resumed(path), wanted) == []


def test_rows_after_the_last_save_are_made_again(
    configs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "FLUSH_SECONDS", 0.0)
    config = configs / "csv.yaml"
    wanted = content(undisturbed(config, "training.checkpoint_every=5"))
    path = stopped(config, 150, "training.checkpoint_every=5", save=False)
    saved = RunFolder.open(path).load_checkpoint().meta["epoch"]
    assert RunFolder.open(path).last_metrics()["epoch"] > saved > 0
    assert differing(resumed(path), wanted) == []


def test_before_the_first_save_it_begins_again(configs: Path) -> None:
    config = configs / "identity.yaml"
    wanted = content(undisturbed(config, "training.checkpoint_every=1000"))
    path = stopped(config, 9, "training.checkpoint_every=1000", save=False)
    RunFolder.open(path).append("metrics.csv", [{"epoch": 0, "step": 0}])
    assert not RunFolder.open(path).has_checkpoint()
    with reopen(RunFolder.open(path)) as run:
        assert run is not None
        assert run.notes == ["The run was stopped before its first save, so it begins again."]
        assert list(run)
    assert differing(content(path), wanted) == []


def test_from_the_save_before_when_the_last_one_is_damaged(configs: Path) -> None:
    config = configs / "csv.yaml"
    wanted = content(undisturbed(config, "training.checkpoint_every=5"))
    path = stopped(config, 200, "training.checkpoint_every=5")
    damaged = path / checkpoint.CURRENT
    damaged.write_bytes(damaged.read_bytes()[:-100])
    with reopen(RunFolder.open(path)) as run:
        assert run is not None
        (note,) = run.notes
        assert note.endswith("The run continues from checkpoint.previous.npz, the save before.")
        assert list(run)
    assert differing(content(path), wanted) == []


def test_both_saves_damaged(configs: Path) -> None:
    path = stopped(configs / "csv.yaml", 200, "training.checkpoint_every=5")
    before = {}
    for name in (checkpoint.CURRENT, checkpoint.PREVIOUS):
        (path / name).write_bytes(b"x")
    before = {p: p.read_bytes() for p in path.iterdir() if p.is_file()}
    with pytest.raises(RunUnreadable, match=r"Still there: metrics\.csv"), reopen(RunFolder(path)):
        pass
    assert {p: p.read_bytes() for p in path.iterdir() if p.is_file()} == before


@pytest.mark.parametrize("long", [True, False])
def test_killed_between_the_last_save_and_the_end(
    configs: Path, monkeypatch: pytest.MonkeyPatch, long: bool
) -> None:
    """The final files are missing; what trained for long is not trained again."""
    config = configs / "digits.yaml"
    wanted = content(undisturbed(config))
    monkeypatch.setattr(session, "LITTLE_SECONDS", 0.0 if long else 1e9)
    with monkeypatch.context() as patch:
        patch.setattr(session.Session, "_conclude", lambda *_: (_ for _ in ()).throw(Lost))
        with pytest.raises(Lost), begin(load_config(config), configs / "runs") as run:
            list(run)
    path = run.folder.path
    assert sorted(file.name for file in (path / "weights").iterdir()) == ["initial.npz"]
    with reopen(RunFolder.open(path)) as again:
        assert again is not None
        assert (list(again) == []) == long
    assert differing(content(path), wanted) == []


def test_git_is_asked_before_the_folder_is_locked(
    configs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is killed while it starts git would leave the lock to git for a moment."""
    from nnlab.run import environment

    path = stopped(configs / "small.yaml", 5)
    locked = []

    def git(folder: Path, *rest: object) -> None:
        locked.extend([lock.is_held(one) for one in (configs / "runs").iterdir()])

    monkeypatch.setattr(environment, "git", git)
    resumed(path)
    undisturbed(configs / "small.yaml")
    assert locked == [False, False]


# Longer.


@pytest.mark.parametrize("name", ["start.npz", "start.safetensors"])
def test_a_run_from_a_file_of_weights_needs_the_file_no_more(configs: Path, name: str) -> None:
    config, file = configs / "identity.yaml", configs / name
    first = RunFolder(undisturbed(config, "epochs=1"))
    write_weights(file, first.read_arrays("weights/final.npz"))
    start = ["epochs=6", f"init.file={file}"]
    wanted = content(undisturbed(config, *start))
    path = stopped(config, 3, *start)
    file.unlink()
    assert differing(resumed(path), wanted) == []


@pytest.mark.parametrize("restore_best", [True, False])
def test_more_epochs_end_as_if_asked_for_at_once(configs: Path, restore_best: bool) -> None:
    """The last weights go on, also where the best ones took their place at the end."""
    config = configs / "identity.yaml"
    base = [
        "schedule=constant",
        "training.early_stopping.patience=1000",
        "training.monitor=train_accuracy",
        f"training.early_stopping.restore_best={str(restore_best).lower()}",
    ]
    wanted = content(undisturbed(config, *base, "epochs=40"))
    path = undisturbed(config, *base, "epochs=25")
    found = resumed(path, "training.epochs=40")
    # Snapshots are taken at moments that the length at the start decides.
    allowed = {"snapshots.npz", "checkpoint"}
    assert set(differing(found, wanted)) <= allowed
    arrays = [
        {k: v for k, v in one["checkpoint"].items() if not k.startswith("snapshot")}
        for one in (found, wanted)
    ]
    assert arrays[0] == arrays[1]
    about = RunFolder.open(path).read_json("run.json")
    assert about["status"] == "completed"
    (record,) = about["resumed"]
    assert record["changes"] == {"training.epochs": [25, 40]}
    assert "epochs: 100" in RunFolder.open(path).read_text("config.yaml")  # as it was given
    assert "epochs: 40" in RunFolder.open(path).read_text("resolved.yaml")


def test_a_finished_run_has_nothing_to_do(configs: Path) -> None:
    path = undisturbed(configs / "small.yaml")
    before = {p: p.read_bytes() for p in path.rglob("*") if p.is_file()}
    with reopen(RunFolder.open(path)) as run:
        assert run is None
    assert {p: p.read_bytes() for p in path.rglob("*") if p.is_file()} == before


def test_a_run_that_stopped_early_has_nothing_to_do_either(configs: Path) -> None:
    path = undisturbed(configs / "digits.yaml", "training.early_stopping.min_delta=10")
    assert RunFolder.open(path).status() == "early_stopped"
    with reopen(RunFolder.open(path), ["training.epochs=99"]) as run:
        assert run is None


def test_a_diverged_run_says_why(configs: Path) -> None:
    path = undisturbed(configs / "digits.yaml", "lr=1e30", "optimizer.momentum=0.5")
    assert RunFolder.open(path).status() == "diverged"
    with pytest.raises(UsageError) as error, reopen(RunFolder.open(path)):
        pass
    assert str(error.value).startswith("This run diverged in epoch 1: the ")
    assert f"`nnlab train {path}/resolved.yaml --set lr=...`" in str(error.value)


def test_killed_after_it_diverged_it_is_still_diverged(
    configs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, rate = configs / "digits.yaml", ("lr=1e30", "optimizer.momentum=0.5")
    wanted = content(undisturbed(config, *rate))
    with monkeypatch.context() as patch:
        patch.setattr(session.Session, "_conclude", lambda *_: (_ for _ in ()).throw(Lost))
        with pytest.raises(Lost), begin(load_config(config, rate), configs / "runs") as run:
            list(run)
    assert differing(resumed(run.folder.path), wanted) == []
    assert "failure" in run.folder.read_json("run.json")


def test_changed_data_is_refused(configs: Path) -> None:
    path = stopped(configs / "csv.yaml", 30)
    table = configs / "table.csv"
    table.write_text(table.read_text().replace("red", "blue", 1))
    before = {p: p.read_bytes() for p in path.rglob("*") if p.is_file()}
    with pytest.raises(DataError, match="is not what it was when this run began"):
        resumed(path)
    after = {p: p.read_bytes() for p in path.rglob("*") if p.is_file()}
    assert after == before


def test_another_environment_is_said(configs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nnlab.run import environment

    path = stopped(configs / "small.yaml", 8)
    real = environment.versions()
    other = {**real, "numpy": "1.0", "python": "2.7"}
    monkeypatch.setattr(environment, "versions", lambda: other)
    with reopen(RunFolder.open(path)) as run:
        assert run is not None
        (note,) = run.notes
    assert note == (
        "The last bits may differ from an undisturbed run: "
        f"python was {real['python']}, now 2.7; numpy was {real['numpy']}, now 1.0."
    )
    (record,) = RunFolder.open(path).read_json("run.json")["resumed"]
    assert len(record["differences"]) == 2


# R7: what may change.

DIFFERENT: dict[str, Any] = {
    "name": "other",
    "seed": 77,
    "data.size": 5,
    "network.0.units": 9,
    "init": "he_uniform",
    "loss": "mse",
    "optimizer.lr": 0.5,
    "schedule": "cosine",
    "training.epochs": 9,
    "training.batch_size": 2,
    "training.shuffle": False,
    "training.drop_last": True,
    "training.dtype": "float32",
    "training.engine": "auto",
    "training.early_stopping": {"patience": 3},
    "training.monitor": "train_accuracy",
    "training.metrics": ["auc"],
    "training.checkpoint_every": 3,
    "training.record_steps": False,
    "training.ema": 0.5,
    "training.swa": 1,
    "training.augment": ["flip"],
    "sweeps": {"lr": {"key": "lr", "values": [0.1]}},
    "expect": {"parameters": "<= 99"},
}
ALLOWED = {"training.epochs", "training.checkpoint_every", "sweeps", "expect"}


def every_key() -> Iterator[str]:
    for key in hints(schema.Config):
        if key == "training":
            yield from (f"training.{name}" for name in hints(schema.Training))
        else:
            yield key


def test_every_key_of_the_config_has_a_row() -> None:
    assert sorted(changes.RULES) == sorted(every_key())
    assert {key for key, reason in changes.RULES.items() if reason is None} == ALLOWED
    assert sorted(changes.rule(key) for key in DIFFERENT) == sorted(changes.RULES)


@pytest.mark.parametrize("key", DIFFERENT)
def test_each_key_is_allowed_or_refused(configs: Path, key: str) -> None:
    path = stopped(configs / "small.yaml", 8)
    before = {p: p.read_bytes() for p in path.iterdir() if p.is_file()}
    override: list[Any] = [(key, DIFFERENT[key])]
    if key in ALLOWED:
        with reopen(RunFolder.open(path), override) as run:
            assert run is not None
            list(run)
        assert RunFolder.open(path).status() == "completed"
        return
    with pytest.raises(ConfigError) as error, reopen(RunFolder.open(path), override):
        pass
    first, *rows, last = str(error.value).split("\n")
    assert first == "A resumed run keeps its settings, so this cannot change:"
    assert all(" -> " in row for row in rows)
    assert any(row.strip().startswith(key) for row in rows)
    assert last.startswith(f"`nnlab train {path}/resolved.yaml`")
    assert {p: p.read_bytes() for p in path.iterdir() if p.is_file()} == before


def test_a_resolved_config_edited_by_hand_is_refused_too(configs: Path) -> None:
    path = stopped(configs / "small.yaml", 8)
    resolved = path / "resolved.yaml"
    resolved.write_text(resolved.read_text().replace("lr: 0.001", "lr: 0.002"))
    with pytest.raises(ConfigError, match=r"optimizer\.lr: 0\.001 -> 0\.002"):
        resumed(path)


def test_fewer_epochs_are_refused(configs: Path) -> None:
    path = stopped(configs / "small.yaml", 8)
    with pytest.raises(ConfigError, match=r"training.epochs: 4 -> 3 \(a run can become longer"):
        resumed(path, "training.epochs=3")


LENGTH_FOLLOWS = {"linear", "cosine", "one_cycle"}


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("per", ["epoch", "step"])
@pytest.mark.parametrize("length", [None, 2])
def test_more_epochs_and_the_schedule(
    configs: Path, name: str, per: str, length: int | None
) -> None:
    """Refused exactly where the rates so far would have been others."""
    settings: dict[str, Any] = {"name": name, "per": per}
    if name == "plateau":
        settings.pop("per")
    if name in LENGTH_FOLLOWS:
        settings["length"] = length
    if name == "multistep":
        settings["milestones"] = [2]
    document = settings_of(load_config(configs / "small.yaml").config) | {"schedule": settings}
    config = configs / "s.yaml"
    config.write_text(json.dumps(document))
    path = stopped(config, 14)
    if name in LENGTH_FOLLOWS and length is None:
        with pytest.raises(ConfigError, match=r"epochs: 4 -> 9 \(the schedule's length followed"):
            resumed(path, "training.epochs=9")
    else:
        assert resumed(path, "training.epochs=9")["status"] == "completed"


# A folder that someone else made.

HOSTILE: dict[str, Callable[[dict[str, Any], dict[str, Any]], None]] = {
    "a counter that is text": lambda arrays, state: state.update(step="1"),
    "a counter below zero": lambda arrays, state: state.update(epoch=-1),
    "an unknown status": lambda arrays, state: state.update(status="eval"),
    "no generators": lambda arrays, state: state.pop("generators"),
    "another generator": lambda arrays, state: state.update(
        generators={"2": {"bit_generator": "os.system", "state": {}}}
    ),
    "a best epoch that is a list": lambda arrays, state: state.update(best=[1, 2]),
    "no patience": lambda arrays, state: state.update(patience=None),
    "an array less": lambda arrays, state: arrays.pop("slot.m"),
    "one number for all": lambda arrays, state: arrays.update(theta=arrays["theta"][:1]),
    "another dtype": lambda arrays, state: arrays.update(theta=arrays["theta"].astype("float32")),
    "nan weights": lambda arrays, state: arrays.update(theta=arrays["theta"] * float("nan")),
    "no best row": lambda arrays, state: state.pop("best_row"),
    "hashes that are text": lambda arrays, state: state.update(hashes="abc"),
    "a failure that is a number": lambda arrays, state: state.update(failure=7),
    "a config that is none": lambda arrays, state: state.update(config={"data": "os.system"}),
    "snapshots of another size": lambda arrays, state: arrays.pop("snapshot.theta"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_save_that_does_not_fit_is_refused_and_changes_nothing(configs: Path, name: str) -> None:
    path = stopped(configs / "small.yaml", 8)
    folder = RunFolder.open(path)
    saved = folder.load_checkpoint()
    arrays, state = dict(saved.arrays), json.loads(json.dumps(saved.meta))
    HOSTILE[name](arrays, state)
    folder.save_checkpoint(arrays, state)
    before = {p: p.read_bytes() for p in path.iterdir() if p.is_file()}
    with pytest.raises(NnlabError) as error:
        resumed(path)
    assert error.value.exit_code in (2, 6)
    assert {p: p.read_bytes() for p in path.iterdir() if p.is_file()} == before


@pytest.mark.parametrize("content", ["[]", "{}", '{"data": "x"}', '{"status": 7, "resumed": "x"}'])
def test_a_run_json_of_another_kind(configs: Path, content: str) -> None:
    path = stopped(configs / "small.yaml", 8)
    (path / "run.json").write_text(content)
    with pytest.raises(NnlabError) as error:
        resumed(path)
    assert error.value.exit_code in (3, 6)


def test_the_hash_of_a_state_sees_each_of_its_arrays() -> None:
    from nnlab.experiment import state as states
    from nnlab.training import start

    built = build(
        from_mapping(
            {
                "data": "xor",
                "network": [{"dense": 1}, "sigmoid"],
                "loss": "bce",
                "optimizer": "adam",
                "training": {"ema": 0.9},
            }
        )
    )
    state = start(built.plan, built.network)
    seen = {states.digest(state)}
    for name, array in states.arrays(state).items():
        if name not in ("sums", "best", "buffers"):
            array[-1] += 1e-12 if array.dtype == float else 1e-3
            seen.add(states.digest(state))
    assert len(seen) == 5
