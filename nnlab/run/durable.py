"""The only module that writes, cuts and deletes files.

A file is either absent, or the old one, or the new one, whole: it is written under a temporary
name in the same folder, synced, renamed over the target, and the folder is synced. After a power
cut or SIGKILL at any moment one of the three is found.

Nothing here writes through a link that lies inside a folder of ours:

    a whole file    a link in its place is replaced by the rename; what it points to is untouched
    a table         (append, truncate, sync) a link or a second hard link is refused
    a folder        a link in its place is refused (`make_subfolder`)
    deleting        removes the link itself, and never enters what it points to
    reading         follows links, to regular files only

A pipe, a device or a folder in the place of a file is refused. The folder that the user names may
be a link itself, and so may the folders above it.

Every system call is a named step: open, write, fsync, replace, unlink, append, truncate, mkdir,
rmdir.
"""

import errno
import hashlib
import os
import re
import secrets
import shutil
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TypeVar

from nnlab.errors import RunUnreadable, StorageError
from nnlab.run import guard
from nnlab.run.text import shown, to_bytes

# Tests put a function here that is called with (step, path) before each system call, and that may
# raise OSError or end the process.
hook: Callable[[str, Path], None] | None = None

T = TypeVar("T")

TEMPORARY = ".tmp"
_OUR_TEMPORARY = re.compile(r"\.nnlab-([0-9a-f]{8})-(\d{1,10})-[0-9a-f]{16}\.tmp")
_OUT_OF_SPACE = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
# O_NONBLOCK: opening a pipe must not wait. Neither flag exists on Windows.
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_READING = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_CAREFUL = _NOFOLLOW | _READING
_cleared: set[Path] = set()  # folders in which this process removed stale temporaries


def write(path: Path, data: bytes | memoryview | str, sync: bool = True) -> None:
    """Puts `data` (text as UTF-8) in `path`, all of it or nothing.

    `sync=False` still is atomic against a kill, but not against a power cut.

    Raises:
        RunUnreadable: something that is no file has this name.
        StorageError: the system refused; what stood in `path` before stands there still.
    """
    guard.refuse_odd(path)
    temporary = stage(path, to_bytes(data) if isinstance(data, str) else data, sync)
    move(temporary, path)
    if sync:
        sync_folder(path.parent)


def temporary_name(path: Path) -> Path:
    """A name beside `path` that nobody can foresee.

    The first call for a folder removes what killed processes of this machine left there.
    """
    if path.parent not in _cleared:
        _cleared.add(path.parent)
        _remove_stale(path.parent)
    own = f"{_machine()}-{os.getpid()}-{secrets.token_hex(8)}"
    return path.with_name(f".nnlab-{own}{TEMPORARY}")


def is_temporary(name: str) -> bool:
    """Whether `temporary_name` makes names like this."""
    return _OUR_TEMPORARY.fullmatch(name) is not None


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


def append(path: Path, text: str, sync: bool = False, at: int | None = None) -> int:
    """Adds `text` to the end of `path` and returns the new size.

    If the disk fills in the middle, the part is taken back. With `at`, the file must have this
    size: another size means that something else changed or removed it.

    Raises:
        RunUnreadable: a link, or no regular file, has this name.
        StorageError: the system refused, or the size is not `at`.
    """
    data = to_bytes(text)
    flags = os.O_WRONLY | os.O_APPEND | (0 if at else os.O_CREAT)
    with opened(path, flags, at) as (descriptor, size):
        try:
            _write_all("append", path, descriptor, memoryview(data))
        except StorageError:
            with suppress(OSError):
                os.ftruncate(descriptor, size)
            raise
        if sync:
            _step("fsync", path, lambda: os.fsync(descriptor))
    return size + len(data)


def truncate(path: Path, size: int) -> None:
    """Cuts `path` to its first `size` bytes.

    Raises:
        RunUnreadable: the file has fewer bytes than that, or is a link or no regular file.
    """
    status = guard.own_status(path)
    have = 0 if status is None else status.st_size
    if have < size:
        raise RunUnreadable(
            f"Cannot continue {shown(path)}: it has {have:,} bytes, "
            f"the checkpoint was made when it had {size:,}."
        )
    if have > size:
        with opened(path, os.O_RDWR) as (descriptor, _):
            _step("truncate", path, lambda: os.ftruncate(descriptor, size))
            _step("fsync", path, lambda: os.fsync(descriptor))


def sync_file(path: Path) -> None:
    """Makes what was appended to `path` survive a power cut; a missing file is nothing to do."""
    if guard.own_status(path) is not None:
        with opened(path, os.O_RDWR) as (descriptor, _):
            _step("fsync", path, lambda: os.fsync(descriptor))


def remove(path: Path) -> None:
    """Deletes the file `path`, of a link the link itself; a missing one is nothing to do."""
    if guard.is_real_folder(path):
        raise RunUnreadable(f"Cannot remove {shown(path)}: it is a folder, not a file.")
    _step("unlink", path, lambda: path.unlink(missing_ok=True))


def make_folder(path: Path) -> None:
    """Makes `path` and the folders above it; they may exist."""
    _step("mkdir", path, lambda: path.mkdir(parents=True, exist_ok=True))


def make_subfolder(path: Path) -> None:
    """Makes `path` in an existing folder of ours; it may exist, but not be a link.

    Raises:
        RunUnreadable: a link or a file has this name.
        StorageError: the system refused.
    """
    if not make_new_folder(path):
        status = guard.look(path)
        if status is None or not stat.S_ISDIR(status.st_mode):
            kind = "link" if status is None or stat.S_ISLNK(status.st_mode) else "file"
            raise RunUnreadable(
                f"Cannot write into {shown(path)}: it is a {kind}, not a folder. "
                "Remove it, or move the real folder there."
            )


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

    It first gets a temporary name: a kill in the middle leaves no half of it. Of a link only the
    link is deleted.
    """
    if guard.look(path) is not None:
        gone = temporary_name(path)
        replace(path, gone)
        _delete(gone)


def remove_leftovers(folder: Path, *subfolders: str) -> None:
    """Removes temporary files and folders from `folder` and its `subfolders`, but not from links.

    Only under the lock of `folder`: a process that writes there still needs its own.
    """
    real = [folder / name for name in subfolders if guard.is_real_folder(folder / name)]
    for place in (folder, *real):
        for name in guard.listed(place):
            if name.startswith(".") and name.endswith(TEMPORARY):
                _delete(place / name)


def _remove_stale(folder: Path) -> None:
    """Removes the temporaries of processes of this machine that have ended."""
    with suppress(StorageError):
        for name in guard.listed(folder):
            match = _OUR_TEMPORARY.fullmatch(name)
            if match and match[1] == _machine() and not _runs(int(match[2])):
                _delete(folder / name)


def _runs(pid: int) -> bool:
    """Whether a process of this machine has this number; True where that cannot be asked."""
    if os.name == "nt":  # os.kill would end it
        return True
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


@cache
def _machine() -> str:
    """Names the machine and the container: process numbers mean something inside it only."""
    space = 0
    with suppress(OSError):
        space = os.stat("/proc/self/ns/pid").st_ino
    return hashlib.sha256(f"{socket.gethostname()} {space}".encode()).hexdigest()[:8]


def _delete(path: Path) -> None:
    """Deletes a file, a link, or a folder with its content, however deep, entering no link."""
    waiting = [path]
    while waiting:
        last = waiting[-1]
        if not guard.is_real_folder(last):
            remove(last)
            waiting.pop()
        elif inside := [last / name for name in guard.listed(last)]:
            waiting += inside
        else:
            _step("rmdir", last, last.rmdir)
            waiting.pop()


@contextmanager
def opened(path: Path, flags: int, at: int | None = None) -> Iterator[tuple[int, int]]:
    """A descriptor of the regular file `path`, and its size.

    Raises:
        RunUnreadable: a link, a hard link, or no regular file has this name.
        StorageError: the system refused, or the size is not `at`.
    """
    if at is not None:
        guard.require_size(path, at)
    guard.own_status(path)  # for the sentence; the flags and the second look hold it
    descriptor = _step("open", path, lambda: os.open(path, flags | _CAREFUL, 0o666))
    try:
        status = os.fstat(descriptor)
        guard.refuse_other(path, status)
        yield descriptor, status.st_size
    finally:
        os.close(descriptor)


def read(path: Path, most: int | None = None) -> bytes:
    """All bytes of the regular file `path`, which has at most `most`.

    Raises:
        RunUnreadable: missing, too large, larger than the memory, or not a regular file (a pipe
            could be endless).
        StorageError: the system refused.
    """
    try:
        with open(os.open(path, os.O_RDONLY | _READING), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise RunUnreadable(f"Cannot read {shown(path)}: it is not a regular file.")
            if most is not None and status.st_size > most:
                raise RunUnreadable(
                    f"Cannot read {shown(path)}: it has {status.st_size:,} bytes; "
                    f"at most {most:,} are read."
                )
            try:
                return file.read()
            except (MemoryError, OverflowError):
                raise RunUnreadable(
                    f"Cannot read {shown(path)}: it has {status.st_size:,} bytes, more than there "
                    "is memory for."
                ) from None
    except (FileNotFoundError, NotADirectoryError):
        raise RunUnreadable(f"Cannot read {shown(path)}: it does not exist.") from None
    except IsADirectoryError:
        raise RunUnreadable(f"Cannot read {shown(path)}: it is not a regular file.") from None
    except OSError as error:
        if error.errno == errno.ENXIO:  # a socket
            raise RunUnreadable(f"Cannot read {shown(path)}: it is not a regular file.") from None
        raise StorageError(f"Cannot read {shown(path)}: {error.strerror or error}.") from error


def _fill(temporary: Path, path: Path, data: memoryview, sync: bool) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _CAREFUL
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
