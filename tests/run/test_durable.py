"""Writes are whole or not there, at every system call (R2, R3)."""

import errno
import io
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from nnlab.errors import RunUnreadable, StorageError
from nnlab.run import durable

ERRORS = [
    errno.ENOSPC,
    errno.EIO,
    errno.EACCES,
    errno.EDQUOT,
    errno.EMFILE,
    errno.EROFS,
]


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the system calls made from here on."""
    seen: list[str] = []
    monkeypatch.setattr(durable, "hook", lambda step, path: seen.append(step))
    return seen


def fail_at(k: int, number: int) -> Callable[[str, Path], None]:
    count = 0

    def hook(step: str, path: Path) -> None:
        nonlocal count
        count += 1
        if count == k:
            raise OSError(number, os.strerror(number))

    return hook


def test_write_syncs_before_it_renames(tmp_path: Path, steps: list[str]) -> None:
    durable.write_file(tmp_path / "a.txt", "new ±")
    assert steps == ["open", "write", "fsync", "replace", "open", "fsync"]
    assert (tmp_path / "a.txt").read_bytes() == "new ±".encode()


def test_write_without_sync_still_renames(tmp_path: Path, steps: list[str]) -> None:
    durable.write_file(tmp_path / "a.txt", b"new", sync=False)
    assert steps == ["open", "write", "replace"]
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("number", ERRORS, ids=errno.errorcode.get)
@pytest.mark.parametrize("k", range(1, 7))
def test_failing_write_keeps_a_whole_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, k: int, number: int
) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"old")
    monkeypatch.setattr(durable, "hook", fail_at(k, number))
    with pytest.raises(StorageError) as caught:
        durable.write_file(path, b"newer")
    assert caught.value.exit_code == 7
    assert "\n" not in str(caught.value)
    assert os.strerror(number) in str(caught.value)
    # Steps 5 and 6 sync the folder: the new file already stands there.
    assert path.read_bytes() == (b"old" if k <= 4 else b"newer")
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_message_names_path_step_and_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durable, "hook", fail_at(1, errno.EACCES))
    with pytest.raises(StorageError) as caught:
        durable.write_file(tmp_path / "a.txt", b"new")
    assert str(caught.value) == (
        f"Cannot write {tmp_path}/a.txt: Permission denied (while trying to open)."
    )


def test_message_of_a_full_disk_names_the_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durable, "hook", fail_at(2, errno.ENOSPC))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=12))
    with pytest.raises(StorageError) as caught:
        durable.write_file(tmp_path / "a.txt", b"x" * 1234)
    assert str(caught.value) == (
        f"Cannot write {tmp_path}/a.txt: No space left on device (while trying to write); "
        "1,234 bytes are needed, 12 are free."
    )


def test_interrupt_leaves_no_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hook(step: str, path: Path) -> None:
        if step == "fsync":
            raise KeyboardInterrupt

    monkeypatch.setattr(durable, "hook", hook)
    with pytest.raises(KeyboardInterrupt):
        durable.write_file(tmp_path / "a.txt", b"new")
    assert list(tmp_path.iterdir()) == []


def test_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, bytes(data)[:3]))
    durable.write_file(tmp_path / "a.txt", b"0123456789")
    assert (tmp_path / "a.txt").read_bytes() == b"0123456789"


def test_append_adds(tmp_path: Path, steps: list[str]) -> None:
    durable.append_text(tmp_path / "a.csv", "1\n")
    durable.append_text(tmp_path / "a.csv", "2\n", sync=True)
    assert steps == ["open", "append", "open", "append", "fsync"]
    assert (tmp_path / "a.csv").read_text() == "1\n2\n"


def test_failed_append_takes_its_part_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.csv"
    durable.append_text(path, "1\n")
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, bytes(data)[:3]))
    monkeypatch.setattr(durable, "hook", fail_at(3, errno.ENOSPC))  # open, append, append
    with pytest.raises(StorageError, match="No space left on device"):
        durable.append_text(path, "22222\n")
    assert path.read_text() == "1\n"


@pytest.mark.parametrize("size", [0, 2, 4])
def test_truncate_cuts(tmp_path: Path, size: int) -> None:
    path = tmp_path / "a.csv"
    path.write_text("1\n2\n")
    durable.truncate(path, size)
    assert path.read_text() == "1\n2\n"[:size]


def test_truncate_refuses_to_grow(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1\n")
    with pytest.raises(RunUnreadable) as caught:
        durable.truncate(tmp_path / "a.csv", 1000)
    assert str(caught.value) == (
        f"Cannot continue {tmp_path}/a.csv: it has 2 bytes, "
        "the checkpoint was made when it had 1,000."
    )


def test_truncate_to_nothing_accepts_a_missing_file(tmp_path: Path) -> None:
    durable.truncate(tmp_path / "a.csv", 0)
    assert not (tmp_path / "a.csv").exists()


def test_leftovers_are_removed_and_nothing_else(tmp_path: Path) -> None:
    for name in (".a.npz.12-0.tmp", "a.npz", ".hidden", "b.tmp"):
        (tmp_path / name).touch()
    durable.remove_leftovers(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [".hidden", "a.npz", "b.tmp"]


def test_read_refuses_what_is_not_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(RunUnreadable, match="it is not a regular file"):
        durable.read_file(tmp_path / "pipe")
    with pytest.raises(RunUnreadable, match="it does not exist"):
        durable.read_file(tmp_path / "nothing")


def test_file_size_limit_of_the_system(tmp_path: Path) -> None:
    """A real refusal: the process may not write files beyond 1,000 bytes."""
    (tmp_path / "a.bin").write_bytes(b"old")
    done = subprocess.run(
        [sys.executable, __file__, tmp_path / "a.bin"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 7, done.stderr
    assert done.stdout.startswith(f"Cannot write {tmp_path}/a.bin: File too large (while trying to")
    assert "; 5,000 bytes are needed, " in done.stdout
    assert (tmp_path / "a.bin").read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]


def _write_under_a_limit(path: Path) -> int:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    try:
        durable.write_file(path, b"x" * 5000)
    except StorageError as error:
        print(error)
        return error.exit_code
    return 0


TARGETS: dict[str, Callable[[Path], object]] = {
    "write": lambda path: durable.write_file(path, b"new"),
    "append": lambda path: durable.append_text(path, "3\n"),
    "truncate": lambda path: durable.truncate(path, 2),
    "sync": lambda path: durable.sync_files({path: path}),
    "remove": durable.remove,
    "remove a folder": durable.remove_folder,
    "make a folder": durable.make_subfolder,
}


@pytest.mark.parametrize("act", TARGETS)
@pytest.mark.parametrize("kind", ["link", "link to a folder", "hard link"])
def test_nothing_follows_a_link(tmp_path: Path, kind: str, act: str) -> None:
    outside, path = tmp_path / "outside", tmp_path / "inside" / "a.csv"
    for folder in (outside, path.parent):
        folder.mkdir()
    (outside / "a.csv").write_text("1\n2\n")
    if kind == "hard link":
        os.link(outside / "a.csv", path)
    else:
        path.symlink_to(outside / "a.csv" if kind == "link" else outside)
    try:
        TARGETS[act](path)
    except RunUnreadable as error:
        assert str(path) in str(error)  # noqa: PT017
        assert path.is_symlink() or path.samefile(outside / "a.csv")
    else:
        assert act in ("write", "remove", "remove a folder")
        assert not path.is_symlink()
    assert [p.name for p in outside.iterdir()] == ["a.csv"]
    assert (outside / "a.csv").read_text() == "1\n2\n"


@pytest.mark.parametrize("kind", ["pipe", "folder", "device"])
@pytest.mark.parametrize("act", ["write", "append", "truncate", "sync"])
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, kind: str, act: str) -> None:
    path = tmp_path / "a.csv"
    {
        "pipe": lambda: os.mkfifo(path),
        "folder": path.mkdir,
        "device": lambda: path.symlink_to("/dev/null"),
    }[kind]()
    with pytest.raises(
        RunUnreadable, match=r"^Cannot write .*a\.csv: it is (a link|not a regular)"
    ):
        TARGETS[act](path)
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]


def test_a_folder_is_deleted_however_deep(tmp_path: Path) -> None:
    outside, path = tmp_path / "outside", tmp_path / ".x.tmp"
    outside.mkdir()
    (outside / "a.csv").touch()
    deepest = path
    for _ in range(1200):  # deeper than Python's recursion goes
        deepest = deepest / "a"
        deepest.mkdir(parents=True)
    (deepest / "link").symlink_to(outside)
    durable.remove_leftovers(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["outside"]
    assert (outside / "a.csv").exists()


def test_temporary_names_cannot_be_foreseen(tmp_path: Path) -> None:
    seen = {durable.temporary_name(tmp_path / "a.csv").name for _ in range(100)}
    assert len({name[-20:-4] for name in seen}) == 100
    assert all(re.fullmatch(r"\.nnlab-[0-9a-f]{8}-\d+-[0-9a-f]{16}\.tmp", name) for name in seen)


def test_a_temporary_laid_out_in_advance_is_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even where the name is known."""
    (tmp_path / "thesis.txt").write_text("mine")
    (tmp_path / ".x.tmp").symlink_to(tmp_path / "thesis.txt")
    monkeypatch.setattr(durable, "temporary_name", lambda path: tmp_path / ".x.tmp")
    with pytest.raises(StorageError, match="File exists"):
        durable.write_file(tmp_path / "a.csv", b"new")
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_temporaries_of_ended_processes_go_at_the_next_write(tmp_path: Path) -> None:
    """And those of a running process, of another machine, or of the user stay."""
    script = (
        "import os, signal; from pathlib import Path; from nnlab.run import durable\n"
        "durable.hook = lambda step, path: step == 'replace' and os.kill(os.getpid(), 9)\n"
        f"durable.write_file(Path({str(tmp_path / 'a.csv')!r}), b'half')"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -9
    (left,) = tmp_path.iterdir()
    machine, pid = left.name.split("-")[1:3]
    stay = [
        f".nnlab-{machine}-{os.getpid()}-0123456789abcdef.tmp",
        f".nnlab-00000000-{pid}-0123456789abcdef.tmp",
        ".mine.tmp",
    ]
    for name in stay:
        (tmp_path / name).touch()
    durable.write_file(tmp_path / "a.csv", b"new")
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([*stay, "a.csv"])


if __name__ == "__main__":
    sys.exit(_write_under_a_limit(Path(sys.argv[1])))


def test_a_file_larger_than_the_memory_is_unreadable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sparse file of 100 GB takes no space on the disk."""

    class Huge(io.FileIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise MemoryError

    (tmp_path / "a").write_text("four")
    monkeypatch.setattr(durable, "open", lambda file, mode: Huge(file, mode), raising=False)
    with pytest.raises(RunUnreadable) as caught:
        durable.read_file(tmp_path / "a")
    assert str(caught.value) == (
        f"Cannot read {tmp_path}/a: it has 4 bytes, more than there is memory for."
    )
