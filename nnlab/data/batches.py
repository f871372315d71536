"""Parts of a data set, gathered in chunks of batches for training.

A chunk is a few batches gathered at once into the same memory; the batches are views of it. For a
small network one gather per chunk is far cheaper than one per batch, and a chunk of 512 KiB is
still in the cache when its batches are used.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from nnlab.core.types import Array, FloatArray, IntArray
from nnlab.data.augment import Augmenter
from nnlab.data.scale import Scaling
from nnlab.errors import DataError

CHUNK_BYTES = 512 * 1024
CHUNK_BATCHES = 1024


class Part:
    """The rows of a part in the network's dtype: x (N, n), t (N, m).

    Images stay uint8 in the data set's array and are converted as they are gathered; other inputs
    are scaled once, here. `targets` are those of the part's rows alone, and so are `weights` (N,),
    which the losses of the rows are multiplied by. `augmenter` changes training batches.
    """

    def __init__(
        self,
        inputs: Array,
        rows: IntArray,
        scaling: Scaling,
        targets: FloatArray,
        dtype: DTypeLike,
        augmenter: Augmenter | None = None,
        weights: FloatArray | None = None,
    ) -> None:
        self.dtype = np.dtype(dtype)
        self.weights: Array | None = None  # (N, 1)
        if weights is not None:
            self.weights = as_dtype(weights[:, None], self.dtype, "weight")
        self.augmenter = augmenter
        self.rows = rows
        self.scaling = scaling
        self.lazy = inputs.dtype == np.uint8
        self.targets = as_dtype(targets, self.dtype, "target")
        self.inputs = inputs
        if not self.lazy:
            self.inputs = as_dtype(scaling.apply(inputs[rows]), self.dtype, "input")
        self.shift = scaling.shift.astype(self.dtype)
        self.factor = scaling.factor.astype(self.dtype)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def row(self) -> tuple[int, ...]:
        """The shape of a row: (n,), or that of an image passed to `nnlab.fit`."""
        return self.inputs.shape[1:]

    def gather(self, which: IntArray | slice, x: Array, t: Array, raw: Array) -> None:
        """Fill x (B, n) and t (B, m) with the chosen rows; raw (B, n) is uint8 scratch."""
        if isinstance(which, slice):
            t[...] = self.targets[which]
        else:
            self.targets.take(which, 0, t, "clip")  # "clip" writes into t without a copy
        if self.lazy:
            self.inputs.take(self.rows[which], 0, raw, "clip")
            if self.shift.any():
                np.subtract(raw, self.shift, x)
                np.multiply(x, self.factor, x)
            else:
                np.multiply(raw, self.factor, x)
        elif isinstance(which, slice):
            x[...] = self.inputs[which]
        else:
            self.inputs.take(which, 0, x, "clip")

    def copied(self, which: IntArray | slice) -> tuple[Array, Array]:
        """The chosen rows x (B, n), t (B, m) in new arrays."""
        count = len(self.rows[which])
        x = np.empty((count, *self.row), self.dtype)
        t = np.empty((count, self.targets.shape[1]), self.dtype)
        self.gather(which, x, t, np.empty(x.shape if self.lazy else (0, 0), np.uint8))
        return x, t


def as_dtype(array: FloatArray, dtype: np.dtype[Any], what: str) -> Array:
    """The array in `dtype`, C-contiguous; DataError where a finite number becomes infinite."""
    with np.errstate(over="ignore"):
        converted = np.ascontiguousarray(array, dtype)
    if np.isinf(converted).any() and np.isfinite(array).all():
        raise DataError(f"The {what}s hold a number too large for {dtype}; set dtype: float64.")
    return converted


@dataclass(frozen=True)
class Chunk:
    """Consecutive batches of an epoch; all have `batch` rows. x and t hold their rows together.

    ws: the weights (B, 1) of each batch's rows; () where all count equally.
    """

    first: int  # number of the first batch within the epoch
    batch: int
    x: Array
    t: Array
    xs: list[Array]
    ts: list[Array]
    ws: Sequence[Array]


class Batches:
    """Walks a part in batches of `batch` rows, chunk by chunk, through the same memory.

    The last batch is shorter where the rows do not divide, or left out with `drop_last`.
    """

    def __init__(
        self, part: Part, batch: int, drop_last: bool = False, most: int | None = None
    ) -> None:
        """`most`: batches in a chunk, where fewer are wanted than is fast."""
        self.part = part
        self.batch = min(batch, len(part))
        self.full, rest = divmod(len(part), self.batch)
        self.rest = 0 if drop_last else rest
        self.count = self.full + (self.rest > 0)
        row_bytes = (math.prod(part.row) + part.targets.shape[1]) * part.dtype.itemsize
        fitting = CHUNK_BYTES // (self.batch * row_bytes)
        self.per_chunk = max(1, min(fitting, self.full, most or CHUNK_BATCHES))
        rows = self.per_chunk * self.batch
        self.x = np.empty((rows, *part.row), part.dtype)
        self.t = np.empty((rows, part.targets.shape[1]), part.dtype)
        self.raw = np.empty(self.x.shape if part.lazy else (0, 0), np.uint8)
        starts = range(0, rows, self.batch)
        self.xs = [self.x[start : start + self.batch] for start in starts]
        self.ts = [self.t[start : start + self.batch] for start in starts]
        self.resident: Chunk | None = None  # the only chunk, if it is the same every epoch

    def epoch(
        self, order: IntArray | None, first: int = 0, augment_epoch: int | None = None
    ) -> Iterator[Chunk]:
        """The chunks of an epoch from batch `first` on, in `order` (N,) or the part's order.

        `augment_epoch` is the number of the epoch, from 0, if the rows are for training; None means
        no augmentation.
        """
        if order is None and self.resident is not None and first == 0:
            yield self.resident
            return
        for start in range(first, self.full, self.per_chunk):
            chunk = self._chunk(order, start, min(self.per_chunk, self.full - start), self.batch)
            whole = order is None and len(chunk.xs) == self.count
            yield self._augmented(chunk, augment_epoch, whole)
        if self.rest and first < self.count:
            yield self._augmented(self._chunk(order, self.full, 1, self.rest), augment_epoch)

    def _augmented(self, chunk: Chunk, epoch: int | None, whole: bool = False) -> Chunk:
        """The chunk; in training its batches are augmented in place, else a whole epoch stays."""
        augmented = epoch is not None and self.part.augmenter is not None
        self.resident = chunk if whole and not augmented else None
        if epoch is not None and self.part.augmenter is not None:
            for number, x in enumerate(chunk.xs, epoch * self.count + chunk.first):
                self.part.augmenter(x, number)
        return chunk

    def single(self, order: IntArray | None, number: int, epoch: int) -> Chunk:
        """Batch `number` of an epoch, for training."""
        rows = self.batch if number < self.full else self.rest
        return self._augmented(self._chunk(order, number, 1, rows), epoch)

    def changed(
        self, orders: Sequence[IntArray | None], first: int, epoch: int, updates: int
    ) -> Array:
        """The augmented rows (R, n) of some updates, from batch `first` of `epoch` on.

        `orders` has an order for each of the epochs that they touch.
        """
        chunks = chain.from_iterable(
            self.epoch(order, first if i == 0 else 0, epoch + i) for i, order in enumerate(orders)
        )
        xs = chain.from_iterable(chunk.xs for chunk in chunks)
        rows, end = np.empty((updates * self.batch, *self.part.row), self.part.dtype), 0
        for x in islice(xs, updates):
            rows[end : end + len(x)] = x
            end += len(x)
        return rows[:end]

    def _chunk(self, order: IntArray | None, first: int, batches: int, batch: int) -> Chunk:
        start = first * self.batch
        rows = batches * batch
        span = slice(start, start + rows)
        x, t, raw = self.x[:rows], self.t[:rows], self.raw[:rows]
        which = span if order is None else order[span]
        self.part.gather(which, x, t, raw)
        ws: Sequence[Array] = ()
        if self.part.weights is not None:
            ws = np.split(self.part.weights[which], batches)
        if batch < self.batch:
            return Chunk(first, batch, x, t, [x], [t], ws)
        return Chunk(first, batch, x, t, self.xs[:batches], self.ts[:batches], ws)
