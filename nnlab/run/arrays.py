"""The .npz files of run folders: equal arrays give equal bytes.

A file is a zip of uncompressed .npy members. Its comment holds the SHA-256 of every byte before
those 64 digits. `numpy.load` reads it too. Names, dtypes and shapes are compared with what is
expected, and with the size of the file, before memory is allocated (`data/npz.py` reads). Members
are never unpickled and never unpacked.
"""

import hashlib
import io
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.data.npz import NpyHeader, NpzError, open_npz, read_header, read_member
from nnlab.run import durable
from nnlab.run.text import shown, unreadable

Arrays = dict[str, NDArray[Any]]
# The content of a file: name -> (shape, dtype name); dtype None allows every dtype below.
Expected = Mapping[str, tuple[tuple[int, ...], str | None]]

DTYPES = ("float32", "float64", "int32", "int64", "uint8", "uint32", "uint64", "bool")
_DESCR = {np.dtype(name).newbyteorder("<").str for name in DTYPES}
_SEAL = b"nnlab sha256 "
_DIGITS = 64
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time in a zip: equal files for equal arrays
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,200}")
_LONGEST_HEADER = 1024
_MOST_AXES = 32


def write_npz(path: Path, arrays: Mapping[str, NDArray[Any]], sync: bool = True) -> None:
    """Writes `arrays`, durably with `sync`; raises as `pack_npz`."""
    durable.write_file(path, pack_npz(arrays), sync)


def read_npz(
    path: Path, expected: Expected | None = None, finite: bool = False, sealed: bool = False
) -> Arrays:
    """The arrays in `path`.

    `finite` refuses nan and inf, `sealed` a file without its SHA-256. Raises RunUnreadable for a
    file that is missing, damaged, forged, or not as expected.
    """
    try:
        return unpack_npz(durable.read_file(path), expected, finite, sealed)
    except (NpzError, MemoryError) as error:
        raise unreadable(path, f"{str(error) or 'out of memory'}") from error


def pack_npz(arrays: Mapping[str, NDArray[Any]]) -> memoryview:
    """The bytes of a sealed .npz; ValueError for a name or dtype that `read_npz` refuses."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            _add(archive, name, array)
        archive.comment = _SEAL + b"0" * _DIGITS
    data = buffer.getbuffer()
    data[-_DIGITS:] = hashlib.sha256(data[:-_DIGITS]).hexdigest().encode()
    return data


def seal(data: bytes | memoryview) -> bool | None:
    """Whether the SHA-256 at the end of `data` is right; None if there is none."""
    view = memoryview(data)
    if bytes(view[-_DIGITS - len(_SEAL) : -_DIGITS]) != _SEAL:
        return None
    return hashlib.sha256(view[:-_DIGITS]).hexdigest().encode() == bytes(view[-_DIGITS:])


def unpack_npz(
    data: bytes, expected: Expected | None = None, finite: bool = False, sealed: bool = False
) -> Arrays:
    """The arrays in the bytes of an .npz, as `read_npz`; NpzError with the reason."""
    intact = seal(data)
    if intact is False or (sealed and intact is None):
        raise NpzError("it is damaged (its SHA-256 does not match)")
    with open_npz(io.BytesIO(data)) as archive:
        members = _members(archive, len(data))
        heads = {name: _head(archive, name, info) for name, info in members.items()}
        if expected is not None:
            _compare(heads, expected)
        return {
            name: _read(archive, name, members[name], head, finite) for name, head in heads.items()
        }


def _add(archive: zipfile.ZipFile, name: str, array: NDArray[Any]) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(f"'{shown(name)}' cannot be the name of an array")
    if array.dtype.name not in DTYPES:
        raise ValueError(f"'{name}' has dtype {array.dtype}; allowed are {', '.join(DTYPES)}")
    little = np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")
    info = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
    info.create_system = 3  # otherwise Windows would give other bytes
    info.file_size = little.nbytes + _LONGEST_HEADER  # so that zipfile knows what needs zip64
    with archive.open(info, "w") as stream:
        np.lib.format.write_array_header_1_0(
            stream, np.lib.format.header_data_from_array_1_0(little)
        )
        stream.write(little.reshape(-1).view(np.uint8).data)


def _members(archive: zipfile.ZipFile, size: int) -> dict[str, zipfile.ZipInfo]:
    infos = archive.infolist()
    members = {info.filename.removesuffix(".npy"): info for info in infos}
    if len(members) != len(infos):
        raise NpzError("it holds two arrays of one name")
    for name, info in members.items():
        if not info.filename.endswith(".npy") or not _NAME.fullmatch(name):
            raise NpzError(f"'{shown(info.filename)[:80]}' in it is not the name of an array")
        if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
            raise NpzError(f"'{name}' is compressed, which nnlab never does")
    if sum(info.file_size for info in infos) > size:
        raise NpzError("it claims to hold more bytes than it has")
    return members


def _head(archive: zipfile.ZipFile, name: str, info: zipfile.ZipInfo) -> NpyHeader:
    head = read_header(archive, info, _LONGEST_HEADER)
    if (
        head is None
        or head.dtype.names
        or len(head.shape) > _MOST_AXES
        or min(head.shape, default=0) < 0
    ):
        raise NpzError(f"'{name}' has no valid header")
    if head.dtype.str not in _DESCR:
        raise NpzError(f"'{name}' has dtype '{head.dtype.str}'; allowed are {', '.join(DTYPES)}")
    if head.nbytes != (have := info.file_size - head.before):
        raise NpzError(f"'{name}' says it is {_by(head.shape)}, but has {have:,} bytes")
    return head


def _read(
    archive: zipfile.ZipFile, name: str, info: zipfile.ZipInfo, head: NpyHeader, finite: bool
) -> NDArray[Any]:
    array = read_member(archive, info, head)
    if array is None:
        raise NpzError(f"'{name}' is not as long as its header says")
    if finite and not np.isfinite(array).all():
        raise NpzError(f"'{name}' holds numbers that are not finite")
    return array


def _compare(heads: Mapping[str, NpyHeader], expected: Expected) -> None:
    if missing := sorted(expected.keys() - heads.keys()):
        raise NpzError(f"it has no array '{missing[0]}'")
    if extra := sorted(heads.keys() - expected.keys()):
        raise NpzError(f"it has an array '{extra[0]}', which does not belong there")
    for name, (shape, dtype) in expected.items():
        if heads[name].shape != tuple(shape):
            raise NpzError(f"'{name}' is {_by(heads[name].shape)}, not {_by(shape)}")
        if dtype is not None and heads[name].dtype.name != dtype:
            raise NpzError(f"'{name}' is {heads[name].dtype.name}, not {dtype}")


def _by(shape: tuple[int, ...]) -> str:
    return "x".join(str(axis) for axis in shape) or "one number"
