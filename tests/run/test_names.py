"""Names of run folders stay inside the runs folder (S8), are never shared (R10), and are found."""

import json
import os
import re
import secrets
import sys
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnlab.errors import RunUnreadable, StorageError, UsageError
from nnlab.run import names
from tests.process import printed_by

NOW = datetime(2026, 5, 9, 7, 35, 25)


def test_make_names_the_folder(tmp_path: Path) -> None:
    path = names.make(tmp_path / "runs", "xor", NOW)
    assert path.is_dir()
    assert re.fullmatch(r"20260509-073525-xor-[0-9a-f]{6}", path.name)
    assert names.is_run(path.name)


def test_make_tries_again_when_the_name_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digits = iter(["aaaaaa", "aaaaaa", "bbbbbb"])
    monkeypatch.setattr(secrets, "token_hex", lambda n: next(digits))
    assert names.make(tmp_path, "xor", NOW).name.endswith("aaaaaa")
    assert names.make(tmp_path, "xor", NOW).name.endswith("bbbbbb")


def test_make_gives_up_at_some_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "token_hex", lambda n: "aaaaaa")
    names.make(tmp_path, "xor", NOW)
    with pytest.raises(StorageError, match="all names tried are taken"):
        names.make(tmp_path, "xor", NOW)


def test_processes_of_one_second_get_folders_of_their_own(tmp_path: Path) -> None:
    made = printed_by(__file__, tmp_path / "runs", 64).split()
    assert len(made) == len(set(made)) == 64
    assert sorted(made) == sorted(p.name for p in (tmp_path / "runs").iterdir())


EDGES = "a name cannot begin with '.', '-' or a space, end with '.' or one, or hold '..'"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "the name is empty"),
        ("a/b", "a name cannot contain '/'"),
        ("a\\b", r"a name cannot contain '\\'"),
        ("a:b", "a name cannot contain ':'"),
        ("..", EDGES),
        (".hidden", EDGES),
        ("-x", EDGES),
        ("a ", EDGES),
        ("a\0b", r"a name cannot contain '\x00'"),
        ("a\x1b[31m", r"a name cannot contain '\x1b'"),
        ("a\u202eb", r"a name cannot contain '\u202e'"),
        ("\udcff", r"a name cannot contain '\udcff'"),
        ("x" * 300, "the name is longer than 100 characters or 200 bytes"),
        ("\U0001f600" * 60, "the name is longer than 100 characters or 200 bytes"),
    ],
)
def test_check_refuses(name: str, problem: str) -> None:
    with pytest.raises(UsageError) as caught:
        names.check_name(name)
    assert str(caught.value).endswith(f"cannot be the name of a run: {problem}.")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", ["xor", "fashion-mlp", "a.b", "Größe 1", "x" * 100, "lr=0.01,n=3"])
def test_check_accepts(name: str) -> None:
    assert names.check_name(name) == name


@given(name=st.text(max_size=300) | st.from_regex(r"[./\\:a\x00-\x1f]{1,12}", fullmatch=True))
def test_any_name_is_inside_the_runs_folder_or_refused(
    tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    runs = tmp_path_factory.getbasetemp() / "names"
    try:
        path = names.make(runs, name, NOW)
    except UsageError:
        return
    assert path.is_dir()
    assert path.resolve().parent == runs.resolve()
    assert names.is_run(path.name)
    path.rmdir()


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Three runs, and two folders that are none."""
    for name in (
        "20260509-073525-xor-aaaaaa",
        "20260509-073525-xor-bbbbbb",
        "20260510-120000-digits-cccccc",
        "notes",
        "99999999-lab-000000",
    ):
        (tmp_path / "runs" / name).mkdir(parents=True)
    return tmp_path / "runs"


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ("20260509-073525-xor-aaaaaa", "20260509-073525-xor-aaaaaa"),
        ("20260509-073525-xor-b", "20260509-073525-xor-bbbbbb"),
        ("20260510", "20260510-120000-digits-cccccc"),
        ("latest", "20260510-120000-digits-cccccc"),
    ],
)
def test_find(runs: Path, spec: str, found: str) -> None:
    assert names.find(spec, runs) == runs / found


def test_find_takes_a_path(runs: Path) -> None:
    assert names.find(str(runs / "notes"), runs) == runs / "notes"


def test_latest_of_one_second_is_the_folder_changed_last(runs: Path) -> None:
    (runs / "20260510-120000-digits-cccccc").rmdir()
    os.utime(runs / "20260509-073525-xor-bbbbbb", ns=(1, 1))
    assert names.find("latest", runs).name == "20260509-073525-xor-aaaaaa"


# Names follow the clock of a zone; run.json has the instant. The oldest first:
BEGAN = {
    "20261025-091500-b-bbbbbb": "2026-10-25T00:15:00.000+00:00",  # in Tokyo
    "20261025-023000-a-aaaaaa": "2026-10-25T02:30:00.000+02:00",  # summer time in Berlin
    "20261025-020500-c-cccccc": "2026-10-25T02:05:00.000+01:00",  # an hour later: winter time
    "20261024-200000-d-dddddd": "2026-10-24T20:00:00.000-06:00",  # in Mexico
}


def test_runs_are_ordered_by_the_instant(tmp_path: Path) -> None:
    for name, started in BEGAN.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text(json.dumps({"started": started}))
    assert [run.name for run in names.by_age(tmp_path)] == list(BEGAN)
    assert names.find("latest", tmp_path).name == "20261024-200000-d-dddddd"


@pytest.mark.parametrize("started", [None, 3, "soon", "9" * 30, ["x"]])
def test_a_run_that_does_not_say_when_goes_by_its_name(tmp_path: Path, started: object) -> None:
    for name in ("20260510-120000-b-bbbbbb", "20260509-120000-a-aaaaaa"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text(json.dumps({"started": started}))
    assert [run.name for run in names.by_age(tmp_path)] == [
        "20260509-120000-a-aaaaaa",
        "20260510-120000-b-bbbbbb",
    ]


def test_a_run_that_was_never_begun_is_left_out(tmp_path: Path) -> None:
    """A kill before run.json leaves a folder with a config at most."""
    for name, file in (
        ("20260509-120000-a-aaaaaa", "run.json"),
        ("20260510-120000-b-bbbbbb", "config.yaml"),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / file).write_text("{}")
    assert [run.name for run in names.by_age(tmp_path)] == ["20260509-120000-a-aaaaaa"]
    assert names.find("latest", tmp_path).name == "20260509-120000-a-aaaaaa"


def test_find_refuses_a_prefix_of_several(runs: Path) -> None:
    with pytest.raises(UsageError) as caught:
        names.find("20260509", runs)
    assert str(caught.value) == (
        "'20260509' is the beginning of 2 runs: "
        "20260509-073525-xor-aaaaaa, 20260509-073525-xor-bbbbbb."
    )


@pytest.mark.parametrize("spec", ["", "a\0b"])
def test_find_refuses_what_is_no_name(runs: Path, spec: str) -> None:
    with pytest.raises(UsageError, match="is empty or holds a NUL character"):
        names.find(spec, runs)


def test_find_suggests_the_nearest(runs: Path) -> None:
    with pytest.raises(RunUnreadable) as caught:
        names.find("20260510-120000-digit-dddddd", runs)
    assert str(caught.value) == (
        f"There is no run '20260510-120000-digit-dddddd', neither as a path nor in {runs}. "
        "Did you mean '20260510-120000-digits-cccccc', '20260509-073525-xor-bbbbbb' or "
        "'20260509-073525-xor-aaaaaa'?"
    )


def test_find_with_nothing_near(runs: Path) -> None:
    with pytest.raises(RunUnreadable) as caught:
        names.find("zzz\x1b", runs)
    assert str(caught.value) == (
        f"There is no run 'zzz\\x1b', neither as a path nor in {runs}. `nnlab runs` lists them."
    )


@pytest.mark.parametrize("spec", ["x" * 5000, "../../etc/nothing", "a/b/c"])
def test_find_of_odd_text_is_a_clear_error(runs: Path, spec: str) -> None:
    with pytest.raises(RunUnreadable, match="There is no run"):
        names.find(spec, runs)


def test_latest_of_no_runs(tmp_path: Path) -> None:
    with pytest.raises(RunUnreadable) as caught:
        names.find("latest", tmp_path / "runs")
    assert str(caught.value) == (
        f"There is no run in {tmp_path}/runs: `nnlab train CONFIG` makes one."
    )


def test_runs_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NNLAB_RUNS", raising=False)
    assert names.runs_folder() == Path("runs")
    monkeypatch.setenv("NNLAB_RUNS", "/elsewhere")
    assert names.runs_folder() == Path("/elsewhere")
    assert names.runs_folder("here") == Path("here")


def _make_at_once(runs: Path, count: int) -> None:
    """Forks `count` processes that wait for one another, then make a folder each."""
    ready, go = os.pipe()
    children = []
    for _ in range(count):
        if (pid := os.fork()) == 0:
            os.close(go)
            os.read(ready, 1)  # ends when the parent closes its side
            os.write(1, f"{names.make(runs, 'xor', NOW).name}\n".encode())
            os._exit(0)
        children.append(pid)
    os.close(go)
    assert all(os.waitpid(pid, 0)[1] == 0 for pid in children)


if __name__ == "__main__":
    _make_at_once(Path(sys.argv[1]), int(sys.argv[2]))
