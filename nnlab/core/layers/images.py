"""Layers for images (B, h, w, c): windows that slide over them, convolution, pooling.

A window of (kh, kw) pixels moves by `stride` pixels over an image that may have a margin of zeros,
and stops at (h', w') places.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import isqrt
from typing import Annotated, Literal, NamedTuple

import numpy as np
from annotated_types import Ge, Gt, Len
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import DTypeLike

from nnlab.core.initializers import Initializer
from nnlab.core.layers.base import Layer, Parameter
from nnlab.core.types import Array, Shape, Views, size

Pixels = Annotated[int, Ge(1)]
Extent = Pixels | Annotated[tuple[Pixels, ...], Len(2, 2)]  # of both axes, or [height, width]
Padding = Literal["valid", "same"] | Annotated[int, Ge(0)]

PATCH_NUMBERS = 2**18  # of the windows that are copied at a time: 1 MiB in float32
MOST_PIXELS = 256  # of a window of max_pool, which takes as many passes over its places


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
    image, sizes, steps = f"the image of {shape[0]} x {shape[1]}", pair(kernel), pair(stride)
    axes = []  # of each: margins before and after, places
    for extent, side, step in zip(shape, sizes, steps, strict=False):
        before, after = margin(extent, side, step, padding)
        padded = extent + before + after
        if before >= side:
            raise ValueError(f"a padding of {before} is not smaller than the kernel, {side}")
        if side > padded:
            margins = f" with a margin of {before}" if before else ""
            raise ValueError(f"a window of {sizes[0]} x {sizes[1]} is larger than {image}{margins}")
        if side < padded <= step:
            raise ValueError(f"a stride of {step} leaves nothing of {image} but its first corner")
        axes.append((before, after, (padded - side) // step + 1))
    befores, afters, places = zip(*axes, strict=True)
    return Windows(sizes, steps, befores, afters, places)


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


@dataclass(frozen=True)
class Conv2d(Layer):
    """Every output pixel is an affine map of the window of pixels around it.

    y[o, q, f] = sum_ijc x[o s + i - margin, q s + j - margin, c] W[i, j, c, f] + b[f]

    x (B, h, w, c), y (B, h', w', f), W (kh, kw, c, f), b (f,). As everywhere in the field, this is
    a cross-correlation: W is not turned round.

    filters: how many maps f come out.
    kernel: the window's height and width; one number for both.
    stride: how far the window moves.
    padding: zeros around the image: a number; valid has none; same keeps h' = h / stride.
    freeze: true leaves the parameters as they are; see Frozen layers.
    """

    filters: Annotated[int, Gt(0)]
    kernel: Extent = 3
    stride: Extent = 1
    padding: Padding = "valid"
    bias: bool = True
    init: Initializer | None = None
    freeze: bool = False

    def windows(self, shape: Shape) -> Windows:
        """The places of the kernel on images of `shape`."""
        return slide(shape, self.kernel, self.stride, self.padding)

    def output_shape(self, shape: Shape) -> Shape:
        return (*self.windows(shape).places, self.filters)

    def parameters(self, shape: Shape) -> tuple[Parameter, ...]:
        windows, f = self.windows(shape), self.filters
        fans = (windows.area * shape[2], windows.area * f)
        weight = Parameter("weight", (*windows.kernel, shape[2], f), True, fans, self.init)
        return (weight, Parameter("bias", (f,))) if self.bias else (weight,)

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        windows = self.windows(x.shape[1:])
        correlate(padded(x, windows), p.weight, windows.stride, y)
        if self.bias:
            y += p.bias  # (f,)

    def backward(
        self, p: Views, g: Views, x: Array, y: Array, dy: Array, dx: Array | None, s: Views
    ) -> None:
        """dW = patches^T dy, db = sum dy; dx is a correlation of dy with W turned round.

        dx[u] = sum_i spread[u + i] W[k - 1 - i]^T, where spread (B, h + kh - 1, w + kw - 1, f) has
        dy at the last pixel that each window saw, and zeros between: o s + k - 1 - margin.
        """
        windows, (h, w), (kh, kw) = self.windows(x.shape[1:]), x.shape[1:3], p.weight.shape[:2]
        g.weight.fill(0)
        dweight = g.weight.reshape(-1, self.filters)  # (kh kw c, f), a view
        for rows, patches in patched(padded(x, windows), (kh, kw), windows.stride):
            dweight += patches.T @ dy[rows].reshape(-1, self.filters)
        if self.bias:
            np.sum(dy.reshape(-1, self.filters), axis=0, out=g.bias)  # (f,)
        if dx is not None:
            spread = np.zeros((len(x), h + kh - 1, w + kw - 1, self.filters), x.dtype)
            down, right = (
                windows.along(i, windows.kernel[i] - 1 - windows.before[i]) for i in (0, 1)
            )
            spread[:, down, right] = dy
            turned = p.weight[::-1, ::-1].transpose(0, 1, 3, 2)  # (kh, kw, f, c)
            correlate(spread, turned, (1, 1), dx)


def correlate(image: Array, weight: Array, stride: tuple[int, int], out: Array) -> None:
    """out (B, h', w', f): the products of all windows of images with weight (kh, kw, c, f)."""
    f = weight.shape[3]
    matrix = weight.reshape(-1, f)  # (kh kw c, f)
    for rows, patches in patched(image, weight.shape[:2], stride):
        np.matmul(patches, matrix, out=out[rows].reshape(-1, f))  # (n h' w', f)


def patched(
    image: Array, kernel: tuple[int, int], stride: tuple[int, int]
) -> Iterator[tuple[slice, Array]]:
    """Some rows of a batch at a time, with their windows as a matrix (n h' w', kh kw c).

    The matrix stays in the cache. A copy is fast in long stretches: the pixels of a window's row
    lie together, and where that is few numbers, column after column of the matrix is copied.
    """
    views = sliding_window_view(image, kernel, (1, 2))[:, :: stride[0], :: stride[1]]
    batch, down, right, c, kh, kw = views.shape
    numbers = down * right * kh * kw * c  # of an image
    by_rows = kw * c >= right
    some = max(1, PATCH_NUMBERS // max(numbers, 1))
    for start in range(0, batch, some):
        rows = slice(start, min(start + some, batch))
        if by_rows:
            patches = views[rows].transpose(0, 1, 2, 4, 5, 3).reshape(-1, kh * kw * c)
        else:
            patches = views[rows].transpose(4, 5, 3, 0, 1, 2).reshape(kh * kw * c, -1).T
        yield rows, patches


def padded(x: Array, windows: Windows) -> Array:
    """Images with their margin of zeros, (B, h + margins, w + margins, c)."""
    (top, left), (bottom, right) = windows.before, windows.after
    return np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))


@dataclass(frozen=True)
class Pooling(Layer):
    """Windows of images become numbers, (B, h, w, c) -> (B, h', w', c).

    size: the window's height and width; one number for both.
    stride: how far it moves, by default its own size. Pixels at the end that fill no window are
    left out.
    """

    size: Extent = 2
    stride: Extent | None = None

    def windows(self, shape: Shape) -> Windows:
        """The places of the windows on images of `shape`."""
        return slide(shape, self.size, self.size if self.stride is None else self.stride)

    def output_shape(self, shape: Shape) -> Shape:
        return (*self.windows(shape).places, shape[2])

    def flops(self, shape: Shape) -> int:
        """An operation per pixel of a window."""
        return self.windows(shape).area * size(self.output_shape(shape))


class MaxPool(Pooling):
    """The largest number of each window, of equals the first; (B, h, w, c) -> (B, h', w', c)."""

    def windows(self, shape: Shape) -> Windows:
        windows = super().windows(shape)
        if windows.area > MOST_PIXELS:
            raise ValueError(
                f"a window of {windows.area} pixels is too large; at most {MOST_PIXELS}"
            )
        return windows

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        y.fill(-np.inf)
        for rows, columns in self.windows(x.shape[1:]).pixels():
            np.maximum(y, x[:, rows, columns], out=y)  # (B, h', w', c)

    def derivative(self, x: Array, y: Array, dy: Array, dx: Array, s: Views) -> None:
        """dy goes to the first pixel that is as large as the largest."""
        dx.fill(0)
        waiting = np.ones(y.shape, np.bool_)  # (B, h', w', c): the largest is still to come
        for rows, columns in self.windows(x.shape[1:]).pixels():
            largest = waiting & (x[:, rows, columns] == y)
            dx[:, rows, columns] += dy * largest
            waiting &= ~largest


class AvgPool(Pooling):
    """The mean of each window; (B, h, w, c) -> (B, h', w', c)."""

    def scratch(self, shape: Shape, batch: int, dtype: DTypeLike) -> Views:
        return Views(share=np.zeros((batch, *self.output_shape(shape)), dtype))

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        windows = self.windows(x.shape[1:])
        y.fill(0)
        for rows, columns in windows.pixels():
            y += x[:, rows, columns]  # (B, h', w', c)
        y *= 1 / windows.area

    def derivative(self, x: Array, y: Array, dy: Array, dx: Array, s: Views) -> None:
        """Every pixel of a window gets its share of dy."""
        windows = self.windows(x.shape[1:])
        dx.fill(0)
        np.multiply(dy, 1 / windows.area, s.share)  # (B, h', w', c)
        for rows, columns in windows.pixels():
            dx[:, rows, columns] += s.share


@dataclass(frozen=True)
class GlobalAvgPool(Layer):
    """The mean of each channel over the whole image; (B, h, w, c) -> (B, c)."""

    def output_shape(self, shape: Shape) -> Shape:
        require_images(shape)
        return (shape[2],)

    def flops(self, shape: Shape) -> int:
        """An addition per number."""
        return size(shape)

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        np.sum(x, axis=(1, 2), out=y)
        y *= 1 / (x.shape[1] * x.shape[2])

    def derivative(self, x: Array, y: Array, dy: Array, dx: Array, s: Views) -> None:
        np.copyto(dx, dy[:, None, None])  # (B, 1, 1, c) to (B, h, w, c)
        dx *= 1 / (x.shape[1] * x.shape[2])
