"""Windows that slide over images (B, h, w, c), and the places where they stop.

A window of (kh, kw) pixels moves by `stride` pixels over an image that may have a margin of zeros,
and stops at (h', w') places.
"""

from collections.abc import Iterator
from math import isqrt
from typing import Annotated, Literal, NamedTuple

from annotated_types import Ge, Len

from nnlab.core.types import Shape

Count = Annotated[int, Ge(1)]
Extent = Count | Annotated[tuple[Count, ...], Len(2, 2)]  # of both axes, or [height, width]
Padding = Literal["valid", "same"] | Annotated[int, Ge(0)]


class Windows(NamedTuple):
    """Along both axes (height, width): sizes, steps, margins before and after, places."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    before: tuple[int, int]
    after: tuple[int, int]
    places: tuple[int, int]

    @property
    def area(self) -> int:
        """Pixels of a window."""
        return self.kernel[0] * self.kernel[1]

    def pixels(self) -> Iterator[tuple[slice, slice]]:
        """For each pixel of a window, row by row: its rows and columns in all windows at once.

        `x[:, rows, columns]` is (B, h', w', c): this pixel of every window.
        """
        for i in range(self.kernel[0]):
            for j in range(self.kernel[1]):
                yield self.along(0, i), self.along(1, j)

    def along(self, axis: int, first: int) -> slice:
        """The positions of pixel `first` of all windows along an axis."""
        step = self.stride[axis]
        return slice(first, first + (self.places[axis] - 1) * step + 1, step)


def slide(shape: Shape, kernel: Extent, stride: Extent, padding: Padding = "valid") -> Windows:
    """The windows on images of `shape` (h, w, c).

    "same" gives ceil(h / stride) places, with the odd pixel of margin after the image. Raises
    ValueError for what is no image, a window larger than it, or a margin as wide as the window.
    """
    require_images(shape)
    sizes, steps = pair(kernel), pair(stride)
    margins = [margin(*axis, padding) for axis in zip(shape, sizes, steps, strict=False)]
    places = []
    for axis, (extent, size, step) in enumerate(zip(shape, sizes, steps, strict=False)):
        before, after = margins[axis]
        padded = extent + before + after
        if before >= size:
            raise ValueError(f"a padding of {before} is not smaller than the kernel, {size}")
        if size > padded:
            raise ValueError(
                f"a window of {sizes[0]} x {sizes[1]} is larger than the image of "
                f"{shape[0]} x {shape[1]}" + (f" with a margin of {before}" if before else "")
            )
        if size < padded <= step:
            raise ValueError(
                f"a stride of {step} leaves nothing of the image of {shape[0]} x {shape[1]} "
                "but its first corner"
            )
        places.append((padded - size) // step + 1)
    (top, bottom), (left, right) = margins
    return Windows(sizes, steps, (top, left), (bottom, right), (places[0], places[1]))


def require_images(shape: Shape) -> None:
    """Raise ValueError where rows are no images; it says which layer to put before."""
    if len(shape) == 3:
        return
    wanted = "[height, width, channels]"
    if len(shape) == 2:
        wanted = f"[{shape[0]}, {shape[1]}, 1]"
    elif len(shape) == 1 and (side := isqrt(shape[0])) ** 2 == shape[0] and side > 1:
        wanted = f"[{side}, {side}, 1]"
    raise ValueError(
        f"it takes images (height, width, channels); put `reshape: {wanted}` before it"
    )


def margin(extent: int, size: int, step: int, padding: Padding) -> tuple[int, int]:
    """Zeros before and after along an axis."""
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
    sides = (extent, extent) if isinstance(extent, int) else extent
    if len(sides) != 2:
        raise ValueError(f"height and width are two numbers, not {len(sides)}")
    if min(sides) < 1:
        raise ValueError(f"a kernel, a size or a stride is 1 or more, not {min(sides)}")
    return sides[0], sides[1]
