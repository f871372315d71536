"""Reader of IDX files (MNIST), plain or gzipped, from any source.

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

GZIP = b"\x1f\x8b"  # the first bytes of a gzip file


def idx_bytes(shape: Shape) -> int:
    """Bytes of a decompressed IDX file of this shape."""
    return 4 + 4 * len(shape) + math.prod(shape)


def read_idx(path: Path, shape: Shape) -> tuple[NDArray[np.uint8], str]:
    """The array of `shape` in `path`, and the SHA-256 of the decompressed file.

    The header must announce exactly `shape`, and no more bytes are read, so that memory is bounded
    whatever the file claims or unpacks to. Raises DataError; StorageError when the system cannot
    read.
    """
    with open_regular_file(path) as file:
        try:
            if file.peek(2)[:2] != GZIP:  # type: ignore[attr-defined]
                return _parse(file, path, shape)
            with gzip.GzipFile(fileobj=file) as stream:
                return _parse(cast(BinaryIO, stream), path, shape)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            reason = "it ends too early" if isinstance(error, EOFError) else str(error)
            raise DataError(f"{path} is a damaged gzip file: {reason}.") from None


def _parse(stream: BinaryIO, path: Path, shape: Shape) -> tuple[NDArray[np.uint8], str]:
    header = stream.read(4 + 4 * len(shape))
    magic = bytes([0, 0, 8, len(shape)])
    if header[:4] != magic:
        start = header[:4].hex(" ") or "nothing"
        raise DataError(f"{path} starts with {start}, not with {magic.hex(' ')}: no such IDX file.")
    counts = tuple(int.from_bytes(header[i : i + 4], "big") for i in range(4, len(header), 4))
    if counts != shape:
        raise DataError(f"{path} announces {_times(counts)} values; {_times(shape)} are expected.")

    size = math.prod(shape)
    content = stream.read(size + 1)  # reads past the last byte, so that gzip compares its checksum
    if len(content) < size:
        raise DataError(f"{path} ends after {len(content):,} of {size:,} values.")
    if len(content) > size:
        raise DataError(f"{path} continues after its {size:,} values.")
    digest = hashlib.sha256(header)
    digest.update(content)
    return np.frombuffer(content, np.uint8).reshape(shape), digest.hexdigest()


def _times(shape: Shape) -> str:
    return " x ".join(f"{extent:,}" for extent in shape)
