"""The published files nnlab can fetch: their mirrors, shapes and hashes."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nnlab.core.types import Shape
from nnlab.data import idx
from nnlab.errors import DataError

CLASSES = 10  # all collections have labels 0 to 9


@dataclass(frozen=True)
class PublishedFile:
    """One IDX file; `sha256` is that of its decompressed bytes, so every gzip of it is accepted."""

    name: str
    shape: Shape
    sha256: str

    def read(self, path: Path) -> NDArray[np.uint8]:
        """The array in `path`. Raises DataError unless it is the published one, bit for bit."""
        array, sha256 = idx.read(path, self.shape)
        if array.ndim == 1:
            idx.check_labels(array, CLASSES, path)
        if sha256 != self.sha256:
            raise DataError(
                f"{path} is not the published file: its SHA-256 is {sha256}, not {self.sha256}."
            )
        return array


@dataclass(frozen=True)
class Collection:
    """Files that belong together.

    folders: names accepted inside the cache, the first is the one nnlab makes.
    files: training images, training labels, test images, test labels.
    mirrors: addresses, each ending in '/', tried in turn.
    """

    name: str
    folders: tuple[str, ...]
    mirrors: tuple[str, ...]
    files: tuple[PublishedFile, ...]


def _files(hashes: tuple[str, str, str, str]) -> tuple[PublishedFile, ...]:
    names_shapes: tuple[tuple[str, Shape], ...] = (
        ("train-images-idx3-ubyte", (60_000, 28, 28)),
        ("train-labels-idx1-ubyte", (60_000,)),
        ("t10k-images-idx3-ubyte", (10_000, 28, 28)),
        ("t10k-labels-idx1-ubyte", (10_000,)),
    )
    return tuple(
        PublishedFile(name, shape, sha256)
        for (name, shape), sha256 in zip(names_shapes, hashes, strict=True)
    )


MNIST = Collection(
    name="mnist",
    folders=("mnist",),
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://raw.githubusercontent.com/fgnt/mnist/master/",
    ),
    files=_files(
        (
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        )
    ),
)

FASHION_MNIST = Collection(
    name="fashion_mnist",
    folders=("fashion-mnist", "fashion_mnist"),
    mirrors=(
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        # Plain HTTP: the hash is what protects.
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
    files=_files(
        (
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        )
    ),
)

COLLECTIONS = {collection.name: collection for collection in (MNIST, FASHION_MNIST)}
