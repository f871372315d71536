"""Array files: equal bytes for equal arrays, and nothing hostile gets in (S5)."""

import io
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nnlab.errors import RunUnreadable
from nnlab.run import arrays

VALUES: dict[str, NDArray[Any]] = {
    "0.dense.weight": np.arange(6, dtype=np.float32).reshape(2, 3) / 7,
    "0.dense.bias": np.array([0.1, -0.0, 1e300]),
    "count": np.array(3),
    "labels": np.arange(4, dtype=np.uint8),
    "mask": np.array([True, False]),
    "none": np.zeros((0, 5), dtype=np.float32),
    "state": np.array([2**64 - 1], dtype=np.uint64),
}


def write_raw(path: Path, members: dict[str, bytes], **options: Any) -> None:
    """A zip without a seal, as someone else would make it."""
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def npy(array: NDArray[Any], **changes: str) -> bytes:
    """A .npy file, with parts of its header replaced."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    data = buffer.getvalue()
    for old, new in changes.items():
        text = {"shape": str(array.shape), "descr": array.dtype.str}[old]
        size = len(data)
        data = data.replace(text.encode(), new.encode(), 1)
        surplus = len(data) - size  # taken from the spaces that fill the header up
        data = data.replace(b" " * surplus + b"\n", b"\n", 1) if surplus > 0 else data
    return data


def test_round_trip_is_bit_exact(tmp_path: Path) -> None:
    arrays.write_npz(tmp_path / "a.npz", VALUES)
    got = arrays.read_npz(tmp_path / "a.npz", sealed=True)
    assert list(got) == list(VALUES)
    for name, value in VALUES.items():
        assert got[name].dtype == value.dtype
        assert got[name].shape == value.shape
        assert got[name].tobytes() == value.tobytes()
        assert got[name].flags.writeable
        assert got[name].flags.c_contiguous


def test_numpy_reads_it(tmp_path: Path) -> None:
    arrays.write_npz(tmp_path / "a.npz", VALUES)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as file:
        assert sorted(file) == sorted(VALUES)
        np.testing.assert_array_equal(file["0.dense.weight"], VALUES["0.dense.weight"])


def test_reads_what_numpy_wrote(tmp_path: Path) -> None:
    fortran = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    np.savez(tmp_path / "a.npz", a=fortran)
    np.testing.assert_array_equal(arrays.read_npz(tmp_path / "a.npz")["a"], fortran)


def test_equal_arrays_give_equal_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = bytes(arrays.pack_npz(VALUES))
    monkeypatch.setattr("time.time", lambda: 2e9)
    fortran = np.asfortranarray(VALUES["0.dense.weight"])
    assert bytes(arrays.pack_npz({**VALUES, "0.dense.weight": fortran})) == first


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"../a": np.zeros(1)}, "'../a' cannot be the name of an array"),
        ({"": np.zeros(1)}, "'' cannot be the name of an array"),
        ({"a": np.zeros(1, dtype=object)}, "'a' has dtype object; allowed are float32"),
        ({"a": np.array(["text"])}, "'a' has dtype <U4; allowed are float32"),
    ],
)
def test_write_refuses(values: dict[str, NDArray[Any]], message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        arrays.pack_npz(values)
    assert str(caught.value).startswith(message)


WEIGHT = np.zeros((2, 3), dtype=np.float32)
EXPECTED: arrays.Expected = {"w": ((2, 3), "float32")}


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"v.npy": npy(WEIGHT)}, "it has no array 'w'"),
        ({"w.npy": npy(WEIGHT), "x.npy": npy(WEIGHT)}, "it has an array 'x', which does not"),
        ({"w.npy": npy(WEIGHT.T.copy())}, "'w' is 3x2, not 2x3"),
        ({"w.npy": npy(WEIGHT.astype("f8"))}, "'w' is float64, not float32"),
        (
            {"w.npy": npy(WEIGHT, shape="(80000, 100000)")},
            "'w' says it is 80000x100000, but has 24 bytes",
        ),
        ({"w.npy": npy(WEIGHT, shape="(2, 2)")}, "'w' says it is 2x2, but has 24 bytes"),
        ({"w.npy": npy(WEIGHT, shape="(-2, -3)")}, "'w' has no valid header"),
        ({"w.npy": npy(np.zeros((1,) * 40))}, "'w' has no valid header"),
        ({"w.npy": npy(WEIGHT, descr="<f2")}, "'w' has dtype '<f2'; allowed are float32"),
        ({"w.npy": npy(WEIGHT, descr=">f4")}, "'w' has dtype '>f4'; allowed are float32"),
        ({"w.npy": npy(np.array([{}], dtype=object))}, "'w' has dtype '|O'; allowed are float32"),
        ({"w.npy": npy(np.array(["text"]))}, "'w' has dtype '<U4'; allowed are float32"),
        ({"w.npy": npy(np.zeros(2, dtype="f4,i4"))}, "'w' has no valid header"),
        ({"w.npy": b""}, "'w' has no valid header"),
        ({"w.npy": b"\x93NUMPY\x01\x00\xff\xff{"}, "'w' has no valid header"),
        ({"w": npy(WEIGHT)}, "'w' in it is not the name of an array"),
        ({"../w.npy": npy(WEIGHT)}, "'../w.npy' in it is not the name of an array"),
        ({"w\x1b.npy": npy(WEIGHT)}, "'w\\x1b.npy' in it is not the name of an array"),
        ({"w.npy": npy(WEIGHT * np.nan)}, "'w' holds numbers that are not finite"),
        ({"w.npy": npy(WEIGHT + np.inf)}, "'w' holds numbers that are not finite"),
    ],
)
def test_forged_members_are_refused(tmp_path: Path, members: dict[str, bytes], reason: str) -> None:
    path = tmp_path / "final.npz"
    write_raw(path, members)
    with pytest.raises(RunUnreadable) as caught:
        arrays.read_npz(path, EXPECTED, finite=True)
    assert str(caught.value).startswith(f"Cannot read {path}: {reason}")
    assert caught.value.exit_code == 6


def test_what_fits_is_read(tmp_path: Path) -> None:
    """The forged members above fail for what was changed in them, not for something else."""
    write_raw(tmp_path / "final.npz", {"w.npy": npy(WEIGHT)})
    np.testing.assert_array_equal(arrays.read_npz(tmp_path / "final.npz", EXPECTED)["w"], WEIGHT)
    any_dtype: arrays.Expected = {"w": ((2, 3), None)}
    np.testing.assert_array_equal(arrays.read_npz(tmp_path / "final.npz", any_dtype)["w"], WEIGHT)


def test_shapes_are_checked_before_any_data_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_raw(tmp_path / "a.npz", {"w.npy": npy(WEIGHT), "x.npy": npy(WEIGHT, shape="(9, 9)")})

    def read(*_: object) -> bytes:
        pytest.fail("data was read")

    monkeypatch.setattr(zipfile.ZipFile, "read", read)
    with pytest.raises(RunUnreadable, match="'x' says it is 9x9"):
        arrays.read_npz(tmp_path / "a.npz")


def test_bomb_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    write_raw(path, {"w.npy": npy(np.zeros(10**7))}, compression=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 100_000
    with pytest.raises(RunUnreadable, match="'w' is compressed, which nnlab never does"):
        arrays.read_npz(path)


@pytest.mark.parametrize("members", [10_001, 30_000])
def test_too_many_members_are_refused(tmp_path: Path, members: int) -> None:
    path = tmp_path / "a.npz"
    write_raw(path, {f"{n}.npy": b"" for n in range(members)})
    with pytest.raises(RunUnreadable, match=r": it holds more than 10,000 members\.$"):
        arrays.read_npz(path)


def overlap(data: bytearray) -> bytearray:
    """Makes the second entry of the directory point at the data of the first."""
    first = data.index(b"PK\x01\x02")
    second = data.index(b"PK\x01\x02", first + 4)
    data[second + 42 : second + 46] = data[first + 42 : first + 46]
    return data


def twice(data: bytearray) -> bytearray:
    """Gives both entries one name."""
    return data.replace(b"b.npy", b"a.npy")


def inflate(data: bytearray) -> bytearray:
    """Claims 4 GB of stored data in the first entry."""
    first = data.index(b"PK\x01\x02")
    data[first + 20 : first + 28] = b"\xfe\xff\xff\xff" * 2
    return data


def encrypt(data: bytearray) -> bytearray:
    first = data.index(b"PK\x01\x02")
    data[first + 8] |= 1
    return data


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (overlap, "it is not an intact .npz file"),
        (twice, "it holds two arrays of one name"),
        (inflate, "it claims to hold more bytes than it has"),
        (encrypt, "it is not an intact .npz file"),
        (lambda data: data[: len(data) // 2], "it is not an intact .npz file"),
        (lambda data: bytearray(), "it is not an intact .npz file"),
        (lambda data: bytearray(b"text"), "it is not an intact .npz file"),
    ],
)
def test_forged_zip_is_refused(
    tmp_path: Path, change: Callable[[bytearray], bytearray], reason: str
) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, a=np.zeros(1000), b=np.ones(1000))
    assert set(arrays.read_npz(path)) == {"a", "b"}
    path.write_bytes(change(bytearray(path.read_bytes())))
    with pytest.raises(RunUnreadable) as caught:
        arrays.read_npz(path)
    assert str(caught.value).startswith(f"Cannot read {path}: {reason}")


def test_random_damage_is_refused_or_harmless() -> None:
    """Without a seal only the zip's own checks are left: no other error may come out of them."""
    buffer = io.BytesIO()
    np.savez(buffer, a=np.arange(5.0), b=np.zeros((2, 2), dtype=np.float32))
    rng = random.Random(0)
    refused = 0
    for _ in range(2000):
        data = bytearray(buffer.getvalue())
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(data))
            data[at : at + rng.choice([1, 1, 4, 8])] = rng.randbytes(rng.choice([1, 1, 4, 8]))
        try:
            arrays.unpack_npz(bytes(data))
        except arrays.NpzError:
            refused += 1
    assert refused > 1500


def test_seal() -> None:
    data = bytes(arrays.pack_npz({"a": np.zeros(3)}))
    assert arrays.seal(data) is True
    assert arrays.seal(b"x" + data) is False
    assert arrays.seal(data[:-100]) is None
    assert arrays.seal(b"") is None


def test_header_is_data_not_code(tmp_path: Path) -> None:
    """A header that numpy would evaluate, with a depth that breaks the parser."""
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': " + b"(" * 900 + b"}\n"
    data = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    write_raw(tmp_path / "a.npz", {"w.npy": data})
    with pytest.raises(RunUnreadable, match="'w' has no valid header"):
        arrays.read_npz(tmp_path / "a.npz")
