"""`nnlab resume`: what it prints where, its exit codes, and one writer per folder (R9)."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from nnlab.config.load import load_config
from nnlab.experiment.session import begin
from nnlab.run.folder import RunFolder
from tests.patience import wait_until
from tests.torture import cases

ROOT = Path(__file__).resolve().parents[2]
PROCESSES = 8
Nnlab = Callable[..., Result]


@pytest.fixture
def stopped(tmp_path: Path, nnlab: Nnlab) -> RunFolder:
    """A run of `small` that was lost after its first epochs; the only run in tmp_path/runs."""
    cases.write(tmp_path)
    with begin(load_config(tmp_path / "small.yaml"), tmp_path / "runs") as session:
        for number, _ in enumerate(session):
            if number == 5:
                break
    return session.folder


def test_it_continues_and_prints_as_train_does(nnlab: Nnlab, stopped: RunFolder) -> None:
    assert stopped.status() == "interrupted"
    result = nnlab("resume", "latest", "--no-plots")
    assert result.exit_code == 0
    assert result.stderr.splitlines()[0] == "small: identity, rows: 4 to train"
    assert result.stderr.splitlines()[-1].startswith("epoch 4/4  loss ")
    header, row, empty, updates, where = result.stdout.splitlines()
    assert header.split() == ["part", "epoch", "loss", "accuracy"]
    assert (re.split("  +", row)[:2], empty) == (["train (while training)", "4 (best)"], "")
    assert re.fullmatch(r"16 updates in [\d.]+ m?s( \(.+ in all\))?, saved in", updates)
    assert where == f"runs/{stopped.name}"
    assert stopped.status() == "completed"
    assert not (stopped.path / "figures").exists()


def test_figures_and_json(nnlab: Nnlab, stopped: RunFolder) -> None:
    result = nnlab("resume", stopped.name, "--json")
    assert json.loads(result.stdout) == {
        "folder": f"runs/{stopped.name}",
        "status": "completed",
        "summary": stopped.read_json("summary.json"),
    }
    assert {"curves.png", "steps.png"} <= set(os.listdir(stopped.path / "figures"))


def test_nothing_to_do(nnlab: Nnlab, stopped: RunFolder) -> None:
    assert nnlab("resume", "latest", "--no-plots").exit_code == 0
    result = nnlab("resume", "latest")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"runs/{stopped.name} is complete: nothing to do.\n"
    result = nnlab("resume", "latest", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["status"] == "completed"


def test_more_epochs_and_what_is_refused(nnlab: Nnlab, stopped: RunFolder) -> None:
    result = nnlab("resume", "latest", "--set", "lr=1", "--set", "training.epochs=9")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "A resumed run keeps its settings, so this cannot change:\n"
        "  optimizer.lr: 0.001 -> 1.0 (the numbers so far follow from it)\n"
        f"`nnlab train runs/{stopped.name}/resolved.yaml` with --set begins another run.\n"
    )
    assert nnlab("resume", "latest", "--set", "training.epochs=9", "--no-plots").exit_code == 0
    assert stopped.last_metrics()["epoch"] == 9


def test_a_folder_that_was_no_run_yet(nnlab: Nnlab, stopped: RunFolder) -> None:
    (stopped.path / "run.json").unlink()
    result = nnlab("resume", "latest")
    assert result.exit_code == 6
    assert result.stderr == (
        f"Cannot read runs/{stopped.name}: it has no run.json, so it is not a run.\n"
    )


def test_one_of_eight_continues_and_seven_name_it(tmp_path: Path, stopped: RunFolder) -> None:
    """The process that resumes is paused while it trains, then killed: the lock is free again."""
    code = """
import os, signal
from nnlab.cli import main
from nnlab.experiment import session
real = session.Session.__iter__
def paused(run):
    print("continuing", flush=True)
    signal.pause()
session.Session.__iter__ = paused
main.main(["resume", "latest", "--no-plots", "-q"], prog_name="nnlab")
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    children = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(PROCESSES)
    ]
    try:
        wait_until(lambda: sum(child.poll() is None for child in children) == 1)
        (winner,) = (child for child in children if child.poll() is None)
        for loser in children:
            if loser is not winner:
                _, message = loser.communicate()
                assert loser.returncode == 5
                assert message.startswith(f"Process {winner.pid} on ")
                assert len(message.splitlines()) == 1
        winner.send_signal(signal.SIGKILL)
        winner.communicate()
    finally:
        for child in children:
            child.kill()
            child.communicate()
    assert stopped.status() == "resumable"
