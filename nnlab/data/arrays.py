"""The reader of .npz files, which checks names, types and sizes before it reads any data.

`data/npz_reader.py` reads the user's files with it, `run/arrays.py` those of run folders. They
decide what is allowed; here is what holds for both: the directory is bounded before it is parsed,
headers before they are parsed, an array takes the memory that its header says and no more, the
CRC is compared, and nothing is unpickled.
"""

import errno
import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from nnlab.core.types import Shape, size

MOST = 10_000  # members; zipfile makes an object of a kilobyte for each
_DIRECTORY = 1 << 20  # bytes of the directory of a zip: more than MOST entries have
_CHUNK = 1 << 20
_MAGIC = b"\x93NUMPY"
_PARSERS = {
    1: (2, np.lib.format.read_array_header_1_0),
    2: (4, np.lib.format.read_array_header_2_0),
}
# What zipfile raises for broken bytes: RuntimeError for encrypted members and for exotic
# compression, ArithmeticError for offsets beyond 2**63.
_FORGED = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    ValueError,
    RuntimeError,
    ArithmeticError,
    LookupError,
    EOFError,
)


class UnfitError(Exception):
    """Why bytes are not a file of arrays, as a clause."""


@dataclass(frozen=True)
class Header:
    """What an array says of itself; `before` is the number of bytes before its data."""

    shape: Shape
    dtype: np.dtype[Any]
    fortran: bool
    before: int

    @property
    def nbytes(self) -> int:
        """Bytes of the data."""
        return size(self.shape) * self.dtype.itemsize


@contextmanager
def opened(file: BinaryIO) -> Iterator[zipfile.ZipFile]:
    """The archive in `file`, which has at most 10,000 members.

    Raises:
        UnfitError: also where bytes that are read inside the `with` turn out to be broken.
    """
    bounded = _Bounded(file)
    try:
        with zipfile.ZipFile(bounded) as archive:
            bounded.most = None
            if len(archive.infolist()) > MOST:
                raise UnfitError(f"it holds more than {MOST:,} arrays")
            yield archive
    except _FORGED as error:
        raise UnfitError(f"it is not an intact .npz file ({error})") from error
    except OSError as error:
        if error.errno not in (None, errno.EINVAL):
            raise
        # The directory of the archive points to before the start of the file.
        raise UnfitError("it is not an intact .npz file (wrong offsets)") from error


def header(archive: zipfile.ZipFile, info: zipfile.ZipInfo, longest: int) -> Header | None:
    """The header of a member; None when it has none of at most `longest` bytes."""
    with archive.open(info) as stream:
        start = stream.read(len(_MAGIC) + 2)
        if not start.startswith(_MAGIC) or start[-2] not in _PARSERS:
            return None
        width, parser = _PARSERS[start[-2]]
        length = stream.read(width)
        count = int.from_bytes(length, "little")
        text = stream.read(count) if count <= longest else b""
    try:
        shape, fortran, dtype = parser(io.BytesIO(length + text), max_header_size=longest)
    except Exception:  # hostile text goes through a Python parser, which fails in many ways
        return None
    return Header(shape, dtype, fortran, len(start) + width + count)


def load(archive: zipfile.ZipFile, info: zipfile.ZipInfo, head: Header) -> NDArray[Any] | None:
    """The array of a member, in C order and native bytes; None when its length is another."""
    raw = np.empty(head.nbytes, np.uint8)  # takes real memory only where data is read into it
    with archive.open(info) as stream:
        stream.read(head.before)
        if not _filled(raw, stream):
            return None
    order: Literal["F", "C"] = "F" if head.fortran else "C"
    array = raw.view(head.dtype).reshape(head.shape, order=order)
    return np.asarray(array, dtype=head.dtype.newbyteorder("="), order="C")


def _filled(raw: NDArray[np.uint8], stream: IO[bytes]) -> bool:
    """Whether the rest of `stream`, read into `raw`, has its length; compares the CRC."""
    done = 0
    while chunk := stream.read(min(_CHUNK, raw.size - done)):
        raw[done : done + len(chunk)] = np.frombuffer(chunk, np.uint8)
        done += len(chunk)
    return done == raw.size and not stream.read(1)


class _Bounded(io.BufferedIOBase):
    """A file that refuses to give a directory of more members than any file of arrays has."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.most: int | None = _DIRECTORY

    def read(self, size: int | None = -1, /) -> bytes:
        if self.most is not None and size is not None and size > self.most:
            raise UnfitError(f"it holds more than {MOST:,} arrays")
        return self._file.read(-1 if size is None else size)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return True
