"""Reader of IDX files (MNIST), plain or gzipped; it trusts nothing.

2 bytes 0 | 1 byte 0x08 (unsigned bytes) | 1 byte ndim | ndim big-endian uint32 | the bytes
"""

import gzip
import hashlib
import math
import zlib
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from nnlab.core.types import Shape
from nnlab.data.files import open_regular_file
from nnlab.errors import DataError

CHUNK = 1 << 20


def idx_bytes(shape: Shape) -> int:
    """Bytes of a decompressed IDX file of this shape."""
    return 4 + 4 * len(shape) + math.prod(shape)


def read_idx(path: Path, shape: Shape) -> tuple[NDArray[np.uint8], str]:
    """The array of `shape` in `path`, and the SHA-256 of the decompressed file.

    The header must announce exactly `shape`, so memory is bounded before anything is allocated,
    whatever the file claims or unpacks to. The stream is read past its last byte: only then does
    gzip compare its checksum. Raises DataError; StorageError when the system cannot read.
    """
    with open_regular_file(path) as file:
        try:
            if file.peek(2)[:2] != b"\x1f\x8b":  # type: ignore[attr-defined]
                return _parse(file, path, shape)
            with gzip.GzipFile(fileobj=file) as stream:
                return _parse(cast(BinaryIO, stream), path, shape)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            reason = "it ends too early" if isinstance(error, EOFError) else str(error)
            raise DataError(f"{path} is a damaged gzip file: {reason}.") from None


def check_labels(labels: NDArray[np.uint8], classes: int, path: Path) -> None:
    """Raise DataError naming the first row with a label beyond the classes."""
    bad = np.flatnonzero(labels >= classes)
    if bad.size:
        row = int(bad[0])
        raise DataError(
            f"{path}: row {row} has label {labels[row]}; only 0 to {classes - 1} are allowed."
        )


def _parse(stream: BinaryIO, path: Path, shape: Shape) -> tuple[NDArray[np.uint8], str]:
    header = stream.read(4 + 4 * len(shape))
    magic = bytes([0, 0, 8, len(shape)])
    if header[:4] != magic:
        start = header[:4].hex(" ") or "nothing"
        raise DataError(f"{path} starts with {start}, not with {magic.hex(' ')}: no such IDX file.")
    counts = tuple(int.from_bytes(header[i : i + 4], "big") for i in range(4, len(header), 4))
    if counts != shape:
        raise DataError(f"{path} announces {_times(counts)} values; {_times(shape)} are expected.")

    digest = hashlib.sha256(header)
    array = np.empty(math.prod(shape), np.uint8)
    done = 0
    while chunk := stream.read(min(CHUNK, array.size - done)):
        digest.update(chunk)
        array[done : done + len(chunk)] = np.frombuffer(chunk, np.uint8)
        done += len(chunk)
    if done < array.size:
        raise DataError(f"{path} ends after {done:,} of {array.size:,} values.")
    if stream.read(1):
        raise DataError(f"{path} continues after its {array.size:,} values.")
    return array.reshape(shape), digest.hexdigest()


def _times(shape: Shape) -> str:
    return " x ".join(f"{extent:,}" for extent in shape)
