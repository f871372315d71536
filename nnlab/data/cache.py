"""The folder of downloaded files: looked at first, filled on demand, checked at every load."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nnlab.data.download import Report, download, quiet
from nnlab.data.published import Collection, PublishedFile
from nnlab.errors import DataError, StorageError

State = Literal["missing", "present", "verified", "damaged"]


@dataclass(frozen=True)
class FileState:
    """One line of `nnlab data list`: `path` is where the file is, or where it would go."""

    collection: str
    file: str
    path: Path
    state: State
    detail: str = ""


def folder() -> Path:
    """`$NNLAB_DATA_DIR` if it is set and not empty, else nnlab's part of the platform's cache.

    Raises StorageError where no home folder is known.
    """
    if chosen := os.environ.get("NNLAB_DATA_DIR"):
        return Path(os.path.expanduser(chosen))
    from platformdirs import user_cache_dir

    try:
        cache = user_cache_dir("nnlab")
    except RuntimeError:
        cache = "~"
    if not os.path.isabs(cache):  # older platformdirs leave the ~ as it is
        raise StorageError(
            "There is no folder for downloaded files: your home folder is not known. "
            "Set NNLAB_DATA_DIR to a folder."
        )
    return Path(cache)


def load(collection: Collection, file: PublishedFile) -> NDArray[np.uint8]:
    """The content of `file`, downloaded if it is not there, verified in any case.

    A file that is there and wrong is never overwritten unasked: it may be the user's own.
    Raises DataError; StorageError when the disk refuses.
    """
    path = _find(collection, file)
    if path is None:
        path = _target(collection, file)
        download(collection, file, path)
    try:
        return file.read(path)
    except DataError as error:
        raise DataError(
            f"{error} Remove it, or replace it with: nnlab data fetch {collection.name} --force"
        ) from None


def fetch(
    collection: Collection, *, force: bool = False, report: Report = quiet
) -> tuple[FileState, ...]:
    """Download what is missing and verify the rest; with `force` also replace damaged files.

    `report` gets one sentence a download. Raises DataError when no mirror has a file,
    StorageError when the disk refuses.
    """
    for file in collection.files:
        found = _state(collection, file, verify=True)
        if found.state == "missing" or (force and found.state == "damaged"):
            # Beside the damaged file and with .gz, which is looked for first: so it wins.
            path = found.path if found.path.suffix == ".gz" else Path(f"{found.path}.gz")
            download(collection, file, path, report)
    return states(collection, verify=True)


def states(collection: Collection, *, verify: bool = False) -> tuple[FileState, ...]:
    """Where each file of the collection is; `verify` reads them all and compares the hashes."""
    return tuple(_state(collection, file, verify=verify) for file in collection.files)


def _state(collection: Collection, file: PublishedFile, *, verify: bool) -> FileState:
    path = _find(collection, file)
    if path is None:
        return FileState(collection.name, file.name, _target(collection, file), "missing")
    if not verify:
        return FileState(collection.name, file.name, path, "present")
    try:
        file.read(path)
    except DataError as error:
        return FileState(collection.name, file.name, path, "damaged", str(error))
    return FileState(collection.name, file.name, path, "verified")


def _find(collection: Collection, file: PublishedFile) -> Path | None:
    """The first of the accepted names that exists."""
    dotted = file.name.replace("-idx", ".idx")  # as it is called in many copies
    names = (f"{file.name}.gz", file.name, f"{dotted}.gz", dotted)
    paths = (folder() / where / name for where in collection.folders for name in names)
    return next((path for path in paths if os.path.exists(path)), None)  # Path.exists may raise


def _target(collection: Collection, file: PublishedFile) -> Path:
    """Where a download of `file` goes."""
    return folder() / collection.folders[0] / f"{file.name}.gz"
