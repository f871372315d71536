"""The rows that the workloads train on: made here, from scikit-learn, or read from the image files.

MNIST and Fashion-MNIST are read from `$NNLAB_DATA_DIR` (default `../shared/data`). Where a file
is missing, random rows with the same share of zeros stand in, and `Rows.note` says so. Without
scikit-learn the digits are a stand-in too.
"""

import gzip
import importlib.util
import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nnlab.core.types import Array


@dataclass(frozen=True, eq=False)
class Rows:
    """Inputs (N, n), uint8 for images, and targets (N, m), labels as one-hot rows.

    `note` says so if they are not the real ones.
    """

    inputs: Array
    targets: Array
    note: str = ""


def identity(count: int) -> Rows:
    """The eight one-hot rows, which are their own targets."""
    return Rows(np.eye(8)[:count], np.eye(8)[:count])


def xor(count: int) -> Rows:
    """The 21 points of two crossing lines; the label says on which line a point lies."""
    steps = [i / 10 for i in range(11)]
    points = [(a, a, 0.0) for a in steps] + [(a, 1 - a, 1.0) for a in steps if a != 0.5]
    table = np.array(points[:count])
    return Rows(table[:, :2], table[:, 2:])


def digits(count: int) -> Rows:
    """The first 898 of the 8 x 8 digits, standardized; label: is the digit below 5."""
    count = min(count, 898)
    if importlib.util.find_spec("sklearn") is None:
        return _stand_in("digits", (count, 64, 1), zeros=0.49)
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    images, labels = images[:count], labels[:count]
    return Rows((images - images.mean()) / images.std(), (labels < 5)[:, None].astype(float))


def mnist(count: int) -> Rows:
    """Training images of MNIST, of which there are 60,000."""
    return _images("mnist", count, zeros=0.81)


def fashion_mnist(count: int) -> Rows:
    """Training images of Fashion-MNIST, of which there are 60,000."""
    return _images("fashion-mnist", count, zeros=0.50)


def textbook(count: int) -> Rows:
    """100 rows of normal numbers, 10 in and 5 out."""
    rng = np.random.default_rng(1)
    inputs, targets = rng.standard_normal((100, 10)), rng.standard_normal((100, 5))
    return Rows(inputs[:count], targets[:count])


def _images(name: str, count: int, zeros: float) -> Rows:
    count = min(count, 60_000)
    folder = Path(os.environ.get("NNLAB_DATA_DIR", "../shared/data")) / name
    try:
        pixels = _read(folder / "train-images-idx3-ubyte.gz", 16, count * 784).reshape(-1, 784)
        labels = _read(folder / "train-labels-idx1-ubyte.gz", 8, count)
    except FileNotFoundError:
        made = _stand_in(name, (count, 784, 10), zeros)
        return replace(made, inputs=np.ceil(made.inputs * 255).astype(np.uint8))
    return Rows(pixels, np.eye(10)[labels])


def _read(path: Path, header: int, count: int) -> NDArray[np.uint8]:
    """The first `count` numbers behind the header."""
    with gzip.open(path) as file:
        return np.frombuffer(file.read(header + count), np.uint8, offset=header)


def _stand_in(name: str, shape: tuple[int, int, int], zeros: float) -> Rows:
    """N rows of n uniform inputs, of which the share `zeros` is 0, with random labels of m."""
    count, n, m = shape
    rng = np.random.default_rng(2)
    inputs = rng.random((count, n))
    inputs[rng.random((count, n)) < zeros] = 0.0
    labels = rng.integers(0, max(m, 2), count)
    targets = labels[:, None].astype(float) if m == 1 else np.eye(m)[labels]
    return Rows(inputs, targets, f"random stand-in for {name}")
