"""NPZ files, honest and forged (S5): nothing is unpickled, nothing is allocated on trust."""

import io
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnlab.core.types import Array
from nnlab.data.dataset import Dataset
from nnlab.data.user_npz import Npz
from nnlab.errors import DataError

X = np.arange(6.0).reshape(3, 2)
Y = np.array([0, 1, 1])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "t.npz"


def load(path: Path, x: Any = X, y: Any = Y, **settings: str) -> Dataset:
    np.savez(path, x=x, y=y)
    return Npz(str(path), **settings).load(0)


def npy(shape: object, descr: str = "<f8", content: bytes = b"", version: int = 1) -> bytes:
    """An array file with this header."""
    header = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY" + bytes([version, 0]) + len(header).to_bytes(2, "little") + header + content


def forge(path: Path, x: bytes, compression: int = zipfile.ZIP_STORED) -> None:
    """An archive whose array x is made of these bytes, beside an honest y."""
    y = io.BytesIO()
    np.save(y, Y)
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("x.npy", x)
        archive.writestr("y.npy", y.getvalue())


@pytest.mark.parametrize(
    ("y", "targets", "names"),
    [
        (Y, [0, 1, 1], ("0", "1")),
        (np.array([3, -1, 3], np.int8), [1, 0, 1], ("-1", "3")),
        (np.array([True, False, True]), [1, 0, 1], ("False", "True")),
        (np.array(["b", "a", "b"]), [1, 0, 1], ("a", "b")),
        (np.array([0.5, 1, 2]), [[0.5], [1], [2]], ()),
        (np.array([[1], [2], [3]]), [[1], [2], [3]], ()),
        (np.array([[1, 2], [3, 4], [5, 6]], np.float32), [[1, 2], [3, 4], [5, 6]], ()),
    ],
)
def test_targets(path: Path, y: Any, targets: list[Any], names: tuple[str, ...]) -> None:
    """With task: auto."""
    data = load(path, y=y)
    assert data.inputs.tolist() == X.tolist()
    assert data.targets.tolist() == targets
    assert data.class_names == names


@pytest.mark.parametrize(
    ("y", "task", "targets", "names"),
    [
        (Y, "regression", [[0], [1], [1]], ()),
        (Y, "classes", [0, 1, 1], ("0", "1")),
        (np.array([5.0, 10.0, 5.0]), "classes", [0, 1, 0], ("5", "10")),
        (np.array([0.5, 2.0, 0.5]), "classes", [0, 1, 0], ("0.5", "2.0")),
        (np.array([10.5, 2.5, 10.5]), "classes", [1, 0, 1], ("2.5", "10.5")),
        (np.array([[10], [2], [10]]), "classes", [1, 0, 1], ("2", "10")),
        (np.eye(3, dtype=np.uint8), "classes", [0, 1, 2], ("0", "1", "2")),
        (np.eye(4)[[3, 0, 3]], "classes", [1, 0, 1], ("0", "3")),
        (
            np.array([2**53, 2**53 + 1, 2**53]),
            "auto",
            [0, 1, 0],
            ("9007199254740992", "9007199254740993"),
        ),
    ],
)
def test_the_task_can_be_told(
    path: Path, y: Any, task: str, targets: list[Any], names: tuple[str, ...]
) -> None:
    data = load(path, y=y, task=task)
    assert (data.targets.tolist(), data.class_names) == (targets, names)


@pytest.mark.parametrize(
    ("y", "setting"),
    [
        (np.array([[0], [1], [2]]), "data.task: classes"),
        (np.eye(3), "data.task: classes"),
        (np.array([[0, 1], [1, 1], [0, 0]]), "data.task: multilabel"),
        (np.array([[0, 1], [2, 1], [0, 0]]), ""),
        (np.array([0.5, 1, 2]), ""),
    ],
)
def test_targets_that_look_like_classes(path: Path, y: Any, setting: str) -> None:
    assert load(path, y=y).classes_by == setting


@pytest.mark.parametrize(
    ("y", "task", "message"),
    [
        (
            X,
            "classes",
            ", array 'y' has shape (3, 2); labels are an array (N,) or (N, 1), or rows with a "
            "single 1 among zeros.",
        ),
        (
            np.array(["b", "a", "b"]),
            "regression",
            ": the targets are of type <U1; numbers are needed.",
        ),
    ],
)
def test_a_task_that_does_not_fit(path: Path, y: Any, task: str, message: str) -> None:
    with pytest.raises(DataError) as caught:
        load(path, y=y, task=task)
    assert str(caught.value) == f"{path}{message}"


@pytest.mark.parametrize(
    "x",
    [
        np.asfortranarray(X),
        np.repeat(X, 2, axis=0)[::2],  # not contiguous
        X.astype(">f8"),
        X.astype(np.float16),
        X.astype(np.uint8),
        X.astype(np.int64),
    ],
)
def test_inputs_of_any_layout_become_float64(path: Path, x: Any) -> None:
    data = load(path, x=x)
    assert data.inputs.tolist() == X.tolist()
    assert data.inputs.dtype == np.float64
    assert data.inputs.flags.c_contiguous


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_images(path: Path, dtype: type) -> None:
    images: Array = np.arange(36, dtype=dtype).reshape(3, 3, 4)
    data = load(path, x=images)
    assert data.inputs.tolist() == images.reshape(3, 12).tolist()
    assert data.image_shape == (3, 4)
    assert data.input_range == ((0, 255) if dtype is np.uint8 else None)


@pytest.mark.parametrize(
    ("shape", "image_shape"), [((3, 4, 3), (3, 4, 3)), ((3, 4, 4), (3, 4, 4)), ((3, 4, 1), (3, 4))]
)
def test_images_in_colours(
    path: Path, shape: tuple[int, ...], image_shape: tuple[int, ...]
) -> None:
    images: Array = np.arange(3 * np.prod(shape), dtype=np.uint8).reshape(3, *shape)
    data = load(path, x=images)
    assert data.inputs.tolist() == images.reshape(3, -1).tolist()
    assert (data.image_shape, data.input_range) == (image_shape, (0, 255))


@pytest.mark.parametrize(
    ("shape", "way"),
    [
        ((3, 3, 8, 8), "colours come last, as np.moveaxis(x, 1, -1) puts them"),
        ((3, 8, 8, 7), "reshape them to (N, n) if they are no images"),
    ],
)
def test_images_that_are_laid_out_otherwise(path: Path, shape: tuple[int, ...], way: str) -> None:
    with pytest.raises(DataError) as caught:
        load(path, x=np.zeros(shape))
    assert str(caught.value) == (
        f"{path}, array 'x' has shape {shape}; images are (N, h, w), or (N, h, w, 3): {way}."
    )


def test_other_names_and_compression(path: Path) -> None:
    np.savez_compressed(path, a=X, b=Y, c=np.zeros(5, object))  # c is not touched
    assert Npz(str(path), inputs="a", targets="b").load(0).rows == 3


@pytest.mark.parametrize(
    ("arrays", "settings", "message"),
    [
        ({}, {"inputs": "z"}, " has no array 'z'; its arrays are 'x', 'y'."),
        (
            {"x": np.zeros((3, 1), object)},
            {},
            ", array 'x' holds Python objects, which are never loaded.",
        ),
        (
            {"x": np.ones((3, 1), complex)},
            {},
            ", array 'x' is of type complex128; numbers are needed.",
        ),
        ({"x": np.array([["1"], ["2"]])}, {}, ", array 'x' is of type <U1; numbers are needed."),
        (
            {"y": np.array([["1"], ["2"]])},
            {},
            ", array 'y' holds text; text targets have 1 dimension.",
        ),
        ({"x": np.ones(3)}, {}, ", array 'x' has shape (3,); 2 to 4 dimensions are needed."),
        ({"y": np.float64(1)}, {}, ", array 'y' has shape (); 1 or 2 dimensions are needed."),
        ({"x": np.ones((0, 2))}, {}, ", array 'x' is empty: its shape is (0, 2)."),
        ({"x": np.ones((3, 0))}, {}, ", array 'x' is empty: its shape is (3, 0)."),
        (
            {"x": np.array([[0, 1], [2, np.nan], [4, 5]])},
            {},
            ", array 'x': the numbers hold nan at row 1, column 1 (counted from 0); "
            "only finite numbers are allowed.",
        ),
        (
            {"y": np.array([0.5, 1, -np.inf])},
            {},
            ", array 'y': the numbers hold -inf at row 2 (counted from 0); "
            "only finite numbers are allowed.",
        ),
        ({"y": np.array([0, 1])}, {}, ": there are 3 rows of inputs but 2 of targets."),
        (
            {"y": np.zeros(3, int)},
            {},
            ": all rows are of one class; a classifier needs two or more.",
        ),
    ],
)
def test_awkward(
    path: Path, arrays: dict[str, Any], settings: dict[str, str], message: str
) -> None:
    with pytest.raises(DataError) as caught:
        load(path, **arrays, **settings)
    assert str(caught.value) == f"{path}{message}"


HEADER = ", array 'x' has no readable header."


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (
            npy((2**16, 2**16)),
            ", array 'x' announces shape (65536, 65536) of float64, 34,359,738,368 bytes, "
            "but the file holds 77.",
        ),
        (npy((3, 2), content=bytes(47)), ", array 'x' is not as long as its shape (3, 2) says."),
        (npy((3, 2), content=bytes(49)), ", array 'x' is not as long as its shape (3, 2) says."),
        (npy((-3, 2)), ", array 'x' is empty: its shape is (-3, 2)."),
        (npy((3, 2), "|O"), ", array 'x' holds Python objects, which are never loaded."),
        (npy((3, 2), "|V8"), ", array 'x' is of type |V8; numbers are needed."),
        (npy("__import__('os')"), HEADER),
        (npy("(" * 5000), HEADER),
        (npy((3, 2), version=9), HEADER),
        (npy("('a', 2)"), HEADER),
        (npy((3, 2), "no such type"), HEADER),
        (b"", HEADER),
        (b"\x80\x04cos\nsystem\n", HEADER),
    ],
)
def test_forged_arrays(path: Path, x: bytes, message: str) -> None:
    forge(path, x)
    tracemalloc.start()
    with pytest.raises(DataError) as caught:
        Npz(str(path)).load(0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert str(caught.value) == f"{path}{message}"
    assert peak < 4 << 20


def test_an_archive_that_lies_about_sizes(path: Path) -> None:
    """The directory of the archive announces 3.9 GiB for an array of 81 bytes."""
    forge(path, npy((1 << 24, 31)))
    raw = path.read_bytes()
    directory = raw.rindex(b"PK\1\2", 0, raw.rindex(b"PK\1\2"))
    sizes = directory + 24
    assert int.from_bytes(raw[sizes : sizes + 4], "little") == len(npy((1 << 24, 31)))
    path.write_bytes(raw[:sizes] + (0xF8000100).to_bytes(4, "little") + raw[sizes + 4 :])
    with pytest.raises(DataError, match=r"announces 4,160,749,824 bytes out of \d+: refused"):
        Npz(str(path)).load(0)


def test_damage_is_noticed(path: Path) -> None:
    """One flipped byte anywhere: the same numbers, or a sentence."""
    np.savez_compressed(path, x=X, y=Y)
    good = path.read_bytes()
    refused = 0
    for place in range(len(good)):
        path.write_bytes(good[:place] + bytes([good[place] ^ 0x55]) + good[place + 1 :])
        try:
            data = Npz(str(path)).read()
        except DataError:
            refused += 1
        else:
            assert data.inputs.tolist() == X.tolist()
            assert data.targets.tolist() == Y.tolist()
    assert refused > len(good) / 2


@pytest.mark.parametrize("content", [b"", b"PK", b"not a zip at all"])
def test_not_an_archive(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        Npz(str(path)).load(0)
    assert str(caught.value) == (
        f"{path} cannot be read: it is not an intact .npz file (File is not a zip file)."
    )


def deflated(path: Path, **members: bytes) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)


def many_members(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(30_000):
            archive.writestr(f"{number}.npy", b"")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda path: deflated(path, x=npy((2**20, 1), content=bytes(2**23)), y=npy((3, 1))),
            ": there are 1048576 rows of inputs but 3 of targets.",
        ),
        (
            lambda path: deflated(path, x=npy((2**22, 1), content=bytes(2**25)), y=npy((2**22,))),
            ", array 'x' announces 33,554,507 bytes out of 32,699: refused. "
            "numpy.savez writes arrays without compression.",
        ),
        (many_members, " cannot be read: it holds more than 10,000 members."),
        (
            lambda path: forge(path, b"\x93NUMPY\2\0" + (2**31).to_bytes(4, "little")),
            HEADER,
        ),
    ],
    ids=["rows", "expansion", "members", "header"],
)
def test_memory_is_bounded_by_the_file(
    path: Path, make: Callable[[Path], None], message: str
) -> None:
    """L5: what is refused is refused before its data is read."""
    make(path)
    tracemalloc.start()
    with pytest.raises(DataError) as caught:
        Npz(str(path)).read()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert str(caught.value) == f"{path}{message}"
    assert peak < 4 << 20


def test_the_file_is_never_changed(path: Path) -> None:
    np.savez(path, x=X, y=Y)
    before = path.read_bytes()
    path.chmod(0o400)
    Npz(str(path)).load(0)
    assert path.read_bytes() == before
