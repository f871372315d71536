"""Fetching one published file over its mirrors, so that the cache holds the right file or none."""

import os
from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

from nnlab.data import idx
from nnlab.data.published import Collection, PublishedFile
from nnlab.errors import DataError, StorageError

TIMEOUT = 30.0  # seconds without a byte before the next mirror is tried
CHUNK = 1 << 16
SLACK = 1 << 16  # gzip never makes a file larger than this beyond its content
SILENT = "it was silent for {:g} seconds."
BROKEN_OFF = "its answer broke off or made no sense."

Report = Callable[[str], None]


def quiet(message: str) -> None:
    """Report nothing."""


class _RefusedError(Exception):
    """A mirror cannot give the file; the text says why."""


def download(
    collection: Collection, file: PublishedFile, path: Path, report: Report = quiet
) -> None:
    """Make `path` a verified copy of `file`, from the first mirror that has one.

    The bytes go to a temporary name in the same folder, are synced and verified there, then
    renamed: a kill at any moment leaves the old state or the new one. A lock lets one process
    download while others wait for its result; it also makes the temporary name safe to reuse, so
    what a killed process left is removed by the next. `report` gets a sentence an attempt.
    Raises DataError when no mirror helps, StorageError when the disk refuses.
    """
    from filelock import FileLock

    failures = []
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        before = _identity(path)
        with FileLock(path.parent / f".{path.name}.lock"):
            if _identity(path) != before:  # another process was faster
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
    """Tells one file at `path` from the next; None when there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns


def _replace(path: Path, address: str, file: PublishedFile) -> None:
    """Put what `address` sends at `path`, if it is `file`. Raises _RefusedError or OSError."""
    part = path.parent / f".{path.name}.part"
    try:
        part.unlink(missing_ok=True)  # of a killed process, or a link that somebody laid out
        with part.open("xb") as sink:
            _receive(address, sink, limit=idx.size(file.shape) + SLACK)
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


def _receive(address: str, sink: BinaryIO, limit: int) -> None:
    """Write at most `limit` bytes from `address` to `sink`. Raises _RefusedError or OSError."""
    left = limit
    with closing(_chunks(address)) as chunks:
        for chunk in chunks:
            left -= len(chunk)
            if left < 0:
                raise _RefusedError("it sent more than the whole file.")
            sink.write(chunk)


def _chunks(address: str) -> Generator[bytes]:
    """The body of the answer, piece by piece. Raises _RefusedError unless it is whole."""
    import ssl
    from http.client import HTTPException
    from urllib.error import HTTPError, URLError
    from urllib.request import Request, urlopen

    # "identity": a server must not unpack the gzip file on the way.
    request = Request(address, headers={"Accept-Encoding": "identity", "User-Agent": "nnlab"})
    try:
        with urlopen(request, timeout=TIMEOUT) as answer:
            received = 0
            while chunk := answer.read(CHUNK):
                received += len(chunk)
                yield chunk
            # A length of letters, or a connection that was closed early: http.client ignores both.
            if answer.headers.get("Content-Length", str(received)) != str(received):
                raise _RefusedError(BROKEN_OFF)
    # A server's own words never reach the terminal: only what kind of failure it was.
    except HTTPError as error:
        with error:
            raise _RefusedError(f"it answered with status {error.code}.") from None
    except TimeoutError:
        raise _RefusedError(SILENT.format(TIMEOUT)) from None
    except URLError as error:
        match error.reason:
            case TimeoutError():
                raise _RefusedError(SILENT.format(TIMEOUT)) from None
            case ssl.SSLCertVerificationError():
                raise _RefusedError("its TLS certificate is not trusted here.") from None
        raise _RefusedError("there is no connection, or it broke.") from None
    except (OSError, HTTPException, ValueError):  # ValueError: a redirection to no address
        raise _RefusedError(BROKEN_OFF) from None


def _sync_folder(folder: Path) -> None:
    """Make a rename durable; Windows cannot open folders and needs no such call."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
