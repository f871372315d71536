"""The handwritten digits of scikit-learn: as classes, or with several labels each."""

import gzip
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge, Le
from numpy.typing import NDArray

from nnlab.core.types import Array
from nnlab.data.dataset import Dataset, DataSource, Signature
from nnlab.data.scale import ScaleKind

DIGITS_ROWS = 1797
PROPERTIES = {
    "even": (0, 2, 4, 6, 8),
    "prime": (2, 3, 5, 7),
    "5 or more": (5, 6, 7, 8, 9),
    "loop": (0, 6, 8, 9),
}


@dataclass(frozen=True)
class Digits(DataSource):
    """The ten digits, or with `binary: b` two classes: label 1 where the digit is below b."""

    default_scale: ClassVar[ScaleKind] = "unit"

    binary: Annotated[int, Ge(1), Le(9)] | None = None

    def signature(self, seed: int) -> Signature:
        outputs = 10 if self.binary is None else 2
        return Signature((64,), outputs, "classes", DIGITS_ROWS, image=(8, 8))

    def load(self, seed: int) -> Dataset:
        pixels, digits = read_digits()
        labels: Array = digits
        names = tuple("0123456789")
        if self.binary is not None:
            labels = digits < self.binary
            names = (f"{self.binary} or more", f"below {self.binary}")
        return Dataset(
            "digits",
            pixels,
            labels,
            "classes",
            class_names=names,
            image_shape=(8, 8),
            input_range=(0.0, 16.0),
        )


@dataclass(frozen=True)
class DigitProperties(DataSource):
    """The ten digits with four labels each: even, prime, 5 or more, with a loop (0, 6, 8, 9)."""

    default_scale: ClassVar[ScaleKind] = "unit"

    def signature(self, seed: int) -> Signature:
        return Signature((64,), len(PROPERTIES), "multilabel", DIGITS_ROWS, image=(8, 8))

    def load(self, seed: int) -> Dataset:
        pixels, digits = read_digits()
        labels = np.stack([np.isin(digits, members) for members in PROPERTIES.values()], axis=1)
        return Dataset(
            "digit_properties",
            pixels,
            labels.astype(np.float64),
            "multilabel",
            target_names=tuple(PROPERTIES),
            image_shape=(8, 8),
            input_range=(0.0, 16.0),
        )


def read_digits() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Pixels (1797, 64) of 0 to 16 and digits (1797,), from scikit-learn's own file.

    Importing scikit-learn takes 0.8 s, 20 times as long as the usual training on this set, so
    nnlab reads the file itself and calls the loader only where the file has another place.
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
