"""A folder of image files: what is read, what is left out, and what is refused."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import nnlab
from nnlab.data.user_images import ImageFolder, read_image
from nnlab.errors import DataError

DAMAGED = "is not an intact PNG or JPEG file"
RED, GREY = (255, 0, 0), 76  # the luma 0.299 R + 0.587 G + 0.114 B of red


def save(path: Path, color: Any = "red", mode: str = "RGB", size: tuple[int, int] = (6, 4)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, color).save(path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of two images, beside files that are none."""
    for name, color in (("b/2.PNG", "black"), ("b/1.jpeg", "white"), ("a/1.png", "red")):
        save(tmp_path / "photos" / name, color)
    save(tmp_path / "photos/a/10.jpg", "white")
    for name in (".DS_Store", "a/.hidden.png", "readme.txt", "a/film.gif"):
        (tmp_path / "photos" / name).write_bytes(b"x")
    return tmp_path / "photos"


def test_classes_and_files_are_in_the_order_of_their_names(folder: Path) -> None:
    data = ImageFolder(str(folder), 2, 3).load(0)
    assert data.class_names == ("a", "b")
    assert data.targets.tolist() == [0, 0, 1, 1]
    assert data.inputs.dtype == np.uint8
    assert data.image_shape == (2, 3)
    assert data.inputs.mean(axis=1).round().tolist() == [GREY, 255, 255, 0]
    (note,) = data.notes
    assert note.endswith("not PNG or JPEG images of a class: readme.txt, a/film.gif (2 in all).")


def test_images_in_colours_have_three_numbers_per_pixel(folder: Path) -> None:
    data = ImageFolder(str(folder), 2, 3, colours=True).load(0)
    assert data.image_shape == (2, 3, 3)
    assert data.inputs[0].reshape(2, 3, 3)[1, 2].tolist() == list(RED)


def test_a_changed_and_an_added_file_are_read_again(folder: Path) -> None:
    source = ImageFolder(str(folder), 2, 2)
    before = source.load(0)
    assert source.load(0) is before
    save(folder / "a/1.png", "black")
    assert source.load(0).inputs[0].max() == 0
    save(folder / "a/0.png", "white")
    assert source.load(0).rows == 5


def test_a_reduction_takes_the_mean_of_all_pixels(tmp_path: Path) -> None:
    """And not every n-th pixel, which would lose lines."""
    stripes = np.zeros((32, 32), np.uint8)
    stripes[:, ::2] = 200
    Image.fromarray(stripes).save(tmp_path / "stripes.png")
    np.testing.assert_allclose(read_image(tmp_path / "stripes.png", (4, 4)), 100, atol=15)


def test_a_photo_is_turned_as_its_camera_says(tmp_path: Path) -> None:
    pixels = np.zeros((2, 4), np.uint8)
    pixels[:, 2:] = 255  # bright on the right
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter, clockwise
    Image.fromarray(pixels).save(tmp_path / "photo.png", exif=exif)
    turned = read_image(tmp_path / "photo.png", (4, 2))
    assert turned[0].max() == 0
    assert turned[3].min() == 255


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparent_pixels_are_white(tmp_path: Path, mode: str) -> None:
    clear = (0,) * len(mode)
    assert read_image(save(tmp_path / "x.png", clear, mode), (2, 2)).min() == 255


@pytest.mark.parametrize(("mode", "suffix"), [("P", "png"), ("1", "png"), ("CMYK", "jpg")])
def test_rarer_kinds_of_pixels_are_read(tmp_path: Path, mode: str, suffix: str) -> None:
    path = tmp_path / f"x.{suffix}"
    Image.new("RGB", (4, 4), "white").convert(mode).save(path)
    assert read_image(path, (2, 2, 3)).min() > 250


def chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(kind + content).to_bytes(4, "big")
    return struct.pack(">I", len(content)) + kind + content + check


def huge(path: Path) -> None:
    """60 bytes that announce 100 megapixels."""
    header = struct.pack(">IIBBBBB", 10_000, 10_000, 8, 0, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"0")) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + parts)


def cut(path: Path) -> None:
    Image.effect_noise((64, 64), 50).save(path)
    path.write_bytes(path.read_bytes()[:900])


def deep(path: Path) -> None:
    Image.fromarray(np.full((4, 4), 60_000, np.uint16)).save(path)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path.write_bytes(b""), DAMAGED),
        (lambda path: path.write_text("<svg/>"), DAMAGED),
        (
            lambda path: Image.new("L", (4, 4)).save(path, "GIF"),
            DAMAGED,
        ),
        (cut, DAMAGED),
        (huge, "has more than 67,108,864 pixels"),
        (deep, "has 16 bits per pixel; save it with 8"),
        (lambda path: path.symlink_to("absent.png"), "There is no file"),
    ],
)
def test_a_damaged_file_is_named(
    folder: Path, make: Callable[[Path], object], message: str
) -> None:
    make(folder / "b/0.png")
    with pytest.raises(DataError, match=message) as error:
        ImageFolder(str(folder)).load(0)
    assert str(folder / "b/0.png") in str(error.value)


def test_a_folder_without_classes_is_refused_with_the_way_out(folder: Path) -> None:
    def refusal(path: Path) -> str:
        with pytest.raises(DataError) as error:
            ImageFolder(str(path)).load(0)
        return str(error.value)

    assert "has no folders. Put the images of each class into a folder" in refusal(folder / "a")
    assert "There is no folder" in refusal(folder / "absent")
    assert "is a file, not a folder" in refusal(folder / "readme.txt")
    assert f"set path: {folder}." in refusal(folder.parent)
    (folder / "c").mkdir()
    assert refusal(folder) == f"{folder / 'c'} has no PNG or JPEG file. Remove it."


@pytest.mark.parametrize("colours", [False, True])
def test_new_images_are_read_as_those_of_the_training(folder: Path, colours: bool) -> None:
    data = {"name": "images", "path": str(folder), "height": 4, "width": 3, "colours": colours}
    config = {
        "data": data,
        "network": [{"dense": 2}, "softmax"],
        "loss": "cross_entropy",
        "training": {"epochs": 1},
    }
    run = nnlab.train(config, runs=folder.parent / "runs", progress=False)
    outputs = run.predict(ImageFolder(str(folder), 4, 3, colours).load(0).inputs)
    one = nnlab.predict(run, folder / "b/2.PNG")
    assert one.to_csv().startswith("file,a,b,predicted\n2.PNG,")
    np.testing.assert_allclose(one.outputs, outputs[3:], rtol=1e-5)
    np.testing.assert_allclose(nnlab.predict(run, folder / "a").outputs, outputs[:2], rtol=1e-5)
    assert nnlab.evaluate(run, folder)["rows"] == 4
    (folder / "b").rename(folder / "z")
    with pytest.raises(DataError, match="'z' is none of the classes 'a', 'b'"):
        nnlab.evaluate(run, folder)


def test_a_network_of_other_rows_takes_no_image(folder: Path) -> None:
    run = nnlab.train("xor", epochs=1, runs=folder.parent / "runs", progress=False)
    with pytest.raises(DataError, match="the network takes no images of bytes"):
        nnlab.predict(run, folder / "a/1.png")
