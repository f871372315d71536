"""scikit-learn's handwritten digits: 1,797 pictures of 8 x 8 pixels with values 0 to 16."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge, Le

from nnlab.data.dataset import Dataset, Signature, from_arrays

ROWS = 1797


@dataclass(frozen=True)
class Digits:
    """The ten digits; or with `binary: b` two classes, label 1 where the digit is below b."""

    binary: Annotated[int, Ge(1), Le(9)] | None = None

    def signature(self, seed: int) -> Signature:
        """64 pixels, ten classes or two."""
        return Signature((64,), 10 if self.binary is None else 2, "classes", ROWS)

    def load(self, seed: int) -> Dataset:
        """The same rows in scikit-learn's order for every seed."""
        from sklearn.datasets import load_digits

        pixels, digits = load_digits(return_X_y=True)
        labels, names = digits, tuple("0123456789")
        if self.binary is not None:
            labels = digits < self.binary
            names = (f"{self.binary} or more", f"below {self.binary}")
        return from_arrays(
            "digits",
            pixels.astype(np.uint8),
            labels,
            task="classes",
            class_names=names,
            image_shape=(8, 8),
            input_range=(0.0, 16.0),
        )
