"""R15, R16: where a trial runs, and beside what, changes nothing."""

import ast
import hashlib
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from nnlab.run import threads
from nnlab.run.folder import RunFolder
from nnlab.run.lock import hold_lock
from nnlab.study.execute import Executor, InProcess, Processes
from nnlab.study.plan import prepare_sweep
from nnlab.study.trial import Begun, Outcome, Trial, record_failed_trial, run_trial
from tests.patience import PATIENCE, wait_until

ROOT = Path(__file__).resolve().parents[2]
DIGITS = """
data: {name: digits, test: 0.5, validation: 0.2}
network: [{dense: 16}, relu, {dropout: 0.2}, {dense: 10}, softmax]
loss: cross_entropy
optimizer: adam
training: {epochs: 2, batch_size: 64}
"""


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> tuple[Trial, ...]:
    config = tmp_path_factory.mktemp("config") / "case.yaml"
    config.write_text(DIGITS)
    return prepare_sweep(["lr=0.001,0.01"], str(config), seeds=2).trials


def hashes(executor: Executor, trials: Sequence[Trial], parent: Path) -> dict[str, str]:
    """The hash of the final weights of each trial."""
    parent.mkdir()
    events = list(executor.run(trials, parent))
    assert {event.name for event in events if isinstance(event, Begun)} == {t.name for t in trials}
    assert all(event.done for event in events if isinstance(event, Outcome))
    found = {}
    for trial in trials:
        arrays = RunFolder(parent / trial.name).read_arrays("weights/final.npz")
        joined = b"".join(arrays[key].tobytes() for key in sorted(arrays))
        found[trial.name] = hashlib.sha256(joined).hexdigest()
    return found


def test_parallel_is_serial(trials: tuple[Trial, ...], tmp_path: Path) -> None:
    serial = hashes(InProcess(), trials, tmp_path / "serial")
    assert len(set(serial.values())) == 4
    executors = {
        "one": (Processes(1), trials),
        "two": (Processes(2), trials),
        "shared": (Processes(2, shared=True), trials),
        "backwards": (Processes(2, shared=True), trials[::-1]),
    }
    for name, (executor, order) in executors.items():
        assert hashes(executor, order, tmp_path / name) == serial, name


def test_a_process_has_one_blas_thread_whatever_its_parent_has(tmp_path: Path) -> None:
    (tmp_path / "case.yaml").write_text(DIGITS)
    more = dict.fromkeys(threads.VARIABLES, "2") | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "tests.study.sabotage", str(tmp_path / "case.yaml"), str(tmp_path)],
        env={**os.environ, **more},
        capture_output=True,
        text=True,
        check=True,
    )
    counts = [ast.literal_eval(line) for line in done.stdout.splitlines()]
    assert len(counts) == 2
    assert all(counts)
    assert {count for one in counts for count in one} == {1}


def test_running_a_trial_twice_does_no_harm(trials: tuple[Trial, ...], tmp_path: Path) -> None:
    first = run_trial(trials[0], tmp_path)
    files = {p: p.read_bytes() for p in (tmp_path / trials[0].name).rglob("*") if p.is_file()}
    assert run_trial(trials[0], tmp_path) == first
    assert {p: p.read_bytes() for p in files} == files


def test_a_trial_that_another_process_runs_is_left_to_it(
    trials: tuple[Trial, ...], tmp_path: Path
) -> None:
    path = tmp_path / trials[0].name
    path.mkdir()
    with hold_lock(path):
        found = run_trial(trials[0], tmp_path)
    assert found.status == "locked"
    assert "is writing into" in str(found.reason)
    assert not (path / "run.json").exists()


def test_a_trial_whose_data_has_changed_fails(trials: tuple[Trial, ...], tmp_path: Path) -> None:
    from dataclasses import replace

    found = run_trial(replace(trials[0], data="0" * 64), tmp_path)
    assert found.status == "failed"
    assert "is not what the other trials of this sweep see" in str(found.reason)


def test_a_folder_that_cannot_be_resumed_is_trained_anew(
    trials: tuple[Trial, ...], tmp_path: Path
) -> None:
    clean = hashes(InProcess(), trials[:1], tmp_path / "clean")
    parent = tmp_path / "rotten"
    path = parent / trials[0].name
    path.mkdir(parents=True)
    (path / "run.json").write_text('{"status": "running"}')
    assert run_trial(trials[0], parent).status == "completed"
    rerun = RunFolder(path).read_arrays("weights/final.npz")
    joined = b"".join(rerun[key].tobytes() for key in sorted(rerun))
    assert clean == {trials[0].name: hashlib.sha256(joined).hexdigest()}


def test_a_failure_without_a_run_leaves_one_that_says_so(
    trials: tuple[Trial, ...], tmp_path: Path
) -> None:
    record_failed_trial(trials[0], tmp_path, "because")
    run = RunFolder.open(tmp_path / trials[0].name)
    assert run.status() == "failed"
    assert run.read_json("run.json")["error"] == "because"
    assert run.read_json("run.json")["trial"] == {"cell": {"lr": 0.001}, "seed": 0}
    assert run_trial(trials[0], tmp_path) == Outcome(trials[0].name, "failed", "because")


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux alone")
def test_a_memory_limit_holds_for_the_training_alone() -> None:
    """In a process of its own: the address space of this one may have room to give away."""
    code = (
        "import numpy as np\n"
        "from nnlab.study.execute import limited_memory\n"
        "try:\n"
        "    with limited_memory(50_000_000):\n"
        "        np.ones(1_000_000)\n"
        "        np.ones(20_000_000)\n"
        "except MemoryError:\n"
        "    print(np.ones(20_000_000).sum())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "20000000.0\n", done.stderr


def test_closing_the_events_ends_the_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nnlab.study.execute.GRACE", PATIENCE)
    config = tmp_path / "case.yaml"
    config.write_text(DIGITS.replace("epochs: 2", "epochs: 100000"))
    endless = prepare_sweep(["lr=0.001,0.01"], str(config)).trials
    events = Processes(2).run(endless, tmp_path)
    assert isinstance(next(events), Begun)
    assert isinstance(next(events), Begun)
    folders = [RunFolder(tmp_path / one.name) for one in endless]
    wait_until(lambda: all(folder.last_metrics() for folder in folders))
    events.close()
    assert [folder.status() for folder in folders] == ["interrupted", "interrupted"]
