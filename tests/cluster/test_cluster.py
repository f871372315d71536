"""Trials on a real scheduler and two workers in other processes."""

import json
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from nnlab.cli import main
from nnlab.errors import StorageError
from nnlab.run.folder import RunFolder
from nnlab.run.sweeps import SweepFolder
from nnlab.study.cluster import Cluster, Dispatch
from nnlab.study.execute import Events, InProcess, Note
from nnlab.study.parcel import Parcel
from nnlab.study.scheduler import Address
from nnlab.study.trial import Begun, Outcome
from tests.cluster.parts import (
    Dask,
    alive,
    hashes,
    notes,
    outcomes,
    trial,
    trials,
)
from tests.patience import PATIENCE, wait_until
from tests.study import sabotage

pytest.importorskip("distributed")
HERE = Path(__file__).parent
SLOW = ("epochs=10000",)  # half a second


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scheduler of a busy machine may take its time to answer."""
    monkeypatch.setattr("nnlab.study.scheduler.PATIENCE", PATIENCE)


@pytest.fixture(scope="module")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dask]:
    """A scheduler and two workers that stay; trials in them may be sabotaged."""
    found = Dask(tmp_path_factory.mktemp("dask"))
    try:
        found.scheduler()
        for _ in range(2):
            found.worker("--preload", str(HERE / "preload.py"))
        yield found
    finally:
        found.end()


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Dask]:
    """A scheduler that a test may kill."""
    found = Dask(tmp_path / "dask")
    found.folder.mkdir()
    try:
        found.scheduler()
        yield found
    finally:
        found.end()


def on(dask: Dask, **more: float) -> Cluster:
    return Cluster(Address.parse(dask.address), insecure=True, **more)  # type: ignore[arg-type]


def begin(events: Events) -> None:
    """Listen until a trial has begun."""
    next(event for event in events if isinstance(event, Begun))


@pytest.mark.thorough
def test_the_same_hashes_as_in_this_process(dask: Dask, tmp_path: Path) -> None:
    """R15, and R16: one BLAS thread."""
    wanted = trials(4, "epochs=50")
    outcomes(InProcess(), wanted, tmp_path / "here")
    found = outcomes(on(dask), wanted, tmp_path / "there")
    assert {one.status for one in found.values()} == {"completed"}
    assert len(hashes(tmp_path / "here")) == 4
    assert hashes(tmp_path / "there") == hashes(tmp_path / "here")
    about = RunFolder(tmp_path / "there" / "t00").read_json("run.json")
    assert about["threads"]["blas"] == 1
    assert about["trial"] == {"cell": {"seed": 0}, "seed": 0}
    names = {
        one: sorted(p.name for p in (tmp_path / one / "t00").iterdir()) for one in ("here", "there")
    }
    assert set(names["here"]) - set(names["there"]) <= {"lock", "lock.json"}


def test_a_cluster_on_this_machine(tmp_path: Path) -> None:
    wanted = trials(2, "epochs=50")
    outcomes(InProcess(), wanted, tmp_path / "here")
    outcomes(Cluster(Address.parse("local:2")), wanted, tmp_path / "there")
    assert hashes(tmp_path / "there") == hashes(tmp_path / "here")


@pytest.mark.thorough
def test_six_of_twenty_four_fail_each_alone(
    dask: Dask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R12, with the trials that tests/study has for processes."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "trouble.yaml").write_text(sabotage.CONFIG)
    arguments = ["sweep", "data.number=range(24)", "-c", "trouble.yaml", "--no-plots"]
    limits = [*sabotage.LIMITS[:4], "--cluster", dask.address, "--insecure"]
    with sabotage.known():
        result = CliRunner().invoke(main, [*arguments, *limits])
    assert result.exit_code == 8, result.output
    assert "18 of 24 trials done" in result.stdout
    sabotage.check_18_of_24(SweepFolder(tmp_path / "runs" / "sweep-trouble-data.number"))


def test_what_is_there_is_not_run_again(dask: Dask, tmp_path: Path) -> None:
    """R13: finished folders keep their bytes."""
    wanted = trials(3, "epochs=20")
    outcomes(InProcess(), wanted[:2], tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/*")}
    events = list(on(dask).run(wanted, tmp_path))
    assert [one.name for one in events if isinstance(one, Begun)] == ["t02"]
    assert {path: path.stat().st_mtime_ns for path in before} == before


@pytest.mark.thorough
def test_other_data_than_here(dask: Dask, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("x,y\n1,2\n2,4\n3,6\n")
    (tmp_path / "c.yaml").write_text(
        "data: {name: csv, path: rows.csv, target: y, task: regression}\n"
        "network: [{dense: 1}]\nloss: mse\n"
    )
    good = trial("csv", "epochs=2", config=str(tmp_path / "c.yaml"))
    (tmp_path / "rows.csv").rename(tmp_path / "moved.csv")
    found = outcomes(on(dask), [replace(good, name="gone")], tmp_path / "a")["gone"]
    reason = f"There is no file {tmp_path}/rows.csv."
    assert (found.status, found.reason) == ("failed", reason)
    assert RunFolder.open(tmp_path / "a" / "gone").read_json("run.json")["error"] == reason
    (tmp_path / "moved.csv").rename(tmp_path / "rows.csv")
    assert outcomes(on(dask), [good], tmp_path / "a")["csv"].done
    said = notes(on(dask), [replace(good, name="wrong", data="0" * 64)], tmp_path / "a")
    assert len(said) == 2  # both workers
    for one in said:
        assert one.startswith("tcp://127.0.0.1:")
        assert " does not run trials with these data: The data set " in one
        assert f", there {'0' * 64}." in one


def test_a_worker_that_is_killed_costs_nothing(fresh: Dask, tmp_path: Path) -> None:
    first = fresh.worker()
    wanted = trials(2, *SLOW)
    events = on(fresh).run(wanted, tmp_path / "there")
    begin(events)
    fresh.worker()
    wait_until(lambda: running_trials(str(fresh.folder)) != [])
    first.kill()
    rest = list(events)
    done = [one.name for one in rest if isinstance(one, Outcome) and one.done]
    assert sorted(done) == ["t00", "t01"]
    assert len([one for one in rest if isinstance(one, Begun)]) == 2  # one of them twice
    outcomes(InProcess(), wanted[:1], tmp_path / "here")
    assert hashes(tmp_path / "there")["t00"] == hashes(tmp_path / "here")["t00"]


@pytest.mark.thorough
def test_workers_with_another_nnlab_or_none_are_not_used(fresh: Dask, tmp_path: Path) -> None:
    fresh.worker("--preload", str(HERE / "old.py"))
    fresh.worker("--preload", str(HERE / "bare.py"))
    wait_until(lambda: fresh.log().count("Registered to:") == 2)
    with pytest.raises(StorageError) as error:
        list(on(fresh).run(trials(1, "epochs=2"), tmp_path))
    assert str(error.value) == "No worker of the cluster can run trials of this nnlab."
    fresh.worker()
    wait_until(lambda: fresh.log().count("Registered to:") == 3)
    said = notes(on(fresh), trials(2, "epochs=2"), tmp_path)
    assert sorted(one.partition(" is not used: ")[2] for one in said) == [
        "it has nnlab 0.0.9, here is 0.1.0.",
        "nnlab is not installed there.",
    ]
    assert all(one.startswith("The worker tcp://127.0.0.1:") for one in said)
    assert len(hashes(tmp_path)) == 2


@pytest.mark.thorough
def test_a_worker_with_another_numpy_is_used_and_told_of(fresh: Dask, tmp_path: Path) -> None:
    """Its figures are as good, but nobody promises the same bits."""
    fresh.worker("--preload", str(HERE / "other_numpy.py"))
    wait_until(lambda: fresh.log().count("Registered to:") == 1)
    (said,) = notes(on(fresh), trials(2, "epochs=2"), tmp_path)
    worker, _, told = said.partition(" has ")
    assert worker.startswith("The worker tcp://127.0.0.1:")
    assert told == (
        f"NumPy 1.99.0, here is {np.__version__}: what it trains may differ in the last bits from "
        "what is trained elsewhere."
    )
    assert len(hashes(tmp_path)) == 2


def test_a_scheduler_that_dies(fresh: Dask, tmp_path: Path) -> None:
    fresh.worker()
    events = on(fresh).run(trials(2, *SLOW), tmp_path)
    begin(events)
    fresh.processes[0].kill()
    with pytest.raises(StorageError, match=r"^The scheduler tcp://127.0.0.1:\d+ is gone "):
        list(events)
    assert not list(tmp_path.glob(".*"))


def test_workers_that_come_later(fresh: Dask, tmp_path: Path) -> None:
    events = on(fresh).run(trials(1, "epochs=2"), tmp_path)
    assert next(events) == Note("The cluster has no workers; waiting for some.")
    fresh.worker()
    rest = list(events)
    assert [type(one) for one in rest] == [Begun, Outcome]


def test_nobody_trains_for_one_who_went_away(dask: Dask, tmp_path: Path) -> None:
    """Ctrl+C closes the generator; the workers stay, their trials end."""
    events = on(dask).run(trials(1, "epochs=100000000"), tmp_path)
    begin(events)
    place = str(dask.folder)
    wait_until(lambda: running_trials(place) != [])
    events.close()
    wait_until(lambda: running_trials(place) == [])
    assert all(process.poll() is None for process in dask.processes)


def test_nobody_trains_for_one_who_was_killed(dask: Dask, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "nnlab", "sweep", "lr=0.1", "-c", "xor", "--quiet"),
            *("--cluster", dask.address, "--insecure", "--set", "epochs=100000000"),
            *("--set", "training.engine=numpy"),
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(HERE.parents[1])},
    )
    place = str(dask.folder)
    wait_until(lambda: running_trials(place) != [])
    process.kill()
    process.wait()
    wait_until(lambda: running_trials(place) == [])
    assert all(process.poll() is None for process in dask.processes)


@pytest.mark.thorough
def test_a_trial_that_is_lost_three_times(fresh: Dask, tmp_path: Path) -> None:
    """Each worker that gets it is killed, as by a machine out of memory."""
    fresh.worker()
    place = str(fresh.folder)
    outcomes: list[Outcome] = []
    for event in on(fresh).run(trials(1, "epochs=100000000"), tmp_path):
        if isinstance(event, Begun):
            wait_until(lambda: running_trials(place) != [])
            fresh.processes[-1].kill()
            wait_until(lambda: running_trials(place) == [])
            fresh.worker()
        elif isinstance(event, Outcome):
            outcomes.append(event)
    (lost,) = outcomes
    assert lost.status == "failed"
    assert lost.reason is not None
    assert lost.reason.startswith("it was lost 3 times, at last: the worker tcp://127.0.0.1:")
    assert lost.reason.endswith(" was lost")
    assert RunFolder.open(tmp_path / "t00").read_json("run.json")["error"] == lost.reason


@pytest.mark.parametrize(
    ("there", "compilable", "problem"),
    [
        ({"nnlab": "0.1.0", "numba": True}, True, None),
        ({"nnlab": "0.0.9", "numba": True}, True, "it has nnlab 0.0.9, here is 0.1.0"),
        (
            {"nnlab": "0.1.0", "numba": False},
            True,
            "this machine has numba and it has not, so its engine would be another; "
            "--set training.engine=numpy makes them equal",
        ),
        ({"nnlab": "0.1.0", "numba": False}, False, None),
        (ModuleNotFoundError("nnlab"), True, "nnlab is not installed there"),
        (OSError("gone"), True, "it does not answer (OSError)"),
        (None, True, "it does not answer (NoneType)"),
    ],
)
def test_which_workers_are_used(there: object, compilable: bool, problem: str | None) -> None:
    dispatch = Dispatch(None, Cluster(Address("local:1", 1)), Path(), deque(), compilable)
    assert dispatch.why_unusable(there, {"nnlab": "0.1.0", "numba": True}) == problem


def test_the_first_that_comes_back_sets_the_data() -> None:
    """Before that, workers with other data can only be told by what they bring."""
    dispatch = Dispatch(None, Cluster(Address("local:1", 1)), Path(), deque(), False)
    one, two = trials(2, "seed=0", "data.seed=0")
    answer = Outcome("t00", "completed")

    def brought(trained_on: str) -> Parcel:
        return Parcel({"run.json": json.dumps({"data": {"sha256": trained_on}}).encode()}, "")

    assert dispatch.other_data(one, answer, brought("1" * 64)) is None
    assert dispatch.other_data(two, answer, brought("1" * 64)) is None
    assert dispatch.other_data(two, answer, brought("2" * 64)) == (
        f"Its data have the SHA-256 {'2' * 64}, those of finished trials {'1' * 64}."
    )
    assert dispatch.other_data(replace(two, data="2" * 64), answer, brought("2" * 64)) is None
    assert dispatch.other_data(one, answer, None) is None  # it never came as far as its data


def running_trials(place: str) -> list[int]:
    """The processes of trials of the workers in a folder; each is forked from one like it."""
    parents = {}
    for pid in alive("nnlab.study.execute"):
        try:
            if os.readlink(f"/proc/{pid}/cwd").startswith(place):
                stat = Path(f"/proc/{pid}/stat").read_text()
                parents[pid] = int(stat.rpartition(")")[2].split()[1])
        except OSError:
            continue
    return [pid for pid, parent in parents.items() if parent in parents]


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (signal.SIGKILL, -9),
        (signal.SIGINT, 130),
        pytest.param(signal.SIGTERM, 143, marks=pytest.mark.thorough),
    ],
)
def test_nothing_is_left_of_a_local_cluster(
    tmp_path: Path, sent: signal.Signals, code: int
) -> None:
    """R14. SIGINT goes to the whole group, as Ctrl+C on a terminal does."""
    parent = subprocess.Popen(
        [
            *(sys.executable, "-m", "nnlab", "sweep", "lr=0.1,0.2", "-c", "xor"),
            *("--cluster", "local:1", "--set", "epochs=100000000"),
            *("--set", "training.engine=numpy"),
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(HERE.parents[1])},
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    place = str(tmp_path)
    wait_until(lambda: len(in_folder(place)) >= 5)  # parent, tracker, worker, server, trial
    if sent == signal.SIGINT:
        os.killpg(parent.pid, sent)
    else:
        parent.send_signal(sent)
    _, said = parent.communicate(timeout=PATIENCE)
    wait_until(lambda: in_folder(place) == [])
    assert parent.returncode == code
    if code > 0:
        last = said.splitlines()[-1]
        assert last.startswith("Stopped: 0 of 2 trials are done, in runs/sweep-xor-lr")
        assert last.endswith("The same command continues.")


def in_folder(place: str) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and os.readlink(entry / "cwd").startswith(place):
                found.append(int(entry.name))
        except OSError:
            continue
    return found
