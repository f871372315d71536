"""scikit-learn's handwritten digits: 1,797 pictures of 8 x 8 pixels with values 0 to 16."""

import gzip
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import numpy as np
from annotated_types import Ge, Le
from numpy.typing import NDArray

from nnlab.data.dataset import Dataset, Signature, from_arrays

ROWS = 1797


@dataclass(frozen=True)
class Digits:
    """The ten digits; or with `binary: b` two classes, label 1 where the digit is below b."""

    binary: Annotated[int, Ge(1), Le(9)] | None = None

    def signature(self, seed: int) -> Signature:
        """64 pixels, ten classes or two."""
        outputs = 10 if self.binary is None else 2
        return Signature((64,), outputs, "classes", ROWS, image=(8, 8))

    def load(self, seed: int) -> Dataset:
        """The same rows in scikit-learn's order for every seed."""
        pixels, digits = read()
        labels: NDArray[np.generic] = digits
        names = tuple("0123456789")
        if self.binary is not None:
            labels = digits < self.binary
            names = (f"{self.binary} or more", f"below {self.binary}")
        return from_arrays(
            "digits",
            pixels,
            labels,
            task="classes",
            class_names=names,
            image_shape=(8, 8),
            input_range=(0.0, 16.0),
        )


def read() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Pixels (1797, 64) and digits (1797,), from the file inside the scikit-learn package.

    Importing scikit-learn takes 0.8 s, 20 times as long as the usual training on this set; so its
    loader is asked only where the file is not in its place.
    """
    spec = find_spec("sklearn")  # finds the package and does not import it
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        path = Path(folder) / "datasets" / "data" / "digits.csv.gz"
        if path.is_file():
            with gzip.open(path, "rt", encoding="ascii") as file:
                table = np.loadtxt(file, delimiter=",", dtype=np.int64)
            return table[:, :-1].astype(np.uint8), table[:, -1]
    from sklearn.datasets import load_digits

    pixels, digits = load_digits(return_X_y=True)
    return pixels.astype(np.uint8), digits
