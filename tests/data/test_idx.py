"""Hostile IDX files (S6): every one is a DataError in bounded memory."""

import gzip
import hashlib
import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from nnlab.data import idx
from nnlab.errors import DataError

SHAPE = (3, 2, 2)
HEADER = bytes([0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 2])
GOOD = HEADER + bytes(range(12))
ZIPPED = gzip.compress(GOOD, mtime=0)


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]


@pytest.mark.parametrize(
    "content",
    [
        GOOD,
        ZIPPED,
        gzip.compress(GOOD[:9], mtime=0)
        + gzip.compress(GOOD[9:], mtime=0),  # two members are one file
        ZIPPED + bytes(100),  # padding, as gzip itself accepts
    ],
)
def test_good(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(content)
    array, sha256 = idx.read_idx(path, SHAPE)
    assert array.tolist() == np.arange(12).reshape(SHAPE).tolist()
    assert sha256 == hashlib.sha256(GOOD).hexdigest()
    assert idx.idx_bytes(SHAPE) == len(GOOD)


WRONG_MAGIC = "starts with {}, not with 00 00 08 03: no such IDX file."
PLAIN = [
    (b"", WRONG_MAGIC.format("nothing")),
    (b"\0\0\x08", WRONG_MAGIC.format("00 00 08")),
    (b"<html>not here</html>", WRONG_MAGIC.format("3c 68 74 6d")),
    (b"\0\0\x0d\3" + GOOD[4:], WRONG_MAGIC.format("00 00 0d 03")),
    (b"\0\0\x08\1" + GOOD[4:], WRONG_MAGIC.format("00 00 08 01")),
    (HEADER[:9], "announces 3 x 0 values; 3 x 2 x 2 are expected."),
    (
        GOOD[:4] + b"\xff" * 12,
        "announces 4,294,967,295 x 4,294,967,295 x 4,294,967,295 values; 3 x 2 x 2 are expected.",
    ),
    (GOOD[:7] + b"\4" + GOOD[8:], "announces 4 x 2 x 2 values; 3 x 2 x 2 are expected."),
    (GOOD[:4] + bytes(12), "announces 0 x 0 x 0 values; 3 x 2 x 2 are expected."),
    (HEADER, "ends after 0 of 12 values."),
    (GOOD[:-1], "ends after 11 of 12 values."),
    (GOOD + b"\0", "continues after its 12 values."),
]
ZIPS = [
    (ZIPPED[:5], "is a damaged gzip file: it ends too early."),
    (ZIPPED[:-8], "is a damaged gzip file: it ends too early."),
    (ZIPPED[:-1], "is a damaged gzip file: it ends too early."),
    (ZIPPED[:2] + b"\7" + ZIPPED[3:], "is a damaged gzip file: Unknown compression method."),
    (ZIPPED + b"more", "is a damaged gzip file: Not a gzipped file (b'mo')."),
]


@pytest.mark.parametrize(
    ("content", "message"),
    [*PLAIN, *((gzip.compress(content, mtime=0), message) for content, message in PLAIN), *ZIPS],
)
def test_hostile(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        idx.read_idx(path, SHAPE)
    assert str(caught.value) == f"{path} {message}"


@pytest.mark.parametrize("end", [-8, -4])  # where CRC and length stand
def test_checksum_is_compared(end: int, tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(flipped(ZIPPED, len(ZIPPED) + end))
    with pytest.raises(DataError, match="is a damaged gzip file: "):
        idx.read_idx(path, SHAPE)


def test_no_flipped_byte_changes_the_content_silently(tmp_path: Path) -> None:
    path = tmp_path / "f"
    expected = hashlib.sha256(GOOD).hexdigest()
    refused = 0
    for place in range(len(ZIPPED)):
        path.write_bytes(flipped(ZIPPED, place))
        try:
            assert idx.read_idx(path, SHAPE)[1] == expected  # time and system in gzip's header
        except DataError:
            refused += 1
    assert refused >= len(ZIPPED) - 8


def test_no_cut_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "f"
    for length in range(len(ZIPPED)):
        path.write_bytes(ZIPPED[:length])
        with pytest.raises(DataError):
            idx.read_idx(path, SHAPE)


@pytest.mark.parametrize("announced", [SHAPE, (2**31, 2**15, 1)])
def test_a_bomb_stays_packed(announced: tuple[int, ...], tmp_path: Path) -> None:
    header = HEADER[:4] + b"".join(n.to_bytes(4, "big") for n in announced)
    path = tmp_path / "f"
    path.write_bytes(gzip.compress(header + bytes(1 << 26)))
    assert path.stat().st_size * 1000 < 1 << 26
    tracemalloc.start()
    with pytest.raises(DataError, match=r"continues after its 12 values|announces"):
        idx.read_idx(path, SHAPE)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 20


@pytest.mark.parametrize(
    ("name", "message"),
    [("absent", "There is no file {}."), ("folder", "{} is not a regular file.")],
)
def test_not_a_file(name: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    path = tmp_path / name
    with pytest.raises(DataError) as caught:
        idx.read_idx(path, SHAPE)
    assert str(caught.value) == message.format(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="is not a regular file"):
        idx.read_idx(tmp_path / "pipe", SHAPE)
