"""What may be written, cut and deleted in a folder of ours: no link, no pipe, no device.

These are looks alone; `durable` asks them before it changes anything.
"""

import os
import stat
from pathlib import Path

from nnlab.errors import RunUnreadable, StorageError
from nnlab.run.text import shown


def refuse_link(path: Path) -> None:
    """Raises RunUnreadable if `path` is a link, a hard link, or no regular file or folder.

    For what lies inside a folder of ours and is about to be changed by others than this module.
    """
    status = look(path)
    if status is None or stat.S_ISDIR(status.st_mode):
        return
    refuse_other(path, status)


def require_size(path: Path, size: int) -> None:
    """Raises StorageError unless `path` has `size` bytes; a missing file has none."""
    status = own_status(path)
    have = 0 if status is None else status.st_size
    if have != size:
        state = "is missing" if status is None else f"has {have:,} bytes"
        raise StorageError(
            f"Cannot write {shown(path)}: it {state}, but {size:,} bytes were written into it. "
            "Something else changed or removed it."
        )


def listed(folder: Path) -> list[str]:
    """The names in `folder`; none when there is no such folder."""
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise StorageError(f"Cannot list {shown(folder)}: {error.strerror or error}.") from error


def is_real_folder(path: Path) -> bool:
    """Whether `path` is a folder, and not a link to one."""
    status = look(path)
    return status is not None and stat.S_ISDIR(status.st_mode)


def look(path: Path) -> os.stat_result | None:
    """The status of what has this name, of a link itself; None for nothing."""
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StorageError(f"Cannot read {shown(path)}: {error.strerror or error}.") from error


def own_status(path: Path) -> os.stat_result | None:
    """The status of a file that may be changed in place; None for a missing one."""
    status = look(path)
    if status is not None:
        refuse_other(path, status)
    return status


def refuse_other(path: Path, status: os.stat_result) -> None:
    """Raises RunUnreadable unless `status` is of a regular file that has no other name."""
    if stat.S_ISREG(status.st_mode) and status.st_nlink <= 1:
        return
    if stat.S_ISLNK(status.st_mode):
        reason = "it is a link, and nnlab does not write through links. Put a copy in its place"
    elif stat.S_ISREG(status.st_mode):
        reason = "the file has a second name (a hard link) elsewhere. Put a copy in its place"
    else:
        reason = "it is not a regular file. Remove it"
    raise RunUnreadable(f"Cannot write {shown(path)}: {reason}.")


def refuse_odd(path: Path) -> None:
    """Raises RunUnreadable when a folder, a pipe or a device, or a link to one, has this name."""
    try:
        odd = not stat.S_ISREG(os.stat(path).st_mode)
    except OSError:  # nothing there, or what the next step will say
        return
    if odd:
        raise RunUnreadable(f"Cannot write {shown(path)}: it is not a regular file. Remove it.")
