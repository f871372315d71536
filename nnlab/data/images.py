"""MNIST and Fashion-MNIST: 70,000 pictures of 28 x 28 bytes, the last 10,000 are for testing."""

import hashlib
from dataclasses import dataclass

import numpy as np

from nnlab.data import cache
from nnlab.data.dataset import Dataset, Signature, from_arrays
from nnlab.data.published import FASHION_MNIST, MNIST, Collection

CLOTHES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


@dataclass(frozen=True)
class Mnist:
    """Handwritten digits (LeCun, Cortes and Burges, 1998)."""

    def signature(self, seed: int) -> Signature:
        """Known without the files."""
        return _signature(MNIST)

    def load(self, seed: int) -> Dataset:
        """Training rows, then test rows, in file order for every seed."""
        return _load(MNIST, tuple("0123456789"))


@dataclass(frozen=True)
class FashionMnist:
    """Pictures of clothes from Zalando (Xiao, Rasul and Vollgraf, 2017)."""

    def signature(self, seed: int) -> Signature:
        """Known without the files."""
        return _signature(FASHION_MNIST)

    def load(self, seed: int) -> Dataset:
        """Training rows, then test rows, in file order for every seed."""
        return _load(FASHION_MNIST, CLOTHES)


def _signature(collection: Collection) -> Signature:
    train, _, test, _ = (file.shape for file in collection.files)
    rows, image = train[0] + test[0], train[1:]
    return Signature((image[0] * image[1],), 10, "classes", rows, test[0], image)


def _load(collection: Collection, class_names: tuple[str, ...]) -> Dataset:
    """Both parts of a collection joined. Raises DataError where a file is missing or wrong."""
    train_x, train_y, test_x, test_y = (cache.load(collection, file) for file in collection.files)
    hashes = "".join(file.sha256 for file in collection.files)
    return from_arrays(
        collection.name,
        np.concatenate([train_x, test_x]).reshape(-1, train_x[0].size),
        np.concatenate([train_y, test_y]),
        task="classes",
        sha256=hashlib.sha256(hashes.encode()).hexdigest(),
        class_names=class_names,
        image_shape=train_x.shape[1:],
        input_range=(0.0, 255.0),
        test_rows=len(test_y),
    )
