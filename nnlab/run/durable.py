"""The only module that writes, cuts and deletes files.

After a power cut or SIGKILL at any moment a file is absent, the old one, or the new one, whole: it
is written under a temporary name in the same folder, synced, renamed over the target, and the
folder is synced. No function writes through a link that lies inside a run folder:

    a whole file    the rename replaces a link in its place; the link's target is untouched
    a table         (append, truncate, sync) a link or a second hard link is refused
    a folder        a link in its place is refused (`make_subfolder`)
    deleting        removes the link itself, and never enters its target
    reading         follows links, to regular files only

A pipe, a device or a folder in the place of a file is refused with RunUnreadable; what the system
refuses raises StorageError. The folder that the user names may be a link, and so may those above.

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
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import cache, partial
from pathlib import Path
from typing import TypeVar

from nnlab.errors import RunUnreadable, StorageError
from nnlab.run import guard
from nnlab.run.text import shown, to_bytes, unreadable

# Set by tests: called with (step, path) before each system call; may raise OSError or end the
# process.
hook: Callable[[str, Path], None] | None = None

T = TypeVar("T")

TEMPORARY = ".tmp"
THREADS = 4  # that sync files; a few files need none
_OUR_TEMPORARY = re.compile(r"\.nnlab-([0-9a-f]{8})-(\d{1,10})-[0-9a-f]{16}\.tmp")
_OUT_OF_SPACE = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
# O_NONBLOCK: opening a pipe must not wait. Neither flag exists on Windows.
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_READING = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_CAREFUL = _NOFOLLOW | _READING
_cleared: set[Path] = set()  # folders in which this process removed stale temporaries


def write_file(path: Path, data: bytes | memoryview | str, sync: bool = True) -> None:
    """Writes `data` (text as UTF-8) to `path`, all of it or nothing.

    With `sync=False` it is atomic against a kill, but not against a power cut.
    """
    guard.refuse_odd(path)
    with staged(path, to_bytes(data) if isinstance(data, str) else data, sync) as temporary:
        replace(temporary, path)
    if sync:
        sync_folder(path.parent)


def temporary_name(path: Path) -> Path:
    """An unpredictable name beside `path`.

    The first call for a folder removes temporaries of killed processes of this machine.
    """
    if path.parent not in _cleared:
        _cleared.add(path.parent)
        _remove_stale(path.parent)
    own = f"{_machine()}-{os.getpid()}-{secrets.token_hex(8)}"
    return path.with_name(f".nnlab-{own}{TEMPORARY}")


def is_temporary(name: str) -> bool:
    """Whether `temporary_name` makes names like this."""
    return _OUR_TEMPORARY.fullmatch(name) is not None


@contextmanager
def staged(path: Path, data: bytes | memoryview, sync: bool = True) -> Iterator[Path]:
    """Writes `data` under a temporary name beside `path`; an exception inside removes it."""
    temporary = temporary_name(path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _CAREFUL
    try:
        descriptor = _step("open", path, lambda: os.open(temporary, flags, 0o666))
        try:
            _write_all("write", path, descriptor, memoryview(data))
            if sync:
                _step("fsync", path, lambda: os.fsync(descriptor), len(data))
        finally:
            os.close(descriptor)
        yield temporary
    except BaseException:  # KeyboardInterrupt too
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def replace(source: Path, target: Path) -> None:
    """Renames `source` to `target` atomically, also over an existing file."""
    _step("replace", target, lambda: os.replace(source, target))


def sync_folder(folder: Path) -> None:
    """Makes renames inside `folder` survive a power cut."""
    if os.name == "nt":  # Windows cannot open a folder; NTFS journals the rename
        return
    descriptor = _step("open", folder, lambda: os.open(folder, os.O_RDONLY))
    try:
        _step("fsync", folder, lambda: os.fsync(descriptor))
    finally:
        os.close(descriptor)


def append_text(path: Path, text: str, sync: bool = False, at: int | None = None) -> int:
    """Adds `text` to the end of `path` and returns the new size.

    If the disk fills in the middle, the written part is cut off. Raises StorageError if the file
    does not have the size `at`: then something else changed or removed it.
    """
    data = to_bytes(text)
    flags = os.O_WRONLY | os.O_APPEND | (0 if at else os.O_CREAT)
    if at is not None:
        guard.require_size(path, at)
    with _opened(path, flags) as (descriptor, size):
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
    """Cuts `path` to its first `size` bytes; RunUnreadable if it has fewer."""
    if (have := guard.file_size(path) or 0) < size:
        raise RunUnreadable(
            f"Cannot continue {shown(path)}: it has {have:,} bytes, "
            f"the checkpoint was made when it had {size:,}."
        )
    if have > size:
        with _opened(path, os.O_RDWR) as (descriptor, _):
            _step("truncate", path, lambda: os.ftruncate(descriptor, size))
            _step("fsync", path, lambda: os.fsync(descriptor))


def sync_files(files: Mapping[Path, Path]) -> None:
    """Makes what was written to files, where they exist, survive a power cut.

    Beside each stands the path that a message names.
    """
    with ExitStack() as stack:
        opened = [
            (*stack.enter_context(_opened(file, os.O_RDWR, path)), path)
            for file, path in files.items()
            if guard.file_size(file) is not None
        ]
        syncs: list[Callable[[], None]] = [partial(os.fsync, file) for file, _, _ in opened]
        if len(syncs) > THREADS:  # the disk then waits once for several of them
            from concurrent.futures import ThreadPoolExecutor  # slow to import

            with suppress(RuntimeError):  # the system allows no more threads
                pool = stack.enter_context(ThreadPoolExecutor(THREADS))
                syncs = [pool.submit(sync).result for sync in syncs]
        for sync, (_, size, path) in zip(syncs, opened, strict=True):
            _step("fsync", path, sync, size)


def remove(path: Path) -> None:
    """Deletes the file or link `path`, if it exists."""
    if guard.is_real_folder(path):
        raise RunUnreadable(f"Cannot remove {shown(path)}: it is a folder, not a file.")
    _step("unlink", path, lambda: path.unlink(missing_ok=True))


def make_folder(path: Path) -> None:
    """Makes `path` and the folders above it, where they do not exist."""
    _step("mkdir", path, lambda: path.mkdir(parents=True, exist_ok=True))


def make_subfolder(path: Path) -> None:
    """Makes the folder `path` if needed; RunUnreadable for a link or file."""
    if not make_new_folder(path) and not guard.is_real_folder(path):
        kind = "link" if path.is_symlink() else "file"
        raise RunUnreadable(
            f"Cannot write into {shown(path)}: it is a {kind}, not a folder. "
            "Remove it, or move the real folder there."
        )


def make_new_folder(path: Path) -> bool:
    """Makes `path` in one atomic call; False if something has that name already."""

    def make() -> bool:
        try:
            path.mkdir()
        except FileExistsError:
            return False
        return True

    return _step("mkdir", path, make)


def remove_folder(path: Path) -> None:
    """Deletes the folder or link `path`, if it exists.

    It first gets a temporary name, so that a kill leaves no half of it.
    """
    if guard.status_of(path) is not None:
        gone = temporary_name(path)
        replace(path, gone)
        _delete(gone)


def remove_leftovers(folder: Path, *subfolders: str) -> None:
    """Removes temporaries from `folder` and its real `subfolders`.

    Only under the lock of `folder`: a process that still writes there needs its own.
    """
    real = [folder / name for name in subfolders if guard.is_real_folder(folder / name)]
    for place in (folder, *real):
        for name in guard.names_in(place):
            if name.startswith(".") and name.endswith(TEMPORARY):
                _delete(place / name)


def _remove_stale(folder: Path) -> None:
    """Removes the temporaries of processes of this machine that have ended."""
    with suppress(StorageError):
        for name in guard.names_in(folder):
            match = _OUR_TEMPORARY.fullmatch(name)
            if match and match[1] == _machine() and not _runs(int(match[2])):
                _delete(folder / name)


def _runs(pid: int) -> bool:
    """Whether a process of this machine has this number; True if unknown."""
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
    """Names the machine and the container in which process numbers are valid."""
    space = 0
    with suppress(OSError):
        space = os.stat("/proc/self/ns/pid").st_ino
    return hashlib.sha256(f"{socket.gethostname()} {space}".encode()).hexdigest()[:8]


def _delete(path: Path) -> None:
    """Deletes a file, a link, or a folder; enters no link."""
    waiting = [path]
    while waiting:
        last = waiting[-1]
        if not guard.is_real_folder(last):
            remove(last)
            waiting.pop()
        elif inside := [last / name for name in guard.names_in(last)]:
            waiting += inside
        else:
            _step("rmdir", last, last.rmdir)
            waiting.pop()


@contextmanager
def _opened(file: Path, flags: int, path: Path | None = None) -> Iterator[tuple[int, int]]:
    """Descriptor and size of a regular file; RunUnreadable for a link. Messages name `path`."""
    path = path or file
    guard.file_size(file)  # for the message; the flags and the second check are what holds
    descriptor = _step("open", path, lambda: os.open(file, flags | _CAREFUL, 0o666))
    try:
        status = os.fstat(descriptor)
        guard.refuse_irregular(path, status)
        yield descriptor, status.st_size
    finally:
        os.close(descriptor)


def read_file(path: Path, most: int | None = None, start: int = 0) -> bytes:
    """The bytes of the regular file `path` from `start`; the file may have at most `most`.

    Raises RunUnreadable for a missing file, one that is too large, and anything but a regular file
    (a pipe could be endless).
    """
    irregular = f"Cannot read {shown(path)}: it is not a regular file."
    try:
        with open(os.open(path, os.O_RDONLY | _READING), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise RunUnreadable(irregular)
            size = f"Cannot read {shown(path)}: it has {status.st_size:,} bytes"
            if most is not None and status.st_size > most:
                raise RunUnreadable(f"{size}; at most {most:,} are read.")
            file.seek(start)
            return file.read()
    except (MemoryError, OverflowError):
        raise RunUnreadable(f"{size}, more than there is memory for.") from None
    except (FileNotFoundError, NotADirectoryError):
        raise unreadable(path, "it does not exist") from None
    except OSError as error:
        if error.errno in (errno.EISDIR, errno.ENXIO):  # ENXIO: a socket
            raise RunUnreadable(irregular) from None
        raise StorageError(f"Cannot read {shown(path)}: {error.strerror or error}.") from error


def _write_all(step: str, path: Path, descriptor: int, data: memoryview) -> None:
    rest = data
    while rest.nbytes:  # the system may write less than it is given
        part = rest
        rest = rest[_step(step, path, lambda: os.write(descriptor, part), data.nbytes) :]  # noqa: B023


def _step(step: str, path: Path, action: Callable[[], T], need: int = 0) -> T:
    """Runs one system call on behalf of `path`, which needs `need` bytes."""
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
