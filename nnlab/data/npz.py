"""Readers of .npz files that check everything before they read data.

`read_user_npz` reads the user's files; `run/arrays.py` reads those of run folders with the same
tools. The directory is bounded before it is parsed, headers before they are parsed, an array
takes the memory that its header says and no more, the CRC is compared, nothing is unpickled.
"""

import errno
import io
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from nnlab.core.types import NUMERIC, Array, Shape, size
from nnlab.data.dataset import require_finite
from nnlab.data.files import open_regular_file
from nnlab.errors import DataError

MAX_MEMBERS = 10_000  # zipfile makes an object of a kilobyte for each
_DIRECTORY = 1 << 20  # bytes of the directory of a zip: more than MAX_MEMBERS entries have
_CHUNK = 1 << 20
_MAGIC = b"\x93NUMPY"
_PARSERS = {
    1: (2, np.lib.format.read_array_header_1_0),
    2: (4, np.lib.format.read_array_header_2_0),
}
# What zipfile raises for broken bytes: RuntimeError for encrypted members and for exotic
# compression, ArithmeticError for offsets beyond 2**63.
_FORGED = (
    *(zipfile.BadZipFile, zlib.error, struct.error, ValueError),
    *(RuntimeError, ArithmeticError, LookupError, EOFError),
)

# Limits for the user's files.
MAX_BYTES = 1 << 32  # of one array
FREE = 1 << 24  # bytes that a compressed array may have in any case
MAX_RATIO = 100  # above FREE: deflate makes 1,032 bytes of one, data makes 5 or 20
MAX_HEADER = 10_000


class NpzError(Exception):
    """Why bytes are not an NPZ file, as a clause."""


@dataclass(frozen=True)
class NpyHeader:
    """The header of an array; `before` is the number of bytes before its data."""

    shape: Shape
    dtype: np.dtype[Any]
    fortran: bool
    before: int

    @property
    def nbytes(self) -> int:
        """Bytes of the data."""
        return size(self.shape) * self.dtype.itemsize


@contextmanager
def open_npz(file: BinaryIO, kind: str = ".npz") -> Iterator[zipfile.ZipFile]:
    """The archive in `file`, which has at most 10,000 members; `kind` is for messages.

    Raises:
        NpzError: also where bytes that are read inside the `with` turn out to be broken.
    """
    bounded = _Bounded(file)
    try:
        with zipfile.ZipFile(bounded) as archive:
            bounded.most = None
            if len(archive.infolist()) > MAX_MEMBERS:
                raise NpzError(f"it holds more than {MAX_MEMBERS:,} members")
            yield archive
    except _FORGED as error:
        raise NpzError(f"it is not an intact {kind} file ({error})") from error
    except OSError as error:
        if error.errno not in (None, errno.EINVAL):
            raise
        # The directory of the archive points to before the start of the file.
        raise NpzError(f"it is not an intact {kind} file (wrong offsets)") from error


def read_header(archive: zipfile.ZipFile, info: zipfile.ZipInfo, longest: int) -> NpyHeader | None:
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
    return NpyHeader(shape, dtype, fortran, len(start) + width + count)


def read_member(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, head: NpyHeader
) -> NDArray[Any] | None:
    """The array of a member, in C order and native bytes; None when its length differs."""
    raw = np.empty(head.nbytes, np.uint8)  # takes real memory only where data is read into it
    with archive.open(info) as stream:
        stream.read(head.before)
        if not _fill(raw, stream):
            return None
    order: Literal["F", "C"] = "F" if head.fortran else "C"
    array = raw.view(head.dtype).reshape(head.shape, order=order)
    return np.asarray(array, dtype=head.dtype.newbyteorder("="), order="C")


def _fill(raw: NDArray[np.uint8], stream: IO[bytes]) -> bool:
    """Read the rest of `stream` into `raw`; False where their lengths differ. Compares the CRC."""
    done = 0
    while chunk := stream.read(min(_CHUNK, raw.size - done)):
        raw[done : done + len(chunk)] = np.frombuffer(chunk, np.uint8)
        done += len(chunk)
    return done == raw.size and not stream.read(1)


class _Bounded(io.BufferedIOBase):
    """A file that refuses to give a directory of too many members."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.most: int | None = _DIRECTORY

    def read(self, size: int | None = -1, /) -> bytes:
        if self.most is not None and size is not None and size > self.most:
            raise NpzError(f"it holds more than {MAX_MEMBERS:,} members")
        return self._file.read(-1 if size is None else size)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return True


@dataclass(frozen=True)
class ArrayKind:
    """Allowed arrays: letters of `dtype.kind`, and numbers of dimensions."""

    dtypes: str
    dimensions: tuple[int, ...]


INPUTS = ArrayKind(NUMERIC, (2, 3, 4))
TARGETS = ArrayKind(f"{NUMERIC}U", (1, 2))
WEIGHTS = ArrayKind(NUMERIC, (1,))


def read_user_npz(path: Path, wanted: Mapping[str, ArrayKind]) -> dict[str, Array]:
    """The `wanted` arrays of `path`: finite, with equally many rows.

    All headers are checked before any data is read. Raises DataError naming the array and, for
    nan and inf, row and column; StorageError.
    """
    try:
        with open_regular_file(path) as file, open_npz(file) as archive:
            packed = path.stat().st_size
            members = {name: _member(archive, path, name, packed) for name in wanted}
            heads = {
                name: _checked_header(archive, members[name], kind, array_place(path, name))
                for name, kind in wanted.items()
            }
            rows = [head.shape[0] for head in heads.values()]
            for count, word in zip(rows[1:], ("targets", "weights"), strict=False):
                if count != rows[0]:
                    raise DataError(
                        f"{path}: there are {rows[0]} rows of inputs but {count} of {word}."
                    )
            arrays = {}
            for name, head in heads.items():
                array = read_member(archive, members[name], head)
                if array is None:
                    raise DataError(
                        f"{array_place(path, name)} is not as long as its shape {head.shape} says."
                    )
                require_finite(array, f"{array_place(path, name)}: the numbers")
                arrays[name] = array
            return arrays
    except NpzError as error:
        raise DataError(f"{path} cannot be read: {error}.") from None


def array_place(path: Path, name: str) -> str:
    """The name of an array in messages."""
    return f"{path}, array {name!r}"


def _member(archive: zipfile.ZipFile, path: Path, name: str, packed: int) -> zipfile.ZipInfo:
    try:
        info = archive.getinfo(f"{name}.npy")
    except KeyError:
        stems = [n.removesuffix(".npy") for n in archive.namelist()[:20]]
        known = ", ".join(map(repr, stems)) or "none"
        raise DataError(f"{path} has no array {name!r}; its arrays are {known}.") from None
    where = array_place(path, name)
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DataError(f"{where} is compressed in a way that NumPy never uses: refused.")
    packed = min(info.compress_size, packed)
    if info.file_size > min(MAX_BYTES, max(FREE, MAX_RATIO * packed), 1032 * (packed + 1)):
        raise DataError(
            f"{where} announces {info.file_size:,} bytes out of {packed:,}: refused. "
            "numpy.savez writes arrays without compression."
        )
    return info


def _checked_header(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, kind: ArrayKind, where: str
) -> NpyHeader:
    head = read_header(archive, info, MAX_HEADER)
    if head is None:
        raise DataError(f"{where} has no readable header.")
    shape, dtype = head.shape, head.dtype
    if dtype.hasobject:
        raise DataError(f"{where} holds Python objects, which are never loaded.")
    if dtype.kind not in kind.dtypes:
        raise DataError(f"{where} is of type {dtype}; numbers are needed.")
    if len(shape) not in kind.dimensions:
        least, most = kind.dimensions[0], kind.dimensions[-1]
        allowed = f"{least} {'or' if most == least + 1 else 'to'} {most}"
        raise DataError(f"{where} has shape {shape}; {allowed} dimensions are needed.")
    if dtype.kind == "U" and len(shape) != 1:
        raise DataError(f"{where} holds text; text targets have 1 dimension.")
    if min(shape) <= 0:
        raise DataError(f"{where} is empty: its shape is {shape}.")
    if head.nbytes > info.file_size:
        raise DataError(
            f"{where} announces shape {shape} of {dtype}, {head.nbytes:,} bytes, but the file "
            f"holds {info.file_size:,}."
        )
    return head
