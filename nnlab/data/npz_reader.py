"""The user's NPZ files: the wanted arrays, of the wanted kinds, finite."""

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nnlab.core.types import Array
from nnlab.data import arrays
from nnlab.data.arrays import Header
from nnlab.data.dataset import require_finite
from nnlab.data.files import reading
from nnlab.errors import DataError

MAX_BYTES = 1 << 32  # of one array
FREE = 1 << 24  # bytes that a compressed array may have in any case
MAX_RATIO = 100  # above FREE: deflate makes 1,032 bytes of one, data makes 5 or 20
MAX_HEADER = 10_000
DEFLATED_OR_STORED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@dataclass(frozen=True)
class Kind:
    """What an array may be: letters of `dtype.kind`, and numbers of dimensions."""

    dtypes: str
    dimensions: tuple[int, ...]


INPUTS = Kind("biuf", (2, 3, 4))
TARGETS = Kind("biufU", (1, 2))


def read(path: Path, wanted: Mapping[str, Kind]) -> dict[str, Array]:
    """The `wanted` arrays of `path`, finite, of the wanted kinds, and equally many rows.

    Everything that headers can tell is checked before any data is read.

    Raises DataError naming the array and, for nan and inf, row and column; StorageError.
    """
    try:
        with reading(path) as file, arrays.opened(file) as archive:
            packed = path.stat().st_size
            members = {name: _member(archive, path, name, packed) for name in wanted}
            heads = {
                name: _head(archive, members[name], kind, f"{path}, array {name!r}")
                for name, kind in wanted.items()
            }
            _require_equal_rows(path, heads)
            return {
                name: _array(archive, members[name], head, f"{path}, array {name!r}")
                for name, head in heads.items()
            }
    except arrays.UnfitError as error:
        raise DataError(f"{path} cannot be read: {error}.") from None


def _member(archive: zipfile.ZipFile, path: Path, name: str, packed: int) -> zipfile.ZipInfo:
    try:
        info = archive.getinfo(f"{name}.npy")
    except KeyError:
        stems = [n.removesuffix(".npy") for n in archive.namelist()[:20]]
        known = ", ".join(map(repr, stems)) or "none"
        raise DataError(f"{path} has no array {name!r}; its arrays are {known}.") from None
    where = f"{path}, array {name!r}"
    if info.compress_type not in DEFLATED_OR_STORED:
        raise DataError(f"{where} is compressed in a way that NumPy never uses: refused.")
    packed = min(info.compress_size, packed)
    if info.file_size > min(MAX_BYTES, max(FREE, MAX_RATIO * packed), 1032 * (packed + 1)):
        raise DataError(
            f"{where} announces {info.file_size:,} bytes out of {packed:,}: refused. "
            "numpy.savez writes arrays without compression."
        )
    return info


def _head(archive: zipfile.ZipFile, info: zipfile.ZipInfo, kind: Kind, where: str) -> Header:
    head = arrays.header(archive, info, MAX_HEADER)
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


def _require_equal_rows(path: Path, heads: Mapping[str, Header]) -> None:
    rows = [head.shape[0] for head in heads.values()]
    if len(rows) == 2 and rows[0] != rows[1]:
        raise DataError(f"{path}: there are {rows[0]} rows of inputs but {rows[1]} of targets.")


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo, head: Header, where: str) -> Array:
    array = arrays.load(archive, info, head)
    if array is None:
        raise DataError(f"{where} is not as long as its shape {head.shape} says.")
    require_finite(array, where)
    return array
