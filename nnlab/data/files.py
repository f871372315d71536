"""Opens files made by other programs: a regular file, or a clear error."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from nnlab.errors import DataError, StorageError


@contextmanager
def open_regular_file(path: Path) -> Iterator[BinaryIO]:
    """`path` opened for reading bytes.

    Raises DataError when it is missing or not a regular file (a pipe or /dev/zero never ends),
    StorageError when the system refuses to open or read it.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise DataError(f"{path} is not a regular file.")
        with path.open("rb") as file:
            yield file
    except (FileNotFoundError, NotADirectoryError):
        raise DataError(f"There is no file {path}.") from None
    except OSError as error:
        raise StorageError(f"{path} could not be read: {error.strerror or error}.") from error


def file_state(path: Path) -> tuple[int, int]:
    """Size and time of change of a regular file. Raises as `open_regular_file`."""
    with open_regular_file(path) as file:
        status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns
