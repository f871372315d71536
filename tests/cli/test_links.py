"""L1: no command deletes, cuts or writes what a link in one of our folders points to."""

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from nnlab.config.load import load_config
from nnlab.errors import RunUnreadable
from nnlab.run import durable, lock
from nnlab.run.folder import RunFolder
from nnlab.run.sweeps import SweepFolder
from nnlab.study.trial import Trial, run_trial

Run = Callable[..., Result]
Plant = Callable[[Path, Path], None]

CONFIG = """
data: {name: blobs, samples: 40, test: 0.25}
network: [{dense: 4}, relu, {dense: 3}, softmax]
loss: cross_entropy
training: {epochs: 4, record_steps: true}
sweeps:
  lr: {values: [0.1, 0.2]}
"""
# What stands in a folder of ours and points outside: to a file, to a folder, or to nothing.
ROW = {"epoch": 5, "step": 9}
KINDS: dict[str, Plant] = {
    "file": lambda place, outside: place.symlink_to(outside / "thesis.txt"),
    "folder": lambda place, outside: place.symlink_to(outside, target_is_directory=True),
    "nothing": lambda place, outside: place.symlink_to(outside / "new.txt"),
    "hard link": lambda place, outside: os.link(outside / "thesis.txt", place),
}
ODD: dict[str, Plant] = {
    "pipe": lambda place, outside: os.mkfifo(place),
    "folder inside": lambda place, outside: (place / "inside").mkdir(parents=True),
}
IN_A_RUN = (
    *("run.json", "data.json", "summary.json", "config.yaml", "resolved.yaml", "metrics.csv"),
    *("steps.csv", "checkpoint.npz", "checkpoint.previous.npz", "snapshots.npz", "report.html"),
    *("predictions.npz", "lock", "lock.json", "weights", "weights/initial.npz", "figures"),
    *("weights/final.npz", "figures/curves.svg", ".x.tmp", "weights/.x.tmp", "figures/.x.tmp"),
)
IN_A_SWEEP = (
    "sweep.yaml",
    "summary.csv",
    "figures",
    "figures/final.png",
    "lock",
    ".x.tmp",
    "TRIAL",
)
Change = Callable[[RunFolder], object]
ARRAYS = {"0.dense.weight": np.zeros((2, 4))}
# Everything that changes a run's folder; what a command does is several of these.
CHANGES: dict[str, Change] = {
    "lock": lambda run: locked(run),
    "tidy": RunFolder.tidy,
    "rewind": RunFolder.rewind,
    "restart": RunFolder.restart,
    "save": lambda run: run.save_checkpoint(ARRAYS, {"epoch": 1}),
    "rows": lambda run: (run.append("metrics.csv", [ROW]), run.append("steps.csv", [ROW])),
    "texts": lambda run: (run.save_text("config.yaml", b""), run.save_text("resolved.yaml", "")),
    "status": lambda run: run.update_status("failed"),
    "numbers": lambda run: (
        run.write_json("data.json", {}),
        run.write_json("summary.json", {}),
        durable.remove(run.path / "summary.json"),
    ),
    "weights": lambda run: (
        run.write_arrays("weights/initial.npz", ARRAYS),
        run.write_arrays("weights/final.npz", ARRAYS),
    ),
    "arrays": lambda run: [run.write_arrays(name, ARRAYS) for name in ("snapshots", "predictions")],
    "page": lambda run: (run.write_figure("curves.svg", b"x"), run.save_text("report.html", "x")),
    "remove": lambda run: durable.remove_folder(run.path),
}
# Commands that meet a link, and what they come to.
MET = [
    ("metrics.csv", "file", "resume", 6),
    ("metrics.csv", "hard link", "resume", 6),
    ("steps.csv", "file", "restart", 6),
    ("weights", "folder", "resume", 6),
    (".x.tmp", "folder", "resume", 0),
    ("weights/.x.tmp", "folder", "resume", 0),
    ("figures", "folder", "plot", 6),
    ("figures/curves.svg", "file", "plot", 0),
    ("report.html", "file", "report", 0),
    ("lock", "file", "resume", 6),
    ("lock", "file", "runs", 0),
    ("lock", "hard link", "verify", 0),
]
COMMANDS = {
    "resume": ("resume", "RUN", "--no-plots"),
    "restart": ("resume", "RUN", "--no-plots"),
    "verify": ("verify", "RUN"),
    "plot": ("plot", "RUN", "--only", "curves", "--format", "svg"),
    "report": ("report", "RUN"),
    "runs": ("runs",),
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a config, a run in `runs/RUN` and a sweep."""
    from click.testing import CliRunner

    from nnlab.cli import main

    folder = tmp_path_factory.mktemp("trained")
    (folder / "c.yaml").write_text(CONFIG)
    before = Path.cwd()
    os.chdir(folder)
    try:
        runner = CliRunner()
        assert runner.invoke(main, ["train", "c.yaml", "--no-plots"]).exit_code == 0
        assert runner.invoke(main, ["sweep", "lr", "-c", "c.yaml", "--no-plots"]).exit_code == 0
    finally:
        os.chdir(before)
    return folder


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """What links point to: a folder of the user's own."""
    folder = tmp_path / "outside"
    (folder / "chapters").mkdir(parents=True)
    (folder / "thesis.txt").write_text("epoch,step\n0,0\n" * 100)
    (folder / "chapters" / "one.txt").write_text("It begins.")
    (folder / ".notes.tmp").write_text("Not a leftover of ours.")
    return folder


def contents(folder: Path) -> dict[str, bytes | None]:
    """Every file below a folder by its path, None for a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def locked(run: RunFolder) -> None:
    with run.lock():
        assert lock.is_held(run.path)


def the_run(folder: Path) -> Path:
    (path,) = (p for p in (folder / "runs").iterdir() if not p.name.startswith("sweep-"))
    return path


def copied(trained: Path, to: Path, command: str) -> Path:
    """The run of `trained` in the state that a command is to meet."""
    path = to / "runs" / the_run(trained).name
    shutil.copytree(the_run(trained), path)
    if command in ("resume", "restart"):
        RunFolder(path).update_status("interrupted")
    if command == "restart":
        for left in path.glob("checkpoint*"):
            left.unlink()
    return path


def plant(kind: Plant, place: Path, outside: Path) -> None:
    if place.is_dir():
        shutil.rmtree(place)
    place.parent.mkdir(exist_ok=True)
    place.unlink(missing_ok=True)
    kind(place, outside)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", KINDS | ODD)
def test_no_change_follows_a_link(
    trained: Path, outside: Path, tmp_path: Path, kind: str, change: str
) -> None:
    before = contents(outside)
    for place in IN_A_RUN:
        run = copied(trained, tmp_path, "rows")
        plant((KINDS | ODD)[kind], run / place, outside)
        with suppress(RunUnreadable):
            CHANGES[change](RunFolder(run))
        assert contents(outside) == before, place
        shutil.rmtree(run, ignore_errors=True)


@pytest.mark.parametrize(("place", "kind", "command", "code"), MET)
def test_commands(
    nnlab: Run,
    trained: Path,
    outside: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    kind: str,
    command: str,
    code: int,
) -> None:
    monkeypatch.setattr("nnlab.show.page.run.FIGURES", {})  # the page may be short
    before = contents(outside)
    run = copied(trained, tmp_path, command)
    plant((KINDS | ODD)[kind], run / place, outside)
    result = nnlab(*(str(run) if word == "RUN" else word for word in COMMANDS[command]))
    assert result.exit_code == code, (result.output, result.exception)
    assert contents(outside) == before
    if code == 6:
        assert str(run / place) in result.stderr


@pytest.mark.parametrize("kind", ["file", "folder", "hard link"])
@pytest.mark.parametrize("place", IN_A_SWEEP)
def test_in_a_sweep(trained: Path, outside: Path, tmp_path: Path, place: str, kind: str) -> None:
    source = trained / "runs" / "sweep-c-lr"
    sweep = SweepFolder(Path(shutil.copytree(source, tmp_path / source.name)))
    name = sweep.trials()[0]
    before = contents(outside)
    plant(KINDS[kind], sweep.path / place.replace("TRIAL", name), outside)
    for change in (
        SweepFolder.tidy,
        lambda folder: folder.write_about({"axes": []}),
        lambda folder: folder.write_summary(["lr"], folder.records()),
        lambda folder: folder.write_figure("a.png", b"x"),
        lambda folder: folder.lock().__enter__(),
        lambda folder: folder.discard(name),
    ):
        with suppress(RunUnreadable):
            change(sweep)
    assert contents(outside) == before


def test_a_trial_elsewhere_is_read_and_not_written(trained: Path, tmp_path: Path) -> None:
    """A trial folder that is a link counts when it is finished; no other is trained there."""
    source = SweepFolder(trained / "runs" / "sweep-c-lr")
    name = source.trials()[0]
    elsewhere = shutil.copytree(source.path / name, tmp_path / "elsewhere")
    sweep = tmp_path / "sweep"
    sweep.mkdir()
    (sweep / name).symlink_to(elsewhere)
    trial = Trial(name, load_config(elsewhere / "resolved.yaml").config, {})
    assert run_trial(trial, sweep).status == "completed"
    RunFolder(elsewhere).update_status("interrupted")
    before = contents(elsewhere)
    outcome = run_trial(trial, sweep)
    assert outcome.status == "failed"
    assert outcome.reason == (
        f"Cannot write {sweep / name}: it is a link, and nnlab does not write through links. "
        "Put a copy in its place."
    )
    assert contents(elsewhere) == before


def test_the_folder_that_the_user_names_may_be_a_link(
    nnlab: Run, trained: Path, tmp_path: Path
) -> None:
    run = copied(trained, tmp_path, "resume")
    (tmp_path / "link").symlink_to(run)
    result = nnlab("resume", "link", "--no-plots")
    assert result.exit_code == 0, result.output
    (tmp_path / "disk").mkdir()
    (tmp_path / "more").symlink_to(tmp_path / "disk")
    (tmp_path / "c.yaml").write_text(CONFIG)
    result = nnlab("train", "c.yaml", "--no-plots", "--runs", "more")
    assert result.exit_code == 0, result.output
    assert len(list((tmp_path / "disk").iterdir())) == 1
