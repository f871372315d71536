"""MNIST, Fashion-MNIST and Kuzushiji-MNIST: 70,000 images of 28 x 28 bytes each."""

import hashlib
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from nnlab.core.types import Shape
from nnlab.data.dataset import Dataset, DataSource, Signature
from nnlab.data.download import Collection, PublishedFile, load_published
from nnlab.data.scale import ScaleKind

FILES: tuple[tuple[str, Shape], ...] = (
    ("train-images-idx3-ubyte", (60_000, 28, 28)),
    ("train-labels-idx1-ubyte", (60_000,)),
    ("t10k-images-idx3-ubyte", (10_000, 28, 28)),
    ("t10k-labels-idx1-ubyte", (10_000,)),
)
CLOTHES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)


def _collection(
    folders: tuple[str, ...],
    mirrors: tuple[str, ...],
    hashes: tuple[str, ...],
    hashes_are_of: Literal["content", "gzip"] = "content",
) -> Collection:
    files = zip(FILES, hashes, strict=True)
    published = tuple(PublishedFile(*file, sha256, hashes_are_of) for file, sha256 in files)
    return Collection(folders[-1], folders, mirrors, published)


MNIST = _collection(
    ("mnist",),
    (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://raw.githubusercontent.com/fgnt/mnist/master/",
    ),
    (
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
)
FASHION_MNIST = _collection(
    ("fashion-mnist", "fashion_mnist"),
    (
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        # Plain HTTP: the hash is what protects.
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
    (
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
)
KMNIST = _collection(
    ("kmnist",),
    ("http://codh.rois.ac.jp/kmnist/dataset/kmnist/",),
    (
        "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
        "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
        "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
        "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
    ),
    hashes_are_of="gzip",
)


class PublishedImages(DataSource):
    """Images in the files of a collection: training rows, then test rows, for every seed."""

    default_scale: ClassVar[ScaleKind] = "unit"
    files: ClassVar[Collection]
    class_names: ClassVar[tuple[str, ...]]

    def signature(self, seed: int) -> Signature:
        train, _, test, _ = (file.shape for file in self.files.files)
        rows, image = train[0] + test[0], train[1:]
        classes = len(self.class_names)
        return Signature((image[0] * image[1],), classes, "classes", rows, test[0], image)

    def load(self, seed: int) -> Dataset:
        arrays = (load_published(self.files, file) for file in self.files.files)
        train_x, train_y, test_x, test_y = arrays
        hashes = "".join(file.sha256 for file in self.files.files)
        return Dataset(
            self.files.name,
            np.concatenate([train_x, test_x]).reshape(-1, train_x[0].size),
            np.concatenate([train_y, test_y]),
            "classes",
            sha256=hashlib.sha256(hashes.encode()).hexdigest(),
            class_names=self.class_names,
            image_shape=train_x.shape[1:],
            input_range=(0.0, 255.0),
            test_rows=len(test_y),
        )


@dataclass(frozen=True)
class Mnist(PublishedImages):
    """Handwritten digits (LeCun, Cortes and Burges, 1998)."""

    files = MNIST
    class_names = tuple("0123456789")


@dataclass(frozen=True)
class FashionMnist(PublishedImages):
    """Images of clothes from Zalando (Xiao, Rasul and Vollgraf, 2017)."""

    files = FASHION_MNIST
    class_names = CLOTHES


@dataclass(frozen=True)
class Kmnist(PublishedImages):
    """Kuzushiji-MNIST: cursive Japanese characters, ten hiragana (Clanuwat et al., 2018)."""

    files = KMNIST
    class_names = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
