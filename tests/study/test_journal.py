"""L6: whatever happens to optuna.journal, a search is refused in a line or ends as undisturbed."""

import errno
import json
import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from nnlab.cli import main
from nnlab.run import durable
from nnlab.run.folder import RunFolder
from nnlab.study.search import JOURNAL

pytest.importorskip("optuna")

SPACE = "lr: {low: 1e-3, high: 10, log: true}\nactivation: [sigmoid, relu]\n"
BEFORE, AFTER = 7, 9  # trials of the search that is damaged, and of the search that continues
CONFIG = """
data: xor
network: [{dense: 3}, tanh, {dense: 1}, sigmoid]
loss: mse
training: {epochs: 20, engine: numpy}
"""
WAY_OUT = "Remove the file: the same command makes it again from the trials in the folder.\n"


@dataclass(frozen=True)
class Answer:
    """What `nnlab tune` said."""

    code: int
    stderr: str
    trials: list[tuple[object, ...]]

    @property
    def last(self) -> str:
        return self.stderr.splitlines()[-1]


def tune(folder: Path, count: int = AFTER, *more: str) -> Answer:
    """The search of this file in folder/s."""
    files = folder.parent / "asked"
    files.mkdir(exist_ok=True)
    (files / "c.yaml").write_text(CONFIG)
    (files / "space.yaml").write_text(SPACE)
    arguments = ["tune", str(files / "c.yaml"), "--search", str(files / "space.yaml"), "--json"]
    where = ["--runs", str(folder), "--name", "s", "--trials", str(count)]
    result = CliRunner().invoke(main, [*arguments, *where, *more], prog_name="nnlab")
    assert "Traceback" not in result.stderr, result.stderr
    told = json.loads(result.stdout)["trials"] if result.stdout else []
    keys = ("run", "ended", "epochs", "value")
    return Answer(
        result.exit_code, result.stderr, [tuple(one[key] for key in keys) for one in told]
    )


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Answer]:
    """A folder with a search of BEFORE trials, and the answer of AFTER trials undisturbed."""
    folder = tmp_path_factory.mktemp("searched")
    assert tune(folder / "part", BEFORE).code == 0
    whole = tune(folder / "whole")
    assert (whole.code, len(whole.trials)) == (0, AFTER)
    assert {ended for _, ended, _, _ in whole.trials} == {"completed", "pruned"}
    return folder / "part", whole


@pytest.fixture
def part(searched: tuple[Path, Answer], tmp_path: Path) -> Path:
    """The journal of a copy of the search."""
    shutil.copytree(searched[0], tmp_path / "runs")
    return tmp_path / "runs" / "s" / JOURNAL


@pytest.fixture
def whole(searched: tuple[Path, Answer]) -> Answer:
    return searched[1]


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


# What a full disk, a power cut or a kill leave behind.
ENDS: dict[str, Callable[[list[bytes]], bytes]] = {
    "half a line": lambda lines: b"".join(lines)[:-60],
    "one byte of a line": lambda lines: b"".join(lines[:-1]) + lines[-1][:1],
    "no end of the line": lambda lines: b"".join(lines)[:-1],
    "NULs behind": lambda lines: b"".join(lines) + b"\0" * 4096,
    "NULs and an end behind": lambda lines: b"".join(lines) + b"\0" * 50 + b"\n",
    "NULs instead of a line": lambda lines: b"".join(lines[:-1]) + b"\0" * len(lines[-1]),
    "half a line and NULs": lambda lines: b"".join(lines)[:-60] + b"\0" * 60,
    "two lines in one": lambda lines: b"".join(lines[:-1]) + lines[-1][:30] + lines[-1],
    "nothing": lambda lines: b"",
    "only NULs": lambda lines: b"\0" * 3000,
    "half the first line": lambda lines: lines[0][:20],
    "the first line": lambda lines: lines[0],
    "a broken second half": lambda lines: b"".join(lines[:3]) + b"\xff{broken\n" * 5,
    "an empty line": lambda lines: b"".join(lines) + b"\n",
}


@pytest.mark.parametrize("damage", ENDS)
def test_a_damaged_end_is_cut_off(part: Path, whole: Answer, damage: str) -> None:
    size = part.stat().st_size
    part.write_bytes(ENDS[damage](lines_of(part)))
    seen = {path: path.stat().st_mtime_ns for path in part.parent.glob("*/weights/final.npz")}
    found = tune(part.parents[1])
    assert found.code == 0, found.stderr
    assert found.trials == whole.trials
    assert {path: path.stat().st_mtime_ns for path in seen} == seen  # nothing was trained twice
    assert part.stat().st_size > size
    assert tune(part.parents[1]).trials == whole.trials


def test_every_cut(part: Path, whole: Answer) -> None:
    data = part.read_bytes()
    for size in range(0, len(data), 331):
        part.write_bytes(data[:size])
        assert tune(part.parents[1], BEFORE).trials == whole.trials[:BEFORE], size


def test_the_cut_is_told(part: Path) -> None:
    with part.open("ab") as file:
        file.write(b'{"op_code":')
    assert tune(part.parents[1], BEFORE).stderr.splitlines()[0] == (
        f"The last 11 bytes of {part} were damaged and are cut off."
    )


def changed(number: int, **fields: object) -> Callable[[list[bytes]], bytes]:
    """The fields of one line are others."""

    def change(lines: list[bytes]) -> bytes:
        lines[number] = json.dumps(json.loads(lines[number]) | fields).encode() + b"\n"
        return b"".join(lines)

    return change


def replaced(number: int, line: bytes) -> Callable[[list[bytes]], bytes]:
    """One line is another."""
    return lambda lines: b"".join([*lines[:number], line, *lines[number + 1 :]])


OTHER: dict[str, Callable[[list[bytes]], bytes]] = {
    "a broken line": replaced(2, b"{broken\n"),
    "NULs in the middle": replaced(2, b"\0" * 300 + b"\n"),
    "no UTF-8": replaced(2, b'{"op_code":4,"worker_id":"\xff"}\n'),
    "a list": replaced(2, b"[]\n"),
    "no operation": replaced(2, b'{"worker_id":"x"}\n'),
    "an operation in words": replaced(2, b'{"op_code":"create","worker_id":"x"}\n'),
    "an unknown operation": changed(2, op_code=99),
    "a trial without a study": changed(2, study_id="x"),
    "an unknown state": changed(2, state=77),
    "a date that is none": changed(2, datetime_start="yesterday"),
    "a distribution that is none": changed(2, distributions={"lr": "no JSON"}),
    "a trial without settings": changed(2, params={}, distributions={}),
    "a trial in another folder": changed(
        2, user_attrs={"run": "../../elsewhere", "ended": "completed", "epochs": 1}
    ),
    "a trial of somebody else": changed(2, user_attrs={"ended": "well"}),
    "epochs that are none": changed(
        2, user_attrs={"run": "0" * 12, "ended": "completed", "epochs": "many"}
    ),
    "a lost line": replaced(2, b""),
    "a line twice": lambda lines: b"".join([*lines[:3], *lines[2:]]),
    "settings that cannot be": changed(2, params={"lr": -5.0, "activation": 0}),
    "no study": replaced(0, b""),
    "two studies": lambda lines: lines[0] + lines[0].replace(b'"s"', b'"t"') + b"".join(lines[1:]),
    "the other direction": changed(0, directions=[2]),
    "another text": lambda lines: b"To be, or not to be.\n",
    "a deep line": replaced(2, b"[" * 100_000 + b"\n"),
    "a long number": replaced(2, b'{"op_code":' + b"9" * 5000 + b',"worker_id":"x"}\n'),
}


@pytest.mark.parametrize("damage", OTHER)
def test_other_damage_is_refused_in_a_line(part: Path, whole: Answer, damage: str) -> None:
    data = OTHER[damage](lines_of(part))
    part.write_bytes(data)
    found = tune(part.parents[1])
    assert found.code == 6, found.stderr
    (line,) = found.stderr.splitlines(keepends=True)
    assert line.startswith(f"Cannot read {part}: ")
    assert line.endswith(WAY_OUT)
    assert part.read_bytes() == data
    part.unlink()
    assert tune(part.parents[1]).trials == whole.trials


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("link", "it is a link"),
        ("dangling link", "it is a link"),
        ("pipe", "it is not a regular file"),
        ("folder", "it is not a regular file"),
    ],
)
def test_something_else_in_its_place(part: Path, kind: str, reason: str) -> None:
    outside = part.parents[2] / "thesis"
    data = part.read_bytes() + b'{"half'
    part.unlink()
    if kind == "pipe":
        os.mkfifo(part)
    elif kind == "folder":
        part.mkdir()
    else:
        part.symlink_to(outside)
        if kind == "link":
            outside.write_bytes(data)
    found = tune(part.parents[1])
    assert (found.code, found.stderr) == (6, f"Cannot read {part}: {reason}. {WAY_OUT}")
    assert outside.exists() == (kind == "link")
    assert kind != "link" or outside.read_bytes() == data


@pytest.fixture
def limit() -> Iterator[Callable[[int], None]]:
    """Sets how large a file may become."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("more", [0, 1, 100, 500])
def test_a_line_that_does_not_fit(
    part: Path, whole: Answer, limit: Callable[[int], None], more: int
) -> None:
    """R3: the message names the path and what is needed; nothing of the line is left behind."""
    padded = part.read_bytes()
    padded += lines_of(part)[0] * 300  # Optuna takes no notice; now it is the largest file of all
    part.write_bytes(padded)
    limit(len(padded) + more)
    found = tune(part.parents[1])
    limit(resource.RLIM_INFINITY)
    assert found.code == 7
    assert found.last.startswith(f"Cannot write {part}: File too large (while trying to append); ")
    assert found.last.split("; ")[1].split()[1:4] == ["bytes", "are", "needed,"]
    assert part.read_bytes() == padded
    assert tune(part.parents[1]).trials == whole.trials


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", "size=600k", "tmpfs", str(folder)]
    if (
        not shutil.which("mount")
        or subprocess.run(["mount", *options], capture_output=True).returncode
    ):
        pytest.skip("mounting is not allowed here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_again_and_again(small_disk: Path, whole: Answer) -> None:
    """The search stops at the full disk, and continues each time there is a little more."""
    stops = []
    for size in range(100, 3000, 60):
        subprocess.run(["mount", "-o", f"remount,size={size}k", str(small_disk)], check=True)
        found = tune(small_disk / "runs")
        if found.code == 0:
            break
        assert found.code == 7, found.stderr
        assert found.last.startswith(f"Cannot write {small_disk}/runs")
        assert "No space left on device" in found.last
        stops.append(found.last.split(":")[0])
    assert len(set(stops)) > 3
    assert found.trials == whole.trials


@pytest.mark.parametrize(
    ("number", "only", "apart"), [(errno.EIO, "", 23), (errno.EDQUOT, JOURNAL, 1)]
)
def test_a_passing_error_at_every_step(
    tmp_path: Path,
    whole: Answer,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    only: str,
    apart: int,
) -> None:
    """Each call fails at a later step, until one has no such step: no trial counts as failed."""
    left = 0

    def step(name: str, path: Path) -> None:
        nonlocal left
        if path.name.endswith(only):
            left -= 1
            if left == 0:
                raise OSError(number, os.strerror(number))

    monkeypatch.setattr(durable, "hook", step)
    for calls in range(1, 60):
        left = 1 + apart * (calls - 1)
        found = tune(tmp_path / "runs", AFTER, *(["--retry-failed"] if calls % 2 else []))
        if found.code == 0:
            break
        assert found.code == 7, found.stderr
        assert found.last.startswith("Cannot ")
    assert calls > 5
    assert found.trials == whole.trials


def test_an_interrupted_trial_is_stopped_at_the_same_epoch(
    tmp_path: Path, whole: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trial that came past the epoch of its end before it was killed ends there nevertheless."""
    number = next(i for i, one in enumerate(whole.trials) if one[1] == "pruned")
    name, _, epoch, _ = whole.trials[number]
    tune(tmp_path / "runs", number)
    search = ["--name", "other", "--no-prune"]  # trains it to its end
    tune(tmp_path / "runs", number + 1, *search)
    shutil.copytree(tmp_path / "runs" / "other" / str(name), tmp_path / "runs" / "s" / str(name))
    run = RunFolder(tmp_path / "runs" / "s" / str(name))
    for status in ("running", "completed"):
        run.update_status(status)
        found = tune(tmp_path / "runs", number + 1)
        assert found.trials[-1][:3] == (name, "pruned", epoch)
        (tmp_path / "runs" / "s" / JOURNAL).unlink()
    assert tune(tmp_path / "runs").trials == whole.trials


@pytest.mark.filterwarnings("ignore:This process")  # of Python 3.12: forks of threaded processes
def test_killed_again_and_again(
    tmp_path: Path, whole: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R1, R2: the process ends without a word at a write, each time at a later one."""
    left = 0

    def step(name: str, path: Path) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os._exit(9)

    monkeypatch.setattr(durable, "hook", step)
    for calls in range(1, 60):
        left = 31 * calls
        child = os.fork()
        if child == 0:
            os._exit(tune(tmp_path / "runs").code)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code == 0:
            break
        assert code == 9
    assert calls > 5
    left = -1
    assert tune(tmp_path / "runs").trials == whole.trials


@pytest.mark.parametrize("change", ["removed", "cut", "grown"])
def test_changed_while_the_search_runs(
    part: Path, whole: Answer, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """The search stops at once, and the trial whose line is missing is not trained twice."""

    def step(name: str, path: Path) -> None:
        if (name, path.name) == ("replace", "summary.json"):
            monkeypatch.setattr(durable, "hook", None)
            if change == "removed":
                part.unlink()
            else:
                data = part.read_bytes()
                part.write_bytes(data[:-90] if change == "cut" else data + b'{"op_code":')

    monkeypatch.setattr(durable, "hook", step)
    found = tune(part.parents[1])
    assert found.code == 7
    assert found.last.startswith(f"Cannot write {part}: it ")
    assert found.last.endswith("Something else changed or removed it.")
    assert tune(part.parents[1]).trials == whole.trials
