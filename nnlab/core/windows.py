"""Windows that slide over images: where they stand, and views of what they see.

Images are (B, h, w, c), channels last. A window of (kh, kw) pixels moves by `stride` pixels over
an image that may have a margin of zeros, and stands in (h', w') places.
"""

from collections.abc import Iterator, Sequence
from math import isqrt
from typing import Annotated, Literal, NamedTuple

from annotated_types import Ge, Len
from numpy.lib.stride_tricks import as_strided

from nnlab.core.types import Array, Shape

Count = Annotated[int, Ge(1)]
Extent = Count | Annotated[tuple[Count, ...], Len(2, 2)]  # of both axes, or [height, width]
Padding = Literal["valid", "same"] | Annotated[int, Ge(0)]

NARROW = 10**6  # multiplications; OpenBLAS does such products without packing, in half the time
CACHE = 2**19  # numbers: a core's cache of 2 MiB in float32


class Windows(NamedTuple):
    """Along both axes (height, width): sizes, steps, margins before and after, places."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    before: tuple[int, int]
    after: tuple[int, int]
    places: tuple[int, int]

    @property
    def area(self) -> int:
        """Pixels of one window."""
        return self.kernel[0] * self.kernel[1]

    @property
    def padded(self) -> bool:
        """Whether there is a margin."""
        return any(self.before + self.after)

    def of(self, x: Array) -> Array:
        """A read-only view (B, h', w', kh, kw, c) of images x (B, h, w, c), margins included."""
        b, y, x_, c = x.strides
        shape = (len(x), *self.places, *self.kernel, x.shape[3])
        steps = (b, y * self.stride[0], x_ * self.stride[1], y, x_, c)
        return as_strided(x, shape, steps, writeable=False)

    def pixels(self) -> Iterator[tuple[slice, slice]]:
        """For each pixel of a window, row by row, where it lies in all places at once."""
        for i in range(self.kernel[0]):
            for j in range(self.kernel[1]):
                yield self.along(0, i), self.along(1, j)

    def along(self, axis: int, first: int) -> slice:
        """Where the windows' pixel `first` lies along one axis."""
        step = self.stride[axis]
        return slice(first, first + (self.places[axis] - 1) * step + 1, step)


def slide(shape: Shape, kernel: Extent, stride: Extent, padding: Padding = "valid") -> Windows:
    """Where the windows stand on images of `shape` (h, w, c).

    "same" gives ceil(h / stride) places, with the odd pixel of margin after the image. Raises
    ValueError for what is no image, a window larger than it, or a margin as wide as the window.
    """
    require_images(shape)
    sizes, steps = pair(kernel), pair(stride)
    margins = [margin(*one, padding) for one in zip(shape, sizes, steps, strict=False)]
    places = []
    for axis, (extent, size, step) in enumerate(zip(shape, sizes, steps, strict=False)):
        before, after = margins[axis]
        whole = extent + before + after
        if before >= size:
            raise ValueError(f"a padding of {before} is not smaller than the kernel, {size}")
        if size > whole:
            raise ValueError(
                f"a window of {sizes[0]} x {sizes[1]} is larger than the image of "
                f"{shape[0]} x {shape[1]}" + (f" with a margin of {before}" if before else "")
            )
        places.append((whole - size) // step + 1)
        if size < whole <= step:
            raise ValueError(
                f"a stride of {step} leaves nothing of the image of {shape[0]} x {shape[1]} "
                "but its first corner"
            )
    (top, bottom), (left, right) = margins
    return Windows(sizes, steps, (top, left), (bottom, right), (places[0], places[1]))


def require_images(shape: Shape) -> None:
    """Raise ValueError, saying what should stand before the layer, where rows are no images."""
    if len(shape) == 3:
        return
    if len(shape) == 2:
        wanted = f"[{shape[0]}, {shape[1]}, 1]"
    elif len(shape) == 1 and (side := isqrt(shape[0])) ** 2 == shape[0] and side > 1:
        wanted = f"[{side}, {side}, 1]"
    else:
        wanted = "[height, width, channels]"
    raise ValueError(
        f"it takes images (height, width, channels); put `reshape: {wanted}` before it"
    )


def margin(extent: int, size: int, step: int, padding: Padding) -> tuple[int, int]:
    """Zeros before and after along one axis."""
    if padding == "valid":
        return 0, 0
    if padding == "same":
        total = max((-(-extent // step) - 1) * step + size - extent, 0)
        return total // 2, total - total // 2
    if isinstance(padding, int) and padding >= 0:
        return padding, padding
    raise ValueError(f"padding is valid, same, or a number >= 0, not {padding!r}")


def pair(extent: Extent) -> tuple[int, int]:
    """(height, width); ValueError for what is no extent."""
    height, width = (extent, extent) if isinstance(extent, int) else _two(extent)
    if min(height, width) < 1:
        raise ValueError(f"a kernel, a size or a stride is 1 or more, not {min(height, width)}")
    return height, width


def _two(extent: Sequence[int]) -> tuple[int, int]:
    if len(extent) != 2:
        raise ValueError(f"height and width are two numbers, not {len(extent)}")
    return extent[0], extent[1]


def portions(batch: int, most: int) -> Iterator[slice]:
    """Slices of at most `most` rows that go through a batch."""
    for start in range(0, batch, most):
        yield slice(start, min(start + most, batch))


def images(batch: int, numbers: int) -> int:
    """How many images of so many numbers are worked on at a time: they should stay in the cache."""
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


def zero_uncovered(dx: Array, windows: Windows) -> None:
    """Set to 0 the last rows and columns of dx (B, h, w, c) that no window reaches."""
    ends = [
        (places - 1) * step + size
        for places, step, size in zip(windows.places, windows.stride, windows.kernel, strict=True)
    ]
    dx[:, ends[0] :] = 0
    dx[:, :, ends[1] :] = 0


def apart(windows: Windows) -> bool:
    """Whether windows stand side by side, so that each pixel is in one of them at most."""
    return windows.stride == windows.kernel
