"""Reader for NPZ files that checks names, types and sizes before any data is read."""

import errno
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from nnlab.core.types import Array, Shape, size
from nnlab.data.dataset import require_finite
from nnlab.data.files import reading
from nnlab.errors import DataError

MAX_BYTES = 1 << 32  # of one array
MAX_RATIO = 1032  # deflate cannot do better, so a larger announcement is a lie
MAX_HEADER = 10_000


@dataclass(frozen=True)
class Kind:
    """What an array may be: letters of `dtype.kind`, and numbers of dimensions."""

    dtypes: str
    dimensions: tuple[int, ...]


INPUTS = Kind("biuf", (2, 3, 4))
TARGETS = Kind("biufU", (1, 2))


def read(path: Path, wanted: Mapping[str, Kind]) -> dict[str, Array]:
    """The `wanted` arrays of `path`, finite and of the wanted kinds; nothing is unpickled.

    Raises DataError naming the array and, for nan and inf, row and column; StorageError.
    """
    with reading(path) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                return {name: _array(archive, path, name, kind) for name, kind in wanted.items()}
        # RuntimeError: encrypted; NotImplementedError: exotic compression or zip version.
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
            raise DataError(f"{path} is not a readable NPZ file: {error}.") from None
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            # The archive's directory points to before the start of the file.
            raise DataError(f"{path} is not a readable NPZ file: wrong offsets.") from None


def _array(archive: zipfile.ZipFile, path: Path, name: str, kind: Kind) -> Array:
    try:
        info = archive.getinfo(f"{name}.npy")
    except KeyError:
        stems = [n.removesuffix(".npy") for n in archive.namelist()[:20]]
        known = ", ".join(map(repr, stems)) or "none"
        raise DataError(f"{path} has no array {name!r}; its arrays are {known}.") from None
    where = f"{path}, array {name!r}"
    packed = min(info.compress_size, path.stat().st_size)
    if info.file_size > min(MAX_BYTES, MAX_RATIO * (packed + 1)):
        raise DataError(f"{where} announces {info.file_size:,} bytes out of {packed:,}: refused.")
    with archive.open(info) as stream:
        shape, fortran, dtype = _header(stream, where)
        _require(kind, shape, dtype, where)
        expected = size(shape) * dtype.itemsize
        if expected > info.file_size:
            raise DataError(
                f"{where} announces shape {shape} of {dtype}, {expected:,} bytes, but the file "
                f"holds {info.file_size:,}."
            )
        content = stream.read(expected)
        # Reading on to the end makes zipfile compare the checksum.
        if len(content) != expected or stream.read(1):
            raise DataError(f"{where} is not as long as its shape {shape} says.")
    array = np.frombuffer(content, dtype).reshape(shape, order="F" if fortran else "C")
    require_finite(array, where)
    return array


def _header(stream: IO[bytes], where: str) -> tuple[Shape, bool, np.dtype[np.generic]]:
    """Shape, Fortran order and dtype that the array announces."""
    formats = np.lib.format
    try:
        readers = {(1, 0): formats.read_array_header_1_0, (2, 0): formats.read_array_header_2_0}
        header = readers[formats.read_magic(stream)](stream, max_header_size=MAX_HEADER)
        shape, fortran, dtype = header
    except (zipfile.BadZipFile, zlib.error):
        raise
    except Exception:  # hostile text goes through a Python parser, which fails in many ways
        raise DataError(f"{where} has no readable header.") from None
    return shape, fortran, dtype


def _require(kind: Kind, shape: Shape, dtype: np.dtype[np.generic], where: str) -> None:
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
