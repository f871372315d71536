"""The one way this program writes files.

A file is either absent, or the old one, or the new one, whole: it is written under a temporary
name in the same folder, synced, renamed over the target, and the folder is synced. After a power
cut or SIGKILL at any moment one of the three is found.

Every system call is a named step: open, write, fsync, replace, unlink, append, truncate, mkdir,
rmdir.
"""

import errno
import itertools
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from nnlab.errors import RunUnreadable, StorageError
from nnlab.run.text import shown, to_bytes

# Tests put a function here that is called with (step, path) before each system call, and that may
# raise OSError or end the process.
hook: Callable[[str, Path], None] | None = None

T = TypeVar("T")

TEMPORARY = ".tmp"
_OUT_OF_SPACE = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
_counter = itertools.count()


def write(path: Path, data: bytes | memoryview | str, sync: bool = True) -> None:
    """Puts `data` (text as UTF-8) in `path`, all of it or nothing.

    `sync=False` still is atomic against a kill, but not against a power cut.

    Raises:
        StorageError: the system refused; what stood in `path` before stands there still.
    """
    temporary = stage(path, to_bytes(data) if isinstance(data, str) else data, sync)
    move(temporary, path)
    if sync:
        sync_folder(path.parent)


def temporary_name(path: Path) -> Path:
    """A name beside `path` that no other process and no other call takes."""
    return path.with_name(f".{path.name}.{os.getpid()}-{next(_counter)}{TEMPORARY}")


def stage(path: Path, data: bytes | memoryview, sync: bool = True) -> Path:
    """Writes `data` under a temporary name beside `path` and returns that name; see `move`."""
    temporary = temporary_name(path)
    try:
        _fill(temporary, path, memoryview(data), sync)
    except BaseException:  # also KeyboardInterrupt: nothing is left behind
        discard(temporary)
        raise
    return temporary


def move(temporary: Path, path: Path) -> None:
    """Renames a staged file over `path`; when that fails the staged file is removed."""
    try:
        replace(temporary, path)
    except BaseException:
        discard(temporary)
        raise


def discard(temporary: Path) -> None:
    """Removes a staged file that will not be moved; never raises, as an error is on its way."""
    with suppress(OSError):
        temporary.unlink(missing_ok=True)


def replace(source: Path, target: Path) -> None:
    """Renames `source` to `target`, atomically, also over an existing file."""
    _step("replace", target, lambda: os.replace(source, target))


def sync_folder(folder: Path) -> None:
    """Makes renames inside `folder` survive a power cut."""
    if os.name == "nt":  # Windows cannot open a folder; NTFS journals the rename by itself
        return
    descriptor = _step("open", folder, lambda: os.open(folder, os.O_RDONLY))
    try:
        _step("fsync", folder, lambda: os.fsync(descriptor))
    finally:
        os.close(descriptor)


def append(path: Path, text: str, sync: bool = False) -> None:
    """Adds `text` to the end of `path`. If the disk fills in the middle, the part is taken back."""
    data = to_bytes(text)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
    descriptor = _step("open", path, lambda: os.open(path, flags, 0o666))
    try:
        size = os.fstat(descriptor).st_size
        try:
            _write_all("append", path, descriptor, memoryview(data))
        except StorageError:
            with suppress(OSError):
                os.ftruncate(descriptor, size)
            raise
        if sync:
            _step("fsync", path, lambda: os.fsync(descriptor))
    finally:
        os.close(descriptor)


def truncate(path: Path, size: int) -> None:
    """Cuts `path` to its first `size` bytes.

    Raises:
        RunUnreadable: the file has fewer bytes than that.
    """
    have = path.stat().st_size if path.is_file() else 0
    if have < size:
        raise RunUnreadable(
            f"Cannot continue {shown(path)}: it has {have:,} bytes, "
            f"the checkpoint was made when it had {size:,}."
        )
    if have > size:
        _step("truncate", path, lambda: os.truncate(path, size))
        sync_file(path)


def sync_file(path: Path) -> None:
    """Makes what was appended to `path` survive a power cut; a missing file is nothing to do."""
    if not path.exists():
        return
    descriptor = _step("open", path, lambda: os.open(path, os.O_RDWR))
    try:
        _step("fsync", path, lambda: os.fsync(descriptor))
    finally:
        os.close(descriptor)


def remove(path: Path) -> None:
    """Deletes `path`; a missing file is nothing to do."""
    _step("unlink", path, lambda: path.unlink(missing_ok=True))


def make_folder(path: Path) -> None:
    """Makes `path` and the folders above it; they may exist."""
    _step("mkdir", path, lambda: path.mkdir(parents=True, exist_ok=True))


def make_new_folder(path: Path) -> bool:
    """Makes `path`, in one atomic call; False when something of that name exists already."""

    def make() -> bool:
        try:
            path.mkdir()
        except FileExistsError:
            return False
        return True

    return _step("mkdir", path, make)


def remove_folder(path: Path) -> None:
    """Deletes the folder `path` and all that is in it; a missing one is nothing to do.

    It first gets a temporary name: a kill in the middle leaves no half of it.
    """
    if path.exists():
        gone = temporary_name(path)
        replace(path, gone)
        _empty(gone)


def remove_leftovers(folder: Path) -> None:
    """Removes the temporary files and folders that killed writers left in `folder`."""
    for path in folder.glob(f".*{TEMPORARY}"):
        if path.is_dir():
            _empty(path)
        else:
            remove(path)


def _empty(folder: Path) -> None:
    for root, folders, files in os.walk(folder, topdown=False):
        for name in files:
            remove(Path(root, name))
        for name in folders:
            below = Path(root, name)
            _step("rmdir", below, below.rmdir)
    _step("rmdir", folder, folder.rmdir)


def read(path: Path) -> bytes:
    """All bytes of the regular file `path`.

    Raises:
        RunUnreadable: missing, or not a regular file (a pipe or device could be endless).
        StorageError: the system refused.
    """
    try:
        if not path.is_file():
            reason = "it is not a regular file" if path.exists() else "it does not exist"
            raise RunUnreadable(f"Cannot read {shown(path)}: {reason}.")
        return path.read_bytes()
    except OSError as error:
        raise StorageError(f"Cannot read {shown(path)}: {error.strerror or error}.") from error


def _fill(temporary: Path, path: Path, data: memoryview, sync: bool) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)
    descriptor = _step("open", path, lambda: os.open(temporary, flags, 0o666))
    try:
        _write_all("write", path, descriptor, data)
        if sync:
            _step("fsync", path, lambda: os.fsync(descriptor), data.nbytes)
    finally:
        os.close(descriptor)


def _write_all(step: str, path: Path, descriptor: int, data: memoryview) -> None:
    rest = data
    while rest.nbytes:  # the system may take less than it is given
        part = rest
        rest = rest[_step(step, path, lambda: os.write(descriptor, part), data.nbytes) :]  # noqa: B023


def _step(step: str, path: Path, action: Callable[[], T], need: int = 0) -> T:
    """Runs one system call on behalf of `path`, which is to take `need` bytes."""
    try:
        if hook is not None:
            hook(step, path)
        return action()
    except OSError as error:
        raise StorageError(_sentence(step, path, error, need)) from error


def _sentence(step: str, path: Path, error: OSError, need: int) -> str:
    reason = f"{error.strerror or error} (while trying to {step})"
    if error.errno not in _OUT_OF_SPACE:
        return f"Cannot write {shown(path)}: {reason}."
    free = "an unknown number"
    with suppress(OSError):
        free = f"{shutil.disk_usage(path.parent).free:,}"
    return f"Cannot write {shown(path)}: {reason}; {need:,} bytes are needed, {free} are free."
