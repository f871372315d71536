"""Published files: downloaded if absent, verified at every load."""

import hashlib
import os
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nnlab.core.types import Shape
from nnlab.data.files import open_regular_file
from nnlab.data.idx import GZIP, idx_bytes, read_idx
from nnlab.errors import DataError, StorageError

TIMEOUT = 30.0  # seconds without a byte before the next mirror is tried
CHUNK = 1 << 16
SLACK = 1 << 16  # gzip never makes a file larger than this beyond its content
SILENT = "it was silent for {:g} seconds."
BROKEN_OFF = "its answer broke off or made no sense."
CLASSES = 10  # all collections have labels 0 to 9

Report = Callable[[str], object]
State = Literal["missing", "present", "verified", "damaged"]


@dataclass(frozen=True)
class PublishedFile:
    """An IDX file and its published SHA-256: of the decompressed bytes, or of the packed file."""

    name: str
    shape: Shape
    sha256: str
    hash_is_of: Literal["content", "gzip"] = "content"

    def read(self, path: Path) -> NDArray[np.uint8]:
        """The array in `path`. Raises DataError unless it is the published one, bit for bit."""
        array, sha256 = read_idx(path, self.shape)
        if self.hash_is_of == "gzip":
            sha256 = self._sha256_of_gzip(path)
        if array.ndim == 1 and array.max() >= CLASSES:
            row = int(np.argmax(array >= CLASSES))
            raise DataError(
                f"{path}: row {row} has label {array[row]}; only 0 to {CLASSES - 1} are allowed."
            )
        if sha256 != self.sha256:
            raise DataError(
                f"{path} is not the published file: its SHA-256 is {sha256}, not {self.sha256}."
            )
        return array

    def _sha256_of_gzip(self, path: Path) -> str:
        """The SHA-256 of a gzip file as it is. Raises DataError for any other file."""
        with open_regular_file(path) as file:
            content = file.read(idx_bytes(self.shape) + SLACK)
        if not content.startswith(GZIP):
            needed = f"{self.name}.gz is needed: the published SHA-256 is that of the packed file."
            raise DataError(f"{path} is unpacked. {needed}")
        return hashlib.sha256(content).hexdigest()


@dataclass(frozen=True)
class Collection:
    """Files that belong together.

    folders: names accepted inside the data folder; nnlab makes the first.
    mirrors: addresses, each ending in '/', tried in turn.
    files: training images, training labels, test images, test labels.
    """

    name: str
    folders: tuple[str, ...]
    mirrors: tuple[str, ...]
    files: tuple[PublishedFile, ...]

    def target(self, file: PublishedFile) -> Path:
        """Where a download of `file` goes."""
        return data_folder() / self.folders[0] / f"{file.name}.gz"

    def find(self, file: PublishedFile) -> Path | None:
        """The first of the accepted names of `file` that exists."""
        dotted = file.name.replace("-idx", ".idx")  # the name in many copies
        names = (f"{file.name}.gz", file.name, f"{dotted}.gz", dotted)
        paths = (data_folder() / where / name for where in self.folders for name in names)
        return next((path for path in paths if os.path.exists(path)), None)  # Path.exists may raise


@dataclass(frozen=True)
class FileState:
    """The state of a published file; `path` is where it is, or where a download puts it."""

    collection: str
    file: str
    path: Path
    state: State
    detail: str = ""


def data_folder() -> Path:
    """`$NNLAB_DATA_DIR` if it is set and not empty, else nnlab's part of the platform's cache.

    Raises StorageError where no home folder is known.
    """
    if chosen := os.environ.get("NNLAB_DATA_DIR"):
        return Path(os.path.expanduser(chosen))
    from platformdirs import user_cache_dir

    try:
        cache = user_cache_dir("nnlab")
    except RuntimeError:
        cache = ""
    if not os.path.isabs(cache):  # older platformdirs leave the ~ as it is
        raise StorageError(
            "There is no folder for downloaded files: your home folder is not known. "
            "Set NNLAB_DATA_DIR to a folder."
        )
    return Path(cache)


def load_published(collection: Collection, file: PublishedFile) -> NDArray[np.uint8]:
    """The verified content of `file`, downloaded if absent.

    An existing wrong file is never overwritten unasked: it may be the user's own.
    Raises DataError; StorageError when the disk refuses.
    """
    path = collection.find(file)
    if path is None:
        path = collection.target(file)
        download(collection, file, path, None)
    try:
        return file.read(path)
    except DataError as error:
        raise DataError(
            f"{error} Remove it, or replace it with: nnlab data fetch {collection.name} --force"
        ) from None


def fetch_files(
    collection: Collection, *, force: bool = False, report: Report = lambda message: None
) -> tuple[FileState, ...]:
    """Download missing files and verify the rest; with `force` also replace damaged files.

    `report` gets a sentence per attempt. Raises DataError when no mirror has a file, StorageError
    when the disk refuses.
    """
    for file in collection.files:
        state = _state(collection, file, verify=True)
        if state.state == "missing" or (force and state.state == "damaged"):
            # Beside the damaged file and with .gz: `find` prefers that name.
            path = state.path if state.path.suffix == ".gz" else Path(f"{state.path}.gz")
            old = None if state.state == "missing" else _identity(path)
            download(collection, file, path, old, report)
    return file_states(collection, verify=True)


def file_states(collection: Collection, *, verify: bool = False) -> tuple[FileState, ...]:
    """The state of each file of the collection; `verify` compares the hashes."""
    return tuple(_state(collection, file, verify=verify) for file in collection.files)


def _state(collection: Collection, file: PublishedFile, *, verify: bool) -> FileState:
    path = collection.find(file)
    if path is None:
        return FileState(collection.name, file.name, collection.target(file), "missing")
    if not verify:
        return FileState(collection.name, file.name, path, "present")
    try:
        file.read(path)
    except DataError as error:
        return FileState(collection.name, file.name, path, "damaged", str(error))
    return FileState(collection.name, file.name, path, "verified")


class _RefusedError(Exception):
    """Why a mirror cannot give the file."""


def download(
    collection: Collection,
    file: PublishedFile,
    path: Path,
    replaced: tuple[int, int] | None,
    report: Report = lambda message: None,
) -> None:
    """Make `path` a verified copy of `file`, from the first mirror that has it.

    `replaced` is the `_identity` of the file that the caller found there, None for none.
    The bytes go to a temporary name in the same folder, are synced and verified there, then
    renamed: a kill at any moment leaves the old state or the new one. A lock lets one process
    download while others wait for its result; it also makes the temporary name safe to reuse, so
    the next process removes what a killed one left. `report` gets a sentence per attempt.
    Raises DataError when no mirror helps, StorageError when the disk refuses.
    """
    from filelock import FileLock

    failures = []
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.parent / f".{path.name}.lock"):
            if _identity(path) != replaced:  # another process was faster
                return
            for mirror in collection.mirrors:
                address = f"{mirror}{file.name}.gz"
                report(f"Downloading {address}")
                try:
                    return _replace(path, address, file)
                except _RefusedError as refusal:
                    failures.append(f"\n  {address}: {refusal}")
    except OSError as error:
        raise StorageError(
            f"{path} could not be written: {error.strerror or error}. "
            "Set NNLAB_DATA_DIR to a folder that can be."
        ) from error
    raise DataError(
        f"{path.name} is not in {path.parent} and could not be downloaded:{''.join(failures)}\n"
        "Put the file there by hand, or set NNLAB_DATA_DIR to a folder that has "
        f"{collection.folders[0]}/{path.name}."
    )


def _identity(path: Path) -> tuple[int, int] | None:
    """Inode and time of change of the file at `path`; None when there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns


def _replace(path: Path, address: str, file: PublishedFile) -> None:
    """Put the bytes from `address` at `path`. Raises _RefusedError or OSError."""
    part = path.parent / f".{path.name}.part"
    try:
        part.unlink(missing_ok=True)  # of a killed process, or a link laid out on purpose
        with (
            part.open("xb") as sink,
            closing(_body(address, idx_bytes(file.shape) + SLACK)) as body,
        ):
            sink.writelines(body)
            sink.flush()
            os.fsync(sink.fileno())
        try:
            file.read(part)
        except DataError as error:
            reason = str(error).replace(str(part), "what it sent")
            raise _RefusedError(reason) from None
        os.replace(part, path)
        _sync_folder(path.parent)
    finally:
        part.unlink(missing_ok=True)


def _body(address: str, limit: int) -> Generator[bytes]:
    """The answer, piece by piece. Raises _RefusedError unless it is whole, up to `limit` bytes."""
    from http.client import HTTPException
    from urllib.request import Request, urlopen

    # "identity": a server must not unpack the gzip file on the way.
    request = Request(address, headers={"Accept-Encoding": "identity", "User-Agent": "nnlab"})
    try:
        with urlopen(request, timeout=TIMEOUT) as answer:
            received = 0
            while chunk := answer.read(CHUNK):
                received += len(chunk)
                if received > limit:
                    raise _RefusedError("it sent more than the whole file.")
                yield chunk
            # http.client ignores a length of letters, and a connection that was closed early.
            if answer.headers.get("Content-Length", str(received)) != str(received):
                raise _RefusedError(BROKEN_OFF)
    except (OSError, HTTPException, ValueError) as error:  # ValueError: a redirection to no address
        raise _RefusedError(failure_of_server(error)) from None


def failure_of_server(error: Exception) -> str:
    """Why a server gave nothing; its own words never reach the terminal."""
    import ssl
    from urllib.error import HTTPError, URLError

    if isinstance(error, HTTPError):
        error.close()
        return f"it answered with status {error.code}."
    reason = error.reason if isinstance(error, URLError) else error
    if isinstance(reason, TimeoutError):
        return SILENT.format(TIMEOUT)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return "its TLS certificate is not trusted here."
    return "there is no connection, or it broke." if reason is not error else BROKEN_OFF


def _sync_folder(folder: Path) -> None:
    """Make a rename durable; Windows cannot open folders and needs no such call."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
