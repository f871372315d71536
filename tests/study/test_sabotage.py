"""R12, R13: a sweep loses only what failed, and runs what is missing."""

import functools
import hashlib
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from nnlab.cli import main
from nnlab.run.folder import RunFolder
from nnlab.run.sweeps import SweepFolder
from nnlab.study.execute import InProcess, Processes, choose_executor, death
from tests.study import sabotage

linux = pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux alone")


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[functools.partial[Result]]:
    """Runs `nnlab sweep` with processes that know the data set `trouble`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NNLAB_RUNS", raising=False)
    monkeypatch.setattr("nnlab.cli.sweep.choose_executor", sabotaged)
    (tmp_path / "trouble.yaml").write_text(sabotage.CONFIG)
    with sabotage.known():
        yield functools.partial(run)


def sabotaged(*arguments: Any) -> InProcess | Processes:
    runner = choose_executor(*arguments)
    return replace(runner, entry=sabotage.serve) if isinstance(runner, Processes) else runner


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["sweep", "-c", "trouble.yaml", "--no-plots", *arguments])


def contents(folder: Path) -> dict[str, str]:
    """The hash of every file of the finished trials."""
    done = [one.parent for one in folder.glob("*/summary.json")]
    files = [path for trial in done for path in trial.rglob("*") if path.is_file()]
    return {str(f.relative_to(folder)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


@linux
def test_of_24_trials_18_finish_and_6_are_recorded(sweep, tmp_path: Path) -> None:
    result = sweep("data.number=range(24)", *sabotage.LIMITS)
    assert result.exit_code == 8, result.output
    folder = SweepFolder(tmp_path / "runs" / "sweep-trouble-data.number")
    sabotage.check_18_of_24(folder)
    assert all(reason in result.stdout for _, reason in sabotage.REASONS.values())
    assert "18 of 24 trials done" in result.stdout
    assert "6 of 24 trials have no result. --retry-failed runs them again." in result.stderr
    lines = (folder.path / "summary.csv").read_text().splitlines()
    assert len(lines) == 25

    before = contents(folder.path)
    again = sweep("data.number=range(24)", *sabotage.LIMITS)
    assert again.exit_code == 8
    assert "24 trials: 18 done, 0 to run, 6 failed" in again.stderr
    assert contents(folder.path) == before

    wider = sweep("data.number=range(30)", *sabotage.LIMITS)
    assert "30 trials: 18 done, 6 to run, 6 failed" in wider.stderr
    assert {k: v for k, v in contents(folder.path).items() if k in before} == before
    assert sum(record.done for record in folder.records()) == 24

    retried = sweep("data.number=2,3", "--retry-failed", *sabotage.LIMITS)
    assert "2 trials: 1 done, 1 to run" in retried.stderr
    assert retried.exit_code == 8


def test_without_limits_a_process_that_dies_costs_its_trial_alone(sweep, tmp_path: Path) -> None:
    result = sweep("data.number=range(12)", "--jobs", "2")
    assert result.exit_code == 8
    assert "9 of 12 trials done" in result.stdout


def test_a_failed_trial_is_a_run_like_any_other(sweep, tmp_path: Path) -> None:
    sweep("data.number=2,3", "--jobs", "2")
    folder = SweepFolder(tmp_path / "runs" / "sweep-trouble-data.number")
    for record in folder.records():
        run = RunFolder.find(str(folder.path / record.name), tmp_path)
        assert run.status() == ("completed" if record.done else "failed")
        assert json.loads((run.path / "run.json").read_text())["trial"]["cell"] == record.cell


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (-9, "its process was ended by SIGKILL (perhaps out of memory)"),
        (-11, "its process was ended by SIGSEGV (a segmentation fault)"),
        (-15, "its process was ended by SIGTERM"),
        (3, "its process ended with exit code 3"),
    ],
)
def test_a_death_in_words(code: int, words: str) -> None:
    assert death(code) == words
