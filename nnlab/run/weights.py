"""Files of weights that other programs read and write: .safetensors and .npz.

A .safetensors file is 8 bytes, the length of a header, the header in JSON (name -> dtype, shape,
place), and the arrays in C order, little-endian. https://github.com/huggingface/safetensors
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.errors import UsageError
from nnlab.run import durable
from nnlab.run.arrays import Arrays, pack_npz, read_npz
from nnlab.run.text import shown, unreadable

CODES = {"F64": "<f8", "F32": "<f4", "F16": "<f2"}  # the dtypes that weights have
ENDINGS = (".safetensors", ".npz")


def write_weights(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Writes arrays by name, in the format of the file's ending. Raises UsageError."""
    pack = pack_npz if _ending(path) == ".npz" else pack_safetensors
    durable.make_folder(path.parent)
    durable.write_file(path, pack(arrays))


def read_weights(path: Path) -> Arrays:
    """The arrays by name. Raises UsageError for another ending, RunUnreadable, StorageError."""
    if _ending(path) == ".npz":
        return read_npz(path)
    data = durable.read_file(path)
    try:
        return unpack_safetensors(data)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        reason = f"it is no intact .safetensors file with weights ({error})"
        raise unreadable(path, reason) from error


def pack_safetensors(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The bytes of a .safetensors file."""
    header: dict[str, Any] = {"__metadata__": {"format": "np"}}
    blocks, end = list[bytes](), 0
    codes = {dtype: code for code, dtype in CODES.items()}
    for name, array in arrays.items():
        little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        start, end = end, end + little.nbytes
        place = {"shape": list(array.shape), "data_offsets": [start, end]}
        header[name] = {"dtype": codes[little.dtype.str], **place}
        blocks.append(little.tobytes())
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the arrays begin at a multiple of 8
    return b"".join([len(text).to_bytes(8, "little"), text, *blocks])


def unpack_safetensors(data: bytes) -> Arrays:
    """The arrays in the bytes of a .safetensors file; ValueError where it is not intact."""
    start = 8 + int.from_bytes(data[:8], "little")
    if len(data) < 8 or start > len(data):
        raise ValueError("it ends within its header")
    arrays: Arrays = {}
    for name, entry in json.loads(data[8:start]).items():
        if name == "__metadata__":
            continue
        if entry["dtype"] not in CODES:
            raise ValueError(f"{name} is of type {entry['dtype']}; {', '.join(CODES)} are read")
        first, last = entry["data_offsets"]
        if not 0 <= first <= last <= len(data) - start:
            raise ValueError(f"{name} lies outside the file")
        block = np.frombuffer(data[start + first : start + last], CODES[entry["dtype"]])
        arrays[name] = block.reshape(entry["shape"]).astype(block.dtype.newbyteorder("="))
    return arrays


def _ending(path: Path) -> str:
    if path.suffix not in ENDINGS:
        endings = " or ".join(ENDINGS)
        raise UsageError(f"{shown(path)}: the name of a file of weights ends in {endings}.")
    return path.suffix
