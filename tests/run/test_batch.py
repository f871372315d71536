"""Files written together: each whole, and the last only where all others are (R2, R3)."""

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from nnlab.errors import StorageError
from nnlab.run import durable
from nnlab.run.batch import batch

NAMES = ("a", "sub/b", "c", "d", "e", "last")


def prepare(folder: Path) -> None:
    (folder / "sub").mkdir(parents=True)
    (folder / "table").write_text("1\n")
    for name in NAMES:
        (folder / name).write_text("old")


def write_all(folder: Path) -> None:
    with batch() as files:
        files.sync(folder / "table")
        for name in NAMES:
            files.write(folder / name, b"new", keep=folder / "before" if name == "c" else None)


def at_call(k: int, action: Callable[[], None], seen: list[str]) -> Callable[[str, Path], None]:
    def hook(step: str, path: Path) -> None:
        seen.append(f"{step} {path.name}")
        if len(seen) == k:
            action()

    return hook


def check(folder: Path) -> None:
    """Every file is old or new; with a new last file all are new."""
    texts = [(folder / name).read_text() for name in NAMES if (folder / name).exists()]
    assert set(texts) <= {"old", "new"}
    if texts[-1] == "new":
        assert texts == ["new"] * len(NAMES)
        assert (folder / "before").read_text() == "old"


def test_the_last_file_comes_when_the_others_are_durable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(tmp_path)
    seen: list[str] = []
    monkeypatch.setattr(durable, "hook", at_call(0, lambda: None, seen))
    write_all(tmp_path)
    check(tmp_path)
    syncs = [f"fsync {Path(name).name}" for name in ("table", *NAMES)]
    assert [one for one in seen if "fsync" in one or "replace" in one] == [
        *syncs,
        *("replace a", "replace b", "replace before", "replace c", "replace d", "replace e"),
        *(f"fsync {tmp_path.name}", "fsync sub"),
        *("replace last", f"fsync {tmp_path.name}"),
    ]
    assert not list(tmp_path.rglob(".*"))


def test_a_kill_at_every_call(tmp_path: Path) -> None:
    k, code = 0, 137
    while code == 137:
        k += 1
        folder = tmp_path / str(k)
        prepare(folder)
        if (pid := os.fork()) == 0:
            durable.hook = at_call(k, lambda: os._exit(137), [])
            write_all(folder)
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        check(folder)
    assert code == 0
    assert k > 30


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO], ids=errno.errorcode.get)
def test_an_error_at_every_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse() -> None:
        raise OSError(number, os.strerror(number))

    for k in range(1, 100):
        folder = tmp_path / str(k)
        prepare(folder)
        seen: list[str] = []
        monkeypatch.setattr(durable, "hook", at_call(k, refuse, seen))
        if (error := refusal(folder)) is None:
            break
        monkeypatch.setattr(durable, "hook", None)
        assert f"Cannot write {folder}" in str(error)
        assert ".tmp" not in str(error)
        check(folder)
        assert not list(folder.rglob(".*"))
    assert k == len(seen) + 1


def refusal(folder: Path) -> StorageError | None:
    try:
        write_all(folder)
    except StorageError as error:
        return error
    return None


def test_a_sync_that_the_disk_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(tmp_path)

    def refuse(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(StorageError, match=r"Cannot write .*/table: Input/output error"):
        write_all(tmp_path)
    assert {(tmp_path / name).read_text() for name in NAMES} == {"old"}


def test_an_exception_leaves_all_files_as_they_were(tmp_path: Path) -> None:
    prepare(tmp_path)
    with suppress(KeyError), batch() as files:
        files.write(tmp_path / "a", b"new")
        raise KeyError
    assert (tmp_path / "a").read_text() == "old"
    assert not list(tmp_path.rglob(".*"))


def test_without_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system allows no more threads, syncs come one after the other."""

    def start(thread: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("threading.Thread.start", start)
    prepare(tmp_path)
    write_all(tmp_path)
    assert {(tmp_path / name).read_text() for name in NAMES} == {"new"}
