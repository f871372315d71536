"""The convolution of images."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Gt

from nnlab.core.initializers import Initializer
from nnlab.core.layers.base import Layer
from nnlab.core.memory import Parameter, Scratch
from nnlab.core.types import Array, Shape, Views
from nnlab.core.windows import NARROW, Extent, Padding, Windows, images, portions, slide, stacked


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

    The windows of a few images at a time are copied side by side into a matrix that stays in the
    cache, and matrix products do the rest. A last column of ones is for the bias.
    """

    filters: Annotated[int, Gt(0)]
    kernel: Extent = 3
    stride: Extent = 1
    padding: Padding = "valid"
    bias: bool = True
    init: Initializer | None = None

    def windows(self, shape: Shape) -> Windows:
        """Where the kernel stands on images of `shape`."""
        return slide(shape, self.kernel, self.stride, self.padding)

    def output_shape(self, shape: Shape) -> Shape:
        """(h', w', f); ValueError for rows that are no images, or images that are too small."""
        return (*self.windows(shape).places, self.filters)

    def parameters(self, shape: Shape) -> tuple[Parameter, ...]:
        """weight (kh, kw, c, f), and bias (f,) unless it is false."""
        windows, f = self.windows(shape), self.filters
        fans = (windows.area * shape[2], windows.area * f)
        weight = Parameter("weight", (*windows.kernel, shape[2], f), True, fans, self.init)
        return (weight, Parameter("bias", (f,))) if self.bias else (weight,)

    def scratch(self, shape: Shape, batch: int) -> Mapping[str, Scratch]:
        """Patches and margins of a few images, and weights as matrices."""
        windows, f = self.windows(shape), self.filters
        (h, w, c), (kh, kw) = shape, windows.kernel
        inputs = windows.area * c + self.bias
        places = windows.places[0] * windows.places[1]
        n = images(batch, places * (inputs + f))
        stack = n if places * inputs * f <= NARROW else 1
        patches = (inputs, n, *windows.places) if c == 1 else (n, *windows.places, inputs)
        (top, left), (bottom, right) = windows.before, windows.after
        margins = (n, top + h + bottom, left + w + right, c)
        back = images(batch, h * w * (windows.area * f + c))
        return {
            "patches": Scratch(patches, fill=1.0),
            "padded": Scratch(margins if windows.padded else ()),
            "matrix": Scratch((inputs, f)),
            "products": Scratch((stack, inputs, f)),
            "total": Scratch((inputs, f)),
            "sum": Scratch((inputs, f)),
            "spread": Scratch((back, h + kh - 1, w + kw - 1, f)),
            "around": Scratch((back, h, w, kh, kw, f)),
            "turned": Scratch((kh, kw, f, c)),
        }

    def flops(self, shape: Shape) -> int:
        """kh kw c multiplications and additions an output number."""
        windows = self.windows(shape)
        return 2 * windows.area * shape[2] * self.filters * windows.places[0] * windows.places[1]

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        """y = patches [W; b], some images at a time."""
        matrix = p.weight.reshape(-1, self.filters)
        if self.bias:
            s.matrix[:-1], s.matrix[-1] = matrix, p.bias
            matrix = s.matrix
        patches = _Patches(self.windows(x.shape[1:]), x, s)
        for rows in portions(len(x), patches.most):
            stack = stacked(patches.gathered(rows), rows, matrix.size)
            np.matmul(stack, matrix, out=y[rows].reshape(*stack.shape[:2], -1))

    def backward(
        self, p: Views, g: Views, x: Array, y: Array, dy: Array, dx: Array | None, s: Views
    ) -> None:
        """[dW; db] = patches^T dy. Gathering the patches again takes less than keeping them."""
        windows = self.windows(x.shape[1:])
        patches = _Patches(windows, x, s)
        s.total.fill(0)
        for rows in portions(len(x), patches.most):
            stack = stacked(patches.gathered(rows), rows, s.total.size)
            products = s.products[: len(stack)]
            slopes = dy[rows].reshape(*stack.shape[:2], -1)
            np.matmul(stack.transpose(0, 2, 1), slopes, out=products)
            np.add.reduce(products, axis=0, out=s.sum)
            np.add(s.total, s.sum, s.total)
        np.copyto(g.weight, s.total[: windows.area * x.shape[3]].reshape(g.weight.shape))
        if self.bias:
            np.copyto(g.bias, s.total[-1])
        if dx is not None:
            self.pass_back(windows, p.weight, dy, dx, s)

    def pass_back(self, windows: Windows, weight: Array, dy: Array, dx: Array, s: Views) -> None:
        """dx, gathered as well: a convolution of dy with the weights turned round.

        dy is spread out by the stride, with zeros between and around, so that the windows that
        hold an input pixel lie around it.
        """
        (kh, kw), c = windows.kernel, dx.shape[3]
        np.copyto(s.turned, weight[::-1, ::-1].transpose(0, 1, 3, 2))
        turned = s.turned.reshape(-1, c)
        first = kh - 1 - windows.before[0], kw - 1 - windows.before[1]
        at = windows.along(0, first[0]), windows.along(1, first[1])
        seen = Windows((kh, kw), (1, 1), (0, 0), (0, 0), dx.shape[1:3]).of(s.spread)
        for rows in portions(len(dx), len(s.spread)):
            count = rows.stop - rows.start
            np.copyto(s.spread[:count, at[0], at[1]], dy[rows])
            np.copyto(s.around[:count], seen[:count])
            around = s.around[:count].reshape(-1, len(turned))
            stack = stacked(around, rows, turned.size)
            np.matmul(stack, turned, out=dx[rows].reshape(*stack.shape[:2], c))


class _Patches:
    """The windows of images as the rows of a matrix (images h' w', kh kw c and a one).

    With one channel the matrix is filled column by column: a pixel of the window, in all places,
    is a picture with long rows, while a window has short ones.
    """

    def __init__(self, windows: Windows, x: Array, s: Views) -> None:
        self.windows, self.x, self.padded = windows, x, s.padded
        self.columns = x.shape[3] == 1
        size = windows.area * x.shape[3]
        self.matrix = s.patches
        if self.columns:
            self.most = s.patches.shape[1]
            pixels = s.patches[:size].reshape(*windows.kernel, 1, *s.patches.shape[1:])
            self.room = pixels.transpose(3, 4, 5, 0, 1, 2)
        else:
            self.most = len(s.patches)
            self.room = s.patches[..., :size].reshape(
                *s.patches.shape[:3], *windows.kernel, x.shape[3]
            )
        self.seen = windows.of(s.padded if windows.padded else x)

    def gathered(self, rows: slice) -> Array:
        """The matrix of these images."""
        count = rows.stop - rows.start
        if self.windows.padded:
            (top, left), (_, h, w, _) = self.windows.before, self.x.shape
            np.copyto(self.padded[:count, top : top + h, left : left + w], self.x[rows])
            rows = slice(0, count)
        np.copyto(self.room[:count], self.seen[rows])
        if self.columns:
            return self.matrix[:, :count].reshape(len(self.matrix), -1).T
        return self.matrix[:count].reshape(-1, self.matrix.shape[-1])
