"""One writer per folder.

The kernel releases the lock on the file `lock` when the process ends, also when it is killed.
`lock.json` beside it names the process, for messages only.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from nnlab.errors import NnlabError, RunLocked, RunUnreadable, StorageError
from nnlab.run import durable, guard
from nnlab.run.text import from_json, shown, to_json

LOCK = "lock"
HOLDER = "lock.json"
LONGEST = 1 << 16  # bytes of lock.json
PATIENCE = 0.3  # seconds; `is_held` in another process takes the lock for a moment


@contextmanager
def hold_lock(folder: Path) -> Iterator[None]:
    """Holds the lock of `folder` inside the `with`.

    Raises RunLocked, which names the process that holds it; RunUnreadable if there is no such
    folder, or the lock file is a link or no file; StorageError if it cannot be made.
    """
    from filelock import FileLock, Timeout

    if not folder.is_dir():  # some versions of filelock make it
        raise RunUnreadable(f"Cannot lock {shown(folder)}: there is no such folder.")
    guard.file_size(folder / LOCK)  # filelock follows links, and empties what it opens
    lock = FileLock(folder / LOCK, thread_local=False)
    try:
        lock.acquire(timeout=PATIENCE, poll_interval=0.02)
    except Timeout as error:
        raise RunLocked(_refusal(folder)) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError(f"Cannot lock {shown(folder)}: {reason}.") from error
    since = datetime.now(UTC).astimezone().isoformat(timespec="seconds")
    process = {"pid": os.getpid(), "host": socket.gethostname(), "since": since}
    try:
        durable.write_file(folder / HOLDER, to_json(process), sync=False)
        yield
    finally:
        with suppress(StorageError):  # an old lock.json does no harm
            durable.remove(folder / HOLDER)
        lock.release()


def is_held(folder: Path) -> bool:
    """Whether a process holds the lock of `folder`. Makes no file."""
    path = folder / LOCK
    try:
        if guard.file_size(path) is None:
            return False
    except NnlabError:  # a link or a pipe: `hold_lock` refuses it, so it is not held
        return False
    from filelock import FileLock, Timeout

    lock = FileLock(path, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    except OSError:  # a folder that can only be read: no process of this user writes there
        return False
    lock.release()
    return False


def holder(folder: Path) -> dict[str, object] | None:
    """pid, host and since of the last process that took the lock; None if unknown."""
    try:
        return from_json(durable.read_file(folder / HOLDER, LONGEST), folder / HOLDER)
    except NnlabError:
        return None


def _refusal(folder: Path) -> str:
    process, known = "Another process", holder(folder) or {}
    if {"pid", "host", "since"} <= known.keys():
        process = shown(f"Process {known['pid']} on {known['host']} (since {known['since']})")
    return f"{process} is writing into {shown(folder)}: wait until it ends, or end it."
