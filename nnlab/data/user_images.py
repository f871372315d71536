"""The user's PNG and JPEG files: a folder with a sub-folder per class."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from annotated_types import Ge, Le

from nnlab.core.types import Array, FilePath, Shape, size
from nnlab.data.classes import class_list
from nnlab.data.dataset import Dataset, UserFile, read_if_changed
from nnlab.data.files import open_regular_file
from nnlab.data.scale import ScaleKind
from nnlab.errors import DataError, StorageError

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage

Pixels = Annotated[int, Ge(1), Le(512)]

SUFFIXES = (".png", ".jpg", ".jpeg")
MOST_PIXELS = 1 << 26  # of a file: an image of a few bytes can announce gigabytes
MOST_BYTES = 1 << 32  # of all rows
DEEP = ("I", "F")  # Pillow's modes of more than 8 bits per pixel begin with these letters


@dataclass(frozen=True)
class ImageFolder(UserFile):
    """PNG and JPEG files in a folder with a sub-folder per class.

    path: the folder; a relative path starts at the config's folder. Its sub-folders are the
    classes, in the order of their names, and other files in it are left out.
    height: what every image is resized to, in pixels, without regard to its proportions.
    width: the same.
    colours: whether a pixel is red, green and blue; else it is grey. Transparent pixels are white.
    """

    default_scale: ClassVar[ScaleKind] = "unit"

    path: FilePath
    height: Pixels = 28
    width: Pixels = 28
    colours: bool = False

    @property
    def shape(self) -> Shape:
        """Of an image: (h, w), or (h, w, 3) in colours."""
        return (self.height, self.width, 3) if self.colours else (self.height, self.width)

    def load(self, seed: int) -> Dataset:
        return read_if_changed(self, image_files(Path(self.path))[0])

    def read(self) -> Dataset:
        folder = Path(self.path)
        files, notes = image_files(folder)
        names, labels = np.unique([file.parent.name for file in files], return_inverse=True)
        classes = tuple(map(str, names))
        return Dataset(
            self.path,
            image_rows(files, self.shape),
            labels,
            "classes",
            class_names=classes,
            image_shape=self.shape,
            input_range=(0.0, 255.0),
            class_list=class_list(classes),
            notes=notes,
        )


def image_files(folder: Path) -> tuple[list[Path], tuple[str, ...]]:
    """The images in the sub-folders of `folder`, by class and name, and notes on other files.

    Raises DataError when a class has no image, StorageError when a folder cannot be read.
    """
    entries = _entries(folder)
    classes = [entry for entry in entries if entry.is_dir()]
    if not classes:
        raise DataError(
            f"{folder} has no folders. Put the images of each class into a folder of its own, "
            f"such as {folder / 'cats'} and {folder / 'dogs'}."
        )
    images, others = list[Path](), [entry for entry in entries if not entry.is_dir()]
    for name in classes:
        inside = _entries(name)
        found = [entry for entry in inside if is_image(entry)]
        if not found:
            deeper = any(entry.is_dir() for entry in inside)
            way = f"If its folders are the classes, set path: {name}." if deeper else "Remove it."
            raise DataError(f"{name} has no PNG or JPEG file. {way}")
        images += found
        others += [entry for entry in inside if not is_image(entry)]
    return images, _left_out(folder, others)


def loose_images(folder: Path) -> list[Path]:
    """The images that stand in `folder` itself, by name. Raises as `image_files`."""
    found = [entry for entry in _entries(folder) if is_image(entry)]
    if not found:
        raise DataError(f"{folder} has no PNG or JPEG file.")
    return found


def _left_out(folder: Path, others: Sequence[Path]) -> tuple[str, ...]:
    if not others:
        return ()
    names = [str(other.relative_to(folder)) for other in others]
    shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    sentence = "These are left out, because they are not PNG or JPEG images of a class"
    return (f"{folder}: {sentence}: {shown} ({len(names):,} in all).",)


def _entries(folder: Path) -> list[Path]:
    """Files and folders in `folder` by name, without the hidden ones."""
    try:
        return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except FileNotFoundError:
        raise DataError(f"There is no folder {folder}.") from None
    except NotADirectoryError:
        raise DataError(f"{folder} is a file, not a folder with a folder per class.") from None
    except OSError as error:
        raise StorageError(f"{folder} could not be read: {error.strerror or error}.") from error


def is_image(path: Path) -> bool:
    """Whether this is an image file, by its name."""
    return path.suffix.lower() in SUFFIXES and not path.is_dir()


def image_rows(files: Sequence[Path], shape: Shape) -> Array:
    """The pixels (N, n) of image files, uint8, each resized to `shape`. Raises as `read_image`."""
    if len(files) * size(shape) > MOST_BYTES:
        raise DataError(
            f"{len(files):,} images of {size(shape):,} numbers are more than 4 GiB. Take smaller "
            "ones: set height and width."
        )
    rows = np.empty((len(files), size(shape)), np.uint8)
    for row, file in zip(rows, files, strict=True):
        row[:] = read_image(file, shape).ravel()
    return rows


def read_image(path: Path, shape: Shape) -> Array:
    """The pixels of a PNG or JPEG file: uint8, (h, w) or (h, w, 3), as `shape` says.

    The image is turned as its camera says, laid on white where it is transparent, and resized with
    a filter as wide as the reduction (Pillow's BILINEAR). Raises DataError for a damaged file, one
    of too many pixels, or one of more than 8 bits per pixel; StorageError.
    """
    from PIL import Image

    height, width, *channels = shape
    with open_regular_file(path) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Pillow, about what is refused or mended here
        try:
            with Image.open(file, formats=("PNG", "JPEG")) as image:
                _require_readable(path, image)
                pixels = _upright_on_white(image).convert("RGB" if channels else "L")
                return np.asarray(pixels.resize((width, height), Image.Resampling.BILINEAR))
        except DataError:
            raise
        except Exception as error:  # Pillow's readers of damaged files fail in many ways
            if isinstance(error, OSError) and error.errno:
                raise
            raise DataError(f"{path} is not an intact PNG or JPEG file ({error}).") from error


def _require_readable(path: Path, image: "PillowImage") -> None:
    if image.width * image.height > MOST_PIXELS:
        raise DataError(f"{path} has more than {MOST_PIXELS:,} pixels: refused.")
    if image.mode.startswith(DEEP):
        raise DataError(f"{path} has 16 bits per pixel; save it with 8.")


def _upright_on_white(image: "PillowImage") -> "PillowImage":
    from PIL import Image, ImageOps

    upright = ImageOps.exif_transpose(image)
    if not upright.has_transparency_data:
        return upright
    white = Image.new("RGBA", upright.size, "white")
    return Image.alpha_composite(white, upright.convert("RGBA"))
