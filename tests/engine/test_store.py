"""L4: compiled code is loaded only from where nobody else can have put it."""

import os
import sys
import tempfile
from hashlib import sha256
from pathlib import Path

import pytest

from nnlab.engine.compiled import store

CODE = b"code"

pytestmark = pytest.mark.skipif(not hasattr(os, "getuid"), reason="owners and modes of POSIX")
root_only = pytest.mark.skipif(
    hasattr(os, "getuid") and os.getuid() != 0, reason="only root can give files away"
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own, and no temporary folder to fall back on."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(Path.cwd()))
    (tmp_path / "home").mkdir(mode=0o755)
    return tmp_path / "home"


def kept(home: Path) -> Path:
    """The file of some code that was kept."""
    store.write_code("a.o", CODE)
    assert store.read_code("a.o") == CODE
    (path,) = (home / ".cache/nnlab/kernels").glob("*/a.o")
    return path


def modes(path: Path, above: Path) -> list[int]:
    parts = [path, *path.parents]
    return [part.stat().st_mode & 0o7777 for part in parts[: parts.index(above)]]


@pytest.mark.parametrize("umask", [0, 0o022, 0o777])
def test_code_is_for_its_owner_alone_whatever_the_umask(home: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        if umask == 0o777:  # folders that their owner cannot enter are made before
            (home / f".cache/nnlab/kernels/{store._version()}").mkdir(parents=True)
            for path in sorted(home.rglob("*")):
                path.chmod(0o700)
        path = kept(home)
    finally:
        os.umask(before)
    assert modes(path, home) == [0o600, 0o700, 0o700, 0o700, 0o700]


def test_code_is_kept_whole_or_not_at_all(home: Path) -> None:
    assert store.read_code("a.o") is None
    path = kept(home)
    whole = path.read_bytes()
    for damaged in (whole[:-1], b"C" + whole[1:], b"", whole + b"0"):
        path.write_bytes(damaged)
        assert store.read_code("a.o") is None
    assert [one.name for one in path.parent.iterdir()] == ["a.o"]


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o777])
@pytest.mark.parametrize("depth", range(6))
def test_whatever_others_may_write_to_is_refused(home: Path, depth: int, mode: int) -> None:
    """The file, and each folder above it."""
    path = kept(home)
    [path, *path.parents][depth].chmod(mode)
    assert store.read_code("a.o") is None
    if depth:
        assert "others may write to" in str(store.refusal())


@root_only
@pytest.mark.parametrize("depth", range(6))
def test_whatever_somebody_else_owns_is_refused(home: Path, depth: int) -> None:
    path = kept(home)
    os.chown([path, *path.parents][depth], 12345, 12345)
    assert store.read_code("a.o") is None
    if depth:
        assert "is not yours" in str(store.refusal())


def test_a_sticky_folder_will_do_above_but_not_below(home: Path) -> None:
    """HOME=/tmp: others can add to it, and not exchange what is there."""
    path = kept(home)
    home.chmod(0o1777)
    assert store.read_code("a.o") == CODE
    path.parent.chmod(0o1777)
    assert store.read_code("a.o") is None


@root_only
def test_a_folder_laid_out_in_a_sticky_home_is_refused(home: Path) -> None:
    path = kept(home)
    home.chmod(0o1777)
    for part in (home / ".cache", *(home / ".cache").rglob("*")):
        os.chown(part, 12345, 12345)
    assert store.read_code("a.o") is None
    store.write_code("a.o", b"other")
    assert path.read_bytes() == CODE + sha256(CODE).digest()


def test_links_are_not_followed(home: Path, tmp_path: Path) -> None:
    """But for a cache folder that lies elsewhere: there each part is checked."""
    path = kept(home)
    moved = tmp_path / "moved"
    (home / ".cache").rename(moved)
    (home / ".cache").symlink_to(moved)
    assert store.read_code("a.o") == CODE
    moved.chmod(0o777)
    assert store.read_code("a.o") is None
    moved.chmod(0o755)
    for part in (path, path.parent, path.parents[1]):
        part.rename(tmp_path / "part")
        part.symlink_to(tmp_path / "part")
        assert store.read_code("a.o") is None
        part.unlink()
        (tmp_path / "part").rename(part)
    assert store.read_code("a.o") == CODE
    path.unlink()
    os.mkfifo(path)
    assert store.read_code("a.o") is None


def test_what_is_read_is_in_the_folder_that_was_checked(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder is exchanged after its check: the open one is read all the same."""
    path = kept(home)
    real = store._read

    def exchanged(folder: store.Folder, name: str) -> bytes | None:
        path.parent.rename(home / "aside")
        path.parent.mkdir(mode=0o700)
        path.write_bytes(b"evil" + sha256(b"evil").digest())
        return real(folder, name)

    monkeypatch.setattr(store, "_read", exchanged)
    assert store.read_code("a.o") == CODE


@pytest.mark.parametrize("value", ["", "relative", "~"])
def test_a_cache_folder_that_is_not_absolute_is_ignored(
    home: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", value)
    assert kept(home).is_relative_to(home / ".cache")


@pytest.mark.parametrize("name", ["/nonexistent/home", "/dev/null", "/proc", None])
def test_without_a_usable_home_temporary_files_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str | None
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    if name is None or name == "/nonexistent/home":
        monkeypatch.setattr(Path, "home", classmethod(no_home))
    else:
        monkeypatch.setenv("HOME", name)
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    store.write_code("a.o", CODE)
    assert store.read_code("a.o") == CODE
    assert [path.name for path in tmp_path.iterdir()] == [f"nnlab-kernels-{os.getuid()}"]
    assert store.refusal() is None
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(Path.cwd()))
    store.write_code("a.o", CODE)
    assert store.read_code("a.o") is None
    assert store.refusal() is not None


def no_home(kind: type[Path]) -> Path:
    raise RuntimeError("Could not determine home directory.")
