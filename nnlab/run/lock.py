"""One writer a folder.

The kernel holds the lock on the file `lock` and lets go of it when the process ends, however it
ends, so a killed holder leaves no stale lock. `lock.json` beside it only tells who the holder is.
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
PATIENCE = 0.3  # seconds: a look by `is_held` takes the lock for a moment, which is not a refusal


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Holds the lock of `folder` inside the `with`.

    Raises:
        RunLocked: another process holds it; the message names that process.
        RunUnreadable: there is no such folder, or the lock file is a link or no file.
        StorageError: the lock file cannot be made.
    """
    from filelock import FileLock, Timeout

    if not folder.is_dir():  # some versions of filelock would make it
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
    try:
        durable.write_file(folder / HOLDER, to_json(_myself()), sync=False)
        yield
    finally:
        with suppress(StorageError):  # an old lock.json misleads nobody: it is read under a lock
            durable.remove(folder / HOLDER)
        lock.release()


def is_held(folder: Path) -> bool:
    """Whether some process holds the lock of `folder`. Makes no file."""
    path = folder / LOCK
    try:
        if guard.file_size(path) is None:
            return False
    except NnlabError:  # a link or a pipe: `held` refuses it, so nothing of ours holds it
        return False
    from filelock import FileLock, Timeout

    lock = FileLock(path, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    except OSError:  # a folder we may only read: the lock cannot be tried, nor the folder written
        return False
    lock.release()
    return False


def holder(folder: Path) -> dict[str, object] | None:
    """pid, host and since of the process that took the lock last, or None if unknown."""
    try:
        return from_json(durable.read_file(folder / HOLDER, LONGEST), folder / HOLDER)
    except NnlabError:
        return None


def _myself() -> dict[str, object]:
    since = datetime.now(UTC).astimezone().isoformat(timespec="seconds")
    return {"pid": os.getpid(), "host": socket.gethostname(), "since": since}


def _refusal(folder: Path) -> str:
    who = holder(folder) or {}
    name = "Another process"
    if {"pid", "host", "since"} <= who.keys():
        known = shown(f"{who['pid']} on {who['host']} (since {who['since']})")
        name = f"Process {known}"
    return f"{name} is writing into {shown(folder)}: wait until it ends, or end it."
