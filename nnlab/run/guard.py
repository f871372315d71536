"""Checks before a write: the target is no link, pipe or device.

Nothing here writes. Links and irregular files raise RunUnreadable, errors of the system
StorageError.
"""

import os
import stat
from pathlib import Path

from nnlab.errors import RunUnreadable, StorageError
from nnlab.run.text import shown

ODD = "it is not a regular file. Name another file, or remove this one"


def refuse_link(path: Path) -> None:
    """Refuses links, hard links, and all but regular files and folders."""
    if not is_real_folder(path):
        file_size(path)


def require_size(path: Path, size: int) -> None:
    """Raises StorageError unless `path` has `size` bytes; a missing file has 0."""
    if ((have := file_size(path)) or 0) != size:
        state = "is missing" if have is None else f"has {have:,} bytes"
        raise StorageError(
            f"Cannot write {shown(path)}: it {state}, but {size:,} bytes were written into it. "
            "Something else changed or removed it."
        )


def names_in(folder: Path) -> list[str]:
    """The names in `folder`; none if there is no such folder."""
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise StorageError(f"Cannot list {shown(folder)}: {error.strerror or error}.") from error


def is_real_folder(path: Path) -> bool:
    """Whether `path` is a folder, and not a link to one."""
    status = status_of(path)
    return status is not None and stat.S_ISDIR(status.st_mode)


def status_of(path: Path) -> os.stat_result | None:
    """The status of a file, folder, or link itself; None if missing."""
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StorageError(f"Cannot read {shown(path)}: {error.strerror or error}.") from error


def file_size(path: Path) -> int | None:
    """Bytes of a file that may be changed in place; None if it is missing."""
    if (status := status_of(path)) is None:
        return None
    refuse_irregular(path, status)
    return status.st_size


def refuse_irregular(path: Path, status: os.stat_result) -> None:
    """Refuses all but a regular file without a second name."""
    if stat.S_ISREG(status.st_mode) and status.st_nlink <= 1:
        return
    if stat.S_ISLNK(status.st_mode):
        reason = "it is a link, and nnlab does not write through links. Put a copy in its place"
    elif stat.S_ISREG(status.st_mode):
        reason = "the file has a second name (a hard link) elsewhere. Put a copy in its place"
    else:
        reason = ODD
    raise RunUnreadable(f"Cannot write {shown(path)}: {reason}.")


def refuse_odd(path: Path) -> None:
    """Refuses a folder, a pipe, a device, or a link to one."""
    try:
        odd = not stat.S_ISREG(os.stat(path).st_mode)
    except OSError:  # nothing has this name, or the next step reports the error
        return
    if odd:
        raise RunUnreadable(f"Cannot write {shown(path)}: {ODD}.")
