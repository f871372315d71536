"""Some images of a batch at a time, so that what is computed stays in a core's cache."""

from collections.abc import Iterator

from nnlab.core.types import Array

NARROW = 10**6  # multiplications; OpenBLAS does such products without packing, in half the time
CACHE = 2**19  # numbers: a core's cache of 2 MiB in float32


def portions(batch: int, most: int) -> Iterator[slice]:
    """Slices of at most `most` rows that cover a batch."""
    for start in range(0, batch, most):
        yield slice(start, min(start + most, batch))


def images_per_portion(batch: int, numbers: int) -> int:
    """The number of images that fit into the cache, with so many numbers per image."""
    return max(1, min(batch, CACHE // max(numbers, 1)))


def stacked(matrix: Array, rows: slice, numbers: int) -> Array:
    """The rows of some images (N, K) as a stack (S, N / S, K), for products with so many numbers.

    As few and equal matrices as there can be with products that are NARROW; one where those of a
    single image are not.
    """
    count = rows.stop - rows.start
    places = len(matrix) // max(count, 1)
    if places * numbers > NARROW:
        return matrix[None]
    pieces = -(-places * count * numbers // NARROW)
    while count % pieces:
        pieces += 1
    # A product of the stack takes rows that follow each other, also where they are columns.
    return matrix.T.reshape(matrix.shape[1], pieces, -1).transpose(1, 2, 0)
